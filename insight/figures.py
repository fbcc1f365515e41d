"""
Figures, raw and released: two kinds of value that cannot be taken for one another.

`insight.audiences` counts raw values; `release_audience` is the only road from them to released ones,
and only with the permit under which they were counted. What it guarantees:

- own data leave exact;
- under an agreement no figure about fewer identified persons than the permit's minimum group leaves;
- nobody is in a minority because of not being counted: where it must be nobody or a minimum group that
  stands behind something left over, everybody with a line counts, also who objected, and a line of
  nobody known stands for whoever paid for its order (`insight.crowd`);
- everything is withheld when criteria leave out lines, or bookers, of somebody but of fewer than a minimum
  group, and when a production, an area, a province, a segment or a kind of booker that they name is that
  small; so tickets and euros over one of these criteria, added and subtracted, never come to lines of so
  few (`crowd.barrier`);
- of the cells of a breakdown none that small leaves, and when any is hidden two at least are, of together
  a minimum group, so that a hidden one cannot be had by subtraction from the total;
- first-timers are withheld as well when the bookers who are none are that few; tickets of nobody
  known, and the parts of visits, when it is that few who bought them;
- the average ticket price is withheld as well when that few bought more than tickets: beside it, spend
  would tell what those few paid for the rest; and spend, when criteria leave out products of that few;
- no share of coverage leaves from which the number of tickets of that few would follow;
- no figure of a field group outside the permit leaves, whatever was counted.

What it cannot stop. Live answers under an agreement are exact, and protected by rules, not by noise, and
each is judged by itself: nobody keeps what the recipient asked before. So somebody who compares many
answers can still come to a few persons, or to one: by periods that overlap but for a day, or lie before and
after an objection, a late sale or a refund; by crossing criteria, an area with a production, say, and
adding and subtracting the crossings; by two purposes or agreements that do not let the same persons be
counted; by counting persons, or the cells of a breakdown, over parts that share persons, since ten who
bought both here and there may be all but one of those who bought there; by what the recipient knows from
elsewhere, its own list of guests for one. An order of nobody known is taken for one person, though one person
may have made several, and somebody erased counts by order.
A figure that is alike for a whole group is told of each in it. Against this stand the agreement
itself, which forbids it, and the disclosure entry of each answer, by which it can be seen afterwards. Figures
that must withstand it come from releases and never from here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from consent_ledger.permit import Permit, Read
from consent_ledger.vocabulary import PartyId, Position, Reason
from insight.definitions import Definition, definition_of

CENT: Final = Decimal("0.01")


class NotThisPermit(Exception):
    """Raw figures were brought to be released under another permit than they were counted under."""

    code = "NOT_THIS_PERMIT"

    def __init__(self) -> None:
        super().__init__("figures are released under the permit they were counted under, and no other")


class Protection(StrEnum):
    """How a figure was protected before it left."""

    EXACT_OWN = "EXACT_OWN"
    MINIMUM_GROUP = "MINIMUM_GROUP"
    RELEASED = "RELEASED"
    UNNOISED = "UNNOISED"


@dataclass(frozen=True, slots=True)
class RawCount:
    """A number of persons, tickets or visits, and how many identified persons stand behind it."""

    value: int
    persons: int | None  # None: nobody was ever identified in what is counted
    remainder: int | None = None  # identified persons of the same audience outside this figure
    parts: Mapping[str, int] = field(default_factory=dict)
    crowds: Mapping[str, int] = field(default_factory=dict)  # behind each part; a part without counts heads


@dataclass(frozen=True, slots=True)
class RawMoney:
    """An amount, or an average when `over` says over how many."""

    cents: int
    persons: int
    currency: str | None  # None: of more than one currency, which nobody can add up
    over: int | None = None
    over_all: int | None = None  # free tickets included
    remainder: int = 0  # the crowd behind euros that follow by subtraction from another figure
    barrier: Reason | None = None  # why it may not leave beside figures of other criteria


@dataclass(frozen=True, slots=True)
class RawCell:
    """One cell of a breakdown; a person stands behind one cell only."""

    value: int
    persons: int


@dataclass(frozen=True, slots=True)
class RawCells:
    """A breakdown whose cells add up to their total."""

    cells: Mapping[str, RawCell]


@dataclass(frozen=True, slots=True)
class RawAbsent:
    """What cannot be said with these criteria."""

    reason: Reason


RawFigure = RawCount | RawMoney | RawCells | RawAbsent


@dataclass(frozen=True, slots=True)
class RawCoverage:
    """How much of the tickets is known well enough to be counted this way."""

    tickets: int
    identified: int
    placed: int
    happened: int
    scanned: int  # of what happened, tickets of performances where tickets were scanned
    history_start: date | None
    is_left_censored: bool  # less than 36 months are known before the period
    crowds: Mapping[str, tuple[int, int]]  # by share: behind the tickets it covers, and behind the others


@dataclass(frozen=True, slots=True)
class RawAudience:
    """What was counted under one permit. Not for the eyes of a caller: see `release_audience`."""

    permit: Permit[Read]
    figures: Mapping[str, RawFigure]
    not_permitted: frozenset[str]  # asked, and not counted: their field group is not in the permit
    bookers: int
    left_out: int  # the fewest persons who follow from what the criteria leave out; 0 for own data
    barrier: Reason | None  # why these criteria may not be asked at all; None for own data
    coverage: RawCoverage
    as_of: date
    at_least: int = 0  # the minimum group to which a preview holds a house's own figures


@dataclass(frozen=True, slots=True)
class Coverage:
    """
    Shares from 0 to 1 of the tickets in question; None where it has no bearing on the figure.

    Under an agreement a share is None as well where some persons, but fewer than the minimum group, stand
    behind the tickets that it covers, or behind those that it does not: beside the number of tickets, a
    share tells how many those are.
    """

    identified: Decimal | None = None
    placed: Decimal | None = None
    scanned: Decimal | None = None
    history_start: date | None = None
    is_left_censored: bool | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A released value. Money is in euros or whatever `currency` says, not in cents."""

    value: int | Decimal
    definition: Definition
    coverage: Coverage
    protection: Protection
    as_of: date
    currency: str | None = None
    parts: Mapping[str, int | Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withheld:
    """A figure that is not given, and why; the words for it are in `consent_ledger.reasons`."""

    reason: Reason
    definition: Definition
    as_of: date
    minimum_group: int | None = None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A released breakdown; a cell is its value or the reason why it is withheld."""

    cells: Mapping[str, int | Withheld]
    definition: Definition
    coverage: Coverage
    protection: Protection
    as_of: date


Released = Figure | Breakdown | Withheld


@dataclass(frozen=True, slots=True)
class ReleasedAudience:
    """What may be shown to the permit's recipient: one released value per figure that was asked."""

    controller: PartyId
    position: Position  # the pinned size of the ledger
    as_of: date
    figures: Mapping[str, Released]


def release_audience(permit: Permit[Read], raw: RawAudience) -> ReleasedAudience:
    """What of the raw figures may leave under this permit. Raises `NotThisPermit` for another's figures."""
    if raw.permit is not permit:
        raise NotThisPermit
    figures: dict[str, Released] = {}
    for name, found in raw.figures.items():
        definition = definition_of(name)
        if definition.group in permit.groups:
            figures[name] = _Release(permit, raw, definition).of(found)
    for name in raw.not_permitted:
        figures[name] = Withheld(Reason.FIELD_NOT_COVERED, definition_of(name), raw.as_of)
    return ReleasedAudience(permit.controller, permit.size, raw.as_of, MappingProxyType(figures))


def is_own(permit: Permit[Read]) -> bool:
    """Whether a house asks for its own data; everything else is held to the minimum group."""
    return permit.agreement is None and permit.recipient == permit.controller


def minimum_of(permit: Permit[Read], at_least: int = 0) -> int:
    """
    How many persons must stand behind whatever leaves under this permit; 0 for own data.

    `at_least` raises it and never lowers it: a preview shows own data as another would get them.
    """
    return max(0 if is_own(permit) else max(permit.minimum_group, 1), at_least)


def hidden_cells(
    persons: Mapping[str, int], minimum: int, *, filled: Collection[str] | None = None
) -> dict[str, Reason]:
    """
    Which cells of a breakdown must be hidden, and why, when a reader knows the total.

    An empty cell tells nothing about anybody, and hides nobody. Of the others every one under `minimum`
    is hidden; and then, from the smallest on, so many more that the hidden ones together reach `minimum`,
    and so are two at least. Where they cannot, all cells are hidden, the empty ones too.

    `filled` names the cells that hold something, though it may be of nobody who can be counted; without
    it, those with persons.
    """
    filled = {cell for cell, count in persons.items() if count} if filled is None else set(filled)
    hidden = {cell: Reason.BELOW_K for cell in persons if cell in filled and persons[cell] < minimum}
    if not hidden:
        return hidden
    for cell in sorted(filled - hidden.keys(), key=lambda cell: (persons[cell], cell)):
        if sum(persons[cell] for cell in hidden) >= minimum:
            return hidden  # and so at least two, for one that is under the minimum alone does not reach it
        hidden[cell] = Reason.COMPLEMENTARY
    if sum(persons[cell] for cell in hidden) < minimum:
        hidden |= dict.fromkeys(persons.keys() - hidden.keys(), Reason.COMPLEMENTARY)
    return hidden


class _Release:
    """The release of one figure."""

    def __init__(self, permit: Permit[Read], raw: RawAudience, definition: Definition) -> None:
        self.minimum = minimum_of(permit, raw.at_least)
        self.protection = Protection.MINIMUM_GROUP if self.minimum else Protection.EXACT_OWN
        self.raw = raw
        self.definition = definition

    def of(self, found: RawFigure) -> Released:
        if isinstance(found, RawAbsent):
            return self.withheld(found.reason)
        if self.is_few(self.raw.left_out):
            return self.withheld(Reason.COMPLEMENTARY)
        if self.raw.barrier is not None:
            return self.withheld(self.raw.barrier)
        if isinstance(found, RawCount):
            return self.count(found)
        return self.money(found) if isinstance(found, RawMoney) else self.breakdown(found)

    def is_few(self, persons: int) -> bool:
        """Whether there is somebody, and not enough others to be lost among."""
        return 0 < persons < self.minimum

    def count(self, found: RawCount) -> Released:
        if (found.value if found.persons is None else found.persons) < self.minimum:
            return self.withheld(Reason.BELOW_K)
        if found.remainder is not None and self.is_few(found.remainder):
            return self.withheld(Reason.COMPLEMENTARY)
        if any(self.is_few(found.crowds.get(name, part)) for name, part in found.parts.items()):
            return self.figure(found.value)  # the parts add up: one small part would follow from the others
        return self.figure(found.value, parts=found.parts)

    def money(self, found: RawMoney) -> Released:
        if found.persons < self.minimum:
            return self.withheld(Reason.BELOW_K)
        if found.barrier is not None or self.is_few(found.remainder):
            return self.withheld(found.barrier or Reason.COMPLEMENTARY)
        if found.currency is None:
            return self.withheld(Reason.DEFINITION_MISMATCH)
        if found.over is None:
            return self.figure(_money(found.cents, 1), found.currency)
        if found.over == 0 or not found.over_all:
            return self.withheld(Reason.BELOW_DENOMINATOR)
        average = _money(found.cents, found.over)
        return self.figure(average, found.currency, {"including_free": _money(found.cents, found.over_all)})

    def breakdown(self, found: RawCells) -> Released:
        persons = {cell: content.persons for cell, content in found.cells.items()}
        if sum(persons.values()) < self.minimum:
            return self.withheld(Reason.BELOW_K)
        filled = {cell for cell, content in found.cells.items() if content.value}
        hidden = hidden_cells(persons, self.minimum, filled=filled)
        cells = {
            cell: self.withheld(hidden[cell]) if cell in hidden else content.value
            for cell, content in found.cells.items()
        }
        coverage = self.coverage()
        return Breakdown(MappingProxyType(cells), self.definition, coverage, self.protection, self.raw.as_of)

    def figure(
        self,
        value: int | Decimal,
        currency: str | None = None,
        parts: Mapping[str, int | Decimal] = MappingProxyType({}),
    ) -> Figure:
        return Figure(
            value,
            self.definition,
            self.coverage(),
            self.protection,
            self.raw.as_of,
            currency,
            MappingProxyType(dict(parts)),
        )

    def withheld(self, reason: Reason) -> Withheld:
        return Withheld(reason, self.definition, self.raw.as_of, self.minimum or None)

    def coverage(self) -> Coverage:
        """What bears on this figure; to others in whole percents and months, lest a count follow from it."""
        known, name = self.raw.coverage, self.definition.id
        if name == "counted_visits":
            return Coverage()
        coverage = Coverage(identified=self.share("identified", known.identified, known.tickets))
        if name == "contexts":
            coverage = replace(coverage, placed=self.share("placed", known.placed, known.tickets))
        if name == "visits":
            coverage = replace(coverage, scanned=self.share("scanned", known.scanned, known.happened))
        if self.definition.minimum_history_months:
            start = known.history_start
            coverage = replace(
                coverage,
                history_start=start.replace(day=1) if start and self.minimum else start,
                is_left_censored=known.is_left_censored,
            )
        return coverage

    def share(self, name: str, part: int, whole: int) -> Decimal | None:
        if whole == 0 or any(self.is_few(crowd) for crowd in self.raw.coverage.crowds.get(name, ())):
            return None
        step = CENT if self.minimum else Decimal("0.0001")
        return (Decimal(part) / whole).quantize(step, ROUND_HALF_UP)


def _money(cents: int, over: int) -> Decimal:
    return (Decimal(cents) / (100 * over)).quantize(CENT, ROUND_HALF_UP)
