"""
What one process knows of the ledger: the whole tree, and the state at the sizes that are being read.

The follower reads what others wrote, holds it to the head's root, and folds it. It is never told by a
clock that it is up to date: whoever asks brings a head that was read in the asker's own transaction.
Anything that does not fit stops it for good, because a ledger that contradicts itself decides nothing.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from consent_ledger.entry import Entry, EntryRefused, intent_of, read
from consent_ledger.ledger_rows import Head, head_of
from consent_ledger.ledger_tables import ledger_entry
from consent_ledger.state import IllegalEntry, State, UnknownEntry
from consent_ledger.tree import Frontier, Growth, Tree, leaf_hash

_CHUNK = 5_000
_RECENT = 64


class LedgerError(Exception):
    """Something about the ledger that people can be told: a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class LedgerRefused(LedgerError):
    """The ledger contradicts itself or what was signed before: nothing is read or written any more."""


@dataclass(frozen=True, slots=True)
class View:
    """The state at one size, and what was checked there."""

    root: bytes
    recorded: datetime
    state: State


def read_head(connection: Connection, *, lock: bool = False) -> Head:
    """
    The head as this transaction sees it; with `lock`, nobody else writes until it ends.

    Raises `LedgerRefused` when there is none.
    """
    head = head_of(connection, lock=lock)
    if head is None:
        raise LedgerRefused("NO_LEDGER", "There is no ledger in this database yet; create one first.")
    return head


def read_entries(connection: Connection, start: int, stop: int) -> Iterator[Entry]:
    """
    Entries start .. stop-1, in order, each held to the columns it is looked up by.

    Raises `LedgerRefused` at a gap, or at an entry that is not what it was.
    """
    expected = start
    while expected < stop:
        upto = min(expected + _CHUNK, stop)
        rows = connection.execute(
            select(ledger_entry)
            .where(ledger_entry.c.seq >= expected, ledger_entry.c.seq < upto)
            .order_by(ledger_entry.c.seq)
        ).all()
        for row in rows:
            yield entry_of(row, expected)
            expected += 1
        if expected != upto:
            raise LedgerRefused("LEDGER_DAMAGED", f"Entry {expected} of the ledger is missing.")


def entry_of(row: Row[Any], expected: int) -> Entry:
    """The entry in this row, held to the columns it is looked up by. Raises `LedgerRefused`."""
    try:
        entry = read(bytes(row.line))
    except EntryRefused as error:
        if error.code == "VERSION":
            raise LedgerRefused(
                "LEDGER_FROM_THE_FUTURE",
                f"Entry {expected} was written by a later version; use that version or a newer one.",
            ) from None
        raise LedgerRefused(
            "LEDGER_DAMAGED", f"Entry {expected} of the ledger cannot be read: {error.sentence}."
        ) from None
    columns = (row.seq, row.type, row.actor_party, row.actor_client, row.idem)
    if (
        row.seq != expected
        or columns != (entry.seq, entry.type, entry.actor.party, entry.actor.client, entry.idem)
        or bytes(row.leaf_hash) != leaf_hash(entry.line)
        or bytes(row.body_sha256) != hashlib.sha256(intent_of(entry)).digest()
    ):
        raise LedgerRefused("LEDGER_DAMAGED", f"Entry {expected} of the ledger is not what was recorded.")
    return entry


