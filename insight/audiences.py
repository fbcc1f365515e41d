"""
An audience, counted: the figures somebody selected, for a permit, over an index.

Only what was selected, and lies in the permit's field groups, is computed. The period, the productions,
the day of sale and the persons who may be counted come from the permit; the criteria choose among what
those leave. Lines of a person who may not be counted stay in tickets, visits and euros, and count as
unidentified wherever persons are counted.

Tickets are admissions, and every figure is about those alone, but one: spend adds what was bought with
them. The criteria choose among products as among tickets, by their own performance and postcode and by
what the tickets say of their person; somebody known from products alone is neither new nor returning,
and of segment B0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from consent_ledger.permit import Permit, Read
from consent_ledger.vocabulary import FieldGroup, PersonRef, Reason
from insight.contexts import CONTEXTS, places
from insight.criteria import EVERYBODY, Criteria
from insight.definitions import DEFINITIONS, UnknownFigure
from insight.figures import (
    RawAbsent,
    RawAudience,
    RawCell,
    RawCells,
    RawCount,
    RawCoverage,
    RawFigure,
    RawMoney,
    is_own,
)
from insight.index import NEVER, AudienceIndex, Columns
from insight.segments import SEGMENTS, UNIDENTIFIED, labels, months_before

HISTORY_MONTHS: Final = 36
"""Known history before a period without which first-timers are called left-censored."""

Rows = NDArray[np.bool_]
ScalarT = TypeVar("ScalarT", bound=np.generic)


class BeyondPermit(Exception):
    """Criteria read a field group that the permit does not hold: filtering by it would tell."""

    code = "BEYOND_PERMIT"

    def __init__(self) -> None:
        super().__init__("these criteria read a field group that this permit does not hold")


def measure(
    permit: Permit[Read], index: AudienceIndex, criteria: Criteria, selection: frozenset[str], *, today: date
) -> RawAudience:
    """
    The selected figures about the part of the audience that the criteria mean.

    `today` is the day of asking: visits after it have not taken place, and segments are of that day.
    Raises `WrongIndex`, `BeyondPermit` and `UnknownFigure`.
    """
    index.open_to(permit)
    if not selection <= _FIGURES.keys():
        raise UnknownFigure
    if not criteria.groups <= permit.groups:
        raise BeyondPermit
    permitted = frozenset(name for name in selection if DEFINITIONS[name].group in permit.groups)
    audience = _Audience(permit, index, criteria, today)
    return RawAudience(
        permit=permit,
        figures=MappingProxyType({name: _FIGURES[name](audience) for name in sorted(permitted)}),
        not_permitted=selection - permitted,
        bookers=audience.bookers,
        left_out=audience.left_out,
        coverage=audience.coverage(),
        as_of=today,
    )


def subjects(
    permit: Permit[Read], index: AudienceIndex, criteria: Criteria, *, today: date
) -> tuple[PersonRef, ...]:
    """
    The persons who are counted in figures of these criteria, in order of reference: the bookers, and
    under a permit for spend those of whom only products are counted.

    For the commitment of a disclosure entry alone. Raises what `measure` raises.
    """
    index.open_to(permit)
    if not criteria.groups <= permit.groups:
        raise BeyondPermit
    audience = _Audience(permit, index, criteria, today)
    behind = audience.spending if FieldGroup.SPEND in permit.groups else audience.tickets.behind
    persons = index.lines.tickets.persons
    return tuple(sorted(persons[number] for number in np.flatnonzero(behind)))


@dataclass(frozen=True)
class _Lines:
    """The lines of one kind that are meant; every column is computed once, when asked."""

    audience: _Audience
    columns: Columns

    def __len__(self) -> int:
        return len(self.who)

    @cached_property
    def window(self) -> slice:
        """The period as a slice: lines stand in order of day."""
        period, day = self.audience.permit.period, self.columns.day
        if period is None:
            return slice(0, len(day))
        edges = np.searchsorted(day, [period.start.toordinal(), period.end.toordinal()])
        return slice(int(edges[0]), int(edges[1]))

    @cached_property
    def rows(self) -> Rows | None:
        """Which lines of the window are meant; None: all."""
        criteria, columns = self.audience.criteria, self.columns
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
            found.append(self.audience.meant[columns.person[self.window]])
        rows: Rows | None = np.logical_and.reduce(found) if found else None
        return rows

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
        counted = self.audience.index.counted
        behind = np.zeros(len(counted), np.bool_)
        behind[self.who if rows is None else self.who[rows]] = True
        return behind & counted


@dataclass(frozen=True)
class _Audience:
    """What is meant, and the persons behind it."""

    permit: Permit[Read]
    index: AudienceIndex
    criteria: Criteria
    today: date

    @cached_property
    def tickets(self) -> _Lines:
        return _Lines(self, self.index.lines.tickets)

    @cached_property
    def products(self) -> _Lines:
        """What was bought with tickets: it counts in spend, and nowhere else."""
        return _Lines(self, self.index.lines.products)

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
    def whole(self) -> _Audience:
        """All that the permit shows, without criteria."""
        return _Audience(self.permit, self.index, EVERYBODY, self.today)

    @cached_property
    def hides_nobody(self) -> bool:
        """Whether nobody can be told apart by what the criteria leave out; from its own house nobody is hidden."""
        return self.criteria.are_open or is_own(self.permit)

    @cached_property
    def left_out(self) -> int:
        """How many identified persons the criteria leave out of what the permit shows."""
        return 0 if self.hides_nobody else self.whole.bookers - self.bookers

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
        return RawCoverage(
            tickets=len(tickets),
            identified=int(np.count_nonzero(self.is_identified)),
            placed=int(np.count_nonzero(tickets.of(tickets.columns.pc4))),
            happened=int(np.count_nonzero(self.happened)),
            scanned=int(np.count_nonzero(self.happened & self.scanned)),
            history_start=start,
            is_left_censored=period is None
            or start is None
            or start > months_before(period.start, HISTORY_MONTHS),
        )


def _currency(*counted: _Lines) -> str | None:
    """The one currency of these lines; None: there are more."""
    known = counted[0].columns.currencies
    codes = {int(code) for lines in counted for code in np.unique(lines.of(lines.columns.currency))}
    if len(codes) > 1:
        return None
    return known[codes.pop()] if codes else (known[0] if known else "EUR")


def _bookers(audience: _Audience) -> RawFigure:
    return RawCount(audience.bookers, audience.bookers)


def _tickets(audience: _Audience) -> RawFigure:
    return RawCount(len(audience.tickets), audience.bookers)


def _unidentified(audience: _Audience) -> RawFigure:
    nobody = len(audience.tickets) - int(np.count_nonzero(audience.is_identified))
    return RawCount(nobody, min(nobody, audience.bookers))


def _visits(audience: _Audience) -> RawFigure:
    tickets = audience.tickets
    attended = tickets.of(tickets.columns.attended)
    scanned, assumed = audience.happened & attended, audience.happened & ~audience.scanned
    parts = {"scanned": int(np.count_nonzero(scanned)), "assumed": int(np.count_nonzero(assumed))}
    persons = int(np.count_nonzero(tickets.persons(scanned | assumed)))
    return RawCount(sum(parts.values()), persons, parts=parts)


def _first_timers(audience: _Audience) -> RawFigure:
    new = int(np.count_nonzero(audience.tickets.behind & audience.is_new))
    return RawCount(new, new, remainder=audience.bookers - new)


def _spend(audience: _Audience) -> RawFigure:
    tickets, products = audience.tickets, audience.products
    persons = int(np.count_nonzero(audience.spending))
    left_out = 0 if audience.hides_nobody else int(np.count_nonzero(audience.whole.spending)) - persons
    cents = int(tickets.gross.sum()) + int(products.gross.sum())
    return RawMoney(cents, persons, _currency(tickets, products), remainder=left_out)


def _average(audience: _Audience) -> RawFigure:
    tickets = audience.tickets
    paid = tickets.gross > 0
    persons, over = int(np.count_nonzero(tickets.persons(paid))), int(np.count_nonzero(paid))
    bought_more = int(np.count_nonzero(audience.products.behind))  # spend less ticket gross is theirs
    cents = int(tickets.gross.sum())
    return RawMoney(cents, persons, _currency(tickets), over, len(tickets), remainder=bought_more)


def _segments(audience: _Audience) -> RawFigure:
    label = labels(audience.index.lines, audience.today)[audience.tickets.behind]
    sizes = np.bincount(label, minlength=len(SEGMENTS))
    return RawCells(
        {
            name: RawCell(int(n), int(n))
            for name, n in zip(SEGMENTS, sizes, strict=True)
            if name != UNIDENTIFIED
        }
    )


def _contexts(audience: _Audience) -> RawFigure:
    lines = audience.tickets
    context = places().context[lines.of(lines.columns.pc4)]
    tickets = np.bincount(context, minlength=len(CONTEXTS) + 1)
    # a person with tickets from several areas stands behind one cell only, that of the first line, so
    # that the persons behind hidden cells can be added up without counting anybody twice
    home = np.zeros(len(audience.index.counted), np.int8)
    placed = context > 0
    home[lines.who[placed][::-1]] = context[placed][::-1]
    home[~audience.index.counted] = 0
    persons = np.bincount(home, minlength=len(CONTEXTS) + 1)
    return RawCells(
        {name: RawCell(int(tickets[n]), int(persons[n])) for n, name in enumerate(CONTEXTS, start=1)}
    )


def _counted_visits(audience: _Audience) -> RawFigure:
    if not audience.criteria.are_open or audience.permit.productions is not None:
        return RawAbsent(Reason.COMBINATION_NOT_OFFERED)  # a count knows no production and no person
    visits, period = audience.index.lines.visits, audience.permit.period
    rows = slice(0, len(visits))
    if period is not None:
        edges = np.searchsorted(visits.day, [period.start.toordinal(), period.end.toordinal()])
        rows = slice(int(edges[0]), int(edges[1]))
    numbers = np.zeros(len(visits.kinds), np.int64)
    np.add.at(numbers, visits.kind[rows], visits.number[rows])
    parts = {kind: int(number) for kind, number in zip(visits.kinds, numbers, strict=True)}
    return RawCount(sum(parts.values()), None, parts=parts)


_FIGURES: Final[dict[str, Callable[[_Audience], RawFigure]]] = {
    "average_ticket_price": _average,
    "bookers": _bookers,
    "contexts": _contexts,
    "counted_visits": _counted_visits,
    "first_timers": _first_timers,
    "segments": _segments,
    "spend": _spend,
    "tickets": _tickets,
    "unidentified_tickets": _unidentified,
    "visits": _visits,
}
