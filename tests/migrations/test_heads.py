"""From nothing to head; head is what the program's tables say; and no step ever opens the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from consent_ledger.database import DatabaseRefused, Login, open_engine, reading, writing
from migrations.draft import draft
from migrations.guard import StepRefused, refuse_lost_triggers, refusing_batch
from migrations.histories import METADATA, config, steps
from migrations.run import History, check, head, migrate
from tests.conftest import Database
from tests.postgresql import PostgreSQL

LEDGER = ("ledger_entry", "ledger_head")


def opened(database: Database, history: History) -> Engine:
    if history is History.MAIN:
        return open_engine(database.owner_url, Login.OWNER)
    return open_engine(database.vault_url, Login.VAULT)


@pytest.fixture(params=list(History))
def history(request: pytest.FixtureRequest) -> History:
    return History(request.param)


@pytest.fixture
def engine_of(database: Database, history: History) -> Iterator[Engine]:
    engine = opened(database, history)
    yield engine
    engine.dispose()


def run(database: Database) -> None:
    migrate(
        database.owner_url, database.vault_url, app_url=database.app_url, release_url=database.release_url
    )


def test_an_empty_database_comes_to_its_head(empty_database: Database) -> None:
    run(empty_database)
    for history in History:
        engine = opened(empty_database, history)
        try:
            check(engine, history)
        finally:
            engine.dispose()


def test_migrating_again_changes_nothing(database: Database, engine_of: Engine, history: History) -> None:
    run(database)
    check(engine_of, history)


def test_the_application_can_see_that_the_head_is_there(engine: Engine) -> None:
    check(engine)


def test_the_head_equals_the_tables(engine_of: Engine, history: History) -> None:
    with reading(engine_of) as connection:
        tables: Any = list(METADATA[history])
        context = MigrationContext.configure(connection, opts={"target_metadata": tables})
        assert compare_metadata(context, tables) == []


def shape(connection: Connection) -> list[str]:
    """Every table, index and constraint as the database itself writes it down, in no order of columns."""
    if connection.dialect.name == "sqlite":
        found = connection.scalars(
            text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index')")
        )
        return sorted(_sorted_clauses(sql) for sql in found if "alembic_version" not in sql)
    schema = connection.scalar(text("SELECT current_schema()"))
    found = connection.scalars(
        text(
            "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(c.oid)"
            " FROM pg_constraint c WHERE connamespace = CAST(CAST(:schema AS text) AS regnamespace)"
            " UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = CAST(:schema AS text)"
            " UNION ALL SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable"
            " || ' ' || coalesce(character_maximum_length::text, '') || ' ' || coalesce(column_default, '')"
            " FROM information_schema.columns WHERE table_schema = CAST(:schema AS text)"
        ),
        {"schema": schema},
    )
    return sorted(line for line in found if "alembic_version" not in line)


def _sorted_clauses(sql: str) -> str:
    """A CREATE statement with its clauses in order: SQLite writes an added column at the end of a line."""
    clauses = re.sub(r", (?=\w+ [A-Z])", ",\n", re.sub(r"\t", "", sql))
    lines = [line.strip().rstrip(",").strip() for line in clauses.splitlines()]
    return "\n".join([lines[0], *sorted(line for line in lines[1:] if line)])


def test_the_head_has_the_same_constraints_as_the_tables(
    database: Database, empty_database: Database, history: History
) -> None:
    """Alembic compares neither check constraints nor STRICT; the databases' own words do."""
    if database.kind == "postgresql" and history is History.VAULT:
        owner = opened(empty_database, History.MAIN)
        with writing(owner) as connection:
            connection.exec_driver_sql("CREATE SCHEMA vault")
            connection.exec_driver_sql("GRANT USAGE, CREATE ON SCHEMA vault TO ci_vault")
        owner.dispose()
    shapes = []
    for each in (database, empty_database):
        engine = opened(each, history)
        try:
            with writing(engine) as connection:
                if each is empty_database:
                    for metadata in METADATA[history]:
                        metadata.create_all(connection)
                shapes.append(shape(connection))
        finally:
            engine.dispose()
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 3


