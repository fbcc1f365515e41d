"""
`POST /graphql`: GraphQL over HTTP as a bare ASGI callable.

1. A request id of 128 bits, in every answer and every log line of the request.
2. Method, media type of the body, media type of the answer: from the headers, before anything is read.
3. The body, never more of it than the limit.
4. The request in it (`request.read`).
5. The assembly's `Answer`, in a worker thread of a limiter of its own.
6. The answer in the media type that was negotiated, never cached, never sniffed.

Only POST with `application/json`, so a foreign web page cannot send one without the browser asking us
first (CORS preflight), and no query stands in an address that is logged or cached. Mount it with
`starlette.routing.Route("/graphql", endpoint)`; `Mount` would redirect to `/graphql/`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

import anyio
import anyio.to_thread
import orjson
from starlette.types import Receive, Scope, Send

from api.errors import Code, Problem
from api.graphql import answer as answers
from api.graphql.answer import Answer, GraphQLAnswer
from api.graphql.errors import RequestRefused
from api.graphql.limits import LIMITS, Limits
from api.graphql.media import GRAPHQL_RESPONSE, JSON, is_json_body, negotiate
from api.graphql.request import read

_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept, Authorization"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class _TooLarge(Exception):
    """The body goes beyond the limit."""


class _Gone(Exception):
    """The client left before its request was whole."""


class Endpoint:
    """The ASGI application."""

    def __init__(self, answer: Answer, *, limits: Limits = LIMITS, threads: int = 16) -> None:
        """Answer through `answer`, at most `threads` at once; further requests wait their turn."""
        self._answer = answer
        self._limits = limits
        self._threads = anyio.CapacityLimiter(threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
            return
        request_id = secrets.token_hex(16)
        headers = _Headers(scope["headers"])
        media = negotiate(headers.joined(b"accept"))
        refused = self._refused_by_headers(scope["method"], headers, media)
        if refused is not None:
            told = answers.problem(refused[0], request_id=request_id, headers=refused[1])
        else:
            try:
                told = await self._answered(headers, receive, request_id)
            except _Gone:
                return
        await _send(send, told, media or JSON, request_id)

    def _refused_by_headers(
        self, method: str, headers: _Headers, media: str | None
    ) -> tuple[Problem, Mapping[str, str]] | None:
        if method != "POST":
            sentence = "This address answers POST only."
            problem = Problem(Code.METHOD_NOT_ALLOWED, sentence, "Send the query in the body of a POST.")
            return problem, {"allow": "POST"}
        encoding = (headers.joined(b"content-encoding") or "identity").strip().lower()
        if not is_json_body(headers.joined(b"content-type") or "") or encoding != "identity":
            sentence = "The body is not plain application/json in UTF-8."
            problem = Problem(
                Code.UNSUPPORTED_MEDIA_TYPE, sentence, "Send it with `Content-Type: application/json`."
            )
            return problem, {"accept-post": JSON}
        if media is None:
            sentence = "The answer comes in none of the media types of the `Accept` header."
            return Problem(Code.NOT_ACCEPTABLE, sentence, f"Accept {GRAPHQL_RESPONSE} or {JSON}."), {}
        if len(headers.all(b"authorization")) > 1:
            return Problem(Code.BAD_REQUEST, "There are several `Authorization` headers.", "Send one."), {}
        return None

    async def _answered(self, headers: _Headers, receive: Receive, request_id: str) -> GraphQLAnswer:
        try:
            with anyio.fail_after(self._limits.body_seconds):
                body = await self._body(headers, receive)
            request = read(body, self._limits)
        except TimeoutError:
            slow = Problem(Code.BAD_REQUEST, "The body did not arrive in time.", "Send it again, at once.")
            return answers.problem(slow, request_id=request_id)
        except _TooLarge:
            sentence = f"The body has more than {self._limits.body_bytes} bytes."
            too_large = Problem(Code.BODY_TOO_LARGE, sentence, "Send a smaller request.")
            return answers.problem(too_large, request_id=request_id)
        except RequestRefused as refused:
            return answers.refusal(refused, request_id=request_id)
        authorization = headers.joined(b"authorization")
        try:
            return await anyio.to_thread.run_sync(
                self._answer, request, authorization, request_id, limiter=self._threads
            )
        except RequestRefused as refused:
            return answers.refusal(refused, request_id=request_id)
        except Exception as error:  # noqa: BLE001 - masked outside, logged inside
            return answers.internal(error, request_id)

    async def _body(self, headers: _Headers, receive: Receive) -> bytes:
        length = headers.joined(b"content-length")
        if length is not None and length.isdigit() and int(length[:19]) > self._limits.body_bytes:
            raise _TooLarge
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._limits.body_bytes:
                raise _TooLarge
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)


class _Headers:
    """The headers of a request, names in lower case as ASGI gives them."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = tuple(raw)

    def all(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for key, value in self._raw if key == name]

    def joined(self, name: bytes) -> str | None:
        values = self.all(name)
        return ", ".join(values) if values else None


async def _send(send: Send, told: GraphQLAnswer, media: str, request_id: str) -> None:
    try:
        body = orjson.dumps(told.body)
    except TypeError as error:
        told = answers.internal(error, request_id)
        body = orjson.dumps(told.body)
    # Over application/json, a refusal of a request that was understood is a 200 (GraphQL over HTTP, 6.4.1).
    status = 200 if told.well_formed and media == JSON else told.status
    headers = [
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.encode()),
        *_SECURITY,
        *((name.lower().encode(), value.encode("latin-1")) for name, value in told.headers.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
