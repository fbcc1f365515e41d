"""
Consent records of the own house, and the receipts of what somebody said.

Everything is written anew from the ledger and the vault when it is asked, so that nothing outlives the
person: who was erased is in no record, and gets no further receipt. A receipt that was given before
goes on to verify, for it holds all that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry, EntryType, read
from consent_ledger.lookup import entries_at
from consent_ledger.parties import party
from consent_ledger.permit import Permit, Read, Refusal, Write
from consent_ledger.question import consent_question, consents_question
from consent_ledger.receipts import Consent, consent_receipt, consent_record
from consent_ledger.records import instant, number
from consent_ledger.told import persons_at, spoken_at
from consent_ledger.vault import Opening, VaultRefused
from consent_ledger.vault.pending import OF_BATCH
from consent_ledger.vocabulary import PartyId, Purpose
from resolvers.gate import Inquiry, Receipt

_PAGE = 200
_COUNTED = ("granted", "refused", "withdrawn", "objected")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a consent stands: its entry, and in a batch its index there; -1 in an entry of one person."""

    position: int
    index: int = -1


START = Place(-1)
"""Before the first consent there can be."""


@dataclass(frozen=True, slots=True)
class Record:
    """One consent record, as a line of JSON-LD, and where it stands."""

    place: Place
    text: str


def own_receipts(ask: Inquiry, permit: Permit[Read]) -> list[str]:
    """
    The receipts of all that the permit's one person said at the permit's house, in order, as JSON-LD.

    Each as it would have been given then, under the newest checkpoint. A permit about nobody gives nothing,
    and so does one about a person who was erased.
    """
    if permit.person is None:
        return []
    found = _consents(ask, permit, after=START, purpose=None)
    return [_receipt(ask, consent, {}) for _, consent in found]


def given_receipt(ask: Inquiry, permit: Permit[Write], given: Receipt) -> str | None:
    """
    The consent receipt of what was just recorded under this permit; None when it can be opened by nobody.

    The permit is the one under which it was recorded: of the same house and purpose.
    """
    entry = read(given.entry.encode())
    body = entry.body
    if (body.get("controller"), body.get("purpose")) != (permit.controller, permit.purpose.value):
        return None
    opening = _living(ask, permit.controller, entry.idem)
    if opening is None:
        return None
    return _receipt(ask, _consent(ask, entry, opening), {entry.seq: given.proof})


def house_receipt(ask: Inquiry, given: Receipt) -> str | None:
    """As `given_receipt`, of what the caller's own house just recorded."""
    purpose = Purpose(str(read(given.entry.encode()).body["purpose"]))
    permit = ask.ask(consent_question(ask.caller.party, purpose))
    return None if isinstance(permit, Refusal) else given_receipt(ask, permit, given)


