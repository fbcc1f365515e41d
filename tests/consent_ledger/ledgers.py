"""Ledgers for tests: a migrated database, a second store, a key, and drafts to append."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from consent_ledger import cosignature_table
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import Clock, SimulatedClock
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.entry import Actor, Draft, EntryType
from consent_ledger.log import Ledger, append_only_ddl, metadata
from consent_ledger.snapshot import Snapshot
from consent_ledger.vocabulary import PLATFORM, ClientId, PartyId

ORIGIN = "test.example/ledger"
START = datetime(2026, 3, 1, 12, 30, 15, 999_999, tzinfo=UTC)
OPERATOR = Actor(PLATFORM, ClientId("platform"))
SHA = hashlib.sha256(b"text").hexdigest()


def key(seed: int = 1) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def migrate(engine: Engine) -> None:
    with writing(engine) as connection:
        for tables in (metadata, cosignature_table.metadata):
            tables.create_all(connection)
        dialect = engine.dialect.name
        for statement in (*append_only_ddl(dialect), *cosignature_table.append_only_ddl(dialect)):
            connection.exec_driver_sql(statement)


class Place:
    """One database with its second store, which can be opened and closed again and again."""

    def __init__(self, folder: Path, engine: Engine, clock: Clock | None = None) -> None:
        self.folder = folder
        self.engine = engine
        self.clock = clock or SimulatedClock(START)
        self.signer = Signer(ORIGIN, key())
        self._stack = ExitStack()

    def store(self, name: str = "checkpoint.db") -> CheckpointStore:
        store = CheckpointStore(self.folder / name)
        self._stack.callback(store.close)
        return store

    def create(self) -> Ledger:
        return self._closing(
            Ledger.create(self.engine, self.store(), self.signer, clock=self.clock, sandbox=True)
        )

    def open(
        self, signer: Signer | None = None, *, store: str = "checkpoint.db", adopt: bool = False
    ) -> Ledger:
        return self._closing(
            Ledger.open(self.engine, self.store(store), signer or self.signer, clock=self.clock, adopt=adopt)
        )

    def _closing(self, ledger: Ledger) -> Ledger:
        self._stack.callback(ledger.close)
        return ledger

    def pin(self, ledger: Ledger) -> Snapshot:
        with reading(self.engine) as connection:
            return ledger.pin(connection)

    def close(self) -> None:
        self._stack.close()


@contextmanager
def sqlite_place(folder: Path, clock: Clock | None = None) -> Iterator[Place]:
    """A migrated SQLite database in `folder`, opened as the app."""
    url = f"sqlite:///{folder / 'main.db'}"
    owner = open_engine(url, Login.OWNER)
    migrate(owner)
    owner.dispose()
    place = Place(folder, open_engine(url, Login.APP), clock)
    try:
        yield place
    finally:
        place.close()
        place.engine.dispose()


def registered(name: str, idem: str | None = None, *, kind: str = "institution") -> Draft:
    """The plainest entry: an organisation joins."""
    return Draft(
        EntryType.PARTY_REGISTERED,
        OPERATOR,
        idem or f"register-{name}",
        {"party": name, "kind": kind, "organisation": name, "sandbox": True},
    )


def issued(idem: str, stop: int = 0, actor: Actor = OPERATOR) -> Draft:
    """An entry that changes no verdict."""
    return Draft(
        EntryType.EXPORT_ISSUED,
        actor,
        idem,
        {"recipient": actor.party, "client": actor.client, "start": 0, "stop": stop},
    )


def closed(name: str) -> Draft:
    return Draft(EntryType.PARTY_CLOSED, OPERATOR, f"close-{name}", {"party": name})


def granted(controller: str, idem: str) -> Draft:
    """An entry about a person."""
    return Draft(
        EntryType.CONSENT_GRANTED,
        Actor(PartyId(controller), ClientId("app")),
        idem,
        {
            "controller": controller,
            "purpose": "own_insight",
            "purpose_version": 1,
            "notice": None,
            "notice_version": None,
            "commitment": hashlib.sha256(idem.encode()).hexdigest(),
        },
    )


def purpose() -> Draft:
    return Draft(
        EntryType.PURPOSE_PUBLISHED,
        OPERATOR,
        "purpose-own-insight-1",
        {
            "purpose": "own_insight",
            "version": 1,
            "text_sha256": SHA,
            "bases": ["eu-gdpr:A6-1-a"],
            "high_risk": False,
        },
    )
