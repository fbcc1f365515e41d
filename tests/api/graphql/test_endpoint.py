from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anyio
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from api.errors import Code, Problem
from api.graphql import answer as answers
from api.graphql.answer import GraphQLAnswer
from api.graphql.endpoint import Endpoint
from api.graphql.execute import Executor
from api.graphql.limits import LIMITS
from api.graphql.media import GRAPHQL_RESPONSE, JSON, negotiate
from api.graphql.request import GraphQLRequest
from consent_ledger.vocabulary import Position, Scope
from tests.schema import toy
from tests.schema.toy import AUDIENCES, Calls

METADATA = "http://127.0.0.1/.well-known/oauth-protected-resource/graphql"


class House:
    """The assembly's part, for tests: a bearer token is the list of its scopes."""

    def __init__(self) -> None:
        self.executor = Executor(toy.build())
        self.asked = 0
        self.calls = Calls()

    def __call__(self, request: GraphQLRequest, authorization: str | None, request_id: str) -> GraphQLAnswer:
        self.asked += 1
        if authorization == "Bearer crash":
            raise RuntimeError("jan@example.nl")
        if authorization == "Bearer unprintable":
            return GraphQLAnswer(200, {"data": object()})
        if authorization is None:
            problem = Problem(Code.UNAUTHENTICATED, "The request has no token.", "Ask for one.")
            return answers.problem(problem, request_id=request_id, headers={"WWW-Authenticate": "Bearer"})
        granted = frozenset(Scope(name) for name in authorization.removeprefix("Bearer ").split())
        executed = self.executor.run(request, granted, self.calls)
        return answers.answered(
            executed,
            request_id=request_id,
            ledger_position=Position(41),
            resource_metadata=METADATA,
            extensions={"ledger": {"size": 42}},
        )


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    app = Starlette(routes=[Route("/graphql", Endpoint(house))])
    with TestClient(app) as client:
        client.headers["authorization"] = f"Bearer {AUDIENCES}"
        yield client


def code_of(response: Any) -> str:
    body = response.json()
    assert "data" not in body
    return str(one_shape(body["errors"][0], response)["code"])


def one_shape(error: dict[str, Any], response: Any) -> dict[str, Any]:
    extensions: dict[str, Any] = error["extensions"]
    assert error["message"] == extensions["sentence"]
    assert error["message"]
    assert extensions["nextStep"]
    assert extensions["requestId"] == response.headers["x-request-id"]
    assert "ledgerPosition" in extensions
    return extensions


def test_a_permitted_question_is_answered_with_cost_and_headers(client: TestClient) -> None:
    query = "query ($n: Int!) { houses(first: $n) { edges { node { id } } } }"
    response = client.post("/graphql", json={"query": query, "variables": {"n": 1}, "operationName": None})
    assert response.status_code == 200
    assert response.json() == {
        "data": {"houses": {"edges": [{"node": {"id": "h0"}}]}},
        "extensions": {"ledger": {"size": 42}, "cost": {"requestedQueryCost": 3}},
    }
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert len(response.headers["x-request-id"]) == 32


def test_a_partly_denied_question_is_answered_with_its_reasons(client: TestClient) -> None:
    response = client.post("/graphql", json={"query": "{ houses(first: 1) { edges { node { id worth } } } }"})
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"houses": {"edges": [{"node": {"id": "h0", "worth": None}}]}}
    (error,) = body["errors"]
    extensions = one_shape(error, response)
    assert error["path"] == ["houses", "edges", 0, "node", "worth"]
    assert extensions["code"] == "INSUFFICIENT_SCOPE"
    assert extensions["coordinate"] == "House.worth"
    assert extensions["required"] == [["audiences:read.spend"]]
    assert extensions["missing"] == ["audiences:read.spend"]
    assert extensions["ledgerPosition"] == 41


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_RESPONSE])
@pytest.mark.parametrize(
    ("query", "lacking"),
    [
        ("{ houses { edges { node { worth } } } }", "audiences:read.spend"),
        ('mutation { withdraw(person: "p") { done price } }', "audiences:read.spend consent:write"),
    ],
)
def test_when_everything_is_denied_the_answer_is_403_with_a_challenge(
    client: TestClient, house: House, accept: str, query: str, lacking: str
) -> None:
    response = client.post("/graphql", json={"query": query}, headers={"accept": accept})
    assert response.status_code == 403
    assert code_of(response) == "INSUFFICIENT_SCOPE"
    assert response.headers["www-authenticate"] == (
        f'Bearer error="insufficient_scope", scope="{lacking}", resource_metadata="{METADATA}"'
    )
    assert house.calls.called == []


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_RESPONSE])
def test_a_missing_token_is_401_in_the_one_shape(client: TestClient, accept: str) -> None:
    del client.headers["authorization"]
    response = client.post("/graphql", json={"query": "{ __typename }"}, headers={"accept": accept})
    assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"


