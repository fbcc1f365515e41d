"""
Where the rules stand under which a person spoke: the entry that published a notice, and recorded a basis.

The state keeps what holds now; a record of last year needs what held then. What is remembered here is
positions of entries, which never change: each process reads them once, and afterwards what came since.
"""

from __future__ import annotations

import threading
from bisect import bisect_left

from sqlalchemy import Connection

from consent_ledger.entry import EntryType
from consent_ledger.lookup import entries_of
from consent_ledger.records import number, texts
from consent_ledger.vocabulary import PartyId, Position, Purpose


class RuleEntries:
    """Positions of notices and of lawful bases, in the order of the ledger. Safe between threads."""

    __slots__ = ("_bases", "_lock", "_notices", "_size", "_told")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._size = 0
        self._notices: dict[tuple[str, str, int], int] = {}
        self._told: dict[tuple[str, str], list[tuple[int, str, int]]] = {}
        self._bases: dict[tuple[str, str], list[int]] = {}

    def notice(
        self, connection: Connection, controller: PartyId, notice: str, version: int, size: int
    ) -> Position | None:
        """The entry that published this version of a notice, below `size`; None when there is none."""
        self._read(connection, size)
        found = self._notices.get((controller, notice, version))
        return None if found is None or found >= size else Position(found)

    def told(
        self, connection: Connection, controller: PartyId, purpose: Purpose, size: int
    ) -> list[tuple[Position, str, int]]:
        """Each version of a notice by which this controller told of this purpose below `size`: entry, id, version."""
        self._read(connection, size)
        known = self._told.get((controller, purpose.value), [])
        return [(Position(seq), notice, version) for seq, notice, version in known if seq < size]

    def basis(
        self, connection: Connection, controller: PartyId, purpose: Purpose, size: int
    ) -> Position | None:
        """The entry that recorded this controller's basis for this purpose last below `size`."""
        self._read(connection, size)
        known = self._bases.get((controller, purpose.value), [])
        before = bisect_left(known, size)
        return Position(known[before - 1]) if before else None

    def _read(self, connection: Connection, size: int) -> None:
        """Know all below `size`, which the caller's transaction must see."""
        if size <= self._size:
            return
        with self._lock:
            kinds = (EntryType.NOTICE_PUBLISHED, EntryType.BASIS_RECORDED)
            # read whole before anything is kept: what broke off half-way is read again from its beginning
            for entry in list(entries_of(connection, kinds, self._size, size)):
                body = entry.body
                if entry.kind is EntryType.NOTICE_PUBLISHED:
                    name = str(body["controller"]), str(body["notice"]), number(body["version"])
                    self._notices[name] = entry.seq
                    for purpose in texts(body["purposes"]):
                        self._told.setdefault((name[0], purpose), []).append((entry.seq, *name[1:]))
                else:
                    of_this = str(body["controller"]), str(body["purpose"])
                    self._bases.setdefault(of_this, []).append(entry.seq)
            self._size = max(self._size, size)
