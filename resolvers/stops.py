"""
Stopping: every use of somebody's data ends in one act, and the person is kept out for good.

The stop register of the vault waits for its entry as everything there does: what is put into it counts
from the entry on, and is dropped at a later start when the entry never came.

No key of an entry is made of an address: whoever has every address there is could find it again. A
visitor's is made of what is random (the vault's reference, the link), a desk's of the key that the house
gave, in which the desk refuses an address.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from sqlalchemy.engine import Connection

from consent_ledger.canonical import Json
from consent_ledger.consent_states import ConsentState
from consent_ledger.database import reading
from consent_ledger.entry import Draft, EntryType
from consent_ledger.ledger_rows import recorded
from consent_ledger.log import Rider
from consent_ledger.permit import Permit, Refusal, Write
from consent_ledger.question import consent_question, own_act_question
from consent_ledger.reasons import EXPLAINED
from consent_ledger.standing import Said, record, stand
from consent_ledger.vault import Vault, VaultRefused
from consent_ledger.vocabulary import (
    ClientKind,
    ConsentAct,
    ConsentChannel,
    LawfulBasis,
    PartyId,
    PersonRef,
    Position,
)
from resolvers.consent import Decision
from resolvers.gate import Inquiry, Receipt, entry_key

_STANDS = frozenset({ConsentState.WITHDRAWN, ConsentState.REFUSED})


class PersonRefused(Exception):
    """It cannot be done for this person. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def stop_everything(
    ask: Inquiry,
    persons: frozenset[tuple[PartyId, PersonRef]],
    *,
    identifier: str | None,
    key: str,
    link_of: PartyId | None = None,
) -> tuple[Receipt, ...]:
    """
    End every use of these persons' data, and with `identifier` keep the person out everywhere, for good.

    For each purpose with a basis at the house: withdrawn where that is consent, objected elsewhere; what
    stands so already is left. All in one transaction, effective from the next request on. Repeatable: the
    same key gives the same receipts. `link_of` is sealed with each: the house that made the link by which
    it was said. Raises `PersonRefused` when the caller may not act for a person.
    """
    acts = [
        _Act(permit, person, basis, entry_key("stop", ask, f"{person}\0{permit.purpose}\0{key}"))
        for controller, person in sorted(persons)
        for permit, basis in _uses(ask, controller, person)
    ]
    register = register_key(ask, key)
    earlier = receipts(ask, [*(act.under for act in acts), register])
    fresh = _unsaid(ask, [act for act in acts if act.under not in earlier])
    drafts: list[tuple[Draft, Rider | None]] = [*_drafts(ask, fresh, link_of)]
    if identifier is not None and register not in earlier:
        drafts.extend(keeping_out(ask, identifier, register))
    done = dict(zip((draft.idem for draft, _ in drafts), ask.house.ledger.append_all(drafts), strict=True))
    if register in done or register in earlier:
        ask.house.vault.settle(register)
    told = earlier | {under: Receipt.of(one) for under, one in done.items()}
    return tuple(sorted(told.values(), key=lambda receipt: receipt.position))


@dataclass(frozen=True, slots=True)
class _Act:
    """One use that is to end."""

    permit: Permit[Write]
    person: PersonRef
    basis: LawfulBasis
    under: str

    def decision(self, channel: ConsentChannel) -> Decision:
        act = ConsentAct.WITHDRAWN if self.basis is LawfulBasis.CONSENT else ConsentAct.OBJECTED
        return Decision(self.permit.controller, self.permit.purpose, act, "", channel)


def _uses(
    ask: Inquiry, controller: PartyId, person: PersonRef
) -> Iterator[tuple[Permit[Write], LawfulBasis]]:
    """Each purpose for which the house says that it may use data, with a permit to end that for this person."""
    bases = {
        purpose: recorded.basis
        for (party, purpose), recorded in ask.snapshot.state.bases.items()
        if party == controller
    }
    for purpose in sorted(bases):
        if ask.caller.kind is ClientKind.VISITOR:
            permit = ask.ask(own_act_question(controller, person, purpose))
        else:
            permit = ask.ask(consent_question(controller, purpose))
        if isinstance(permit, Refusal):
            raise PersonRefused(permit.reason.value, EXPLAINED[permit.reason].sentence.en)
        yield permit, bases[purpose]


