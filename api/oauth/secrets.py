"""
Client secrets at rest and in use: argon2id, equal work for everybody, and a short memory of what held.

Argon2id with m=19456 KiB, t=2, p=1 (OWASP; RFC 9106 tells the parameters). A hash takes tens of
milliseconds, so it never runs where requests are answered: `Secrets.holds` answers at once from
memory or raises `HashNeeded`, and the endpoint then lets `Secrets.verify` run in its bounded pool.

What is remembered, for 60 seconds and in this process only: HMAC-SHA256(process key, hash || secret)
of secrets that held. Neither secret nor hash can be read back from it; another hash misses by itself.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

MAX_SECRET = 256
"""Bytes of a presented secret at most."""

_REMEMBERED_SECONDS = 60.0
_REMEMBERED = 4096

_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)


class HashNeeded(Exception):
    """The answer needs one hash, which the caller must run elsewhere. Never reaches a client."""

    def __init__(self, stored: str, presented: str) -> None:
        super().__init__("a secret must be verified")
        self.stored = stored
        self.presented = presented


def hash_secret(secret: str) -> str:
    """The argon2id hash under which a secret is kept (PHC string, own salt)."""
    return _HASHER.hash(secret)


@functools.cache
def _dummy() -> str:
    """What an unknown client is held against, one for the process: nobody ever knew a secret for it."""
    return hash_secret(secrets.token_urlsafe(32))


class Secrets:
    """Checks presented secrets against stored hashes. Safe between threads."""

    def __init__(self) -> None:
        self._pepper = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, float] = OrderedDict()
        self.dummy = _dummy()

    def holds(self, stored: str | None, presented: str) -> bool:
        """
        True when `presented` was found to match `stored` a moment ago.

        Raises `HashNeeded` otherwise; for no stored hash, with one that nothing matches, so that an
        unknown client costs what a known one costs.
        """
        if stored is None:
            raise HashNeeded(self.dummy, presented)
        mark = self._mark(stored, presented)
        with self._lock:
            until = self._held.get(mark, 0.0)
        if until > time.monotonic():
            return True
        raise HashNeeded(stored, presented)

    def verify(self, stored: str, presented: str) -> bool:
        """Run the hash; what holds is remembered. Slow: for a worker thread of the bounded pool."""
        try:
            _HASHER.verify(stored, presented)
        except (VerificationError, InvalidHashError):
            return False
        self.remember(stored, presented)
        return True

    def remember(self, stored: str, presented: str) -> None:
        """Take it that `presented` matches `stored`, for a minute."""
        mark = self._mark(stored, presented)
        with self._lock:
            self._held[mark] = time.monotonic() + _REMEMBERED_SECONDS
            self._held.move_to_end(mark)
            if len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)

    def _mark(self, stored: str, presented: str) -> bytes:
        # the hash has no NUL, so the two cannot run into each other
        return hmac.digest(self._pepper, stored.encode() + b"\0" + presented.encode(), hashlib.sha256)


def is_outdated(stored: str) -> bool:
    """Whether this hash was made with other parameters than ours."""
    try:
        return _HASHER.check_needs_rehash(stored)
    except InvalidHashError:
        return True