def record_at(ask: Inquiry, place: Place) -> Record | Refusal | None:
    """One consent record of the own house; None when there is none here, or the person was erased."""
    permit = ask.ask(consents_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    if place.position < 0 or place.index < -1:
        return None
    before = (
        Place(place.position, place.index - 1) if place.index > -1 else Place(place.position - 1, 1 << 40)
    )
    for found, consent in _consents(ask, permit, after=before, purpose=None):
        return Record(found, _record(ask, permit, consent)) if found == place else None
    return None


def records(
    ask: Inquiry, *, after: Place = START, first: int, purpose: Purpose | None = None
) -> list[Record] | Refusal:
    """The first consent records of the own house after `after`, in the order of the ledger."""
    permit = ask.ask(consents_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    found: list[Record] = []
    for place, consent in _consents(ask, permit, after=after, purpose=purpose):
        if len(found) == first:
            break
        found.append(Record(place, _record(ask, permit, consent)))
    return found


def _consents(
    ask: Inquiry, permit: Permit[Read], *, after: Place, purpose: Purpose | None
) -> Iterator[tuple[Place, Consent]]:
    """What was said at the permit's house and can be opened still, after this place, in order."""
    start = max(after.position, 0)
    while positions := spoken_at(permit, ask.connection, start=start, first=_PAGE, purpose=purpose):
        entries = entries_at(ask.connection, positions)
        for position in positions:
            for place, opening in _openings(ask, permit, entries[position], after):
                yield place, _consent(ask, entries[position], opening)
        start = positions[-1] + 1


def _openings(
    ask: Inquiry, permit: Permit[Read], entry: Entry, after: Place
) -> Iterator[tuple[Place, Opening]]:
    """What of this entry can be opened and is of somebody in the standing, after this place, in order."""
    persons = persons_at(permit, ask.connection, entry.seq)
    if entry.kind is not EntryType.CONSENT_BATCH:
        places = [(Place(entry.seq), entry.idem)]
    elif permit.person is not None:  # of thousands one is wanted: looked up by the person
        said = ask.house.vault.said(permit.controller, permit.person)
        of_this = [one.under for one in said if one.entry == entry.idem and OF_BATCH in one.under]
        places = sorted((Place(entry.seq, _index(under)), under) for under in of_this)
    else:
        size = sum(number(entry.body[name]) for name in _COUNTED)
        start = after.index + 1 if after.position == entry.seq else 0
        places = [(Place(entry.seq, index), f"{entry.idem}{OF_BATCH}{index}") for index in range(start, size)]
    for place, under in places:
        opening = _living(ask, permit.controller, under) if place > after else None
        if opening is not None and opening.person in persons:
            yield place, opening


def _living(ask: Inquiry, controller: PartyId, under: str) -> Opening | None:
    """What was sealed under this key; None once its person is erased, though evidence may be kept."""
    vault = ask.house.vault
    try:
        opening = vault.opening(under, controller=controller)
    except VaultRefused:
        return None
    said = vault.said(controller, opening.person)  # of the living alone
    return opening if any(one.under == under for one in said) else None


def _consent(ask: Inquiry, entry: Entry, opening: Opening) -> Consent:
    """All that is known of what was said, with the rules that held at its entry."""
    ledger, connection, rules = ask.house.ledger, ask.connection, ask.house.rules
    body, size = entry.body, min(int(entry.seq), int(ask.snapshot.size))
    controller = PartyId(str(body["controller"]))
    told = None
    if body["notice"] is not None:
        version = number(body["notice_version"])
        told = rules.notice(connection, controller, str(body["notice"]), version, size)
    basis = rules.basis(connection, controller, Purpose(str(body["purpose"])), size)
    known = entries_at(connection, [one for one in (told, basis) if one is not None])
    place: int | None = None
    path: list[bytes] = []
    if OF_BATCH in opening.under:
        place = _index(opening.under)
        _, path = ask.house.vault.batch_proof(controller, entry.idem, place)
    return Consent(
        origin=ledger.origin,
        entry=entry,
        payload=opening.payload,
        opening=opening.opening,
        place=place,
        path=path,
        notice=None if told is None else known[told],
        basis=None if basis is None else known[basis],
    )


def _receipt(ask: Inquiry, consent: Consent, proofs: dict[int, str]) -> str:
    parts = [one for one in (consent.entry, consent.notice, consent.basis) if one is not None]
    for one in parts:
        if one.seq not in proofs:
            proofs[one.seq] = ask.house.ledger.proof(ask.connection, one.seq)
    return consent_receipt(consent, proofs)


def _record(ask: Inquiry, permit: Permit[Read], consent: Consent) -> str:
    """The record, with what the house's own books say of it."""
    controller, entry = permit.controller, consent.entry
    house = party(ask.connection, controller)
    under = entry.idem if consent.place is None else f"{entry.idem}{OF_BATCH}{consent.place}"
    known = ask.house.vault.attributes(controller, under) or {}
    channel = known.get("channel")
    purpose = Purpose(str(entry.body["purpose"]))
    state = ask.snapshot.state
    mine = [state.agreements[one] for one in state.agreements_of.get(controller, ())]
    stood = [
        one for one in mine if controller in one.sources and purpose in one.purposes and _stood(one, entry)
    ]
    return consent_record(
        consent,
        name=controller if house is None else house.name,
        channel=None if channel is None else str(channel),
        agreements=stood,
    )


def _stood(agreement: Agreement, entry: Entry) -> bool:
    """Whether an agreement stood at this entry: accepted by all before it, ended after it, valid on its day."""
    day = instant(entry.rt)
    accepted = agreement.is_accepted and all(at < entry.seq for at in agreement.accepted_at.values())
    over = agreement.is_over and agreement.seqs[-1] < entry.seq
    begun = agreement.valid_from is None or agreement.valid_from < day + _DAY
    return accepted and not over and begun and not agreement.is_expired(day)


def _index(under: str) -> int:
    return int(under.rpartition(OF_BATCH)[2])
