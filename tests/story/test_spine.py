"""
The story of the spine, as a theatre, a touring company, a visitor and an auditor live it.

Over HTTP, against the real command in a process of its own, with client libraries that others wrote:
requests-oauthlib fetches the tokens, gql asks the queries, pymerkle rebuilds the ledger's tree.
"""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from gql import Client, gql
from gql.transport.requests import RequestsHTTPTransport
from pymerkle import InmemoryTree, verify_inclusion

from tests.story.server import Server, run

THEATRE, COMPANY, AUDITOR = "vrijenoot-app", "overkant-app", "toetssteen-app"
VISITOR = "geert.peters30@example.com"
"""Invented, and in the recorded season with 21 positions."""

SEASON = """
query Season($purpose: Purpose, $criteria: AudienceCriteria) {
  audience(purpose: $purpose, criteria: $criteria) {
    ... on Audience {
      bookers { ... on Count { value } }
      tickets { ... on Count { value } }
      spend { ... on Amount { value } }
    }
  }
}"""

DECIDE = """
mutation Decide($input: RecordConsentInput!) {
  recordConsent(input: $input) {
    ... on ConsentRecorded { receipt { position proof } }
    ... on Refused { reasons { code } }
  }
}"""


def figures(server: Server, client: str = THEATRE, **variables: Any) -> tuple[int, int, Decimal]:
    """Bookers, tickets and euros of the theatre's whole recorded season, asked with gql."""
    transport = RequestsHTTPTransport(
        f"{server.base_url}/graphql", headers={"Authorization": f"Bearer {server.token(client)}"}
    )
    with Client(transport=transport) as session:
        query = gql(SEASON)
        query.variable_values = variables
        audience = session.execute(query)["audience"]
    return audience["bookers"]["value"], audience["tickets"]["value"], Decimal(audience["spend"]["value"])


def decide(server: Server, act: str, purpose: str, key: str) -> int:
    """Record what the visitor decided; returns the position of its entry."""
    given = {"idempotencyKey": key, "email": VISITOR, "purpose": purpose, "act": act}
    answer = server.ask(THEATRE, DECIDE, {"input": given})["data"]["recordConsent"]
    position: int = answer["receipt"]["position"]
    return position


