"""
Who comes: each house's visitors with a home, a taste and a habit, and the bookings that follow.

A visitor starts in some season, stays for one or more, and books a number of times in each: many
come once, a few come often. Homes follow the house's catchment over the real postcode areas.
Some visitors of different houses in one postcode area are the same person, with one address.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from seeds import seasons
from seeds.dice import Dice, Flags, Ints, edges_of
from seeds.institutions import REACH, Institution
from seeds.places import catchment, netherlands
from seeds.programme import GENRES, Programme

ADULTS, FAMILY, SENIOR, STUDENT = range(4)
PARTY: Final = (  # weights of parties of one, two, ... per household
    (24, 56, 8, 9, 2, 1),
    (0, 10, 30, 42, 14, 4),
    (30, 58, 6, 6, 0, 0),
    (48, 38, 8, 6, 0, 0),
)
_HOUSEHOLDS: Final[dict[str, tuple[int, int, int, int]]] = {
    "theatre": (46, 16, 30, 8),
    "music_venue": (56, 4, 16, 24),
    "museum": (40, 24, 30, 6),
    "cinema": (48, 10, 28, 14),
    "festival": (54, 14, 12, 20),
    "arts_centre": (42, 26, 26, 6),
}
_STAY: Final = (60, 18, 9, 6, 4, 0, 0, 0, 3)  # seasons a visitor keeps coming
_OFTEN: Final = (62, 20, 9, 5, 0, 3, 0, 0, 1)  # bookings in a season
_BEFORE: Final = 4  # seasons before the first in which a visitor may have started
_THROWN: Final = 1330
"""Visitors thrown per thousand yearly visits: measured, so that a season comes out near the house's size."""


@dataclass(frozen=True, slots=True, eq=False)
class Visitors:
    """One row per visitor of a house."""

    house: Ints
    identity: Ints  # the person behind it; shared between houses by some
    area: Ints  # index of the home's postcode area; -1: told nobody, -2: abroad
    household: Ints
    genre: Ints  # the favourite


@dataclass(frozen=True, slots=True, eq=False)
class Bookings:
    """One row per booking: a visitor chooses a performance."""

    visitor: Ints
    performance: Ints
    party: Ints


def visitors(houses: list[Institution], seed: int) -> tuple[Visitors, Ints, Ints]:
    """The visitors with their first season (may be negative) and their length of stay."""
    dice = Dice(seed, "visitors")
    selling = [i for i, house in enumerate(houses) if house.unit == "tickets" and not house.recorded]
    # those who started before the first season are thrown too; the ones already gone drop out below
    starts_in = seasons.SEASONS + _BEFORE
    house = np.repeat(
        np.array(selling, dtype=np.int64),
        np.array([max(8, houses[i].yearly * _THROWN // 1000) for i in selling], dtype=np.int64),
    )
    count = len(house)
    start = dice.below(starts_in, count) - _BEFORE
    stay = dice.weighted(_STAY, count) + 1
    kept = start + stay > 0
    house, start, stay = house[kept], start[kept], stay[kept]
    count = len(house)

    kinds = list(_HOUSEHOLDS)
    kind = np.array([kinds.index(item.discipline) for item in houses], dtype=np.int64)[house]
    household = _rowwise(dice, _HOUSEHOLDS.values(), kind)
    area = _homes(dice, houses, house)
    genre = dice.below(len(GENRES), count)
    genre[household == FAMILY] = GENRES.index("youth")
    identity = _shared(dice, area, count)
    return Visitors(house, identity, area, household, genre), start, stay


def bookings(people: Visitors, start: Ints, stay: Ints, plays: Programme, seed: int) -> Bookings:
    """
    The visitors' bookings: three in five follow the favourite genre where the house plays it.

    Nobody books one performance twice.
    """
    dice = Dice(seed, "bookings")
    count = len(people.house)
    often = dice.weighted(_OFTEN, count) + 1
    visitor, season = (grid.ravel() for grid in np.indices((count, seasons.SEASONS)))
    active = (season >= start[visitor]) & (season < start[visitor] + stay[visitor])
    active &= (season == start[visitor]) | dice.happens(800, len(visitor))
    visitor, season = visitor[active], season[active]
    times = often[visitor]
    visitor, season = np.repeat(visitor, times), np.repeat(season, times)

    run = people.house[visitor] * seasons.SEASONS + season
    fine = run * len(GENRES) + people.genre[visitor]
    first, last = plays.season_first[run], plays.season_first[run + 1]
    own_first, own_last = plays.genre_first[fine], plays.genre_first[fine + 1]
    follows = dice.happens(600, len(run)) & (own_last > own_first)
    first, last = np.where(follows, own_first, first), np.where(follows, own_last, last)
    played = last > first  # a house that came later has no earlier seasons
    visitor, first, last = visitor[played], first[played], last[played]
    performance = dice.within(edges_of(plays.weight), first, last)

    _, once = np.unique(visitor * len(plays) + performance, return_index=True)
    once.sort()
    visitor, performance = visitor[once], performance[once]
    party = _rowwise(dice, PARTY, people.household[visitor]) + 1
    return Bookings(visitor, performance, party)


def _rowwise(dice: Dice, table: Iterable[tuple[int, ...]], row: Ints) -> Ints:
    """A column of the weight `table` for each `row`, as likely as the row says."""
    weights = np.array(list(table), dtype=np.int64)
    width = weights.shape[1]
    drawn: Ints = dice.within(edges_of(weights.ravel()), row * width, (row + 1) * width) - row * width
    return drawn


def _homes(dice: Dice, houses: list[Institution], house: Ints) -> Ints:
    """A home area for each visitor of `house`; some tell none, a few live abroad."""
    country = netherlands()
    centres = np.array([item.centre for item in houses], dtype=np.int64)
    reach = np.array([REACH[item.discipline] for item in houses], dtype=np.int64)
    weights = catchment(country, centres, reach)
    width = weights.shape[1]
    edges = edges_of(weights.ravel())
    area: Ints = dice.within(edges, house * width, (house + 1) * width) - house * width
    guests: Flags = dice.happens(35, len(house))  # on a trip, or staying with friends
    area[guests] = dice.weighted(country.areas.people, int(guests.sum()))
    silent: Flags = dice.happens(75, len(house))
    abroad: Flags = dice.happens(16, len(house))
    area[silent] = -1
    area[abroad] = -2
    return area


def _shared(dice: Dice, area: Ints, count: int) -> Ints:
    """
    The person behind each visitor: about one in four is also known at another house.

    Neighbours in one postcode area are joined along a row, so that a person has one home.
    """
    open_to = dice.happens(450, count) & (area >= 0)
    joins = dice.happens(560, count)
    identity = np.arange(count, dtype=np.int64)
    order = np.lexsort((dice.shuffled(count), area))
    order = order[open_to[order]]
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (area[order][1:] != area[order][:-1]) | ~joins[order][1:]
    identity[order] = identity[order[fresh]][np.cumsum(fresh) - 1]
    return identity
