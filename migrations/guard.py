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

from consent_ledger.ledger_tables import append_only_ddl


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
    """Raises `StepRefused` when there is a ledger without all the triggers that keep it append-only."""
    dialect = connection.dialect.name
    if dialect == "sqlite":
        table = text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ledger_entry'")
        triggers = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    else:
        table = text("SELECT 1 WHERE to_regclass('ledger_entry') IS NOT NULL")
        # A: fires always; a disabled trigger is a lost one
        triggers = text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A'")
    if connection.execute(table).first() is None:
        return
    statements = append_only_ddl(dialect)
    wanted = {name for statement in statements for name in re.findall(r"CREATE TRIGGER (\w+)", statement)}
    lost = wanted - set(connection.scalars(triggers))
    if lost:
        raise StepRefused(f"the ledger lost what keeps it append-only: {', '.join(sorted(lost))}")
