"""Any SQL, as one of the application's logins: nothing that stands can be changed, removed, hidden or skipped."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psycopg
import pytest
from sqlalchemy import Connection, Engine, Integer, LargeBinary, create_engine, text
from sqlalchemy.exc import DBAPIError

from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import system_clock
from consent_ledger.database import DatabaseRefused, Login, open_engine, reading, writing
from consent_ledger.fsck import Inspection
from consent_ledger.log import Ledger, LedgerError, LedgerRefused, LedgerUnavailable
from consent_ledger.rights import RELEASE_TABLES
from consent_ledger.vocabulary import Position
from tests.consent_ledger.attacks import ADDED_TO, GUARDED, Attack, on_postgresql, on_sqlite
from tests.consent_ledger.ledgers import ORIGIN, issued, key, registered
from tests.postgresql import PostgreSQL

Way = Literal["in a transaction", "each by itself"]
WAYS: tuple[Way, ...] = ("in a transaction", "each by itself")

REASONS = (
    *(
        "authorization denied",
        "not authorized",
        "prohibited",
        "append-only",
        "next position only",
        "only grows",
        "may not be modified",
    ),
    *("is added to, and nothing in it is replaced", "the next cosignature only"),
)
"""How SQLite and our triggers refuse. A mistake in the attack's own wording is none of these."""

STATES = {
    "42501": "insufficient privilege",
    "23000": "one of our triggers",
    "23514": "one of our checks",
    "55P02": "can only be set when the server starts",
}
STATES_OF_A_WAY = {"in a transaction": "25001", "each by itself": "25P01"}
"""Not inside a transaction, and only inside one."""


@dataclass(slots=True)
class Victim:
    """A ledger of some entries, a row or two in every other table that is only added to, and who attacks."""

    folder: Path
    app: Engine
    looker: Connection  # a superuser's on PostgreSQL: who looks must see everything
    ledger: Ledger
    urls: dict[Login, str]
    before: dict[str, list[str]] = field(default_factory=dict)

    @property
    def dialect(self) -> str:
        return self.app.dialect.name

    def content(self) -> dict[str, list[str]]:
        """Every row and every rule, byte for byte."""
        rules = _RULES_OF_SQLITE if self.dialect == "sqlite" else _RULES_OF_POSTGRESQL
        asked = {table: f"SELECT * FROM {table}" for table in GUARDED} | rules
        return {
            name: sorted(repr(tuple(row)) for row in self.looker.execute(text(statement)))
            for name, statement in asked.items()
        }

    def is_unchanged(self) -> bool:
        """Compared with the last look, so that one attack that succeeds is not blamed on the next."""
        found = self.content()
        is_same, self.before = found == self.before, found
        return is_same

    def filled(self, statements: Iterable[str]) -> list[str]:
        here, elsewhere = str(self.app.url.database), str(self.folder / "elsewhere")
        return [one.replace("{elsewhere}", elsewhere).replace("{here}", here) for one in statements]

    def still_appends(self) -> None:
        size = len(self.content()["ledger_entry"])
        draft = issued(f"after-{size}")
        try:
            done = self.ledger.append(draft)
        except (
            LedgerUnavailable
        ):  # an attack may end connections, its own login's; the same key again does it
            done = self.ledger.append(draft)
        assert done.position == Position(size)
        with reading(self.app) as connection:
            assert self.ledger.pin(connection).size == size + 1


_RULES_OF_SQLITE = {"schema": "SELECT type, name, tbl_name, sql FROM sqlite_master"}
_RULES_OF_POSTGRESQL = {
    "tables": "SELECT relname, relkind, relowner, relrowsecurity, relpersistence, relhasrules, reloptions, relacl"
    " FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('public', 'vault')",
    "triggers": "SELECT tgrelid, tgname, tgenabled, tgfoid, tgtype FROM pg_trigger",
    "functions": "SELECT proname, prosrc, proowner, proconfig, proacl FROM pg_proc"
    " JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public'",
    "columns": "SELECT attrelid, attname, atttypid FROM pg_attribute"
    " WHERE attrelid IN ('public.ledger_entry'::regclass, 'public.ledger_head'::regclass)",
    "roles": "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles",
    "members": "SELECT roleid, member FROM pg_auth_members",
    "schemas": "SELECT nspname, nspowner, nspacl FROM pg_namespace WHERE nspname NOT LIKE 'pg%'",
}


