"""
`GET /v1/consent-records`: the consent records of the own house, as JSON Lines; scope `consent:read`.

Each line is one record of ISO/IEC TS 27560:2023 as JSON-LD, in the order of the ledger. `start` is the
position from which on (to take up what broke off: the position of the last line), `purpose` one of the closed
ones. Own data: nothing is recorded. HEAD gives the headers of GET.

Pages are read one after the other, each with the credential asked anew: a token that is revoked gets no
further page, and whoever is erased meanwhile is in none. Then the answer breaks off; it never ends as if it
were whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api.assembly import Assembled
from api.refusals import NO_STORE, BadRequest, Refused, SeveralCredentials, answered
from consent_ledger.database import reading
from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import Position, Purpose
from resolvers.gate import inquiry, request_digest
from resolvers.receipts import Place, Record, records

PATH = "/v1/consent-records"
_PAGE = 100


def routes(parts: Assembled) -> list[Route]:
    """The route of consent records."""

    async def consent_records(request: Request) -> Response:
        """All of them, or those of one purpose, from one position on."""

        def answer(request_id: str) -> Response:
            start, purpose = _start(request), _purpose(request)
            first = _page(parts, request, request_id, Place(start - 1, 1 << 40), purpose)
            leaves = request.method != "HEAD"
            lines = _lines(parts, request, request_id, first, purpose) if leaves else iter(())
            return StreamingResponse(lines, media_type="application/jsonl", headers=NO_STORE)

        return await answered(parts, answer)

    return [Route(PATH, consent_records)]


def _lines(
    parts: Assembled, request: Request, request_id: str, page: list[Record], purpose: Purpose | None
) -> Iterator[bytes]:
    while page:
        yield b"".join(one.text.encode() + b"\n" for one in page)
        page = _page(parts, request, request_id, page[-1].place, purpose)


def _page(
    parts: Assembled, request: Request, request_id: str, after: Place, purpose: Purpose | None
) -> list[Record]:
    """One page for who asks here, in a transaction of its own. Raises `Refused` and `BearerRefused`."""
    credentials = request.headers.getlist("authorization")
    if len(credentials) > 1:
        raise SeveralCredentials
    digest = request_digest(f"{request_id}\n{PATH}".encode())
    with reading(parts.house.engine) as connection:
        caller = parts.oauth.credential(connection, credentials[0] if credentials else None)
        with inquiry(parts.house, caller, connection, request_sha256=digest, request_id=request_id) as ask:
            found = records(ask, after=after, first=_PAGE, purpose=purpose)
            size = Position(ask.snapshot.size)
    if isinstance(found, Refusal):
        raise Refused(found, size)
    return found


class _NoStart(BadRequest):
    sentence = "`start` is a position in the ledger: a whole number from 0, given once."
    next_step = "Leave it out for all records."


class _NoPurpose(BadRequest):
    sentence = "`purpose` is one of the closed purposes, given once."
    next_step = "Choose one of: " + ", ".join(one.value for one in Purpose) + "."


def _start(request: Request) -> int:
    given = request.query_params.getlist("start") or ["0"]
    text = given[0]
    if len(given) > 1 or not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise _NoStart
    return int(text)


def _purpose(request: Request) -> Purpose | None:
    given = request.query_params.getlist("purpose")
    if not given:
        return None
    try:
        [one] = given
        return Purpose(one)
    except ValueError:
        raise _NoPurpose from None
