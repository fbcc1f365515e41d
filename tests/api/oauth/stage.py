"""A small house for the tests of OAuth: two theatres, their applications, one server, one protected resource."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.oauth.secrets import hash_secret
from api.oauth.service import BearerRefused, OAuth
from consent_ledger import clients, parties
from consent_ledger.clock import Clock
from consent_ledger.database import reading
from consent_ledger.entry import Actor
from consent_ledger.keyring import Keyring
from consent_ledger.log import Ledger
from consent_ledger.parties import Party
from consent_ledger.vocabulary import ClientId, ClientKind, PartyId, PartyKind, Scope

ACTOR = Actor(PartyId("platform"), ClientId("platform"))
ISSUER = "http://127.0.0.1:8000"
AUDIENCE = "http://127.0.0.1:8000/graphql"
CEILING = frozenset({Scope.AUDIENCES_READ, Scope.AUDIENCES_READ_SPEND, Scope.BENCHMARKS_READ})


@dataclass
class House:
    """What stands in the database, and the secrets that were shown once."""

    engine: Engine
    keyring: Keyring
    ledger: Ledger
    clock: Clock
    secrets: dict[str, str] = field(default_factory=dict)

    def party(self, id: str) -> None:  # noqa: A002
        draft, rider = parties.register_party(
            Party(PartyId(id), PartyKind.INSTITUTION, id.title(), PartyId(id)), actor=ACTOR
        )
        self.ledger.append(draft, rider=rider)

    def client(
        self,
        id: str,  # noqa: A002
        party: str,
        *,
        auth_method: str = "client_secret_basic",
        scopes: frozenset[Scope] = CEILING,
    ) -> str:
        draft, rider, secret = clients.register_client(
            id=ClientId(id),
            party=PartyId(party),
            kind=ClientKind.INSTITUTION_APP,
            name=id.title(),
            scopes=scopes,
            actor=ACTOR,
            hashed=hash_secret,
            now=self.clock(),
            auth_method=auth_method,
        )
        self.ledger.append(draft, rider=rider)
        self.secrets[id] = secret
        return secret

    def block(self, id: str) -> None:  # noqa: A002
        with reading(self.engine) as connection:
            found = clients.client(connection, ClientId(id))
        assert found is not None
        draft, rider = clients.block_client(found, actor=ACTOR)
        self.ledger.append(draft, rider=rider)

    def oauth(self, *, issuer: str = ISSUER, audience: str = AUDIENCE) -> OAuth:
        return OAuth(
            engine=self.engine, keyring=self.keyring, issuer=issuer, audience=audience, clock=self.clock
        )


def resource(house: House, oauth: OAuth) -> Route:
    """A protected resource that tells who asks."""

    def whoami(request: Request) -> Response:
        try:
            with reading(house.engine) as connection:
                caller = oauth.credential(connection, request.headers.get("authorization"))
        except BearerRefused as refused:
            headers = {"WWW-Authenticate": refused.www_authenticate}
            return JSONResponse({"code": refused.code}, 401, headers)
        return JSONResponse({"party": caller.party, "scopes": sorted(caller.scopes)})

    return Route("/graphql", whoami)


def application(house: House, oauth: OAuth) -> Starlette:
    return Starlette(routes=[*oauth.routes(), resource(house, oauth)])


@contextmanager
def served(house: House) -> Iterator[str]:
    """The application on a free loopback port; gives its address, which is also its issuer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        oauth = house.oauth(issuer=address, audience=f"{address}/graphql")
        server = uvicorn.Server(
            uvicorn.Config(application(house, oauth), ws="none", lifespan="off", log_config=None)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join(10)
