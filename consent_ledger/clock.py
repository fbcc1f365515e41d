"""Clocks: what time it is, asked in one way, so that tests and the seeded house can tell it themselves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol


class ClockRefused(ValueError):
    """A clock was given a time without zone, or told to go back."""

    code = "CLOCK_REFUSED"


class Clock(Protocol):
    """Gives the time now: aware, in UTC."""

    def __call__(self) -> datetime: ...


def system_clock() -> datetime:
    """The machine's own clock. It may step back; whoever needs order takes the later of it and the last time."""
    return datetime.now(UTC)


class SimulatedClock:
    """A clock that stands still until it is told otherwise, and never goes back. Safe between threads."""

    def __init__(self, start: datetime) -> None:
        self._lock = threading.Lock()
        self._now = _utc(start)

    def __call__(self) -> datetime:
        with self._lock:
            return self._now

    def set(self, now: datetime) -> None:
        """Go to `now`; refused when that lies before the time shown."""
        later = _utc(now)
        with self._lock:
            if later < self._now:
                raise ClockRefused("a simulated clock never goes back")
            self._now = later

    def advance(self, step: timedelta) -> None:
        """Go forward by `step`; refused when that is negative."""
        if step < timedelta(0):
            raise ClockRefused("a simulated clock never goes back")
        with self._lock:
            self._now += step


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ClockRefused("a time without zone is not a time")
    return moment.astimezone(UTC)
