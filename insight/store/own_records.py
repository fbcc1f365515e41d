"""
What a house knows of one visitor: the lines of that person, for the person alone.

Each function takes a permit about one person and finds in it whose rows it may give; a permit that is
about nobody opens none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, select

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject
from insight.store import require
from insight.tables import performance, production, ticket_line


@dataclass(frozen=True, slots=True)
class OwnLine:
    """One thing that the person bought or reserved, as it stands now; `gross` in cents."""

    source: str
    order_ref: str
    line_ref: str
    production: str
    starts_at: str
    day: str
    ordered_at: str
    kind: str
    status: str
    price_type: str
    gross: int
    currency: str
    channel: str
    pc4: str | None
    country: str | None
    attended_at: str | None

    def as_json(self) -> dict[str, Any]:
        """Under the names of the columns, which are those of the intake."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Held:
    """How many admissions are linked to the person, and of which days; days as YYYY-MM-DD."""

    tickets: int
    first_day: str | None
    last_day: str | None


def own_lines(permit: Permit[Read], connection: Connection) -> list[OwnLine]:
    """Every line at the permit's controller that is linked to the permit's person, in order of day."""
    line = ticket_line.c
    rows = connection.execute(
        select(
            line.source,
            line.order_ref,
            line.line_ref,
            production.c.title,
            performance.c.starts_at,
            line.day,
            line.ordered_at,
            line.kind,
            line.status,
            line.price_type,
            line.gross,
            line.currency,
            line.channel,
            line.pc4,
            line.country,
            line.attended_at,
        )
        .join_from(
            ticket_line,
            performance,
            and_(performance.c.institution == line.institution, performance.c.ref == line.performance),
        )
        .join(
            production,
            and_(production.c.institution == line.institution, production.c.ref == line.production),
        )
        .where(_own(permit))
        .order_by(line.day, line.source, line.order_ref, line.line_ref)
    )
    return [OwnLine(*tuple(row)) for row in rows]


def held(permit: Permit[Read], connection: Connection) -> Held:
    """The same as a number and two days."""
    line = ticket_line.c
    query = select(func.count(), func.min(line.day), func.max(line.day)).where(
        _own(permit), line.kind == "admission", line.status == "sold"
    )
    return Held(*connection.execute(query).one())


def _own(permit: Permit[Read]) -> ColumnElement[bool]:
    require(permit, Subject.PERSON)
    if permit.person is None:
        return false()
    line = ticket_line.c
    return and_(line.institution == permit.controller, line.person == permit.person, line.severed == 0)
