"""The roots of the queue of rights: what visitors asked of a house, and until when it is to be answered."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.right_requests import RequestState, RightRequest
from consent_ledger.vocabulary import Scope
from resolvers import rights as right_door
from schema.context import Asked
from schema.directives import OPEN, requires
from schema.ids import UnknownId
from schema.paging import after as after_cursor
from schema.paging import cursor, page_info, page_size
from schema.refused import RefusedWhole
from schema.right import (
    DESK,
    AnswerRightRequestInput,
    ExtendRightRequestInput,
    RecordRightRequestInput,
    RightRequestPayload,
    VisitorRequestConnection,
    VisitorRequestEdge,
    right_changed,
    visitor_request,
)

_PLACE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})/([0-9]{1,18})", re.ASCII)


@strawberry.type(description="Questions about the rights of visitors.", directives=OPEN)
class RightQueries:
    @strawberry.field(
        description="What visitors asked of the own house by their rights, the first that is due first.",
        directives=requires(Scope.CONSENT_READ),
    )
    def right_requests(
        self,
        info: Asked,
        state: Annotated[
            RequestState | None, strawberry.argument(description="Those that wait, or those answered.")
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many at most: 1 to 100.")] = 20,
        after: Annotated[
            str | None, strawberry.argument(description="The cursor after which the page begins.")
        ] = None,
    ) -> VisitorRequestConnection | None:
        ask, size = info.context.ask, page_size(first)
        found = right_door.right_requests(ask, state=state, after=_place(after), first=size + 1)
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        today = ask.snapshot.at.date()
        edges = [
            VisitorRequestEdge(node=visitor_request(one, today), cursor=_cursor(one)) for one in found[:size]
        ]
        return VisitorRequestConnection(
            edges=edges, page_info=page_info(len(found), size, edges[-1].cursor if edges else None)
        )


@strawberry.type(description="Changes to the queue of rights.", directives=OPEN)
class RightMutations:
    @strawberry.mutation(
        description=(
            "Record that a visitor exercised a right at your house. It gets a number for letters, and the day "
            "by which it is answered; who asked, you keep yourself."
        ),
        directives=DESK,
    )
    def record_right_request(
        self,
        info: Asked,
        input: Annotated[RecordRightRequestInput, strawberry.argument(description="What is to be done.")],
    ) -> RightRequestPayload | None:
        ask = info.context.ask
        done = right_door.record_right_request(ask, input.right, input.received_on, key=input.idempotency_key)
        return right_changed(done, ask.snapshot.at.date())

    @strawberry.mutation(
        description=(
            "Take two months more for a request that is complex, once and within its month; tell the visitor "
            "so, and why."
        ),
        directives=DESK,
    )
    def extend_right_request(
        self,
        info: Asked,
        input: Annotated[ExtendRightRequestInput, strawberry.argument(description="What is to be done.")],
    ) -> RightRequestPayload | None:
        ask = info.context.ask
        done = right_door.extend_right_request(ask, input.reference, key=input.idempotency_key)
        return right_changed(done, ask.snapshot.at.date())

    @strawberry.mutation(
        description="Say that a request was answered, and how. It leaves the queue.", directives=DESK
    )
    def answer_right_request(
        self,
        info: Asked,
        input: Annotated[AnswerRightRequestInput, strawberry.argument(description="What is to be done.")],
    ) -> RightRequestPayload | None:
        ask = info.context.ask
        done = right_door.answer_right_request(ask, input.reference, input.outcome, key=input.idempotency_key)
        return right_changed(done, ask.snapshot.at.date())


def _cursor(found: RightRequest) -> str:
    return cursor(f"{found.due.isoformat()}/{found.position}")


def _place(given: str | None) -> tuple[date, int] | None:
    local = after_cursor(given)
    if local is None:
        return None
    found = _PLACE.fullmatch(local)
    if found is None:
        raise UnknownId
    try:
        return date.fromisoformat(found[1]), int(found[2])
    except ValueError:
        raise UnknownId from None
