"""
What the houses play: productions and performances, a season at a time.

Titles of one genre come from one list per season, so that some productions visit several houses;
the recorded house's play tours to a second theatre under the same title.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from seeds import seasons
from seeds.dice import Dice, Ints
from seeds.institutions import TOUR_HOUSE, Institution
from seeds.names import GENRE_LABELS, TITLES_PER_GENRE, slug, titles

GENRES: Final = tuple(GENRE_LABELS)
TOUR_TITLE: Final = "Toneel: Het Huis aan de Gracht"
_EPOCH: Final = date(1970, 1, 1)

# weights over GENRES: theatre cabaret dance musical opera youth circus classical pop jazz world_music film exhibition talk
_MIX: Final[dict[str, tuple[int, ...]]] = {
    "theatre": (26, 22, 12, 10, 4, 16, 3, 4, 0, 0, 2, 0, 0, 1),
    "music_venue": (0, 4, 1, 0, 1, 2, 0, 16, 48, 14, 12, 0, 0, 2),
    "museum": (0, 0, 0, 0, 0, 10, 0, 4, 0, 0, 0, 0, 70, 16),
    "cinema": (0, 0, 0, 0, 3, 14, 0, 0, 0, 0, 0, 80, 0, 3),
    "festival": (14, 4, 14, 0, 0, 8, 12, 6, 22, 10, 10, 0, 0, 0),
    "arts_centre": (18, 16, 6, 2, 0, 20, 2, 10, 10, 6, 4, 2, 0, 4),
}
_BASE_PRICE: Final = {  # cents of a full ticket
    "theatre": 2550,
    "music_venue": 2350,
    "museum": 1350,
    "cinema": 1150,
    "festival": 2900,
    "arts_centre": 1450,
}
_STARTS: Final = {  # local minutes of the day, three choices
    "youth": (11 * 60, 14 * 60 + 30, 15 * 60),
    "exhibition": (11 * 60, 13 * 60, 14 * 60),
    "film": (16 * 60, 19 * 60, 20 * 60 + 45),
    "pop": (20 * 60, 20 * 60 + 30, 21 * 60),
}
_EVENING: Final = (19 * 60 + 30, 20 * 60, 20 * 60 + 15)
_MONTHS: Final = (6, 10, 12, 9, 11, 10, 12, 9, 8, 4)  # September to June
_WEEKDAYS: Final = (4, 7, 9, 14, 22, 26, 18)  # Monday first


@dataclass(frozen=True, slots=True, eq=False)
class Programme:
    """
    All performances as columns, ordered by house, season, genre; weights say how well they sell.

    `edges` are the cumulative weights; `season_first[h, s]` and `genre_first[h, s, g]` point at the
    first performance of each run, so that a visit can be drawn within one.
    """

    house: Ints
    season: Ints
    genre: Ints
    title: Ints  # index into `titles`
    starts: Ints  # UTC minutes since 1970
    price: Ints  # cents of a full ticket
    titles: tuple[str, ...]
    refs: tuple[str, ...]
    weight: Ints
    season_first: Ints  # (houses * SEASONS + 1)
    genre_first: Ints  # (houses * SEASONS * genres + 1)

    def __len__(self) -> int:
        return len(self.house)


def programme(houses: list[Institution], seed: int) -> Programme:
    """The five seasons of `houses`, each from its own first season on."""
    dice = Dice(seed, "programme")
    per_season = np.array([max(3, min(34, house.yearly // 15)) for house in houses], dtype=np.int64)
    first = np.array([house.first_season for house in houses], dtype=np.int64)
    house, season = (grid.ravel() for grid in np.indices((len(houses), seasons.SEASONS)))
    kept = season >= first[house]
    house, season = house[kept], season[kept]

    # productions: a genre, a title, a price
    owner = np.repeat(np.arange(len(house)), per_season[house])
    genre = _genres(dice, houses, house[owner])
    title = _titles(dice, house[owner], season[owner], genre)
    kinds = [item.discipline for item in houses]
    base = np.array([_BASE_PRICE[kind] for kind in kinds], dtype=np.int64)[house[owner]]
    price = (base * dice.between(70, 145, len(owner)) // 100) // 50 * 50
    appeal = dice.weighted((30, 30, 20, 12, 8), len(owner)) + 1

    # performances: one to three days each
    times = dice.weighted((58, 28, 14), len(owner)) + 1
    show = np.repeat(np.arange(len(owner)), times)
    unit = owner[show]
    columns = {
        "house": house[unit],
        "season": season[unit],
        "genre": genre[show],
        "title": title[show],
        "price": price[show],
        "weight": appeal[show] * dice.between(60, 140, len(show)),
        "starts": _starts(dice, kinds, house[unit], season[unit], genre[show]),
    }
    every = [name for genre_name in GENRES for name in titles(genre_name)]
    _bring_the_tour(columns, houses, every)
    order = np.lexsort(
        (columns["starts"], columns["title"], columns["genre"], columns["season"], columns["house"])
    )
    columns = {name: column[order] for name, column in columns.items()}
    run = columns["house"] * seasons.SEASONS + columns["season"]
    runs = np.arange(len(houses) * seasons.SEASONS + 1)
    fine = run * len(GENRES) + columns["genre"]
    return Programme(
        house=columns["house"],
        season=columns["season"],
        genre=columns["genre"],
        title=columns["title"],
        starts=columns["starts"],
        price=columns["price"],
        titles=tuple(every),
        refs=tuple(slug(name) for name in every),
        weight=columns["weight"],
        season_first=np.searchsorted(run, runs).astype(np.int64),
        genre_first=np.searchsorted(fine, np.arange((len(runs) - 1) * len(GENRES) + 1)).astype(np.int64),
    )


def _genres(dice: Dice, houses: list[Institution], house: Ints) -> Ints:
    """A genre for each production, by the mix of its house's discipline."""
    kinds = list(_MIX)
    kind = np.array([kinds.index(item.discipline) for item in houses], dtype=np.int64)[house]
    mixes = np.array([_MIX[name] for name in kinds], dtype=np.int64)
    edges = np.zeros(mixes.size + 1, dtype=np.int64)
    np.cumsum(mixes.ravel(), out=edges[1:])
    return dice.within(edges, kind * len(GENRES), (kind + 1) * len(GENRES)) - kind * len(GENRES)


