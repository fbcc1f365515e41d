"""
`make bench-ledger`: what the ledger costs, as ratios against floors measured in the same run.

Rounds are interleaved: floor, one client, many clients, floor again; each figure is the median of its
rounds. Absolute times swing on shared machines. Nothing is asserted: a budget that is missed is printed as
missed. Budgets are those of the design, section 13.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from bench.report import Line, heading, seconds
from bench.sandbox import planted
from consent_ledger import verify
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import system_clock
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.entry import Actor, Draft, EntryType, Json
from consent_ledger.export import write
from consent_ledger.log import Ledger
from consent_ledger.parties import platform_caller
from consent_ledger.permit import Permit, decide
from consent_ledger.question import benchmark_question
from consent_ledger.standing import Said, record
from consent_ledger.state import State
from consent_ledger.verify.tree import Frontier
from consent_ledger.vocabulary import PLATFORM, ClientId, ConsentAct, PartyId, PersonRef, Position, Purpose
from migrations.run import migrate
from tests.postgresql import PostgreSQL

ROUNDS = 5
ACTOR = Actor(PLATFORM, ClientId(PLATFORM))
ORIGIN = "bench.example/ledger"


def draft(idem: str, number: int = 0) -> Draft:
    """An entry as answers write them most."""
    body: dict[str, Json] = {"recipient": PLATFORM, "client": PLATFORM, "start": 0, "stop": number}
    return Draft(EntryType.EXPORT_ISSUED, ACTOR, idem, body)


@contextmanager
def created(folder: Path, engine: Engine) -> Iterator[Ledger]:
    """A new ledger in this migrated database, with its second store in `folder`."""
    with closing(CheckpointStore(folder / "checkpoint.db")) as store:
        signer = Signer(ORIGIN, Ed25519PrivateKey.generate())
        ledger = Ledger.create(engine, store, signer, clock=system_clock, sandbox=True)
        try:
            yield ledger
        finally:
            ledger.close()


@contextmanager
def on_sqlite(folder: Path) -> Iterator[tuple[Ledger, Engine]]:
    """A new ledger on SQLite."""
    folder.mkdir()
    url = f"sqlite:///{folder}/main.db"
    migrate(url, f"sqlite:///{folder}/vault.db")
    engine = open_engine(url, Login.APP)
    try:
        with created(folder, engine) as ledger:
            yield ledger, engine
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class Load:
    """What clients saw that each append one entry after the other: rate, and latencies in milliseconds."""

    rate: float
    half: float
    most: float

    @classmethod
    def median(cls, loads: list[Load]) -> Load:
        """Figure by figure."""
        return cls(*(statistics.median(getattr(one, name) for one in loads) for name in cls.__slots__))


def load(ledger: Ledger, clients: int, total: int, name: str) -> Load:
    """`total` appends by this many threads of this process."""
    taken: list[float] = []
    start = threading.Barrier(clients + 1)

    def client(own: int) -> None:
        mine = []
        start.wait()
        for number in range(total // clients):
            began = time.perf_counter()
            ledger.append(draft(f"{name}:{own}:{number}", number))
            mine.append(time.perf_counter() - began)
        taken.extend(mine)

    threads = [threading.Thread(target=client, args=(own,)) for own in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    rate = len(taken) / (time.perf_counter() - began)
    taken.sort()
    return Load(rate, taken[len(taken) // 2] * 1e3, taken[len(taken) * 99 // 100] * 1e3)


def synced(folder: Path, writes: int = 200) -> float:
    """4 KiB writes, each with fdatasync, per second: what this disk can promise."""
    block = os.urandom(4096)
    handle = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    began = time.perf_counter()
    for number in range(writes):
        os.pwrite(handle, block, 4096 * number)
        os.fdatasync(handle)
    rate = writes / (time.perf_counter() - began)
    os.close(handle)
    return rate


def appends(folder: Path) -> Iterator[Line]:
    """Durable, sequenced, Merkle, signed appends on SQLite against synced writes of the same disk."""
    floors, alone, many = [], [], []
    with on_sqlite(folder / "appends") as (ledger, _):
        for turn in range(ROUNDS):
            before = synced(folder)
            alone.append(load(ledger, 1, 300, f"alone-{turn}"))
            many.append(load(ledger, 64, 6_400, f"many-{turn}"))
            floors.append((before + synced(folder)) / 2)
    floor = statistics.median(floors)
    one, all_of_them = Load.median(alone), Load.median(many)
    against = f"{floor:,.0f} synced 4 KiB writes/s"
    rows = ((one, "1 client", 0.8), (all_of_them, "64 clients", 10.0))
    for seen, who, budget in rows:
        yield Line(f"append, {who}", seen.rate / floor, "x raw sync", against, budget, is_ceiling=False)
    yield Line("append, 64 clients", all_of_them.rate, "entries/s", "", 10_000, is_ceiling=False)
    for seen, who, _ in rows:
        yield Line(f"append, {who}, p50", seen.half, "ms", "")
        yield Line(f"append, {who}, p99", seen.most, "ms", "", 20 if seen is all_of_them else None)


def one_by_one(url: str, clients: int, total: int) -> float:
    """The plain way: each entry its own transaction, which takes the next position from the head row."""

    def client(own: int) -> None:
        with psycopg.connect(url) as connection:
            start.wait()
            for number in range(total // clients):
                row = connection.execute(
                    "UPDATE plain_head SET size = size + 1 RETURNING size - 1"
                ).fetchone()
                assert row is not None
                connection.execute(
                    "INSERT INTO plain_entry VALUES (%s, %s, %s)",
                    (row[0], f"{turn}:{own}:{number}", b"x" * 320),
                )
                connection.commit()

    turn = time.monotonic_ns()
    start = threading.Barrier(clients + 1)
    threads = [threading.Thread(target=client, args=(own,)) for own in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return total / (time.perf_counter() - began)


def on_postgresql(folder: Path) -> Iterator[Line]:
    """Group commit against a head row that each entry takes for itself, and the head read, on PostgreSQL."""
    server = PostgreSQL()
    with ExitStack() as stack:
        stack.callback(server.stop)
        name = server.migrated()
        owner, _, app, _ = server.urls(name)
        plain = owner.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(plain) as connection:
            connection.execute("CREATE TABLE plain_head (size bigint NOT NULL)")
            connection.execute("INSERT INTO plain_head VALUES (0)")
            connection.execute(
                "CREATE TABLE plain_entry (seq bigint PRIMARY KEY, idem text UNIQUE, line bytea)"
            )
        engine = open_engine(app, Login.APP)
        stack.callback(engine.dispose)
        (folder / "postgresql").mkdir()
        ledger = stack.enter_context(created(folder / "postgresql", engine))
        floors, alone, many = [], [], []
        for turn in range(ROUNDS):
            floors.append(one_by_one(plain, 8, 800))
            alone.append(load(ledger, 1, 200, f"alone-{turn}"))
            many.append(load(ledger, 256, 7_680, f"many-{turn}"))
        floor, seen, one = statistics.median(floors), Load.median(many), Load.median(alone)
        yield Line(
            "PostgreSQL, 256 clients, group commit",
            seen.rate / floor,
            "x row at a time",
            f"{floor:,.0f}/s, bare SQL by 8 connections",
            20,
            is_ceiling=False,
        )
        yield Line(
            "PostgreSQL, 256 clients, the same work",
            seen.rate / one.rate,
            "x one by one",
            f"{one.rate:,.0f}/s, 1 client of this ledger",
        )
        yield Line("PostgreSQL, 256 clients", seen.rate, "entries/s", "")
        yield Line("PostgreSQL, 256 clients, p99", seen.most, "ms", "")
        yield from head_read(ledger, engine, "PostgreSQL")


def head_read(ledger: Ledger, engine: Engine, name: str) -> Iterator[Line]:
    """What a request pays to know where the ledger stands."""
    with reading(engine) as connection:
        ledger.pin(connection)
        driver = connection.connection.driver_connection
        assert driver is not None
        ones, pins = [], []
        for _ in range(ROUNDS):
            ones.append(seconds(lambda: [driver.execute("select 1").fetchone() for _ in range(2_000)], 3))
            pins.append(seconds(lambda: [ledger.pin(connection) for _ in range(2_000)], 3))
        floor = statistics.median(ones)
    ratio = statistics.median(pins) / floor
    yield Line(f"head read and pin, {name}", ratio, "x select 1", f"{floor / 2_000 * 1e6:.1f} us", 3)


def checks(folder: Path) -> Iterator[Line]:
    """A decision that was made before in its request."""
    with planted(folder / "var") as parts, reading(parts.house.engine) as connection:
        caller, question = platform_caller(), benchmark_question()
        snapshot = parts.house.ledger.pin(connection)
        assert isinstance(decide(snapshot, caller, question), Permit)
        many = 200_000
        loop = seconds(lambda: [None for _ in range(many)])
        asked = seconds(lambda: [decide(snapshot, caller, question) for _ in range(many)])
        snapshot.end()
    yield Line("resolver check, memoised", (asked - loop) / many * 1e6, "us", "", 0.5)


def whole(folder: Path, count: int) -> Iterator[Line]:
    """A long ledger: written at once, read at start, folded, exported, and verified offline."""
    with on_sqlite(folder / "whole") as (ledger, engine):
        began = time.perf_counter()
        for start in range(0, count, 10_000):
            stop = min(start + 10_000, count)
            ledger.append_all([(draft(f"whole:{number}", number), None) for number in range(start, stop)])
        yield Line("append, batches of 10,000", count / (time.perf_counter() - began), "entries/s", "")
        yield from head_read(ledger, engine, "SQLite")
        with reading(engine) as connection:
            began = time.perf_counter()
            entries = list(ledger.entries(connection, 0, count + 1))
            read = time.perf_counter() - began
        fold = seconds(lambda: State.start().apply(entries), 3)
        yield Line(
            "state rebuild, folding alone",
            len(entries) / fold,
            "entries/s",
            "entries in memory",
            1e6,
            is_ceiling=False,
        )
        yield Line(
            "state rebuild, from the rows", len(entries) / (read + fold), "entries/s", "each row checked"
        )
        write(ledger, engine, folder / "export")
        key = ledger.verifier_key
    yield from verification(folder / "export", key)


def verification(export: Path, key: str) -> Iterator[Line]:
    """The offline verifier against one hash over the same bytes."""
    content = (export / "export.jsonl").read_bytes()
    lines = content.splitlines()
    bulks, trees, wholes = [], [], []

    def tree() -> bytes:
        frontier = Frontier()
        frontier.add(lines)
        return frontier.root()

    for _ in range(3):
        bulks.append(seconds(lambda: hashlib.sha256(content).digest(), 3))
        trees.append(seconds(tree, 1))
        wholes.append(seconds(lambda: verify.verify(export, key=key), 1))
    bulk, hashed, all_of_it = map(statistics.median, (bulks, trees, wholes))
    count = f"{len(lines):,} entries"
    against = f"one SHA-256 of {len(content) / 1e6:,.0f} MB"
    yield Line(f"verify {count}, tree alone", hashed / bulk, "x bulk hash", against, 4.5)
    yield Line(f"verify {count}, everything", all_of_it / bulk, "x bulk hash", against, 18)
    yield Line(
        f"verify {count}, everything", all_of_it / hashed, "x tree alone", "parse, canonical, words, fold", 4
    )
    yield Line(f"verify {count}, everything", len(lines) / all_of_it, "entries/s", "")


def standing(folder: Path, grants: int = 100_000) -> Iterator[Line]:
    """What the projection of who said what keeps on disk for one grant, indexes included."""
    (folder / "standing").mkdir()
    path = folder / "standing" / "main.db"
    migrate(f"sqlite:///{path}", f"sqlite:///{folder}/standing/vault.db")
    engine = open_engine(f"sqlite:///{path}", Login.APP)
    day = datetime.now(UTC).date()
    empty = _pages(path)
    began = time.perf_counter()
    with writing(engine) as connection:
        record(connection, (_grant(number, day) for number in range(grants)))
    taken = time.perf_counter() - began
    engine.dispose()
    yield Line("standing, on disk", (_pages(path) - empty) / grants, "bytes a grant", "rows and both indexes")
    yield Line("standing, rebuild", grants / taken, "rows/s", "", 1e6, is_ceiling=False)


def _grant(number: int, day: date) -> Said:
    person = PersonRef(hashlib.sha256(str(number).encode()).hexdigest()[:32])
    return Said(
        PartyId("house-a"), person, Purpose.OWN_INSIGHT, ConsentAct.GRANTED, Position(number), day, None, ("privacy", 1)
    )  # fmt: skip


def _pages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as driver:
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = driver.execute(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        ).fetchone()
        return int(size)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.ledger", description="What the ledger costs.")
    parser.add_argument("--entries", type=int, default=200_000, help="length of the ledger that is verified")
    parser.add_argument("--only", help="one part: appends, postgresql, checks, whole, standing")
    arguments = parser.parse_args()
    print(heading())
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        parts: dict[str, Callable[[], Iterator[Line]]] = {
            "checks": lambda: checks(folder),
            "appends": lambda: appends(folder),
            "postgresql": lambda: on_postgresql(folder),
            "whole": lambda: whole(folder, arguments.entries),
            "standing": lambda: standing(folder),
        }
        for name, part in parts.items():
            if arguments.only in {None, name}:
                for line in part():
                    print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
