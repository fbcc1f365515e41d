"""
Where each person stands: the acts that entries recorded, one row per act, at the position of its entry.

The rows are a projection: written in the transaction of their entry, effective for a reader only when
the entry lies below the size that the reader pinned, rebuilt from the vault and the ledger, deleted at
erasure. A person is named by the vault's reference alone.

What holds for one person and one purpose at one controller:

- a restriction (GDPR, article 18) bars every purpose, from `RESTRICTED` until a later `LIFTED` on the
  purpose under which it was laid; it covers what stood before and takes nothing away, so lifting it
  brings back neither more nor less than that (an objection stands until a later grant or renewal);
- otherwise the latest act on the purpose holds: objected, withdrawn and refused bar; granted and
  renewed consent; with no act at all the person is neither barred nor consenting.

Two controllers never share a row: an objection at one says nothing at another.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Select,
    Table,
    Text,
    and_,
    delete,
    exists,
    insert,
    select,
)

from consent_ledger.naming import NAMING
from consent_ledger.permit import Permit, Read
from consent_ledger.vocabulary import ConsentAct, PartyId, PersonRef, Position, Purpose

metadata = MetaData(naming_convention=NAMING)

standing = Table(
    "standing",
    metadata,
    Column("controller", Text, nullable=False),
    Column("person", Text, nullable=False),  # the vault's reference
    Column("purpose", Text, nullable=False),
    Column("position", BigInteger, nullable=False),  # of the entry that recorded the act
    Column("act", Text, nullable=False),
    PrimaryKeyConstraint("controller", "person", "purpose", "position"),
    CheckConstraint("position >= 0", name="position"),
    Index(None, "controller", "purpose", "act"),
)
"""One act of one person on one purpose. Rows are added and, at erasure or rebuild, deleted; never changed."""

Row = tuple[PartyId, PersonRef, Purpose, ConsentAct, Position]

_BARRING = (ConsentAct.OBJECTED, ConsentAct.WITHDRAWN, ConsentAct.REFUSED)
_CONSENTING = (ConsentAct.GRANTED, ConsentAct.RENEWED)
_RESTRICTING = (ConsentAct.RESTRICTED, ConsentAct.LIFTED)
_CHUNK = 10_000


def record(  # noqa: PLR0917 - a row, in the order in which it is said
    connection: Connection,
    controller: PartyId,
    person: PersonRef,
    purpose: Purpose,
    act: ConsentAct,
    position: Position,
) -> None:
    """Keep one act. Called inside the transaction of its entry: both are there, or neither."""
    connection.execute(
        insert(standing),
        {
            "controller": controller,
            "person": person,
            "purpose": purpose.value,
            "act": act.value,
            "position": position,
        },
    )


def barred(permit: Permit[Read], connection: Connection) -> frozenset[PersonRef]:
    """The persons whom the permit's purpose must not count, as recorded below the permit's size."""
    refusing = _holding(permit, _BARRING)
    return frozenset(
        PersonRef(person) for (person,) in connection.execute(refusing.union(_restricted(permit)))
    )


def consenting(permit: Permit[Read], connection: Connection) -> frozenset[PersonRef]:
    """The persons who agreed to the permit's purpose and still do, as recorded below the permit's size."""
    agreed = _holding(permit, _CONSENTING)
    return frozenset(
        PersonRef(person) for (person,) in connection.execute(agreed.except_(_restricted(permit)))
    )


def latest(permit: Permit[Read], connection: Connection, person: PersonRef) -> ConsentAct | None:
    """
    The act that decides for one person and the permit's purpose; None when there is none.

    `RESTRICTED` when a restriction stands, on whichever purpose; never `LIFTED`.
    """
    laid = _restricted(permit).where(standing.c.person == person).limit(1)
    if connection.execute(laid).first() is not None:
        return ConsentAct.RESTRICTED
    act = connection.scalar(
        _acts(permit)
        .with_only_columns(standing.c.act)
        .where(
            standing.c.person == person,
            standing.c.purpose == permit.purpose.value,
            standing.c.act.not_in(_RESTRICTING),
        )
        .order_by(standing.c.position.desc())
        .limit(1)
    )
    return None if act is None else ConsentAct(act)


def rebuild(connection: Connection, acts: Iterable[Row]) -> int:
    """
    Replace the whole projection by `acts`; returns how many there are.

    In the caller's transaction, so that no reader ever sees a half-filled projection.
    """
    connection.execute(delete(standing))
    rows, count = iter(acts), 0
    while chunk := [
        {
            "controller": controller,
            "person": person,
            "purpose": str(purpose),
            "act": str(act),
            "position": position,
        }
        for controller, person, purpose, act, position in islice(rows, _CHUNK)
    ]:
        connection.execute(insert(standing), chunk)
        count += len(chunk)
    return count


def _acts(permit: Permit[Read]) -> Select[str]:
    """The persons with an act at the permit's controller that the permit's reader may know of."""
    return select(standing.c.person).where(
        standing.c.controller == permit.controller, standing.c.position < permit.size
    )


def _holding(permit: Permit[Read], acts: tuple[ConsentAct, ...]) -> Select[str]:
    """The persons whose latest act on the permit's purpose is one of `acts`, restrictions aside."""
    later = standing.alias()
    overtaken = exists().where(
        later.c.controller == standing.c.controller,
        later.c.person == standing.c.person,
        later.c.purpose == standing.c.purpose,
        later.c.position > standing.c.position,
        later.c.position < permit.size,
        later.c.act.not_in(_RESTRICTING),
    )
    return _acts(permit).where(
        standing.c.purpose == permit.purpose.value, standing.c.act.in_(acts), ~overtaken
    )


def _restricted(permit: Permit[Read]) -> Select[str]:
    """The persons at the permit's controller under a restriction that was not lifted, on any purpose."""
    later = standing.alias()
    lifted = exists().where(
        and_(
            later.c.controller == standing.c.controller,
            later.c.person == standing.c.person,
            later.c.purpose == standing.c.purpose,
            later.c.position > standing.c.position,
            later.c.position < permit.size,
            later.c.act == ConsentAct.LIFTED,
        )
    )
    return _acts(permit).where(standing.c.act == ConsentAct.RESTRICTED, ~lifted)
