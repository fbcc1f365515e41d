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
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Final

import numpy as np

from consent_ledger.permit import Permit, Read
from consent_ledger.vocabulary import FieldGroup, PersonRef, Reason
from insight.contexts import CONTEXTS, places
from insight.criteria import Criteria
from insight.crowd import crowd
from insight.definitions import DEFINITIONS, UnknownFigure
from insight.figures import (
    RawAbsent,
    RawAudience,
    RawCell,
    RawCells,
    RawCount,
    RawFigure,
    RawMoney,
)
from insight.index import AudienceIndex
from insight.segments import SEGMENTS, UNIDENTIFIED, labels
from insight.selection import SelectedLines, Selection


class BeyondPermit(Exception):
    """Criteria read a field group that the permit does not hold: filtering by it would tell."""

    code = "BEYOND_PERMIT"

    def __init__(self) -> None:
        super().__init__("these criteria read a field group that this permit does not hold")


def measure(
    permit: Permit[Read],
    index: AudienceIndex,
    criteria: Criteria,
    selection: frozenset[str],
    *,
    today: date,
    at_least: int = 0,
) -> RawAudience:
    """
    The selected figures about the part of the audience that the criteria mean.

    `today` is the day of asking: visits after it have not taken place, and segments are of that day.
    `at_least` holds them to a larger minimum group than the permit's.
    Raises `WrongIndex`, `BeyondPermit` and `UnknownFigure`.
    """
    index.open_to(permit)
    if not selection <= FIGURES.keys():
        raise UnknownFigure
    if not criteria.groups <= permit.groups:
        raise BeyondPermit
    permitted = frozenset(name for name in selection if DEFINITIONS[name].group in permit.groups)
    audience = Selection(permit, index, criteria, today, at_least)
    return RawAudience(
        permit=permit,
        figures=MappingProxyType({name: FIGURES[name](audience) for name in sorted(permitted)}),
        not_permitted=selection - permitted,
        bookers=audience.bookers,
        left_out=audience.left_out,
        barrier=audience.barrier,
        coverage=audience.coverage(),
        as_of=today,
        at_least=at_least,
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
    audience = Selection(permit, index, criteria, today)
    behind = audience.spending if FieldGroup.SPEND in permit.groups else audience.tickets.behind
    persons = index.lines.tickets.persons
    return tuple(sorted(persons[number] for number in np.flatnonzero(behind)))


def _currency(*counted: SelectedLines) -> str | None:
    """The one currency of these lines; None: there are more."""
    known = counted[0].columns.currencies
    codes = {int(code) for lines in counted for code in np.unique(lines.of(lines.columns.currency))}
    if len(codes) > 1:
        return None
    return known[codes.pop()] if codes else (known[0] if known else "EUR")


def _bookers(audience: Selection) -> RawFigure:
    return RawCount(audience.bookers, audience.bookers)


def _tickets(audience: Selection) -> RawFigure:
    return RawCount(len(audience.tickets), audience.bookers)


def _unidentified(audience: Selection) -> RawFigure:
    is_nobody = ~audience.is_identified
    persons = min(audience.crowd(is_nobody), audience.bookers)  # the rest are the bookers' tickets
    return RawCount(int(np.count_nonzero(is_nobody)), persons)


def _visits(audience: Selection) -> RawFigure:
    tickets = audience.tickets
    attended = tickets.of(tickets.columns.attended)
    parts = {"scanned": audience.happened & attended, "assumed": audience.happened & ~audience.scanned}
    numbers = {name: int(np.count_nonzero(rows)) for name, rows in parts.items()}
    persons = int(np.count_nonzero(tickets.persons(parts["scanned"] | parts["assumed"])))
    crowds = {name: audience.crowd(rows) for name, rows in parts.items()}
    return RawCount(sum(numbers.values()), persons, parts=numbers, crowds=crowds)


def _first_timers(audience: Selection) -> RawFigure:
    new = int(np.count_nonzero(audience.tickets.behind & audience.is_new))
    return RawCount(new, new, remainder=audience.bookers - new)


def _spend(audience: Selection) -> RawFigure:
    tickets, products = audience.tickets, audience.products
    persons = int(np.count_nonzero(audience.spending))
    cents = int(tickets.gross.sum()) + int(products.gross.sum())
    return RawMoney(cents, persons, _currency(tickets, products), barrier=audience.barrier_of_spend)


def _average(audience: Selection) -> RawFigure:
    tickets, products = audience.tickets, audience.products
    paid = tickets.gross > 0
    persons, over = int(np.count_nonzero(tickets.persons(paid))), int(np.count_nonzero(paid))
    cents = int(tickets.gross.sum())
    raw = RawMoney(cents, persons, _currency(tickets), over, len(tickets))
    if not audience.minimum:
        return raw
    # beside spend it tells what products cost, and beside the same of other criteria those of the difference
    is_barred = not audience.hides_nobody and audience.barrier_of(products) is not None
    return replace(raw, remainder=crowd(products.buyers), barrier=Reason.COMPLEMENTARY if is_barred else None)


def _segments(audience: Selection) -> RawFigure:
    label = labels(audience.index.lines, audience.today)[audience.tickets.behind]
    sizes = np.bincount(label, minlength=len(SEGMENTS))
    return RawCells(
        {
            name: RawCell(int(n), int(n))
            for name, n in zip(SEGMENTS, sizes, strict=True)
            if name != UNIDENTIFIED
        }
    )


def _contexts(audience: Selection) -> RawFigure:
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


def _counted_visits(audience: Selection) -> RawFigure:
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


FIGURES: Final[dict[str, Callable[[Selection], RawFigure]]] = {
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
