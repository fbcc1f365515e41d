"""
Epochs: the key over all keys changes every month, and the old one is destroyed.

Deleting a row is enough where the file is overwritten (SQLite, `secure_delete`, its log cut). PostgreSQL
keeps dead rows and its log, and a backup keeps everything. All of it lies under the key of an epoch,
which stands in the keyring alone: when the living are sealed anew and that key is destroyed, the copies
open for nobody. So an erasure is final by the day on which its epoch is destroyed.

Each row names its epoch, so moving on can stop anywhere and go on later; until then there are two epochs
and both are searched. An epoch is destroyed only when no row lies in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, tuple_, update

from consent_ledger.database import reading, writing
from consent_ledger.vault.keys import DATA, EVIDENCE
from consent_ledger.vault.room import Room
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import vault_key, vault_person

GRACE = timedelta(days=7)
"""By how much the monthly change may come late before a promise about it breaks."""

_PAUSE = 0.05  # seconds
_AT_ONCE = 500  # rows in one transaction: whoever waits for them waits for milliseconds

_move = (
    update(vault_person)
    .where(vault_person.c.controller == bindparam("of"), vault_person.c.ref == bindparam("who"))
    .values(
        epoch=bindparam("to_epoch"),
        lookup=bindparam("to_lookup"),
        data_key=bindparam("to_data"),
        evidence_key=bindparam("to_evidence"),
    )
)


class Epochs(Room):
    """Changing and destroying the key over all keys."""

    __slots__ = ()

    def epochs(self) -> list[int]:
        """The epochs that are not destroyed, the present one first."""
        with reading(self._engine) as connection:
            return self._keys.epochs(connection)

    def rotate(self) -> int:
        """
        Begin a new epoch, seal all living keys and lookups anew in it, and return its number.

        Durable on return. A crash on the way loses nothing: the rest lies in the older epoch until the
        next call. Other processes go on meanwhile, and take up the new epoch when they meet it.
        """
        with writing(self._engine) as connection:
            self._keys.held(connection, alone=True)
            epoch = self._keys.begin(connection)
        while self._lies_before(epoch):
            last: tuple[str, str] | None = ("", "")
            while last is not None:
                last = self._move_on(epoch, last)
            time.sleep(_PAUSE)  # then once more, for those whom somebody else was writing
        return epoch

    def destroy_epoch(self, epoch: int) -> bool:
        """
        Destroy the key of an epoch, and with it whatever of the erased lies in logs, dead rows and backups.

        Durable on return; False when it was destroyed before. First the vault forgets the epoch, then
        the key goes: a crash between leaves a key that opens nothing here, and the next call takes it.
        Raises `VaultRefused` when it is the present one, or when something still lies in it.
        """
        with writing(self._engine) as connection:
            living = self._keys.held(connection, alone=True)
            if not 1 <= epoch < living[0]:
                raise VaultRefused("EPOCH_PRESENT", "Only an epoch before the present one is destroyed.")
            lying = select(vault_person.c.ref).where(vault_person.c.epoch == epoch).limit(1)
            if connection.execute(lying).first() is not None:
                raise VaultRefused("EPOCH_USED", "Keys of persons lie in this epoch; rotate first.")
            connection.execute(delete(vault_key).where(vault_key.c.epoch == epoch))
        return self._keys.destroy(epoch)

    def effective_by(self, today: date) -> date:
        """
        The day by which nothing of somebody who is erased today can be opened by anybody.

        The same everywhere: a copy of the vault from before the erasure opens with the key folder of today
        until its epoch is destroyed, on the first day of the next month or a little later.
        """
        next_month = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
        return next_month + GRACE

    def _lies_before(self, epoch: int) -> bool:
        with reading(self._engine) as connection:
            query = select(vault_person.c.ref).where(vault_person.c.epoch < epoch).limit(1)
            return connection.execute(query).first() is not None

    def _move_on(self, epoch: int, after: tuple[str, str]) -> tuple[str, str] | None:
        """Move the next rows into `epoch`; returns the last of them, None when there are no more."""
        with writing(self._engine) as connection:
            if self._keys.held(connection)[0] != epoch:
                raise VaultRefused("EPOCH_PASSED", "Another process changes the vault's key at this moment.")
            person = tuple_(vault_person.c.controller, vault_person.c.ref)
            rows = connection.execute(
                select(vault_person)
                .where(person > after, vault_person.c.epoch < epoch)
                .order_by(vault_person.c.controller, vault_person.c.ref)
                .limit(_AT_ONCE)
                # an erasure at this moment comes before or after, never between; who waits for nobody
                # cannot stand in a deadlock with an import that settles its persons in another order
                .with_for_update(skip_locked=True)
            ).all()
            self._move(connection, rows, epoch)
        return (rows[-1].controller, rows[-1].ref) if rows else None

    def _move(self, connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]], epoch: int) -> None:
        moved = []
        for row in rows:
            controller, ref, old = row.controller, row.ref, row.epoch
            lookup = row.lookup
            if row.data_key is not None:  # of the erased it is random, and stays so
                plain = self._keys.unsealed_lookup(controller, lookup, old)
                lookup = self._keys.sealed_lookup(controller, plain, epoch)
            moved.append(
                {
                    "of": controller,
                    "who": ref,
                    "to_epoch": epoch,
                    "to_lookup": lookup,
                    "to_data": self._keys.moved(controller, ref, DATA, row.data_key, old=old, new=epoch),
                    "to_evidence": self._keys.moved(
                        controller, ref, EVIDENCE, row.evidence_key, old=old, new=epoch
                    ),
                }
            )
        if moved:
            connection.execute(_move, moved)
