"""The keys of the vault: one for looking up per controller, one per epoch over the keys of persons."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, insert, select

from consent_ledger.keyring import Keyring
from consent_ledger.vault import sealing
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import vault_key
from consent_ledger.vocabulary import PartyId

DATA = "data"
EVIDENCE = "evidence"


class Keys:
    """
    What the keyring holds for the vault, derived once.

    Each epoch has a secret of its own in the keyring, so that an old one can be destroyed there, and all
    backups of what it sealed with it.
    """

    __slots__ = ("_epochs", "_keyring", "_lookups", "epoch")

    epoch: int

    def __init__(self, keyring: Keyring, connection: Connection) -> None:
        """
        Take the keys of every epoch that the vault knows; the first epoch begins with an empty vault.

        Raises `VaultRefused` when the keyring is not the one the vault was sealed with: going on would
        make a new person of everybody.
        """
        self._keyring = keyring
        self._epochs: dict[int, tuple[AESGCM, bytes]] = {}
        self._lookups: dict[PartyId, bytes] = {}
        rows = list(connection.execute(select(vault_key.c.epoch, vault_key.c.check_value)))
        if not rows:
            first = {"epoch": 1, "check_value": self._key(1)[1]}
            connection.execute(insert(vault_key), first)
        for epoch, check in rows:
            if self._key(epoch)[1] != check:
                raise VaultRefused(
                    "KEYRING_FOREIGN",
                    "This vault was sealed with another keyring; put back the right key folder.",
                )
        self.epoch = max((epoch for epoch, _ in rows), default=1)

    def __repr__(self) -> str:
        return "<Keys>"

    def lookup(self, controller: PartyId) -> bytes:
        """The key under which this controller's identifiers are looked up."""
        if controller not in self._lookups:
            self._lookups[controller] = sealing.lookup_key(self._keyring.secret("vault"), controller)
        return self._lookups[controller]

    def new(self, controller: str, person: str) -> tuple[bytes, bytes]:
        """A new person's two keys, *data* and *evidence*, sealed under the present epoch."""
        both = os.urandom(2 * sealing.KEY_SIZE)
        epoch = self.epoch
        kek, _ = self._key(epoch)
        return (
            sealing.seal(kek, both[: sealing.KEY_SIZE], _bound(controller, person, DATA, epoch)),
            sealing.seal(kek, both[sealing.KEY_SIZE :], _bound(controller, person, EVIDENCE, epoch)),
        )

    def evidence(self, controller: str, person: str, epoch: int, sealed: bytes) -> bytes:
        """A person's evidence key, opened."""
        return sealing.unseal(self._key(epoch)[0], sealed, _bound(controller, person, EVIDENCE, epoch))

    def _key(self, epoch: int) -> tuple[AESGCM, bytes]:
        """The key of an epoch, and the value that recognises it."""
        if epoch not in self._epochs:
            kek = self._keyring.secret(f"vault-epoch-{epoch}")
            self._epochs[epoch] = AESGCM(kek), sealing.check_value(kek)
        return self._epochs[epoch]


def _bound(controller: str, person: str, kind: str, epoch: int) -> bytes:
    """What a sealed key is bound to: it opens in no other row, column or epoch."""
    return f"cultuurinzicht/key/1\0{controller}\0{person}\0{kind}\0{epoch}".encode()