def reason(error: BaseException | None, way: Way) -> str:
    """Why a statement was refused, when it was for a good reason; else the error itself."""
    if isinstance(error, sqlite3.Error):
        if any(one in str(error) for one in REASONS):
            return str(error)
        if "VACUUM from within a transaction" in str(error) and way == "in a transaction":
            return str(error)
    elif isinstance(error, psycopg.Error):
        if error.sqlstate in STATES:
            return STATES[error.sqlstate]
        if error.sqlstate == STATES_OF_A_WAY[way]:
            return str(error)
    raise AssertionError("refused for its wording, not for what it does") from error


def tried(engine: Engine, statements: list[str], way: Way) -> list[str]:
    """Run the statements in one session that is thrown away afterwards, and return why they were refused."""
    reasons: list[str] = []
    if way == "in a transaction":
        try:
            with writing(engine) as connection:
                try:
                    for statement in statements:
                        connection.exec_driver_sql(statement)
                finally:
                    connection.detach()
        except DBAPIError as error:
            reasons.append(reason(error.orig, way))
        return reasons
    session = engine.raw_connection()
    try:
        driver = session.driver_connection
        assert isinstance(driver, sqlite3.Connection | psycopg.Connection)
        if isinstance(driver, psycopg.Connection):
            driver.rollback()
            driver.autocommit = True
        else:
            driver.execute("PRAGMA query_only = OFF")
        for statement in statements:
            try:
                driver.execute(statement)
            except (sqlite3.Error, psycopg.Error) as error:
                reasons.append(reason(error, way))
    finally:
        session.invalidate()
    return reasons


WORDS = {"language": ("nl", "en")}
"""Columns that take none but these."""


def fill(looker: Connection) -> None:
    """Two rows in every table that is only added to, beside the ledger's own."""
    if looker.dialect.name == "postgresql":
        looker.execute(text("SET session_replication_role = replica"))  # no foreign keys here
    for table in ADDED_TO.values():
        if table.name == "ledger_entry":
            continue
        for number in range(2):
            values = {
                column.name: number + (column.name != "number")
                if isinstance(column.type, Integer)
                else bytes([number]) * 32
                if isinstance(column.type, LargeBinary)
                else WORDS.get(column.name, (f"{column.name}-0", f"{column.name}-1"))[number]
                for column in table.columns
            }
            looker.execute(table.insert().values(values))


@contextmanager
def attacked(folder: Path, urls: dict[Login, str], superuser: str) -> Iterator[Victim]:
    owner = create_engine(superuser, isolation_level="AUTOCOMMIT")
    app = open_engine(urls[Login.APP], Login.APP)
    store = CheckpointStore(folder / "checkpoint.db")
    ledger = Ledger.create(app, store, Signer(ORIGIN, key()), clock=system_clock, sandbox=True)
    for name in ("house-a", "house-b", "house-c"):
        ledger.append(registered(name))
    try:
        with owner.connect() as looker:
            fill(looker)
            victim = Victim(folder, app, looker, ledger, urls)
            victim.before = victim.content()
            yield victim
    finally:
        ledger.close()
        store.close()
        app.dispose()
        owner.dispose()


def sqlite_urls(folder: Path) -> dict[Login, str]:
    main, vault = f"sqlite:///{folder / 'main.db'}", f"sqlite:///{folder / 'vault.db'}"
    return {Login.OWNER: main, Login.APP: main, Login.RELEASE: main, Login.VAULT: vault}


def postgresql_urls(server: PostgreSQL, name: str) -> dict[Login, str]:
    owner, vault, app, release = server.urls(name)
    return {Login.OWNER: owner, Login.APP: app, Login.RELEASE: release, Login.VAULT: vault}


@contextmanager
def on_sqlite_file(template: Path, folder: Path) -> Iterator[Victim]:
    shutil.copytree(template, folder, dirs_exist_ok=True)
    with attacked(folder, sqlite_urls(folder), f"sqlite:///{folder / 'main.db'}") as victim:
        yield victim


@contextmanager
def on_server(server: PostgreSQL, folder: Path) -> Iterator[Victim]:
    name = server.migrated()
    with attacked(folder, postgresql_urls(server, name), server.url("postgres", name)) as victim:
        yield victim
    server.drop(name)


