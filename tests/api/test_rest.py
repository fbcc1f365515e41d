"""The addresses beside GraphQL, asked over HTTP of a served sandbox."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import requests

from consent_ledger import verify
from consent_ledger.checkpoint import read_note
from consent_ledger.tree import leaf_hash, verify_inclusion
from tests.story.server import Server, run

AUDITOR, THEATRE = "toetssteen-app", "vrijenoot-app"
SHAPE = {"code", "sentence", "nextStep", "requestId", "ledgerPosition"}


def get(server: Server, path: str, client: str | None = None, method: str = "GET") -> requests.Response:
    headers = {"Authorization": f"Bearer {server.token(client)}"} if client else {}
    return requests.request(method, f"{server.base_url}{path}", headers=headers, timeout=30)


def problem(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    """A refusal, held to the one shape and to RFC 9457."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body.keys() >= SHAPE | {"type", "title", "status", "detail", "instance"}
    assert (body["code"], body["status"], body["detail"]) == (code, status, body["sentence"])
    assert body["nextStep"]
    assert body["requestId"] == response.headers["X-Request-Id"]
    assert response.headers["Cache-Control"] == "no-store"
    return body


def position(server: Server) -> int:
    found: int = get(server, "/readyz").json()["position"]
    return found


def secret(server: Server) -> str:
    return next(str(one["client_secret"]) for one in server.access["clients"] if one["client_id"] == AUDITOR)


# Proofs


