"""Consent records over HTTP: as JSON Lines, for the house whose they are; and the receipt beside what is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection
from starlette.testclient import TestClient

from api import consent_routes
from api.app import create_app
from api.assembly import Assembled, assembled
from api.oauth.secrets import hash_secret
from api.settings import Settings
from consent_ledger import verify
from consent_ledger.clients import register_client
from consent_ledger.entry import Actor
from consent_ledger.vocabulary import PLATFORM, ClientId, ClientKind, PartyId, Scope

HOUSE = PartyId("vrijenoot")
SCOPES = (Scope.CONSENT_READ, Scope.CONSENT_WRITE, Scope.CATALOGUE_READ)
RECORD = """mutation ($input: RecordConsentInput!) { recordConsent(input: $input) {
  __typename ... on ConsentRecorded { receipt { position } consentReceipt } } }"""
ONE = "query ($at: Int!) { consentRecord(position: $at) { position index jsonLd } }"
ALL = """query ($first: Int!, $after: String, $purpose: Purpose) {
  consentRecords(first: $first, after: $after, purpose: $purpose) {
    edges { cursor node { position index jsonLd } } pageInfo { hasNextPage endCursor } } }"""


@dataclass
class Desk:
    """The house's own application."""

    parts: Assembled
    http: TestClient
    token: str

    def get(self, query: str = "", method: str = "GET", **headers: str) -> Any:
        headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.http.request(method, f"{consent_routes.PATH}{query}", headers=headers)

    def lines(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.get(query)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        said: dict[str, Any] = answer.json()
        assert "errors" not in said, said
        found: dict[str, Any] = said["data"]
        return found

    def record(self, email: str, act: str = "OBJECTED", purpose: str = "OWN_INSIGHT") -> dict[str, Any]:
        key = f"{email.partition('@')[0]}-{act}-{purpose}"
        told = {"idempotencyKey": key, "email": email, "act": act, "purpose": purpose}
        done: dict[str, Any] = self.ask(RECORD, input=told)["recordConsent"]
        assert done["__typename"] == "ConsentRecorded"
        return done


@pytest.fixture
def desk(sandbox: Path) -> Iterator[Desk]:
    with assembled(Settings.read({"CULTUURINZICHT_DATA_DIR": str(sandbox)})) as parts:
        draft, rider, secret = register_client(
            id=ClientId("desk"),
            party=HOUSE,
            kind=ClientKind.INSTITUTION_APP,
            name="desk",
            scopes=SCOPES,
            actor=Actor(PLATFORM, ClientId(PLATFORM)),
            hashed=hash_secret,
            now=datetime.now(UTC),
        )
        parts.house.ledger.append(draft, rider=rider)
        http = TestClient(create_app(parts), base_url=parts.settings.base_url)
        asked = {"grant_type": "client_credentials", "scope": " ".join(SCOPES)}
        token = http.post("/oauth/token", data=asked, auth=("desk", secret)).json()["access_token"]
        yield Desk(parts, http, token)


def test_a_house_takes_all_its_records_along(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent_routes, "_PAGE", 2)
    before = len(desk.lines())
    positions = [desk.record(f"v{number}@example.org")["receipt"]["position"] for number in range(5)]
    answer = desk.get()
    assert answer.headers["Content-Type"] == "application/jsonl"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "example.org" not in answer.text.replace("purl.org", "")
    records = desk.lines()
    assert len(records) == before + 5
    assert [int(one["@id"].rpartition(":")[2]) for one in records[-5:]] == positions
    assert {one["@type"] for one in records} == {"dpv:ConsentRecord"}
    assert desk.lines(f"?start={positions[3]}") == records[-2:]
    desk.record("v9@example.org", "GRANTED", "OWN_MARKETING")
    assert len(desk.lines("?purpose=own_marketing")) >= 1
    assert all(
        one["dpv:hasProcess"]["dpv:hasPurpose"]["dct:identifier"].startswith("own_marketing@")
        for one in desk.lines("?purpose=own_marketing")
    )
    head = desk.get(method="HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_what_is_recorded_comes_with_a_receipt_when_it_is_asked_for(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = desk.record("v@example.org")
    file = tmp_path / "receipt.jsonld"
    file.write_text(done["consentReceipt"], encoding="utf-8")
    assert verify.main([str(file), "--key", desk.parts.house.ledger.verifier_key]) == 0
    assert "the person objected to own_insight" in capsys.readouterr().out
    found = desk.ask(ONE, at=done["receipt"]["position"])["consentRecord"]
    assert (found["position"], found["index"]) == (done["receipt"]["position"], None)
    receipt, record = json.loads(done["consentReceipt"]), json.loads(found["jsonLd"])
    assert receipt["dpv:hasRecordOfActivity"]["@id"] == record["@id"]
    assert desk.ask(ONE, at=0)["consentRecord"] is None


def test_records_are_paged(desk: Desk) -> None:
    for number in range(3):
        desk.record(f"v{number}@example.org", "RESTRICTED")
    pages, after = [], None
    while True:
        page = desk.ask(ALL, first=2, after=after, purpose="OWN_INSIGHT")["consentRecords"]
        pages += [edge["node"]["jsonLd"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert [json.loads(one) for one in pages] == desk.lines("?purpose=own_insight")
    asked = {"query": ALL, "variables": {"first": 2, "after": "bm90"}}
    wrong = desk.http.post("/graphql", json=asked, headers={"Authorization": f"Bearer {desk.token}"})
    assert wrong.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "query",
    ["?start=-1", "?start=x", "?start=1&start=2", "?start=" + "9" * 40, "?purpose=", "?purpose=spying"],
)
def test_a_question_that_is_none_is_refused(desk: Desk, query: str) -> None:
    answer = desk.get(query)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_USER_INPUT")
    assert answer.json()["nextStep"]


def test_nobody_else_reads_them(desk: Desk) -> None:
    desk.record("v@example.org")
    assert desk.http.get(consent_routes.PATH).status_code == 401
    assert desk.get(Authorization="Bearer nonsense").status_code == 401
    several = [("Authorization", f"Bearer {desk.token}"), ("Authorization", "Bearer x")]
    assert desk.http.get(consent_routes.PATH, headers=several).status_code == 400


def test_a_credential_that_ends_meanwhile_breaks_the_answer_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never ends as if it were whole."""
    monkeypatch.setattr(consent_routes, "_PAGE", 2)
    for number in range(5):
        desk.record(f"v{number}@example.org")
    admitted, asked = type(desk.parts.oauth).credential, []

    def credential(oauth: Any, connection: Connection, authorization: str | None) -> Any:
        asked.append(authorization)
        return admitted(oauth, connection, authorization if len(asked) < 3 else "Bearer ended")

    monkeypatch.setattr(type(desk.parts.oauth), "credential", credential)
    sent: list[str] = []

    async def drive() -> None:
        async def receive() -> dict[str, object]:
            await anyio.sleep_forever()
            return {}

        async def send(message: Any) -> None:
            sent.append("more" if message.get("more_body") else message["type"])

        header = (b"authorization", f"Bearer {desk.token}".encode())
        scope = {
            "type": "http",
            "asgi": {"spec_version": "2.4"},
            "method": "GET",
            "path": consent_routes.PATH,
            "headers": [header],
            "query_string": b"",
        }
        await create_app(desk.parts)(scope, receive, send)

    anyio.run(drive)
    assert len(asked) == 3
    assert sent == ["http.response.start", "more", "more"], "no last part: the server closes the connection"
