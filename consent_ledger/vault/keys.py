"""
The keys of the vault: one for looking up per controller, one per epoch over the keys of persons.

An epoch's key stands in the keyring, outside the database, and nowhere else. What was sealed in an epoch
(a person's two keys, and the lookup that finds the person) is gone when that key is destroyed: also where
nobody can delete it, in PostgreSQL's log, in dead rows, in backups of the vault.

Which epochs there are stands in `vault_key`, and is read in each transaction anew: another process may
begin one at any time. Who makes persons holds the epochs while it does, so that nobody is made under an
epoch that has been emptied.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from sqlalchemy import Connection, insert, select, text

from consent_ledger.keyring import Keyring, KeyringRefused
from consent_ledger.vault import sealing
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import vault_key
from consent_ledger.vocabulary import PartyId

DATA = "data"
EVIDENCE = "evidence"


class Epoch(NamedTuple):
    """What an epoch's key gives."""

    kek: AESGCM
    lookups: AESSIV
    check_value: bytes


class Keys:
    """What the keyring holds for the vault, derived once. Safe between threads."""

    __slots__ = ("_epochs", "_keyring", "_lookups", "_plain")

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._epochs: dict[int, Epoch] = {}
        self._plain: frozenset[int] = frozenset()
        self._lookups: dict[PartyId, bytes] = {}

    def __repr__(self) -> str:
        return "<Keys>"

    def epochs(self, connection: Connection) -> list[int]:
        """
        The epochs under which something may lie, the present one first.

        Raises `VaultRefused` when the keyring is not the one the vault was sealed with: going on would
        make a new person of everybody.
        """
        rows = connection.execute(select(vault_key)).all()
        for row in rows:
            if self._epoch(row.epoch).check_value != row.check_value:
                raise _foreign()
        self._plain = frozenset(row.epoch for row in rows if not row.lookups_sealed)
        living = sorted((row.epoch for row in rows), reverse=True)
        for gone in set(self._epochs) - set(living):
            self._epochs.pop(gone, None)
            self._keyring.forget(_name(gone))
        return living

    def held(self, connection: Connection, *, alone: bool = False) -> list[int]:
        """
        Like `epochs`, in a writing transaction: none begins and none ends before it ends.

        `alone` is for who begins or ends one: it waits until nobody else holds them. On SQLite there is
        one writer anyway.
        """
        if connection.dialect.name == "postgresql":
            mode = "EXCLUSIVE" if alone else "ROW SHARE"
            connection.execute(text(f"LOCK TABLE vault_key IN {mode} MODE"))
        return self.epochs(connection)

    def begin(self, connection: Connection) -> int:
        """
        Begin a new epoch and return its number; who calls holds the epochs alone.

        Its key is on disk before the row that needs it; a crash between leaves a key that the next call
        takes, and with which nothing was ever sealed.
        """
        epoch = max(self.epochs(connection), default=0) + 1
        self._keyring.secret(_name(epoch))
        row = {"epoch": epoch, "check_value": self._epoch(epoch).check_value, "lookups_sealed": True}
        connection.execute(insert(vault_key), row)
        return epoch

    def destroy(self, epoch: int) -> bool:
        """Destroy the key of an epoch that has no row any more. False when that was done before."""
        self._epochs.pop(epoch, None)
        return self._keyring.destroy(_name(epoch))

    def secret(self, name: str) -> bytes:
        """A secret of the keyring that belongs to no epoch."""
        return self._keyring.secret(name)

    def lookup(self, controller: PartyId, identifier: str) -> bytes:
        """The value that finds this identifier at this controller, not yet sealed."""
        if controller not in self._lookups:
            self._lookups[controller] = sealing.lookup_key(self._keyring.secret("vault"), controller)
        return bytes.fromhex(sealing.lookup(self._lookups[controller], identifier))

    def sealed_lookup(self, controller: str, lookup: bytes, epoch: int) -> str:
        """A lookup as it is stored in an epoch."""
        if epoch in self._plain:  # of a version that did not seal them; the next epoch does
            return lookup.hex()
        return self._epoch(epoch).lookups.encrypt(lookup, [controller.encode()]).hex()

    def unsealed_lookup(self, controller: str, stored: str, epoch: int) -> bytes:
        """The lookup that was stored in an epoch."""
        if epoch in self._plain:
            return bytes.fromhex(stored)
        return sealing.unseal_lookup(self._epoch(epoch).lookups, bytes.fromhex(stored), controller)

    def new(self, controller: str, person: str, epoch: int) -> tuple[bytes, bytes]:
        """A new person's two keys, *data* and *evidence*, sealed in this epoch."""
        both = os.urandom(2 * sealing.KEY_SIZE)
        return (
            self._sealed(controller, person, DATA, epoch, both[: sealing.KEY_SIZE]),
            self._sealed(controller, person, EVIDENCE, epoch, both[sealing.KEY_SIZE :]),
        )

    def data(self, controller: str, person: str, epoch: int, sealed: bytes) -> bytes:
        """A person's data key, opened."""
        return self._unsealed(controller, person, DATA, epoch, sealed)

    def evidence(self, controller: str, person: str, epoch: int, sealed: bytes) -> bytes:
        """A person's evidence key, opened."""
        return self._unsealed(controller, person, EVIDENCE, epoch, sealed)

    def moved(
        self, controller: str, person: str, kind: str, sealed: bytes | None, *, old: int, new: int
    ) -> bytes | None:
        """A person's key, sealed in another epoch."""
        if sealed is None:
            return None
        return self._sealed(
            controller, person, kind, new, self._unsealed(controller, person, kind, old, sealed)
        )

    def _sealed(self, controller: str, person: str, kind: str, epoch: int, key: bytes) -> bytes:
        return sealing.seal(self._epoch(epoch).kek, key, _bound(controller, person, kind, epoch))

    def _unsealed(self, controller: str, person: str, kind: str, epoch: int, sealed: bytes) -> bytes:
        return sealing.unseal(self._epoch(epoch).kek, sealed, _bound(controller, person, kind, epoch))

    def _epoch(self, epoch: int) -> Epoch:
        """The key of an epoch; read from the keyring when another process began it."""
        found = self._epochs.get(epoch)
        if found is None:
            try:
                kek = self._keyring.existing(_name(epoch))
            except KeyringRefused as refused:
                if refused.code == "KEY_MISSING":
                    raise _foreign() from None
                raise
            found = Epoch(AESGCM(kek), sealing.lookup_cipher(kek), sealing.check_value(kek))
            self._epochs[epoch] = found
        return found


def _name(epoch: int) -> str:
    return f"vault-epoch-{epoch}"


def _foreign() -> VaultRefused:
    return VaultRefused(
        "KEYRING_FOREIGN", "This vault was sealed with another keyring; put back the right key folder."
    )


def _bound(controller: str, person: str, kind: str, epoch: int) -> bytes:
    """What a sealed key is bound to: it opens in no other row, column or epoch."""
    return f"cultuurinzicht/key/1\0{controller}\0{person}\0{kind}\0{epoch}".encode()
