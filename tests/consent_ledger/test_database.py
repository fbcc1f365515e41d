"""What is committed stays, what is read is one moment, and each login can do what it needs and no more."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from consent_ledger import database as module
from consent_ledger.database import DatabaseRefused, Login, grants_sql, open_engine, reading, writing
from tests.conftest import Database
from tests.postgresql import ROLES, PostgreSQL

BLOCK = "INSERT INTO release_block (release, block, member) VALUES ('rel', 'b001', :member)"
STANDING = (
    "INSERT INTO standing (controller, person, purpose, position, act)"
    " VALUES ('thea', 'p', 'own_insight', :at, 'objected')"
)


def add_entry(engine: Engine, seq: int) -> None:
    with writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO ledger_entry (seq, type, actor_party, actor_client, idem, body_sha256, leaf_hash,"
                " line) VALUES (:seq, 't', 'a', 'c', :idem, :hash, :hash, :line)"
            ),
            {"seq": seq, "idem": f"i{seq}", "hash": b"\0" * 32, "line": b"{}"},
        )


def count(engine: Engine, table: str) -> int:
    with reading(engine) as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def stop() -> None:
    raise RuntimeError("stop")


def refused(engine: Engine, statement: str) -> None:
    """The statement must be refused for want of a right or by the ledger's triggers, not for its wording."""
    with pytest.raises(DBAPIError) as caught, writing(engine) as connection:
        connection.exec_driver_sql(statement)
    if engine.dialect.name == "sqlite":
        reasons = ("not authorized", "prohibited", "append-only", "next position only", "may not be modified")
        assert any(reason in str(caught.value.orig) for reason in reasons), statement
    else:
        # insufficient_privilege; integrity_constraint_violation, raised by the triggers
        assert getattr(caught.value.orig, "sqlstate", "") in {"42501", "23000"}, statement


def is_read_only(error: DBAPIError) -> bool:
    return "readonly" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "25006"


def test_a_written_row_is_there_for_the_next_reader(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text(BLOCK), {"member": "thea"})
    assert count(engine, "release_block") == 1


def test_a_block_that_raises_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="stop"), writing(engine) as connection:  # noqa: PT012
        connection.execute(text(BLOCK), {"member": "thea"})
        stop()
    assert count(engine, "release_block") == 0


