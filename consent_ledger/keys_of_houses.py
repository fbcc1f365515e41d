"""
The keys with which houses sign: the drafts that register and retire them, and what a house knows them by.

A key is a passkey. The first of a house is enrolled on the operator's word, which every reader is told;
each further one is approved by a key that stands. A key that is lost is retired, and stops at that entry.
When none stands any more the next is a first one again.

The ledger holds the public key under a random name. Whose it is, and on which device, is kept in the
register in a row that is written with the entry and can be deleted alone.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from consent_ledger.entry import Actor, Draft, EntryType, Json
from consent_ledger.passkeys import Assertion, check_assertion, key_challenge, read_public_key
from consent_ledger.register import passkey
from consent_ledger.vocabulary import KeyCause, PartyId, Position, SigningAlgorithm

if TYPE_CHECKING:
    from consent_ledger.log import Rider

KEY = re.compile(r"key-[0-9a-f]{16}")

MOST_LABEL = 80
MOST_CREDENTIAL = 1_023
"""The longest credential id, in bytes (WebAuthn level 3, 7.1, step 25)."""


class KeyRefused(Exception):
    """A key cannot be registered or retired like this. Carries a code and a plain sentence, never a value."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that a house wants to sign with. `label` is whose it is, in the house's own words."""

    party: PartyId
    key: str
    algorithm: SigningAlgorithm
    public_key: bytes
    rp_id: str
    credential_id: bytes
    label: str

    def challenge(self, ledger: str) -> bytes:
        """What the key itself, and the one that approves it, sign."""
        return key_challenge(
            ledger=ledger,
            party=self.party,
            key=self.key,
            algorithm=self.algorithm,
            public_key_hex=self.public_key.hex(),
            rp_id=self.rp_id,
        )


@dataclass(frozen=True, slots=True)
class Passkey:
    """What the register knows of one key: what a browser finds it by, and what people call it."""

    key: str
    credential_id: str
    label: str


def new_key_id() -> str:
    """A name for a key that says nothing of device or person."""
    return f"key-{secrets.token_hex(8)}"


def register_key(
    new: NewKey,
    possession: Assertion,
    approval: Assertion | None,
    *,
    ledger: str,
    is_sandbox: bool,
    actor: Actor,
    idem: str,
) -> tuple[Draft, Rider]:
    """
    The entry `key.registered`, and the rider that writes the register's row with it.

    Raises `KeyRefused` for what is no name, label or credential, and `AssertionRefused` when the public
    key is none or did not sign. Whether it is approved by a key that stands is judged where the entry gets
    its index: only there is it known which stand.
    """
    if KEY.fullmatch(new.key) is None:
        raise KeyRefused("KEY_ID", "The name of a key is the one that was given when it was prepared.")
    if not new.label.strip() or len(new.label) > MOST_LABEL or not new.label.isprintable():
        raise KeyRefused("KEY_LABEL", f"A label is one line of 1 to {MOST_LABEL} signs.")
    if not 1 <= len(new.credential_id) <= MOST_CREDENTIAL:
        raise KeyRefused("KEY_CREDENTIAL", f"A credential id has 1 to {MOST_CREDENTIAL} bytes.")
    read_public_key(new.algorithm, new.public_key)
    if possession.key != new.key:
        raise KeyRefused("KEY_NOT_PROVEN", "The new key has to sign for itself, under its own name.")
    check_assertion(
        possession,
        algorithm=new.algorithm,
        public_key=new.public_key,
        rp_id=new.rp_id,
        challenge=new.challenge(ledger),
        is_sandbox=is_sandbox,
    )
    body: dict[str, Json] = {
        "party": new.party,
        "key": new.key,
        "algorithm": new.algorithm.value,
        "public_key": new.public_key.hex(),
        "rp_id": new.rp_id,
        "possession": possession.body(),
        "approval": None if approval is None else approval.body(),
    }

    def rider(connection: Connection, position: Position) -> None:
        connection.execute(
            insert(passkey).values(
                key=new.key,
                party=new.party,
                credential_id=urlsafe_b64encode(new.credential_id).rstrip(b"=").decode(),
                algorithm=new.algorithm.value,
                public_key=new.public_key.hex(),
                rp_id=new.rp_id,
                label=new.label,
                position=position,
            )
        )

    return Draft(EntryType.KEY_REGISTERED, actor, idem, body), rider


def retire_key(party: PartyId, key: str, cause: KeyCause, *, actor: Actor, idem: str) -> tuple[Draft, Rider]:
    """
    The entry `key.retired`, and the rider that notes it in the register; effective at its index.

    What the key signed before stands: it was signed while the key stood. Raises `KeyRefused`.
    """
    if KEY.fullmatch(key) is None:
        raise KeyRefused("KEY_ID", "This is no name of a key.")

    def rider(connection: Connection, position: Position) -> None:
        of_party = (passkey.c.key == key) & (passkey.c.party == party)
        connection.execute(update(passkey).where(of_party).values(retired_position=position))

    body: dict[str, Json] = {"party": party, "key": key, "cause": cause.value}
    return Draft(EntryType.KEY_RETIRED, actor, idem, body), rider


def passkeys(connection: Connection, party: PartyId) -> dict[str, Passkey]:
    """What the register still knows of this house's keys, by key."""
    rows = connection.execute(select(passkey).where(passkey.c.party == party))
    return {row.key: Passkey(row.key, row.credential_id, row.label) for row in rows}


def forget_holder(connection: Connection, party: PartyId, key: str) -> bool:
    """
    Delete what the register knows of one key of this house, on a writing connection. Repeatable.

    False when there is nothing (any more). The key itself stands or not as the ledger says; one that
    stands cannot be found by a browser afterwards, so it is retired first.
    """
    of_party = (passkey.c.key == key) & (passkey.c.party == party)
    return connection.execute(delete(passkey).where(of_party)).rowcount > 0
