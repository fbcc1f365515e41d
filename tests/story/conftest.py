"""One planted sandbox for all stories; each story that changes something gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import PostgreSQL
from tests.story.server import Server, run, served


def _plant(data: Path, **environment: str) -> None:
    done = run("demo", "--no-serve", "--scale", "0.05", data=data, **environment)
    assert done.returncode == 0, done.stderr


def _addresses(server: PostgreSQL, database: str) -> dict[str, str]:
    owner, vault, app, release = server.urls(database)
    return {
        "CULTUURINZICHT_OWNER_DATABASE_URL": owner,
        "CULTUURINZICHT_VAULT_DATABASE_URL": vault,
        "CULTUURINZICHT_DATABASE_URL": app,
        "CULTUURINZICHT_RELEASE_DATABASE_URL": release,
    }


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a small sandbox, planted once and never served."""
    data = tmp_path_factory.mktemp("planted") / "var"
    _plant(data)
    return data


@pytest.fixture
def server(planted: Path, tmp_path: Path) -> Iterator[Server]:
    """A server on a copy of the planted sandbox."""
    data = tmp_path / "var"
    shutil.copytree(planted, data)
    with served(data) as running:
        yield running


@pytest.fixture
def postgresql_server(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Server]:
    """The same sandbox on PostgreSQL, each login a role of its own."""
    data, addresses = tmp_path / "var", _addresses(postgresql, postgresql.empty())
    _plant(data, **addresses)
    with served(data, environment=addresses) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def either_server(request: pytest.FixtureRequest) -> Server:
    """The sandbox on each of the two databases in turn."""
    name = "server" if request.param == "sqlite" else "postgresql_server"
    found: Server = request.getfixturevalue(name)
    return found
