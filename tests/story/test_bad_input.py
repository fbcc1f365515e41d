"""
Bad input over HTTP and on the command line, against the real command in a process of its own.

Each is answered in the one error shape or with one plain sentence; the ledger is as long as before,
except where an entry is meant; and the next good request is answered.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from api.oauth.keys import SigningKeys
from api.oauth.tokens import Tokens
from consent_ledger.clients import client as registered
from consent_ledger.database import Login, open_engine, reading
from consent_ledger.keyring import Keyring
from consent_ledger.vocabulary import ClientId, Scope
from seeds.institutions import RECORDED_HOUSE
from tests.story.server import Server, free_port, run, served

THEATRE, COMPANY, AUDITOR = "vrijenoot-app", "overkant-app", "toetssteen-app"
SHAPE = {"code", "sentence", "nextStep", "requestId", "ledgerPosition"}
GOOD = "{ audience { ... on Audience { tickets { ... on Count { value } } } } }"
DECIDE = "mutation D($input: RecordConsentInput!) { recordConsent(input: $input) { __typename } }"
SEASON = Path("seeds/data/pretix_vrijenoot/orderlist_positions.csv")


@pytest.fixture(scope="module")
def server(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all bad requests: none of them may spoil it for the next."""
    data = tmp_path_factory.mktemp("bad-input") / "var"
    shutil.copytree(planted, data)
    with served(data) as running:
        yield running


def position(server: Server) -> int:
    found: int = requests.get(f"{server.base_url}/readyz", timeout=10).json()["position"]
    return found


@contextmanager
def nothing_recorded(server: Server) -> Iterator[None]:
    before = position(server)
    yield
    assert position(server) == before
    assert server.ask(THEATRE, GOOD)["data"]["audience"]["tickets"]["value"] == 656


def post(server: Server, body: bytes, *, token: str | None = None, **headers: str) -> requests.Response:
    given = {"Content-Type": "application/json", **headers}
    if token != "":
        given["Authorization"] = f"Bearer {token or server.token(THEATRE)}"
    return requests.post(f"{server.base_url}/graphql", data=body, headers=given, timeout=10)


