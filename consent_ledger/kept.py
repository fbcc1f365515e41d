"""What the second store kept, read without changing a byte of it: the last checkpoint that anyone was shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from consent_ledger.checkpoint import NoteRefused, SignedCheckpoint, read_note
from consent_ledger.finding import Finding


def read_kept(store: Path, verifier_key: str) -> tuple[SignedCheckpoint | None, list[Finding]]:
    """The checkpoint in the store, when it can be believed, and what is wrong with it."""
    if not store.is_file():
        return None, [Finding("STORE_LOST", "The file with the last signed checkpoint is missing.")]
    try:
        with closing(sqlite3.connect(f"file:{quote(str(store))}?mode=ro", uri=True, timeout=10)) as driver:
            row = driver.execute(
                "SELECT size, root, CAST(note AS BLOB) FROM signed_checkpoint WHERE one = 1"
            ).fetchone()
    except sqlite3.Error:
        return None, [Finding("STORE_UNREADABLE", "The file with the last signed checkpoint cannot be read.")]
    if row is None:
        return None, [Finding("STORE_EMPTY", "The file with the last signed checkpoint holds none.")]
    size, root, note = row
    try:
        signed = read_note(bytes(note or b"").decode(errors="replace"), [verifier_key])
    except NoteRefused:
        sentence = "The last signed checkpoint that was kept is not signed with the key of this ledger."
        return None, [Finding("STORE_NOTE", sentence)]
    if (signed.size, signed.root) != (size, root):
        sentence = "The last signed checkpoint that was kept stands beside another size or root."
        return signed, [Finding("STORE_NOTE", sentence)]
    return signed, []


def kept_findings(kept: SignedCheckpoint, size: int, root: bytes | None) -> Iterator[Finding]:
    """Whether the kept checkpoint begins a ledger of `size` entries whose first `kept.size` have `root`."""
    if kept.size > size:
        yield Finding(
            "LEDGER_BEHIND",
            f"A checkpoint of {kept.size} entries was signed, but the database has {size}:"
            " it was put back to an earlier moment.",
        )
    elif root is not None and root != kept.root:
        yield Finding(
            "LEDGER_FORKED", "The database is not the ledger of which the last checkpoint was signed."
        )