def _unsaid(ask: Inquiry, acts: Sequence[_Act]) -> list[_Act]:
    """Those that do not stand so already, by what is recorded now."""
    with reading(ask.house.engine) as connection:
        return [act for act in acts if stand(act.permit, connection, act.person).state not in _STANDS]


def _drafts(ask: Inquiry, acts: Sequence[_Act], link_of: PartyId | None) -> Iterator[tuple[Draft, Rider]]:
    """The entries of these acts. What was said is in the vault before, durable, inert without its entry."""
    channel = ConsentChannel.MAIL if ask.caller.kind is ClientKind.VISITOR else ConsentChannel.BOX_OFFICE
    by_link: dict[str, Json] = {} if link_of is None else {"link_of": link_of}
    for act in acts:
        decision, controller = act.decision(channel), act.permit.controller
        commitment = ask.house.vault.commit(
            controller,
            act.person,
            under=act.under,
            payload=decision.payload(_said_on(ask, act)),
            attributes=decision.attributes(act.permit.at) | by_link,
        )
        body: dict[str, Json] = {
            "controller": controller,
            "purpose": act.permit.purpose.value,
            "purpose_version": ask.snapshot.state.purposes[act.permit.purpose].version,
            "notice": None,
            "notice_version": None,
            "commitment": commitment,
        }
        kind = EntryType(f"consent.{decision.act.value}")
        yield Draft(kind, ask.actor, act.under, body), _saying(ask.house.vault, act, decision)


def _said_on(ask: Inquiry, act: _Act) -> date:
    """Today, or the day of the first attempt, when that came no further than the vault."""
    try:
        sealed = ask.house.vault.opening(act.under, controller=act.permit.controller)
    except VaultRefused:
        return act.permit.at.date()
    return date.fromisoformat(json.loads(sealed.payload)["day"])


def _saying(vault: Vault, act: _Act, decision: Decision) -> Rider:
    permit = act.permit

    def ride(connection: Connection, position: Position) -> None:
        if vault.gone(permit.controller, [act.person]):  # here nothing comes in between any more
            raise PersonRefused(
                "PERSON_UNKNOWN",
                "The person was forgotten meanwhile, so there is nothing left to stop; ask again.",
            )
        said = Said(permit.controller, act.person, permit.purpose, decision.act, position, permit.at.date())
        record(connection, [said])

    return ride


def keeping_out(ask: Inquiry, identifier: str, under: str) -> Iterator[tuple[Draft, Rider | None]]:
    """The entry that puts somebody into the stop register, unless the register has the person already."""
    vault = ask.house.vault
    if vault.stopped([identifier]):
        return
    vault.stop(identifier, under=under)
    yield Draft(EntryType.SUBJECT_STOPPED, ask.actor, under, {"request_sha256": request_number(under)}), None


def receipts(ask: Inquiry, unders: Sequence[str]) -> dict[str, Receipt]:
    """The receipts of those of these keys that the ledger holds, by what is committed now."""
    actor, ledger = ask.actor, ask.house.ledger
    with reading(ask.house.engine) as connection:
        found = recorded(connection, [(actor.party, actor.client, under) for under in unders])
        return {
            under: Receipt(position, line.decode(), ledger.proof(connection, position))
            for (_, _, under), (_, position, line) in found.items()
        }


def register_key(ask: Inquiry, key: str) -> str:
    """The key of the entry that keeps somebody out: of the visitor's own link, or the key that a house gave."""
    own = f"{ask.caller.token}\0{key}" if ask.caller.kind is ClientKind.VISITOR else key
    return entry_key("keep-out", ask, own)


def request_number(under: str) -> str:
    """By what an entry names the request: a digest of its own, so that two entries are not found to be one's."""
    return sha256(f"request\0{under}".encode()).hexdigest()
