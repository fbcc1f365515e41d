"""
Decisions as they were recorded: what left under an agreement, what was refused, on what each rested.

A house sees those in which it gave or was to receive; an auditor all of them. Each can be told again, on what
ruled at the size that it stood on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from consent_ledger.entry import Entry, EntryType, RowBucket
from consent_ledger.lookup import entries_at, first_on
from consent_ledger.pages import Wanted, page
from consent_ledger.past import recorded_until, ruling_state
from consent_ledger.permit import Refusal
from consent_ledger.question import decisions_question
from consent_ledger.records import listed, number, texts
from consent_ledger.replay import DECISIONS, Told, tell_again
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ClientId,
    FieldGroup,
    Granularity,
    PartyId,
    Position,
    Purpose,
    Reason,
)
from resolvers.gate import Inquiry


class Verdict(StrEnum):
    """What a decision came to."""

    PERMITTED = "permitted"
    REFUSED = "refused"


_TYPES = {
    None: DECISIONS,
    Verdict.PERMITTED: frozenset({EntryType.DISCLOSURE_RECORDED}),
    Verdict.REFUSED: DECISIONS - {EntryType.DISCLOSURE_RECORDED},
}


@dataclass(frozen=True, slots=True)
class Basis:
    """What a decision stood on: the size and root that were pinned, and the entries used."""

    size: int
    root: str
    seqs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """
    One decision, as its entry tells it.

    `purposes`, `groups` and `granularity` are not told by the first form of a refusal; `reasons` are of a
    refusal alone, `rows`, `persons` and `subjects` of a disclosure.
    """

    position: Position
    recorded: str
    verdict: Verdict
    recipient: PartyId
    client: ClientId
    controllers: tuple[PartyId, ...]
    agreements: tuple[AgreementId, ...]
    purposes: tuple[Purpose, ...]
    groups: tuple[FieldGroup, ...]
    granularity: Granularity | None
    reasons: tuple[Reason, ...]
    rows: RowBucket | None
    persons: RowBucket | None
    subjects: str | None
    basis: Basis
    entry: Entry = field(repr=False)


@dataclass(frozen=True, slots=True)
class DecisionsAsked:
    """Which decisions: those of this verdict, to this recipient, with this controller, on this day or later."""

    verdict: Verdict | None = None
    recipient: PartyId | None = None
    controller: PartyId | None = None
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """A page of decisions in the order of their entries; `last` is where the next one begins."""

    found: tuple[Decision, ...]
    has_more: bool
    last: int | None


def decision(ask: Inquiry, position: int) -> Decision | Refusal | None:
    """The decision that this entry tells of; None for another's, as for an entry that tells of none."""
    own = _seen_by(ask)
    if isinstance(own, Refusal):
        return own
    inside = 0 <= position < ask.snapshot.size
    found = entries_at(ask.connection, [position]).get(position) if inside else None
    if found is None or found.kind not in DECISIONS or not _concerns(found, own):
        return None
    return _decision(found)


def decisions(ask: Inquiry, asked: DecisionsAsked, *, after: int, first: int) -> Decisions | Refusal:
    """A page of the decisions that `decision` gives one by one, oldest first."""
    own = _seen_by(ask)
    if isinstance(own, Refusal):
        return own

    def holds(entry: Entry) -> bool:
        body = entry.body
        return (
            _concerns(entry, own)
            and asked.recipient in {None, body["recipient"]}
            and (asked.controller is None or asked.controller in texts(body["controllers"]))
        )

    size = ask.snapshot.size
    start = min(after, size)
    if asked.since is not None:
        start = max(start, first_on(ask.connection, asked.since, size) - 1)
    parties = frozenset(one for one in (own, asked.recipient, asked.controller) if one is not None)
    wanted = Wanted(_TYPES[asked.verdict], parties, holds)
    found = page(ask.connection, ask.snapshot.state, wanted, after=start, first=first)
    return Decisions(tuple(map(_decision, found.entries)), found.has_more, found.last)


def told_again(ask: Inquiry, found: Decision) -> Told:
    """The decision made once more, on what ruled at the size that it stood on, and held to what it says."""
    size = found.basis.size
    return tell_again(
        found.entry,
        ruling_state(ask.connection, size),
        ask.house.ledger.root(ask.connection, size),
        recorded_until(ask.connection, size),
    )


def rests_on(ask: Inquiry, found: Decision, agreement: AgreementId) -> tuple[int, ...]:
    """The entries of this agreement among those that the decision rests on."""
    known = ask.snapshot.state.agreements.get(agreement)
    return () if known is None else tuple(seq for seq in found.basis.seqs if seq in known.seqs)


def _seen_by(ask: Inquiry) -> PartyId | Refusal | None:
    """Whose decisions the caller sees: its own organisation's; None: everybody's."""
    if not isinstance(ask.ask(decisions_question(PLATFORM)), Refusal):
        return None
    permit = ask.ask(decisions_question(ask.caller.party))
    return permit if isinstance(permit, Refusal) else permit.controller


def _concerns(entry: Entry, own: PartyId | None) -> bool:
    return own is None or own == entry.body["recipient"] or own in texts(entry.body["controllers"])


def _decision(entry: Entry) -> Decision:
    body, basis = entry.body, entry.body["basis"]
    assert isinstance(basis, Mapping)
    is_disclosure = entry.kind is EntryType.DISCLOSURE_RECORDED
    return Decision(
        position=Position(entry.seq),
        recorded=entry.rt,
        verdict=Verdict.PERMITTED if is_disclosure else Verdict.REFUSED,
        recipient=PartyId(str(body["recipient"])),
        client=ClientId(str(body["client"])),
        controllers=tuple(map(PartyId, texts(body["controllers"]))),
        agreements=tuple(map(AgreementId, texts(body["agreements"]))),
        purposes=tuple(map(Purpose, texts(body.get("purposes", ())))),
        groups=tuple(map(FieldGroup, texts(body.get("groups", ())))),
        granularity=Granularity(str(body["granularity"])) if "granularity" in body else None,
        reasons=tuple(map(Reason, texts(body.get("reasons", ())))),
        rows=RowBucket(str(body["rows"])) if is_disclosure else None,
        persons=RowBucket(str(body["persons"])) if is_disclosure else None,
        subjects=str(body["subjects"]) if is_disclosure else None,
        basis=Basis(number(basis["size"]), str(basis["root"]), tuple(map(number, listed(basis["seqs"])))),
        entry=entry,
    )
