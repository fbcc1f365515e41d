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
from api.errors import Code, Problem
from api.graphql.answer import insufficient_scope
from api.oauth.metadata import resource_metadata_address
from api.oauth.service import BearerRefused
from api.unavailable import STATUS, UNAVAILABLE, unavailable
from consent_ledger.database import reading
from consent_ledger.export import archive, lines
from consent_ledger.log import NotRecorded
from consent_ledger.permit import Refusal
from consent_ledger.reasons import EXPLAINED
from consent_ledger.vocabulary import Position, Reason, Scope
from resolvers import ledger as ledger_door
from resolvers.gate import inquiry, request_digest
from schema.build import build

_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def routes(parts: Assembled) -> list[Route]:
    """The routes of this house."""
    rest = _Rest(parts)
    sdl = build().as_str()
    shape = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}

    async def schema(_: Request) -> Response:
        return PlainTextResponse(sdl, headers=shape)

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "alive"}, headers=_NO_STORE)

    return [
        Route("/ledger/checkpoint", rest.checkpoint),
        Route("/ledger/key", rest.key),
        # `{position:int}` would convert any number of digits, and fail on some thousands of them
        Route("/ledger/proof/{position}", rest.proof),
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
        text: str = request.path_params["position"]

        def read() -> str:
            if (position := _whole(text)) is None:
                raise NotRecorded
            with reading(self._house.engine) as connection:
                return self._house.ledger.proof(connection, position)

        return await self._said(lambda _: PlainTextResponse(read(), headers=_NO_STORE))

    async def export_lines(self, request: Request) -> Response:
        """Entries as JSON Lines, the exact leaf bytes; `start` and `stop` choose a range."""

        def permit(request_id: str) -> Response:
            start, stop = _bound(request, "start"), _bound(request, "stop")
            if stop is not None and stop < (start or 0):
                raise _NoRange
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
        credentials = request.headers.getlist("authorization")
        if len(credentials) > 1:
            raise _SeveralCredentials
        with reading(self._house.engine) as connection:
            caller = self._parts.oauth.credential(connection, credentials[0] if credentials else None)
            with inquiry(
                self._house, caller, connection, request_sha256=digest, request_id=request_id
            ) as ask:
                found = ledger_door.export(ask, start, stop)
        if isinstance(found, Refusal):
            raise _Refused(found, Position(ask.snapshot.size))
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
        """The answer from a worker thread, or the refusal in the one shape; either has the request id."""
        request_id = secrets.token_hex(16)
        try:
            response = await run_in_threadpool(answer, request_id)
            response.headers["X-Request-Id"] = request_id
        except BearerRefused as refused:
            problem = Problem(
                Code.UNAUTHENTICATED, refused.sentence.en, "Ask the token endpoint for a token."
            )
            response = _told(problem, problem.status, request_id)
            response.headers["WWW-Authenticate"] = refused.www_authenticate
        except _Refused as refused:
            response = _told(refused.problem, 403, request_id, refused.position)
            if refused.lacking:
                metadata = resource_metadata_address(self._parts.oauth.audience)
                response.headers["WWW-Authenticate"] = insufficient_scope(refused.lacking, metadata)
        except _BadRequest as refused:
            problem = Problem(refused.code, refused.sentence, refused.next_step)
            response = _told(problem, problem.status, request_id)
        except NotRecorded as refused:
            problem = Problem(refused.code, refused.sentence, "/ledger/checkpoint says how many there are.")
            response = _told(problem, 404, request_id)
        except UNAVAILABLE as error:
            response = _told(unavailable(error, request_id), STATUS, request_id)
        return response


def _told(problem: Problem, status: int, request_id: str, position: Position | None = None) -> Response:
    body = problem.rest(request_id=request_id, ledger_position=position) | {"status": status}
    return JSONResponse(body, status, {**_NO_STORE, "X-Request-Id": request_id}, "application/problem+json")


class _BadRequest(Exception):
    """Something about the request itself; `code`, `sentence` and `next_step` go back."""

    code: str = Code.BAD_USER_INPUT
    sentence: str
    next_step: str


class _NotWhole(_BadRequest):
    sentence = "`start` and `stop` are positions in the ledger: whole numbers from 0, each given once."
    next_step = "Leave them out for the whole ledger."


class _NoRange(_BadRequest):
    sentence = "`stop` lies before `start`."
    next_step = "`start` is the first entry that you want, `stop` the first that you do not want."


class _SeveralCredentials(_BadRequest):
    code = Code.BAD_REQUEST
    sentence = "There are several `Authorization` headers."
    next_step = "Send one."


class _Refused(Exception):
    """A refusal of the ledger at this position, to be told as a problem."""

    def __init__(self, refusal: Refusal, position: Position) -> None:
        super().__init__(refusal.reason.value)
        explained = EXPLAINED[refusal.reason]
        lacks_scope = refusal.reason is Reason.INSUFFICIENT_SCOPE
        self.lacking = [Scope(one) for one in refusal.failing[0].missing] if lacks_scope else []
        code = Code.INSUFFICIENT_SCOPE if lacks_scope else refusal.reason
        missing = {"missing": list(refusal.failing[0].missing)}
        self.problem = Problem(code, explained.sentence.en, explained.fix.en, missing)
        self.position = position


def _bound(request: Request, name: str) -> int | None:
    given = request.query_params.getlist(name)
    if not given:
        return None
    if len(given) > 1 or (found := _whole(given[0])) is None:
        raise _NotWhole
    return found


def _whole(text: str) -> int | None:
    """The whole number that this text is; None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(1 << 16):
            yield chunk