def test_a_reading_transaction_refuses_to_write(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as caught, reading(engine) as connection:
        connection.execute(text(BLOCK), {"member": "thea"})
    assert is_read_only(caught.value)
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:  # the bare engine reads too
        connection.execute(text(BLOCK), {"member": "thea"})
    assert is_read_only(caught.value)
    with writing(engine) as connection:  # on the same pooled connection
        connection.execute(text(BLOCK), {"member": "thea"})
    with pytest.raises(DBAPIError) as caught, reading(engine) as connection:
        connection.execute(text(BLOCK), {"member": "other"})
    assert is_read_only(caught.value)
    assert count(engine, "release_block") == 1


def test_a_reader_sees_one_moment(engine: Engine) -> None:
    with reading(engine) as connection:
        before = connection.scalar(text("SELECT count(*) FROM release_block"))
        with writing(engine) as other:
            other.execute(text(BLOCK), {"member": "thea"})
        assert connection.scalar(text("SELECT count(*) FROM release_block")) == before == 0
    assert count(engine, "release_block") == 1


def test_writers_from_many_threads_all_get_through(engine: Engine) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with writing(engine) as connection:
                here = connection.scalar(text("SELECT count(*) FROM standing"))
                assert here is not None
                connection.execute(text(STANDING), {"at": number})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert count(engine, "standing") == 12


def test_the_application_adds_to_the_ledger_and_changes_nothing_in_it(engine: Engine) -> None:
    add_entry(engine, 0)
    for statement in (
        "UPDATE ledger_entry SET line = line",
        "UPDATE ledger_entry SET type = 'x' WHERE seq = 7",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_entry WHERE seq = 7",
        "DROP TABLE ledger_entry",
        "ALTER TABLE ledger_entry RENAME TO gone",
        "ALTER TABLE ledger_entry ADD COLUMN more TEXT",
        "CREATE TABLE other (x INTEGER)",
        "CREATE VIEW other AS SELECT 1",
        "CREATE INDEX other ON ledger_entry (type)",
        "CREATE TEMP TABLE ledger_entry (seq INTEGER)",
        "CREATE TEMPORARY VIEW ledger_entry AS SELECT 1 AS seq",
        "DELETE FROM ledger_head",
        "UPDATE alembic_version SET version_num = 'x'",
        "DELETE FROM release_cell",
        "UPDATE release SET certificate = 'x'",
        "DELETE FROM ticket_event",
    ):
        refused(engine, statement)
    assert count(engine, "ledger_entry") == 1


def test_the_application_cannot_go_around_sqlite(engine: Engine, tmp_path: Path) -> None:
    if engine.dialect.name != "sqlite":
        return
    add_entry(engine, 0)
    for statement in (
        "DROP TRIGGER ledger_entry_update",
        "CREATE TEMP TRIGGER t BEFORE INSERT ON ledger_entry BEGIN SELECT RAISE(IGNORE); END",
        "PRAGMA writable_schema=ON",
        "PRAGMA recursive_triggers=ON",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA synchronous=OFF",
        "PRAGMA foreign_keys=OFF",
        f"ATTACH DATABASE '{tmp_path}/other.db' AS other",
        "DELETE FROM sqlite_master",
        "UPDATE sqlite_master SET sql = ''",
        "REINDEX",
        "INSERT OR REPLACE INTO ledger_entry SELECT * FROM ledger_entry",
        (
            "INSERT INTO ledger_entry SELECT * FROM ledger_entry WHERE true"
            " ON CONFLICT (seq) DO UPDATE SET type = 'x'"
        ),
        "SELECT load_extension('x')",
    ):
        refused(engine, statement)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_application_cannot_go_around_postgresql(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        return
    add_entry(engine, 0)
    for statement in (
        "TRUNCATE ledger_entry",
        "TRUNCATE ledger_head",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
        "DROP TRIGGER ledger_entry_update_row ON ledger_entry",
        "SET session_replication_role = replica",
        "CREATE FUNCTION public.ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        (
            "CREATE OR REPLACE FUNCTION public.ledger_refuse() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
        ),
        "CREATE SCHEMA other",
        "SET ROLE ci_owner",
        "SELECT * FROM vault.vault_person",
        "LOCK TABLE ledger_entry IN ACCESS EXCLUSIVE MODE",
        (
            "INSERT INTO ledger_entry SELECT * FROM ledger_entry WHERE true"
            " ON CONFLICT (seq) DO UPDATE SET type = 'x'"
        ),
    ):
        refused(engine, statement)
    with writing(engine) as connection:  # PostgreSQL only warns, and gives nothing
        connection.exec_driver_sql("GRANT UPDATE ON ledger_entry TO ci_app")
        held = text("SELECT has_table_privilege('ledger_entry', 'UPDATE')")
        assert connection.scalar(held) is False
    assert count(engine, "ledger_entry") == 1


def test_not_even_the_owner_changes_an_entry(engine: Engine, owner_engine: Engine) -> None:
    add_entry(engine, 0)
    for statement in ("UPDATE ledger_entry SET type = 'x'", "DELETE FROM ledger_entry"):
        refused(owner_engine, statement)
    assert count(engine, "ledger_entry") == 1


def test_the_reader_of_releases_reads_releases_and_the_register(release_engine: Engine) -> None:
    for table in ("release", "release_block", "release_cell", "party"):
        assert count(release_engine, table) == 0
    with reading(release_engine) as connection:
        total = text(
            "WITH cells AS (SELECT release, value FROM release_cell)"
            " SELECT count(*), coalesce(sum(value), 0) FROM (SELECT c.value, r.policy FROM cells c"
            " JOIN release r ON r.id = c.release GROUP BY c.value, r.policy) AS grouped"
        )
        assert connection.scalar(total) == 0


def test_the_reader_of_releases_reads_nothing_else_and_writes_nothing(release_engine: Engine) -> None:
    others = ("ledger_entry", "ticket_line", "standing", "client_secret", "signing_key", "alembic_version")
    for table in others:
        with pytest.raises(DBAPIError):
            count(release_engine, table)
    with pytest.raises(DBAPIError), reading(release_engine) as connection:
        connection.execute(text("SELECT 1 FROM party WHERE id IN (SELECT person FROM ticket_line)"))
    refused(release_engine, "INSERT INTO release_block VALUES ('r', 'b', 'm')")
    refused(release_engine, "DELETE FROM release")
    refused(release_engine, "CREATE TEMP TABLE party (id TEXT)")


def test_the_vault_is_overwritten_when_it_forgets(vault_engine: Engine) -> None:
    if vault_engine.dialect.name == "sqlite":
        with reading(vault_engine) as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    else:
        with reading(vault_engine) as connection:
            assert connection.scalar(text("SELECT current_schema()")) == "vault"
            with pytest.raises(DBAPIError):
                connection.execute(text("SELECT count(*) FROM public.ledger_entry"))


def test_every_connection_is_durable(database: Database) -> None:
    urls = {
        Login.OWNER: database.owner_url,
        Login.APP: database.app_url,
        Login.RELEASE: database.release_url,
        Login.VAULT: database.vault_url,
    }
    for login, url in urls.items():
        engine = open_engine(url, login)
        try:
            if database.kind == "postgresql":
                with reading(engine) as connection:
                    assert connection.scalar(text("SHOW synchronous_commit")) == "on"
                    assert connection.scalar(text("SHOW transaction_isolation")) == "repeatable read"
                    assert connection.scalar(text("SHOW transaction_read_only")) == "on"
                with writing(engine) as connection:
                    assert connection.scalar(text("SHOW transaction_isolation")) == "read committed"
                    assert connection.scalar(text("SHOW transaction_read_only")) == "off"
            elif login in {Login.OWNER, Login.VAULT, Login.APP}:
                with reading(engine) as connection:
                    assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
                    assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        finally:
            engine.dispose()


def refusal(url: str, login: Login = Login.OWNER) -> DatabaseRefused:
    with pytest.raises(DatabaseRefused) as caught:
        open_engine(url, login).dispose()
    assert str(caught.value).endswith((".", "first."))
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_file_is_made_for_its_user_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        engine = open_engine(f"sqlite:///{tmp_path}/new.db", Login.OWNER)
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE t (x INTEGER)"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        engine.dispose()
    finally:
        os.umask(old)
    assert modes == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}


