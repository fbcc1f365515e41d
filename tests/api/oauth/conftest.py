from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from api.oauth.service import OAuth
from consent_ledger import log
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import Login, open_engine
from consent_ledger.keyring import Keyring
from tests.api.oauth.stage import ISSUER, House, application
from tests.conftest import Database
from tests.postgresql import PostgreSQL

BUILT = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
SIGNER = Signer("ledger.test/cultuurinzicht", Ed25519PrivateKey.generate())


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))


@contextmanager
def _opened(url: str, folder: Path, clock: SimulatedClock, *, create: bool) -> Iterator[House]:
    engine = open_engine(url, Login.APP)
    store = CheckpointStore(folder / "checkpoint.db")
    ledger = (
        log.Ledger.create(engine, store, SIGNER, clock=clock, sandbox=True)
        if create
        else log.Ledger.open(engine, store, SIGNER, clock=clock)
    )
    try:
        yield House(engine, Keyring.open(folder / "keys"), ledger, clock)
    finally:
        ledger.close()
        store.close()
        engine.dispose()


def _furnish(house: House) -> None:
    house.party("vrijenoot")
    house.party("de-kade")
    house.client("vrijenoot-app", "vrijenoot")
    house.oauth()  # makes the signing keys


@pytest.fixture(scope="session")
def furnished(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A house built once, on the real road; each test gets its own copy."""
    folder = tmp_path_factory.mktemp("furnished") / "house"
    shutil.copytree(sqlite_template, folder)
    with _opened(f"sqlite:///{folder}/main.db", folder, SimulatedClock(BUILT), create=True) as built:
        _furnish(built)
        return folder, dict(built.secrets)


@pytest.fixture
def kind() -> str:
    """Which database the house stands on; a module that asks live state of it names both."""
    return "sqlite"


@pytest.fixture
def house(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, clock: SimulatedClock
) -> Iterator[House]:
    own = tmp_path / "house"
    if kind == "sqlite":
        folder, secrets = request.getfixturevalue("furnished")
        shutil.copytree(folder, own)
        with _opened(f"sqlite:///{own}/main.db", own, clock, create=False) as opened:
            opened.secrets.update(secrets)
            yield opened
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        name = server.migrated()
        own.mkdir()
        with _opened(Database("postgresql", *server.urls(name)).app_url, own, clock, create=True) as opened:
            opened.clock = SimulatedClock(BUILT)
            _furnish(opened)
            opened.clock = clock
            yield opened
        server.drop(name)


@pytest.fixture
def oauth(house: House) -> OAuth:
    return house.oauth()


@pytest.fixture
def http(house: House, oauth: OAuth) -> Iterator[TestClient]:
    with TestClient(application(house, oauth), base_url=ISSUER) as client:
        yield client
