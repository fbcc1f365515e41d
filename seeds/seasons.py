"""
The five invented seasons and the days on which the sector acts.

A season runs from September to June; museums count the whole year, from the end of June. The house is open
before anything is sold: registration and pool come before the first day of sale, so that no
seeded line is older than the notice it falls under. The last seeded entry lies before `TODAY`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

ZONE = "Europe/Amsterdam"
FIRST_YEAR = 2022
SEASONS = 5
TODAY = date(2027, 7, 1)
"""The sandbox's fixed today: the day after the last seeded entry."""
OPENING = datetime(2022, 3, 1, 9, 0, tzinfo=UTC)
"""When the platform opens: the first seeded act."""
LAST_ACT = datetime(2027, 6, 30, 16, 0, tzinfo=UTC)
"""Nothing is seeded after this."""


def label(season: int) -> str:
    """`2022-23` for season 0."""
    year = FIRST_YEAR + season
    return f"{year}-{(year + 1) % 100:02d}"


def on_sale(season: int) -> datetime:
    """When the season's first ticket can be bought."""
    return datetime(FIRST_YEAR + season, 6, 15, 8, 0, tzinfo=UTC)


def first_day(season: int) -> date:
    """The season's first performance day."""
    return date(FIRST_YEAR + season, 9, 3)


def last_day(season: int) -> date:
    """The season's last performance day."""
    return date(FIRST_YEAR + season + 1, 6, 12)


def counting_starts(season: int) -> date:
    """The first day of a year of counts; the last year ends before the last seeded act."""
    return date(FIRST_YEAR + season, 6, 29)


def closing(season: int) -> datetime:
    """When the imports of the season's tickets begin."""
    return datetime(FIRST_YEAR + season + 1, 6, 21, 6, 0, tzinfo=UTC)


def counted(season: int) -> datetime:
    """When the imports of the year's counts begin."""
    return datetime(FIRST_YEAR + season + 1, 6, 29, 5, 0, tzinfo=UTC)
