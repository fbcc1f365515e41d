"""
Forms: what a value in an entry's body can look like. The words of `consent_ledger.bodies`.

Each form returns when a value fits, and otherwise refuses it by the name of its place, never by its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise
from typing import cast

from consent_ledger.canonical import MAX_INTEGER, EntryRefused, Json

Check = Callable[[Json, str], None]
"""Returns when the value is right; otherwise raises `EntryRefused` naming the place, not the value."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def refused(place: str, should: str) -> EntryRefused:
    return EntryRefused("BODY_REFUSED", f"{place} {should}")


def text(pattern: re.Pattern[str]) -> Check:
    def check(value: Json, place: str) -> None:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise refused(place, "is not written as it should be")

    return check


def octets(least: int, most: int) -> Check:
    """So many bytes, in hexadecimal."""
    return text(re.compile(rf"([0-9a-f]{{2}}){{{least},{most}}}"))


def word(*words: str) -> Check:
    allowed = frozenset(map(str, words))

    def check(value: Json, place: str) -> None:
        if not isinstance(value, str) or value not in allowed:
            raise refused(place, "is none of the words that can stand there")

    return check


def number(least: int = 0, most: int = MAX_INTEGER) -> Check:
    def check(value: Json, place: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise refused(place, f"is not a whole number from {least} to {most}")

    return check


def flag(value: Json, place: str) -> None:
    if not isinstance(value, bool):
        raise refused(place, "is neither true nor false")


def day(value: Json, place: str) -> None:
    text(_DAY)(value, place)
    try:
        date.fromisoformat(str(value))
    except ValueError:
        raise refused(place, "is no day of the calendar") from None


def or_null(check: Check) -> Check:
    return lambda value, place: None if value is None else check(value, place)


def ascending(item: Check, *, least: int = 0, by: str | None = None) -> Check:
    """A list in ascending order without repetition; objects are ordered by their key `by`."""

    def check(value: Json, place: str) -> None:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise refused(place, f"is not a list of {least} or more")
        for one in value:
            item(one, f"{place}[]")
        order = value if by is None else [cast("Mapping[str, Json]", one)[by] for one in value]
        if any(not cast("str", one) < cast("str", two) for one, two in pairwise(order)):
            raise refused(place, "is not in order, or holds something twice")

    return check


def exactly(
    fields: Mapping[str, Check], rule: Callable[[Mapping[str, Json], str], None] | None = None
) -> Check:
    names = frozenset(fields)

    def check(value: Json, place: str) -> None:
        if not isinstance(value, dict):
            raise refused(place, "is not an object")
        if value.keys() != names:
            absent = sorted(names - value.keys())
            raise refused(place, f"lacks {', '.join(absent)}" if absent else "has a field that is not known")
        for name, field in fields.items():
            field(value[name], f"{place}.{name}")
        if rule is not None:
            rule(value, place)

    return check


def in_order(first: str, second: str, *, may_equal: bool) -> Callable[[Mapping[str, Json], str], None]:
    def rule(value: Mapping[str, Json], place: str) -> None:
        low, high = value[first], value[second]
        if low is None or high is None:
            return
        if cast("str", low) > cast("str", high) or (low == high and not may_equal):
            raise refused(f"{place}.{second}", f"lies before {first}")

    return rule
