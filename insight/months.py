"""
Calendar months and the cells that hold them: `2026-03`, `2026-Q1`, `2026-H1`, `2026`.

A cell's key names a span of the calendar; within a release it covers the months of that span that
lie in the release's own period, and no others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import NewType

Month = NewType("Month", str)
"""`YYYY-MM`; compares as text as it does in time."""

CellKey = NewType("CellKey", str)
"""`YYYY-MM`, `YYYY-Qn`, `YYYY-Hn` or `YYYY`: a month, quarter, half-year or year."""

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class MonthRefused(ValueError):
    """A text that is no calendar month, or a period that does not end after it starts."""


def month(text: str) -> Month:
    """The month this text names; raises `MonthRefused`."""
    if _MONTH.fullmatch(text) is None:
        raise MonthRefused("a month is written as YYYY-MM")
    return Month(text)


def month_of(day: date) -> Month:
    return Month(f"{day.year:04d}-{day.month:02d}")


def first_day(of: Month) -> date:
    return date(int(of[:4]), int(of[5:]), 1)


def shifted(of: Month, by: int) -> Month:
    """The month `by` months later; earlier when negative."""
    index = int(of[:4]) * 12 + int(of[5:]) - 1 + by
    return Month(f"{index // 12:04d}-{index % 12 + 1:02d}")


def months_between(start: Month, end: Month) -> tuple[Month, ...]:
    """Every month from `start`, included, to `end`, not included; raises `MonthRefused`."""
    if end <= start:
        raise MonthRefused("a period of months ends after it starts")
    found = [start]
    while (following := shifted(found[-1], 1)) < end:
        found.append(following)
    return tuple(found)


def whole_months(start: date, end: date) -> tuple[Month, ...] | None:
    """The months that the days from `start` up to `end` fill exactly; None where they cut one."""
    if start.day != 1 or end.day != 1 or end <= start:
        return None
    return months_between(month_of(start), month_of(end))


def spans_of(of: Month) -> tuple[CellKey, CellKey, CellKey, CellKey]:
    """The cells that can hold this month, from wide to narrow: year, half-year, quarter, month."""
    year, number = of[:4], int(of[5:]) - 1
    return (
        CellKey(year),
        CellKey(f"{year}-H{number // 6 + 1}"),
        CellKey(f"{year}-Q{number // 3 + 1}"),
        CellKey(of),
    )


def covered(key: str, period: Iterable[Month]) -> tuple[Month, ...]:
    """The months of `period` that the cell of this key covers."""
    return tuple(month for month in period if key in spans_of(month))
