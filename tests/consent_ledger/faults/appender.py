"""
The child of the crash tests: a process that appends until something stops it, and says what it was told.

One line each, in one system call, so that nothing said before a kill is lost and no line is half:

    ready               nothing is open yet
    open                the ledger was recomputed and takes entries
    ? WISH              about to be asked for
    ! WISH POSITION     acknowledged
    - CODE SENTENCE     refused in a sentence
    done                all that was asked for stands, and the ledger is closed
    stopped             the ledger takes nothing more from this process, and is closed

Each entry carries one rider, a row of `appended` with its wish and position. Three wrong appenders stand
beside the right one, to show that the tests can fail.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Literal, Self

from sqlalchemy import Connection, Engine, text

from consent_ledger.checkpoint import StoreRefused
from consent_ledger.clock import system_clock
from consent_ledger.database import DatabaseRefused, Login, open_engine, writing
from consent_ledger.log import Ledger, LedgerError, LedgerUnavailable
from consent_ledger.vocabulary import Position
from tests.consent_ledger.ledgers import Place, issued

Wrong = Literal["", "acknowledges early", "forgets keys", "writes riders apart"]

_RUNAWAY = 3_000  # wishes of one thread: a child whose parent died ends by itself
_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Job:
    """What one child does. `again` are wishes of earlier children; `upto` new ones a thread, or no end."""

    folder: str
    url: str
    name: str
    threads: int = 4
    again: tuple[str, ...] = ()
    upto: int | None = None
    wrong: Wrong = ""
    waits: bool = False  # for SIGUSR1, after `ready`

    def line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Self:
        told = json.loads(line)
        return cls(**{**told, "again": tuple(told["again"])})


def say(line: str) -> None:
    # writev: faults that are injected into `write` then meet the ledger, never this report
    os.writev(1, [line.encode() + b"\n"])


def keep(connection: Connection, wish: str, position: int) -> None:
    connection.execute(
        text("INSERT INTO appended (wish, position) VALUES (:wish, :position)"),
        {"wish": wish, "position": position},
    )


class Appender:
    def __init__(self, job: Job, ledger: Ledger, engine: Engine) -> None:
        self._job = job
        self._ledger = ledger
        self._engine = engine
        self.is_stopped = False

    def work(self, thread: int) -> None:
        for wish in self._wishes(thread):
            say(f"? {wish}")
            if not self._append(wish):
                self.is_stopped = True
                return

    def _wishes(self, thread: int) -> Iterator[str]:
        yield from self._job.again[thread :: self._job.threads]
        for number in count():
            if number == (_RUNAWAY if self._job.upto is None else self._job.upto):
                return
            yield f"{self._job.name}-{thread}-{number}"

    def _append(self, wish: str) -> bool:
        """Ask until it stands; False when the ledger takes nothing more."""
        for attempt in range(_ATTEMPTS):
            try:
                position = self._once(wish)
            except LedgerUnavailable as again:
                say(f"- {again.code} {again.sentence}")
                time.sleep(0.01 * 2**attempt)
            except LedgerError as refused:
                say(f"- {refused.code} {refused.sentence}")
                return False
            else:
                say(f"! {wish} {position}")
                return True
        return False

    def _once(self, wish: str) -> int:
        match self._job.wrong:
            case "acknowledges early":

                def early(connection: Connection, position: Position) -> None:
                    keep(connection, wish, position)
                    say(f"! {wish} {position}")

                return self._ledger.append(issued(wish), rider=early).position
            case "forgets keys":
                forgetful = f"{wish}-{secrets.token_hex(4)}"
                return self._ledger.append(issued(forgetful), rider=riding(wish)).position
            case "writes riders apart":
                done = self._ledger.append(issued(wish))
                if not done.repeated:
                    with writing(self._engine) as connection:
                        keep(connection, wish, done.position)
                return done.position
            case "":
                return self._ledger.append(issued(wish), rider=riding(wish)).position


def riding(wish: str) -> Callable[[Connection, Position], None]:
    return lambda connection, position: keep(connection, wish, position)


def _let_anybody_trace() -> None:
    """Where only ancestors may trace a process (Yama), let strace, its cousin."""
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)


def run(job: Job) -> None:
    """Open the ledger and append. What can be foreseen is said in a sentence; anything else is a traceback."""
    if job.waits:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        _let_anybody_trace()
    say("ready")
    if job.waits:
        signal.sigwait([signal.SIGUSR1])
    try:
        engine = open_engine(job.url, Login.APP)
        place = Place(Path(job.folder), engine, system_clock)
        ledger = place.open()
    except (DatabaseRefused, LedgerError, StoreRefused) as refused:
        say(f"- {refused.code} {refused}")
        say("stopped")
        return
    say("open")
    appender = Appender(job, ledger, engine)
    if job.threads == 1:
        appender.work(0)
    else:
        threads = [threading.Thread(target=appender.work, args=(number,)) for number in range(job.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ledger.close()
    place.close()
    engine.dispose()
    say("stopped" if appender.is_stopped else "done")


if __name__ == "__main__":
    run(Job.read(sys.argv[1]))
