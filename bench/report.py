"""How a benchmark tells what it measured: one line each, with its floor and the design's budget."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the report; `budget` is what the design allows, None where it says nothing."""

    what: str
    measured: float
    unit: str
    floor: str
    budget: float | None = None
    is_ceiling: bool = True

    def __str__(self) -> str:
        verdict = ""
        if self.budget is not None:
            kept = self.measured <= self.budget if self.is_ceiling else self.measured >= self.budget
            sign = "<=" if self.is_ceiling else ">="
            verdict = f"budget {sign} {self.budget:,g}: {'kept' if kept else 'MISSED'}"
        return f"{self.what:<50} {self.measured:>12,.2f} {self.unit:<16} {self.floor:<46} {verdict}"


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median time of one call."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def heading() -> str:
    """What the figures below were measured on."""
    version = sys.version.split()[0]
    return f"{os.cpu_count()} processors, Python {version}; a budget is the design's, section 13\n"
