"""
A visitor's own records: what each house knows, for what it may use it, and what left under agreements.

Only for the person whom the permit names (GDPR 15 and 20). What left under an agreement is told of the
house as a whole: the ledger tells which houses, purposes and groups an answer was about, and commits to who
was counted in it without saying who.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from consent_ledger.consent_states import ConsentState
from consent_ledger.entry import Entry, EntryType
from consent_ledger.pages import Wanted, page
from consent_ledger.parties import Party, party
from consent_ledger.permit import Permit, Read, Refusal
from consent_ledger.question import own_act_question, own_record_question
from consent_ledger.records import day, texts
from consent_ledger.standing import Stand, own_acts, stand
from consent_ledger.vault import Opening
from consent_ledger.vocabulary import (
    FieldGroup,
    Granularity,
    LawfulBasis,
    PartyId,
    PersonRef,
    Position,
    Purpose,
    Scope,
)
from insight.store.own_records import Held, held, own_lines
from resolvers.gate import Inquiry
from resolvers.receipts import own_receipts

FORMAT = "cultuurinzicht/own-records/1"
"""Of `export`. Evolution: members are only added."""


@dataclass(frozen=True, slots=True)
class Told:
    """The notice by which a house told its visitors of a purpose, and since when."""

    notice: str
    version: int
    since: date


@dataclass(frozen=True, slots=True)
class Use:
    """One purpose for which a house recorded a basis, and where the visitor stands for it."""

    purpose: Purpose
    basis: LawfulBasis
    stand: Stand
    told: Told | None
    was_told: bool

    @property
    def is_used(self) -> bool:
        """Whether the house may use the visitor's data for it now."""
        if self.stand.is_restricted or (not self.was_told and self.purpose is not Purpose.OWN_INSIGHT):
            return False
        if self.basis is LawfulBasis.CONSENT:
            return self.stand.state.is_valid
        return self.stand.state not in {ConsentState.WITHDRAWN, ConsentState.REFUSED}


@dataclass(frozen=True, slots=True)
class Known:
    """One house that knows the visitor. The person's reference stays inside."""

    party: Party
    person: PersonRef
    uses: tuple[Use, ...]
    held: Held


@dataclass(frozen=True, slots=True)
class Left:
    """One answer that held data of this house, given to another under an agreement."""

    position: Position
    on: date
    recipient: PartyId
    purposes: tuple[Purpose, ...]
    groups: tuple[FieldGroup, ...]
    granularity: Granularity


def own_houses(ask: Inquiry) -> list[Known]:
    """Each house that knows the visitor, in order of id."""
    return [
        Known(found, person, _uses(ask, controller, person), held(permit, ask.connection))
        for controller, person, permit in _permits(ask)
        if (found := party(ask.connection, controller)) is not None
    ]


def is_kept_out(ask: Inquiry) -> bool:
    """Whether the visitor's address stands in the stop register."""
    if ask.identifier is None or Scope.ME_READ not in ask.caller.scopes:
        return False
    return bool(ask.house.vault.stopped([ask.identifier]))


def left(ask: Inquiry, controller: PartyId, *, after: int, first: int) -> tuple[list[Left], int | None]:
    """
    What left of a house that knows the visitor, oldest first, from after a position; and where to go on.

    None to go on from when there is no more. Nothing for a house that does not know the visitor.
    """
    if controller not in {known for known, _, _ in _permits(ask)}:
        return [], None

    def gave(entry: Entry) -> bool:
        return controller in texts(entry.body["controllers"])

    wanted = Wanted(frozenset({EntryType.DISCLOSURE_RECORDED}), frozenset({controller}), gave)
    found = page(ask.connection, ask.snapshot.state, wanted, after=after, first=first)
    told = [
        Left(
            Position(entry.seq),
            date.fromisoformat(entry.rt[:10]),
            PartyId(str(entry.body["recipient"])),
            tuple(Purpose(one) for one in texts(entry.body["purposes"])),
            tuple(FieldGroup(one) for one in texts(entry.body["groups"])),
            Granularity(str(entry.body["granularity"])),
        )
        for entry in found.entries
    ]
    return told, found.last if found.has_more else None


