"""
`make bench`: what answers cost, as ratios against their floors, measured in one run on this machine.

The ledger has its own: `bench.ledger`.

Absolute times swing on shared machines; compare ratios, and only within one run. Nothing here is asserted:
a budget that is missed is printed as missed. Budgets are those of the design, section 13.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from api.assembly import Assembled
from bench.report import Line, heading, seconds
from bench.sandbox import planted
from consent_ledger.database import reading
from consent_ledger.parties import platform_caller
from consent_ledger.permit import Permit, decide
from consent_ledger.question import release_question
from insight.audiences import measure
from insight.criteria import Criteria
from insight.months import Month
from insight.release import asked_period
from insight.store.tickets import lines
from seeds.institutions import TOUR_HOUSE


def audiences(parts: Assembled) -> Iterator[Line]:
    """One audience of the largest seeded house against pandas on the same columns in memory."""
    house, caller = parts.house, platform_caller()
    period = asked_period(Month("2022-07"), Month("2027-07"))
    with reading(house.engine) as connection:
        snapshot = house.ledger.pin(connection)
        permit = decide(snapshot, caller, release_question(TOUR_HOUSE, period))
        assert isinstance(permit, Permit)
        index = house.indexes.of(permit, connection)
        columns = lines(permit, connection)
        figures = frozenset({"bookers", "tickets", "spend", "first_timers"})
        ours = seconds(lambda: measure(permit, index, Criteria(), figures, today=house.today()), 200)
        tickets = columns.admissions
        frame = pd.DataFrame({"person": tickets.person, "day": tickets.day, "gross": tickets.gross})
        start, end = period.start.toordinal(), period.end.toordinal()

        def naive() -> tuple[int, int, int, int]:
            within = frame[(frame.day >= start) & (frame.day < end)]
            known = within[within.person >= 0]
            first = frame[frame.person >= 0].groupby("person").day.min()
            new = first.loc[known.person.unique()]
            return known.person.nunique(), len(within), int(within.gross.sum()), int((new >= start).sum())

        theirs = seconds(naive, 20)
        yield Line(
            f"own audience, {len(frame):,} tickets",
            theirs / ours,
            "x pandas",
            "the same columns in memory",
            20,
            is_ceiling=False,
        )
        snapshot.end()


def main() -> int:
    print(heading())
    with tempfile.TemporaryDirectory() as made, planted(Path(made) / "var") as parts:
        for line in audiences(parts):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