def test_two_authorization_headers_are_refused(client: TestClient, house: House) -> None:
    headers = [("authorization", "Bearer a"), ("authorization", "Bearer b"), ("content-type", JSON)]
    bare = TestClient(client.app)
    response = bare.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    assert house.asked == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"query": "{ __typename }"',
        b"null",
        b'"x"',
        b"1",
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"{}",
        b'{"query": null}',
        b'{"query": {"a": 1}}',
        b'{"id": "abc"}',
        b'{"query": "{ __typename }", "variables": [1]}',
        b'{"query": "{ __typename }", "variables": "x"}',
        b'{"query": "{ __typename }", "operationName": 3}',
        b'{"query": "{ __typename }", "extensions": []}',
        b'{"query": "\xff{ __typename }"}',
        b"\xff\xfe{\x00}\x00",
        b'\xef\xbb\xbf{"query": "{ __typename }"}',
        b'{"query": "\\ud800"}',
        b'{"query": "{ __typename }", "variables": {"n": NaN}}',
        b'{"query": "{ __typename }", "variables": {"n": ' + b"9" * 5_000 + b"}}",
        b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
        b"[" * 200_000,
    ],
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL_RESPONSE])
def test_a_body_that_is_no_request_is_400_in_the_one_shape(
    client: TestClient, house: House, body: bytes, accept: str
) -> None:
    response = client.post("/graphql", content=body, headers={"content-type": JSON, "accept": accept})
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert house.asked == 0


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"query": "{ nothing }"}, "VALIDATION"),
        ({"query": "{"}, "SYNTAX"),
        ({"query": ""}, "SYNTAX"),
        ({"query": "query ($n: Int!) { houses(first: $n) { edges { cursor } } }"}, "BAD_USER_INPUT"),
        ({"query": "query ($n: Int!) { houses(first: $n) { edges { cursor } } }",
          "variables": {"n": 18446744073709551616}}, "BAD_USER_INPUT"),
        ({"query": "{ houses(first: 1000) { edges { cursor } } }"}, "BAD_USER_INPUT"),
        ({"query": "query A { __typename }", "operationName": "B"}, "BAD_REQUEST"),
        ({"query": "{ " + " ".join(f"a{i}: __typename" for i in range(60)) + " }"}, "DOCUMENT_TOO_COMPLEX"),
        ({"query": "{ ...A } fragment A on Query { ...A }"}, "VALIDATION"),
        ({"query": "{ __typename }" + " " * 40_000}, "DOCUMENT_TOO_COMPLEX"),
        ({"query": "{ __typename }", "variables": {"a": [1] * 10_001}}, "DOCUMENT_TOO_COMPLEX"),
    ],
)  # fmt: skip
def test_a_request_that_was_understood_but_refused_is_400_or_200_by_media_type(
    client: TestClient, request_: dict[str, Any], code: str
) -> None:
    new = client.post("/graphql", content=orjson_or(request_), headers=_sent(GRAPHQL_RESPONSE))
    old = client.post("/graphql", content=orjson_or(request_), headers=_sent(JSON))
    assert (new.status_code, code_of(new)) == (400, code)
    assert (old.status_code, code_of(old)) == (200, code)


def _sent(accept: str) -> dict[str, str]:
    return {"content-type": JSON, "accept": accept}


