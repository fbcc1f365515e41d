"""
A draft of the next step: `python -m migrations.draft main|vault [--from-empty]` prints the operations.

They take a database at head to what the owners' tables say now (with --from-empty: an empty one). A draft
is read and edited by a person: give the step one purpose, words in its name, and see that the previous
version still works beside it. Triggers and grants are not in it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext

from consent_ledger.database import Login, open_engine, reading
from migrations.histories import METADATA, History
from migrations.run import migrate


def draft(history: History, *, from_empty: bool = False) -> str:
    """The operations as Python text; `pass` when the head already equals the tables."""
    with tempfile.TemporaryDirectory() as folder:
        urls = {each: f"sqlite:///{Path(folder) / each}.db" for each in History}
        if not from_empty:
            migrate(urls[History.MAIN], urls[History.VAULT])
        engine = open_engine(urls[history], Login.OWNER)
        try:
            with reading(engine) as connection:
                tables: Any = list(METADATA[history])  # Alembic takes a list, though its type says one
                context = MigrationContext.configure(connection, opts={"target_metadata": tables})
                operations = produce_migrations(context, tables).upgrade_ops
        finally:
            engine.dispose()
    if operations is None:
        return "pass"
    return str(render_python_code(operations, sqlalchemy_module_prefix="sa.", alembic_module_prefix="op."))


if __name__ == "__main__":
    named = [argument for argument in sys.argv[1:] if argument != "--from-empty"]
    if named not in [[history.value] for history in History]:
        sys.exit("Say which history: python -m migrations.draft main|vault [--from-empty]")
    sys.stdout.write(draft(History(named[0]), from_empty="--from-empty" in sys.argv) + "\n")