def _titles(dice: Dice, house: Ints, season: Ints, genre: Ints) -> Ints:
    """
    A title for each production: within a house and season no two alike of one genre.

    Each run starts somewhere in the season's list of its genre and takes the titles that follow,
    so that neighbours in the list share houses.
    """
    a_season = TITLES_PER_GENRE // seasons.SEASONS
    run = (house * seasons.SEASONS + season) * len(GENRES) + genre
    offsets = dice.below(a_season, int(run.max()) + 1)
    rank = pd.Series(run).groupby(run).cumcount().to_numpy(dtype=np.int64)
    title: Ints = genre * TITLES_PER_GENRE + season * a_season + (offsets[run] + rank) % a_season
    return title


def _starts(dice: Dice, kinds: list[str], house: Ints, season: Ints, genre: Ints) -> Ints:
    """When each performance starts, in UTC minutes; festivals keep to one week in May or June."""
    count = len(house)
    weeks = dice.weighted(_week_weights(), count)
    summer = np.array([kind == "festival" for kind in kinds])
    own_week = dice.between(34, 38, len(kinds))  # weeks after the first of September's
    week = np.where(summer[house], own_week[house], weeks)
    weekday = dice.weighted(_WEEKDAYS, count)
    opening = np.array([(seasons.first_day(s) - _EPOCH).days for s in range(seasons.SEASONS)], dtype=np.int64)
    closing = np.array([(seasons.last_day(s) - _EPOCH).days for s in range(seasons.SEASONS)], dtype=np.int64)
    monday = opening + (7 - (opening + 3) % 7) % 7  # 1 January 1970 was a Thursday
    day = np.minimum(monday[season] + 7 * week + weekday, closing[season])
    choices = np.array([_STARTS.get(name, _EVENING) for name in GENRES], dtype=np.int64)
    minute = choices[genre, dice.below(3, count)]
    starts: Ints = day * 1440 + minute - _summer_offset(day)
    return starts


def _week_weights() -> list[int]:
    """A weight for each of the season's 39 full weeks, by the month it falls in."""
    return [_MONTHS[min(9, week * 10 // 39)] for week in range(39)]


def _summer_offset(day: Ints) -> Ints:
    """
    Minutes that Dutch local time is ahead of UTC on a day (EU directive 2000/84).

    Right for every hour of the day after three at night; nobody plays on the night of the change.
    """
    ahead = np.full(len(day), 60, dtype=np.int64)
    for year in range(seasons.FIRST_YEAR, seasons.FIRST_YEAR + seasons.SEASONS + 2):
        spring, autumn = (_last_sunday(year, month) for month in (3, 10))
        ahead[(day >= spring) & (day < autumn)] = 120
    return ahead


def _last_sunday(year: int, month: int) -> int:
    last = date(year, month, 31)
    return (last - timedelta(days=(last.weekday() + 1) % 7) - _EPOCH).days


def _bring_the_tour(columns: dict[str, Ints], houses: list[Institution], every: list[str]) -> None:
    """The second theatre of the tour plays the recorded house's play in the last season."""
    every.append(TOUR_TITLE)
    host = next(i for i, house in enumerate(houses) if house.id == TOUR_HOUSE)
    there = np.flatnonzero((columns["house"] == host) & (columns["season"] == seasons.SEASONS - 1))
    title = columns["title"][there[0]]
    moved = there[columns["title"][there] == title]
    columns["title"][moved] = len(every) - 1
    columns["genre"][moved] = GENRES.index("theatre")
    columns["weight"][moved] = 400


def instants(minutes: Ints) -> pd.DatetimeIndex:
    """UTC minutes since 1970 as aware timestamps."""
    return pd.to_datetime(minutes * 60, unit="s", utc=True).as_unit("us")
