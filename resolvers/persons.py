"""
Persons: how somebody is forgotten, kept out, or stops all of it in one act.

Erasing goes in this order, and a crash between any two steps is finished or dropped at the next start:

1. the vault keeps, durably, whom it will erase, and (*stay out*) puts the address into the stop register;
   both are inert without their entries;
2. the entries, in one transaction with what they take away here: the person leaves the lines and the
   standing. From this moment on nobody finds the person, and no later request counts anybody for it;
3. the vault destroys the keys. Until it has, whoever meets the person asks the ledger first.

No key of an entry is made of an address: whoever has every address there is could find it again. A
visitor's is made of the vault's random reference; a desk's of the key that the house gave, in which an
address is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from sqlalchemy.engine import Connection

from consent_ledger.canonical import Json
from consent_ledger.consent_states import ConsentState
from consent_ledger.database import reading
from consent_ledger.entry import Draft, EntryRefused, EntryType, read
from consent_ledger.ledger_rows import recorded
from consent_ledger.log import IdempotencyConflict, Rider
from consent_ledger.permit import Permit, Refusal, Write
from consent_ledger.question import Subject, consent_question, desk_question, own_act_question
from consent_ledger.reasons import EXPLAINED
from consent_ledger.standing import Said, forget, record, stand
from consent_ledger.state import IllegalEntry
from consent_ledger.vault import VaultRefused
from consent_ledger.vocabulary import (
    ClientKind,
    ConsentAct,
    ConsentChannel,
    ErasureMode,
    LawfulBasis,
    PartyId,
    PersonRef,
    Position,
)
from insight.store.persons import sever
from resolvers.consent import Decision, is_address
from resolvers.gate import Inquiry, Receipt, entry_key

_STANDS = frozenset({ConsentState.WITHDRAWN, ConsentState.REFUSED})
_DAY = timedelta(days=1)


class PersonRefused(Exception):
    """It cannot be done for this person. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Erasure:
    """
    What was done for somebody who asked to be erased, and by when nothing of it can be opened by anybody.

    `effective_by` is None when the house did not know the person, who was kept out and nothing else.
    """

    mode: ErasureMode
    receipts: tuple[Receipt, ...]
    effective_by: date | None


def erase(
    ask: Inquiry,
    permit: Permit[Write],
    person: PersonRef,
    *,
    mode: ErasureMode,
    key: str,
    identifier: str | None = None,
) -> Receipt:
    """
    Erase one person at the permit's controller; durable on return, and final by the entry's `effective_by`.

    The permit is the desk's of the house, or the visitor's own about this person. *Stay out* needs the
    address, as `identifier`; afterwards no door takes it in. *Forget me* keeps nothing, so that a later
    import that brings the address makes a new person. Repeatable: the same key gives the first receipt.

    Raises `PersonRefused`, `IdempotencyConflict` (this key erased otherwise, or the person is here), and
    what vault and log raise: then ask again with the same key.
    """
    return _erase(ask, permit, person, mode=mode, key=key, identifier=identifier).receipts[0]


def desk_erase(
    ask: Inquiry, controller: PartyId, identifier: str, *, mode: ErasureMode, key: str
) -> Erasure | Refusal:
    """
    Erase whoever asked for it at the desk of the house, as `erase`; each person under a key of its own.

    Somebody whom the house does not know can be kept out all the same.
    """
    permit = ask.ask(desk_question(controller))
    if isinstance(permit, Refusal):
        return permit
    _check(identifier, key)
    person = ask.house.vault.find(controller, identifier)
    if person is not None:
        return _erase(ask, permit, person, mode=mode, key=key, identifier=identifier)
    under = entry_key("erase", ask.caller, key)
    earlier = _recorded(ask, [under])
    if under in earlier:
        return _again(ask, permit, earlier[under], under, mode=mode, key=key, identifier=identifier)
    if mode is ErasureMode.FORGET_ME:
        raise PersonRefused(
            "PERSON_UNKNOWN", "This house knows nobody by this address: nothing is kept of it."
        )
    return Erasure(mode, stop_everything(ask, frozenset(), identifier=identifier, key=key), None)


