"""
The ledger over HTTP, as C2SP tlog-tiles lays it out, for witnesses, auditors and anybody.

What carries hashes alone (checkpoint, key, proofs, tiles) is public. Entries need the scope
`ledger:export`, and every export is an entry itself, recorded before its first byte leaves. HEAD gives
the headers of GET, takes no entry out and records nothing.

An export that broke off is taken up again: of `export.jsonl`, count the whole lines and ask from there
(`start`); of the zip, ask for the rest of the same one (`Content-Location`, then `Range`).
"""

from __future__ import annotations

import gzip
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import BinaryIO, TypeVar

from sqlalchemy import Connection
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from api.assembly import Assembled
from api.ranges import part_of
from api.refusals import NO_STORE, BadRequest, Refused, SeveralCredentials, answered
from consent_ledger.database import reading
from consent_ledger.export import archive, chunks, tile
from consent_ledger.log import NotRecorded
from consent_ledger.permit import Refusal
from consent_ledger.tiles import read_bundle, read_tile
from consent_ledger.vocabulary import Position
from resolvers import ledger as door
from resolvers.gate import Inquiry, inquiry, request_digest

_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_ASK_AGAIN = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
_OCTETS = "application/octet-stream"

_T = TypeVar("_T")


def routes(parts: Assembled) -> list[Route]:
    """The routes below `/ledger/`."""
    ledger = _LedgerRoutes(parts)
    # `{…:int}` would convert any number of digits, and fail on some thousands of them
    return [
        Route("/ledger/checkpoint", ledger.checkpoint),
        Route("/ledger/key", ledger.key),
        Route("/ledger/proof/{position}", ledger.proof),
        Route("/ledger/tile/entries/{path:path}", ledger.bundle),
        Route("/ledger/tile/{path:path}", ledger.tile),
        Route("/ledger/export.jsonl", ledger.export_lines),
        Route("/ledger/export.zip", ledger.export_zip),
    ]


class _LedgerRoutes:
    def __init__(self, parts: Assembled) -> None:
        self._parts = parts
        self._house = parts.house

    async def checkpoint(self, request: Request) -> Response:
        """The last signed checkpoint, with what witnesses signed of it: what auditors compare."""

        def read(_: str) -> Response:
            with reading(self._house.engine) as connection:
                note = self._cosigned(connection, self._house.ledger.checkpoint(connection))
            tag = f'"{_digest(note)}"'
            headers = {**_ASK_AGAIN, "ETag": tag}
            if tag in _tags(request.headers.get("if-none-match", "")):
                return Response(status_code=304, headers=headers)
            return PlainTextResponse(note, headers=headers)

        return await answered(self._parts, read)

    async def key(self, _: Request) -> Response:
        """The key that checks the checkpoints; compare it with one from elsewhere."""
        return PlainTextResponse(f"{self._house.ledger.verifier_key}\n", headers=NO_STORE)

    async def proof(self, request: Request) -> Response:
        """The C2SP tlog-proof of one entry."""
        text: str = request.path_params["position"]

        def read(_: str) -> Response:
            if (position := _whole(text)) is None:
                raise NotRecorded
            with reading(self._house.engine) as connection:
                return PlainTextResponse(self._house.ledger.proof(connection, position), headers=NO_STORE)

        return await answered(self._parts, read)

    async def tile(self, request: Request) -> Response:
        """The hashes of one tile, full or partial: public, and never another under the same path."""
        path = _below(request)

        def read(_: str) -> Response:
            if (wanted := read_tile(path)) is None:
                raise NotRecorded
            with reading(self._house.engine) as connection:
                return Response(
                    tile(self._house.ledger, connection, wanted), headers=_FOREVER, media_type=_OCTETS
                )

        return await answered(self._parts, read)

    async def bundle(self, request: Request) -> Response:
        """The entries of one tile, each after its length."""
        path = _below(request)

        def permit(request_id: str) -> Response:
            wanted = read_bundle(path)

            def taken(ask: Inquiry) -> bytes | Refusal | None:
                return None if wanted is None else door.bundle(ask, wanted, leaves=_leaves(request))

            data = self._asked(request, request_id, taken)
            if data is None:
                raise NotRecorded
            headers = {**NO_STORE, "Vary": "Accept-Encoding"}
            if _takes_gzip(request.headers):
                data, headers["Content-Encoding"] = gzip.compress(data, 6, mtime=0), "gzip"
            headers["Content-Length"] = str(len(data))
            return Response(data if _leaves(request) else b"", headers=headers, media_type=_OCTETS)

        return await answered(self._parts, permit)

    async def export_lines(self, request: Request) -> Response:
        """Entries as JSON Lines, the exact leaf bytes; `start` and `stop` choose a range."""

        def permit(request_id: str) -> Response:
            start, stop = _bound(request, "start"), _bound(request, "stop")
            if stop is not None and stop < (start or 0):
                raise _NoRange
            export = self._asked(
                request, request_id, lambda ask: door.export(ask, start or 0, stop, leaves=_leaves(request))
            )
            headers = {
                **NO_STORE,
                "Accept-Ranges": "none",
                "Content-Location": f"{request.url.path}?start={export.start}&stop={export.stop}",
            }
            lines = self._lines(export) if _leaves(request) else iter(())
            return StreamingResponse(lines, media_type="application/jsonl", headers=headers)

        return await answered(self._parts, permit)

    async def export_zip(self, request: Request) -> Response:
        """
        The ledger at one size as one zip: the newest, or with `size` an earlier one.

        The same bytes each time, until another witness has signed that size: the entity tag tells.
        """

        def permit(request_id: str) -> Response:
            size = _bound(request, "size")
            export = self._asked(
                request, request_id, lambda ask: door.export_at(ask, size, leaves=_leaves(request))
            )
            if export is None:
                raise NotRecorded
            with reading(self._house.engine) as connection:
                note = self._cosigned(connection, self._house.ledger.checkpoint_at(connection, export.stop))
            headers = {
                **NO_STORE,
                "ETag": f'"{export.stop}-{_digest(note)}"',
                "Content-Location": f"{request.url.path}?size={export.stop}",
                "Accept-Ranges": "none" if size is None else "bytes",
            }
            if not _leaves(request):
                # streamed, so that no length is told: that of the zip is known when it is made
                return StreamingResponse(iter(()), headers=headers, media_type="application/zip")
            file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed when the answer has been sent
            try:
                archive(self._house.ledger, self._house.engine, file, note=note)
                return _sent(request, file, headers)
            except BaseException:
                file.close()
                raise

        return await answered(self._parts, permit)

    def _cosigned(self, connection: Connection, note: str) -> str:
        """The checkpoint with what witnesses signed of exactly its size."""
        witnessing = self._parts.witnessing
        return note if witnessing is None else witnessing.with_cosignatures(connection, note)

    def _asked(self, request: Request, request_id: str, answer: Callable[[Inquiry], _T | Refusal]) -> _T:
        """What the door gave to who asks here. Raises `Refused` and `BearerRefused`."""
        digest = request_digest(f"{request_id}\n{request.url.path}".encode())
        credentials = request.headers.getlist("authorization")
        if len(credentials) > 1:
            raise SeveralCredentials
        with reading(self._house.engine) as connection:
            caller = self._parts.oauth.credential(connection, credentials[0] if credentials else None)
            with inquiry(
                self._house, caller, connection, request_sha256=digest, request_id=request_id
            ) as ask:
                found = answer(ask)
        if isinstance(found, Refusal):
            raise Refused(found, Position(ask.snapshot.size))
        return found

    def _lines(self, export: door.Export) -> Iterator[bytes]:
        for chunk in chunks(self._house.engine, export.start, export.stop):
            yield b"".join(leaf + b"\n" for leaf in chunk)


