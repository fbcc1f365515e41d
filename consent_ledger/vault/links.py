"""
Links for visitors: one kind stands in every ticket mail and can only stop, the other opens once.

A *stop link* is sealed, not stored: whoever holds it can make the person's data stop being used, and
learns nothing. A mail is read by many programs, so it can do nothing else. For access and erasure an
*open link* goes to the address that somebody typed: random, kept as a hash, and its address sealed under
a key that stands in the link alone, so that the vault itself cannot open what nobody asked back.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, insert

from consent_ledger.canonical import canonical
from consent_ledger.database import writing
from consent_ledger.vault import sealing
from consent_ledger.vault.room import Room, seconds
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import vault_link
from consent_ledger.vocabulary import PartyId

_STOP_LINK = b"cultuurinzicht/visitor-link/1\0"
_ONE_TIME = b"cultuurinzicht/one-time-link/1\0"
_LONGEST = 2_048


class LinkKind(StrEnum):
    """What a sealed link can do."""

    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Link:
    """What stands in a sealed link."""

    controller: PartyId
    identifier: str = field(repr=False)
    kind: LinkKind
    issued: date


class Links(Room):
    """Making and reading links."""

    __slots__ = ()

    def seal_link(
        self,
        controller: PartyId,
        identifier: str,
        kind: LinkKind = LinkKind.STOP,
        *,
        issued: date | None = None,
    ) -> str:
        """A sealed link's token, for a URL. Nothing is stored; it holds as long as the keyring does."""
        said = {
            "controller": controller,
            "identifier": sealing.normalise(identifier).decode(),
            "issued": (issued or datetime.now(UTC).date()).isoformat(),
            "kind": LinkKind(kind).value,
        }
        return _text(sealing.seal(self._stop_link_key(), canonical(said), _STOP_LINK))

    def open_link(self, token: str) -> Link:
        """What a sealed link says. Raises `VaultRefused` when it is not one of ours, or not whole."""
        try:
            said = json.loads(sealing.unseal(self._stop_link_key(), _bytes(token), _STOP_LINK))
        except VaultRefused:
            raise _unreadable() from None
        return Link(
            PartyId(said["controller"]),
            said["identifier"],
            LinkKind(said["kind"]),
            date.fromisoformat(said["issued"]),
        )

    def issue_link(self, identifier: str, minutes: int) -> str:
        """A one-time link's token, to be sent to the address and shown to nobody; it ends after `minutes`."""
        token = secrets.token_bytes(sealing.KEY_SIZE)
        sealed = sealing.seal(sealing.link_key(token), sealing.normalise(identifier), _ONE_TIME)
        now = seconds()
        with writing(self._engine) as connection:
            connection.execute(delete(vault_link).where(vault_link.c.expires <= now))
            connection.execute(
                insert(vault_link).values(
                    token_sha256=sha256(token).digest(), identifier=sealed, expires=now + 60 * minutes
                )
            )
        return _text(token)

    def redeem_link(self, token: str) -> str | None:
        """
        The address to which a one-time link was sent; None when it is not ours, was used, or has ended.

        Of two who redeem it at once one gets the address. Durable on return: it is used, whatever follows.
        """
        try:
            given = _bytes(token)
        except VaultRefused:
            return None
        with writing(self._engine) as connection:
            sealed = connection.scalar(
                delete(vault_link)
                .where(vault_link.c.token_sha256 == sha256(given).digest(), vault_link.c.expires > seconds())
                .returning(vault_link.c.identifier)
            )
        return None if sealed is None else sealing.unseal(sealing.link_key(given), sealed, _ONE_TIME).decode()

    def _stop_link_key(self) -> AESGCM:
        return AESGCM(self._keys.secret("visitor-link"))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(token: str) -> bytes:
    if len(token) > _LONGEST:
        raise _unreadable()
    try:
        value = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None
    return value


def _unreadable() -> VaultRefused:
    return VaultRefused(
        "LINK_UNREADABLE", "This link is not whole, or was not made here; open it from the mail again."
    )
