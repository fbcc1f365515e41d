"""Where persons of one house spoke: the entries, page by page, and who of them is still in the standing."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from consent_ledger.permit import Permit, Read
from consent_ledger.standing import INVALIDATED, standing
from consent_ledger.vocabulary import PersonRef, Position, Purpose


def spoken_at(
    permit: Permit[Read], connection: Connection, *, start: int, first: int, purpose: Purpose | None = None
) -> Sequence[Position]:
    """
    The first positions from `start` on in which somebody spoke at the permit's house, below its size, in order.

    An entry of which everybody was erased is none of them. A permit about one person gives that person's.
    """
    asked = select(standing.c.position).where(
        standing.c.controller == permit.controller,
        standing.c.position >= start,
        standing.c.position < permit.size,
        standing.c.act != INVALIDATED,
    )
    if purpose is not None:
        asked = asked.where(standing.c.purpose == purpose.value)
    if permit.person is not None:
        asked = asked.where(standing.c.person == permit.person)
    ordered = asked.distinct().order_by(standing.c.position).limit(first)
    return [Position(position) for (position,) in connection.execute(ordered)]


def persons_at(permit: Permit[Read], connection: Connection, position: int) -> frozenset[PersonRef]:
    """Who spoke at the permit's house in this entry, below its size, and was not erased since."""
    asked = select(standing.c.person).where(
        standing.c.controller == permit.controller,
        standing.c.position == position,
        standing.c.position < permit.size,
        standing.c.act != INVALIDATED,
    )
    if permit.person is not None:
        asked = asked.where(standing.c.person == permit.person)
    return frozenset(PersonRef(person) for (person,) in connection.execute(asked))
