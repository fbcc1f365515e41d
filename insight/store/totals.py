"""
What one house contributes to a release: its visits and takings, per day and without any person.

A house that sells tickets contributes its sold admissions, a house that counts its counted visits;
one house never contributes both, because a visitor with a ticket may also pass a counter.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, Select, func, literal, select

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject
from consent_ledger.vocabulary import FieldGroup
from insight.store import require
from insight.tables import ticket_line, visit_count

TICKETS: Final = "tickets"
COUNTS: Final = "counts"
COUNTED_IN: Final = "EUR"
"""Counters tell their takings in euro cents; `visit_count` has no currency of its own."""


class SpendNotPermitted(Exception):
    """A permit without the field groups that totals are made of."""

    code = "FIELD_NOT_COVERED"

    def __init__(self) -> None:
        super().__init__("totals of visits and takings need a permit for the field groups base and spend")


class DayTotal(NamedTuple):
    """All visits to one house on one day, and what they paid."""

    day: str  # YYYY-MM-DD, local
    currency: str
    visits: int
    revenue: int  # cents


def daily_totals(permit: Permit[Read], connection: Connection, unit: str) -> list[DayTotal]:
    """
    The totals of the permit's controller per day, in the unit the register says it counts by.

    Bounded by the permit: its period, its productions, and the day of sale from which lines may be
    used. A count names nobody and was sold to nobody, so a day of sale does not bound it; it belongs
    to a place, so a permit for some productions sees none. An objection takes a person out and
    leaves the ticket and its price (design 6): totals are the same before and after it.

    Raises `SpendNotPermitted`, and `WrongPermit` for a permit about something else.
    """
    require(permit, Subject.AUDIENCE)
    if not permit.groups >= {FieldGroup.BASE, FieldGroup.SPEND}:
        raise SpendNotPermitted
    statement = _sold(permit) if unit == TICKETS else _counted(permit)
    return [DayTotal._make(row) for row in connection.execute(statement)]


def _sold(permit: Permit[Read]) -> Select[tuple[str, str, int, int]]:
    line = ticket_line.c
    statement = (
        select(line.day, line.currency, func.count(), func.sum(line.gross))
        .where(line.institution == permit.controller, line.kind == "admission", line.status == "sold")
        .group_by(line.day, line.currency)
        .order_by(line.day, line.currency)
    )
    if permit.sold_from is not None:
        statement = statement.where(line.ordered_day >= permit.sold_from.isoformat())
    if permit.productions is not None:
        statement = statement.where(line.production.in_(sorted(permit.productions)))
    if permit.period is not None:
        statement = statement.where(
            line.day >= permit.period.start.isoformat(), line.day < permit.period.end.isoformat()
        )
    return statement


def _counted(permit: Permit[Read]) -> Select[tuple[str, str, int, int]]:
    counted = visit_count.c
    statement = (
        select(
            counted.day,
            literal(COUNTED_IN).label("currency"),
            func.sum(counted.number),
            func.sum(counted.revenue),
        )
        .where(counted.institution == permit.controller)
        .group_by(counted.day)
        .order_by(counted.day)
    )
    if permit.productions is not None:
        statement = statement.where(literal(value=False))
    if permit.period is not None:
        statement = statement.where(
            counted.day >= permit.period.start.isoformat(), counted.day < permit.period.end.isoformat()
        )
    return statement
