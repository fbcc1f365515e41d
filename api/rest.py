"""Routes beside GraphQL: the ledger's, the schema, and the state of the server. They call the same resolvers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api import consent_routes, ledger_routes
from api.assembly import Assembled
from api.refusals import NO_STORE, answered
from consent_ledger.database import reading
from schema.build import build


def routes(parts: Assembled) -> list[Route]:
    """The routes of this house."""
    house = parts.house
    sdl = build().as_str()
    shape = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}

    async def schema(_: Request) -> Response:
        return PlainTextResponse(sdl, headers=shape)

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "alive"}, headers=NO_STORE)

    async def ready(_: Request) -> Response:
        """Whether the head of the ledger can be read, and the ledger writes: else what matters is refused."""

        def read(_: str) -> Response:
            house.ledger.check_writing()
            with reading(house.engine) as connection:
                snapshot = house.ledger.pin(connection)
                snapshot.end()
                return JSONResponse({"status": "ready", "position": snapshot.size}, headers=NO_STORE)

        return await answered(parts, read)

    return [
        *ledger_routes.routes(parts),
        *consent_routes.routes(parts),
        Route("/schema.graphql", schema),
        Route("/healthz", alive),
        Route("/readyz", ready),
    ]
