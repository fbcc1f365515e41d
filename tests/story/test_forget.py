"""
The story of somebody who wants to be forgotten, over HTTP and on both databases.

A visitor asks the theatre's desk to be erased and kept out. The figures lose the person and keep the
tickets; no byte of the ledger changes; and whoever then holds every file and every key, and tries every
identifier there is, finds nobody.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine, text

from api.assembly import assembled
from api.settings import Settings
from consent_ledger.entry import Actor
from consent_ledger.parties import Party, register_party
from consent_ledger.vocabulary import PLATFORM, ClientId, PartyId, PartyKind
from tests.postgresql import PostgreSQL
from tests.story.conftest import _addresses, _plant
from tests.story.enumeration import SEASON, Finder, addresses, homes
from tests.story.server import Server, run, served

THEATRE, AUDITOR = "vrijenoot-app", "toetssteen-app"
VISITOR = "geert.peters30@example.com"
NEWCOMER = PartyId("nieuw-huis")

FIGURES = """{ audience { ... on Audience {
  bookers { ... on Count { value } } tickets { ... on Count { value } } spend { ... on Amount { value } } } } }"""
ERASE = """mutation Erase($input: ErasePersonInput!) { erasePerson(input: $input) {
  ... on PersonErased { receipts { position entry proof } effectiveBy nl: sentence en: sentence(language: EN) }
  ... on Refused { reasons { code } } } }"""


@dataclass
class Place:
    """The sandbox of this story: its folder, its addresses, and where its bytes lie."""

    data: Path
    addresses: dict[str, str]
    postgresql: PostgreSQL | None

    def files(self) -> list[Path]:
        """Every file in which something of a person could lie, logs and leftovers of the databases included."""
        found = [
            path for path in self.data.rglob("*") if path.is_file() and self.data / "keys" not in path.parents
        ]
        if self.postgresql is not None:
            engine = create_engine(self.addresses["CULTUURINZICHT_OWNER_DATABASE_URL"])
            with engine.connect() as connection:
                oid = connection.scalar(
                    text("select oid from pg_database where datname = current_database()")
                )
            engine.dispose()
            self.postgresql.run("CHECKPOINT")
            cluster = self.postgresql._folder / "data"
            for folder in (cluster / "base" / str(oid), cluster / "pg_wal"):
                found += [path for path in folder.rglob("*") if path.is_file()]
        return found

    def command(self, *arguments: str) -> str:
        done = run(*arguments, data=self.data, **self.addresses)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def found(self, identifiers: list[str]) -> dict[str, set[str]]:
        return Finder(self.data / "keys", ["vrijenoot", NEWCOMER]).found(self.files(), identifiers)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    data = tmp_path / "var"
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("planted"), data)
        yield Place(data, {}, None)
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        given = _addresses(server, server.empty())
        _plant(data, **given)
        yield Place(data, given, server)


def figures(server: Server) -> tuple[int, int, Decimal]:
    audience = server.ask(THEATRE, FIGURES)["data"]["audience"]
    return audience["bookers"]["value"], audience["tickets"]["value"], Decimal(audience["spend"]["value"])


def get(server: Server, path: str) -> str:
    answer = requests.get(
        f"{server.base_url}{path}", headers={"Authorization": f"Bearer {server.token(AUDITOR)}"}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_visitor_is_forgotten_and_stays_out(place: Place, tmp_path: Path) -> None:
    # Before: whoever has the files and the keys finds each known visitor. (So the search can find.)
    known = [*addresses(), *homes([9711], (1, 12))]
    before = place.found(known)
    assert VISITOR in before["vault"]
    assert len(before["vault"]) > 100
    assert not before["plain"] | before["digest"] | before["stopped"], "not even then in the plain"

    with served(place.data, environment=place.addresses) as server:
        bookers, tickets, euros = figures(server)
        kept = tmp_path / "kept"
        kept.mkdir()
        ledger = get(server, "/ledger/export.jsonl")
        (kept / "checkpoint").write_text(get(server, "/ledger/checkpoint"))
        (kept / "5.tlog-proof").write_text(get(server, "/ledger/proof/5"))
        (kept / "5.json").write_text(ledger.splitlines()[5])

        # The visitor asks at the desk.
        given = {"idempotencyKey": "desk-2026-1", "email": VISITOR, "mode": "STAY_OUT"}
        erased = server.ask(THEATRE, ERASE, {"input": given})["data"]["erasePerson"]
        again = server.ask(THEATRE, ERASE, {"input": given})["data"]["erasePerson"]
        assert [one["entry"] for one in again["receipts"]] == [one["entry"] for one in erased["receipts"]]
        assert "neemt" in erased["nl"]
        assert "No house takes this address" in erased["en"]
        for receipt in erased["receipts"]:
            assert VISITOR not in receipt["entry"]
        effective = date.fromisoformat(erased["effectiveBy"])
        recorded = date.fromisoformat(json.loads(erased["receipts"][0]["entry"])["rt"])
        assert effective > recorded, "copies open until the key of that month is destroyed"

        # The next answer counts the tickets and the euros, and one person less.
        assert figures(server) == (bookers - 1, tickets, euros)

        # No byte of the ledger changed, and what was proven before is proven still.
        after = get(server, "/ledger/export.jsonl")
        assert after.startswith(ledger)
        assert len(after) > len(ledger)
        key = server.ask(AUDITOR, "{ ledger { verifierKey } }")["data"]["ledger"]["verifierKey"]
        (kept / "token").write_text(server.token(AUDITOR))
        (kept / "token").chmod(0o600)
        how = ["--key", key, "--token-file", str(kept / "token"), "--since", str(kept / "checkpoint")]
        place.command("ledger", "verify", server.base_url, *how)
        proof = [str(kept / "5.tlog-proof"), "--entry", str(kept / "5.json")]
        place.command("ledger", "verify", *proof, "--key", key)

    # The theatre brings its season in again, under another key; a house that joins now has sold to the visitor too.
    said = place.command(
        "ingest", str(SEASON), "--institution", "vrijenoot", "--mapping", "pretix-nl@1", "--source", "pretix",
        "--key", "re-pull", "--json",
    )  # fmt: skip
    assert json.loads(said)["kept_out"] > 0
    environment = {"CULTUURINZICHT_DATA_DIR": str(place.data), **place.addresses}
    with assembled(Settings.read(environment)) as parts:
        new = Party(NEWCOMER, PartyKind.INSTITUTION, "Nieuw Huis", NEWCOMER, sandbox=True)
        draft, rider = register_party(new, actor=Actor(PLATFORM, ClientId(PLATFORM)))
        parts.house.ledger.append(draft, rider=rider)
    place.command(
        "ingest", str(SEASON), "--institution", NEWCOMER, "--mapping", "pretix-nl@1", "--source", "pretix",
        "--key", "first-season",
    )  # fmt: skip
    with served(place.data, environment=place.addresses) as server:
        assert figures(server) == (bookers - 1, tickets, euros)

    # PostgreSQL keeps what was deleted until the key that opens it is destroyed.
    if place.postgresql is not None:
        assert VISITOR in place.found([VISITOR])["vault"], "in its log and its dead rows, until then"
        place.command("vault", "rotate")

    # After: the same search. The others are found as before; of the visitor there is what was asked for.
    later = place.found(known)
    assert later["vault"] == before["vault"] - {VISITOR}
    assert later["stopped"] == {VISITOR}
    assert not later["plain"] | later["digest"]
    if place.postgresql is None:
        with sqlite3.connect(place.data / "cultuurinzicht.db") as database:
            severed: list[Any] = database.execute(
                "select institution, count(*) from ticket_line where severed = 1 and person is null group by 1"
            ).fetchall()
        database.close()
        assert {house for house, _ in severed} == {"vrijenoot", NEWCOMER}