def orjson_or(request_: dict[str, Any]) -> bytes:
    """JSON of integers that orjson itself would not write."""
    import json

    return json.dumps(request_).encode()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_405(client: TestClient, method: str) -> None:
    response = client.request(method, "/graphql?query={__typename}")
    assert (response.status_code, code_of(response)) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/graphql"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {},
    ],
)
def test_other_bodies_are_415(client: TestClient, house: House, headers: dict[str, str]) -> None:
    response = client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert (response.status_code, code_of(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert house.asked == 0


def test_an_answer_that_nobody_reads_is_406(client: TestClient, house: House) -> None:
    response = client.post("/graphql", json={"query": "{ __typename }"}, headers={"accept": "text/html"})
    assert (response.status_code, code_of(response)) == (406, "NOT_ACCEPTABLE")
    assert response.headers["content-type"].startswith(JSON)
    assert house.asked == 0


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, {JSON};q=0.9", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, {JSON}", GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE}", JSON),
        (f"{GRAPHQL_RESPONSE};q=0.5, {JSON};q=0.6", JSON),
        (f"{GRAPHQL_RESPONSE};charset=utf-8, */*;q=0.1", GRAPHQL_RESPONSE),
        (f"{JSON};q=0, */*", GRAPHQL_RESPONSE),
        (f"{JSON};q=0", None),
        (f"{JSON};q=many", None),
        (f"{JSON};charset=latin-1", None),
        ("text/html, image/png", None),
    ],
)
def test_the_media_type_is_negotiated(accept: str | None, media: str | None) -> None:
    assert negotiate(accept) == media


def test_an_unforeseen_error_is_masked_outside_and_logged_inside_without_its_text(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = client.post(
            "/graphql",
            json={"query": "{ __typename }", "variables": {"a": "secret"}},
            headers={"authorization": "Bearer crash"},
        )
    assert (response.status_code, code_of(response)) == (500, "INTERNAL")
    assert "jan" not in response.text
    assert response.headers["x-request-id"] in caplog.text
    assert "builtins.RuntimeError" in caplog.text
    assert "test_endpoint.py" in caplog.text
    assert "jan" not in caplog.text
    assert "secret" not in caplog.text


def test_a_defect_of_a_resolver_is_masked_and_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = client.post("/graphql", json={"query": "{ broken ended }"})
    assert response.json()["data"] == {"broken": None, "ended": None}
    codes = [one_shape(error, response)["code"] for error in response.json()["errors"]]
    assert sorted(codes) == ["AGREEMENT_ENDED", "INTERNAL"]
    assert "builtins.ValueError" in caplog.text
    assert "jan" not in caplog.text + response.text


def test_an_answer_that_cannot_be_written_is_internal(client: TestClient) -> None:
    headers = {"authorization": "Bearer unprintable"}
    response = client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert (response.status_code, code_of(response)) == (500, "INTERNAL")


class Wire:
    """An ASGI exchange told chunk by chunk, which counts what was read."""

    def __init__(self, chunks: list[bytes], *headers: tuple[bytes, bytes], leaves: bool = False) -> None:
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
        ]
        if leaves:
            self.messages.append({"type": "http.disconnect"})
        self.read = 0
        self.sent: list[Any] = []
        self.scope = {
            "type": "http",
            "method": "POST",
            "headers": [(b"content-type", JSON.encode()), *headers],
        }

    async def receive(self) -> dict[str, Any]:
        self.read += 1
        return self.messages[self.read - 1]

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def run(self, house: House) -> None:
        await Endpoint(house)(self.scope, self.receive, self.send)

    @property
    def code(self) -> str:
        return str(orjson.loads(self.sent[1]["body"])["errors"][0]["extensions"]["code"])


@pytest.mark.anyio
async def test_a_body_that_says_it_is_too_large_is_not_read(house: House) -> None:
    for length in (str(LIMITS.body_bytes + 1), "9" * 5_000):
        wire = Wire([b"{}"], (b"content-length", length.encode()))
        await wire.run(house)
        assert (wire.sent[0]["status"], wire.code, wire.read) == (413, "BODY_TOO_LARGE", 0)


@pytest.mark.anyio
async def test_a_body_that_turns_out_too_large_is_not_read_on(house: House) -> None:
    wire = Wire([b" " * 100_000] * 50)
    await wire.run(house)
    assert (wire.sent[0]["status"], wire.code, wire.read) == (413, "BODY_TOO_LARGE", 3)


@pytest.mark.anyio
async def test_a_body_that_does_not_come_is_not_waited_for(house: House) -> None:
    wire = Wire([b"{"])

    async def never() -> dict[str, Any]:
        await anyio.sleep(60)
        return {}

    await Endpoint(house, limits=replace(LIMITS, body_seconds=0.05))(wire.scope, never, wire.send)
    assert (wire.sent[0]["status"], wire.code, house.asked) == (400, "BAD_REQUEST", 0)


@pytest.mark.anyio
async def test_a_client_that_leaves_halfway_is_not_answered(house: House) -> None:
    wire = Wire([b'{"query"'], leaves=True)
    await wire.run(house)
    assert (wire.sent, house.asked) == ([], 0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