class Follower:
    """The tree and the recent states of one ledger in this process. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tree = Tree()
        self._state = State.start()
        self._views: dict[int, View] = {}  # by size; sizes at which some transaction stood
        self._refused: LedgerRefused | None = None

    def view(self, connection: Connection, size: int, root: bytes) -> View:
        """
        What stands below `size`, for a transaction whose head says `size` and `root`.

        Reads only what this process has not read before. Raises `LedgerRefused`.
        """
        if self._refused is not None:
            raise self._refused
        view = self._views.get(size)
        if view is None:
            with self._lock:
                view = self._views.get(size) or self._seen(connection, size)
        if view.root != root:
            raise self._refuse(
                "LEDGER_DAMAGED", "The entries of the ledger do not give the root in its head."
            )
        return view

    def past(self, connection: Connection, size: int) -> View:
        """
        What stood below an earlier `size`, which this process has read; its root is that of the tree.

        Folded beside the lock, so that nobody who asks of now waits for it, and not kept: from the nearest
        state that is kept, which is the empty one for what is long ago. Raises `LedgerRefused`.
        """
        with self._lock:
            root, state = self._tree.root(size), self._nearest(size)
        return View(root, self._recorded(connection), self._folded_to(connection, state, size))

    def newest(self, connection: Connection, head: Head) -> View:
        """
        The same for a transaction that holds the write lock, so that its head is the last there is.

        Raises `LedgerRefused` when this process has read further than that.
        """
        with self._lock:
            if self._tree.size > head.size:
                raise self._refuse(
                    "LEDGER_BEHIND",
                    f"The database has {head.size} entries, where it had {self._tree.size}:"
                    " it was put back to an earlier moment.",
                )
            return self.view(connection, head.size, head.root)

    def growth(self, size: int, leaves: Sequence[bytes]) -> tuple[Growth, Frontier]:
        """What these leaves add to all `size` entries, which this process has read, and where that leads."""
        with self._lock:
            growth = self._tree.growth(leaves)
            if growth.start != size:
                raise self._refuse("LEDGER_DAMAGED", "The head of the ledger moved while it was held.")
            return growth, self._tree.frontier_after(growth)

    def take(self, growth: Growth, state: State, head: Head) -> None:
        """What this process has just committed. Someone may have followed it from the database already."""
        with self._lock:
            if self._tree.size == growth.start:
                self._tree.grow(growth)
                self._state = state
            self._keep(head.size, View(head.root, head.recorded, state))

    def root(self, size: int) -> bytes | None:
        """Root of the first `size` entries; None when this process has not read so far."""
        with self._lock:
            return self._tree.root(size) if size <= self._tree.size else None

    def frontier(self, size: int) -> Frontier:
        """The complete subtrees of the first `size` entries, which this process has read."""
        with self._lock:
            return self._tree.frontier(size)

    def inclusion(self, seq: int, size: int) -> tuple[bytes, ...]:
        """Proof that entry `seq` stands in the first `size` entries, which this process has read."""
        # Without the lock: what lies below a size that was read never changes, and the tree tells its
        # new size last.
        return tuple(self._tree.inclusion(seq, size))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Proof that the first `old` entries begin the first `new`, which this process has read."""
        with self._lock:
            return tuple(self._tree.consistency(old, new))

    def nodes(self, level: int, start: int, stop: int) -> bytes:
        """Complete subtrees of 2**level entries each, which this process has read: what a tile is made of."""
        with self._lock:
            return self._tree.nodes(level, start, stop)

    def _seen(self, connection: Connection, size: int) -> View:
        if self._refused is not None:
            raise self._refused
        if size < self._tree.size:
            return self._earlier(connection, size)
        while self._tree.size < size:
            start = self._tree.size
            # A chunk is read whole before anything is taken, so that a lost connection leaves no half.
            entries = self._checked(connection, start, min(start + _CHUNK, size))
            self._state = self._folded(self._state, entries)
            for entry in entries:
                self._tree.append(leaf_hash(entry.line))
        view = View(self._tree.root(size), self._recorded(connection), self._state)
        self._keep(size, view)
        return view

    def _earlier(self, connection: Connection, size: int) -> View:
        """A transaction that began before the last entries: fold again, from the nearest state kept."""
        state = self._folded_to(connection, self._nearest(size), size)
        view = View(self._tree.root(size), self._recorded(connection), state)
        self._keep(size, view)
        return view

    def _nearest(self, size: int) -> State:
        return max(
            (view.state for below, view in self._views.items() if below <= size),
            key=lambda one: one.size,
            default=State.start(),
        )

    def _folded_to(self, connection: Connection, state: State, size: int) -> State:
        found = state
        while found.size < size:
            entries = self._checked(connection, found.size, min(found.size + _CHUNK, size))
            found = self._folded(found, entries)
        return found

    def _recorded(self, connection: Connection) -> datetime:
        return read_head(connection).recorded

    def _checked(self, connection: Connection, start: int, stop: int) -> list[Entry]:
        try:
            return list(read_entries(connection, start, stop))
        except LedgerRefused as refused:
            raise self._refuse(refused.code, refused.sentence) from None

    def _folded(self, state: State, entries: Sequence[Entry]) -> State:
        try:
            return state.apply(entries)
        except UnknownEntry as unknown:
            raise self._refuse("LEDGER_FROM_THE_FUTURE", f"{unknown}.") from None
        except IllegalEntry as illegal:
            raise self._refuse(
                "LEDGER_DAMAGED", f"The ledger holds an entry that cannot be: {illegal.sentence}."
            ) from None

    def _refuse(self, code: str, sentence: str) -> LedgerRefused:
        self._refused = LedgerRefused(code, sentence)
        return self._refused

    def _keep(self, size: int, view: View) -> None:
        self._views[size] = view
        if len(self._views) > _RECENT:
            del self._views[min(self._views)]
