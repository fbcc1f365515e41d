"""A fault at one system call: killed there, told EIO or told that the disk is full. Nothing is lost or doubled."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from tests.consent_ledger.faults.account import Account
from tests.consent_ledger.faults.injected import (
    COMMITS,
    Fault,
    NotTraceable,
    Point,
    inject,
    nearly_full,
    points,
)
from tests.consent_ledger.faults.nursery import Nursery

LANES = 2


@dataclass(frozen=True, slots=True)
class Start:
    """What every fault begins with, and the calls there are to spoil."""

    folder: Path
    made: Path
    account: Account
    nurseries: list[Nursery]
    calls: dict[tuple[str, str], int]

    def meet(self, fault: Fault, point: Point, lane: int = 0) -> tuple[Fault, Point, bool, str, Counter[str]]:
        name = f"{fault}-{point.file}-{point.call}-{point.n}"
        done = inject(fault, point, self.made, self.account, self.folder / name, self.nurseries[lane])
        return fault, point, done.was_hit, done.ended, done.refused


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian package strace): no fault at a system call was tried")
    folder = tmp_path_factory.mktemp("faults")
    with Nursery(folder / "errors-0.txt") as first, Nursery(folder / "errors-1.txt") as second:
        account = nearly_full(folder / "made", first)
        try:
            calls = points(folder / "made", account, folder / "watched", first)
        except NotTraceable as refused:
            pytest.skip(f"strace may not trace here, no fault at a system call was tried: {refused}")
        yield Start(folder, folder / "made", account, [first, second], calls)


def test_the_watched_commits_write_and_sync_all_there_is(start: Start) -> None:
    for file in ("main.db-wal", "checkpoint.db-wal"):
        assert start.calls[file, "pwrite64"] > start.calls[file, "fdatasync"] >= COMMITS
    assert start.calls["main.db", "pwrite64"] > 8, "SQLite empties its log into the database meanwhile"
    assert start.calls["main.db", "fdatasync"] > 0


@pytest.mark.parametrize("fault", get_args(Fault))
@pytest.mark.parametrize(
    "point",
    [
        Point("main.db-wal", "fdatasync", 5),
        Point("main.db-wal", "pwrite64", 21),
        Point("checkpoint.db-wal", "fdatasync", 3),
    ],
    ids=str,
)
def test_a_fault_loses_and_doubles_nothing(start: Start, fault: Fault, point: Point) -> None:
    _, _, was_hit, ended, refused = start.meet(fault, point)
    assert was_hit
    if fault != "KILL":
        assert refused, "the child was told, in a sentence"
        assert ended == ("stopped" if point.file == "checkpoint.db-wal" else "done")


def matrix(calls: dict[tuple[str, str], int]) -> list[tuple[Fault, Point]]:
    """Every call of each kind on each file; of the many writes, each second one and each fifth."""
    wanted: list[tuple[Fault, Point]] = []
    for (file, call), number in sorted(calls.items()):
        many = number > COMMITS + 4
        for fault in get_args(Fault):
            step = (2 if fault == "KILL" else 5) if many else 1
            wanted += [(fault, Point(file, call, n)) for n in range(1, number + 1, step)]
    return wanted


@pytest.mark.long
def test_a_fault_at_any_call_loses_and_doubles_nothing(start: Start) -> None:
    wanted = matrix(start.calls)

    def lane(number: int) -> list[tuple[Fault, Point, bool, str, Counter[str]]]:
        return [start.meet(fault, point, number) for fault, point in wanted[number::LANES]]

    with ThreadPoolExecutor(LANES) as pool:
        met = [one for own in pool.map(lane, range(LANES)) for one in own]
    hit = [one for one in met if one[2]]
    ends: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for fault, _, _, ended, said in hit:
        ends[f"{fault} {'killed' if fault == 'KILL' else ended}"] += 1
        refused += said
    print(f"\n{len(hit)} faults met of {len(wanted)} asked for: {dict(ends)}, refusals {dict(refused)}")
    assert len(wanted) > 250
    assert len(hit) > 0.9 * len(wanted), "nearly every call that was watched came again"
    assert refused["LEDGER_UNAVAILABLE"] > 0