def desk_stop(
    ask: Inquiry, controller: PartyId, identifier: str, *, key: str
) -> tuple[Receipt, ...] | Refusal:
    """
    Stop every use at this house for whoever asked for it at its desk, and keep the person out everywhere.

    At other houses that know the person nothing is ended: a house does not act for another. As
    `stop_everything`; none are told when everything stood so already.
    """
    permit = ask.ask(desk_question(controller))
    if isinstance(permit, Refusal):
        return permit
    _check(identifier, key)
    person = ask.house.vault.find(controller, identifier)
    persons = frozenset() if person is None else frozenset({(controller, person)})
    return stop_everything(ask, persons, identifier=identifier, key=key)


def stop_everything(
    ask: Inquiry, persons: frozenset[tuple[PartyId, PersonRef]], *, identifier: str | None, key: str
) -> tuple[Receipt, ...]:
    """
    End every use of these persons' data, and with `identifier` keep the person out everywhere, for good.

    For each purpose with a basis at the house: withdrawn where that is consent, objected elsewhere; what
    stands so already is left. All in one transaction, effective from the next request on. Repeatable: the
    same key gives the same receipts. Raises `PersonRefused` when the caller may not act for a person.
    """
    acts = [
        _Act(permit, person, basis, entry_key("stop", ask.caller, f"{person}\0{permit.purpose}\0{key}"))
        for controller, person in sorted(persons)
        for permit, basis in _uses(ask, controller, person)
    ]
    register = _register_key(ask, key)
    earlier = _recorded(ask, [*(act.under for act in acts), register])
    fresh = _unsaid(ask, [act for act in acts if act.under not in earlier])
    drafts: list[tuple[Draft, Rider | None]] = [*_drafts(ask, fresh)]
    if identifier is not None and register not in earlier:
        drafts.extend(_keeping_out(ask, identifier, register))
    done = dict(zip((draft.idem for draft, _ in drafts), ask.house.ledger.append_all(drafts), strict=True))
    if register in done or register in earlier:
        ask.house.vault.settle(register)
    receipts = earlier | {under: Receipt.of(one) for under, one in done.items()}
    return tuple(sorted(receipts.values(), key=lambda receipt: receipt.position))


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


