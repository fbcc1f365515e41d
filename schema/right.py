"""What visitors asked of a house by their rights, as GraphQL takes and shows it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.right_requests import RequestState, RightRequest
from consent_ledger.vocabulary import Right, RightOutcome, Scope
from resolvers.rights import RightChanged
from schema.directives import OPEN, any_of, requires
from schema.paging import PageInfo
from schema.receipt import Receipt, receipt
from schema.refused import Refused, refused
from schema.words import describe

DESK = requires(Scope.CONSENT_WRITE)
READ_OR_DESK = any_of(Scope.CONSENT_READ, Scope.CONSENT_WRITE)

describe(
    Right,
    "A right that a person exercises at one house (GDPR, articles 15 to 21).",
    {
        Right.ACCESS: "To know what is kept, and get a copy (article 15).",
        Right.RECTIFICATION: "To have what is wrong put right (article 16).",
        Right.ERASURE: "To be forgotten (article 17).",
        Right.RESTRICTION: "To have the data left alone for now (article 18).",
        Right.PORTABILITY: "To take the data along (article 20).",
        Right.OBJECTION: "To object to a use (article 21).",
    },
)
describe(
    RightOutcome,
    "How a request was answered.",
    {
        RightOutcome.DONE: "Done as asked.",
        RightOutcome.PARTLY: "Done in part; the person was told why not wholly.",
        RightOutcome.REFUSED: "Refused; the person was told why, and where to complain.",
    },
)
describe(
    RequestState,
    "Whether a request still waits for its answer.",
    {RequestState.OPEN: "It waits.", RequestState.ANSWERED: "It was answered."},
)


@strawberry.type(
    description="A visitor's request under the GDPR. Says nothing of who asked: the house knows.",
    directives=READ_OR_DESK,
)
class VisitorRequest:
    reference: strawberry.ID = strawberry.field(description="The number for letters: R-XXXX-XXXX.")
    right: Right = strawberry.field(description="Which right was exercised.")
    received_on: date = strawberry.field(description="The day on which the house received it.")
    due_on: date = strawberry.field(
        description="A calendar month after that day, or three when it was extended (article 12(3))."
    )
    days_left: int | None = strawberry.field(
        description="Days until it is due, below zero when they have passed; null when it was answered."
    )
    is_overdue: bool = strawberry.field(description="Whether it waits, and its day has passed.")
    is_extended: bool = strawberry.field(description="Whether it was extended to three months.")
    state: RequestState = strawberry.field(description="Whether it still waits.")
    outcome: RightOutcome | None = strawberry.field(description="How it was answered; null while it waits.")
    answered_on: date | None = strawberry.field(description="The day on which it was answered.")
    position: int = strawberry.field(description="The entry that recorded it.")
    request_sha256: str = strawberry.field(description="As what the entries of the ledger name it.")


def visitor_request(found: RightRequest, today: date) -> VisitorRequest:
    """A request as GraphQL shows it, on this day."""
    return VisitorRequest(
        reference=strawberry.ID(found.reference),
        right=found.right,
        received_on=found.received,
        due_on=found.due,
        days_left=found.days_left(today),
        is_overdue=found.is_overdue(today),
        is_extended=found.is_extended,
        state=found.state,
        outcome=found.outcome,
        answered_on=found.answered,
        position=found.position,
        request_sha256=found.request_sha256,
    )


@strawberry.type(description="One request in a list.", directives=requires(Scope.CONSENT_READ))
class VisitorRequestEdge:
    node: VisitorRequest = strawberry.field(description="The request.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(
    description="A page of the requests to the own house.", directives=requires(Scope.CONSENT_READ)
)
class VisitorRequestConnection:
    edges: list[VisitorRequestEdge] = strawberry.field(description="The first that is due first.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")


@strawberry.input(description="A visitor exercised a right at your house.", directives=OPEN)
class RecordRightRequestInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    right: Right = strawberry.field(description="Which right.")
    received_on: date = strawberry.field(description="The day on which you received it; not in the future.")


@strawberry.input(description="Take two months more for one request.", directives=OPEN)
class ExtendRightRequestInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    reference: strawberry.ID = strawberry.field(description="The number of the request.")


@strawberry.input(description="Say that a request was answered.", directives=OPEN)
class AnswerRightRequestInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    reference: strawberry.ID = strawberry.field(description="The number of the request.")
    outcome: RightOutcome = strawberry.field(description="How it was answered.")


@strawberry.type(description="A request was recorded, extended or answered.", directives=DESK)
class RightRequestChanged:
    request: VisitorRequest = strawberry.field(description="The request as it stands now.")
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


RightRequestPayload = Annotated[
    RightRequestChanged | Refused,
    strawberry.union("RightRequestPayload", description="The request, or why it was refused."),
]


def right_changed(done: RightChanged | Refusal, today: date) -> RightRequestChanged | Refused:
    """A change of a request as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return RightRequestChanged(request=visitor_request(done.request, today), receipt=receipt(done.receipt))
