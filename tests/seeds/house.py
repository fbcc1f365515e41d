"""An empty house on a simulated clock, with real database, ledger and vault, to plant a sector in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from consent_ledger import ledger_tables, register, standing, vault
from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.log import Ledger
from consent_ledger.vault import Vault
from insight import tables
from insight.index import Indexes
from insight.intake.pipeline import Intake
from resolvers.house import House
from seeds import seasons


@dataclass(slots=True)
class Ground:
    """The house and what else must be closed."""

    house: House
    clock: SimulatedClock
    store: CheckpointStore
    vault_engine: Engine

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with reading(self.house.engine) as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def close(self) -> None:
        self.house.ledger.close()
        self.house.engine.dispose()
        self.house.releases.dispose()
        self.vault_engine.dispose()
        self.store.close()


def empty_ground(folder: Path) -> Ground:
    main, persons = f"sqlite:///{folder / 'main.db'}", f"sqlite:///{folder / 'vault.db'}"
    owner = open_engine(main, Login.OWNER)
    with writing(owner) as connection:
        for metadata in (ledger_tables.metadata, register.metadata, standing.metadata, tables.metadata):
            metadata.create_all(connection)
        for statement in ledger_tables.append_only_ddl(connection.dialect.name):
            connection.exec_driver_sql(statement)
    owner.dispose()
    vault_engine = open_engine(persons, Login.VAULT)
    with writing(vault_engine) as connection:
        vault.metadata.create_all(connection)
    engine = open_engine(main, Login.APP)
    clock = SimulatedClock(seasons.OPENING)
    store = CheckpointStore(folder / "checkpoint.db")
    signer = Signer("seeds.example/ledger", Ed25519PrivateKey.generate())
    ledger = Ledger.create(engine, store, signer, clock=clock, sandbox=True)
    keeper = Vault.open(vault_engine, Keyring.open(folder / "keyring"))
    house = House(
        engine=engine,
        releases=open_engine(main, Login.RELEASE),
        ledger=ledger,
        vault=keeper,
        intake=Intake(engine=engine, ledger=ledger, vault=keeper, clock=clock),
        indexes=Indexes(),
        clock=clock,
        today=lambda: seasons.TODAY,
        rp_id="localhost",
        entry_secret=bytes(32),
    )
    return Ground(house, clock, store, vault_engine)
