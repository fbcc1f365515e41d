"""The addresses beside GraphQL, asked over HTTP of a served sandbox."""

from __future__ import annotations

import pytest

from tests.api.asking import AUDITOR, THEATRE, get, problem
from tests.story.server import Server

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
        *("/ledger/key", "/ledger/proof/0", "/ledger/export.jsonl", "/ledger/export.zip"),
        *("/ledger/tile/entries/000", "/ledger/tile/63/000", "/ledger/tile/entries/x999/000"),
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
