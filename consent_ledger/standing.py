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
  renewed consent until their day, when one was told; with no act at all the person is neither barred
  nor consenting;
- when a notice proves wrong, what was given under it is as if it had never been: a row `invalidated`
  for each such person, at the position of the entry, neither bars nor consents;
- a no stands until something is validly given after it: when that runs out or proves invalid, the no
  stands again.

Two controllers never share a row: an objection at one says nothing at another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Row,
    Select,
    Table,
    Text,
    and_,
    delete,
    exists,
    insert,
    literal,
    null,
    or_,
    select,
)

from consent_ledger.consent_states import ConsentState, after, expired, invalidated
from consent_ledger.naming import NAMING
from consent_ledger.permit import Permit, Read, Write
from consent_ledger.vocabulary import ConsentAct, PartyId, PersonRef, Position, Purpose

metadata = MetaData(naming_convention=NAMING)

standing = Table(
    "standing",
    metadata,
    Column("controller", Text, nullable=False),
    Column("person", Text, nullable=False),  # the vault's reference
    Column("purpose", Text, nullable=False),
    Column("position", BigInteger, nullable=False),  # of the entry that recorded the act
    Column("act", Text, nullable=False),  # a ConsentAct, or INVALIDATED
    Column("day", Text, nullable=False, server_default=""),  # of the entry
    Column("until", Text),  # of what was given: the day from which it no longer holds
    Column("notice", Text),  # under which it was said, and in which version
    Column("notice_version", Integer),
    PrimaryKeyConstraint("controller", "person", "purpose", "position"),
    CheckConstraint("position >= 0", name="position"),
    Index(None, "controller", "purpose", "act"),
)
"""One act of one person on one purpose. Rows are added and, at erasure or rebuild, deleted; never changed."""

INVALIDATED = "invalidated"
"""Written instead of an act where the notice under which somebody gave consent proved wrong."""


@dataclass(frozen=True, slots=True)
class Said:
    """One act of one person, as an entry recorded it."""

    controller: PartyId
    person: PersonRef
    purpose: Purpose
    act: ConsentAct
    position: Position
    day: date
    until: date | None = None
    notice: tuple[str, int] | None = None

    def row(self) -> dict[str, object]:
        """The act as it stands in the table."""
        notice, version = self.notice or (None, None)
        return {
            "controller": self.controller,
            "person": self.person,
            "purpose": self.purpose.value,
            "act": self.act.value,
            "position": self.position,
            "day": self.day.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
            "notice": notice,
            "notice_version": version,
        }


_BARRING = (ConsentAct.OBJECTED, ConsentAct.WITHDRAWN, ConsentAct.REFUSED)
_CONSENTING = (ConsentAct.GRANTED, ConsentAct.RENEWED)
_RESTRICTING = (ConsentAct.RESTRICTED, ConsentAct.LIFTED)
_CHUNK = 10_000


def record(connection: Connection, acts: Iterable[Said]) -> int:
    """Keep these acts, in the transaction of their entry: all are there, or none. Returns how many."""
    rows, count = iter(acts), 0
    while chunk := [act.row() for act in islice(rows, _CHUNK)]:
        connection.execute(insert(standing), chunk)
        count += len(chunk)
    return count


def invalidate(  # noqa: PLR0917 - a row, in the order in which it is said
    connection: Connection, controller: PartyId, notice: str, version: int, position: Position, day: date
) -> None:
    """
    Take back what was given under a notice that proved wrong, from `position` on; in its entry's transaction.

    Whoever decided again since, under another notice, is left as decided. What stands at later positions
    makes no difference: so a rebuild gives the same rows.
    """
    later = standing.alias()
    overtaken = exists().where(
        later.c.controller == standing.c.controller,
        later.c.person == standing.c.person,
        later.c.purpose == standing.c.purpose,
        later.c.position > standing.c.position,
        later.c.position < position,
        later.c.act.not_in(_RESTRICTING),
    )
    given = select(
        standing.c.controller,
        standing.c.person,
        standing.c.purpose,
        literal(int(position)),
        literal(INVALIDATED),
        literal(day.isoformat()),
        null(),
        standing.c.notice,
        standing.c.notice_version,
    ).where(
        standing.c.controller == controller,
        standing.c.position < position,
        standing.c.notice == notice,
        standing.c.notice_version == version,
        standing.c.act.in_(_CONSENTING),
        ~overtaken,
    )
    names = [
        "controller", "person", "purpose", "position", "act", "day", "until", "notice", "notice_version",
    ]  # fmt: skip
    connection.execute(insert(standing).from_select(names, given))


