"""
Opening a database so that what is committed stays, and what is read is one moment.

Two context managers are the only ways in. `reading(engine)` is one read transaction: a snapshot that
does not move (SQLite WAL; PostgreSQL REPEATABLE READ) and refuses every write. `writing(engine)` is one
write transaction, committed when the block ends and rolled back when it raises; on SQLite it takes the
write lock at once (BEGIN IMMEDIATE), so that it never fails half-way for a lock.

When `writing` returns, the rows are on disk: `synchronous=FULL` in WAL mode on SQLite, `fsync=on` and
`synchronous_commit=on` on PostgreSQL. A server or file that does not promise that is refused at start.
What each login may do stands in `consent_ledger.rights`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from consent_ledger.rights import (
    Login,
    authorizer,
    database_grants_sql,
    grants_sql,
    held_against_replace,
)

__all__ = [
    "DatabaseRefused",
    "Login",
    "database_grants_sql",
    "grants_sql",
    "open_engine",
    "reading",
    "writer",
    "writing",
    "writing_on",
]

_WRITES: Final = "cultuurinzicht_writes"
_QUERY_ONLY: Final = "cultuurinzicht_query_only"
_FILE: Final = "cultuurinzicht_file"
_BUSY_SECONDS: Final = 10
_CONNECT_SECONDS: Final = 5

VAULT_SCHEMA: Final = "vault"
"""The PostgreSQL schema in which the vault's tables stand."""


class DatabaseRefused(Exception):
    """The database cannot be used as it is. `code` for programs, the text is one sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def open_engine(url: str, login: Login) -> Engine:
    """
    Open the database at `url` as `login`, try it once, and return its engine.

    SQLite (`sqlite:////path/to/file`): OWNER and VAULT create the file when it is missing, readable by
    its user alone (0600). PostgreSQL (`postgresql://`, psycopg 3): one URL per login.
    Raises `DatabaseRefused` when it does not answer, may not be written, or does not promise durability.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise DatabaseRefused("DATABASE_URL", "The database address cannot be read.") from None
    match address.get_backend_name():
        case "sqlite":
            engine = _open_sqlite(address, login)
        case "postgresql":
            engine = _open_postgresql(address, login)
        case _:
            raise DatabaseRefused(
                "DATABASE_URL", "The database address must begin with sqlite:/// or postgresql://."
            )
    try:
        with reading(engine) as connection:
            if engine.dialect.name == "postgresql":
                _refuse_a_login_that_is_too_strong(connection, login)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """
    One read transaction: every statement sees the same moment, and none can write.

    On SQLite the moment is that of the first statement; on PostgreSQL likewise.
    """
    with _opened(engine) as connection, _begun(connection):
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """
    One write transaction: all of it is durable when the block ends, none of it when the block raises.

    Waits up to ten seconds for another writer on SQLite, then raises `DatabaseRefused`.
    """
    with writer(engine) as connection, writing_on(connection):
        yield connection


def writer(engine: Engine) -> Connection:
    """A connection that `writing_on` takes, for one who writes all day. Its owner closes it."""
    return _opened(engine).execution_options(
        **{_WRITES: True, "isolation_level": "READ COMMITTED", "postgresql_readonly": False}
        if engine.dialect.name == "postgresql"
        else {_WRITES: True}
    )


@contextmanager
def writing_on(connection: Connection) -> Iterator[None]:
    """One transaction as `writing` makes it, on a `writer`; when it raises, that is to be closed."""
    with _begun(connection):
        yield
    # what went into a file that has lost its name is gone with this process: not acknowledged
    _refuse_a_swapped_file(connection)


