"""An audience as GraphQL asks for it and shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Annotated, TypeVar

import strawberry

from consent_ledger.permit import Period, Refusal
from consent_ledger.vocabulary import ProductionRef, Purpose, Scope
from insight.criteria import Criteria
from insight.figures import ReleasedAudience
from schema.directives import OPEN, requires
from schema.figure import AmountResult, BreakdownResult, CountResult, Shown, shown
from schema.refused import Refused, refused

WordT = TypeVar("WordT", bound=str)


@strawberry.input(description="Whole days of performances, both ends included.", directives=OPEN)
class PeriodInput:
    first_day: date = strawberry.field(description="The first day.")
    last_day: date = strawberry.field(description="The last day.")


@strawberry.input(
    description="Which part of an audience. What is named together must hold together.", directives=OPEN
)
class AudienceCriteria:
    period: PeriodInput | None = strawberry.field(
        default=None, description="Days of performances; none: all."
    )
    productions: list[strawberry.ID] | None = strawberry.field(
        default=None, description="References of the house's productions."
    )
    pc4: list[str] | None = strawberry.field(
        default=None,
        description="Four-digit postcode areas.",
        directives=requires(Scope.AUDIENCES_READ_PLACE),
    )
    provinces: list[str] | None = strawberry.field(
        default=None,
        description="Provinces, by their Dutch names.",
        directives=requires(Scope.AUDIENCES_READ_PLACE),
    )
    first_time: bool | None = strawberry.field(
        default=None,
        description="True: whose first known performance lies in the period; false: who returned.",
    )
    segments: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="Behaviour segments of ci-seg, B0 to B11.",
        directives=requires(Scope.AUDIENCES_READ_SEGMENT),
    )


def criteria(given: AudienceCriteria | None) -> tuple[Criteria, Period | None]:
    """What was asked, in the words of insight. Raises `CriteriaRefused` and `PeriodRefused`."""
    if given is None:
        return Criteria(), None
    named = Criteria(
        productions=_set(given.productions, ProductionRef),
        pc4=_set(given.pc4, str),
        provinces=_set(given.provinces, str),
        first_time=given.first_time,
        segments=_set(given.segments, str),
    )
    if given.period is None:
        return named, None
    return named, days(given.period)


class PeriodRefused(ValueError):
    """A period that ends before it starts."""

    code = "BAD_USER_INPUT"
    sentence = "The last day of a period cannot come before its first."
    next_step = "Swap the two days."


def days(given: PeriodInput) -> Period:
    """The days that were asked. Raises `PeriodRefused`."""
    if given.last_day < given.first_day or given.first_day == date.max:
        raise PeriodRefused
    end = given.last_day + timedelta(days=1) if given.last_day < date.max else date.max
    return Period(given.first_day, end)


def _set(given: Iterable[str] | None, make: Callable[[str], WordT]) -> frozenset[WordT] | None:
    return None if given is None else frozenset(map(make, given))


SPEND = requires(Scope.AUDIENCES_READ, Scope.AUDIENCES_READ_SPEND)
PLACE = requires(Scope.AUDIENCES_READ, Scope.AUDIENCES_READ_PLACE)
SEGMENT = requires(Scope.AUDIENCES_READ, Scope.AUDIENCES_READ_SEGMENT)


@strawberry.type(
    description="An audience: who came, how often, from where. A figure that cannot be given says why.",
    directives=requires(Scope.AUDIENCES_READ),
)
class Audience:
    purpose: Purpose = strawberry.field(description="The purpose for which it was read.")
    as_of: date = strawberry.field(description="The day that figures call today.")
    bookers: CountResult | None = strawberry.field(description="Known persons with a sold admission.")
    tickets: CountResult | None = strawberry.field(description="Sold admissions.")
    unidentified_tickets: CountResult | None = strawberry.field(
        description="Admissions of nobody known, or of somebody who may not be counted."
    )
    visits: CountResult | None = strawberry.field(description="Visits on tickets, scanned or assumed.")
    counted_visits: CountResult | None = strawberry.field(
        description="Visits counted at the door. Never added to tickets."
    )
    first_timers: CountResult | None = strawberry.field(
        description="Bookers whose first known performance lies in the period."
    )
    spend: AmountResult | None = strawberry.field(
        description="What visitors paid for performances: tickets and what was bought with them.",
        directives=SPEND,
    )
    average_ticket_price: AmountResult | None = strawberry.field(
        description="Ticket revenue divided by paid tickets.", directives=SPEND
    )
    segments: BreakdownResult | None = strawberry.field(
        description="Bookers by behaviour segment.", directives=SEGMENT
    )
    contexts: BreakdownResult | None = strawberry.field(
        description="Tickets by the kind of neighbourhood they come from.", directives=PLACE
    )


FIGURES = {
    "bookers": "bookers",
    "tickets": "tickets",
    "unidentifiedTickets": "unidentified_tickets",
    "visits": "visits",
    "countedVisits": "counted_visits",
    "firstTimers": "first_timers",
    "spend": "spend",
    "averageTicketPrice": "average_ticket_price",
    "segments": "segments",
    "contexts": "contexts",
}
"""The figures of insight by the field that shows them."""

AudienceResult = Annotated[
    Audience | Refused, strawberry.union("AudienceResult", description="An audience, or why it is refused.")
]


def audience(found: ReleasedAudience | Refusal, purpose: Purpose) -> Audience | Refused:
    """A released audience as GraphQL shows it."""
    if isinstance(found, Refusal):
        return refused(found)
    figures: dict[str, Shown] = {name: shown(figure) for name, figure in found.figures.items()}
    return Audience(
        purpose=purpose,
        as_of=found.as_of,
        **{name: figures.get(name) for name in FIGURES.values()},  # type: ignore[arg-type]  # by definition
    )
