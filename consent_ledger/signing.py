"""
The keys that sign access tokens, as rows: published before they sign, and after.

`pending` is published and does not sign yet; `active` signs, and there is one; `retired` no longer
signs and still verifies; `withdrawn` verifies nothing from the next request on. No row is removed.
The private part is opaque here: it is sealed and opened by `api.oauth.keys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from consent_ledger.register import signing_key


class KeyState(StrEnum):
    """Where in its life a signing key is."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key as stored; `since` is the second in which its present state began."""

    kid: str
    alg: str
    state: KeyState
    public: str
    private: bytes
    since: int


_ALL = select(signing_key).order_by(signing_key.c.created_at, signing_key.c.kid)
_ACTIVE = select(signing_key.c.kid).where(signing_key.c.state == KeyState.ACTIVE.value)


def signing_keys(connection: Connection) -> list[SigningKey]:
    """Every key there ever was, in the order of their making."""
    return [
        SigningKey(row.kid, row.alg, KeyState(row.state), row.public, row.private, row.since)
        for row in connection.execute(_ALL)
    ]


def signing_key_of(connection: Connection, kid: str) -> SigningKey | None:
    """The key of this id."""
    row = connection.execute(select(signing_key).where(signing_key.c.kid == kid)).one_or_none()
    if row is None:
        return None
    return SigningKey(row.kid, row.alg, KeyState(row.state), row.public, row.private, row.since)


def active_kid(connection: Connection) -> str | None:
    """The id of the key that signs now."""
    found = connection.execute(_ACTIVE).scalar_one_or_none()
    return None if found is None else str(found)


def add_signing_key(connection: Connection, key: SigningKey) -> None:
    """Store a new key; a second active one is refused by the table itself."""
    connection.execute(
        insert(signing_key).values(
            kid=key.kid,
            alg=key.alg,
            state=key.state.value,
            public=key.public,
            private=key.private,
            created_at=key.since,
            since=key.since,
        )
    )


def set_key_state(connection: Connection, kid: str, state: KeyState, *, now: datetime) -> None:
    """Let a key's next state begin now."""
    connection.execute(
        update(signing_key)
        .where(signing_key.c.kid == kid)
        .values(state=state.value, since=int(now.timestamp()))
    )
