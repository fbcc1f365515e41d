"""Imports as GraphQL shows them."""

from __future__ import annotations

import strawberry

from consent_ledger.vocabulary import Scope
from resolvers.imports import StoredImport
from schema.directives import requires
from schema.ids import global_id
from schema.paging import PageInfo

READ = requires(Scope.IMPORTS_READ)


@strawberry.type(description="One accepted import.", directives=READ)
class Import:
    id: strawberry.ID = strawberry.field(description="Global id.")
    unit: str = strawberry.field(description="`tickets` or `visits`.")
    source: str = strawberry.field(description="The source system.")
    mapping: str = strawberry.field(description="Name and version of the mapping.")
    position: int = strawberry.field(description="Its entry in the ledger.")
    received_at: str = strawberry.field(description="When it was accepted.")
    received: int = strawberry.field(description="Lines that came in.")
    created: int = strawberry.field(description="Lines that were new.")
    updated: int = strawberry.field(description="Lines that changed.")
    unchanged: int = strawberry.field(description="Lines that were the same.")
    kept_out: int = strawberry.field(
        description="Lines whose buyer asked to stay out: they came in as nobody's."
    )


def imported(found: StoredImport) -> Import:
    """An import as GraphQL shows it."""
    return Import(
        id=strawberry.ID(global_id("Import", found.id)),
        unit=found.unit,
        source=found.source,
        mapping=found.mapping,
        position=found.position,
        received_at=found.received_at,
        received=found.report["received"],
        created=found.report["created"],
        updated=found.report["updated"],
        unchanged=found.report["unchanged"],
        kept_out=found.report.get("kept_out", 0),
    )


@strawberry.type(description="One import in a list.", directives=READ)
class ImportEdge:
    node: Import = strawberry.field(description="The import.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(description="A page of the own imports.", directives=READ)
class ImportConnection:
    edges: list[ImportEdge] = strawberry.field(description="Newest first.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")
