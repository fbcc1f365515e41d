"""The two histories: which tables each is about, and where its steps stand."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from consent_ledger import cosignature_table, ledger_tables, register, right_requests, standing, vault
from insight import tables

_FOLDER = Path(__file__).parent


class History(StrEnum):
    """Which database a step is about."""

    MAIN = "main"
    VAULT = "vault"


METADATA: dict[History, Sequence[MetaData]] = {
    History.MAIN: (
        ledger_tables.metadata,
        register.metadata,
        standing.metadata,
        tables.metadata,
        cosignature_table.metadata,
        right_requests.metadata,
    ),
    History.VAULT: (vault.metadata,),
}
"""The owners' tables, in the order in which they are made."""


def config(history: History, connection: Connection | None = None) -> Config:
    """What Alembic needs to know; there is no ini file."""
    made = Config()
    made.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    made.set_main_option("version_locations", str(_FOLDER / "versions" / history).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    made.attributes["metadata"] = METADATA[history]
    return made


def steps(history: History) -> list[str]:
    """The revisions of a history, first to last."""
    script = ScriptDirectory.from_config(config(history))
    return [step.revision for step in reversed(list(script.walk_revisions()))]


def head(history: History = History.MAIN) -> str:
    """The revision that this version of the program was written for."""
    return steps(history)[-1]
