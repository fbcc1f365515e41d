"""
The rows of the ledger's two tables, read and written with as few statements as each database allows.

Everything here runs inside the committer's one transaction and says nothing about who may write. A batch
is one look-up, one insert of many rows and one update, whatever its size: SQLite takes rows as one
statement of many values (each statement gives Python's lock away once), PostgreSQL as arrays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain, repeat
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from consent_ledger.entry import Entry
from consent_ledger.vocabulary import Position

Key = tuple[str, str, str]
"""What makes an entry repeatable: actor's party, actor's client, idempotency key."""

_LOOK_UP = 4_096
_MOST = 256  # rows of one SQLite statement: eight values each, of the 32,766 there can be
_PAGE = 10_000

_HEAD = "SELECT size, root, recorded, checkpoint, frontier FROM ledger_head WHERE one = 1"
_PUT = "INSERT INTO ledger_head (one, size, root, frontier, recorded, checkpoint) VALUES (1, ?, ?, ?, ?, ?)"
_MOVE = (
    "UPDATE ledger_head SET size = ?, root = ?, frontier = ?, recorded = ?, checkpoint = ?"
    " WHERE one = 1 AND size = ?"
)
_INSERT = (
    "INSERT INTO ledger_entry (seq, type, actor_party, actor_client, idem, body_sha256, leaf_hash, line) "
)
_ARRAYS = (
    "SELECT * FROM unnest(?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[],"
    " %b::bytea[], %b::bytea[], %b::bytea[])"
)
_FIND = "SELECT e.actor_party, e.actor_client, e.idem, e.body_sha256, e.seq, e.line FROM "
_ON = "ledger_entry AS e ON e.actor_party = k.party AND e.actor_client = k.client AND e.idem = k.idem"
_KEYS = "unnest(?::text[], ?::text[], ?::text[]) AS k (party, client, idem) JOIN "


@dataclass(frozen=True, slots=True)
class Head:
    """The one row that says how far the ledger reaches."""

    size: int
    root: bytes
    recorded: datetime
    checkpoint: str
    frontier: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it is stored: `sha256` is that of its `intent`, `leaf` its leaf hash."""

    entry: Entry
    sha256: bytes
    leaf: bytes


def head_of(connection: Connection, *, lock: bool = False) -> Head | None:
    """The head as this transaction sees it, None when there is none; with `lock`, it is ours until the end."""
    # SQLite has taken its one write lock with BEGIN IMMEDIATE
    of = " FOR UPDATE" if lock and connection.dialect.name == "postgresql" else ""
    row = _run(connection, f"{_HEAD}{of}").fetchone()
    if row is None:
        return None
    size, root, recorded, checkpoint, frontier = row
    return Head(int(size), bytes(root), datetime.fromisoformat(recorded), checkpoint, bytes(frontier))


def put_head(connection: Connection, head: Head) -> None:
    """The first head of a ledger."""
    _run(connection, _PUT, _values(head))


def move_head(connection: Connection, old: int, head: Head) -> bool:
    """Move the head on from `old` entries; False when it does not say so many any more."""
    return bool(_run(connection, _MOVE, (*_values(head), old)).rowcount == 1)


def insert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Add these rows, in their order."""
    values = list(map(_stored, rows))
    if connection.dialect.name == "sqlite":
        for start in range(0, len(values), _MOST):
            some = values[start : start + _MOST]
            # The last row again and again up to a power of two, and then no more than there are: few
            # statements, each compiled once.
            many = 1 << (len(some) - 1).bit_length()
            padded = chain.from_iterable(chain(some, repeat(some[-1], many - len(some))))
            _run(connection, _insert(many), (*padded, len(some)))
        return
    for start in range(0, len(values), _PAGE):
        columns = zip(*values[start : start + _PAGE], strict=True)
        _run(connection, _INSERT + _ARRAYS, tuple(map(list, columns)))


def recorded(connection: Connection, keys: Sequence[Key]) -> dict[Key, tuple[bytes, Position, bytes]]:
    """Which of these keys stand in the ledger: the SHA-256 of the intent, position and line of each."""
    found = {}
    for start in range(0, len(keys), _LOOK_UP):
        for party, client, idem, sha256, seq, line in _looked_up(connection, keys[start : start + _LOOK_UP]):
            found[party, client, idem] = (bytes(sha256), Position(seq), bytes(line))
    return found


def _looked_up(connection: Connection, keys: Sequence[Key]) -> list[Any]:
    if connection.dialect.name == "sqlite":
        # the last key again and again up to a power of two: one statement, compiled once for many sizes
        many = 1 << (len(keys) - 1).bit_length()
        places, values = _places(many, 3), [*keys, *[keys[-1]] * (many - len(keys))]
        # CROSS JOIN keeps the order: one look into the index for each key, never the table from end to end
        asked = f"(SELECT column1 AS party, column2 AS client, column3 AS idem FROM (VALUES {places}))"  # noqa: S608
        found = _run(
            connection,
            f"{_FIND} {asked} AS k CROSS JOIN {_ON}",
            tuple(part for key in values for part in key),
        )
    else:
        found = _run(connection, _FIND + _KEYS + _ON, tuple(map(list, zip(*keys, strict=True))))
    rows: list[Any] = found.fetchall()
    return rows


def _stored(row: Row) -> tuple[object, ...]:
    entry = row.entry
    actor = entry.actor
    return (
        entry.seq, entry.type, actor.party, actor.client, entry.idem, row.sha256, row.leaf, entry.line
    )  # fmt: skip


def _values(head: Head) -> tuple[object, ...]:
    written = head.recorded.strftime("%Y-%m-%dT%H:%M:%SZ")
    return head.size, head.root, head.frontier, written, head.checkpoint


@cache
def _insert(rows: int) -> str:
    return f"{_INSERT}SELECT * FROM (VALUES {_places(rows, 8)}) LIMIT ?"  # noqa: S608


@cache
def _places(rows: int, columns: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def _run(connection: Connection, statement: str, values: tuple[object, ...] = ()) -> Any:
    """
    Run one statement with `?` marks in this transaction, and give the cursor.

    On SQLite on the driver itself, where SQLAlchemy would take several times what the statement takes;
    errors are SQLAlchemy's all the same.
    """
    if connection.dialect.name != "sqlite":
        return connection.exec_driver_sql(statement.replace("?", "%s"), values)
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    try:
        return driver.execute(statement, values)
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            statement, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
