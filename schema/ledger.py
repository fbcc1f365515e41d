"""The ledger and the published rules as GraphQL shows them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

import strawberry

from consent_ledger.cosigned import Cosigned
from consent_ledger.entry import Entry
from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import PartyId, Purpose, Scope
from resolvers import decisions as decision_door
from resolvers import ledger as ledger_door
from resolvers.decisions import DecisionsAsked, Verdict
from schema.context import Asked
from schema.decision import DECISION, Decision, DecisionConnection, decision_page
from schema.decision import decision as shown_decision
from schema.directives import OPEN, requires
from schema.entry_type import EntryType
from schema.ids import UnknownId, global_id, local_id
from schema.paging import PageInfo, cursor, page_size
from schema.paging import after as after_cursor
from schema.refused import RefusedWhole
from schema.viewer import INSTITUTION

T = TypeVar("T")

FROM_START = -1
MOST_DIGITS = 15
"""Of a position, which is a whole number below 2**53."""

READ = requires(Scope.LEDGER_READ)

First = Annotated[int, strawberry.argument(description="How many at most: 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="The cursor after which the page begins.")]
Recipient = Annotated[
    strawberry.ID | None, strawberry.argument(description="Global id of who asked; none: anybody.")
]
Controller = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Global id of one whose data were asked; none: anybody's."),
]
Since = Annotated[
    date | None, strawberry.argument(description="Recorded on this day or later (UTC); none: from the start.")
]


@strawberry.type(description="One entry of the ledger. Names no person.", directives=READ)
class LedgerEntry:
    position: int = strawberry.field(description="Its index, from 0.")
    type: EntryType = strawberry.field(description="What it tells.")
    recorded_at: str = strawberry.field(
        description="When it was recorded (UTC); of an entry about a person, the day."
    )
    actor: strawberry.ID = strawberry.field(description="Global id of the organisation that acted.")
    client: strawberry.ID = strawberry.field(description="The application through which it acted.")
    line: str = strawberry.field(description="Its exact bytes: canonical JSON, the leaf of the tree.")

    @strawberry.field(description="C2SP tlog-proof that it is in the ledger.")
    def proof(self, info: Asked) -> str | None:
        return _answered(ledger_door.proof(info.context.ask, self.position))


@strawberry.type(description="One entry in a list.", directives=READ)
class LedgerEntryEdge:
    node: LedgerEntry = strawberry.field(description="The entry.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(description="A page of entries.", directives=READ)
class LedgerEntryConnection:
    edges: list[LedgerEntryEdge] = strawberry.field(
        description="In their order; there may be fewer than asked, even none, on a page that has a next one."
    )
    page_info: PageInfo = strawberry.field(description="Whether there is more.")


@strawberry.type(description="That a witness saw a checkpoint.", directives=READ)
class WitnessSeen:
    name: str = strawberry.field(description="The witness.")
    verifier_key: str = strawberry.field(description="Its key; believe it only from where you trust it.")
    seen_at: datetime = strawberry.field(description="When it signed (UTC), by its own clock.")


@strawberry.type(description="A checkpoint with what witnesses signed of it.", directives=READ)
class CosignedCheckpoint:
    checkpoint: str = strawberry.field(description="The note with all signatures, as C2SP writes it.")
    size: int = strawberry.field(description="How many entries it is of.")
    root: str = strawberry.field(description="Their RFC 9162 root, in hexadecimal.")
    witnesses: list[WitnessSeen] = strawberry.field(
        description="Who had seen it, by name. Whether they are enough, your own policy says."
    )


@strawberry.type(description="The ledger, as this request sees it.", directives=READ)
class Ledger:
    origin: str = strawberry.field(description="Its name, fixed when it was created.")
    size: int = strawberry.field(description="How many entries it has.")
    root: str = strawberry.field(description="The RFC 9162 root of these entries, in hexadecimal.")
    checkpoint: str = strawberry.field(description="The signed checkpoint, as C2SP writes it.")
    verifier_key: str = strawberry.field(description="The key that checks the checkpoint.")
    proof_of: strawberry.Private[int | None]

    @strawberry.field(
        description="C2SP tlog-proof of the entry at `position`, or at `proofOf` of `ledger`; null when there is none."
    )
    def proof(
        self,
        info: Asked,
        position: Annotated[int | None, strawberry.argument(description="Position of an entry.")] = None,
    ) -> str | None:
        wanted = self.proof_of if position is None else position
        return None if wanted is None else _answered(ledger_door.proof(info.context.ask, wanted))

    @strawberry.field(
        description=(
            "One entry: any for an auditor, which records an export; for others, one that names their own "
            "organisation. Null for another, as for one that is not there yet."
        )
    )
    def entry(
        self, info: Asked, position: Annotated[int, strawberry.argument(description="Position of the entry.")]
    ) -> LedgerEntry | None:
        found = _answered(ledger_door.entry(info.context.ask, position))
        return None if found is None else _entry(found)

    @strawberry.field(
        description=(
            "Entries in their order: all for an auditor, each page an export that is recorded; for others, those "
            "that name their own organisation."
        )
    )
    def entries(
        self,
        info: Asked,
        *,
        first: First = 20,
        after: After = None,
        types: Annotated[
            list[EntryType] | None, strawberry.argument(description="Of these types; none: of all.")
        ] = None,
        party: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Global id of an organisation that they name, too."),
        ] = None,
    ) -> LedgerEntryConnection | None:
        found = _answered(
            ledger_door.entries(
                info.context.ask,
                types=None if types is None else frozenset(types),
                party=party_of(party),
                after=position_of(after),
                first=page_size(first),
            )
        )
        edges = [LedgerEntryEdge(node=_entry(one), cursor=cursor(str(one.seq))) for one in found.entries]
        end = None if found.last is None else cursor(str(found.last))
        return LedgerEntryConnection(
            edges=edges, page_info=PageInfo(has_next_page=found.has_more, end_cursor=end)
        )

    @strawberry.field(
        description="The newest checkpoints that witnesses signed, the newest first; empty when no witness is asked."
    )
    def checkpoints(self, info: Asked, first: First = 1) -> list[CosignedCheckpoint]:
        return [
            _cosigned(one)
            for one in _answered(ledger_door.cosigned(info.context.ask, first=page_size(first)))
        ]

    @strawberry.field(
        description=(
            "One decision under an agreement: for who gave or asked, and for an auditor. Null for another, as "
            "for one that never was."
        )
    )
    def decision(
        self, info: Asked, id: Annotated[strawberry.ID, strawberry.argument(description="Global id.")]
    ) -> Decision | None:
        ask, local = info.context.ask, local_id(DECISION, id)
        found = _answered(decision_door.decision(ask, _position(local)))
        return None if found is None else shown_decision(ask, found)

    @strawberry.field(
        description="Decisions under agreements, oldest first: the own ones, or all for an auditor."
    )
    def decisions(
        self,
        info: Asked,
        *,
        first: First = 20,
        after: After = None,
        verdict: Annotated[
            Verdict | None, strawberry.argument(description="What they came to; none: either.")
        ] = None,
        recipient: Recipient = None,
        controller: Controller = None,
        since: Since = None,
    ) -> DecisionConnection | None:
        asked = DecisionsAsked(verdict, party_of(recipient), party_of(controller), since)
        return _decisions(info, asked, first=first, after=after)

    @strawberry.field(
        description="What left under agreements, oldest first: to or from the own organisation, or all for an auditor."
    )
    def disclosures(
        self,
        info: Asked,
        *,
        first: First = 20,
        after: After = None,
        recipient: Recipient = None,
        controller: Controller = None,
        since: Since = None,
    ) -> DecisionConnection | None:
        asked = DecisionsAsked(Verdict.PERMITTED, party_of(recipient), party_of(controller), since)
        return _decisions(info, asked, first=first, after=after)


def party_of(given: strawberry.ID | None) -> PartyId | None:
    """The organisation that an argument names. Raises `UnknownId`."""
    return None if given is None else PartyId(local_id(INSTITUTION, given))


def position_of(given: str | None) -> int:
    """The position that a cursor names; before the first without one. Raises `UnknownId`."""
    found = after_cursor(given)
    return FROM_START if found is None else _position(found)


def _position(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise UnknownId
    return int(text)


def _answered(given: T | Refusal) -> T:
    """The answer of a door. Raises `RefusedWhole`."""
    if isinstance(given, Refusal):
        raise RefusedWhole(given)
    return given


def _decisions(info: Asked, asked: DecisionsAsked, *, first: int, after: str | None) -> DecisionConnection:
    ask = info.context.ask
    found = decision_door.decisions(ask, asked, after=position_of(after), first=page_size(first))
    return decision_page(ask, _answered(found))


def _entry(found: Entry) -> LedgerEntry:
    assert found.kind is not None  # the fold knows every type, or nothing would be answered
    return LedgerEntry(
        position=found.seq,
        type=found.kind,
        recorded_at=found.rt,
        actor=strawberry.ID(global_id(INSTITUTION, found.actor.party)),
        client=strawberry.ID(found.actor.client),
        line=found.line.decode(),
    )


def _cosigned(found: Cosigned) -> CosignedCheckpoint:
    return CosignedCheckpoint(
        checkpoint=found.checkpoint,
        size=found.head.size,
        root=found.head.root.hex(),
        witnesses=[
            WitnessSeen(
                name=one.name, verifier_key=one.verifier_key, seen_at=datetime.fromtimestamp(one.time, UTC)
            )
            for one in found.seen
        ],
    )


@strawberry.type(description="A published purpose.", directives=OPEN)
class PublishedPurpose:
    purpose: Purpose = strawberry.field(description="The purpose.")
    version: int = strawberry.field(description="Its version.")
    bases: list[str] = strawberry.field(description="The lawful bases that are possible.")
    is_high_risk: bool = strawberry.field(description="Whether it needs an impact assessment.")
    position: int = strawberry.field(description="Its entry in the ledger.")


@strawberry.type(description="A production of the own house.", directives=requires(Scope.CATALOGUE_READ))
class Production:
    ref: strawberry.ID = strawberry.field(description="The house's own reference.")
    title: str = strawberry.field(description="Its title.")
    genre: str = strawberry.field(description="Its genre.")


@strawberry.type(description="A segment of the open model.", directives=OPEN)
class Segment:
    id: strawberry.ID = strawberry.field(description="Its id, such as B4.")
    name_nl: str = strawberry.field(description="Its Dutch name.")
    name_en: str = strawberry.field(description="Its English name.")


@strawberry.type(description="A version of the open segment model.", directives=OPEN)
class SegmentModel:
    id: strawberry.ID = strawberry.field(description="Name of the model.")
    version: str = strawberry.field(description="Its version.")
    sha256: str = strawberry.field(description="Checksum of its rules, as published in the ledger.")
    segments: list[Segment] = strawberry.field(
        description="The segments, in the order in which rules are tried."
    )
