"""
One fault at one system call of an appending process, injected by strace: killed there, or told EIO or ENOSPC.

strace counts the calls of each thread by itself, and here only those on one file: the n-th write to the
database's write-ahead log, the n-th sync of the second store, and so on, each in the thread that opens or
in the one that commits. The ledger begins with a write-ahead log that is nearly full, so that its
checkpoint (the only time when SQLite writes to the database file itself) falls into the few commits that
are watched.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.consent_ledger.faults.account import Account, standing
from tests.consent_ledger.faults.appender import Job
from tests.consent_ledger.faults.kills import Rounds, verified
from tests.consent_ledger.faults.nursery import Nursery

Fault = Literal["KILL", "EIO", "ENOSPC"]

CALLS = "pwrite64,write,fdatasync,fsync,ftruncate"
COMMITS = 16  # that are watched
_FRAME = 4096 + 24
_NEARLY_FULL = 920 * _FRAME  # SQLite empties its log at 1,000 pages
_CALLED = re.compile(r"(\d+) +(\w+)\(\d+<([^>]*)>")


class NotTraceable(Exception):
    """strace is missing here, or may not trace."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """The n-th call of one kind on one file, by its name in the ledger's folder."""

    file: str
    call: str
    n: int

    def __str__(self) -> str:
        return f"{self.call} {self.n} on {self.file}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one fault. `ended` is the child's last word, `refused` how often it was told no."""

    was_hit: bool
    ended: str
    refused: Counter[str]


def nearly_full(folder: Path, nursery: Nursery) -> Account:
    """Make the ledger that every fault begins with, by killing who appends to it; and what it was told."""
    rounds = Rounds(folder, nursery, wrong="", threads=1)
    rounds.begin()
    pid = nursery.begin(Job(str(folder), rounds.url, "before", threads=1))
    log = folder / "main.db-wal"
    is_full = False
    for line in nursery.lines():
        rounds.account.hear(line)
        if line.startswith("!") and not is_full and log.stat().st_size >= _NEARLY_FULL:
            is_full = True
            os.kill(pid, signal.SIGKILL)
    rounds.hold()
    return rounds.account


def points(made: Path, account: Account, folder: Path, nursery: Nursery) -> dict[tuple[str, str], int]:
    """How often each file meets each call, in the thread that does it most: found by watching one run."""
    traced = _Traced(made, account, folder, nursery)
    traced.run(["-e", f"trace={CALLS}"])
    assert traced.said[-1] == "done"
    by_thread: Counter[tuple[str, str, str]] = Counter()
    for thread, call, path in _CALLED.findall(traced.log.read_text()):
        if Path(path).parent == traced.folder:
            by_thread[thread, Path(path).name, call] += 1
    most: dict[tuple[str, str], int] = {}
    for (_, file, call), number in by_thread.items():
        most[file, call] = max(number, most.get((file, call), 0))
    return most


def inject(
    fault: Fault, point: Point, made: Path, account: Account, folder: Path, nursery: Nursery
) -> Outcome:
    """
    Let one child meet this fault, hold what stands against what it was told, and let the next one finish.

    Raises `Broken` when something acknowledged is lost, doubled or moved, or when a refusal is no sentence.
    """
    traced = _Traced(made, account, folder, nursery)
    how = "signal=KILL" if fault == "KILL" else f"error={fault}"
    path = str(traced.folder / point.file)
    traced.run(["-P", path, "-e", f"trace={point.call}", "-e", f"inject={point.call}:{how}:when={point.n}"])
    log = traced.log.read_text()
    was_hit = ("killed by SIGKILL" if fault == "KILL" else "(INJECTED)") in log
    ended = traced.said[-1] if traced.said else "ready"
    if fault != "KILL" or not was_hit:
        assert ended in {"done", "stopped"}, f"{fault} at {point}: the child ended with: {ended}"
    traced.finish()
    return Outcome(was_hit, ended, traced.account.refused)


class _Traced:
    """A copy of the nearly full ledger, and a child on it under strace."""

    def __init__(self, made: Path, account: Account, folder: Path, nursery: Nursery) -> None:
        self.folder = folder
        self.account = Account(set(account.begun), dict(account.told))
        self.log = folder.with_name(f"{folder.name}.strace")
        self.said: list[str] = []
        self._nursery = nursery
        shutil.copytree(made, folder, ignore=shutil.ignore_patterns("*-shm"))

    def run(self, what: list[str]) -> None:
        again = tuple(self.account.open)
        job = Job(str(self.folder), self._url, "x", threads=1, again=again, upto=COMMITS, waits=True)
        pid = self._nursery.begin(job)
        said = self._nursery.lines()
        assert next(said) == "ready"
        strace = subprocess.Popen(
            ["strace", "-f", "-y", "-o", str(self.log), *what, "-p", str(pid)],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _wait_for_tracer(pid, strace)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            list(said)
            raise
        os.kill(pid, signal.SIGUSR1)
        self._hear(said)
        strace.communicate(timeout=60)
        self._nursery.check()

    def finish(self) -> None:
        """What was acknowledged stands; the next child gets the rest done; all of it is recomputed."""
        self.account.hold(standing(self._url))
        again = tuple(sorted(self.account.begun))
        self._nursery.begin(Job(str(self.folder), self._url, "next", threads=2, again=again, upto=2))
        self._hear(self._nursery.lines())
        assert self.said[-1] == "done", self.said[-1]
        assert not self.account.open
        self.account.hold(standing(self._url))
        self._nursery.check()
        verified(self.folder, self._url)
        shutil.rmtree(self.folder)

    @property
    def _url(self) -> str:
        return f"sqlite:///{self.folder / 'main.db'}"

    def _hear(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.account.hear(line)
            self.said.append(line)


def _wait_for_tracer(pid: int, strace: subprocess.Popen[str]) -> None:
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        if strace.poll() is not None:
            raise NotTraceable(strace.communicate()[1].strip())
        time.sleep(0.002)