def consent_receipts(ask: Inquiry, controller: PartyId) -> list[str]:
    """The receipts of what the visitor said at this house, as JSON-LD; each is checked without us."""
    return next((own_receipts(ask, permit) for known, _, permit in _permits(ask) if known == controller), [])


def told_by(ask: Inquiry, controller: PartyId, purpose: Purpose) -> Told | None:
    """The notice of this purpose that the house published last and that was not found wrong; None without one."""
    wrong, size = ask.snapshot.state.wrong_notices, int(ask.snapshot.size)
    for position, notice, version in reversed(
        ask.house.rules.told(ask.connection, controller, purpose, size)
    ):
        if (controller, notice, version) not in wrong:
            [entry] = ask.house.ledger.entries(ask.connection, position, position + 1)
            return Told(notice, version, day(entry.vf or entry.rt))
    return None


def was_told(ask: Inquiry, controller: PartyId, purpose: Purpose) -> bool:
    """Whether the house published any notice of this purpose."""
    return (controller, purpose) in ask.snapshot.state.notices


def export(ask: Inquiry) -> str:
    """Everything that houses and vault hold of the visitor, as JSON text; itself recorded nowhere."""
    snapshot = ask.snapshot
    ledger = {"origin": ask.house.ledger.origin, "size": snapshot.size, "root": snapshot.root.hex()}
    known = {each.party.id: each for each in own_houses(ask)}
    houses = [
        {
            "institution": controller,
            "name": known[controller].party.name,
            "tickets": [line.as_json() for line in own_lines(permit, ask.connection)],
            "uses": [_use(use) for use in known[controller].uses],
            "said": list(_said(ask, permit, person)),
        }
        for controller, person, permit in _permits(ask)
        if controller in known
    ]
    told = {
        "format": FORMAT,
        "on": snapshot.at.date().isoformat(),
        "ledger": ledger,
        "kept_out": is_kept_out(ask),
        "houses": houses,
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def _permits(ask: Inquiry) -> Iterator[tuple[PartyId, PersonRef, Permit[Read]]]:
    for controller, person in sorted(ask.caller.persons):
        permit = ask.ask(own_record_question(controller, person))
        if not isinstance(permit, Refusal):
            yield controller, person, permit


def _uses(ask: Inquiry, controller: PartyId, person: PersonRef) -> tuple[Use, ...]:
    bases = ask.snapshot.state.bases
    uses = []
    for purpose in sorted(of for by, of in bases if by == controller):
        permit = ask.ask(own_act_question(controller, person, purpose))
        if isinstance(permit, Permit):
            standing = stand(permit, ask.connection, person)
            told = told_by(ask, controller, purpose)
            known = was_told(ask, controller, purpose)
            uses.append(Use(purpose, bases[controller, purpose].basis, standing, told, known))
    return tuple(uses)


def _use(use: Use) -> dict[str, Any]:
    since = use.stand.since
    return {
        "purpose": use.purpose.value,
        "basis": use.basis.value,
        "is_used": use.is_used,
        "state": use.stand.state.iri,
        "since": None if since is None else since.isoformat(),
        "is_restricted": use.stand.is_restricted,
        "notice": None if use.told is None else use.told.notice,
        "notice_version": None if use.told is None else use.told.version,
        "positions": list(use.stand.said),
    }


def _said(ask: Inquiry, permit: Permit[Read], person: PersonRef) -> Iterator[dict[str, Any]]:
    """What the person said, in order, with what the vault seals of it where that can be opened."""
    ledger, vault = ask.house.ledger, ask.house.vault
    sealed: dict[str, list[Opening]] = {}
    for opening in vault.said(permit.controller, person):
        sealed.setdefault(opening.entry, []).append(opening)
    for row in own_acts(permit, ask.connection):
        [entry] = ledger.entries(ask.connection, row.position, row.position + 1)
        told = [
            {**json.loads(one.payload), **(vault.attributes(permit.controller, one.under) or {})}
            for one in sealed.get(entry.idem, [])
        ]
        yield {
            "position": row.position,
            "act": row.act,
            "purpose": row.purpose,
            "day": row.day,
            "sealed": told,
        }
