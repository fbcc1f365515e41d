"""
Sessions: what a one-time link opens for half an hour, and how often a link may be asked.

A session is kept as the hash of its token, with the address sealed under a key that stands in the token
alone: the vault cannot tell who is in session, and a copy of it opens nobody. Who the visitor is to each
house is looked up anew with every request, so an erasure holds from the next one on.

That a link was sent is counted under a keyed value of the address, for a day. Whoever holds the keyring
and the vault could see within that day that a known address asked for a link; `forget_sent` takes it away.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select, text

from consent_ledger.database import reading, writing
from consent_ledger.vault import sealing
from consent_ledger.vault.room import Room, seconds
from consent_ledger.vault.tables import vault_sent, vault_session

_VISITOR_SESSION = b"cultuurinzicht/visitor-session/1\0"
SESSION = "vs_"
"""How the token of a session begins; no other token here does."""

_TOKEN = re.compile(SESSION + r"[0-9a-f]{64}", re.ASCII)
_DAY = 86_400
_MINUTE = 60
_PER_DAY = 5

_COUNT = text(
    "INSERT INTO vault_sent AS s (lookup, since, last, number) VALUES (:lookup, :now, :now, 1)"
    " ON CONFLICT (lookup) DO UPDATE SET last = excluded.last, number = s.number + 1"
    " WHERE s.last <= :minute_ago AND s.number < :per_day RETURNING number"
)


class Sessions(Room):
    """Beginning, finding and ending sessions; counting links."""

    __slots__ = ()

    def may_send(self, identifier: str) -> bool:
        """
        Count a link to this address, unless it would be the second in a minute or the sixth in a day.

        Durable on return; of two who ask at once one may. The day begins with the first of the five.
        """
        now, lookup = seconds(), self._sent_lookup(identifier)
        counted = {"lookup": lookup, "now": now, "minute_ago": now - _MINUTE, "per_day": _PER_DAY}
        with writing(self._engine) as connection:
            expire(connection)
            return connection.execute(_COUNT, counted).first() is not None

    def forget_sent(self, identifier: str) -> None:
        """Forget that links were sent to this address; for who was erased everywhere."""
        lookup = self._sent_lookup(identifier)
        with writing(self._engine) as connection:
            gone = connection.execute(delete(vault_sent).where(vault_sent.c.lookup == lookup)).rowcount
        if gone:
            self._leave_no_trace()

    def begin_session(self, identifier: str, minutes: int) -> str:
        """The token of a new session; durable on return, shown once."""
        token = SESSION + secrets.token_hex(sealing.KEY_SIZE)
        key = sealing.session_key(token.encode())
        sealed = sealing.seal(key, sealing.normalise(identifier), _VISITOR_SESSION)
        with writing(self._engine) as connection:
            expire(connection)
            connection.execute(
                insert(vault_session).values(
                    token_sha256=_hash(token), identifier=sealed, expires=seconds() + 60 * minutes
                )
            )
        return token

    def session(self, token: str) -> str | None:
        """The address behind a session; None when it is none of ours, was ended, or has expired."""
        if _TOKEN.fullmatch(token) is None:
            return None
        query = select(vault_session.c.identifier).where(
            vault_session.c.token_sha256 == _hash(token), vault_session.c.expires > seconds()
        )
        with reading(self._engine) as connection:
            sealed = connection.scalar(query)
        if sealed is None:
            return None
        return sealing.unseal(sealing.session_key(token.encode()), sealed, _VISITOR_SESSION).decode()

    def end_session(self, token: str) -> bool:
        """End a session, from the next request on; whether there was one."""
        if _TOKEN.fullmatch(token) is None:
            return False
        ended = delete(vault_session).where(
            vault_session.c.token_sha256 == _hash(token), vault_session.c.expires > seconds()
        )
        with writing(self._engine) as connection:
            return connection.execute(ended).rowcount > 0

    def _sent_lookup(self, identifier: str) -> str:
        return sealing.sent(self._keys.secret("link-sent"), identifier)


def expire(connection: Connection) -> None:
    """Remove sessions that are over, and what was counted more than a day ago."""
    now = seconds()
    connection.execute(delete(vault_session).where(vault_session.c.expires <= now))
    connection.execute(delete(vault_sent).where(vault_sent.c.since <= now - _DAY))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
