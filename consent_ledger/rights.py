"""
What each login may do in the main database: one list, held by grants on PostgreSQL and by an authorizer on SQLite.

Four logins. OWNER migrates and nothing else. APP serves: it adds to the ledger and can neither change
nor remove an entry, nor make, alter or hide a table. RELEASE computes benchmarks and can read published
releases and the register, nothing else. VAULT owns persons and keys, in a database file or schema of its own.

What this does not hold: whoever owns the file, or is superuser, can do anything. That is found by
checkpoint and witness, not prevented here.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from enum import StrEnum

__all__ = [
    "RELEASE_TABLES",
    "Login",
    "app_rights",
    "authorizer",
    "database_grants_sql",
    "grants_sql",
    "held_against_replace",
]


class Login(StrEnum):
    """As whom a connection acts."""

    OWNER = "owner"
    APP = "app"
    RELEASE = "release"
    VAULT = "vault"


RELEASE_TABLES: frozenset[str] = frozenset({"release", "release_block", "release_cell", "party"})
"""All that benchmark code can read."""

_READ = frozenset({"SELECT"})
_ADD = frozenset({"SELECT", "INSERT"})
_CHANGE = frozenset({"SELECT", "INSERT", "UPDATE"})
_REMOVE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})

_APP_RIGHTS: dict[str, frozenset[str]] = {
    "alembic_version": _READ,
    # append-only, by law of the house
    "ledger_entry": _ADD,
    "ledger_cosignature": _ADD,
    "ticket_event": _ADD,
    "disclosure_secret": _ADD,
    "subject_set": _ADD,
    "agreement_preview": _ADD,
    "published_text": _ADD,
    "consent_batch": _ADD,
    "release": _ADD,
    "release_block": _ADD,
    "release_cell": _ADD,
    # projections that are rebuilt or erased, and lists whose rows expire
    "standing": _REMOVE,
    "revoked_token": _REMOVE,
    # names a member of staff: deleted when the house says so
    "passkey": _REMOVE,
}


def app_rights(table: str) -> frozenset[str]:
    """What APP may do with `table`. A table that is not named here can be added to and changed, not emptied."""
    if table.startswith("sqlite_"):
        return _READ
    return _APP_RIGHTS.get(table, _CHANGE)


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}")


def _quoted(name: str) -> str:
    """A PostgreSQL identifier, quoted; anything that would need escaping is not a name of ours."""
    if not _NAME.fullmatch(name):
        raise ValueError("not a name for a role, a table or a database")
    return f'"{name}"'


def database_grants_sql(database: str, app: str, release: str, vault: str | None) -> list[str]:
    """
    What is granted on the database itself; repeatable.

    TEMP goes from everybody: with it, an app login could hide the ledger behind a temporary table of
    the same name. PostgreSQL does not copy these grants when a database is made from a template.
    """
    base = _quoted(database)
    logins = ", ".join(_quoted(login) for login in (app, release, vault) if login)
    return [
        f"REVOKE TEMPORARY ON DATABASE {base} FROM PUBLIC, {logins}",
        f"GRANT CONNECT ON DATABASE {base} TO {logins}",
    ]


def grants_sql(tables: list[str], *, database: str, app: str, release: str, vault: str | None) -> list[str]:
    """
    What gives each login the rights it needs on `tables`, and no more; for the owner to run, repeatable.

    `vault` is the vault's login when its schema stands in this database.

    Everything is taken first, so that a right that was dropped from the list is dropped from the database.
    """
    both = f"{_quoted(app)}, {_quoted(release)}"
    statements = database_grants_sql(database, app, release, vault)
    statements += [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {both}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {both}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {_quoted(app)}",
    ]
    if vault is not None:
        # the vault's login makes and owns its tables there; not even the owner can read them
        statements += [
            "CREATE SCHEMA IF NOT EXISTS vault",
            "REVOKE ALL ON SCHEMA vault FROM PUBLIC",
            f"GRANT USAGE, CREATE ON SCHEMA vault TO {_quoted(vault)}",
        ]
    for table in sorted(tables):
        rights = ", ".join(sorted(app_rights(table)))
        statements.append(f"GRANT {rights} ON TABLE public.{_quoted(table)} TO {_quoted(app)}")
        if table in RELEASE_TABLES:
            statements.append(f"GRANT SELECT ON TABLE public.{_quoted(table)} TO {_quoted(release)}")
    return statements


Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]

# Pragmas that only read, and the one with which a reading transaction is made to refuse writing.
_READING_PRAGMAS = frozenset(
    {
        "data_version", "database_list", "foreign_key_list", "foreign_keys", "index_info", "index_list",
        "index_xinfo", "journal_mode", "read_uncommitted", "synchronous", "table_info", "table_list", "table_xinfo",
    }
)  # fmt: skip
_NAMES_A_TABLE = frozenset(
    {"foreign_key_list", "index_info", "index_list", "index_xinfo", "table_info", "table_xinfo"}
)
_ALWAYS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT, sqlite3.SQLITE_RECURSIVE}
)
_WRITES = {sqlite3.SQLITE_INSERT: "INSERT", sqlite3.SQLITE_UPDATE: "UPDATE", sqlite3.SQLITE_DELETE: "DELETE"}


def authorizer(login: Login) -> Authorizer | None:
    """
    What SQLite asks while it prepares a statement of `login`; None where nothing is refused.

    Default is deny: an action that is not named here (CREATE, DROP, ALTER, ATTACH, writing pragmas,
    whatever a later SQLite adds) is refused. REPLACE shows here as INSERT only; `held_against_replace`
    is what refuses it.
    """
    match login:
        case Login.APP:
            return _authorize_app
        case Login.RELEASE:
            return _authorize_release
        case Login.VAULT:
            return _authorize_vault
        case Login.OWNER:
            return None


def _authorize_app(
    action: int, first: str | None, second: str | None, _database: str | None, _inner: str | None
) -> int:
    if action in _ALWAYS or action == sqlite3.SQLITE_READ:
        return sqlite3.SQLITE_OK
    if action in _WRITES:
        return _allow(_WRITES[action] in app_rights((first or "").lower()))
    if action == sqlite3.SQLITE_FUNCTION:
        return _allow(second != "load_extension")
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        if name == "query_only":
            return sqlite3.SQLITE_OK
        return _allow(name in _READING_PRAGMAS and (second is None or name in _NAMES_A_TABLE))
    return sqlite3.SQLITE_DENY


def held_against_replace(tables: Iterable[str]) -> list[str]:
    """
    What APP's SQLite connection runs before its authorizer is set: rows that are added to are not replaced.

    REPLACE removes the rows it collides with, and asks the authorizer for INSERT alone. With recursive
    triggers it fires DELETE triggers for them; these are the connection's own, so that no table needs a
    migration, and the authorizer lets nobody drop them. An INSERT that collides with nothing pays nothing.
    """
    added_to = sorted(table for table in tables if app_rights(table) == _ADD)
    return [
        "PRAGMA recursive_triggers=ON",
        *(
            f'CREATE TEMP TRIGGER "{table}_replaced" BEFORE DELETE ON main."{table}"'
            f" BEGIN SELECT RAISE(ABORT, '{table} is added to, and nothing in it is replaced'); END"
            for table in added_to
        ),
    ]


def _authorize_vault(
    action: int, first: str | None, _second: str | None, _database: str | None, _inner: str | None
) -> int:
    # The vault's login owns its file and migrates it, but opens no other: not the ledger beside it. VACUUM
    # attaches a nameless file for itself.
    return _allow(action != sqlite3.SQLITE_ATTACH or first == "")


def _authorize_release(
    action: int, first: str | None, second: str | None, _database: str | None, _inner: str | None
) -> int:
    if action in _ALWAYS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ:
        return _allow((first or "").lower() in RELEASE_TABLES)
    if action == sqlite3.SQLITE_FUNCTION:
        return _allow(second != "load_extension")
    if action == sqlite3.SQLITE_PRAGMA:  # how a reading transaction is kept from writing
        return _allow((first or "").lower() == "query_only")
    return sqlite3.SQLITE_DENY


def _allow(allowed: bool) -> int:  # noqa: FBT001 - one private question
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
