"""
`make bench`: the spine's costs as ratios against their floors, measured in one run on this machine.

Absolute times swing on shared machines; compare ratios, and only within one run. Nothing here is asserted:
a budget that is missed is printed as missed. Budgets are those of the design, section 13.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from api.assembly import Assembled, assembled, prepare
from api.settings import Settings
from consent_ledger import verify
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading
from consent_ledger.entry import Actor, Draft, EntryType, Json
from consent_ledger.export import write
from consent_ledger.parties import platform_caller
from consent_ledger.permit import Permit, decide
from consent_ledger.question import benchmark_question, release_question
from consent_ledger.vocabulary import PLATFORM, ClientId
from insight.audiences import measure
from insight.criteria import Criteria
from insight.months import Month
from insight.release import asked_period
from insight.store.tickets import lines
from seeds.institutions import TOUR_HOUSE
from seeds.plant import plant
from seeds.seasons import OPENING
from seeds.sector import sector

SIGNED = 3_000
"""Entries appended for the ledger's figures."""


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
            verdict = f"budget {sign} {self.budget:g}: {'kept' if kept else 'MISSED'}"
        return f"{self.what:<46} {self.measured:>10.2f} {self.unit:<14} {self.floor:<34} {verdict}"


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median time of one call."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


@contextmanager
def planted(folder: Path) -> Iterator[Assembled]:
    """A small sandbox, planted."""
    settings = Settings.read({"CULTUURINZICHT_DATA_DIR": str(folder)})
    prepare(settings)
    clock = SimulatedClock(OPENING)
    with assembled(settings, clock=clock, create="sandbox") as parts:
        plant(parts.house, sector(0.1), clock=clock)
        yield parts


def raw_sync_rate(folder: Path, writes: int = 300) -> float:
    """4 KiB writes, each synced, per second: what this disk can promise."""
    block = os.urandom(4096)
    handle = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY)
    start = time.perf_counter()
    for number in range(writes):
        os.pwrite(handle, block, 4096 * number)
        os.fdatasync(handle)
    rate = writes / (time.perf_counter() - start)
    os.close(handle)
    return rate


def decisions(parts: Assembled) -> Iterator[Line]:
    """A decision asked again within its request, and reading the head."""
    house, caller = parts.house, platform_caller()
    question = benchmark_question()
    with reading(house.engine) as connection:
        snapshot = house.ledger.pin(connection)
        assert isinstance(decide(snapshot, caller, question), Permit)
        many = 200_000
        loop = seconds(lambda: [None for _ in range(many)])
        asked = seconds(lambda: [decide(snapshot, caller, question) for _ in range(many)])
        yield Line(
            "resolver check, memoised", (asked - loop) / many * 1e6, "us", "a loop that does nothing", 0.5
        )
        snapshot.end()
        driver = connection.connection.driver_connection
        assert driver is not None
        one = seconds(lambda: [driver.execute("select 1").fetchone() for _ in range(2_000)])
        pin = seconds(lambda: [house.ledger.pin(connection) for _ in range(2_000)])
        yield Line("head read and pin", pin / one, "x select 1", "`select 1` on the same connection", 3)


def appends(parts: Assembled, folder: Path) -> Iterator[Line]:
    """Durable, sequenced, Merkle, signed appends against synced writes of the same disk."""
    house, actor = parts.house, Actor(PLATFORM, ClientId(PLATFORM))

    def append(number: int) -> None:
        body: dict[str, Json] = {"recipient": PLATFORM, "client": PLATFORM, "start": 0, "stop": number}
        house.ledger.append(Draft(EntryType.EXPORT_ISSUED, actor, f"bench:{number}", body))

    raw = raw_sync_rate(folder)
    start = time.perf_counter()
    for number in range(200):
        append(number)
    alone = 200 / (time.perf_counter() - start)
    start = time.perf_counter()
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(append, range(200, 200 + SIGNED)))
    together = SIGNED / (time.perf_counter() - start)
    again = raw_sync_rate(folder)
    floor = (raw + again) / 2
    yield Line("ledger append, 1 client", alone / floor, "x raw sync", f"{floor:,.0f} synced writes/s")
    yield Line(
        "ledger append, 64 clients",
        together / floor,
        "x raw sync",
        f"{together:,.0f} appends/s",
        10,
        is_ceiling=False,
    )


def verification(parts: Assembled, folder: Path) -> Iterator[Line]:
    """The offline verifier, everything checked, against one hash over the same bytes."""
    with reading(parts.house.engine) as connection:
        write(parts.house.ledger, connection, folder / "export")
    content = (folder / "export" / "export.jsonl").read_bytes()
    count = content.count(b"\n")
    whole = seconds(lambda: verify.verify(str(folder / "export")), 3)
    bulk = seconds(lambda: hashlib.sha256(content).digest(), 20)
    yield Line(f"verify {count:,} entries", whole / bulk, "x bulk hash", "SHA-256 of the same bytes, once")


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
    with tempfile.TemporaryDirectory() as made, planted(Path(made) / "var") as parts:
        folder = Path(made)
        print(
            f"{os.cpu_count()} processors, Python {sys.version.split()[0]}; a budget is the design's, section 13\n"
        )
        for part in (decisions(parts), audiences(parts), appends(parts, folder), verification(parts, folder)):
            for line in part:
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
