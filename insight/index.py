"""
The audience index: the lines that exist for a permit, in memory, ready to be counted.

Disposable: built from the database at the position to which the permit's decision is pinned, never
written to, and right only there. Who is out for a purpose is a mask over persons, kept per purpose
and position of standing: the lines of such a person stay, and count as unidentified.

An index holds what one `Reach` lets exist (whose lines, which productions, sold from which day), so
that a line outside the permit is not in the memory from which the permit's figures are counted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import Any, Final, TypeAlias, TypeVar, final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from consent_ledger.permit import Permit, PersonFilter, Read
from consent_ledger.standing import barred, consenting
from consent_ledger.vocabulary import PartyId, ProductionRef
from insight.store.counts import VisitColumns, visit_counts
from insight.store.tickets import SoldLines, TicketColumns, lines, productions

NEVER: Final = np.iinfo(np.int32).max
"""The first day of a person without admissions, and of nobody."""

_PERSON_BYTES: Final = 97  # a reference of 32 signs and its place in a tuple
_MASKS: Final = 16  # person masks and labels kept per index
_ORDER_BYTES: Final = 4  # who stands behind an order (`insight.crowd`)

KeptT = TypeVar("KeptT")
Columns: TypeAlias = TicketColumns
"""The columns of one kind of line, for those who count over an index and may not read the store."""


class WrongIndex(Exception):
    """A permit was brought to an index of another house, reach, position or person filter."""

    code = "WRONG_INDEX"

    def __init__(self) -> None:
        super().__init__("this index was not opened for this permit")


@dataclass(frozen=True, slots=True)
class Reach:
    """Which lines exist at all: the part of a permit that decides what an index holds."""

    controller: PartyId
    productions: frozenset[ProductionRef] | None
    sold_from: date | None

    @classmethod
    def of(cls, permit: Permit[Read]) -> Reach:
        return cls(permit.controller, permit.productions, permit.sold_from)


@final
class Lines:
    """The columns of one reach at one data position, and what follows from them for every purpose."""

    def __init__(
        self,
        reach: Reach,
        data_position: int,
        sold: SoldLines,
        visits: VisitColumns,
        genre_of: dict[ProductionRef, str],
    ) -> None:
        self.reach = reach
        self.data_position = data_position
        self.tickets = tickets = sold.admissions
        self.products = sold.products
        self.visits = visits
        genres = sorted(set(genre_of.values()) - {"unknown"})
        self.genres = tuple(genres)
        self.genre: NDArray[np.int32] = np.array(  # of each production; -1: unknown
            [genres.index(g) if (g := genre_of.get(ref)) in genres else -1 for ref in tickets.productions],
            np.int32,
        )
        self.first_day: NDArray[np.int32] = np.full(len(tickets.persons) + 1, NEVER, np.int32)
        np.minimum.at(self.first_day, tickets.person, tickets.day)
        self.first_day[-1] = NEVER  # the last place is nobody's: unidentified lines have person -1
        self.scanned: NDArray[np.bool_] = np.zeros(tickets.performances + 1, np.bool_)
        self.scanned[tickets.performance[tickets.attended]] = True
        lines = (*tickets.arrays, *self.products.arrays)
        arrays = (*lines, visits.day, visits.kind, visits.number, visits.revenue, self.genre)
        for array in (*arrays, self.first_day, self.scanned):
            array.setflags(write=False)
        persons = len(tickets.persons)
        self.nbytes = (
            sum(array.nbytes for array in arrays)
            + self.first_day.nbytes
            + self.scanned.nbytes
            + persons * (_PERSON_BYTES + _MASKS)
            + tickets.orders * _ORDER_BYTES
        )
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    @property
    def history_start(self) -> date | None:
        """The first performance day that is known."""
        return date.fromordinal(int(self.tickets.day[0])) if len(self.tickets) else None

    def kept(self, key: Hashable, make: Callable[[], KeptT]) -> KeptT:
        """What was computed under this key before, or computed now; the least recently used is dropped."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: KeptT = self._kept[key]
                return found
        made = make()  # outside the lock: two threads may compute the same, and get the same
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _MASKS:
                self._kept.popitem(last=False)
        return made