def refused(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The one error of an answer, held to the shape."""
    assert response.status_code == status, response.text
    body = response.json()
    assert "data" not in body
    (error,) = body["errors"]
    shape: dict[str, Any] = error["extensions"]
    assert shape.keys() >= SHAPE
    assert shape["code"] == code
    assert error["message"] == shape["sentence"]
    assert shape["nextStep"]
    assert shape["requestId"] == response.headers["X-Request-Id"]
    return shape


# What is no request


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"query": "{ viewer', id="malformed JSON"),
        pytest.param(b"null", id="null"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"query": "{ viewer { \xc3\x28 } }"}', id="invalid UTF-8"),
        pytest.param('{"query": "{ viewer }"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'[{"query": "{ viewer { institution } }"}]', id="a batch"),
        pytest.param(b'{"query": null}', id="a query that is null"),
        pytest.param(b'{"query": "{ __typename }", "variables": []}', id="variables that are a list"),
        pytest.param(b"[" * 2000, id="deep nesting"),
    ],
)
def test_a_body_that_is_no_request_is_refused(server: Server, body: bytes) -> None:
    with nothing_recorded(server):
        refused(post(server, body), 400, "BAD_REQUEST")


def test_an_unknown_field_is_refused(server: Server) -> None:
    with nothing_recorded(server):
        body = b'{"query": "{ audience { ... on Audience { shoeSizes } } }"}'
        strict = post(server, body, Accept="application/graphql-response+json")
        assert "shoeSizes" in refused(strict, 400, "VALIDATION")["sentence"]
        refused(post(server, body), 200, "VALIDATION")  # GraphQL over HTTP, 6.4.1


def test_an_unknown_input_field_records_nothing_and_repeats_no_value(server: Server) -> None:
    given = {
        "idempotencyKey": "k",
        "email": "jan@example.nl",
        "purpose": "OWN_INSIGHT",
        "act": "OBJECTED",
        "jan@example.nl": 1,
    }
    body = json.dumps({"query": DECIDE, "variables": {"input": given}}).encode()
    with nothing_recorded(server):
        response = post(server, body)
        refused(response, 200, "BAD_USER_INPUT")
        assert "jan@" not in response.text


def test_a_document_cut_off_is_refused(server: Server) -> None:
    with nothing_recorded(server):
        refused(post(server, b'{"query": "{ audience { "}'), 200, "SYNTAX")


# Who asks


def test_a_missing_token_is_refused_with_the_way_to_one(server: Server) -> None:
    with nothing_recorded(server):
        response = post(server, json.dumps({"query": GOOD}).encode(), token="")
        refused(response, 401, "UNAUTHENTICATED")
        challenge = response.headers["WWW-Authenticate"]
        assert challenge.startswith("Bearer resource_metadata=")
        assert "error=" not in challenge, "RFC 6750, 3.1: no error code for who brought no token"


def test_two_authorization_headers_are_refused(server: Server) -> None:
    with nothing_recorded(server):
        connection = urllib3.HTTPConnectionPool("127.0.0.1", server.port)
        headers = urllib3.HTTPHeaderDict({"Content-Type": "application/json"})
        for client in (THEATRE, AUDITOR):
            headers.add("Authorization", f"Bearer {server.token(client)}")
        with connection:
            graphql = connection.request("POST", "/graphql", body=b"{}", headers=headers)
            export = connection.request("GET", "/ledger/export.jsonl", headers=headers)
        assert graphql.status == export.status == 400
        assert graphql.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert export.json()["code"] == "BAD_REQUEST"


def minted(
    server: Server,
    *,
    issuer: str | None = None,
    audience: str | None = None,
    ago: timedelta = timedelta(0),
    keys: Path | None = None,
) -> str:
    """A token of the theatre, signed with the server's own key, or with the key of another platform."""
    data = keys or server.data
    engine = open_engine(f"sqlite:///{data / 'cultuurinzicht.db'}", Login.APP)
    tokens = Tokens(
        SigningKeys(Keyring.open(data / "keys")),
        issuer=issuer or server.base_url,
        audience=audience or f"{server.base_url}/graphql",
        clock=lambda: datetime.now(UTC) - ago,
    )
    try:
        with reading(engine) as connection:
            client = registered(connection, ClientId(THEATRE))
            assert client is not None
            return tokens.mint(connection, client, {Scope.AUDIENCES_READ}).token
    finally:
        engine.dispose()


def test_a_token_minted_here_and_now_is_taken(server: Server) -> None:
    """Else the tests below could pass for another reason."""
    response = post(server, json.dumps({"query": GOOD}).encode(), token=minted(server))
    assert response.json()["data"]["audience"]["tickets"]["value"] == 656


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param({"ago": timedelta(minutes=11)}, "expired", id="expired"),
        pytest.param({"ago": timedelta(minutes=-2)}, "not valid yet", id="not yet valid"),
        pytest.param({"issuer": "https://elders.example"}, "another issuer", id="foreign issuer"),
        pytest.param(
            {"audience": "https://elders.example/graphql"}, "another service", id="foreign audience"
        ),
    ],
)
def test_a_token_that_is_not_for_here_and_now_is_refused(
    server: Server, wrong: dict[str, Any], sentence: str
) -> None:
    with nothing_recorded(server):
        response = post(server, json.dumps({"query": GOOD}).encode(), token=minted(server, **wrong))
        assert sentence in refused(response, 401, "UNAUTHENTICATED")["sentence"]
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_token_of_another_platform_with_our_name_is_refused(
    server: Server, planted: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(planted, other)
    with closing(sqlite3.connect(other / "cultuurinzicht.db")) as database:
        database.execute("DELETE FROM signing_key")
        database.commit()
    (other / "keys" / "oauth.key").unlink()
    assert run("ledger", "export", str(tmp_path / "export"), data=other).returncode == 0, "it makes its key"
    with nothing_recorded(server):
        response = post(server, json.dumps({"query": GOOD}).encode(), token=minted(server, keys=other))
        assert "not signed by this server" in refused(response, 401, "UNAUTHENTICATED")["sentence"]


def test_a_token_with_one_changed_sign_is_refused(server: Server) -> None:
    head, claims, signature = minted(server).split(".")
    other = "A" if claims[10] != "A" else "B"
    forged = f"{head}.{claims[:10]}{other}{claims[11:]}.{signature}"
    with nothing_recorded(server):
        refused(post(server, json.dumps({"query": GOOD}).encode(), token=forged), 401, "UNAUTHENTICATED")


# What may be asked


def test_a_wrong_scope_is_named(server: Server) -> None:
    with nothing_recorded(server):
        response = server.post(AUDITOR, GOOD)
        assert refused(response, 403, "INSUFFICIENT_SCOPE")["missing"] == ["audiences:read"]
        assert 'scope="audiences:read"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        pytest.param('{ audience(criteria: {pc4: ["9751"]}) { __typename } }', {}, id="in the document"),
        pytest.param(
            "query Q($c: AudienceCriteria) { audience(criteria: $c) { __typename } }",
            {"c": {"pc4": ["9751"]}},
            id="in variables",
        ),
        pytest.param(
            "query Q($p: [String!]) { audience(criteria: {pc4: $p}) { __typename } }",
            {"p": ["9751"]},
            id="in a part of the criteria",
        ),
        pytest.param(
            'query Q($c: AudienceCriteria = {pc4: ["9751"]}) { audience(criteria: $c) { __typename } }',
            {},
            id="in a default",
        ),
    ],
)
def test_a_filter_on_a_group_that_the_token_lacks_is_refused(
    server: Server, query: str, variables: dict[str, Any]
) -> None:
    with nothing_recorded(server):
        shape = refused(server.post(COMPANY, query, variables), 403, "INSUFFICIENT_SCOPE")
        assert shape["missing"] == ["audiences:read.place"]


