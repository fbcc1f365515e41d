"""
A selection: the lines that a permit shows and criteria mean, and the persons behind them.

The period, the productions, the day of sale and the persons who may be counted come from the permit;
the criteria choose among what those leave. Beside what is meant stands what is left out, and in which
parts the criteria cut the whole: under an agreement that decides whether anything may be said at all.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from consent_ledger.permit import Permit, Read
from consent_ledger.vocabulary import Reason
from insight.contexts import places
from insight.criteria import EVERYBODY, Criteria
from insight.crowd import Buyers, Partition, barrier, buyers, crowd
from insight.figures import RawCoverage, minimum_of
from insight.index import NEVER, AudienceIndex, Columns
from insight.segments import SEGMENTS, UNIDENTIFIED, labels, months_before

HISTORY_MONTHS: Final = 36
"""Known history before a period without which first-timers are called left-censored."""

Rows = NDArray[np.bool_]
ScalarT = TypeVar("ScalarT", bound=np.generic)


@dataclass(frozen=True)
class SelectedLines:
    """The lines of one kind that are meant; every column is computed once, when asked."""

    selection: Selection
    columns: Columns

    def __len__(self) -> int:
        return len(self.who)

    @cached_property
    def window(self) -> slice:
        """The period as a slice: lines stand in order of day."""
        period, day = self.selection.permit.period, self.columns.day
        if period is None:
            return slice(0, len(day))
        edges = np.searchsorted(day, [period.start.toordinal(), period.end.toordinal()])
        return slice(int(edges[0]), int(edges[1]))

    @cached_property
    def rows(self) -> Rows | None:
        """Which lines of the window are meant; None: all."""
        criteria, columns = self.selection.criteria, self.columns
        pc4 = columns.pc4[self.window]
        found: list[Rows] = []
        if criteria.productions is not None:
            named = np.array([ref in criteria.productions for ref in columns.productions], np.bool_)
            found.append(named[columns.production[self.window]])
        if criteria.pc4 is not None:
            areas = np.array(sorted(int(area) for area in criteria.pc4), np.int16)
            found.append(np.isin(pc4, areas) & (pc4 > 0))
        if criteria.provinces is not None:
            asked = [province in criteria.provinces for province in places().provinces]
            found.append(np.array([*asked, False])[places().province[pc4]])  # -1, unknown, is the last
        if criteria.first_time is not None or criteria.segments is not None:
            found.append(self.selection.meant[columns.person[self.window]])
        rows: Rows | None = np.logical_and.reduce(found) if found else None
        return rows

    @cached_property
    def partitions(self) -> tuple[Partition, ...]:
        """The lines of the window, parted by each criterion that narrows."""
        criteria, columns, selection = self.selection.criteria, self.columns, self.selection
        pc4, person = columns.pc4[self.window], columns.person[self.window]
        found: list[Partition] = []
        if criteria.productions is not None:
            named = _positions(columns.productions, criteria.productions)
            found.append(Partition(columns.production[self.window], len(columns.productions), named))
        if criteria.pc4 is not None:
            areas = np.array(sorted({int(area) for area in criteria.pc4} - {0}), np.int64)
            found.append(Partition(pc4, len(places().province), areas, nameless=0))
        if criteria.provinces is not None:
            known = places().provinces
            part = places().province[pc4].astype(np.int64)
            part[part < 0] = len(known)
            named = _positions(known, criteria.provinces)
            found.append(Partition(part, len(known) + 1, named, nameless=len(known)))
        if criteria.first_time is not None:
            news = np.select([selection.is_new, selection.is_returning], [0, 1], 2)
            news[~selection.index.counted] = 2  # nobody can be asked for as neither
            named = np.array([0 if criteria.first_time else 1])
            found.append(Partition(news[person], 3, named, nameless=2))
        if criteria.segments is not None:
            label = labels(selection.index.lines, selection.today).copy()
            label[~selection.index.counted] = SEGMENTS.index(UNIDENTIFIED)
            found.append(Partition(label[person], len(SEGMENTS), _positions(SEGMENTS, criteria.segments)))
        return tuple(found)

    @cached_property
    def everybody(self) -> Buyers:
        """Who stands behind each line of the window, whether or not that person may be counted."""
        return buyers(self.selection.index.lines, self.columns, self.window)

    @cached_property
    def buyers(self) -> Buyers:
        """Who stands behind each line that is meant."""
        return self.everybody if self.rows is None else self.everybody[self.rows]

    @cached_property
    def left_out(self) -> int:
        """How many persons stand behind the lines of the window that are not meant."""
        return 0 if self.rows is None else crowd(self.everybody[~self.rows])

    def of(self, column: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """A column, of the lines that are meant."""
        windowed = column[self.window]
        return windowed if self.rows is None else windowed[self.rows]

    @cached_property
    def who(self) -> NDArray[np.int32]:
        """The person of each line, -1 for nobody known."""
        return self.of(self.columns.person)

    @cached_property
    def gross(self) -> NDArray[np.int64]:
        return self.of(self.columns.gross)

    @cached_property
    def behind(self) -> NDArray[np.bool_]:
        return self.persons()

    def persons(self, rows: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Which persons, of those who may be counted, stand behind these of the lines."""
        counted = self.selection.index.counted
        behind = np.zeros(len(counted), np.bool_)
        behind[self.who if rows is None else self.who[rows]] = True
        return behind & counted


