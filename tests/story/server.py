"""A served sandbox for stories: the real command in a process of its own, on a port of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

COMMAND = [sys.executable, "-m", "api.cli"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(*arguments: str, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command of the project against this data folder."""
    given = {**os.environ, "CULTUURINZICHT_DATA_DIR": str(data), **environment}
    return subprocess.run(
        [*COMMAND, *arguments], env=given, capture_output=True, text=True, timeout=300, check=False
    )


@dataclass
class Server:
    """A running server and the access that it wrote."""

    data: Path
    port: int
    process: subprocess.Popen[str]
    access: dict[str, Any]
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, client_id: str) -> str:
        """A token, fetched once, by an OAuth client that others wrote."""
        if client_id not in self._tokens:
            client = next(one for one in self.access["clients"] if one["client_id"] == client_id)
            session = OAuth2Session(client=BackendApplicationClient(client_id=client_id))
            given: dict[str, Any] = {"client_secret": client["client_secret"], "include_client_id": True}
            if client["token_endpoint_auth_method"] == "client_secret_basic":
                given = {"auth": HTTPBasicAuth(client_id, client["client_secret"])}
            with session:
                token = session.fetch_token(f"{self.base_url}/oauth/token", **given)
            self._tokens[client_id] = str(token["access_token"])
        return self._tokens[client_id]

    def post(self, client_id: str, query: str, variables: dict[str, Any] | None = None) -> requests.Response:
        return requests.post(
            f"{self.base_url}/graphql",
            json={"query": query, "variables": variables or {}},
            headers={"Authorization": f"Bearer {self.token(client_id)}"},
            timeout=60,
        )

    def ask(self, client_id: str, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The whole answer, of an operation without errors."""
        response = self.post(client_id, query, variables)
        answer: dict[str, Any] = response.json()
        assert response.status_code == 200, answer
        assert "errors" not in answer, answer["errors"]
        return answer


@contextmanager
def served(
    data: Path, *, scale: float = 0.05, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """`cultuurinzicht demo` in a process; leaving the block ends it as an operator would."""
    port = free_port()
    settings = {
        "CULTUURINZICHT_DATA_DIR": str(data),
        "CULTUURINZICHT_PORT": str(port),
        "OAUTHLIB_INSECURE_TRANSPORT": "1",
    }
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback alone
    log = data.parent / f"{data.name}-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--scale", str(scale)],
            env={**os.environ, **settings, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            _wait(process, port, log)
            access = json.loads((data / "demo-access.json").read_text(encoding="utf-8"))
            yield Server(data, port, process, access)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=30)


def _wait(process: subprocess.Popen[str], port: int, log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended: {log.read_text()}")
        try:
            if requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError(f"the server did not start: {log.read_text()}")