def test_a_mutation_without_its_scope_records_nothing(server: Server) -> None:
    given = {"idempotencyKey": "k", "email": "jan@example.nl", "purpose": "OWN_INSIGHT", "act": "OBJECTED"}
    with nothing_recorded(server):
        response = server.post(AUDITOR, DECIDE, {"input": given})
        assert response.status_code == 403
        assert "data" not in response.json()
        for error in response.json()["errors"]:
            assert error["extensions"].keys() >= SHAPE
            assert error["extensions"]["missing"] == ["consent:write"]


def test_an_agreement_that_ended_a_moment_ago_opens_nothing(server: Server) -> None:
    house = server.access["queries"]["tour"]["variables"]["house"]
    ask = """query Q($house: ID!) { audience(institution: $house, purpose: OWN_INSIGHT) {
      ... on Audience { tickets { ... on Count { value } } }
      ... on Refused { reasons { code sentence(language: EN) fix(language: EN) } } } }"""
    assert server.ask(COMPANY, ask, {"house": house})["data"]["audience"] == {"tickets": {"value": 111}}
    mine = server.ask(THEATRE, "{ agreements(first: 100) { edges { node { id package status } } } }")
    (tour,) = [
        edge["node"]["id"]
        for edge in mine["data"]["agreements"]["edges"]
        if edge["node"]["package"] == "TOUR" and edge["node"]["status"] == "active"
    ]
    end = "mutation E($input: AgreementInput!) { endAgreement(input: $input) { __typename } }"
    server.ask(THEATRE, end, {"input": {"idempotencyKey": "over", "agreement": tour}})
    before = position(server)
    (reason,) = server.ask(COMPANY, ask, {"house": house})["data"]["audience"]["reasons"]
    assert reason["code"] == "AGREEMENT_ENDED"
    assert reason["sentence"]
    assert reason["fix"]
    assert position(server) == before + 1, "a refusal under an agreement is an entry; no disclosure is"


# Files


def ingest(server: Server, file: Path, *more: str) -> tuple[int, str]:
    given = ["ingest", str(file), "--institution", RECORDED_HOUSE, "--mapping", "pretix-nl@1"]
    done = run(*given, "--source", "pretix", *more, data=server.data)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("fault", ["column", "quote", "line", "empty", "binary"])
