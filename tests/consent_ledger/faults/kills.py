"""
Rounds of kill -9 on SQLite: one process with several threads, killed at a random moment, started again.

Some die while they open the ledger, most while they append. After each round a copy of the files is held
against what was acknowledged; the next child finds the originals as the killed one left them. It begins
with the wishes that nobody was told of, and repeats some that were acknowledged. A ledger is used for a few
dozen rounds, then recomputed and its export verified: opening recomputes all of it, so rounds stay short.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

from consent_ledger import export, verify
from consent_ledger.database import Login, open_engine
from consent_ledger.fsck import Inspection
from tests.consent_ledger.faults.account import Account, prepare, standing
from tests.consent_ledger.faults.appender import Job, Wrong
from tests.consent_ledger.faults.nursery import Nursery
from tests.consent_ledger.ledgers import Place, sqlite_place

ROUNDS_OF_A_LEDGER = 25


@dataclass(slots=True)
class Tally:
    """What many rounds amounted to."""

    rounds: int = 0
    acknowledged: int = 0
    in_the_dark: int = 0
    recorded_in_the_dark: int = 0
    while_opening: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))

    def __str__(self) -> str:
        return (
            f"{self.rounds} kills, {self.while_opening} of them while opening; {self.acknowledged} entries"
            f" acknowledged, 0 lost, 0 doubled; {self.in_the_dark} wishes in the dark, of which"
            f" {self.recorded_in_the_dark} had been recorded"
        )


@dataclass(slots=True)
class Rounds:
    """One ledger, and the children that die on it."""

    folder: Path
    nursery: Nursery
    dice: random.Random = field(default_factory=random.Random)
    wrong: Wrong = ""
    threads: int = 4
    account: Account = field(default_factory=Account)
    tally: Tally = field(default_factory=Tally)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'main.db'}"

    def begin(self) -> None:
        self.folder.mkdir()
        with sqlite_place(self.folder) as place:
            place.create()
            owner = open_engine(self.url, Login.OWNER)
            prepare(owner)
            owner.dispose()

    def round(self) -> None:
        """One child, killed; then what stands is held against what was said."""
        acknowledged = sorted(self.account.told)
        again = [*self.account.open, *self.dice.sample(acknowledged, min(4, len(acknowledged)))]
        number = self.tally.rounds
        job = Job(str(self.folder), self.url, f"r{number}", self.threads, tuple(again), wrong=self.wrong)
        before = len(self.account.told)
        was_open = self._die(job)
        self.tally.rounds += 1
        self.tally.while_opening += not was_open
        self.tally.acknowledged += len(self.account.told) - before
        self.tally.in_the_dark += len(self.account.open)
        self.hold()
        self.nursery.check()

    def finish(self) -> None:
        """All of it once more: recomputed, exported, verified by the verifier that knows nothing of us."""
        again = tuple(sorted(self.account.begun))
        self.nursery.begin(Job(str(self.folder), self.url, "last", 2, again, upto=3, wrong=self.wrong))
        said = list(self.nursery.lines())
        for line in said:
            self.account.hear(line)
        assert said[-1] == "done", said[-1]
        assert not self.account.open
        self.hold()
        self.nursery.check()
        verified(self.folder, self.url)

    def _die(self, job: Job) -> bool:
        """Run the child and kill it: whether it had opened the ledger."""
        pid = self.nursery.begin(job)
        opening = self.dice.random() < 0.2
        acknowledgements = 0 if opening else self.dice.randrange(40)
        delay = self.dice.uniform(0, 0.03 if opening else 0.004)
        timer: Timer | None = None
        was_open = False
        for line in self.nursery.lines():
            self.account.hear(line)
            was_open = was_open or line == "open"
            acknowledgements -= line.startswith("!")
            if timer is None and (opening or (was_open and acknowledgements <= 0)):
                timer = Timer(delay, _kill, (pid,))
                timer.start()
        if timer is not None:
            timer.join()
        return was_open

    def hold(self) -> None:
        """Hold a copy of the files against what was said; the files themselves stay as the kill left them."""
        copy = self.folder.with_name(f"{self.folder.name}-copy")
        shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns("*-shm"))
        try:
            found = standing(f"sqlite:///{copy / 'main.db'}")
            self.tally.recorded_in_the_dark += len(
                {wish for wish, _ in found.riders} & set(self.account.open)
            )
            self.account.hold(found)
        finally:
            shutil.rmtree(copy)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it came to its end by itself
        os.kill(pid, signal.SIGKILL)


def verified(folder: Path, url: str) -> int:
    """The size of the ledger, after opening it (which recomputes it), verifying its export, and fsck."""
    engine = open_engine(url, Login.APP)
    place = Place(folder, engine)
    try:
        ledger = place.open()
        size = export.write(ledger, engine, folder / "export")
        assert verify.verify(folder / "export", key=ledger.verifier_key).size == size
        look = Inspection(engine, verifier_key=ledger.verifier_key, store=folder / "checkpoint.db")
        assert not (found := [finding.sentence for finding in look.findings()]), found
        assert look.size == size
    finally:
        place.close()
        engine.dispose()
        shutil.rmtree(folder / "export", ignore_errors=True)
    return size


def many(
    folder: Path, wanted: int, *, seed: int, wrong: Wrong = "", per_ledger: int = ROUNDS_OF_A_LEDGER
) -> Tally:
    """
    So many kills, on as many ledgers as they need.

    Raises `Broken` at the first promise that does not hold; the same seed gives the same dice, not the
    same moments.
    """
    tally = Tally()
    dice = random.Random(seed)
    with Nursery(folder / f"errors-{seed}.txt") as nursery:
        while tally.rounds < wanted:
            rounds = Rounds(folder / f"at-{seed}-{tally.rounds}", nursery, dice, wrong)
            rounds.begin()
            for _ in range(min(per_ledger, wanted - tally.rounds)):
                rounds.round()
            rounds.finish()
            shutil.rmtree(rounds.folder)
            tally = tally.plus(rounds.tally)
    return tally


def on_two_lanes(folder: Path, wanted: int, *, seed: int) -> Tally:
    """The same in two folders at once: while one waits for the disk, the other works."""
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(many, folder, wanted // 2, seed=seed)
        second = pool.submit(many, folder, wanted - wanted // 2, seed=seed + 1)
        return first.result().plus(second.result())