def forget(connection: Connection, controller: PartyId, person: PersonRef) -> None:
    """Remove every act of an erased person; in the transaction of `subject.erased`."""
    connection.execute(
        delete(standing).where(standing.c.controller == controller, standing.c.person == person)
    )


def barred(permit: Permit[Read], connection: Connection) -> frozenset[PersonRef]:
    """The persons whom the permit's purpose must not count, as recorded below the permit's size."""
    refusing = _acts(permit).where(standing.c.purpose == permit.purpose.value, standing.c.act.in_(_BARRING))
    # Consent that ran out, or proved invalid, allows nothing: then the no before it stands again.
    out = refusing.except_(_allowing(permit)), _restricted(permit)
    return frozenset(PersonRef(person) for said in out for (person,) in connection.execute(said))


def consenting(permit: Permit[Read], connection: Connection) -> frozenset[PersonRef]:
    """The persons who agreed to the permit's purpose and still do, as recorded below the permit's size."""
    agreed = _allowing(permit)
    return frozenset(
        PersonRef(person) for (person,) in connection.execute(agreed.except_(_restricted(permit)))
    )


def rebuild(connection: Connection, acts: Iterable[Said]) -> int:
    """
    Replace the whole projection by `acts`; returns how many there are.

    In the caller's transaction, so that no reader ever sees a half-filled projection. What notices took
    back is taken back again by `invalidate`, in the order of the entries.
    """
    connection.execute(delete(standing))
    return record(connection, acts)


@dataclass(frozen=True, slots=True)
class Stand:
    """Where consent stands for one person and purpose, and whether the person's data are frozen."""

    state: ConsentState
    is_restricted: bool
    since: date | None
    said: tuple[Position, ...]


def stand(permit: Permit[Write] | Permit[Read], connection: Connection, person: PersonRef) -> Stand:
    """
    Where this person stands for the permit's purpose, on the permit's day.

    By everything this transaction sees: inside the transaction that writes the next act, nothing can come
    between. A permit to read sees only what lies below its size, and was said by its day.
    """
    state, since, restrictions = ConsentState.UNKNOWN, None, dict[str, bool]()
    until: str | None = None
    said: list[Position] = []
    for row in connection.execute(_of(permit, person).order_by(standing.c.position)):
        if row.act in _RESTRICTING:
            restrictions[row.purpose] = row.act == ConsentAct.RESTRICTED
        if row.purpose != permit.purpose:
            continue
        said.append(Position(row.position))
        if row.act == INVALIDATED:
            state, since, until = invalidated(state), row.day, None
        elif row.act not in _RESTRICTING:
            if _is_past(until, row.day):
                state = expired(state)
            state, since, until = after(state, ConsentAct(row.act)), row.day, row.until
    if _is_past(until, permit.at.date().isoformat()):
        state, since = expired(state), until
    return Stand(
        state,
        is_restricted=any(restrictions.values()),
        since=date.fromisoformat(since) if since else None,
        said=tuple(said),
    )


def own_acts(permit: Permit[Read], connection: Connection) -> Sequence[Row[*tuple[object, ...]]]:
    """
    Everything that the permit's one person said at the permit's controller, for all purposes, in order.

    Rows of `purpose act position day until notice notice_version`. A permit about nobody gives nothing.
    """
    if permit.person is None:
        return []
    return connection.execute(_of(permit, permit.person).order_by(standing.c.position)).all()


def _of(permit: Permit[Write] | Permit[Read], person: PersonRef) -> Select[*tuple[object, ...]]:
    acts = select(
        standing.c.purpose,
        standing.c.act,
        standing.c.position,
        standing.c.day,
        standing.c.until,
        standing.c.notice,
        standing.c.notice_version,
    ).where(standing.c.controller == permit.controller, standing.c.person == person)
    if permit.act is not Read:
        return acts
    # nothing is dated back: asked of an earlier day, what was said later was not said yet
    return acts.where(standing.c.position < permit.size, standing.c.day <= permit.at.date().isoformat())


def _is_past(until: str | None, day: str) -> bool:
    return until is not None and until <= day


def _acts(permit: Permit[Read]) -> Select[str]:
    """The persons with an act at the permit's controller that the permit's reader may know of."""
    return select(standing.c.person).where(
        standing.c.controller == permit.controller, standing.c.position < permit.size
    )


def _allowing(permit: Permit[Read]) -> Select[str]:
    """The persons whose latest act on the permit's purpose gave consent that holds on the permit's day."""
    today = permit.at.date().isoformat()
    return _holding(permit, _CONSENTING).where(or_(standing.c.until.is_(None), standing.c.until > today))


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