def test_the_application_does_not_make_a_database(tmp_path: Path) -> None:
    assert refusal(f"sqlite:///{tmp_path}/none.db", Login.APP).code == "DATABASE_NOT_MIGRATED"
    assert not (tmp_path / "none.db").exists()


def test_what_is_no_database_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").write_bytes(b"this is no database, whatever its name says" * 50)
    assert refusal(f"sqlite:///{tmp_path}/notes.txt").code == "DATABASE_UNREADABLE"
    assert refusal(f"sqlite:///{tmp_path}/missing/x.db").code == "FOLDER_MISSING"
    assert refusal(f"sqlite:///{tmp_path}").code == "FILE_NOT_WRITABLE"
    assert refusal("sqlite://").code == "DATABASE_URL"
    assert refusal("sqlite:///:memory:").code == "DATABASE_URL"
    assert refusal("mysql://root@localhost/x").code == "DATABASE_URL"
    assert refusal("nothing at all").code == "DATABASE_URL"
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert refusal(f"sqlite:///{tmp_path}/x.db").code == "FOLDER_NOT_WRITABLE"


def test_a_server_that_does_not_answer_is_refused_without_its_password(tmp_path: Path) -> None:
    error = refusal(f"postgresql://app:geheim@/x?host={tmp_path}", Login.APP)
    assert error.code == "DATABASE_UNREACHABLE"
    assert "geheim" not in str(error)


