"""
The story of a visitor, over HTTP: a link in a ticket mail, a look at the own record, and leaving.

The visitor has no account, and needs none: what stands in the mailbox is enough.
"""

from __future__ import annotations

import email
import json
import re
import time
from email.policy import default
from typing import Any

import requests

from tests.story.server import Server

THEATRE = "vrijenoot-app"
VISITOR = "geert.peters30@example.com"
"""Invented, and in the theatre's recorded season."""

LINKS = "mutation L($input: CreateVisitorLinksInput!) { createVisitorLinks(input: $input) { ... on VisitorLinks { links } } }"
SEASON = "{ audience { ... on Audience { bookers { ... on Count { value } } tickets { ... on Count { value } } } } }"
ME = """
{ me { isKeptOut houses { institution name holds { tickets } purposes { purpose basis isUsed state } } } meExport }"""
DECIDE = """
mutation D($input: DecideInput!) {
  decide(input: $input) { ... on Decided { receipt { position } } ... on Refused { reasons { code } } }
}"""
ERASE = """
mutation E($input: EraseMeInput!) {
  eraseMe(input: $input) { ... on ErasedMe { effectiveBy sentence(language: EN) receipts { position proof } } }
}"""


def as_visitor(server: Server, token: str, query: str, **variables: Any) -> dict[str, Any]:
    answer = requests.post(
        f"{server.base_url}/graphql",
        json={"query": query, "variables": variables},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    ).json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def counted(server: Server) -> tuple[int, int]:
    audience = server.ask(THEATRE, SEASON)["data"]["audience"]
    return audience["bookers"]["value"], audience["tickets"]["value"]


def mailed_link(server: Server) -> str:
    """The link in the newest mail to the visitor; where it leads on this server."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for path in sorted((server.data / "outbox").glob("*.eml"), reverse=True):
            mail = email.message_from_bytes(path.read_bytes(), policy=default)
            found = re.search(r"https?://[^/\s]+(/v/\S+)", mail.get_content())
            assert mail["To"] == VISITOR
            assert found is not None
            return found[1]
        time.sleep(0.05)
    raise AssertionError("no mail came")


def test_a_visitor_stops_looks_decides_and_is_forgotten(either_server: Server) -> None:
    server = either_server
    bookers, tickets = counted(server)

    # The theatre puts a link into its ticket mail. A mail program opens it: nothing happens.
    made = server.ask(THEATRE, LINKS, {"input": {"emails": [VISITOR]}})["data"]["createVisitorLinks"]["links"]
    link = server.base_url + re.sub(r"^https?://[^/]+", "", made[0])
    assert requests.get(link, timeout=30).status_code == 200
    assert counted(server) == (bookers, tickets)

    # The visitor presses the button: one step, and the next question counts one booker less. The tickets stay.
    stopped = requests.post(link, data={"where": "here"}, headers={"Accept": "application/json"}, timeout=30)
    assert stopped.status_code == 200, stopped.text
    assert "receipts" not in stopped.json(), "whoever holds the link reads nothing"
    assert counted(server) == (bookers - 1, tickets)

    # To see more, the visitor types the address. The link comes by mail and works once.
    typed = requests.post(f"{server.base_url}/v1/visitor/link", json={"email": VISITOR}, timeout=30)
    assert typed.status_code == 202
    mailed = mailed_link(server)
    assert requests.get(server.base_url + mailed, timeout=30).status_code == 200
    address, given = f"{server.base_url}/v1/visitor/session", {"token": mailed.rpartition("/")[2]}
    token = requests.post(address, json=given, timeout=30).json()["access_token"]
    assert requests.post(address, json=given, timeout=30).status_code == 400

    # Which houses know me, and for what do they use my data?
    seen = as_visitor(server, token, ME)
    [house] = [one for one in seen["me"]["houses"] if "noot" in one["name"].lower()]
    assert house["holds"]["tickets"] > 0
    assert not any(one["isUsed"] for one in house["purposes"])
    mine = json.loads(seen["meExport"])
    assert sum(len(one["tickets"]) for one in mine["houses"]) >= house["holds"]["tickets"]

    # Figures about the house's own audience may count the visitor again, after all.
    wanted = {"institution": house["institution"], "purpose": "OWN_INSIGHT"}
    as_visitor(server, token, DECIDE, input={**wanted, "act": "GRANTED", "idempotencyKey": "again"})
    assert counted(server) == (bookers, tickets)
    as_visitor(server, token, DECIDE, input={**wanted, "act": "OBJECTED", "idempotencyKey": "no, rather not"})
    assert counted(server) == (bookers - 1, tickets)

    # In the end the visitor leaves, for good.
    erased = as_visitor(server, token, ERASE, input={"mode": "STAY_OUT", "idempotencyKey": "bye"})["eraseMe"]
    assert erased["effectiveBy"]
    assert "stay out" in erased["sentence"]
    assert len(erased["receipts"]) == len(seen["me"]["houses"]) + 1
    assert as_visitor(server, token, "{ me { isKeptOut houses { name } } }")["me"] == {
        "isKeptOut": True,
        "houses": [],
    }
    assert counted(server) == (bookers - 1, tickets)

    # The session ends, and the link in the old mail has nothing left to stop.
    ended = requests.post(f"{address}/end", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert ended.status_code == 204
    late = requests.post(link, data={"where": "here"}, headers={"Accept": "application/json"}, timeout=30)
    assert late.json() == stopped.json(), "and tells nobody so"
