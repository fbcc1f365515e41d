"""
What ruled at an earlier size of the ledger: the state that a decision stood on, without folding all of it.

Who is a member, with which application and key, what was published, recorded and agreed: few entries
say it, however many consents, imports and disclosures lie between them. Those few give every field that
the steps of a decision look at; what persons decided and what was brought in is not told here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from consent_ledger.entry import EntryType
from consent_ledger.fold import Fold
from consent_ledger.follower import LedgerRefused
from consent_ledger.lookup import entries_at, entries_of
from consent_ledger.records import instant
from consent_ledger.state import IllegalEntry, State, UnknownEntry

RULING = frozenset(
    one
    for one in EntryType
    if one.startswith(("ledger.", "party.", "key.", "purpose.", "basis.", "notice.", "agreement.", "scope."))
)
"""The entries that a verdict about an institution can rest on."""


def ruling_state(connection: Connection, size: int) -> State:
    """
    The state after the first `size` entries, as far as `RULING` entries say it.

    Repeatable: entries never change. Raises `LedgerRefused` for a ledger that cannot be.
    """
    fold = Fold(State.start())
    try:
        for entry in entries_of(connection, RULING, 0, size):
            fold.size = entry.seq  # what lies between rules nothing
            fold.take(entry)
    except (UnknownEntry, IllegalEntry):
        raise LedgerRefused("LEDGER_DAMAGED", "The ledger holds an entry that cannot be.") from None
    fold.size = size
    return fold.state()


def recorded_until(connection: Connection, size: int) -> datetime:
    """When the last of the first `size` entries was recorded; of one about a person, the midnight before."""
    return instant(entries_at(connection, [size - 1])[size - 1].rt)