def test_a_locked_database_is_said_to_be_busy(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.kind != "sqlite":
        return
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.05)
    first, second = open_engine(database.app_url, Login.APP), open_engine(database.app_url, Login.APP)
    try:
        with writing(first), pytest.raises(DatabaseRefused) as caught, writing(second):
            pass
    finally:
        first.dispose()
        second.dispose()
    assert caught.value.code == "DATABASE_BUSY"


def test_sqlite_that_cannot_keep_a_write_ahead_log_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = module._set_up_sqlite

    class NetworkFolder(sqlite3.Connection):
        """A connection on which WAL does not take."""

        def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            return super().execute(statement.replace("=WAL", "=DELETE"), *arguments)

    def set_up(driver: sqlite3.Connection, *, secure: bool) -> None:
        with closing(NetworkFolder(tmp_path / "old.db")) as other:
            original(other, secure=secure)

    monkeypatch.setattr(module, "_set_up_sqlite", set_up)
    assert refusal(f"sqlite:///{tmp_path}/old.db").code == "DATABASE_NOT_DURABLE"


def test_a_server_that_may_lose_commits_is_refused(postgresql: PostgreSQL) -> None:
    name = postgresql.migrated()
    app = postgresql.urls(name)[2]
    try:
        for setting in ("synchronous_commit = off", "synchronous_commit = local"):
            postgresql.run(f"ALTER DATABASE {name} SET {setting}")
            assert refusal(app, Login.APP).code == "DATABASE_NOT_DURABLE"
        postgresql.run(f"ALTER DATABASE {name} RESET ALL")
        open_engine(app, Login.APP).dispose()
    finally:
        postgresql.drop(name)
    for answer in (("off", "on"), ("on", "off"), ("", "")):
        with pytest.raises(DatabaseRefused):
            module._refuse_loss(*answer)
    module._refuse_loss("on", "remote_apply")


def test_a_login_that_may_do_too_much_is_refused(postgresql: PostgreSQL) -> None:
    name = postgresql.migrated()
    owner, vault, app, _ = postgresql.urls(name)
    try:
        superuser = postgresql.url("postgres", name)
        for url, login in (
            (superuser, Login.APP),
            (superuser, Login.VAULT),
            (owner, Login.APP),
            (owner, Login.RELEASE),
            (app, Login.RELEASE),
            (app, Login.VAULT),
        ):
            assert refusal(url, login).code == "LOGIN_TOO_STRONG"
        open_engine(vault, Login.VAULT).dispose()
    finally:
        postgresql.drop(name)


def test_a_table_that_nobody_named_is_not_emptied_by_the_application() -> None:
    _, app, release, vault = ROLES
    statements = grants_sql(
        ["ledger_entry", "new_table", "party"], database="d", app=app, release=release, vault=vault
    )
    assert 'GRANT INSERT, SELECT ON TABLE public."ledger_entry" TO "ci_app"' in statements
    assert 'GRANT INSERT, SELECT, UPDATE ON TABLE public."new_table" TO "ci_app"' in statements
    assert [line for line in statements if 'TO "ci_release"' in line and "TABLE" in line] == [
        'GRANT SELECT ON TABLE public."party" TO "ci_release"'
    ]


def test_a_name_that_would_need_escaping_is_no_name() -> None:
    with pytest.raises(ValueError, match="not a name"):
        grants_sql([], database='x"; DROP TABLE ledger_entry; --', app="a", release="r", vault=None)
