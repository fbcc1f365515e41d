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
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from bench.ledgers import ORIGIN, ROUNDS, created, draft, head_read, on_sqlite
from bench.report import Line, heading, seconds
from bench.sandbox import planted
from bench.whole import whole
from consent_ledger.checkpoint import Signer
from consent_ledger.clock import system_clock
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.entry import Stamp, prepared
from consent_ledger.ledger_rows import Head, Row, head_of, insert_rows, move_head, recorded
from consent_ledger.log import Ledger
from consent_ledger.parties import platform_caller
from consent_ledger.permit import Permit, decide
from consent_ledger.question import benchmark_question
from consent_ledger.standing import Said, record
from consent_ledger.tree import Frontier, leaf_hash
from consent_ledger.vocabulary import ConsentAct, PartyId, PersonRef, Position, Purpose
from migrations.run import migrate
from tests.postgresql import PostgreSQL


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


def row_at_a_time(engine: Engine, signer: Signer, clients: int, total: int) -> float:
    """
    What the committer does, each entry in its own transaction: lock the head, look the key up, seal, hash,
    sign, insert, move the head. Nothing is folded and there is no second store, so it is rather too quick.
    """
    turn = time.monotonic_ns()
    start = threading.Barrier(clients + 1)

    def client(own: int) -> None:
        start.wait()
        for number in range(total // clients):
            ready = prepared(draft(f"{turn}:{own}:{number}", number))
            with writing(engine) as connection:
                head = head_of(connection, lock=True)
                assert head is not None
                assert not recorded(connection, [(ready.actor.party, ready.actor.client, ready.idem)])
                now = system_clock()
                entry = ready.at(Position(head.size), Stamp.of(now))
                row = Row(entry, hashlib.sha256(ready.intent).digest(), leaf_hash(entry.line))
                frontier = Frontier.from_bytes(head.frontier)
                frontier.push(row.leaf)
                root = frontier.root()
                note = signer.sign(frontier.size, root)
                insert_rows(connection, [row])
                assert move_head(
                    connection, head.size, Head(frontier.size, root, now, note, frontier.to_bytes())
                )

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
        # the same ledger again, in a database of its own, written without a committer
        single = open_engine(server.urls(server.migrated())[2], Login.APP)
        stack.callback(single.dispose)
        (folder / "single").mkdir()
        with created(folder / "single", single):
            signer = Signer(ORIGIN, Ed25519PrivateKey.generate())
        floors, singles, alone, many = [], [], [], []
        for turn in range(ROUNDS):
            floors.append(one_by_one(plain, 8, 800))
            singles.append(row_at_a_time(single, signer, 8, 800))
            alone.append(load(ledger, 1, 200, f"alone-{turn}"))
            many.append(load(ledger, 256, 7_680, f"many-{turn}"))
        floor, rows = statistics.median(floors), statistics.median(singles)
        seen, one = Load.median(many), Load.median(alone)
        yield Line(
            "PostgreSQL, 256 clients, group commit",
            seen.rate / rows,
            "x row at a time",
            f"{rows:,.0f}/s, the same statements, 8 connections",
            20,
            is_ceiling=False,
        )
        yield Line(
            "PostgreSQL, 256 clients, group commit",
            seen.rate / floor,
            "x bare SQL",
            f"{floor:,.0f}/s, 2 statements, nothing checked or signed",
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
