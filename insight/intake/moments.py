"""
The time in a file becomes an instant, or is refused.

A local time without an offset is read in the zone that the mapping states. In the hour that
occurs twice when summer time ends it means two instants, and in the hour that is skipped when
summer time begins it means none (RFC 5545, 3.3.5 describes both): we do not guess.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from insight.intake.faults import Unreadable

_ISO = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?\Z", re.ASCII)

ISO = "iso"
"""The form `2026-09-12 20:15[:00]`, with or without an offset (RFC 3339 with a space or a T)."""


STORED = "%Y-%m-%dT%H:%M:%SZ"
"""How an instant in UTC is written in tables and canonical columns."""


class RepeatedHour(StrEnum):
    """What to do with a local time that occurs twice."""

    REJECT = "reject"
    FIRST = "first"


@cache
def zone(name: str) -> ZoneInfo:
    """Raises `Unreadable` when there is no such IANA zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Unreadable("BAD_ZONE") from None


def instant(
    told: str, form: str, local: ZoneInfo, *, repeated_hour: RepeatedHour = RepeatedHour.REJECT
) -> tuple[datetime, bool]:
    """
    The instant in UTC to the second, and whether the first of a repeated hour was assumed.

    Raises `Unreadable`: BAD_TIME, REPEATED_HOUR, SKIPPED_HOUR.
    """
    moment = _read(told, form)
    if moment.tzinfo is not None:
        return _utc(moment), False
    first = moment.replace(tzinfo=local, fold=0)
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    if before == after or before is None or after is None:
        return _utc(first), False
    if before < after:
        raise Unreadable("SKIPPED_HOUR")
    if repeated_hour is RepeatedHour.REJECT:
        raise Unreadable("REPEATED_HOUR")
    return _utc(first), True


def _read(told: str, form: str) -> datetime:
    try:
        if form != ISO:
            return datetime.strptime(told, form)  # noqa: DTZ007  # a local time is made an instant by the caller
        if _ISO.match(told):
            return datetime.fromisoformat(told)
    except ValueError:
        pass
    raise Unreadable("BAD_TIME") from None


def _utc(moment: datetime) -> datetime:
    try:
        told = moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise Unreadable("BAD_TIME") from None
    if not 1900 <= told.year <= 2200:
        raise Unreadable("BAD_TIME")
    return told
