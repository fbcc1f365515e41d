"""
Visits counted at the door, without knowing who came: museums mostly, and a few arts centres.

Large houses count every open day, small ones tell a week's total on its Sunday. Years run from
the end of June to the next, one import each. Summer and spring holidays draw visitors, Mondays are closed.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from seeds import seasons
from seeds.batch import Batch
from seeds.dice import Dice, Ints
from seeds.institutions import Institution
from seeds.names import slug

COLUMNS: Final = ("place", "day", "kind", "number", "revenue")
VISIT_KINDS: Final = ("counter", "pass", "school", "free")
_EPOCH: Final = date(1970, 1, 1)
_MONTHS: Final = (70, 82, 80, 95, 108, 92, 128, 136, 88, 112, 88, 104)  # January to December, percent
_WEEKDAYS: Final = (0, 9, 13, 11, 13, 26, 28)  # Monday first; a week is a hundred
_DAILY_FROM: Final = 20_000  # yearly visits from which a house counts by the day
_SHARES: Final = (  # thousandths of the visits per kind: museums, others
    (430, 330, 90, 150),
    (520, 40, 160, 280),
)


def visit_years(houses: list[Institution], seed: int) -> list[Batch]:
    """All counts, by house and year; `day` is text `YYYY-MM-DD`, `revenue` cents."""
    dice = Dice(seed, "visits")
    years = []
    for i, house in enumerate(houses):
        if house.unit != "counts":
            continue
        price = int(dice.between(12, 35, 1)[0]) * 50
        schools = bool(dice.happens(800, 1)[0])
        trend = int(dice.between(-4, 6, 1)[0])
        for season in range(house.first_season, seasons.SEASONS):
            yearly = house.yearly * (100 + trend * (season - 2)) // 100
            years.append(Batch(i, season, _year(dice, house, season, yearly, price, schools=schools)))
    return years


def _year(
    dice: Dice, house: Institution, season: int, yearly: int, price: int, *, schools: bool
) -> pd.DataFrame:
    first = seasons.counting_starts(season)
    days = (seasons.counting_starts(season + 1) - first).days
    dates = [first + timedelta(days=n) for n in range(days)]
    weight = np.array([_MONTHS[day.month - 1] * _WEEKDAYS[day.weekday()] for day in dates], dtype=np.int64)
    # a hundred percent and a hundred a week: 365 days weigh some 521,000 together
    expected = yearly * weight * dice.between(60, 140, days) // (521 * 1000)  # hundredths of a visit
    if house.yearly < _DAILY_FROM:
        sundays = np.array([n for n, day in enumerate(dates) if day.weekday() == 6], dtype=np.int64)
        weeks = np.minimum(np.searchsorted(sundays, np.arange(days)), len(sundays) - 1)
        expected = np.bincount(weeks, weights=expected, minlength=len(sundays)).astype(np.int64)
        dates = [dates[n] for n in sundays.tolist()]
    shares = _shares(house, schools=schools)
    number = np.stack([_rounded(dice, expected * share // 100) for share in shares], axis=1)
    if schools:
        holiday = np.array([day.month in {7, 8} or (day.month == 12 and day.day > 20) for day in dates])
        number[holiday, VISIT_KINDS.index("school")] = 0
    row, kind = np.nonzero(number)
    counted = number[row, kind]
    cents = np.array((price, 0, price // 3, 0), dtype=np.int64)[kind] * counted * 88 // 100
    texts = np.array([day.isoformat() for day in dates], dtype=object)
    return pd.DataFrame(
        {
            "place": slug(house.municipality),
            "day": texts[row],
            "kind": np.array(VISIT_KINDS, dtype=object)[kind],
            "number": counted,
            "revenue": cents,
        }
    )


def _shares(house: Institution, *, schools: bool) -> tuple[int, ...]:
    counter, card, school, free = _SHARES[0 if house.discipline == "museum" else 1]
    return (counter, card, school, free) if schools else (counter + school, card, 0, free)


def _rounded(dice: Dice, thousandths: Ints) -> Ints:
    """Whole visits: the rest decides by a throw, so that small houses do not lose their few."""
    return thousandths // 1000 + dice.happens(thousandths % 1000, len(thousandths))