class _NotWhole(BadRequest):
    sentence = (
        "`start`, `stop` and `size` are positions in the ledger: whole numbers from 0, each given once."
    )
    next_step = "Leave them out for the whole ledger."


class _NoRange(BadRequest):
    sentence = "`stop` lies before `start`."
    next_step = "`start` is the first entry that you want, `stop` the first that you do not want."


def _below(request: Request) -> str:
    """What stands below `/ledger/tile/`, whole: the router's pattern overlooks a line feed at the end."""
    path: str = request.path_params["path"]
    return path if request.scope["path"].endswith(path) else ""


def _leaves(request: Request) -> bool:
    """Whether anything leaves with the answer: HEAD has none (RFC 9110, 9.3.2)."""
    return request.method != "HEAD"


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


def _digest(note: str) -> str:
    return sha256(note.encode()).hexdigest()[:32]


def _tags(text: str) -> list[str]:
    """The entity tags of `If-None-Match`; a weak one is as good here (RFC 9110, 13.1.2)."""
    return [one.strip().removeprefix("W/") for one in text.split(",")]


def _takes_gzip(headers: Headers) -> bool:
    """Whether `Accept-Encoding` names gzip without refusing it (RFC 9110, 12.5.3)."""
    for one in headers.get("accept-encoding", "").lower().split(","):
        coding, *weight = (part.replace(" ", "") for part in one.split(";"))
        if coding == "gzip":
            return not any(re.fullmatch(r"q=0(\.0*)?", part) for part in weight)
    return False


def _sent(request: Request, file: BinaryIO, headers: dict[str, str]) -> Response:
    """The file, or the part of it that was asked for. Only what has a fixed size is given in parts."""
    length = file.seek(0, os.SEEK_END)
    start, stop, status = 0, length, 200
    if headers["Accept-Ranges"] == "bytes" and (part := part_of(request.headers, headers["ETag"], length)):
        (start, stop), status = part, 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{length}"
    headers["Content-Length"] = str(stop - start)
    return StreamingResponse(_read(file, start, stop), status, headers, "application/zip")


def _read(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while start < stop and (chunk := file.read(min(1 << 16, stop - start))):
            start += len(chunk)
            yield chunk