def test_an_entry_is_proven_to_be_in_the_checkpoint(server: Server) -> None:
    size = position(server)
    lines = get(server, "/ledger/export.jsonl", AUDITOR).content.splitlines()
    key = get(server, "/ledger/key").text.strip()
    for seq in (0, 1, size // 2, size - 1):
        said = get(server, f"/ledger/proof/{seq}").text
        proof, _, note = said.partition("\n\n")
        kind, index, *hashes = proof.splitlines()
        assert (kind, index) == ("c2sp.org/tlog-proof@v1", f"index {seq}")
        checkpoint = read_note(note, [key])
        path = [base64.b64decode(one) for one in hashes]
        verify_inclusion(leaf_hash(lines[seq]), seq, checkpoint.size, path, checkpoint.root)


def test_the_checkpoint_grows_with_the_ledger_and_keeps_its_key(server: Server) -> None:
    key = get(server, "/ledger/key").text.strip()
    before = read_note(get(server, "/ledger/checkpoint").text, [key])
    get(server, "/ledger/export.jsonl?stop=1", AUDITOR)
    after = read_note(get(server, "/ledger/checkpoint").text, [key])
    assert (after.origin, after.size) == (before.origin, before.size + 1)


@pytest.mark.parametrize("seq", ["999999999", "-1", "x", "1.5", "٣", "9" * 5000])
def test_there_is_no_proof_of_no_entry(server: Server, seq: str) -> None:
    problem(get(server, f"/ledger/proof/{seq}"), 404, "NOT_RECORDED")


def test_the_next_entry_has_no_proof_yet(server: Server) -> None:
    problem(get(server, f"/ledger/proof/{position(server)}"), 404, "NOT_RECORDED")


# Exports


def test_a_range_is_the_same_bytes_as_in_the_whole(server: Server) -> None:
    whole = get(server, "/ledger/export.jsonl", AUDITOR).content
    lines = whole.splitlines(keepends=True)
    assert len(lines) > 500
    for start, stop in (
        (0, 1),
        (5, 7),
        (0, 500),
        (499, 501),
        (500, 501),
        (7, 7),
        (len(lines) - 1, len(lines)),
    ):
        part = get(server, f"/ledger/export.jsonl?start={start}&stop={stop}", AUDITOR)
        assert part.content == b"".join(lines[start:stop])
        assert part.headers["Content-Type"] == "application/jsonl"
    assert get(server, f"/ledger/export.jsonl?start={len(lines) - 2}", AUDITOR).content.startswith(lines[-2])
    assert get(server, "/ledger/export.jsonl?stop=3", AUDITOR).content == b"".join(lines[:3])
    assert get(server, "/ledger/export.jsonl?start=99999999", AUDITOR).content == b""


def test_an_export_is_an_entry_itself_and_says_what_left(server: Server) -> None:
    before = position(server)
    get(server, "/ledger/export.jsonl?start=3&stop=9", AUDITOR)
    assert position(server) == before + 1
    (line,) = get(
        server, f"/ledger/export.jsonl?start={before}&stop={before + 1}", AUDITOR
    ).content.splitlines()
    entry = json.loads(line)
    assert entry["type"] == "export.issued"
    assert (entry["body"]["start"], entry["body"]["stop"]) == (3, 9)
    assert entry["body"]["client"] == AUDITOR


@pytest.mark.parametrize(
    "query",
    [
        "start=a",
        "stop=",
        "start=-1",
        "start=1.5",
        "start=٣",
        "start=7&stop=5",
        "start=1&start=2",
        "stop=" + "9" * 99,
    ],
)
def test_a_range_that_is_none_is_refused_and_nothing_is_recorded(server: Server, query: str) -> None:
    before = position(server)
    problem(get(server, f"/ledger/export.jsonl?{query}", AUDITOR), 400, "BAD_USER_INPUT")
    assert position(server) == before


def test_the_zip_verifies(server: Server, tmp_path: Path) -> None:
    response = get(server, "/ledger/export.zip", AUDITOR)
    assert response.headers["Content-Type"] == "application/zip"
    file = tmp_path / "export.zip"
    file.write_bytes(response.content)
    key = get(server, "/ledger/key").text.strip()
    held = run("ledger", "verify", str(file), "--key", key, data=server.data)
    assert held.returncode == 0, held.stdout + held.stderr
    assert verify.verify(file, key=key).size <= position(server)
    file.write_bytes(response.content[:-100])
    assert run("ledger", "verify", str(file), data=server.data).returncode == 1


@pytest.mark.parametrize("path", ["/ledger/export.jsonl", "/ledger/export.zip"])
def test_entries_are_for_who_may_export(server: Server, path: str) -> None:
    before = position(server)
    missing = get(server, path)
    problem(missing, 401, "UNAUTHENTICATED")
    assert missing.headers["WWW-Authenticate"].startswith("Bearer resource_metadata=")
    assert problem(get(server, path, THEATRE), 403, "ROLE_FORBIDS")["ledgerPosition"] == before
    narrow = requests.post(
        f"{server.base_url}/oauth/token",
        data={"grant_type": "client_credentials", "scope": "ledger:read"},
        auth=(AUDITOR, secret(server)),
        timeout=10,
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {narrow}"}
    lacking = requests.get(f"{server.base_url}{path}", headers=headers, timeout=10)
    assert problem(lacking, 403, "INSUFFICIENT_SCOPE")["missing"] == ["ledger:export"]
    assert 'error="insufficient_scope", scope="ledger:export"' in lacking.headers["WWW-Authenticate"]
    assert position(server) == before


# The server


def test_it_says_that_it_lives_and_that_it_is_ready(server: Server) -> None:
    assert get(server, "/healthz").json() == {"status": "alive"}
    ready = get(server, "/readyz").json()
    size = int(get(server, "/ledger/checkpoint").text.splitlines()[1])
    assert ready == {"status": "ready", "position": size}


def test_the_schema_is_there_without_a_token(server: Server) -> None:
    assert "type Query" in get(server, "/schema.graphql").text


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/ledger/checkpoint",
            "/ledger/key",
            "/ledger/proof/0",
            "/ledger/export.jsonl",
            "/ledger/export.zip",
        ),
        *("/healthz", "/readyz", "/nowhere", "/graphql"),
    ],
)
def test_nothing_is_cached_or_guessed_at(server: Server, path: str) -> None:
    headers = get(server, path, AUDITOR).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/ledger", "/ledger/", "/ledger/proof/", "/graphql/more", "/%ff"]
)
def test_an_unknown_address_is_told_in_the_one_shape(server: Server, path: str) -> None:
    problem(get(server, path), 404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_told_with_the_right_ones(server: Server, method: str) -> None:
    response = get(server, "/ledger/checkpoint", method=method)
    problem(response, 405, "METHOD_NOT_ALLOWED")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_graphql_answers_post_alone(server: Server) -> None:
    response = get(server, "/graphql", THEATRE)
    (error,) = response.json()["errors"]
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert error["extensions"]["code"] == "METHOD_NOT_ALLOWED"
