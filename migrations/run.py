"""
Taking a database to its head, and saying whether it is there.

`migrate` is repeatable and safe to start twice at once: the second waits, finds nothing to do, and gives
the logins their rights again. A database that a later version has migrated is refused, never taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from sqlalchemy import Connection, Engine, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from consent_ledger.database import DatabaseRefused, Login, grants_sql, open_engine, reading, writing
from migrations.histories import History, config, head, steps

__all__ = ["History", "check", "head", "migrate"]

_LOCK = 0x63756C74  # `cult`: one migration at a time in a PostgreSQL database


def migrate(
    owner_url: str, vault_url: str, *, app_url: str | None = None, release_url: str | None = None
) -> None:
    """
    Take the main database and the vault to their heads; durable on return, all steps of each or none.

    On PostgreSQL `app_url` and `release_url` say which logins get their rights; each login must be a role
    of its own, made beforehand. On SQLite they are not used: there an authorizer holds the same rights.
    Raises `DatabaseRefused`.
    """
    owner, vault = _url(owner_url), _url(vault_url)
    logins = _logins(owner, vault, app_url, release_url) if _is_postgresql(owner) else None
    engine = open_engine(owner_url, Login.OWNER)
    try:
        with writing(engine) as connection, _told():
            _upgrade(connection, History.MAIN)
            if logins is not None:
                _grant(connection, logins, make_vault=_same_database(owner, vault))
    finally:
        engine.dispose()
    engine = open_engine(vault_url, Login.VAULT)
    try:
        with writing(engine) as connection, _told():
            if _is_postgresql(vault):
                _make_vault_schema(connection)
            _upgrade(connection, History.VAULT)
    finally:
        engine.dispose()


def check(engine: Engine, history: History = History.MAIN) -> None:
    """
    See that the database is at the head that this version was written for; called at start.

    Raises `DatabaseRefused`: `DATABASE_NOT_MIGRATED` or `DATABASE_FROM_THE_FUTURE`.
    """
    with reading(engine) as connection:
        current = _current(connection)
    _refuse_the_future(current, history)
    if current != head(history):
        raise DatabaseRefused(
            "DATABASE_NOT_MIGRATED", "The database is not up to date; run: cultuurinzicht migrate"
        )


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _refuse_the_future(current: str | None, history: History) -> None:
    if current is not None and current not in steps(history):
        raise DatabaseRefused(
            "DATABASE_FROM_THE_FUTURE",
            "The database was migrated by a later version of Cultuurinzicht; start that version, or put"
            " back the backup made before.",
        )


def _upgrade(connection: Connection, history: History) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        # the previous version still serves: rather give up than make it wait
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '5min'"))
    _refuse_the_future(_current(connection), history)
    command.upgrade(config(history, connection), "head")


@contextmanager
def _told() -> Iterator[None]:
    """What the database refuses in a migration, as one sentence; the transaction is rolled back."""
    try:
        yield
    except OperationalError as error:
        raise DatabaseRefused(
            "DATABASE_BUSY", "The database was too busy to be migrated; nothing was changed, try again."
        ) from error
    except ProgrammingError as error:
        raise DatabaseRefused(
            "MIGRATION_REFUSED",
            "The database refused the migration; nothing was changed. Does every login exist as a role, and"
            " does the owner login own the database?",
        ) from error


def _logins(owner: URL, vault: URL, app_url: str | None, release_url: str | None) -> dict[str, str]:
    """The role of each login, each another."""
    urls = {"owner": owner, "app": app_url and _url(app_url), "release": release_url and _url(release_url)}
    if _is_postgresql(vault):
        urls["vault"] = vault
    names = {login: url.username for login, url in urls.items() if isinstance(url, URL) and url.username}
    if set(names) != set(urls) or len(set(names.values())) != len(urls):
        raise DatabaseRefused(
            "LOGINS_SHARED",
            "On PostgreSQL the owner, the application, the reader of releases and the vault each need a login"
            " of their own, named in their database address.",
        )
    return names


def _grant(connection: Connection, logins: dict[str, str], *, make_vault: bool) -> None:
    database = str(connection.scalar(text("SELECT current_database()")))
    tables = inspect(connection).get_table_names()
    try:
        statements = grants_sql(
            tables,
            database=database,
            app=logins["app"],
            release=logins["release"],
            vault=logins.get("vault") if make_vault else None,
        )
    except ValueError:
        raise DatabaseRefused(
            "DATABASE_URL",
            "A login or the database has a name with other signs than letters, digits, _ and -.",
        ) from None
    for statement in statements:
        connection.exec_driver_sql(statement)
    # who does not own the database takes TEMP away in vain, and PostgreSQL only warns
    hides = text("SELECT has_database_privilege(:login, current_database(), 'TEMPORARY')")
    if connection.scalar(hides, {"login": logins["app"]}):
        raise DatabaseRefused(
            "OWNER_TOO_WEAK",
            "The owner login must own the database, to take temporary tables from the others.",
        )


def _make_vault_schema(connection: Connection) -> None:
    if connection.scalar(text("SELECT to_regnamespace('vault') IS NULL")):
        connection.exec_driver_sql("CREATE SCHEMA vault")


def _same_database(one: URL, other: URL) -> bool:
    return (one.get_backend_name(), one.host, one.port, one.database, one.query.get("host")) == (
        other.get_backend_name(),
        other.host,
        other.port,
        other.database,
        other.query.get("host"),
    )


def _is_postgresql(url: URL) -> bool:
    return url.get_backend_name() == "postgresql"


def _url(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise DatabaseRefused("DATABASE_URL", "The database address cannot be read.") from None
