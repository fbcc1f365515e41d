"""Agreements: see the own ones, propose, accept, end. Effective at their entry, for the next request anywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from consent_ledger.agreements import Agreement, Terms, accept, end, new_id, propose
from consent_ledger.entry import Draft
from consent_ledger.log import Acknowledgement
from consent_ledger.permit import Refusal, Snapshot
from consent_ledger.question import agreeing_question, agreements_question
from consent_ledger.state import IllegalEntry
from consent_ledger.vocabulary import AgreementId, Assurance, PartyId
from resolvers.gate import Inquiry, Receipt, entry_key


class AgreementRefused(Exception):
    """What was asked of an agreement cannot be. Carries a code and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Changed:
    """An agreement after an act, and the receipt of that act."""

    agreement: AgreementId
    receipt: Receipt


def agreements(
    ask: Inquiry, *, after: AgreementId | None, first: int, known: Snapshot | None = None
) -> list[Agreement] | Refusal:
    """
    The caller's own agreements in the order in which they were proposed, from after `after`.

    With `known` as they stood there. Raises `NotAskableThen`.
    """
    permit = ask.ask(agreements_question(ask.caller.party), known=known)
    if isinstance(permit, Refusal):
        return permit
    state = (known or ask.snapshot).state
    own = state.agreements_of.get(permit.controller, ())
    start = own.index(after) + 1 if after in own else 0
    return [state.agreements[one] for one in own[start : start + first]]


def agreement(ask: Inquiry, wanted: AgreementId) -> Agreement | Refusal | None:
    """One of the caller's own agreements; None for another's, as for one that never was."""
    permit = ask.ask(agreements_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    found = ask.snapshot.state.agreements.get(wanted)
    return found if found is not None and permit.controller in found.parties else None


def status(ask: Inquiry, found: Agreement, known: Snapshot | None = None) -> str:
    """`proposed active ended refused expired`, at the pinned moment; with `known` at that one."""
    return found.status((known or ask.snapshot).at)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That one party accepted, by which entry, and how it is proven; `key` when it signed."""

    party: PartyId
    position: int
    assurance: Assurance
    key: str | None
    key_enrolled_by_operator: bool | None


def acceptances(ask: Inquiry, found: Agreement) -> list[Acceptance]:
    """Who accepted so far, in the order of their entries."""
    made = []
    for party, position in sorted(found.accepted_at.items(), key=lambda one: one[1]):
        key = found.signed_with.get(party)
        attested = None if key is None else ask.snapshot.state.keys[key].enrolled_by_operator
        assurance = Assurance.OPERATOR_ATTESTED if key is None else Assurance.PASSKEY
        made.append(Acceptance(party, position, assurance, key, attested))
    return made


def propose_agreement(
    ask: Inquiry,
    terms: Terms,
    *,
    key: str,
    valid_until: datetime | None = None,
    counters: AgreementId | None = None,
) -> Changed | Refusal:
    """
    Put an agreement on the table. Asked again with the same key and terms, it is the same agreement.

    Raises `AgreementRefused` when the caller is no party to it.
    """
    permit = ask.ask(agreeing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    if permit.controller not in terms.sources | terms.recipients:
        raise AgreementRefused("NOT_A_PARTY", "You can only propose an agreement to which you are a party.")
    idem = entry_key("agreement", ask, key)
    countered = None if counters is None else own_agreement(ask, counters).seqs[0]
    draft = propose(
        terms,
        agreement=new_id(idem),
        proposer=permit.controller,
        actor=ask.actor,
        idem=idem,
        counters=countered,
        valid_until=valid_until,
    )
    return changed(new_id(idem), ask.house.ledger.append(draft))


def accept_agreement(ask: Inquiry, wanted: AgreementId, *, key: str) -> Changed | Refusal:
    """
    Accept it for the caller's own organisation, without a signature: recorded as `operator_attested`.

    Repeatable under the same key. Raises `AgreementRefused` for an agreement to which the caller is no
    party, as for one that never was, and `IllegalEntry` for one that is over or accepted already.
    """
    permit = ask.ask(agreeing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    found, idem = own_agreement(ask, wanted), entry_key("accept", ask, key)
    attested = Assurance.OPERATOR_ATTESTED
    draft = accept(found, permit.controller, actor=ask.actor, idem=idem, assurance=attested)
    return changed(found.id, ask.house.ledger.append(draft))


def end_agreement(ask: Inquiry, wanted: AgreementId, *, key: str) -> Changed | Refusal:
    """
    End it, alone and at once; one that is only proposed is refused by it.

    Repeatable under the same key. Raises what `accept_agreement` raises.
    """
    permit = ask.ask(agreeing_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    found, idem = own_agreement(ask, wanted), entry_key("end", ask, key)

    def ending(seen: Agreement) -> Draft:
        return end(seen, permit.controller, actor=ask.actor, idem=idem)

    try:
        done = ask.house.ledger.append(ending(found))
    except IllegalEntry as raced:
        if raced.code != "ALREADY_ACCEPTED":
            raise
        # The last party accepted after this request was pinned: it is ended all the same, at once.
        done = ask.house.ledger.append(ending(replace(found, accepted=found.parties)))
    return changed(found.id, done)


def own_agreement(ask: Inquiry, wanted: AgreementId) -> Agreement:
    """An agreement to which the caller's organisation is a party. Raises `AgreementRefused` for any other."""
    found = ask.snapshot.state.agreements.get(wanted)
    if found is None or ask.caller.party not in found.parties:
        raise AgreementRefused("UNKNOWN_AGREEMENT", "You are no party to such an agreement.")
    return found


def changed(agreement: AgreementId, done: Acknowledgement) -> Changed:
    """What an act came to, with its receipt."""
    return Changed(agreement, Receipt.of(done))
