"""
A race: some take consent and agreements back, others read at the same time, and both say when.

Times are those of CLOCK_MONOTONIC, one clock for all processes of a machine. A writer notes it after the
acknowledgement, a reader before its transaction begins. So a read is stale when its pinned size does not
hold an entry whose acknowledgement has an earlier time; and it is wrong when what it was told is not
what stood at its pinned size.

As a program it is one process of such a race on PostgreSQL: `ready` when the ledger is open, then it
waits for a line, runs, and ends. `cached` is the wrong one, which shows that the race can be lost.
"""

from __future__ import annotations

import json
import random
import secrets
import sys
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate, chain
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, select

from consent_ledger.agreements import end
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import system_clock
from consent_ledger.database import Login, open_engine, reading
from consent_ledger.entry import Draft, EntryType
from consent_ledger.log import Ledger
from consent_ledger.permit import Permit, decide
from consent_ledger.question import audience_question
from consent_ledger.snapshot import Snapshot, pin_snapshot
from consent_ledger.standing import Said, record, standing
from consent_ledger.vocabulary import AgreementId, ConsentAct, PersonRef, Position
from tests.resolvers.scene import LAKESIDE, OPERATOR, RESEARCH, caller

PERSONS = tuple(PersonRef(f"racer-{number}") for number in range(24))
CACHED = 0.005  # seconds, of the wrong process
_BUREAU = caller("bureau-app")
_ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Told:
    """A change that was acknowledged: of whom or what, to what, at which position, by which time."""

    subject: str
    became: str
    position: int
    acknowledged: int


