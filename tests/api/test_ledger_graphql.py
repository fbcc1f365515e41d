"""The ledger through GraphQL over HTTP: scopes before anything runs, pages, exports told, samples."""

from __future__ import annotations

import json
from typing import Any

from tests.api.asking import AUDITOR, THEATRE, position
from tests.story.server import Server

ENTRIES = """query E($first: Int!, $after: String, $types: [EntryType!]) { ledger { size
  entries(first: $first, after: $after, types: $types) {
    edges { node { position type line proof } } pageInfo { hasNextPage endCursor } } } }"""


def entries(server: Server, client: str, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.ask(client, ENTRIES, variables)["data"]["ledger"]
    return found


def test_a_page_of_an_auditor_moves_the_ledger_and_one_of_a_house_does_not(server: Server) -> None:
    before = position(server)
    own = entries(server, THEATRE, first=100)["entries"]["edges"]
    assert own
    assert all('"vrijenoot"' in edge["node"]["line"] for edge in own if "agr-" not in edge["node"]["line"])
    assert position(server) == before
    page = entries(server, AUDITOR, first=100)["entries"]
    assert [edge["node"]["position"] for edge in page["edges"]] == list(range(100))
    assert position(server) == before + 1
    last = entries(server, AUDITOR, first=1, after=page["pageInfo"]["endCursor"])
    assert last["entries"]["edges"][0]["node"]["position"] == 100


def test_who_may_not_ask_gets_an_error_and_nothing_is_opened(server: Server) -> None:
    before = position(server)
    sample = """mutation S($input: OpenSampleInput!) { openSample(input: $input) { __typename } }"""
    given = {"input": {"position": 1, "seed": "dice", "number": 1}}
    response = server.post(THEATRE, sample, given)
    assert response.status_code == 403
    assert {one["extensions"]["code"] for one in response.json()["errors"]} == {"INSUFFICIENT_SCOPE"}
    [error] = server.post(AUDITOR, sample, given).json()["errors"]
    assert error["extensions"]["code"] == "NO_DISCLOSURE"
    assert error["extensions"]["sentence"] == "There is no disclosure at this position."
    assert position(server) == before


def test_a_page_out_of_bounds_and_an_unknown_type_are_refused(server: Server) -> None:
    for variables in ({"first": 101}, {"first": 0}, {"first": 1, "types": ["LEDGER_DELETED"]}):
        [error] = server.post(AUDITOR, ENTRIES, variables).json()["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_type_is_found_wherever_it_stands(server: Server) -> None:
    found = entries(server, AUDITOR, first=100, types=["AGREEMENT_PROPOSED", "RELEASE_SEALED"])["entries"]
    kinds = {json.loads(edge["node"]["line"])["type"] for edge in found["edges"]}
    assert kinds <= {"agreement.proposed", "release.sealed"}
    assert kinds
