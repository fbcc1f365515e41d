"""
One platform seen by two processes: one is asked over HTTP, changes are committed in the other.

On PostgreSQL each has its own ledger, engines, vault and application, as two servers of one platform
have; on SQLite, where one process does everything, both are the same.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx2
from sqlalchemy import update
from starlette.testclient import TestClient

from api.app import create_app
from api.assembly import Assembled, assembled, prepare
from api.cli import main
from api.oauth.secrets import hash_secret
from api.settings import Settings
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clients import block_client, client, register_client, revoke_token
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading, writing
from consent_ledger.entry import Draft, EntryType
from consent_ledger.register import client as client_table
from consent_ledger.steps import ROLE_MAY
from consent_ledger.vocabulary import (
    ClientId,
    ClientKind,
    PartyId,
    Scope,
)
from resolvers.visitors import begin_session, one_time_link
from tests.conftest import Database
from tests.resolvers.scene import AUDITOR, BUREAU, HARBOUR, LAKESIDE, OPERATOR, START, Scene

HOUSE, OTHER, PARTNER, AUDIT = "lakeside-app", "harbour-app", "bureau-app", "audit"
TOKENS = {
    HOUSE: (LAKESIDE, ClientKind.INSTITUTION_APP),
    OTHER: (HARBOUR, ClientKind.INSTITUTION_APP),
    PARTNER: (BUREAU, ClientKind.PARTNER),
    AUDIT: (AUDITOR, ClientKind.AUDITOR),
    "steward": (AUDITOR, ClientKind.STEWARD),
}
"""The applications, each with all that its role may ever do."""


@dataclass(slots=True)
class Acting(Scene):
    """The process in which things happen."""

    def client(self, name: str) -> None:
        """Registered, so that tokens can be issued to it."""
        party, kind = TOKENS[name]
        draft, rider, _ = register_client(
            id=ClientId(name),
            party=party,
            kind=kind,
            name=name,
            scopes=ROLE_MAY[kind] - {Scope.OFFLINE_ACCESS},
            actor=OPERATOR,
            hashed=hash_secret,
            now=self.clock(),
        )
        self.house.ledger.append(draft, rider=rider)


@dataclass(slots=True)
class World:
    """The process that is asked, and the one that acts."""

    kind: str
    settings: Settings
    asked: Assembled
    http: TestClient
    acts: Acting
    environment: dict[str, str]
    number: int = 0
    spoken: dict[str, str] = field(default_factory=dict)

    # asking

    def graphql(self, token: str, query: str, **variables: Any) -> httpx2.Response:
        return self.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {token}"},
        )

    def data(self, name: str, query: str, **variables: Any) -> dict[str, Any]:
        """What this application gets as an answer without errors."""
        answer = self.graphql(self.token(name), query, **variables)
        body: dict[str, Any] = answer.json()
        assert "errors" not in body, body
        found: dict[str, Any] = body["data"]
        return found

    def token(self, name: str) -> str:
        """A fresh token, by the process that is asked."""
        oauth = self.asked.oauth
        with reading(self.asked.house.engine) as connection:
            known = client(connection, ClientId(name))
            assert known is not None
            return oauth._tokens.mint(connection, known, known.scopes).token

    def session(self, email: str) -> str:
        """A visitor's session, begun by the link that would have been mailed."""
        link = one_time_link(self.acts.house, email)
        while link is None:  # asked a moment ago
            self.acts.clock.advance(timedelta(minutes=2))
            link = one_time_link(self.acts.house, email)
        token = begin_session(self.acts.house, link.rsplit("/", 1)[1])
        assert token is not None
        return token

    def command(self, *arguments: str) -> str:
        """What the command prints, run as a process of its own would run it: everything is opened anew."""
        code, printed, said = self.tried(*arguments)
        assert code == 0, said
        return printed

    def tried(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code of the command, what it prints, and what it says when it cannot."""
        with (
            patch.dict(os.environ, self.environment),
            redirect_stdout(io.StringIO()) as printed,
            redirect_stderr(io.StringIO()) as said,
        ):
            return main(arguments), printed.getvalue(), said.getvalue()

    # what happens in the other process

    def revoke(self, token: str) -> None:
        if token.count(".") != 2:  # a visitor's
            self.acts.house.vault.end_session(token)
            return
        with writing(self.acts.house.engine) as connection:
            read = self.asked.oauth._tokens.read(connection, token)
            now = self.acts.clock()
            revoke_token(connection, jti=read.jti, client=read.client_id, expires=read.expires, now=now)

    @contextmanager
    def blocked(self, name: str) -> Iterator[None]:
        """The application is blocked; afterwards, for the next test, it is not."""
        with reading(self.acts.house.engine) as connection:
            known = client(connection, ClientId(name))
        assert known is not None
        draft, rider = block_client(known, actor=OPERATOR, idem=self.acts.key())
        self.acts.house.ledger.append(draft, rider=rider)
        yield
        body: dict[str, Any] = {
            "client": name,
            "party": known.party,
            "kind": known.kind.value,
            "scopes": [*sorted(known.scopes)],
        }

        def stand(connection: Any, _: Any) -> None:
            table = client_table
            connection.execute(update(table).where(table.c.id == name).values(status="active"))

        self.acts.house.ledger.append(
            Draft(EntryType.SCOPE_GRANTED, OPERATOR, self.acts.key(), body), rider=stand
        )

    def visitor(self, house: PartyId = LAKESIDE) -> str:
        """Somebody new, who bought one ticket."""
        self.number += 1
        email = f"visitor-{self.number}@example.org"
        self.acts.bring(house, [{"identifier": email, "order_ref": f"order-{self.number}"}])
        return email


@contextmanager
def two_processes(database: Database, folder: Path) -> Iterator[World]:
    """A stocked platform on this database, in two processes where the database allows it."""
    environment = {
        "CULTUURINZICHT_DATA_DIR": str(folder),
        "CULTUURINZICHT_DATABASE_URL": database.app_url,
        "CULTUURINZICHT_OWNER_DATABASE_URL": database.owner_url,
        "CULTUURINZICHT_VAULT_DATABASE_URL": database.vault_url,
        "CULTUURINZICHT_RELEASE_DATABASE_URL": database.release_url,
    }
    settings = Settings.read(environment)
    prepare(settings)
    clock = SimulatedClock(START)
    with assembled(settings, clock=clock, create="sandbox") as acting:
        store = CheckpointStore(settings.checkpoint_store)
        signer: Signer = acting.house.ledger._signer
        acts = Acting(database, folder, clock, acting.house, store, signer)
        acts.stock()
        acts.client("steward")
        if database.kind == "sqlite":
            with TestClient(create_app(acting), raise_server_exceptions=False) as http:
                yield World(database.kind, settings, acting, http, acts, environment)
        else:
            with (
                assembled(settings, clock=clock) as asked,
                TestClient(create_app(asked), raise_server_exceptions=False) as http,
            ):
                yield World(database.kind, settings, asked, http, acts, environment)
        store.close()