@final
@dataclass(frozen=True, slots=True)
class AudienceIndex:
    """The lines of a reach, and who of their persons may be counted: as one permit sees them."""

    lines: Lines
    counted: NDArray[np.bool_]  # by person; the last place, for person -1, is False
    standing: Hashable

    def open_to(self, permit: Permit[Read]) -> None:
        """Refuse every permit but one for this reach, position and person filter."""
        is_same = (
            self.lines.reach == Reach.of(permit)
            and self.lines.data_position == permit.data_position
            and self.standing == _standing(permit)
        )
        if not is_same:
            raise WrongIndex


@final
class Indexes:
    """
    The indexes of one process: bounded in bytes, shared by threads, right at the permit's position.

    One index stands per reach, of its newest position. A permit pinned before that gets an index of
    its own, which is not kept. One thread builds; others that need the same wait for it.
    """

    def __init__(self, *, max_bytes: int = 1 << 30) -> None:
        self.max_bytes = max_bytes
        self._held: OrderedDict[Reach, Lines] = OrderedDict()
        self._lock = Lock()
        self._building = tuple(Lock() for _ in range(16))

    @property
    def nbytes(self) -> int:
        with self._lock:
            return sum(held.nbytes for held in self._held.values())

    def of(self, permit: Permit[Read], connection: Connection) -> AudienceIndex:
        """
        The index for this permit. `connection` is the read transaction in which the permit's
        decision was pinned, so that rows, standing and decision are of one moment.
        """
        held = self._lines(permit, connection)
        standing = _standing(permit)
        counted = held.kept(("counted", standing), lambda: _counted(permit, connection, held))
        return AudienceIndex(held, counted, standing)

    def forget(self) -> None:
        """Drop every index; the next question builds anew."""
        with self._lock:
            self._held.clear()

    def _lines(self, permit: Permit[Read], connection: Connection) -> Lines:
        reach = Reach.of(permit)
        found = self._find(reach, permit.data_position)
        if found is None:
            with self._building[hash(reach) % len(self._building)]:
                found = self._find(reach, permit.data_position)  # built while we waited
                if found is None:
                    found = _build(reach, permit, connection)
                    self._keep(found)
        return found

    def _find(self, reach: Reach, data_position: int) -> Lines | None:
        with self._lock:
            held = self._held.get(reach)
            if held is None or held.data_position != data_position:
                return None
            self._held.move_to_end(reach)
            return held

    def _keep(self, built: Lines) -> None:
        with self._lock:
            held = self._held.get(built.reach)
            if built.nbytes > self.max_bytes or (held and held.data_position > built.data_position):
                return
            self._held[built.reach] = built
            self._held.move_to_end(built.reach)
            while sum(lines.nbytes for lines in self._held.values()) > self.max_bytes:
                self._held.popitem(last=False)


def _build(reach: Reach, permit: Permit[Read], connection: Connection) -> Lines:
    genre_of = {production.ref: production.genre for production in productions(permit, connection)}
    sold, visits = lines(permit, connection), visit_counts(permit, connection)
    return Lines(reach, permit.data_position, sold, visits, genre_of)


def _standing(permit: Permit[Read]) -> Hashable:
    """What holds until a day stops on that day, so persons are counted by the day as well."""
    return permit.purpose, permit.persons, permit.standing_position, permit.at.date()


def _counted(permit: Permit[Read], connection: Connection, held: Lines) -> NDArray[np.bool_]:
    """Who may be counted as a person, for this purpose, at this position of standing."""
    persons = held.tickets.persons
    counted = np.ones(len(persons) + 1, np.bool_)
    out = barred(permit, connection)
    if out:
        counted[:-1] &= np.fromiter((person not in out for person in persons), np.bool_, len(persons))
    if permit.persons is PersonFilter.ONLY_CONSENTING:
        agreeing = consenting(permit, connection)
        counted[:-1] &= np.fromiter((person in agreeing for person in persons), np.bool_, len(persons))
    counted[-1] = False
    counted.setflags(write=False)
    return counted
