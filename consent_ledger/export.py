"""
The export: every entry as one line, in order, and the checkpoint that commits to them.

    export.jsonl   the exact bytes of each leaf, each followed by a newline
    checkpoint     the signed note over their root
    key            the verifier key, for who has no better source

Any RFC 6962 implementation can rebuild the root from `export.jsonl`; `verify.py` does it with nothing
but Python. All of it comes from one read transaction, so the three always fit together.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, select

from consent_ledger.follower import read_head
from consent_ledger.ledger_tables import ledger_entry
from consent_ledger.log import Ledger

__all__ = ["CHECKPOINT", "EXPORT", "KEY", "archive", "lines", "write"]

EXPORT, CHECKPOINT, KEY = "export.jsonl", "checkpoint", "key"

_CHUNK = 5_000


def lines(connection: Connection, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """
    The lines of entries start .. stop-1 with their newlines, as this transaction sees them.

    Without `stop`, up to the head. Holds no more than a few thousand lines at once.
    """
    size = read_head(connection).size
    end = size if stop is None else min(stop, size)
    for low in range(max(start, 0), end, _CHUNK):
        rows = connection.execute(
            select(ledger_entry.c.line)
            .where(ledger_entry.c.seq >= low, ledger_entry.c.seq < min(low + _CHUNK, end))
            .order_by(ledger_entry.c.seq)
        ).scalars()
        for line in rows:
            yield bytes(line) + b"\n"


def write(ledger: Ledger, connection: Connection, folder: Path) -> None:
    """
    Write the three files into `folder`, which is made when it is missing; on disk on return.

    The checkpoint comes last: a folder without it is an export that was interrupted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = ledger.checkpoint(connection)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    with (folder / EXPORT).open("wb") as file:
        file.writelines(lines(connection))
        _to_disk(file)
    for name, text in ((KEY, f"{ledger.verifier_key}\n"), (CHECKPOINT, checkpoint)):
        with (folder / name).open("wb") as file:
            file.write(text.encode())
            _to_disk(file)


def archive(ledger: Ledger, connection: Connection, file: BinaryIO) -> None:
    """Write the three files as one zip into `file`. The same ledger at the same size gives the same bytes."""
    checkpoint = ledger.checkpoint(connection)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        with made.open(_member(EXPORT), "w", force_zip64=True) as member:
            for line in lines(connection):
                member.write(line)
        made.writestr(_member(KEY), f"{ledger.verifier_key}\n")
        made.writestr(_member(CHECKPOINT), checkpoint)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # dated 1980: the time of writing is no part of the ledger
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