def _opened(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise _unreachable(engine.url) from error


@contextmanager
def _begun(connection: Connection) -> Iterator[None]:
    try:
        transaction = connection.begin()
    except OperationalError as error:
        if isinstance(error.orig, sqlite3.OperationalError) and "locked" in str(error.orig):
            raise DatabaseRefused(
                "DATABASE_BUSY", "Another process keeps the database locked; try again in a moment."
            ) from error
        raise _unreachable(connection.engine.url) from error
    with transaction:
        yield


def _named(url: URL) -> str:
    """How a database is called in a sentence: never with its password or query."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    user = f"{url.username}@" if url.username else ""
    host = url.host or "the local socket"
    return f"{url.database} ({user}{host})"


def _unreachable(url: URL) -> DatabaseRefused:
    return DatabaseRefused("DATABASE_UNREACHABLE", f"The database {_named(url)} cannot be reached.")


# SQLite


def _open_sqlite(url: URL, login: Login) -> Engine:
    if not url.database or url.database == ":memory:" or url.query:
        raise DatabaseRefused(
            "DATABASE_URL", "The SQLite address must name a file, as in sqlite:////path/to/file.db."
        )
    _prepare_file(Path(url.database), login)
    engine = create_engine(
        url,
        hide_parameters=True,  # parameters may be about persons; errors reach the log
        pool_size=16,
        max_overflow=48,
        pool_use_lifo=True,
        connect_args={
            "isolation_level": None,  # the driver begins nothing by itself; see `_begin_sqlite`
            "timeout": _BUSY_SECONDS,
            "cached_statements": 512,
            "check_same_thread": False,
        },
    )
    secure = login is Login.VAULT
    guard = authorizer(login)

    def connected(driver: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        assert isinstance(driver, sqlite3.Connection)
        try:
            _set_up_sqlite(driver, secure=secure)
            if login is Login.APP:
                _hold_against_replace(driver)
        except sqlite3.Error as error:
            driver.close()
            if "not a database" in str(error):
                raise DatabaseRefused(
                    "DATABASE_UNREADABLE", f"{_named(url)} is not a database file."
                ) from error
            raise _unreachable(url) from error
        except BaseException:
            driver.close()
            raise
        record.info[_QUERY_ONLY] = False
        record.info[_FILE] = _file_at(url)
        if guard is not None:
            driver.set_authorizer(guard)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_file(path: Path, login: Login) -> None:
    """See that the file can be there before SQLite is asked, whose own message names no cause."""
    folder = path.parent
    if not folder.is_dir():
        raise DatabaseRefused("FOLDER_MISSING", f"The folder {folder} does not exist.")
    # SQLite keeps -wal and -shm beside the file, so the folder itself must be writable
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DatabaseRefused("FOLDER_NOT_WRITABLE", f"The folder {folder} cannot be written.")
    if path.exists():
        if not path.is_file() or not os.access(path, os.R_OK | os.W_OK):
            raise DatabaseRefused("FILE_NOT_WRITABLE", f"{path} is not a file that can be read and written.")
        return
    if login not in {Login.OWNER, Login.VAULT}:
        raise DatabaseRefused("DATABASE_NOT_MIGRATED", f"There is no database at {path}; migrate first.")
    try:
        # SQLite gives -wal and -shm the mode of the database file
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return  # another process was first
    except OSError as error:
        raise DatabaseRefused("FOLDER_NOT_WRITABLE", f"The folder {folder} cannot be written.") from error


def _set_up_sqlite(driver: sqlite3.Connection, *, secure: bool) -> None:
    """Set what SQLite keeps per connection, and read back what durability rests on."""
    driver.execute("PRAGMA journal_mode=WAL")
    driver.execute("PRAGMA synchronous=FULL")  # NORMAL would lose the last commits on power loss
    driver.execute("PRAGMA fullfsync=ON")  # macOS: fsync alone leaves data in the drive's cache
    driver.execute("PRAGMA foreign_keys=ON")
    if secure:
        driver.execute("PRAGMA secure_delete=ON")
    mode = driver.execute("PRAGMA journal_mode").fetchone()[0]
    synchronous = driver.execute("PRAGMA synchronous").fetchone()[0]
    if (mode, synchronous) != ("wal", 2):
        raise DatabaseRefused(
            "DATABASE_NOT_DURABLE",
            "SQLite could not be set to keep what is committed (WAL, synchronous=FULL).",
        )
    if secure and driver.execute("PRAGMA secure_delete").fetchone()[0] != 1:
        raise DatabaseRefused("DATABASE_NOT_DURABLE", "SQLite could not be set to overwrite what is deleted.")


def _hold_against_replace(driver: sqlite3.Connection) -> None:
    tables = driver.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for statement in held_against_replace(name for (name,) in tables):
        driver.execute(statement)


def _file_at(url: URL) -> tuple[int, int] | None:
    """Which file stands at this address; None when none does."""
    try:
        found = os.stat(str(url.database))  # noqa: PTH116 - at every transaction: half the price of Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refuse_a_swapped_file(connection: Connection) -> None:
    """
    See that the file that is open still bears its name; on PostgreSQL the server answers for that.

    A file put in its place (a backup, restored under a running server) leaves this process with one that
    nobody will ever find again.
    """
    if connection.dialect.name != "sqlite":
        return
    url = connection.engine.url
    if connection.info[_FILE] != _file_at(url):
        raise DatabaseRefused(
            "DATABASE_SWAPPED",
            f"The file {_named(url)} was replaced or removed while it was open; stop every process that uses"
            " it, put the newest copy there, and start again.",
        )


def _begin_sqlite(connection: Connection) -> None:
    """BEGIN by hand. Whatever was not opened by `writing` cannot write: `query_only` is kept in step."""
    _refuse_a_swapped_file(connection)
    writes = connection.get_execution_options().get(_WRITES, False)
    info = connection.info
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    try:
        # on the driver itself: through SQLAlchemy each costs several times what it does
        if info[_QUERY_ONLY] is writes:
            driver.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
            info[_QUERY_ONLY] = not writes
        driver.execute(begin)
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            begin, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


# PostgreSQL


def _open_postgresql(url: URL, login: Login) -> Engine:
    connect_args: dict[str, Any] = {}
    if "connect_timeout" not in url.query:
        connect_args["connect_timeout"] = _CONNECT_SECONDS
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_size=10,
            max_overflow=30,
            pool_use_lifo=True,
            connect_args=connect_args,
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
        )
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise DatabaseRefused("DATABASE_URL", "The database address cannot be read.") from error
    # Temporary tables are looked up last, and only one schema before them: nothing can be hidden behind
    # a table of the same name elsewhere.
    schema = VAULT_SCHEMA if login is Login.VAULT else "public"

    def connected(driver: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        try:
            cursor = driver.cursor()
            cursor.execute(f"SET SESSION search_path TO {schema}, pg_temp")
            cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
            fsync, synchronous_commit = cursor.fetchone() or ("", "")
            cursor.close()
            driver.commit()
            _refuse_loss(fsync, synchronous_commit)
        except BaseException:
            driver.close()
            raise

    event.listen(engine, "connect", connected)
    return engine


def _refuse_loss(fsync: str, synchronous_commit: str) -> None:
    # remote_apply is `on` and more: the standby has applied it as well
    if fsync != "on" or synchronous_commit not in {"on", "remote_apply"}:
        raise DatabaseRefused(
            "DATABASE_NOT_DURABLE",
            "PostgreSQL does not promise to keep what is committed; set fsync=on and synchronous_commit=on.",
        )


def _refuse_a_login_that_is_too_strong(connection: Connection, login: Login) -> None:
    """
    A login that serves must not be able to undo the append-only ledger: no superuser, not its owner.

    One that reads releases, or holds the vault, must not read the ledger and its register either.
    """
    if login is Login.OWNER:
        return
    row = connection.execute(
        text(
            "SELECT r.rolsuper, coalesce(pg_has_role(r.oid, c.relowner, 'MEMBER'), false),"
            " coalesce(has_table_privilege(r.oid, c.oid, 'SELECT'), false) FROM pg_roles r"
            " LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public')"
            " ON c.relname = 'ledger_entry' WHERE r.rolname = current_user"
        )
    ).one()
    is_superuser, owns_the_ledger, reads_the_ledger = row
    if is_superuser or owns_the_ledger or (reads_the_ledger and login is not Login.APP):
        raise DatabaseRefused(
            "LOGIN_TOO_STRONG",
            f"The {login.value} login may do more than it needs; give it a PostgreSQL role of its own.",
        )