def test_a_file_that_cannot_be_whole_stores_nothing(server: Server, tmp_path: Path, fault: str) -> None:
    content = SEASON.read_bytes()
    lines = content.splitlines(keepends=True)
    bad = {
        "column": content.replace(b'"Prijs"', b'"Pr"', 1),
        "quote": content[: content.rindex(b'"http') + 10],  # cut in the middle of the last field
        "line": b"".join(lines[:-1]) + lines[-1][: len(lines[-1]) // 2],
        "empty": b"",
        "binary": bytes(range(256)) * 40,
    }[fault]
    file = tmp_path / "season.csv"
    file.write_bytes(bad)
    with nothing_recorded(server):
        code, said = ingest(server, file)
        assert code == 1
        assert "foresaw" not in said
        assert "@" not in said.replace("pretix-nl@1", ""), "no address of a visitor is repeated"
        if fault == "column":
            assert "Prijs" in said, "the column that is missing is named"


def test_beside_a_server_that_writes_a_file_is_refused_with_what_to_do(server: Server) -> None:
    """On SQLite one process writes a ledger; the bad ones above never came so far."""
    code, said = ingest(server, SEASON, "--key", "after-the-bad-ones")
    assert code == 1, said
    assert "writes this ledger already" in said
    assert "Stop the server" in said


# Databases


def copied(planted: Path, tmp_path: Path) -> Path:
    data = tmp_path / "var"
    shutil.copytree(planted, data)
    return data


def sentence_of(data: Path, *command: str) -> str:
    done = run(*command, data=data)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "foresaw" not in done.stderr
    assert 1 <= len(done.stderr.splitlines()) <= 2
    return done.stderr


@pytest.mark.parametrize("file", ["cultuurinzicht.db", "vault.db"])
def test_a_database_from_the_future_is_left_alone(planted: Path, tmp_path: Path, file: str) -> None:
    data = copied(planted, tmp_path)

    def stamp(revision: str) -> str:
        with closing(sqlite3.connect(data / file)) as database:
            (before,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
            database.execute("UPDATE alembic_version SET version_num = ?", [revision])
            database.commit()
        return str(before)

    ours = stamp("9999_the_future")
    for command in (
        ["demo", "--port", str(free_port())],
        ["migrate"],
        ["ledger", "export", str(tmp_path / "e")],
    ):
        assert "later version" in sentence_of(data, *command)
    stamp(ours)
    assert run("ledger", "export", str(tmp_path / "e"), data=data).returncode == 0, "nothing was changed"
    assert run("ledger", "verify", str(tmp_path / "e"), data=data).returncode == 0


def test_a_database_put_back_behind_its_last_checkpoint_does_not_start(planted: Path, tmp_path: Path) -> None:
    data = copied(planted, tmp_path)
    with served(data) as server:
        given = {
            "idempotencyKey": "k",
            "email": "jan@example.nl",
            "purpose": "OWN_INSIGHT",
            "act": "OBJECTED",
        }
        before = position(server)
        server.ask(THEATRE, DECIDE, {"input": given})
        assert position(server) == before + 1
    newest = tmp_path / "newest"
    newest.mkdir()
    for file in data.glob("cultuurinzicht.db*"):
        file.rename(newest / file.name)
    shutil.copy(planted / "cultuurinzicht.db", data)
    for command in (["demo", "--port", str(free_port())], ["ledger", "export", str(tmp_path / "e")]):
        said = sentence_of(data, *command)
        assert f"{before + 1} entries was signed" in said
        assert f"the database has {before}" in said
        assert "Restore the newest copy" in said
    for file in data.glob("cultuurinzicht.db*"):
        file.unlink()
    for file in newest.iterdir():
        file.rename(data / file.name)
    with served(data) as server:
        assert position(server) == before + 1
        assert server.ask(THEATRE, GOOD)["data"]["audience"]["tickets"]["value"] == 656


def test_a_database_cut_short_is_refused_with_a_sentence(planted: Path, tmp_path: Path) -> None:
    data = copied(planted, tmp_path)
    file = data / "cultuurinzicht.db"
    file.write_bytes(b"this is no database" * 100)
    assert "not a database file" in sentence_of(data, "demo", "--port", str(free_port()))
    shutil.copy(planted / "cultuurinzicht.db", file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    sentence_of(data, "ledger", "export", str(tmp_path / "e"))
