"""
Never sign a fork: the last signed checkpoint, in the second store, begins everything signed after it.

The order is: commit the entries with their checkpoint, keep the checkpoint in the second store, and only
then let anyone see it. A crash between the first two leaves the store behind by what nobody has seen;
the next start moves it on. A store that is ahead means that the database was put back to an earlier
moment: signing on from there would make a second past.
"""

from __future__ import annotations

import threading

from sqlalchemy import Engine

from consent_ledger.checkpoint import (
    CheckpointStore,
    NoteRefused,
    SignedCheckpoint,
    Signer,
    StoreRefused,
    read_note,
)
from consent_ledger.database import reading
from consent_ledger.follower import Follower, LedgerRefused, read_head
from consent_ledger.ledger_rows import Head


class Keeper:
    """Moves the second store on, and only along the ledger that this process has read."""

    def __init__(self, engine: Engine, store: CheckpointStore, signer: Signer, follower: Follower) -> None:
        self._engine = engine
        self._store = store
        self._signer = signer
        self._follower = follower
        self._lock = threading.Lock()
        self._kept: SignedCheckpoint | None = None

    def start(self, *, adopt: bool, size: int) -> None:
        """
        Hold the second store to the ledger, whose `size` entries have been read.

        Raises `LedgerRefused`; an empty store too, unless the ledger was only just created or `adopt`.
        """
        with self._lock:
            last = self._last()
            if last is None and size > 1 and not adopt:
                raise LedgerRefused(
                    "CHECKPOINT_MISSING",
                    f"The ledger has {size} entries, but the last signed checkpoint is missing;"
                    " put its file back, or adopt the database as it is.",
                )
            self._kept = last

    def keep(self, note: str) -> None:
        """
        Keep this checkpoint, which stands in the ledger's head; durable on return.

        Nothing happens when the store knows as much already. Raises `LedgerRefused`.
        """
        if (kept := self._kept) is not None and kept.note == note:
            return  # signed by us, held to the ledger and durable: nothing about it can have changed
        try:
            new = read_note(note, [self._signer.verifier_key])
        except NoteRefused:
            raise LedgerRefused(
                "OTHER_KEY", "The ledger's checkpoint was signed with another key or for another ledger."
            ) from None
        self._move(new)

    def keep_own(self, head: Head) -> None:
        """The same for a head that this process has just signed and committed: its note needs no reading."""
        self._move(SignedCheckpoint(self._signer.origin, head.size, head.root, head.checkpoint))

    def _move(self, new: SignedCheckpoint) -> None:
        with self._lock:
            while self._kept is None or self._kept.size < new.size:
                try:
                    if self._store.advance(self._kept, new):
                        self._kept = new
                        return
                except StoreRefused as refused:
                    raise LedgerRefused(refused.code, str(refused)) from refused
                # another process of the same ledger was first: go on from where it brought the store
                last = self._last()
                if last is None or (self._kept is not None and last.size < self._kept.size):
                    raise LedgerRefused(
                        "CHECKPOINT_MISSING", "The last signed checkpoint was taken away or put back."
                    )
                self._kept = last
            if self._follower.root(new.size) != new.root:
                raise _forked()

    def _last(self) -> SignedCheckpoint | None:
        """What the store knows, held to the ledger."""
        try:
            found = self._store.last()
            if found is None:
                return None
            last = read_note(found.note, [self._signer.verifier_key])
        except StoreRefused as refused:
            raise LedgerRefused(refused.code, str(refused)) from refused
        except NoteRefused:
            raise LedgerRefused(
                "OTHER_KEY", "The last signed checkpoint was signed with another key or for another ledger."
            ) from None
        root = self._follower.root(last.size)
        if root is None:  # perhaps another process wrote it a moment ago
            with reading(self._engine) as connection:
                head = read_head(connection)
                self._follower.view(connection, head.size, head.root)
            root = self._follower.root(last.size)
        if root is None:
            raise LedgerRefused(
                "LEDGER_BEHIND",
                f"A checkpoint of {last.size} entries was signed, but the database has {head.size}:"
                " it was put back to an earlier moment. Restore the newest copy.",
            )
        if root != last.root:
            raise _forked()
        return last


def _forked() -> LedgerRefused:
    return LedgerRefused(
        "LEDGER_FORKED", "The database is not the ledger of which the last checkpoint was signed."
    )
