"""What an assembled house refuses to start with, and what callers hear when it breaks while it serves."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from api.answer import GraphQLDoor
from api.app import Masked, create_app
from api.assembly import SANDBOX_TODAY, assembled, prepare
from api.graphql.request import GraphQLRequest
from api.settings import Settings, SettingsRefused
from consent_ledger.database import DatabaseRefused
from consent_ledger.log import LedgerRefused, LedgerUnavailable


def settings(data: Path, **given: str) -> Settings:
    return Settings.read(
        {"CULTUURINZICHT_DATA_DIR": str(data)}
        | {f"CULTUURINZICHT_{name}": value for name, value in given.items()}
    )


@pytest.fixture
def made(tmp_path: Path) -> Settings:
    """An empty, migrated platform without a ledger."""
    read = settings(tmp_path / "var")
    prepare(read)
    return read


def test_a_ledger_is_begun_only_when_asked(made: Settings) -> None:
    with pytest.raises(LedgerRefused, match="no ledger"), assembled(made):
        pass
    with assembled(made, create="platform") as parts:
        key = parts.house.ledger.verifier_key
    with assembled(made, create="sandbox") as parts:
        assert parts.house.ledger.verifier_key == key, "what stands is opened, and stays what it is"
        with (
            pytest.raises(SettingsRefused, match="on a sandbox alone"),
            assembled(settings(made.data_dir, TODAY="2027-07-01")),
        ):
            pass


def test_a_sandbox_has_a_fixed_day_and_a_platform_the_clocks(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    for kind, today in (("sandbox", SANDBOX_TODAY), ("platform", now.date())):
        read = settings(tmp_path / kind)
        prepare(read)
        with assembled(read, clock=lambda: now, create=kind) as parts:
            assert parts.house.today() == today
    with assembled(settings(tmp_path / "sandbox", TODAY="2027-03-01")) as parts:
        assert parts.house.today().isoformat() == "2027-03-01"


def test_preparing_twice_is_preparing_once(made: Settings) -> None:
    with assembled(made, create="sandbox") as parts:
        key = parts.house.ledger.verifier_key
    prepare(made)
    with assembled(made) as parts:
        assert parts.house.ledger.verifier_key == key


def test_a_missing_checkpoint_store_is_no_reason_to_go_on(sandbox: Path) -> None:
    shutil.rmtree(sandbox / "checkpoint")
    with pytest.raises(SettingsRefused, match="cannot be opened"), assembled(settings(sandbox)):
        pass
    prepare(settings(sandbox))
    with (
        pytest.raises(LedgerRefused, match="last signed checkpoint is missing"),
        assembled(settings(sandbox)),
    ):
        pass


def test_a_changed_entry_is_found_at_start(sandbox: Path) -> None:
    with closing(sqlite3.connect(sandbox / "cultuurinzicht.db")) as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            database.execute(f"DROP TRIGGER {name}")
        (line,) = database.execute("SELECT line FROM ledger_entry WHERE seq = 9").fetchone()
        database.execute(
            "UPDATE ledger_entry SET line = ? WHERE seq = 9", [bytes(line).replace(b"0", b"1", 1)]
        )
        database.commit()
    with pytest.raises(LedgerRefused), assembled(settings(sandbox)):
        pass


# While serving


@pytest.mark.parametrize(
    "error",
    [
        LedgerRefused(
            "LEDGER_FORKED", "The database is not the ledger of which the last checkpoint was signed."
        ),
        LedgerUnavailable("LEDGER_CLOSED", "The ledger is closed."),
        DatabaseRefused("DATABASE_UNREACHABLE", "The database main (app@db.intern) cannot be reached."),
    ],
)
def test_a_head_that_cannot_be_read_is_a_503_that_names_no_host(
    made: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def unreadable(*_: object) -> None:
        raise error

    with assembled(made, create="sandbox") as parts:
        client = TestClient(create_app(parts))
        monkeypatch.setattr(type(parts.house.ledger), "pin", unreadable)
        ready = client.get("/readyz")
        monkeypatch.setattr(type(parts.oauth), "admitted", unreadable)
        graphql = client.post("/graphql", json={"query": "{ __typename }"})
        export = client.get("/ledger/export.jsonl")
    for response in (ready, graphql, export):
        assert response.status_code == 503
        assert "intern" not in response.text
        assert "cannot read or write its ledger" in response.text
        assert response.headers["X-Request-Id"] in caplog.text
    assert (
        ready.json()["code"]
        == graphql.json()["errors"][0]["extensions"]["code"]
        == getattr(error, "code", None)
    )
    assert str(error) in caplog.text, "the operator reads why"


def test_what_nobody_foresaw_is_masked_outside_and_named_inside(
    made: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("jan@example.nl")

    with assembled(made, create="sandbox") as parts:
        monkeypatch.setattr(type(parts.house.ledger), "checkpoint", fails)
        monkeypatch.setattr(type(parts.oauth), "admitted", fails)
        client = TestClient(create_app(parts))  # which would raise what the application raises
        answers = [
            client.get("/ledger/checkpoint"),
            client.post("/graphql", json={"query": "{ __typename }"}),
        ]
    for response in answers:
        assert response.status_code == 500
        assert "jan@" not in response.text
        assert response.headers["X-Request-Id"] in caplog.text
    assert "KeyError" in caplog.text
    assert "jan@" not in caplog.text


def test_an_answer_that_breaks_is_not_taken_for_whole(caplog: pytest.LogCaptureFixture) -> None:
    def some() -> Iterator[bytes]:
        yield b"one line\n"
        raise KeyError("jan@example.nl")

    async def broken(_: Request) -> Response:
        return StreamingResponse(some())

    sent: list[str] = []
    app = Masked(Starlette(routes=[Route("/", broken)]))

    async def drive() -> None:
        async def receive() -> dict[str, object]:
            await anyio.sleep_forever()
            return {}

        async def send(message: object) -> None:
            assert isinstance(message, dict)
            sent.append(message["type"] if not message.get("more_body") else "more")

        scope = {
            "type": "http",
            "asgi": {"spec_version": "2.4"},
            "method": "GET",
            "path": "/",
            "headers": [],
            "query_string": b"",
        }
        await app(scope, receive, send)

    anyio.run(drive)
    assert sent == ["http.response.start", "more"], "no last part: the server closes the connection"
    assert "jan@" not in caplog.text


def test_nothing_runs_before_the_credential_is_known(made: Settings) -> None:
    with assembled(made, create="sandbox") as parts:
        door = GraphQLDoor(parts)
        for query in ("{ __typename }", "{ nosuch }", "{{{"):
            assert door(GraphQLRequest(query), None, "0" * 32).status == 401