@dataclass(frozen=True, slots=True)
class Saw:
    """A read: when it began, the size that it pinned, and what it was told of its subject (None: no act yet)."""

    subject: str
    seen: str | None
    size: int
    begun: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a race came to."""

    operations: int
    stale: tuple[Saw, ...]
    wrong: tuple[Saw, ...]
    raced: int
    """Reads that began within a hundredth of a second after an acknowledgement: those in which a cache shows."""

    def __str__(self) -> str:
        return (
            f"{self.operations:,} operations, {self.raced:,} reads within 10 ms of an acknowledgement: "
            f"{len(self.stale)} stale, {len(self.wrong)} wrong"
        )


def judged(told: Sequence[Told], saw: Sequence[Saw], *, before: str | None = None) -> Verdict:
    """Hold every read to everything that was acknowledged before it began. `before`: how all subjects began."""
    by_time = sorted(told, key=lambda one: one.acknowledged)
    times = [one.acknowledged for one in by_time]
    highest = list(accumulate((one.position for one in by_time), max))
    acts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in sorted(told, key=lambda one: one.position):
        acts[one.subject].append((one.position, one.became))
    stale, wrong, raced = list[Saw](), list[Saw](), 0
    for read in saw:
        earlier = bisect_left(times, read.begun)
        if earlier:
            raced += read.begun - times[earlier - 1] < 10_000_000
            if read.size <= highest[earlier - 1]:
                stale.append(read)
        below = bisect_left(acts[read.subject], (read.size, ""))
        stood = acts[read.subject][below - 1][1] if below else before
        if read.seen != stood:
            wrong.append(read)
    return Verdict(len(told) + len(saw), tuple(stale), tuple(wrong), raced)


@dataclass(slots=True)
class Racer:
    """One process of the race: one writer and some readers on one ledger."""

    ledger: Ledger
    engine: Engine
    lasting: AgreementId
    """Under which persons are asked about; nobody ends it."""
    agreements: Sequence[AgreementId]
    """Those that all racers read."""
    own: Sequence[AgreementId]
    """Those that this one ends, one with every eighth change."""
    pause: float = 0.0
    """Seconds between two changes."""
    persons: int = 2
    """Every so many reads one asks how a person stands; the others, which cost less, ask about agreements."""
    breath: float = 0.0
    """Seconds that a reader waits between two reads, so that writers come forward."""
    told: list[Told] = field(default_factory=list)
    saw: list[Saw] = field(default_factory=list)

    def run(self, reads: int, readers: int = 2) -> None:
        """
        Let `readers` threads read `reads` times altogether, while one writes. Raises what any of them raises.

        Threads take turns a hundred times as often as usual: else an acknowledgement waits for readers
        so long that what they keep too long is over before anybody can tell.
        """
        usual = sys.getswitchinterval()
        sys.setswitchinterval(usual / 100)
        try:
            self._run(reads, readers)
        finally:
            sys.setswitchinterval(usual)

    def _run(self, reads: int, readers: int) -> None:
        over, failed = threading.Event(), list[BaseException]()

        def kept(work: Callable[[], None]) -> Callable[[], None]:
            def run() -> None:
                try:
                    work()
                except BaseException as error:
                    failed.append(error)
                    over.set()

            return run

        writer = threading.Thread(target=kept(lambda: self._write(over)))
        share = reads // readers
        threads = [threading.Thread(target=kept(lambda: self._read(share, over))) for _ in range(readers)]
        for thread in (writer, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        writer.join()
        if failed:
            raise failed[0]

    def _write(self, over: threading.Event) -> None:
        dice, ends = random.Random(), iter(self.own)
        number = 0
        while not over.is_set():
            number += 1
            agreement = next(ends, None) if number % 8 == 0 else None
            subject, became, draft, rider = (
                self._consent(dice) if agreement is None else self._ending(agreement)
            )
            done = self.ledger.append(draft, rider=rider)
            self.told.append(Told(subject, became, done.position, time.monotonic_ns()))
            over.wait(self.pause) if self.pause else None

    def _consent(self, dice: random.Random) -> tuple[str, str, Draft, Callable[[Connection, Position], None]]:
        person = dice.choice(PERSONS)
        act = dice.choice((ConsentAct.WITHDRAWN, ConsentAct.GRANTED))

        def ride(connection: Connection, position: Position) -> None:
            day = system_clock().date()
            record(connection, [Said(LAKESIDE, person, RESEARCH, act, position, day)])

        body = {
            "controller": LAKESIDE,
            "purpose": RESEARCH.value,
            "purpose_version": 1,
            "notice": None,
            "notice_version": None,
            "commitment": secrets.token_hex(32),
        }
        return person, act.value, Draft(EntryType(f"consent.{act}"), OPERATOR, _key(), body), ride

    def _ending(self, agreement: AgreementId) -> tuple[str, str, Draft, None]:
        with reading(self.engine) as connection:
            snapshot = self.ledger.pin(connection)
            known = snapshot.state.agreements[agreement]
            snapshot.end()
        return agreement, _ENDED, end(known, LAKESIDE, actor=OPERATOR, idem=_key()), None

    def _read(self, times: int, over: threading.Event) -> None:
        dice = random.Random()
        for number in range(times):
            if over.wait(self.breath) if self.breath else over.is_set():
                return
            self.saw.append(
                self._agreement(dice.choice(self.agreements))
                if number % self.persons
                else self._person(dice.choice(PERSONS))
            )

    def _person(self, person: PersonRef) -> Saw:
        question = audience_question(LAKESIDE, RESEARCH, [], agreement=self.lasting)
        begun = time.monotonic_ns()
        with reading(self.engine) as connection:
            snapshot = self.ledger.pin(connection)
            permit = decide(snapshot, _BUREAU, question)
            assert isinstance(permit, Permit), permit
            act = connection.scalar(
                select(standing.c.act)
                .where(
                    standing.c.controller == permit.controller,
                    standing.c.purpose == permit.purpose.value,
                    standing.c.person == person,
                    standing.c.position < permit.size,
                )
                .order_by(standing.c.position.desc())
                .limit(1)
            )
            snapshot.end()
        return Saw(person, act, snapshot.size, begun)

    def _agreement(self, agreement: AgreementId) -> Saw:
        question = audience_question(LAKESIDE, RESEARCH, [], agreement=agreement)
        begun = time.monotonic_ns()
        with reading(self.engine) as connection:
            snapshot = self.ledger.pin(connection)
            permit = decide(snapshot, _BUREAU, question)
            snapshot.end()
        return Saw(agreement, None if isinstance(permit, Permit) else _ENDED, snapshot.size, begun)


def cached(ledger: Ledger) -> None:
    """Make this ledger pin what it pinned in the last five milliseconds: what no ledger of ours may do."""
    pin, kept = ledger.pin, list[tuple[float, Snapshot]]()

    def late(connection: Connection) -> Snapshot:
        now = time.monotonic()
        if not kept or now - kept[0][0] > CACHED:
            kept[:] = [(now, pin(connection))]
        old = kept[0][1]
        return pin_snapshot(size=old.size, root=old.root, at=old.at, state=old.state)

    ledger.pin = late  # type: ignore[method-assign]  # the wrong one


@dataclass(frozen=True, slots=True)
class Job:
    """What one process of the race is given."""

    url: str
    store: str
    origin: str
    key: str
    lasting: str
    agreements: Sequence[str]
    own: Sequence[str]
    reads: int
    pause: float
    persons: int
    breath: float
    result: str
    cached: bool = False


def read_results(paths: Iterable[Path]) -> tuple[list[Told], list[Saw]]:
    """What the processes wrote when they were done."""
    results = [json.loads(path.read_text()) for path in paths]
    told = [Told(*one) for one in chain.from_iterable(result["told"] for result in results)]
    saw = [Saw(*one) for one in chain.from_iterable(result["saw"] for result in results)]
    return told, saw


def main(path: str) -> None:
    """Run the job in this file."""
    job = Job(**json.loads(Path(path).read_text()))
    engine, store = open_engine(job.url, Login.APP), CheckpointStore(Path(job.store))
    signer = Signer(job.origin, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(job.key)))
    ledger = Ledger.open(engine, store, signer, clock=system_clock)
    if job.cached:
        cached(ledger)
    racer = Racer(
        ledger,
        engine,
        AgreementId(job.lasting),
        [*map(AgreementId, job.agreements)],
        [*map(AgreementId, job.own)],
        job.pause,
        job.persons,
        job.breath,
    )
    print("ready", flush=True)
    sys.stdin.readline()
    racer.run(job.reads)
    ledger.close()
    store.close()
    engine.dispose()
    rows = {
        "told": [[*asdict(one).values()] for one in racer.told],
        "saw": [[*asdict(one).values()] for one in racer.saw],
    }
    Path(job.result).write_text(json.dumps(rows))


def _key() -> str:
    return f"race-{secrets.token_hex(8)}"


if __name__ == "__main__":
    main(sys.argv[1])