@dataclass(frozen=True)
class Selection:
    """What is meant, and the persons behind it."""

    permit: Permit[Read]
    index: AudienceIndex
    criteria: Criteria
    today: date
    at_least: int = 0

    @cached_property
    def tickets(self) -> SelectedLines:
        return SelectedLines(self, self.index.lines.tickets)

    @cached_property
    def products(self) -> SelectedLines:
        """What was bought with tickets: it counts in spend, and nowhere else."""
        return SelectedLines(self, self.index.lines.products)

    @cached_property
    def meant(self) -> NDArray[np.bool_]:
        """By person: of the kind that is meant; nobody known, and who may not be counted, only as B0."""
        criteria, counted = self.criteria, self.index.counted
        meant = counted.copy()
        if criteria.first_time is not None:
            meant &= self.is_new if criteria.first_time else self.is_returning
        if criteria.segments is not None:
            asked = np.array([segment in criteria.segments for segment in SEGMENTS], np.bool_)
            meant &= asked[labels(self.index.lines, self.today)]
            if UNIDENTIFIED in criteria.segments and criteria.first_time is None:
                meant |= ~counted
        return meant

    @cached_property
    def is_new(self) -> NDArray[np.bool_]:
        """By person: whether the first known performance day lies in the period."""
        first, period = self.index.lines.first_day, self.permit.period
        if period is None:
            return np.asarray(first != NEVER, np.bool_)
        return (first >= period.start.toordinal()) & (first < period.end.toordinal())

    @cached_property
    def is_returning(self) -> NDArray[np.bool_]:
        """By person: whether the first known performance day lies before the period."""
        first, period = self.index.lines.first_day, self.permit.period
        if period is None:
            return np.zeros(len(first), np.bool_)
        return np.asarray(first < period.start.toordinal(), np.bool_)

    @cached_property
    def bookers(self) -> int:
        return int(np.count_nonzero(self.tickets.behind))

    @cached_property
    def spending(self) -> NDArray[np.bool_]:
        """By person: whether euros of theirs are counted in spend."""
        return self.tickets.behind | self.products.behind

    @cached_property
    def minimum(self) -> int:
        return minimum_of(self.permit, self.at_least)

    def crowd(self, rows: Rows) -> int:
        """How many persons stand behind these of the tickets; not counted where nobody is hidden."""
        return crowd(self.tickets.buyers[rows]) if self.minimum else 0

    @cached_property
    def hides_nobody(self) -> bool:
        """Whether nobody can be told apart by what the criteria leave out; from its own house nobody is hidden."""
        return self.criteria.are_open or not self.minimum

    @cached_property
    def left_out(self) -> int:
        """
        How many persons stand behind tickets that the permit shows and the criteria leave out; or how
        many bookers have no others, when those are fewer, but not none.
        """
        if self.hides_nobody:
            return 0
        whole = Selection(self.permit, self.index, EVERYBODY, self.today, self.at_least)
        return min(self.tickets.left_out, whole.bookers - self.bookers or self.tickets.left_out)

    @cached_property
    def barrier(self) -> Reason | None:
        """Why nothing may be said of the tickets that are meant: the criteria name too small a part."""
        return None if self.hides_nobody else self.barrier_of(self.tickets)

    @cached_property
    def barrier_of_spend(self) -> Reason | None:
        """Why nothing may be said of the tickets and products that are meant, taken together."""
        tickets, products = self.tickets, self.products
        if self.hides_nobody:
            return None
        if 0 < products.left_out < self.minimum:
            return Reason.COMPLEMENTARY
        parted = tuple(
            replace(one, part=np.concatenate([one.part, other.part]))
            for one, other in zip(tickets.partitions, products.partitions, strict=True)
        )
        return self._barrier(np.concatenate([tickets.everybody, products.everybody]), parted)

    def barrier_of(self, lines: SelectedLines) -> Reason | None:
        """Why these of the lines may not be told apart from the others of their kind."""
        return self._barrier(lines.everybody, lines.partitions)

    def _barrier(self, behind: Buyers, partitions: Iterable[Partition]) -> Reason | None:
        found = (barrier(behind, partition, self.minimum) for partition in partitions)
        return next((reason for reason in found if reason is not None), None)

    @cached_property
    def is_identified(self) -> NDArray[np.bool_]:
        """Of each ticket: whether its person may be counted."""
        identified: Rows = self.index.counted[self.tickets.who]
        return identified

    @cached_property
    def happened(self) -> NDArray[np.bool_]:
        tickets = self.tickets
        return np.asarray(tickets.of(tickets.columns.day) <= self.today.toordinal(), np.bool_)

    @cached_property
    def scanned(self) -> NDArray[np.bool_]:
        """Of each ticket: whether tickets were scanned at its performance."""
        tickets = self.tickets
        scanned: Rows = self.index.lines.scanned[tickets.of(tickets.columns.performance)]
        return scanned

    def coverage(self) -> RawCoverage:
        tickets = self.tickets
        start = self.index.lines.history_start
        period = self.permit.period
        placed = tickets.of(tickets.columns.pc4) > 0
        return RawCoverage(
            tickets=len(tickets),
            identified=int(np.count_nonzero(self.is_identified)),
            placed=int(np.count_nonzero(placed)),
            happened=int(np.count_nonzero(self.happened)),
            scanned=int(np.count_nonzero(self.happened & self.scanned)),
            history_start=start,
            is_left_censored=period is None
            or start is None
            or start > months_before(period.start, HISTORY_MONTHS),
            crowds=self._crowds(placed),
        )

    def _crowds(self, placed: Rows) -> dict[str, tuple[int, int]]:
        """By share of coverage: who stand behind the tickets that it covers, and behind the others."""
        if not self.minimum:
            return {}
        parts = {
            "identified": (self.is_identified, ~self.is_identified),
            "placed": (placed, ~placed),
            "scanned": (self.happened & self.scanned, self.happened & ~self.scanned),
        }
        return {name: (self.crowd(covered), self.crowd(rest)) for name, (covered, rest) in parts.items()}


def _positions(known: Sequence[Hashable], named: Collection[Hashable]) -> NDArray[np.int64]:
    return np.array([number for number, value in enumerate(known) if value in named], np.int64)
