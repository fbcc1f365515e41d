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
from consent_ledger import log, parties
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import Login, open_engine, writing
from consent_ledger.keyring import Keyring
from tests.api.oauth.stage import ISSUER, House, application

SIGNER = Signer("ledger.test/cultuurinzicht", Ed25519PrivateKey.generate())


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))


@contextmanager
def _opened(folder: Path, clock: SimulatedClock, *, create: bool) -> Iterator[House]:
    engine = open_engine(f"sqlite:///{folder / 'house.db'}", Login.APP)
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


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A house built once, on the real road; each test gets its own copy."""
    folder = tmp_path_factory.mktemp("furnished")
    owner = open_engine(f"sqlite:///{folder / 'house.db'}", Login.OWNER)
    with writing(owner) as connection:
        log.metadata.create_all(connection)
        parties.metadata.create_all(connection)
        for statement in log.append_only_ddl("sqlite"):
            connection.exec_driver_sql(statement)
    owner.dispose()
    with _opened(folder, SimulatedClock(datetime(2026, 11, 22, 11, 0, tzinfo=UTC)), create=True) as built:
        built.party("vrijenoot")
        built.party("de-kade")
        built.client("vrijenoot-app", "vrijenoot")
        built.oauth()  # makes the signing keys
        return folder, dict(built.secrets)


@pytest.fixture
def house(furnished: tuple[Path, dict[str, str]], tmp_path: Path, clock: SimulatedClock) -> Iterator[House]:
    folder, secrets = furnished
    own = tmp_path / "house"
    shutil.copytree(folder, own)
    with _opened(own, clock, create=False) as opened:
        opened.secrets.update(secrets)
        yield opened


@pytest.fixture
def oauth(house: House) -> OAuth:
    return house.oauth()


@pytest.fixture
def http(house: House, oauth: OAuth) -> Iterator[TestClient]:
    with TestClient(application(house, oauth), base_url=ISSUER) as client:
        yield client