def test_a_draft_finds_nothing_to_do(history: History) -> None:
    assert "op." not in draft(history)
    assert "op.create_table" in draft(history, from_empty=True)


def test_each_history_is_one_line_without_branches(history: History) -> None:
    script = ScriptDirectory.from_config(config(history))
    assert script.get_heads() == [head(history)]
    assert len(steps(history)) == len(list(Path(script.versions).glob("*.py")))


# the ledger stays append-only


def add_entry(connection: Connection, seq: int, *, verb: str = "INSERT") -> None:
    connection.execute(
        text(
            f"{verb} INTO ledger_entry (seq, type, actor_party, actor_client, idem, body_sha256, leaf_hash, line)"
            " VALUES (:seq, 't', 'a', 'c', :idem, :hash, :hash, :line)"
        ),
        {"seq": seq, "idem": f"i{seq}", "hash": bytes(32), "line": b"{}"},
    )


def add_head(connection: Connection, size: int) -> None:
    connection.execute(
        text(
            "INSERT INTO ledger_head (one, size, root, frontier, recorded, checkpoint)"
            " VALUES (1, :size, :hash, :hash, '', '')"
        ),
        {"size": size, "hash": bytes(32)},
    )


def attacks(dialect: str) -> list[str]:
    found = [
        "UPDATE ledger_entry SET type = 'x'",
        "UPDATE ledger_entry SET seq = seq + 1",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_entry WHERE seq = 1",
        "DELETE FROM ledger_head",
        "UPDATE ledger_head SET size = 1",
    ]
    if dialect == "sqlite":
        columns = "type, actor_party, actor_client, idem, body_sha256, leaf_hash, line"
        return [
            *found,
            "INSERT OR REPLACE INTO ledger_entry SELECT * FROM ledger_entry WHERE seq = 0",
            f"REPLACE INTO ledger_entry SELECT 2, {columns} FROM ledger_entry WHERE seq = 0",
            "INSERT OR REPLACE INTO ledger_head SELECT * FROM ledger_head",
        ]
    return [
        *found,
        "TRUNCATE ledger_entry",
        "TRUNCATE ledger_head",
        "TRUNCATE ledger_entry, ledger_head CASCADE",
    ]


@pytest.mark.parametrize("step", steps(History.MAIN))
def test_after_every_step_the_ledger_refuses_to_change(empty_database: Database, step: str) -> None:
    """Even its owner is refused: triggers hold where rights do not."""
    engine = open_engine(empty_database.owner_url, Login.OWNER)
    try:
        with writing(engine) as connection:
            command.upgrade(config(History.MAIN, connection), step)
        with writing(engine) as connection:
            add_entry(connection, 0)
            add_entry(connection, 1)
            add_head(connection, 2)
        with reading(engine) as connection:
            before = connection.execute(text("SELECT * FROM ledger_entry ORDER BY seq")).all()
        for attack in attacks(empty_database.kind):
            with (
                pytest.raises(DBAPIError, match=r"append-only|next position|only grows"),
                writing(engine) as c,
            ):
                c.exec_driver_sql(attack)
        for seq in (3, 0, -1):
            with pytest.raises(DBAPIError), writing(engine) as connection:
                add_entry(connection, seq)
        with reading(engine) as connection:
            assert connection.execute(text("SELECT * FROM ledger_entry ORDER BY seq")).all() == before
        with writing(engine) as connection:
            add_entry(connection, 2)
    finally:
        engine.dispose()


def test_batch_mode_is_refused_for_the_ledger(owner_engine: Engine) -> None:
    with writing(owner_engine) as connection:
        operations = Operations(MigrationContext.configure(connection))
        for table in LEDGER:
            with (
                refusing_batch(),
                pytest.raises(StepRefused, match=table),
                operations.batch_alter_table(table, recreate="always"),
            ):
                pass
        with refusing_batch(), operations.batch_alter_table("visit_count") as batch:
            batch.create_index("ix_visit_count_day", ["day"])