@pytest.fixture(scope="module")
def sqlite_victim(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with on_sqlite_file(sqlite_template, tmp_path_factory.mktemp("attacked")) as victim:
        yield victim


@pytest.fixture(scope="module")
def postgresql_victim(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with on_server(postgresql, tmp_path_factory.mktemp("attacked")) as victim:
        yield victim


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Victim]:
    """One of its own, to be harmed."""
    if request.param == "sqlite":
        with on_sqlite_file(request.getfixturevalue("sqlite_template"), tmp_path) as victim:
            yield victim
    else:
        with on_server(request.getfixturevalue("postgresql"), tmp_path) as victim:
            yield victim


def check(victim: Victim, attack: Attack) -> None:
    for way in WAYS:
        reasons = tried(victim.app, victim.filled(attack.statements), way)
        assert victim.is_unchanged()
        assert bool(reasons) is attack.is_refused, "refused, and not only without effect"
        assert not (victim.folder / "elsewhere").exists()


@pytest.mark.parametrize("attack", list(on_sqlite()), ids=str)
def test_the_application_changes_nothing_on_sqlite(sqlite_victim: Victim, attack: Attack) -> None:
    check(sqlite_victim, attack)


@pytest.mark.parametrize("attack", list(on_postgresql()), ids=str)
def test_the_application_changes_nothing_on_postgresql(postgresql_victim: Victim, attack: Attack) -> None:
    check(postgresql_victim, attack)


def test_a_postgresql_ledger_takes_no_copied_rows_out_of_order(postgresql_victim: Victim) -> None:
    """COPY FROM STDIN is an INSERT by another road: the triggers stand on that one too."""
    zeros = "\\\\x" + "00" * 32
    session = postgresql_victim.app.raw_connection()
    driver = session.driver_connection
    assert isinstance(driver, psycopg.Connection)
    driver.autocommit = True
    for position in (0, 3, 77, -1):
        with (
            pytest.raises(psycopg.Error) as caught,
            driver.cursor().copy("COPY ledger_entry FROM STDIN") as copy,
        ):
            copy.write(f"{position}\tx\ta\tc\tcopied\t{zeros}\t{zeros}\t{zeros}\n")
        assert caught.value.sqlstate == "23000"
    session.invalidate()
    assert postgresql_victim.is_unchanged()


READS = (
    *("SELECT * FROM {}", "SELECT count(*) FROM {}", "SELECT 1 WHERE EXISTS (SELECT 1 FROM {})"),
    *("SELECT (SELECT max(1) FROM {})", "WITH one AS (SELECT * FROM {}) SELECT count(*) FROM one"),
)
WRITES = ("INSERT INTO {0} SELECT * FROM {0}", "UPDATE {0} SET {1} = {1}", "DELETE FROM {}")


def strangers(dialect: str) -> list[tuple[Login, str]]:
    """What the logins try that have nothing to do with the ledger: to read it, and to write what they may read."""
    found = []
    for name in GUARDED:
        column = "root" if name == "ledger_head" else next(iter(ADDED_TO[name].columns)).name
        writes = [statement.format(name, column) for statement in WRITES]
        reads = [statement.format(name) for statement in READS]
        found += [(Login.RELEASE, one) for one in ([] if name in RELEASE_TABLES else reads) + writes]
        if dialect == "postgresql":
            public = f"public.{name}"
            found += [(Login.VAULT, statement.format(public, column)) for statement in (*READS, *WRITES)]
            found += [(login, f"TRUNCATE public.{name}") for login in (Login.RELEASE, Login.VAULT)]
            found += [(login, f"COPY public.{name} TO STDOUT") for login in (Login.VAULT,)]
    if dialect == "sqlite":
        found += [
            (login, statement)
            for login in (Login.RELEASE, Login.VAULT)
            for statement in ("ATTACH DATABASE '{here}' AS ledger", "VACUUM INTO '{elsewhere}'")
        ]
        found.append((Login.RELEASE, "SELECT sql FROM sqlite_master"))
    return found


def check_stranger(victim: Victim, login: Login, statement: str) -> None:
    engine = open_engine(victim.urls[login], login)
    try:
        assert tried(engine, victim.filled([statement]), "each by itself")
    finally:
        engine.dispose()
    assert victim.is_unchanged()
    assert not (victim.folder / "elsewhere").exists()


@pytest.mark.parametrize(("login", "statement"), strangers("sqlite"))
def test_other_logins_cannot_even_read_on_sqlite(sqlite_victim: Victim, login: Login, statement: str) -> None:
    check_stranger(sqlite_victim, login, statement)


@pytest.mark.parametrize(("login", "statement"), strangers("postgresql"))
def test_other_logins_cannot_even_read_on_postgresql(
    postgresql_victim: Victim, login: Login, statement: str
) -> None:
    check_stranger(postgresql_victim, login, statement)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_after_all_attacks_the_ledger_appends_and_holds(request: pytest.FixtureRequest, kind: str) -> None:
    victim: Victim = request.getfixturevalue(f"{kind}_victim")
    victim.still_appends()
    victim.before = victim.content()
    store = CheckpointStore(victim.folder / "checkpoint.db")
    again = Ledger.open(victim.app, store, Signer(ORIGIN, key()), clock=system_clock)
    with reading(victim.app) as connection:
        assert again.pin(connection).root == victim.ledger.pin(connection).root
    again.close()
    store.close()
    signer = Signer(ORIGIN, key())
    look = Inspection(victim.app, verifier_key=signer.verifier_key, store=victim.folder / "checkpoint.db")
    found = {finding.code for finding in look.findings()}
    assert found <= {"COSIGNATURE"}, "but for the invented rows that the attacks began with"


def test_the_same_attacks_succeed_for_an_owner_without_triggers(fresh: Victim) -> None:
    """What the checks above see is worth nothing unless they can see this."""
    for trigger in TRIGGERS[fresh.dialect]:
        fresh.looker.execute(text(trigger))
    assert not fresh.is_unchanged()
    owner = open_engine(fresh.urls[Login.OWNER], Login.OWNER)
    names = {
        "sqlite": ("replace in ticket_event",),
        "postgresql": ("merge into ticket_event", "truncate release"),
    }
    wanted = {
        *("update ledger_entry", "upsert disclosure_secret", "shrink the head", "delete from ticket_event"),
        *("the head stays, its checkpoint does not", "delete from ledger_entry", *names[fresh.dialect]),
    }
    attacks = {one.name: one for one in (on_sqlite() if fresh.dialect == "sqlite" else on_postgresql())}
    try:
        for name in sorted(wanted, key=lambda one: one.startswith("delete")):
            assert tried(owner, list(attacks[name].statements), "each by itself") == []
            assert not fresh.is_unchanged(), name
    finally:
        owner.dispose()


TRIGGERS = {
    "sqlite": [
        f"DROP TRIGGER {table}_{event}"
        for table in ("ledger_entry", "ledger_head")
        for event in ("update", "delete", "insert")
    ],
    "postgresql": [f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in ("ledger_entry", "ledger_head")],
}


# What the rights allow, and the ledger finds


def test_a_row_slipped_in_beside_the_committer_stops_the_ledger(fresh: Victim) -> None:
    """Who can append can also append nonsense; it is never signed, and nobody is told that it stands."""
    with writing(fresh.app) as connection:
        connection.execute(
            text(
                "INSERT INTO ledger_entry SELECT 4, type, actor_party, actor_client, 'slipped', body_sha256,"
                " leaf_hash, line FROM ledger_entry WHERE seq = 1"
            )
        )
    with pytest.raises(LedgerError) as caught:
        fresh.ledger.append(issued("next"))
    assert caught.value.code in {"LEDGER_DAMAGED", "LEDGER_UNAVAILABLE"}
    with second_store(fresh) as store, pytest.raises(LedgerRefused):
        Ledger.open(fresh.app, store, Signer(ORIGIN, key()), clock=system_clock)


def test_a_head_moved_over_a_slipped_row_is_refused_by_who_reads_it(fresh: Victim) -> None:
    with writing(fresh.app) as connection:
        connection.execute(
            text(
                "INSERT INTO ledger_entry SELECT 4, type, actor_party, actor_client, 'slipped', body_sha256,"
                " leaf_hash, line FROM ledger_entry WHERE seq = 1"
            )
        )
        connection.execute(text("UPDATE ledger_head SET size = 5"))
    with reading(fresh.app) as connection, pytest.raises(LedgerRefused):
        fresh.ledger.pin(connection)
    with pytest.raises(LedgerRefused):
        fresh.ledger.append(issued("next"))


@contextmanager
def second_store(victim: Victim) -> Iterator[CheckpointStore]:
    store = CheckpointStore(victim.folder / "checkpoint.db")
    try:
        yield store
    finally:
        store.close()


def test_a_login_that_turns_off_its_own_durability_is_not_let_in_again(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    with on_server(postgresql, tmp_path) as victim:
        name = victim.app.url.database
        off = f"ALTER ROLE CURRENT_USER IN DATABASE {name} SET synchronous_commit = off"
        assert tried(victim.app, [off], "each by itself") == []
        with pytest.raises(DatabaseRefused) as caught:
            open_engine(victim.urls[Login.APP], Login.APP)
        assert caught.value.code == "DATABASE_NOT_DURABLE"
        victim.looker.execute(text(f"ALTER ROLE ci_app IN DATABASE {name} RESET ALL"))
