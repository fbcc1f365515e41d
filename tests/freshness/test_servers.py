"""
Servers of one platform, each a process of its own on PostgreSQL, asked over HTTP.

What one of them acknowledged, the next request to any other knows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.freshness.racing import Saw, Told, judged
from tests.postgresql import PostgreSQL
from tests.story.server import Server, free_port, run, served

THEATRE, COMPANY = "vrijenoot-app", "overkant-app"
VISITOR = "geert.peters30@example.com"
"""Invented, and in the recorded season."""

BOOKERS = "{ audience(purpose: OWN_MARKETING) { ... on Audience { bookers { ... on Count { value } } } } }"
DECIDE = """mutation D($input: RecordConsentInput!) { recordConsent(input: $input) {
  ... on ConsentRecorded { receipt { position } } } }"""
END = "mutation E($input: AgreementInput!) { endAgreement(input: $input) { __typename } }"


@contextmanager
def several(postgresql: PostgreSQL, folder: Path, number: int) -> Iterator[list[Server]]:
    """So many servers on one database and one folder, known by one address."""
    owner, vault, app, release = postgresql.urls(postgresql.empty())
    environment = {
        "CULTUURINZICHT_OWNER_DATABASE_URL": owner,
        "CULTUURINZICHT_VAULT_DATABASE_URL": vault,
        "CULTUURINZICHT_DATABASE_URL": app,
        "CULTUURINZICHT_RELEASE_DATABASE_URL": release,
        "CULTUURINZICHT_BASE_URL": f"http://127.0.0.1:{free_port()}",
    }
    data = folder / "var"
    planted = run("demo", "--no-serve", "--scale", "0.02", data=data, **environment)
    assert planted.returncode == 0, planted.stderr
    with ExitStack() as stack:
        yield [stack.enter_context(served(data, environment=environment)) for _ in range(number)]


@pytest.fixture
def two(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[list[Server]]:
    with several(postgresql, tmp_path, 2) as servers:
        yield servers


@pytest.fixture
def three(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[list[Server]]:
    with several(postgresql, tmp_path, 3) as servers:
        yield servers


def decide(server: Server, act: str, key: str, token: str = "") -> int:
    """What the visitor decided about mailings; returns the position of its entry."""
    given = {"idempotencyKey": key, "email": VISITOR, "purpose": "OWN_MARKETING", "act": act}
    answer = asked(server, token or server.token(THEATRE), DECIDE, {"input": given})
    position: int = answer["data"]["recordConsent"]["receipt"]["position"]
    return position


def bookers(server: Server, token: str = "") -> tuple[int, int]:
    """How many may be mailed, and the size of the ledger at which that was counted."""
    answer = asked(server, token or server.token(THEATRE), BOOKERS)
    return answer["data"]["audience"]["bookers"]["value"], answer["extensions"]["ledger"]["position"]


def asked(server: Server, token: str, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = requests.post(
        f"{server.base_url}/graphql",
        json={"query": query, "variables": variables or {}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    ).json()
    assert "errors" not in answer, answer
    return answer


def test_a_withdrawal_is_seen_by_the_next_request_in_another_process(two: list[Server]) -> None:
    here, there = two
    base, _ = bookers(there)
    for turn in range(10):
        asker, teller = (here, there) if turn % 2 else (there, here)
        decide(teller, "GRANTED", f"yes {turn}")
        assert bookers(asker)[0] == base + 1
        decide(teller, "WITHDRAWN", f"no {turn}")
        assert bookers(asker)[0] == base

    # An agreement that ends at one server is over at the other.
    tour = there.access["queries"]["tour"]
    open_ = there.post(tour["client"], tour["query"], tour["variables"]).json()["data"]["audience"]
    assert "reasons" not in open_
    mine = here.ask(THEATRE, "{ agreements(first: 100) { edges { node { id package status } } } }")
    [running] = [
        one["node"]["id"]
        for one in mine["data"]["agreements"]["edges"]
        if (one["node"]["package"], one["node"]["status"]) == ("TOUR", "active")
    ]
    here.ask(THEATRE, END, {"input": {"idempotencyKey": "enough", "agreement": running}})
    refused = there.post(tour["client"], tour["query"], tour["variables"]).json()["data"]["audience"]
    assert [reason["code"] for reason in refused["reasons"]] == ["AGREEMENT_ENDED"]

    # A token that is given back at one server opens nothing at the other.
    token = here.token(COMPANY)
    header = {"Authorization": f"Bearer {token}"}
    body = {"query": "{ viewer { client } }"}

    def status() -> int:
        return requests.post(f"{there.base_url}/graphql", json=body, headers=header, timeout=30).status_code

    assert status() == 200
    secret = next(one["client_secret"] for one in here.access["clients"] if one["client_id"] == COMPANY)
    given_back = requests.post(
        f"{here.base_url}/oauth/revoke", data={"token": token}, auth=(COMPANY, secret), timeout=30
    )
    assert given_back.status_code == 200
    assert status() == 401


@pytest.mark.long
def test_thousands_of_requests_to_three_servers_and_none_is_stale(
    three: list[Server], capsys: pytest.CaptureFixture[str]
) -> None:
    base, _ = bookers(three[0])
    tokens = [server.token(THEATRE) for server in three]
    told, saw, over, numbers = list[Told](), list[Saw](), threading.Event(), count()

    def ask(server: Server, token: str) -> None:
        for _ in range(500):
            begun = time.monotonic_ns()
            value, size = bookers(server, token)
            saw.append(Saw(VISITOR, {base: "WITHDRAWN", base + 1: "GRANTED"}[value], size, begun))

    def tell() -> None:
        while not over.is_set():
            number = next(numbers)
            act = "WITHDRAWN" if number % 2 else "GRANTED"
            position = decide(three[number % 3], act, f"turn {number}", tokens[number % 3])
            told.append(Told(VISITOR, act, position, time.monotonic_ns()))

    pairs = [*zip(three, tokens, strict=True)] * 2
    failed = _together([partial(ask, *pair) for pair in pairs], tell, over)
    assert failed == []
    verdict = judged(told, saw, before="WITHDRAWN")
    with capsys.disabled():
        print(f"\nover HTTP, three servers: {verdict}")
    assert verdict.stale == ()
    assert verdict.wrong == ()
    assert verdict.operations > 3_000


def _together(
    asking: list[Callable[[], None]], telling: Callable[[], None], over: threading.Event
) -> list[BaseException]:
    failed = list[BaseException]()

    def kept(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failed.append(error)

        return run

    teller = threading.Thread(target=kept(telling))
    threads = [threading.Thread(target=kept(work)) for work in asking]
    for thread in (teller, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    teller.join()
    return failed