def test_a_step_that_loses_a_trigger_is_refused(owner_engine: Engine) -> None:
    on = " ON ledger_entry" if owner_engine.dialect.name == "postgresql" else ""
    name = "ledger_entry_update_row" if on else "ledger_entry_update"
    with pytest.raises(StepRefused, match=name), writing(owner_engine) as connection:  # noqa: PT012
        refuse_lost_triggers(connection)
        connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")
        refuse_lost_triggers(connection)
    with writing(owner_engine) as connection:
        refuse_lost_triggers(connection)  # it was rolled back


def test_a_disabled_trigger_is_a_lost_one(owner_engine: Engine) -> None:
    if owner_engine.dialect.name != "postgresql":
        return
    with pytest.raises(StepRefused), writing(owner_engine) as connection:  # noqa: PT012
        connection.exec_driver_sql("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_insert")
        refuse_lost_triggers(connection)


def test_a_step_that_fails_leaves_nothing(empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StepRefused("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr("migrations.guard.refuse_lost_triggers", broken)
        with pytest.raises(StepRefused):
            run(empty_database)
    engine = open_engine(empty_database.owner_url, Login.OWNER)
    try:
        with reading(engine) as connection:
            assert [line for line in shape(connection) if line] == []
    finally:
        engine.dispose()
    run(empty_database)


# refusals


def refusal(engine: Engine, history: History = History.MAIN) -> DatabaseRefused:
    with pytest.raises(DatabaseRefused) as caught:
        check(engine, history)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_database_from_the_future_is_refused(
    database: Database, engine_of: Engine, history: History
) -> None:
    with writing(engine_of) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert refusal(engine_of, history).code == "DATABASE_FROM_THE_FUTURE"
    with pytest.raises(DatabaseRefused) as caught:
        run(database)
    assert caught.value.code == "DATABASE_FROM_THE_FUTURE"
    with reading(engine_of) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_database_that_was_not_migrated_is_refused(empty_database: Database, history: History) -> None:
    engine = opened(empty_database, history)
    try:
        assert refusal(engine, history).code == "DATABASE_NOT_MIGRATED"
    finally:
        engine.dispose()


def test_shared_logins_are_refused_on_postgresql(postgresql: PostgreSQL, tmp_path: Path) -> None:
    name = postgresql.empty()
    owner, vault, app, release = postgresql.urls(name)
    try:
        for pair in ((None, None), (app, None), (app, app), (owner, release), (vault, release)):
            with pytest.raises(DatabaseRefused) as caught:
                migrate(owner, vault, app_url=pair[0], release_url=pair[1])
            assert caught.value.code == "LOGINS_SHARED"
        missing = app.replace("ci_app", "nobody_made_this_role")
        with pytest.raises(DatabaseRefused) as caught:
            migrate(owner, vault, app_url=missing, release_url=release)
        assert caught.value.code == "MIGRATION_REFUSED"
        # the vault may stand elsewhere
        migrate(owner, f"sqlite:///{tmp_path}/vault.db", app_url=app, release_url=release)
    finally:
        postgresql.drop(name)


def test_an_owner_who_does_not_own_the_database_is_refused(postgresql: PostgreSQL) -> None:
    name = postgresql._made("")
    postgresql.run(f"GRANT CREATE ON DATABASE {name} TO ci_owner")
    owner, vault, app, release = postgresql.urls(name)
    try:
        with pytest.raises(DatabaseRefused) as caught:
            migrate(owner, vault, app_url=app, release_url=release)
        assert caught.value.code in {"OWNER_TOO_WEAK", "MIGRATION_REFUSED"}
    finally:
        postgresql.drop(name)


def test_an_address_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for owner, vault in (
        ("nothing", f"sqlite:///{tmp_path}/v.db"),
        (f"sqlite:///{tmp_path}/a.db", "nothing"),
    ):
        with pytest.raises(DatabaseRefused) as caught:
            migrate(owner, vault)
        assert caught.value.code == "DATABASE_URL"
