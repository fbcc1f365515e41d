"""
Entries looked up: some positions, or some types over some days, without reading what lies between.

Each is held to the columns it is found by, as everywhere. What is asked lies below the size that the
caller pinned; order is the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from sqlalchemy import Connection, select

from consent_ledger.entry import Entry, EntryType
from consent_ledger.follower import entry_of, read_entries
from consent_ledger.ledger_tables import ledger_entry
from consent_ledger.records import day

_CHUNK = 500


def entries_at(connection: Connection, positions: Iterable[int]) -> dict[int, Entry]:
    """The entries at these positions, by position. Raises `LedgerRefused` for one that is not what it was."""
    wanted = sorted(set(positions))
    found: dict[int, Entry] = {}
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        for row in connection.execute(select(ledger_entry).where(ledger_entry.c.seq.in_(some))):
            found[row.seq] = entry_of(row, row.seq)
    return found


def entries_of(connection: Connection, kinds: Iterable[EntryType], start: int, stop: int) -> Iterator[Entry]:
    """The entries of these types at positions `start` up to `stop`, in order."""
    asked = select(ledger_entry).where(
        ledger_entry.c.type.in_(sorted(kinds)), ledger_entry.c.seq >= start, ledger_entry.c.seq < stop
    )
    for row in connection.execute(asked.order_by(ledger_entry.c.seq)).yield_per(_CHUNK):
        yield entry_of(row, row.seq)


def first_on(connection: Connection, wanted: date, size: int) -> int:
    """
    The first of `size` entries that was recorded on this day or later; `size` when there is none.

    Days of recording never go back in index order, so a few entries are enough to find it.
    """
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        [entry] = read_entries(connection, middle, middle + 1)
        if day(entry.rt) < wanted:
            low = middle + 1
        else:
            high = middle
    return low
