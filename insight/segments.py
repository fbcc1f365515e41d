"""
Behaviour segments, B0 to B11 of `ci-seg 1.0.0`: one label for every person of an index at a day.

Features come from the lines that exist for the permit, sold admissions alone; the rules come from
`insight.rules`. What the model leaves open is settled here, and said in the rule file's features:

- a performance after the day counts in n12 and n36 and makes R 0: a ticket for it is a visit to come;
- where the house stands is not recorded, so "far" is measured from the centroid of the postcode area
  that most of its tickets come from (the lowest code of equals), and a visit from an unknown place
  is neither near nor far;
- the largest order counts the admissions of an order that still stand;
- somebody known from products alone, without any admission, has no behaviour to go by: B0.

A person who objected keeps a label here; whoever counts labels counts only persons who may be counted.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from insight.contexts import Places, places
from insight.index import NEVER, Lines
from insight.rules import Feature, Model, Share, ci_seg, first_that_holds

UNIDENTIFIED: Final = "B0"
SEGMENTS: Final = tuple(segment.id for segment in ci_seg().behaviour)
"""Ids in the order of the rules; a label is a position here."""


@dataclass(frozen=True, slots=True)
class Label:
    """Why one person has this segment: the rule that fired and the values it saw."""

    segment: str
    model: str
    version: str
    on: date
    features: dict[str, int | tuple[int, int]]


def labels(lines: Lines, today: date) -> NDArray[np.int8]:
    """For each person of the lines the position of its segment in `SEGMENTS`; the last place, nobody, is B0."""

    def compute() -> NDArray[np.int8]:
        persons = len(lines.tickets.persons)
        found = first_that_holds(ci_seg().behaviour, features(lines, today), persons)
        found = np.append(found, np.int8(-1))
        found[lines.first_day == NEVER] = SEGMENTS.index(UNIDENTIFIED)
        found.setflags(write=False)
        return found

    return lines.kept(("segments", ci_seg().version, today), compute)


def explain(lines: Lines, today: date, person: int) -> Label:
    """The segment of one person of the lines, with the values behind it."""
    model = ci_seg()
    values: dict[str, int | tuple[int, int]] = {}
    for name, feature in features(lines, today).items():
        if isinstance(feature, Share):
            values[name] = (int(feature.part[person]), int(feature.whole[person]))
        else:
            values[name] = int(feature[person])
    return Label(SEGMENTS[labels(lines, today)[person]], model.model, model.version, today, values)


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last of that month; `date.min` before the calendar."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    if year < 1:
        return date.min
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def features(lines: Lines, today: date) -> dict[str, Feature]:
    """What the rules ask about every person of the lines, at the end of this day."""
    tickets, model, now = lines.tickets, ci_seg(), today.toordinal()
    persons = len(tickets.persons)
    short = months_before(today, model.parameters["short_months"]).toordinal()
    long = months_before(today, model.parameters["long_months"]).toordinal()
    recent = (tickets.person >= 0) & (tickets.day > long)
    who = tickets.person[recent]
    genre = lines.genre[tickets.production[recent]]
    far, placed = _far(lines, model, places())
    youth = tickets.youth[recent] | _youth(lines, model)[genre]
    return {
        "n12": _visits(lines, persons, short),
        "n36": _visits(lines, persons, long),
        "R": np.maximum(now - _last_seen(lines, persons), 0),
        "F": np.maximum(now - lines.first_day[:-1].astype(np.int64), 0),
        "g36": _distinct(who[genre >= 0], genre[genre >= 0], persons),
        "i36": np.ones(persons, np.int64),
        "y36": Share(_count(who[youth], persons), _count(who, persons)),
        "far36": Share(_count(who[far[recent]], persons), _count(who[placed[recent]], persons)),
        "m": np.zeros(persons, np.int64),
        "q": _largest_order(lines, persons),
        "school": np.minimum(_count(tickets.person[tickets.school & (tickets.person >= 0)], persons), 1),
    }


def _count(who: NDArray[np.int32], persons: int) -> NDArray[np.int64]:
    return np.bincount(who, minlength=persons).astype(np.int64)


def _distinct(who: NDArray[np.int32], what: NDArray[np.int32], persons: int) -> NDArray[np.int64]:
    """How many different things each person has."""
    kinds = int(what.max()) + 1 if len(what) else 1
    pairs = np.unique(who.astype(np.int64) * kinds + what)
    return np.bincount(pairs // kinds, minlength=persons).astype(np.int64)


def _visits(lines: Lines, persons: int, after: int) -> NDArray[np.int64]:
    tickets = lines.tickets
    start = int(np.searchsorted(tickets.day, after, side="right"))
    known = tickets.person[start:] >= 0
    return _distinct(tickets.person[start:][known], tickets.performance[start:][known], persons)


def _last_seen(lines: Lines, persons: int) -> NDArray[np.int64]:
    tickets = lines.tickets
    last = np.zeros(persons + 1, np.int64)  # the last place takes the unidentified lines
    np.maximum.at(last, tickets.person, np.maximum(tickets.day, tickets.ordered))
    return last[:-1]


def _largest_order(lines: Lines, persons: int) -> NDArray[np.int64]:
    tickets = lines.tickets
    size = np.bincount(tickets.order, minlength=tickets.orders)
    largest = np.zeros(persons + 1, np.int64)
    np.maximum.at(largest, tickets.person, size[tickets.order])
    return largest[:-1]


def _youth(lines: Lines, model: Model) -> NDArray[np.bool_]:
    """By genre; the last place, for an unknown genre, is False."""
    return np.array([genre in model.parameters["youth_genres"] for genre in lines.genres] + [False], np.bool_)


def _far(lines: Lines, model: Model, areas: Places) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Per line: comes from far; and: is its place known."""
    tickets = lines.tickets
    frequency = np.bincount(tickets.pc4, minlength=len(areas.lat))
    frequency[np.isnan(areas.lat)] = 0
    home = int(frequency.argmax())
    distance = areas.distances(home, np.arange(len(areas.lat)))  # not a number where one is unknown
    far = distance > model.parameters["far_km"]
    return far[tickets.pc4] | tickets.abroad, ~np.isnan(distance)[tickets.pc4] | tickets.abroad
