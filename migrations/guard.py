"""
What no step may do to the ledger: rebuild its tables, or leave them without their triggers.

On SQLite, Alembic's batch mode makes a new table, copies the rows and drops the old one: the triggers that
make the ledger append-only go with it, without a word. So batch mode is refused for these tables, and
after every step the triggers are counted before the step may be committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.operations import Operations
from sqlalchemy import Connection, text

from consent_ledger import cosignature_table, ledger_tables

_APPEND_ONLY = {
    "ledger_entry": ledger_tables.append_only_ddl,
    "ledger_cosignature": cosignature_table.append_only_ddl,
}
"""By table, what keeps it append-only once it is there."""


class StepRefused(Exception):
    """A migration step would harm the ledger; nothing of it is kept."""

    code = "MIGRATION_REFUSED"


@contextmanager
def refusing_batch() -> Iterator[None]:
    """While this lasts, `op.batch_alter_table` on a ledger table raises `StepRefused`."""
    original = Operations.batch_alter_table

    def guarded(self: Operations, table_name: str, *arguments: Any, **options: Any) -> Any:
        if table_name.lower().startswith("ledger_"):
            raise StepRefused(f"{table_name} is a ledger table; batch mode would drop its triggers")
        return original(self, table_name, *arguments, **options)

    setattr(Operations, "batch_alter_table", guarded)  # noqa: B010 - the type knows no other signature
    try:
        yield
    finally:
        setattr(Operations, "batch_alter_table", original)  # noqa: B010


def refuse_lost_triggers(connection: Connection) -> None:
    """Raises `StepRefused` when a table of the ledger is there without all that keeps it append-only."""
    dialect = connection.dialect.name
    if dialect == "sqlite":
        tables = text("SELECT name FROM sqlite_master WHERE type = 'table'")
        triggers = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    else:
        tables = text("SELECT relname FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid)")
        # A: fires always; a disabled trigger is a lost one
        triggers = text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A'")
    there = set(connection.scalars(tables))
    statements = [
        statement for table, ddl in _APPEND_ONLY.items() if table in there for statement in ddl(dialect)
    ]
    wanted = {name for statement in statements for name in re.findall(r"CREATE TRIGGER (\w+)", statement)}
    lost = wanted - set(connection.scalars(triggers))
    if lost:
        raise StepRefused(f"the ledger lost what keeps it append-only: {', '.join(sorted(lost))}")