def test_one_season_in_one_permitted_answer_out_and_an_auditor_who_can_check_it(
    either_server: Server, tmp_path: Path
) -> None:
    server = either_server
    # A theatre asks one query and gets audiences, segments and a benchmark.
    queries = server.access["queries"]
    asked = queries["season"]
    season = server.ask(asked["client"], asked["query"], asked["variables"])["data"]
    assert season["audience"]["tickets"]["value"] == 656
    assert season["audience"]["spend"] == {"value": "15624.15", "currency": "EUR"}
    bookers = season["audience"]["bookers"]["value"]
    assert sum(cell["value"] for cell in season["audience"]["segments"]["cells"]) == bookers
    assert Decimal(season["benchmark"]["value"]) > 0
    assert season["benchmark"]["isInvented"] is True

    # A touring company asks about its own play there. It gets less, with reasons.
    asked = queries["tour"]
    response = server.post(asked["client"], asked["query"], asked["variables"])
    tour = response.json()
    audience = tour["data"]["audience"]
    assert 0 < audience["bookers"]["value"] < bookers
    assert audience["tickets"]["value"] == 111, "the two evenings of its own play, and nothing else"
    assert audience["segments"]["code"] == "FIELD_NOT_COVERED"
    assert audience["contexts"] is None
    (denied,) = tour["errors"]
    assert denied["extensions"]["code"] == "INSUFFICIENT_SCOPE"
    assert denied["extensions"]["missing"] == ["audiences:read.place"]
    receipt = tour["extensions"]["receipt"]
    assert json.loads(receipt["entry"])["body"]["persons"] == "r10_99", "told roughly, on purpose"

    # A visitor consents to mailings, and withdraws: the next answer changes, each time.
    mailing = {"purpose": "OWN_MARKETING"}
    before = figures(server, **mailing)
    decide(server, "GRANTED", "OWN_MARKETING", "yes")
    granted = figures(server, **mailing)
    decide(server, "WITHDRAWN", "OWN_MARKETING", "no")
    assert granted[0] == before[0] + 1
    assert figures(server, **mailing) == before

    # The visitor objects to the theatre's own figures: euros and tickets stay to the cent.
    whole = figures(server)
    position = decide(server, "OBJECTED", "OWN_INSIGHT", "object")
    assert figures(server) == (whole[0] - 1, whole[1], whole[2])
    assert decide(server, "OBJECTED", "OWN_INSIGHT", "object") == position, "said twice, recorded once"

    # The theatre ends the tour: the company's next question is refused, with the reason.
    mine = server.ask(THEATRE, "{ agreements(first: 100) { edges { node { id package status } } } }")["data"][
        "agreements"
    ]["edges"]
    (running,) = [one["node"] for one in mine if one["node"]["package"] == "TOUR"]
    assert running["status"] == "active"
    end = "mutation End($input: AgreementInput!) { endAgreement(input: $input) { __typename } }"
    server.ask(THEATRE, end, {"input": {"idempotencyKey": "enough", "agreement": running["id"]}})
    refused = server.post(asked["client"], asked["query"], asked["variables"]).json()["data"]["audience"]
    assert [reason["code"] for reason in refused["reasons"]] == ["AGREEMENT_ENDED"]

    # An auditor exports the ledger and verifies it offline.
    export = tmp_path / "export"
    export.mkdir()
    lines = exported(server)
    checkpoint = requests.get(f"{server.base_url}/ledger/checkpoint", timeout=10).text
    size, root = int(checkpoint.splitlines()[1]), base64.b64decode(checkpoint.splitlines()[2])
    lines = exported(server)[:size]
    (export / "export.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    (export / "checkpoint").write_text(checkpoint)
    key = server.ask(AUDITOR, "{ ledger { verifierKey origin } }")["data"]["ledger"]
    checked = run("ledger", "verify", str(export), "--key", key["verifierKey"], data=server.data)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    # pymerkle, which we did not write, builds the same root and accepts the receipt's place in it.
    tree = InmemoryTree(algorithm="sha256")
    for line in lines:
        tree.append_entry(line)
    assert tree.get_root() == root
    place = receipt["position"] + 1
    assert lines[receipt["position"]].decode() == receipt["entry"]
    verify_inclusion(tree.get_leaf(place), root, tree.prove_inclusion(place, size))

    # One flipped byte is found.
    text = bytearray((export / "export.jsonl").read_bytes())
    text[len(text) // 2] ^= 1
    (export / "export.jsonl").write_bytes(text)
    broken = run("ledger", "verify", str(export), "--key", key["verifierKey"], data=server.data)
    assert broken.returncode == 1
    assert "Traceback" not in broken.stdout + broken.stderr

    # And nobody's address stands in the ledger.
    assert VISITOR.encode() not in b"".join(lines)


def exported(server: Server) -> list[bytes]:
    response = requests.get(
        f"{server.base_url}/ledger/export.jsonl",
        headers={"Authorization": f"Bearer {server.token(AUDITOR)}"},
        timeout=60,
    )
    assert response.status_code == 200, response.text
    return response.content.splitlines()


def test_the_auditor_sees_no_audience_and_the_theatre_exports_no_ledger(server: Server) -> None:
    response = server.post(AUDITOR, "{ audience { __typename } }")
    assert response.status_code == 403
    assert 'scope="audiences:read"' in response.headers["WWW-Authenticate"]
    refused = requests.get(
        f"{server.base_url}/ledger/export.jsonl",
        headers={"Authorization": f"Bearer {server.token(THEATRE)}"},
        timeout=10,
    )
    assert refused.status_code == 403
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_two_houses_agree_over_the_api_and_the_next_request_sees_it(server: Server) -> None:
    """A second theatre asks the first for its audience: proposed, accepted by both, asked, ended."""
    house = server.ask(THEATRE, "{ viewer { institution } }")["data"]["viewer"]["institution"]
    other = server.ask("gouden-ladder-app", "{ viewer { institution } }")["data"]["viewer"]["institution"]
    ask = """query Other($house: ID!) { audience(institution: $house, purpose: ACCOUNTABILITY) {
      ... on Audience { tickets { ... on Count { value } } spend { ... on Withheld { code } } }
      ... on Refused { reasons { code } } } }"""
    propose = """mutation Propose($input: ProposeAgreementInput!) { proposeAgreement(input: $input) {
      ... on AgreementChanged { agreement } ... on Refused { reasons { code } } } }"""
    accept = """mutation Accept($input: AgreementInput!) { acceptAgreement(input: $input) {
      ... on AgreementChanged { receipt { position } } } }"""

    def answer() -> dict[str, Any]:
        found: dict[str, Any] = server.ask("gouden-ladder-app", ask, {"house": house})["data"]["audience"]
        return found

    assert answer()["reasons"] == [{"code": "NO_AGREEMENT"}]
    terms = {
        "package": "TOUR",
        "sources": [house],
        "recipients": [other],
        "purposes": ["ACCOUNTABILITY"],
        "groups": ["BASE"],
    }
    given = {"input": {"idempotencyKey": "together", "terms": terms}}
    made = server.ask("gouden-ladder-app", propose, given)["data"]["proposeAgreement"]
    again = server.ask("gouden-ladder-app", propose, given)["data"]["proposeAgreement"]
    assert made == again, "proposed twice with one key is one agreement"
    for client in ("gouden-ladder-app", THEATRE):
        assert "reasons" in answer(), "it stands when both accepted"
        server.ask(client, accept, {"input": {"idempotencyKey": "yes", "agreement": made["agreement"]}})
    assert answer() == {"tickets": {"value": 656}, "spend": {"code": "FIELD_NOT_COVERED"}}
