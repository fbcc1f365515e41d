"""The ASGI application: every route of a running house, and one answer for whatever nobody foresaw."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answer import GraphQLDoor
from api.assembly import Assembled
from api.errors import INTERNAL, Code, Problem
from api.graphql.answer import log_defect
from api.graphql.endpoint import Endpoint
from api.rest import routes
from api.visitor_routes import routes as visitor_routes
from api.witness_routes import routes as witness_routes

_NOT_FOUND = Problem(
    "NOT_FOUND",
    "There is nothing at this address.",
    "Queries go to /graphql; its shape is at /schema.graphql.",
)
_WRONG_METHOD = Problem(
    Code.METHOD_NOT_ALLOWED,
    "This address does not answer this method.",
    "The `Allow` header names the methods that it answers.",
)


def create_app(parts: Assembled) -> Starlette:
    """The application of an assembled house. Raises `SchemaRefused` when the schema may not be served."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        """While requests are answered, witnesses are given what is new."""
        if parts.witnessing is None:
            yield
            return
        parts.witnessing.start()
        try:
            yield
        finally:
            await run_in_threadpool(parts.witnessing.stop)

    app = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/graphql", Endpoint(GraphQLDoor(parts))),
            *parts.oauth.routes(),
            *witness_routes(parts),
            *visitor_routes(parts),
            *routes(parts),
        ],
        middleware=[Middleware(Masked)],
        exception_handlers={404: _not_found, 405: _wrong_method},
    )
    app.router.redirect_slashes = False  # a redirect would carry the Host header that came in
    return app


class Masked:
    """
    Answers what nobody foresaw: masked outside; inside, the log has its kind, never its text.

    Starlette's own last resort raises the error once more after answering, and the server would write
    its text and values into the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on. When the answer has begun already, it is broken off, so that nobody takes it for whole."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 -- the edge of the program
            request_id = secrets.token_hex(16)
            log_defect(error, request_id)
            if not begun and scope["type"] == "http":
                await _told(INTERNAL, 500, request_id)(scope, receive, send)


async def _not_found(_: Request, __: Exception) -> Response:
    return _told(_NOT_FOUND, 404, secrets.token_hex(16))


async def _wrong_method(_: Request, error: Exception) -> Response:
    response = _told(_WRONG_METHOD, 405, secrets.token_hex(16))
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})  # RFC 9110, 15.5.6: with `Allow`
    return response


def _told(problem: Problem, status: int, request_id: str) -> Response:
    body = problem.rest(request_id=request_id, ledger_position=None) | {"status": status}
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Request-Id": request_id}
    return JSONResponse(body, status, headers, "application/problem+json")
