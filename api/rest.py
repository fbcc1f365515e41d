"""
Routes beside GraphQL: the ledger for auditors and witnesses, the schema, and the state of the server.

They call the same resolvers. What carries no entry (checkpoint, proof) is public; entries need the
scope `ledger:export`, and every export is an entry itself.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from api.assembly import Assembled
from api.errors import Code, Problem, problem_of
from api.oauth.service import BearerRefused
from consent_ledger.database import DatabaseRefused, reading
from consent_ledger.export import archive, lines
from consent_ledger.log import LedgerError, NotRecorded
from consent_ledger.permit import Refusal
from consent_ledger.reasons import EXPLAINED
from consent_ledger.vocabulary import Reason
from resolvers import ledger as ledger_door
from resolvers.gate import inquiry, request_digest
from schema.build import build

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def routes(parts: Assembled) -> list[Route]:
    """The routes of this house."""
    rest = _Rest(parts)
    sdl = build().as_str()

    async def schema(_: Request) -> Response:
        return PlainTextResponse(sdl, headers={"Cache-Control": "public, max-age=300"})

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "alive"}, headers=_NO_STORE)

    return [
        Route("/ledger/checkpoint", rest.checkpoint),
        Route("/ledger/key", rest.key),
        Route("/ledger/proof/{position:int}", rest.proof),
        Route("/ledger/export.jsonl", rest.export_lines),
        Route("/ledger/export.zip", rest.export_zip),
        Route("/schema.graphql", schema),
        Route("/healthz", alive),
        Route("/readyz", rest.ready),
    ]


class _Rest:
    def __init__(self, parts: Assembled) -> None:
        self._parts = parts
        self._house = parts.house

    async def checkpoint(self, _: Request) -> Response:
        """The last signed checkpoint: what witnesses and auditors compare."""

        def read() -> str:
            with reading(self._house.engine) as connection:
                return self._house.ledger.checkpoint(connection)

        return await self._said(lambda _: PlainTextResponse(read(), headers=_NO_STORE))

    async def key(self, _: Request) -> Response:
        """The key that checks the checkpoints; compare it with one from elsewhere."""
        return PlainTextResponse(f"{self._house.ledger.verifier_key}\n", headers=_NO_STORE)

    async def proof(self, request: Request) -> Response:
        """The C2SP tlog-proof of one entry."""
        position: int = request.path_params["position"]

        def read() -> str:
            with reading(self._house.engine) as connection:
                return self._house.ledger.proof(connection, position)

        return await self._said(lambda _: PlainTextResponse(read(), headers=_NO_STORE))

    async def export_lines(self, request: Request) -> Response:
        """Entries as JSON Lines, the exact leaf bytes; `start` and `stop` choose a range."""

        def permit(request_id: str) -> Response:
            start, stop = _whole(request, "start"), _whole(request, "stop")
            export = self._exported(request, request_id, start or 0, stop)
            return StreamingResponse(self._stream(export), media_type="application/jsonl", headers=_NO_STORE)

        return await self._said(permit)

    async def export_zip(self, request: Request) -> Response:
        """All entries with checkpoint and key, as one zip."""

        def permit(request_id: str) -> Response:
            self._exported(request, request_id, 0, None)
            file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed when the answer has been sent
            with reading(self._house.engine) as connection:
                archive(self._house.ledger, connection, file)
            file.seek(0)
            return StreamingResponse(_chunks(file), media_type="application/zip", headers=_NO_STORE)

        return await self._said(permit)

    async def ready(self, _: Request) -> Response:
        """Whether the head of the ledger can be read: without it everything is refused."""

        def read(_: str) -> Response:
            with reading(self._house.engine) as connection:
                snapshot = self._house.ledger.pin(connection)
                snapshot.end()
                return JSONResponse({"status": "ready", "position": snapshot.size}, headers=_NO_STORE)

        return await self._said(read)

    def _exported(
        self, request: Request, request_id: str, start: int, stop: int | None
    ) -> ledger_door.Export:
        """The permission to export, recorded. Raises `_Refused` and `BearerRefused`."""
        digest = request_digest(f"{request_id}\n{request.url.path}".encode())
        with reading(self._house.engine) as connection:
            caller = self._parts.oauth.credential(connection, request.headers.get("authorization"))
            with inquiry(
                self._house, caller, connection, request_sha256=digest, request_id=request_id
            ) as ask:
                found = ledger_door.export(ask, start, stop)
        if isinstance(found, Refusal):
            raise _Refused(found)
        return found

    def _stream(self, export: ledger_door.Export) -> Iterator[bytes]:
        with reading(self._house.engine) as connection:
            batch: list[bytes] = []
            for line in lines(connection, start=export.start, stop=export.stop):
                batch.append(line)
                if len(batch) == 500:
                    yield b"".join(batch)
                    batch.clear()
            yield b"".join(batch)

    async def _said(self, answer: Callable[[str], Response]) -> Response:
        """The answer from a worker thread, or the refusal in the one shape."""
        request_id = secrets.token_hex(16)
        headers = dict(_NO_STORE)
        try:
            return await run_in_threadpool(answer, request_id)
        except BearerRefused as refused:
            headers["WWW-Authenticate"] = refused.www_authenticate
            problem = Problem(
                Code.UNAUTHENTICATED, refused.sentence.en, "Ask the token endpoint for a token."
            )
        except _Refused as refused:
            body = refused.problem.rest(request_id=request_id, ledger_position=None) | {"status": 403}
            return JSONResponse(body, 403, headers, "application/problem+json")
        except NotRecorded as refused:
            problem = problem_of(refused)
            body = problem.rest(request_id=request_id, ledger_position=None) | {"status": 404}
            return JSONResponse(body, 404, headers, "application/problem+json")
        except (LedgerError, DatabaseRefused, _NotWhole) as refused:
            problem = problem_of(refused)
        body = problem.rest(request_id=request_id, ledger_position=None)
        return JSONResponse(body, problem.status, headers, "application/problem+json")


class _NotWhole(Exception):
    code = "BAD_USER_INPUT"
    sentence = "`start` and `stop` are positions in the ledger: whole numbers from 0."
    next_step = "Leave them out for the whole ledger."


class _Refused(Exception):
    """A refusal of the ledger, to be told as a problem."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason.value)
        explained = EXPLAINED[refusal.reason]
        missing = {"missing": list(refusal.failing[0].missing)}
        code = Code.INSUFFICIENT_SCOPE if refusal.reason is Reason.INSUFFICIENT_SCOPE else refusal.reason
        self.problem = Problem(code, explained.sentence.en, explained.fix.en, missing)


def _whole(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise _NotWhole
    return int(text)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(1 << 16):
            yield chunk
