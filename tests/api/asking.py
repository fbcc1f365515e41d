"""Asking a served sandbox over HTTP, and holding its refusals to the one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from tests.story.server import Server

AUDITOR, THEATRE = "toetssteen-app", "vrijenoot-app"
SHAPE = {"code", "sentence", "nextStep", "requestId", "ledgerPosition"}


def get(
    server: Server,
    path: str,
    client: str | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    given = {"Authorization": f"Bearer {server.token(client)}"} if client else {}
    return requests.request(
        method, f"{server.base_url}{path}", headers={**given, **(headers or {})}, timeout=30
    )


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
