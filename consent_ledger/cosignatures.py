"""
The cosignatures that a ledger keeps, and the newest checkpoint that enough witnesses signed.

Rows are only added. What a policy makes of them is worked out anew by each process, so that another policy
counts the same rows in its own way.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, func, insert, select, text

from consent_ledger.cosignature_table import ledger_cosignature as table
from consent_ledger.cosigning import Cosignature, Policy
from consent_ledger.database import reading, writing
from consent_ledger.note import Signature, TreeHead, VerifierKey

AGAIN = 600
"""Seconds after which a further cosignature of the same checkpoint by the same witness is worth a row."""

_LOCK = 0x636F7369  # `cosi`: one writer of this table at a time in a PostgreSQL database
_CHUNK = 10_000
_WAITING = 100_000  # states that too few have signed yet, and that may still become enough


class Cosignatures:
    """Those of one ledger, under one policy. Safe between threads and processes."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine = engine
        self._policy = policy
        self._keys = {str(key): key for key in policy.witness_keys}
        self._lock = threading.Lock()
        self._read = 0
        self._signed: dict[int, set[VerifierKey]] = {}  # by size, above the newest that is enough
        self._enough: TreeHead | None = None

    def keep(self, head: TreeHead, found: Sequence[Cosignature]) -> int:
        """
        Keep cosignatures of this state, which were checked; durable on return. How many were new.

        The same again, or a later one within ten minutes, is kept already.
        """
        kept = 0
        with writing(self._engine) as connection:
            if self._engine.dialect.name == "postgresql":
                # so that rows are seen in the order of their numbers, and none is overtaken
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            number = connection.execute(select(func.coalesce(func.max(table.c.number) + 1, 0))).scalar_one()
            for one in found:
                witness = str(one.witness)
                last = connection.execute(
                    select(func.max(table.c.time)).where(
                        table.c.witness == witness, table.c.size == head.size
                    )
                ).scalar_one()
                if last is not None and one.time < last + AGAIN:
                    continue
                connection.execute(
                    insert(table).values(
                        number=number + kept,
                        witness=witness,
                        size=head.size,
                        time=one.time,
                        root=head.root,
                        signature=one.signature.value,
                    )
                )
                kept += 1
        return kept

    def last_size(self, connection: Connection, witness: VerifierKey) -> int:
        """The largest state that this witness signed, as far as is kept here; 0 when it signed none."""
        found = select(func.max(table.c.size)).where(table.c.witness == str(witness))
        return int(connection.execute(found).scalar_one() or 0)

    def of(self, connection: Connection, head: TreeHead) -> list[Signature]:
        """The latest cosignature of each witness of the policy over exactly this state."""
        rows = connection.execute(
            select(table.c.witness, table.c.signature)
            .where(table.c.size == head.size, table.c.root == head.root, table.c.witness.in_(self._keys))
            .order_by(table.c.time)
        )
        latest = {row.witness: bytes(row.signature) for row in rows}
        return [
            Signature(key.name, key.id, latest[vkey]) for vkey, key in self._keys.items() if vkey in latest
        ]

    def enough(self, origin: str) -> TreeHead | None:
        """
        The newest state that enough witnesses signed; None when there is none.

        Reads the rows that are new since this process asked last.
        """
        with self._lock, reading(self._engine) as connection:
            while rows := connection.execute(
                select(table.c.number, table.c.witness, table.c.size, table.c.root)
                .where(table.c.number >= self._read, table.c.number < self._read + _CHUNK)
                .order_by(table.c.number)
            ).all():
                for row in rows:
                    self._count(row.witness, TreeHead(origin, row.size, bytes(row.root)))
                self._read = rows[-1].number + 1
            return self._enough

    def _count(self, witness: str, head: TreeHead) -> None:
        key = self._keys.get(witness)
        if key is None or (self._enough is not None and head.size <= self._enough.size):
            return
        signed = self._signed.setdefault(head.size, set())
        signed.add(key)
        if self._policy.is_met(signed):
            self._enough = head
            self._signed = {size: one for size, one in self._signed.items() if size > head.size}
        elif len(self._signed) > _WAITING:  # a witness is away for long: the newest half is what matters
            newest = sorted(self._signed)[len(self._signed) // 2 :]
            self._signed = {size: self._signed[size] for size in newest}
