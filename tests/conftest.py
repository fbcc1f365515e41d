"""What every test may ask for: a fresh, migrated database of either kind, and what is opened on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Engine

from consent_ledger.database import Login, open_engine
from consent_ledger.keyring import Keyring
from consent_ledger.vault import Vault
from migrations.run import migrate
from tests.postgresql import PostgreSQL


@dataclass(frozen=True, slots=True)
class Database:
    """One installation's databases, by login."""

    kind: Literal["sqlite", "postgresql"]
    owner_url: str
    vault_url: str
    app_url: str
    release_url: str


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The session's server; started when the first test asks for it."""
    server = PostgreSQL()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files at head, for copying."""
    folder = tmp_path_factory.mktemp("template")
    migrate(f"sqlite:///{folder}/main.db", f"sqlite:///{folder}/vault.db")
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A fresh database at head, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        folder = tmp_path / "database"
        shutil.copytree(template, folder)
        main, vault = f"sqlite:///{folder}/main.db", f"sqlite:///{folder}/vault.db"
        yield Database("sqlite", main, vault, main, main)
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        name = server.migrated()
        yield Database("postgresql", *server.urls(name))
        server.drop(name)


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[Database]:
    """Like `database`, before any migration."""
    if database.kind == "sqlite":
        main, vault = f"sqlite:///{tmp_path}/empty.db", f"sqlite:///{tmp_path}/empty-vault.db"
        yield Database("sqlite", main, vault, main, main)
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        name = server.empty()
        yield Database("postgresql", *server.urls(name))
        server.drop(name)


@pytest.fixture
def engines() -> Iterator[ExitStack]:
    """Where a test leaves engines that it opens itself: `engines.callback(engine.dispose)`."""
    with ExitStack() as stack:
        yield stack


def _opened(url: str, login: Login) -> Iterator[Engine]:
    engine = open_engine(url, login)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """The application's engine."""
    yield from _opened(database.app_url, Login.APP)


@pytest.fixture
def owner_engine(database: Database) -> Iterator[Engine]:
    """The engine of migrations; its login may do everything but change the ledger."""
    yield from _opened(database.owner_url, Login.OWNER)


@pytest.fixture
def release_engine(database: Database) -> Iterator[Engine]:
    """The engine that reads releases and the register, nothing else."""
    yield from _opened(database.release_url, Login.RELEASE)


@pytest.fixture
def vault_engine(database: Database) -> Iterator[Engine]:
    yield from _opened(database.vault_url, Login.VAULT)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.open(tmp_path / "keys")


@pytest.fixture
def vault(vault_engine: Engine, keyring: Keyring) -> Vault:
    return Vault.open(vault_engine, keyring)
