"""
Checkpoints with what witnesses signed of them, as they are kept: for who holds a policy of their own.

Whether enough signed is for the reader's policy to say; every cosignature here was checked when it came.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from consent_ledger.cosignature_table import ledger_cosignature as table
from consent_ledger.log import Ledger
from consent_ledger.note import COSIGNATURE, Note, Signature, TreeHead, VerifierKey


@dataclass(frozen=True, slots=True)
class Seen:
    """That a witness saw a checkpoint: its name, its verifier key, and when, in seconds since 1970."""

    name: str
    verifier_key: str
    time: int


@dataclass(frozen=True, slots=True)
class Cosigned:
    """One checkpoint with all its signatures, and who of the witnesses had seen it, in the order of their names."""

    checkpoint: str
    head: TreeHead
    seen: tuple[Seen, ...]


def newest_cosigned(ledger: Ledger, connection: Connection, size: int, *, first: int) -> list[Cosigned]:
    """
    The newest checkpoints that any witness signed, of at most `size` entries; the newest first.

    Of each witness its latest cosignature. Empty when no witness is asked.
    """
    sizes = connection.execute(
        select(table.c.size).where(table.c.size <= size).distinct().order_by(table.c.size.desc()).limit(first)
    ).scalars()
    return [_cosigned(ledger, connection, one) for one in sizes.all()]


def _cosigned(ledger: Ledger, connection: Connection, size: int) -> Cosigned:
    note = Note.read(ledger.checkpoint_at(connection, size))
    head = TreeHead.read(note.text)
    rows = connection.execute(
        select(table.c.witness, table.c.time, table.c.signature)
        .where(table.c.size == size, table.c.root == head.root)
        .order_by(table.c.time)
    )
    latest = {row.witness: row for row in rows}
    keys = sorted(
        (VerifierKey.read(vkey, COSIGNATURE) for vkey in latest), key=lambda key: (key.name, key.id)
    )
    signed = note.with_signatures(
        Signature(key.name, key.id, bytes(latest[str(key)].signature)) for key in keys
    )
    return Cosigned(str(signed), head, tuple(Seen(key.name, str(key), latest[str(key)].time) for key in keys))
