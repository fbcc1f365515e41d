"""
The token and revocation endpoints as ASGI: bounded reading, bounded work, one error shape.

A request is one synchronous call in a pool of its own. When a secret must be hashed, the call says
so and is made again after the hash ran in a pool of four: guessing fills that pool, and neither the
event loop nor clients whose secret held a minute ago wait for it. A full pool answers 503 at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from authlib.oauth2.rfc6749 import OAuth2Error
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from api.oauth.keys import SigningKeyRefused
from api.oauth.requests import Received, receive
from api.oauth.secrets import HashNeeded, Secrets, hash_secret, is_outdated
from consent_ledger.clients import replace_hash, secret_id
from consent_ledger.database import DatabaseRefused, reading, writing

log = logging.getLogger("cultuurinzicht.oauth")

Work = Callable[[Connection, Received, tuple[str, bool] | None], Response]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

_ROUNDS = 3
"""How often a hash may be overtaken by a newer one of the same secret before we give up."""


class Pools:
    """How much runs at once, and how much may wait for it, in one process."""

    def __init__(self, *, answers: int = 4, hashes: int = 4, hashes_waiting: int = 16) -> None:
        self.answers = CapacityLimiter(answers)
        self.hashes = CapacityLimiter(hashes)  # 19 MiB each
        self._hashes_waiting = hashes_waiting

    @property
    def is_full(self) -> bool:
        """Whether another hash would wait longer than a client should."""
        return self.hashes.statistics().tasks_waiting >= self._hashes_waiting


class FormEndpoint:
    """An ASGI application for one endpoint that takes a form by POST."""

    def __init__(self, work: Work, *, engine: Engine, secrets: Secrets, pools: Pools) -> None:
        self._work = work
        self._engine = engine
        self._secrets = secrets
        self._pools = pools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            refused = _error(405, "invalid_request", "Only POST is answered here.")
            refused.headers["Allow"] = "POST"
            return refused
        try:
            received = await receive(request)
        except OAuth2Error as error:
            return _error(error.status_code, error.error, error.description)
        except ClientDisconnect:
            return _error(400, "invalid_request", "The request ended early.")
        try:
            return await self._hashing(received)
        except (DatabaseRefused, OperationalError, SigningKeyRefused):
            log.exception("oauth.unavailable")
            return busy()

    async def _hashing(self, received: Received) -> Response:
        """The answer, with as many hashes on the way as it takes: none for a secret known to hold."""
        verdict: tuple[str, bool] | None = None
        for _ in range(_ROUNDS):
            try:
                return await to_thread.run_sync(self._once, received, verdict, limiter=self._pools.answers)
            except HashNeeded as needed:
                if self._pools.is_full:
                    return busy()
                verdict = await to_thread.run_sync(
                    self._verdict, needed.stored, needed.presented, limiter=self._pools.hashes
                )
        return busy()

    def _once(self, received: Received, verdict: tuple[str, bool] | None) -> Response:
        with reading(self._engine) as connection:
            return self._work(connection, received, verdict)

    def _verdict(self, stored: str, presented: str) -> tuple[str, bool]:
        """Whether the secret holds; a hash with old parameters is replaced while the secret is at hand."""
        if not self._secrets.verify(stored, presented):
            return stored, False
        name = secret_id(presented)
        if name is None or not is_outdated(stored):
            return stored, True
        newer = hash_secret(presented)
        try:
            with writing(self._engine) as connection:
                replace_hash(connection, name, old=stored, new=newer)
        except (DatabaseRefused, OperationalError):
            log.warning("oauth.rehash_put_off")  # the old hash still holds
            return stored, True
        self._secrets.remember(newer, presented)
        return newer, True


def _error(status: int, error: str, description: str) -> Response:
    """An answer in the error shape of RFC 6749, 5.2."""
    return JSONResponse({"error": error, "error_description": description}, status, NO_STORE)


def busy() -> Response:
    """503: nothing is wrong with the request, and asking again in a moment may be answered."""
    response = _error(503, "temporarily_unavailable", "The server is busy; try again in a moment.")
    response.headers["Retry-After"] = "1"
    return response
