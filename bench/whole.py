"""A long ledger of people who said yes: written, read, folded, exported and verified."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench.ledgers import granted, ground, head_read, on_sqlite
from bench.report import Line, seconds
from consent_ledger import verify
from consent_ledger.database import reading
from consent_ledger.export import write
from consent_ledger.state import State
from consent_ledger.verify.source import Folder
from consent_ledger.verify.tiles import WIDTH, Tiled


def whole(folder: Path, count: int) -> Iterator[Line]:
    """A long ledger: written at once, read at start, folded, exported, and verified offline."""
    with on_sqlite(folder / "whole") as (ledger, engine):
        ledger.append_all([(one, None) for one in ground()])
        began = time.perf_counter()
        for start in range(0, count, 10_000):
            stop = min(start + 10_000, count)
            ledger.append_all([(granted(number), None) for number in range(start, stop)])
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
        """As the verifier goes: 256 lines at a time, each whole tile held to the one in the export."""
        tiled = Tiled(Folder(export))
        for start in range(0, len(lines), WIDTH):
            tiled.add(lines[start : start + WIDTH])
        return tiled.root()

    for _ in range(3):
        bulks.append(seconds(lambda: hashlib.sha256(content).digest(), 3))
        trees.append(seconds(tree, 1))
        wholes.append(seconds(lambda: verify.verify(export, key=key), 1))
    bulk, hashed, all_of_it = map(statistics.median, (bulks, trees, wholes))
    count = f"{len(lines):,} entries"
    length = statistics.mean(map(len, lines))
    against = f"one SHA-256 of {len(content) / 1e6:,.0f} MB, {length:,.0f} bytes a line"
    yield Line(f"verify {count}, tree alone", hashed / bulk, "x bulk hash", against, 4.5)
    yield Line(f"verify {count}, everything", all_of_it / bulk, "x bulk hash", against, 18)
    yield Line(
        f"verify {count}, everything", all_of_it / hashed, "x tree alone", "parse, canonical, words, fold", 4
    )
    yield Line(f"verify {count}, everything", len(lines) / all_of_it, "entries/s", "")
