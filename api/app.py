"""The ASGI application: every route of a running house."""

from __future__ import annotations

import logging
import secrets

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.answer import GraphQLDoor
from api.assembly import Assembled
from api.errors import INTERNAL, Code, Problem
from api.graphql.endpoint import Endpoint
from api.rest import routes

log = logging.getLogger("cultuurinzicht.http")

_NOT_FOUND = Problem(
    Code.BAD_REQUEST,
    "There is nothing at this address.",
    "Queries go to /graphql; its shape is at /schema.graphql.",
)
_WRONG_METHOD = Problem(Code.METHOD_NOT_ALLOWED, "This address does not answer this method.", "")


def create_app(parts: Assembled) -> Starlette:
    """The application of an assembled house. Raises `SchemaRefused` when the schema may not be served."""
    return Starlette(
        routes=[
            Route("/graphql", Endpoint(GraphQLDoor(parts))),
            *parts.oauth.routes(),
            *routes(parts),
        ],
        exception_handlers={404: _not_found, 405: _wrong_method, 500: _failed},
    )


async def _not_found(_: Request, __: Exception) -> Response:
    return _told(_NOT_FOUND, 404, secrets.token_hex(16))


async def _wrong_method(_: Request, __: Exception) -> Response:
    return _told(_WRONG_METHOD, 405, secrets.token_hex(16))


async def _failed(_: Request, error: Exception) -> Response:
    """What nobody foresaw: masked outside, its kind logged inside, never its text."""
    request_id = secrets.token_hex(16)
    log.error("http.failed request_id=%s kind=%s", request_id, type(error).__qualname__)
    return _told(INTERNAL, 500, request_id)


def _told(problem: Problem, status: int, request_id: str) -> Response:
    body = problem.rest(request_id=request_id, ledger_position=None) | {"status": status}
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Request-Id": request_id}
    return JSONResponse(body, status, headers, "application/problem+json")
