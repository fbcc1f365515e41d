"""
Whether what keeps the ledger append-only is still in the database, word for word.

Whoever owns the database can drop a trigger, put an empty one in its place and change a row. The row
is found by its hash; the trigger is found here, before the next row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import Connection, text

from consent_ledger import cosignature_table, ledger_tables
from consent_ledger.finding import Finding

_TRIGGER = re.compile(r"CREATE TRIGGER (\w+)")
_FUNCTION = re.compile(r"CREATE FUNCTION public\.(\w+)\(\).*?\$\$(.*)\$\$", re.DOTALL)

_ON_SQLITE = text(
    "SELECT name, CAST(sql AS BLOB), 'A' FROM sqlite_master"
    " WHERE type = 'trigger'"
    " AND lower(tbl_name) IN ('ledger_entry', 'ledger_head', 'ledger_cosignature')"
)
_ON_POSTGRESQL = text(
    "SELECT t.tgname, pg_get_triggerdef(t.oid), t.tgenabled FROM pg_trigger t"
    " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE NOT t.tgisinternal AND n.nspname = 'public'"
    " AND c.relname IN ('ledger_entry', 'ledger_head', 'ledger_cosignature')"
)
_FUNCTIONS = text(
    "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname = 'public' AND (p.proname LIKE 'ledger%' OR p.proname LIKE 'cosignature%')"
)


def trigger_findings(connection: Connection) -> Iterator[Finding]:
    """Each trigger or function that is lost, switched off, changed, or not ours."""
    dialect = connection.dialect.name
    statements = [*ledger_tables.append_only_ddl(dialect), *cosignature_table.append_only_ddl(dialect)]
    wanted = {found[1]: one for one in statements if (found := _TRIGGER.match(one))}
    is_sqlite = connection.dialect.name == "sqlite"
    there = {
        str(name): (_plain(sql), _said(enabled))
        for name, sql, enabled in connection.execute(_ON_SQLITE if is_sqlite else _ON_POSTGRESQL)
    }
    for name, sql in wanted.items():
        found_sql, enabled = there.pop(name, (None, ""))
        if found_sql is None:
            yield Finding(
                "TRIGGER_LOST", f"The trigger {name}, which keeps the ledger append-only, is missing."
            )
        elif enabled != "A":
            yield Finding("TRIGGER_OFF", f"The trigger {name} does not fire always.")
        elif found_sql != _plain(sql):
            yield Finding("TRIGGER_CHANGED", f"The trigger {name} does something else than it should.")
    if there:
        yield Finding("TRIGGER_UNKNOWN", "A table of the ledger has a trigger that is none of ours.")
    if not is_sqlite:
        bodies = {str(name): str(body) for name, body in connection.execute(_FUNCTIONS)}
        for one in statements:
            if (function := _FUNCTION.match(one)) and bodies.get(function[1]) != function[2]:
                yield Finding(
                    "TRIGGER_CHANGED", f"The function {function[1]} does something else than it should."
                )


def _plain(sql: object) -> str:
    """A statement as both sides write it: PostgreSQL names no schema that is on its path."""
    return " ".join(_said(sql).replace("public.", "").split())


def _said(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
