"""
The ledger held to itself: rows to their lines, the tree to its head, the head to what was signed.

What is compared, in one read transaction, beside a server that goes on writing:

 1. the triggers that keep both tables append-only are there, on, and word for word ours;
 2. every row is the entry that its line says: position, type, actor, key, leaf hash, hash of the intent;
 3. positions run from 0 to the head without a gap, recorded time never goes back, no key is used twice;
 4. the lines give the head's root and frontier, the head was recorded with the last entry, and its
    checkpoint says so under the ledger's key;
 5. what the second store kept is the beginning of it;
 6. an exported folder, when there is one, is byte for byte what the rows give.

Nothing stops at the first finding, and nothing is repaired: what was signed decides what is right. What
the entries mean together is not asked here; `verify` asks it of an export.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, LargeBinary, Row, Text, cast, func, inspect, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.sql.elements import ColumnElement

from consent_ledger.checkpoint import NoteRefused, SignedCheckpoint, read_note
from consent_ledger.database import reading
from consent_ledger.entry import Entry, EntryRefused, EntryType, intent_of, read
from consent_ledger.exported import ExportedFolder
from consent_ledger.finding import CannotLook, Finding
from consent_ledger.kept import kept_findings, read_kept
from consent_ledger.ledger_tables import ledger_entry, ledger_head
from consent_ledger.note import ED25519, VerifierKey
from consent_ledger.tree import Frontier, leaf_hash
from consent_ledger.triggers import trigger_findings

__all__ = ["CannotLook", "Finding", "Inspection"]

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class _Head:
    size: int
    root: bytes
    frontier: bytes
    recorded: bytes
    checkpoint: bytes


class Inspection:
    """
    One look at the whole ledger. `findings` runs it; `size` and `root` are then what the head says.

    Raises `CannotLook` when there is no ledger, when the database gives up on the way, or when `folder` is no
    finished export. Holds some hundred rows and the frontier, however long the ledger is.
    """

    def __init__(self, engine: Engine, *, verifier_key: str, store: Path, folder: Path | None = None) -> None:
        try:
            VerifierKey.read(verifier_key, ED25519)
        except NoteRefused:
            raise CannotLook("The key to look with is no verifier key NAME+ID+KEY.") from None
        self._engine = engine
        self._key = verifier_key
        self._store = store
        self._folder = None if folder is None else ExportedFolder(folder, verifier_key)
        self._frontier = Frontier()
        self._is_gapless = True
        self._roots: dict[int, bytes] = {}
        self._at_head = b""
        self._last: Entry | None = None
        self._recorded = ""
        self._origin: str | None = None
        self.size, self.root = 0, b""

    def findings(self) -> Iterator[Finding]:
        """Each thing that is not as it should be, as it is found."""
        # The store first: a server commits, and only then keeps. So the store knows no more than the
        # snapshot that is taken after it, or somebody put the database back.
        kept, found = read_kept(self._store, self._key)
        yield from found
        try:
            with reading(self._engine) as connection, self._folder or nullcontext():
                yield from self._look(connection, kept)
        except SQLAlchemyError as error:
            if not _is_damage(error):
                raise CannotLook("The database did not answer to the end.") from error
            yield Finding(
                "DATABASE_DAMAGED",
                f"The database file itself is damaged: it cannot be read on after entry {self._reached}.",
            )

    @property
    def _reached(self) -> str:
        return "0" if self._last is None else str(self._last.seq)

    def _look(self, connection: Connection, kept: SignedCheckpoint | None) -> Iterator[Finding]:
        tables = set(inspect(connection).get_table_names())
        lost = sorted({"ledger_entry", "ledger_head"} - tables)
        if len(lost) == 2:
            raise CannotLook("The tables of the ledger are not in this database; migrate first.")
        yield from trigger_findings(connection)
        if lost:
            yield Finding("TABLE_LOST", f"The table {lost[0]} is missing.")
            return
        head = yield from self._read_head(connection)
        if self._folder is not None:
            yield from self._folder.opening
        watched = {one.size for one in (kept, self._folder, head) if one is not None}
        yield from self._read_rows(connection, watched, head)
        yield from _keys_used_twice(connection)
        if head is not None:
            yield from self._held_to_head(head)
        if kept is not None:
            yield from kept_findings(kept, self.size, self._roots.get(kept.size))
        if self._folder is not None and self._folder.size:
            yield from self._held_to_folder(self._folder)

    def _read_head(self, connection: Connection) -> Generator[Finding, None, _Head | None]:
        rows = connection.execute(_select(connection, *ledger_head.c).limit(2)).all()
        if not rows:
            if connection.execute(select(func.count()).select_from(ledger_entry)).scalar_one() == 0:
                raise CannotLook("There is no ledger in this database yet; create one first.")
            yield Finding("HEAD_LOST", "There are entries, but no head.")
            return None
        if len(rows) > 1:
            yield Finding("HEAD_TWICE", "The ledger has more than one head.")
        row = rows[0]
        size = row.size if isinstance(row.size, int) else 0
        head = _Head(size, *(map(_octets, (row.root, row.frontier, row.recorded, row.checkpoint))))
        self.size, self.root = head.size, head.root
        return head

    def _read_rows(self, connection: Connection, watched: set[int], head: _Head | None) -> Iterator[Finding]:
        expected, last = 0, None
        while rows := _next_rows(connection, last):
            for row in rows:
                last = int(row.seq)
                if last < expected:
                    yield Finding("POSITION", "A row stands before the first position.")
                    continue
                if last > expected:
                    yield _missing(expected, last)
                    self._is_gapless = False
                expected = last + 1
                yield from self._row(row, watched)
        if head is not None and expected < head.size:
            yield _missing(expected, head.size)
            self._is_gapless = False
        if head is not None and expected > head.size:
            yield Finding("BEYOND_HEAD", f"Entries from {head.size} on lie beyond the head of the ledger.")

    def _row(self, row: Row[Any], watched: set[int]) -> Iterator[Finding]:
        line, seq = _octets(row.line), int(row.seq)
        leaf = leaf_hash(line)
        if _octets(row.leaf_hash) != leaf:
            yield Finding("LEAF_HASH", f"The leaf hash beside entry {seq} is not that of its line.")
        try:
            entry = read(line)
        except EntryRefused as refused:
            yield _unreadable(seq, refused)
        else:
            yield from self._entry(row, seq, entry)
        if self._is_gapless:
            self._frontier.push(leaf)
            if self._frontier.size in watched:
                self._roots[self._frontier.size] = self._frontier.root()
                if self._frontier.size == self.size:
                    self._at_head = self._frontier.to_bytes()
            if self._folder is not None and seq < self._folder.size:
                yield from self._folder.take(line, leaf)
                if seq == self._folder.size - 1:
                    yield from self._folder.end()

    def _entry(self, row: Row[Any], seq: int, entry: Entry) -> Iterator[Finding]:
        if entry.seq != seq:
            yield Finding("POSITION", f"The line at entry {seq} says that it is entry {entry.seq}.")
        for name, said in (
            ("type", entry.type),
            ("actor_party", entry.actor.party),
            ("actor_client", entry.actor.client),
            ("idem", entry.idem),
        ):
            if _octets(getattr(row, name)) != said.encode():
                yield Finding("COLUMN", f"The column {name} of entry {seq} is not what its line says.")
        if _octets(row.body_sha256) != hashlib.sha256(intent_of(entry)).digest():
            yield Finding("INTENT", f"The hash of the intent beside entry {seq} is not that of its line.")
        shared = min(len(entry.rt), len(self._recorded))  # a day and a moment are compared by day
        if entry.rt[:shared] < self._recorded[:shared]:
            yield Finding("TIME", f"Entry {seq} was recorded before the entry that it follows.")
        elif len(entry.rt) >= len(self._recorded) or entry.rt > self._recorded[:shared]:
            self._recorded = entry.rt
        if seq == 0:
            if entry.type == EntryType.LEDGER_CREATED:
                self._origin = str(entry.body["origin"])
            else:
                yield Finding("FIRST", "Entry 0 does not begin a ledger.")
        self._last = entry

    def _held_to_head(self, head: _Head) -> Iterator[Finding]:
        if self._is_gapless and head.size in self._roots:
            if self._roots[head.size] != head.root:
                yield Finding("ROOT", "The entries do not give the root in the head.")
            if self._at_head != head.frontier:
                yield Finding("FRONTIER", "The entries do not give the frontier in the head.")
        last = self._last
        if last is not None and last.seq == head.size - 1 and not head.recorded.startswith(last.rt.encode()):
            yield Finding("RECORDED", "The head was not recorded together with the last entry.")
        try:
            signed = read_note(head.checkpoint.decode(errors="replace"), [self._key])
        except NoteRefused:
            yield Finding(
                "CHECKPOINT", "The checkpoint in the head is not signed with the key of this ledger."
            )
            return
        if (signed.size, signed.root) != (head.size, head.root):
            yield Finding(
                "CHECKPOINT", "The checkpoint in the head is of another size or root than the head."
            )
        if self._origin is not None and signed.origin != self._origin:
            yield Finding("ORIGIN", "The checkpoint in the head is of another origin than entry 0.")

    def _held_to_folder(self, folder: ExportedFolder) -> Iterator[Finding]:
        if folder.size > self.size:
            yield Finding(
                "EXPORT_AHEAD",
                f"The export has {folder.size} entries, the database {self.size}:"
                " the database was put back to an earlier moment.",
            )
        elif folder.size not in self._roots:
            yield Finding(
                "EXPORT_NOT_COMPARED", "Entries are missing, so the export was not compared to its end."
            )
        elif self._roots[folder.size] != folder.root:
            yield Finding(
                "EXPORT_FORK", "The checkpoint of the export is of another ledger under the same key."
            )


def _next_rows(connection: Connection, last: int | None) -> list[Row[Any]]:
    statement = _select(connection, *ledger_entry.c).order_by(ledger_entry.c.seq).limit(_CHUNK)
    if last is not None:
        statement = statement.where(ledger_entry.c.seq > last)
    return list(connection.execute(statement).all())


def _select(connection: Connection, *columns: Column[Any]) -> Any:
    """Texts are read as bytes: SQLite would raise at one that is no UTF-8, instead of letting it be compared."""

    def bare(column: Column[Any]) -> ColumnElement[Any]:
        if connection.dialect.name == "sqlite" and isinstance(column.type, Text):
            return cast(column, LargeBinary).label(column.name)
        return column

    return select(*map(bare, columns))


def _keys_used_twice(connection: Connection) -> Iterator[Finding]:
    entry = ledger_entry.c
    twice = (
        select(func.min(entry.seq), func.max(entry.seq))
        .group_by(entry.actor_party, entry.actor_client, entry.idem)
        .having(func.count() > 1)
    )
    for first, second in connection.execute(twice):
        yield Finding("KEY_TWICE", f"Entries {first} and {second} have the same key of the same actor.")


def _missing(start: int, stop: int) -> Finding:
    if stop - start == 1:
        return Finding("MISSING", f"Entry {start} is missing.")
    return Finding("MISSING", f"Entries {start} to {stop - 1} are missing.")


def _unreadable(seq: int, refused: EntryRefused) -> Finding:
    if refused.code == "VERSION":
        return Finding("VERSION", f"Entry {seq} was written by a later version; look with that one.")
    return Finding("LINE", f"Entry {seq} cannot be read: {refused.sentence}.")


def _octets(value: object) -> bytes:
    """A column as bytes, whatever stands in it."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


def _is_damage(error: SQLAlchemyError) -> bool:
    """SQLite's own word for a file whose pages do not fit together; anything else may pass."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return isinstance(cause, sqlite3.DatabaseError) and not isinstance(
        cause, sqlite3.OperationalError | sqlite3.ProgrammingError | sqlite3.InterfaceError
    )
