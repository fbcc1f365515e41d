"""Consent records as GraphQL shows them: ISO/IEC TS 27560:2023, in the JSON-LD profile of W3C's DPV."""

from __future__ import annotations

import strawberry

from consent_ledger.vocabulary import Scope
from resolvers.receipts import START, Place, Record
from schema.directives import requires
from schema.ids import UnknownId
from schema.paging import PageInfo, cursor, page_info

READ = requires(Scope.CONSENT_READ)


@strawberry.type(
    description="What is kept of one consent, to be shown to an authority (GDPR 7(1)). Names no person.",
    directives=READ,
)
class ConsentRecord:
    position: int = strawberry.field(description="The entry that tells of it.")
    index: int | None = strawberry.field(
        description="Its place in a list that was recorded in one entry; null: the entry is of one person."
    )
    json_ld: str = strawberry.field(description="The record, as JSON-LD by ISO/IEC TS 27560:2023 and DPV.")


@strawberry.type(description="One consent record in a list.", directives=READ)
class ConsentRecordEdge:
    node: ConsentRecord = strawberry.field(description="The record.")
    cursor: str = strawberry.field(description="Its place in the list.")


@strawberry.type(
    description="Consent records in the order of the ledger, without those of erased persons.",
    directives=READ,
)
class ConsentRecordConnection:
    edges: list[ConsentRecordEdge] = strawberry.field(description="This page.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")


def shown_record(found: Record) -> ConsentRecord:
    """A record as GraphQL shows it."""
    index = found.place.index
    return ConsentRecord(
        position=found.place.position, index=None if index < 0 else index, json_ld=found.text
    )


def shown_records(found: list[Record], size: int) -> ConsentRecordConnection:
    """A page of records that was read one further than `size`."""
    edges = [ConsentRecordEdge(node=shown_record(one), cursor=_cursor(one.place)) for one in found[:size]]
    info = page_info(len(found), size, edges[-1].cursor if edges else None)
    return ConsentRecordConnection(edges=edges, page_info=info)


def place_after(local: str | None) -> Place:
    """The place that a cursor names. Raises `UnknownId`."""
    if local is None:
        return START
    position, _, index = local.partition(".")
    if not _is_number(position) or not (index == "" or _is_number(index)):
        raise UnknownId
    return Place(int(position), int(index) if index else -1)


def _cursor(place: Place) -> str:
    return cursor(f"{place.position}" if place.index < 0 else f"{place.position}.{place.index}")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 15
