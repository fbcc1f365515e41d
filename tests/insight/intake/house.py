"""One house with a real database, ledger and vault, and the permit to bring its data in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.entry import Actor
from consent_ledger.keyring import Keyring
from consent_ledger.log import Ledger
from consent_ledger.parties import Party, platform_caller, register_party
from consent_ledger.permit import Permit, Write, decide
from consent_ledger.question import intake_question
from consent_ledger.vault import Vault
from consent_ledger.vocabulary import PLATFORM, ClientId, PartyId, PartyKind
from insight import tables
from insight.intake import ticket
from insight.intake.pipeline import Content, Intake
from insight.intake.report import ImportReport

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUSE, NEIGHBOUR = PartyId("vrijenoot"), PartyId("neighbour")
ACTOR = Actor(PLATFORM, ClientId(PLATFORM))
RECORDED = Path(__file__).parents[3] / "seeds" / "data" / "pretix_vrijenoot"
COMMA = RECORDED / "orderlist_positions.csv"
SEMICOLON = RECORDED / "orderlist_positions_semicolon.csv"


def clock() -> datetime:
    return NOW


@dataclass(slots=True)
class House:
    """A running house."""

    engine: Engine
    vault_engine: Engine
    store: CheckpointStore
    ledger: Ledger
    vault: Vault
    intake: Intake

    @contextmanager
    def permit(self, controller: PartyId = HOUSE) -> Iterator[Permit[Write]]:
        with reading(self.engine) as connection:
            snapshot = self.ledger.pin(connection)
            answer = decide(snapshot, platform_caller(), intake_question(controller))
            assert isinstance(answer, Permit), answer
            yield answer

    def tickets(self, content: Content, **changes: Any) -> ImportReport:
        return self._bring("tickets", content, {"mapping": "pretix-nl", "source": "pretix"} | changes)

    def visits(self, content: Content, **changes: Any) -> ImportReport:
        return self._bring("visits", content, {"mapping": "visits", "source": "counter"} | changes)

    def _bring(self, unit: str, content: Content, told: dict[str, Any]) -> ImportReport:
        controller = told.pop("controller", HOUSE)
        told.setdefault("idem", "first")
        if "file_sha256" not in told:
            told["file_sha256"] = sha256(content)
        with self.permit(controller) as permit:
            report: ImportReport = getattr(self.intake, unit)(permit, content, actor=ACTOR, **told)
            return report

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def change(self, sql: str, **values: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(text(sql), values)

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table of the truth."""
        return {
            table.name: sorted(self.rows(f"select * from {table.name}"), key=repr)
            for table in tables.metadata.sorted_tables
        }

    def size(self) -> int:
        return int(self.rows("select size from ledger_head")[0][0])

    def close(self) -> None:
        self.ledger.close()
        self.engine.dispose()
        self.vault_engine.dispose()
        self.store.close()


def sha256(content: Content) -> str:
    if isinstance(content, pd.DataFrame):
        return ticket.canonical_sha256(content)
    return hashlib.sha256(content if isinstance(content, bytes) else content.read_bytes()).hexdigest()


def open_house(folder: Path, app_url: str, vault_url: str) -> House:
    """
    Open the house on these migrated databases; it is begun, with two institutions, when it is new.

    `folder` keeps what lies beside the databases: the signing key, the last checkpoint, the keyring.
    """
    secret = folder / "signer.key"
    is_new = not secret.exists()
    if is_new:
        secret.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    signer = Signer("test.example/ledger", Ed25519PrivateKey.from_private_bytes(secret.read_bytes()))
    engine, vault_engine = open_engine(app_url, Login.APP), open_engine(vault_url, Login.VAULT)
    store = CheckpointStore(folder / "checkpoint.db")
    ledger = (
        Ledger.create(engine, store, signer, clock=clock, sandbox=True)
        if is_new
        else Ledger.open(engine, store, signer, clock=clock)
    )
    vault = Vault.open(vault_engine, Keyring.open(folder / "keyring"))
    if is_new:
        for party in (HOUSE, NEIGHBOUR):
            ledger.append_all(
                [register_party(Party(party, PartyKind.INSTITUTION, "Een huis", party), actor=ACTOR)]
            )
    intake = Intake(engine=engine, ledger=ledger, vault=vault, clock=clock)
    return House(engine, vault_engine, store, ledger, vault, intake)