def _drafts(ask: Inquiry, acts: Sequence[_Act]) -> Iterator[tuple[Draft, Rider]]:
    """The entries of these acts. What was said is in the vault before, durable, inert without its entry."""
    channel = ConsentChannel.MAIL if ask.caller.kind is ClientKind.VISITOR else ConsentChannel.BOX_OFFICE
    for act in acts:
        decision, controller = act.decision(channel), act.permit.controller
        commitment = ask.house.vault.commit(
            controller,
            act.person,
            under=act.under,
            payload=decision.payload(_said_on(ask, act)),
            attributes=decision.attributes(act.permit.at),
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
        yield Draft(kind, ask.actor, act.under, body), _saying(act, decision)


def _said_on(ask: Inquiry, act: _Act) -> date:
    """Today, or the day of the first attempt, when that came no further than the vault."""
    try:
        sealed = ask.house.vault.opening(act.under, controller=act.permit.controller)
    except VaultRefused:
        return act.permit.at.date()
    return date.fromisoformat(json.loads(sealed.payload)["day"])


def _saying(act: _Act, decision: Decision) -> Rider:
    permit = act.permit

    def ride(connection: Connection, position: Position) -> None:
        said = Said(permit.controller, act.person, permit.purpose, decision.act, position, permit.at.date())
        record(connection, [said])

    return ride


def _keeping_out(ask: Inquiry, identifier: str, under: str) -> Iterator[tuple[Draft, Rider | None]]:
    """The entry that puts somebody into the stop register, unless the register has the person already."""
    vault = ask.house.vault
    if vault.stopped([identifier]):
        return
    vault.stop(identifier, under=under)
    yield Draft(EntryType.SUBJECT_STOPPED, ask.actor, under, {"request_sha256": _request(under)}), None


def _erase(
    ask: Inquiry,
    permit: Permit[Write],
    person: PersonRef,
    *,
    mode: ErasureMode,
    key: str,
    identifier: str | None,
) -> Erasure:
    if mode is ErasureMode.STAY_OUT and identifier is None:
        raise PersonRefused(
            "IDENTIFIER_NEEDED", "To be kept out the address must be known; nothing else can keep it out."
        )
    ledger, vault, controller = ask.house.ledger, ask.house.vault, permit.controller
    is_own = permit.subject is Subject.PERSON
    under = entry_key("erase", ask.caller, f"{controller}\0{person}\0{key}" if is_own else key)
    earlier = _recorded(ask, [under])
    if under in earlier:
        if not vault.gone(controller, [person]):
            raise IdempotencyConflict  # of another person: this one is here, and nothing says otherwise
        return _again(ask, permit, earlier[under], under, mode=mode, key=key, identifier=identifier)
    today = max(permit.at, ask.house.clock()).date()
    until = _later(today, ask.house.evidence_years) if mode is ErasureMode.STAY_OUT else None
    vault.plan_erasure(
        controller, person, under=under, request_sha256=_request(under), mode=mode, evidence_until=until
    )
    register = _register_key(ask, key)
    aside = (
        []
        if identifier is None or mode is ErasureMode.FORGET_ME
        else [*_keeping_out(ask, identifier, register)]
    )

    def ride(connection: Connection, _: Position) -> None:
        """From here on the person is in no line and has no standing, whatever becomes of this process."""
        sever(permit, connection, person)
        forget(connection, controller, person)

    def draft(day: date) -> Draft:
        body: dict[str, Json] = {
            "controller": controller,
            "request_sha256": _request(under),
            "mode": mode.value,
            "effective_by": vault.effective_by(day).isoformat(),
        }
        return Draft(EntryType.SUBJECT_ERASED, ask.actor, under, body)

    try:
        try:
            done = ledger.append_all([(draft(today), ride), *aside])
        except IllegalEntry as illegal:
            if illegal.code != "BACK_DATED":
                raise
            done = ledger.append_all([(draft(today + _DAY), ride), *aside])  # it became midnight
    except (IllegalEntry, EntryRefused):
        vault.drop_erasure(controller, under=under)
        raise
    for one in (under, register):
        vault.settle(one)
    return _told(mode, [Receipt.of(one) for one in done])


def _again(
    ask: Inquiry,
    permit: Permit[Write],
    first: Receipt,
    under: str,
    *,
    mode: ErasureMode,
    key: str,
    identifier: str | None,
) -> Erasure:
    """What was recorded under this key before; whatever a crash left of it is finished."""
    body = read(first.entry.encode()).body
    if (body["controller"], body["mode"]) != (permit.controller, mode.value):
        raise IdempotencyConflict
    vault, register = ask.house.vault, _register_key(ask, key)
    for one in (under, register):
        vault.settle(one)
    if mode is ErasureMode.STAY_OUT and identifier is not None and not vault.stopped([identifier]):
        raise IdempotencyConflict  # the key was that of another person
    return _told(mode, [first, *_recorded(ask, [register]).values()])


def _told(mode: ErasureMode, receipts: list[Receipt]) -> Erasure:
    erased = read(receipts[0].entry.encode())
    return Erasure(mode, tuple(receipts), date.fromisoformat(str(erased.body["effective_by"])))


def _recorded(ask: Inquiry, unders: Sequence[str]) -> dict[str, Receipt]:
    """The receipts of those of these keys that the ledger holds, by what is committed now."""
    actor, ledger = ask.actor, ask.house.ledger
    with reading(ask.house.engine) as connection:
        found = recorded(connection, [(actor.party, actor.client, under) for under in unders])
        return {
            under: Receipt(position, line.decode(), ledger.proof(connection, position))
            for (_, _, under), (_, position, line) in found.items()
        }


def _register_key(ask: Inquiry, key: str) -> str:
    """The key of the entry that keeps somebody out: of the visitor's own link, or the key that a house gave."""
    own = f"{ask.caller.token}\0{key}" if ask.caller.kind is ClientKind.VISITOR else key
    return entry_key("keep-out", ask.caller, own)


def _request(under: str) -> str:
    """By what an entry names the request: a digest of its own, so that two entries are not found to be one's."""
    return sha256(f"request\0{under}".encode()).hexdigest()


def _check(identifier: str, key: str) -> None:
    if not is_address(identifier):
        raise PersonRefused("NOT_AN_ADDRESS", "This is no e-mail address; nothing was done.")
    if "@" in key:
        raise PersonRefused(
            "KEY_TELLS", "An idempotency key may not hold an address; send a random one and ask again."
        )


def _later(day: date, years: int) -> date:
    """The same day some years later; of a leap day, the day after."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, month=3, day=1)
