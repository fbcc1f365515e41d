"""Ledgers to measure on, and what is asked of each of them."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from bench.report import Line, seconds
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import system_clock
from consent_ledger.database import Login, open_engine, reading
from consent_ledger.entry import Actor, Draft, EntryType, Json
from consent_ledger.log import Ledger
from consent_ledger.vocabulary import PLATFORM, ClientId, PartyId, Purpose
from migrations.run import migrate

ROUNDS = 5
ACTOR = Actor(PLATFORM, ClientId(PLATFORM))
ORIGIN = "bench.example/ledger"


def draft(idem: str, number: int = 0) -> Draft:
    """An entry as answers write them most."""
    body: dict[str, Json] = {"recipient": PLATFORM, "client": PLATFORM, "start": 0, "stop": number}
    return Draft(EntryType.EXPORT_ISSUED, ACTOR, idem, body)


@contextmanager
def created(folder: Path, engine: Engine) -> Iterator[Ledger]:
    """A new ledger in this migrated database, with its second store in `folder`."""
    with closing(CheckpointStore(folder / "checkpoint.db")) as store:
        signer = Signer(ORIGIN, Ed25519PrivateKey.generate())
        ledger = Ledger.create(engine, store, signer, clock=system_clock, sandbox=True)
        try:
            yield ledger
        finally:
            ledger.close()


@contextmanager
def on_sqlite(folder: Path) -> Iterator[tuple[Ledger, Engine]]:
    """A new ledger on SQLite."""
    folder.mkdir()
    url = f"sqlite:///{folder}/main.db"
    migrate(url, f"sqlite:///{folder}/vault.db")
    engine = open_engine(url, Login.APP)
    try:
        with created(folder, engine) as ledger:
            yield ledger, engine
    finally:
        engine.dispose()


HOUSE = Actor(PartyId("house-a"), ClientId("house-a-tickets"))


def ground() -> list[Draft]:
    """What must stand before a person can say yes at a house: the house, the purpose, the notice."""
    digest = hashlib.sha256(b"text").hexdigest()
    own = str(Purpose.OWN_INSIGHT)
    bodies: dict[EntryType, dict[str, Json]] = {
        EntryType.PARTY_REGISTERED: {
            "party": HOUSE.party, "kind": "institution", "organisation": HOUSE.party, "sandbox": True
        },
        EntryType.PURPOSE_PUBLISHED: {
            "purpose": own, "version": 1, "text_sha256": digest, "bases": ["eu-gdpr:A6-1-a"], "high_risk": False
        },
        EntryType.NOTICE_PUBLISHED: {
            "controller": HOUSE.party, "notice": "privacy", "version": 1, "text_sha256": digest, "purposes": [own]
        },
    }  # fmt: skip
    return [Draft(kind, ACTOR, f"ground:{kind}", body) for kind, body in bodies.items()]


def granted(number: int) -> Draft:
    """One person says yes: what a ledger holds most of."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    body: dict[str, Json] = {
        "controller": HOUSE.party,
        "purpose": str(Purpose.OWN_INSIGHT),
        "purpose_version": 1,
        "notice": "privacy",
        "notice_version": 1,
        "commitment": digest,
    }
    return Draft(EntryType.CONSENT_GRANTED, HOUSE, f"consent-{digest[:40]}", body)


def head_read(ledger: Ledger, engine: Engine, name: str) -> Iterator[Line]:
    """What a request pays to know where the ledger stands."""
    with reading(engine) as connection:
        ledger.pin(connection)
        driver = connection.connection.driver_connection
        assert driver is not None
        ones, pins = [], []
        for _ in range(ROUNDS):
            ones.append(seconds(lambda: [driver.execute("select 1").fetchone() for _ in range(2_000)], 3))
            pins.append(seconds(lambda: [ledger.pin(connection) for _ in range(2_000)], 3))
        floor = statistics.median(ones)
    ratio = statistics.median(pins) / floor
    yield Line(f"head read and pin, {name}", ratio, "x select 1", f"{floor / 2_000 * 1e6:.1f} us", 3)
