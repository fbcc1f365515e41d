"""
Rounds on PostgreSQL: three processes append at once; the server, or some of them, are killed and start again.

The server dies as machines make it die: an immediate shutdown (every backend gives up at once), or SIGKILL
of the postmaster. A child that loses its server asks again with the same keys until it gives up; the next
round begins with what nobody was told of.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from consent_ledger.database import Login, open_engine
from tests.consent_ledger.faults.account import Account, prepare, standing
from tests.consent_ledger.faults.appender import Job
from tests.consent_ledger.faults.kills import verified
from tests.consent_ledger.faults.nursery import Nursery
from tests.consent_ledger.ledgers import Place
from tests.postgresql import PostgreSQL

PROCESSES = 3
Victim = Literal["immediate shutdown", "kill -9 of the postmaster", "kill -9 of two clients"]


@dataclass(slots=True)
class Sessions:
    """One ledger on a server of its own, and three nurseries."""

    server: PostgreSQL
    folder: Path
    url: str
    nurseries: list[Nursery]
    account: Account = field(default_factory=Account)
    rounds: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def round(self, victim: Victim, *, after: float) -> None:
        """Three children append; after so many seconds of it the victim dies, and is started again."""
        opened = threading.Semaphore(0)
        pids = [nursery.begin(self._job(number)) for number, nursery in enumerate(self.nurseries)]
        listeners = [threading.Thread(target=self._listen, args=(one, opened)) for one in self.nurseries]
        for listener in listeners:
            listener.start()
        for _ in listeners:
            opened.acquire(timeout=60)
        time.sleep(after)
        if victim == "kill -9 of two clients":
            dying = pids[:2]
        else:
            self.server.crash(signal.SIGQUIT if victim == "immediate shutdown" else signal.SIGKILL)
            self.server.start_again()
            time.sleep(after)  # those who still ask go on with the new server
            dying = pids
        for pid in dying:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if dying != pids:
            time.sleep(after)
            os.kill(pids[-1], signal.SIGKILL)
        for listener in listeners:
            listener.join()
        self.rounds += 1
        self.account.hold(standing(self.url))
        for nursery in self.nurseries:
            nursery.check()

    def finish(self) -> int:
        """Every wish once more, all of it recomputed; the size of the ledger."""
        self.nurseries[0].begin(
            Job(str(self.folder), self.url, "last", 2, tuple(sorted(self.account.begun)), upto=2)
        )
        self._listen(self.nurseries[0], threading.Semaphore(0))
        assert not self.account.open
        self.account.hold(standing(self.url))
        return verified(self.folder, self.url)

    def _job(self, number: int) -> Job:
        again = tuple(self.account.open[number::PROCESSES])
        return Job(str(self.folder), self.url, f"r{self.rounds}-p{number}", 2, again)

    def _listen(self, nursery: Nursery, opened: threading.Semaphore) -> None:
        is_open = False
        for line in nursery.lines():
            with self._lock:
                self.account.hear(line)
            if not is_open and (line == "open" or line.startswith("-")):
                is_open = True
                opened.release()


@contextmanager
def sessions(folder: Path) -> Iterator[Sessions]:
    """A server of its own: what is killed here is nobody else's."""
    server = PostgreSQL()
    nurseries = [Nursery(folder / f"errors-{number}.txt") for number in range(PROCESSES)]
    try:
        owner_url, _, url, _ = server.urls(server.migrated())
        owner = open_engine(owner_url, Login.OWNER)
        prepare(owner)
        owner.dispose()
        engine = open_engine(url, Login.APP)
        place = Place(folder, engine)
        place.create()
        place.close()
        engine.dispose()
        yield Sessions(server, folder, url, nurseries)
    finally:
        for nursery in nurseries:
            nursery.__exit__()
        server.stop()


def moments(seed: int) -> Iterator[float]:
    """When the victims die, in seconds after all are at work."""
    dice = random.Random(seed)
    while True:
        yield dice.uniform(0.0, 0.25)
