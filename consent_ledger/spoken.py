"""Who of many persons spoke, and when: looked up in the standing by the thousands, one statement each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from sqlalchemy import ColumnElement, Connection, func, select

from consent_ledger.permit import Permit, Write
from consent_ledger.standing import INVALIDATED, standing
from consent_ledger.vocabulary import ConsentAct, PersonRef, Position

_NO = (ConsentAct.OBJECTED, ConsentAct.WITHDRAWN, ConsentAct.REFUSED)
_AT_ONCE = 1_000


def noes(
    permit: Permit[Write], connection: Connection, persons: Iterable[PersonRef], *, since: date
) -> list[tuple[PersonRef, Position, date]]:
    """Each time one of `persons` said no to the permit's purpose, in an entry of the day `since` or later."""
    found: list[tuple[PersonRef, Position, date]] = []
    for chunk in _chunks(persons):
        said = select(standing.c.person, standing.c.position, standing.c.day).where(
            *_by(permit, chunk), standing.c.act.in_(_NO), standing.c.day >= since.isoformat()
        )
        found += [
            (PersonRef(person), Position(position), date.fromisoformat(day))
            for person, position, day in connection.execute(said)
        ]
    return found


def spoke_since(
    permit: Permit[Write], connection: Connection, persons: Iterable[PersonRef], position: Position
) -> bool:
    """Whether one of `persons` said anything about the permit's purpose at `position` or later."""
    for chunk in _chunks(persons):
        later = select(standing.c.position).where(*_by(permit, chunk), standing.c.position >= position)
        if connection.execute(later.limit(1)).first() is not None:
            return True
    return False


def taken_back(permit: Permit[Write], connection: Connection, position: Position) -> int:
    """How many persons' consent a wrong notice took back, by its entry at `position`; who was erased counts no more."""
    persons = select(func.count(standing.c.person.distinct())).where(
        standing.c.controller == permit.controller,
        standing.c.position == position,
        standing.c.act == INVALIDATED,
    )
    return int(connection.scalar(persons) or 0)


def _chunks(persons: Iterable[PersonRef]) -> Iterator[Sequence[PersonRef]]:
    ordered = sorted(set(persons))
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))


def _by(permit: Permit[Write], persons: Sequence[PersonRef]) -> tuple[ColumnElement[bool], ...]:
    """The acts of these persons on the permit's purpose at its controller."""
    return (
        standing.c.controller == permit.controller,
        standing.c.person.in_(persons),
        standing.c.purpose == permit.purpose.value,
    )
