"""The roots of consent records: one, or all of the own house."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import Purpose
from resolvers import receipts as receipt_door
from resolvers.receipts import Place
from schema.consent_record import (
    READ,
    ConsentRecord,
    ConsentRecordConnection,
    place_after,
    shown_record,
    shown_records,
)
from schema.context import Asked
from schema.directives import OPEN
from schema.paging import after as after_cursor
from schema.paging import page_size
from schema.refused import RefusedWhole


@strawberry.type(description="Questions about consent records.", directives=OPEN)
class ConsentRecordQueries:
    @strawberry.field(
        description=(
            "One consent record of the own house; null when nobody spoke there, or the person was erased."
        ),
        directives=READ,
    )
    def consent_record(
        self,
        info: Asked,
        position: Annotated[int, strawberry.argument(description="The entry.")],
        index: Annotated[
            int | None, strawberry.argument(description="The place in a list that is one entry.")
        ] = None,
    ) -> ConsentRecord | None:
        found = receipt_door.record_at(info.context.ask, Place(position, -1 if index is None else index))
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        return None if found is None else shown_record(found)

    @strawberry.field(
        description="The consent records of the own house, in the order of the ledger.", directives=READ
    )
    def consent_records(
        self,
        info: Asked,
        first: Annotated[int, strawberry.argument(description="How many at most: 1 to 100.")] = 20,
        after: Annotated[
            str | None, strawberry.argument(description="The cursor after which the page begins.")
        ] = None,
        purpose: Annotated[
            Purpose | None, strawberry.argument(description="About this purpose; none: about all.")
        ] = None,
    ) -> ConsentRecordConnection | None:
        size, start = page_size(first), place_after(after_cursor(after))
        found = receipt_door.records(info.context.ask, after=start, first=size + 1, purpose=purpose)
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        return shown_records(found, size)
