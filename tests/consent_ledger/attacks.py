"""
What somebody tries who can run any SQL as one of the application's logins, each attack by its name.

The tables are those of the program that may only be added to (`consent_ledger.rights`): a table that joins
them is attacked from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from consent_ledger.rights import app_rights
from migrations.histories import METADATA, History

ADDED_TO: dict[str, Table] = {
    table.name: table
    for metadata in METADATA[History.MAIN]
    for table in metadata.tables.values()
    if app_rights(table.name) == {"SELECT", "INSERT"}
}
"""Tables of which the application may change and remove nothing."""

GUARDED = (*ADDED_TO, "ledger_head")


@dataclass(frozen=True, slots=True)
class Attack:
    """Statements of one session, one after the other, whatever became of those before."""

    name: str
    statements: tuple[str, ...]
    is_refused: bool = True  # else it is let through, because it can do nothing

    def __str__(self) -> str:
        return self.name


def other(column: Column[object], dialect: str) -> str:
    """Another value for a column, as an expression."""
    match column.type:
        case Text():
            return "'forged'"
        case LargeBinary():
            return "zeroblob(32)" if dialect == "sqlite" else r"'\x" + "00" * 32 + "'::bytea"
        case Integer():
            return str(77)
        case _:
            raise TypeError(column)


def forged(table: Table, dialect: str) -> tuple[str, str, str]:
    """The first column of the key, another column, and what that is changed to."""
    (first, *_), rest = table.primary_key.columns, [one for one in table.columns if not one.primary_key]
    column = rest[-1] if rest else first
    return first.name, column.name, other(column, dialect)


def row(table: Table, dialect: str) -> str:
    """A SELECT of the rows that are there, with the key as it was and, if there is another, one column forged."""
    _, changed, value = forged(table, dialect)
    columns = ", ".join(
        value if one.name == changed and not one.primary_key else one.name for one in table.columns
    )
    return f"SELECT {columns} FROM {table.name} WHERE true"


def on_any(dialect: str) -> Iterator[Attack]:
    """The same on both databases, on each table."""

    def attack(name: str, *statements: str) -> Attack:
        return Attack(name, statements)

    for name, table in ADDED_TO.items():
        key, column, value = forged(table, dialect)
        keys = ", ".join(one.name for one in table.primary_key.columns)
        yield attack(f"update {name}", f"UPDATE {name} SET {column} = {value}")
        yield attack(f"update {name} to what it is", f"UPDATE {name} SET {column} = {column}")
        yield attack(f"update the key of {name}", f"UPDATE {name} SET {key} = {key}")
        yield attack(f"update {name} in another case", f"UPDATE {name.upper()} SET {column} = {value}")
        yield attack(f"update {name} from itself", f"UPDATE {name} SET {column} = {value} FROM {name} AS o")
        yield attack(
            f"upsert {name}",
            f"INSERT INTO {name} {row(table, dialect)} ON CONFLICT ({keys}) DO UPDATE SET {column} = {value}",
        )
    for name in GUARDED:
        yield attack(f"delete from {name}", f"DELETE FROM {name}")
        yield attack(f"delete from {name} and tell", f"DELETE FROM {name} RETURNING *")
        yield attack(f"drop {name}", f"DROP TABLE {name}")
        yield attack(f"rename {name} and put another there", f"ALTER TABLE {name} RENAME TO away")
        yield attack(f"add a column to {name}", f"ALTER TABLE {name} ADD COLUMN more TEXT")
        yield attack(f"shadow {name}", f"CREATE TEMPORARY TABLE {name} (seq INTEGER, size INTEGER)")
        yield attack(f"shadow {name} by a view", f"CREATE TEMPORARY VIEW {name} AS SELECT 1 AS seq")
        yield attack(f"index {name}", f"CREATE UNIQUE INDEX attack ON {name} ((1))")
    entry = "type, actor_party, actor_client, 'gap', body_sha256, leaf_hash, line FROM ledger_entry"
    gap = "INSERT INTO ledger_entry SELECT {}, " + entry + " WHERE seq = 1"
    yield attack("skip a position", gap.format("(SELECT max(seq) + 2 FROM ledger_entry)"))
    yield attack("a position far ahead", gap.format("1000000"))
    yield attack("a position before the first", gap.format("-1"))
    yield attack("a position once more", gap.format("1"))
    yield attack("shrink the head", "UPDATE ledger_head SET size = size - 1")
    yield attack("shrink the head to one", "UPDATE ledger_head SET size = 1")
    yield attack("the head beyond its entries", "UPDATE ledger_head SET size = size + 1")
    yield attack(
        "the head stays, its root does not", "UPDATE ledger_head SET root = leaf_hash FROM ledger_entry"
    )
    yield attack("the head stays, its checkpoint does not", "UPDATE ledger_head SET checkpoint = 'x'")
    yield attack("the head under another number", "UPDATE ledger_head SET one = 2")
    yield attack(
        "a second head",
        "INSERT INTO ledger_head SELECT 2, size, root, frontier, recorded, checkpoint FROM ledger_head",
    )


def _also(name: str, *statements: str) -> Attack:
    return Attack(name, statements)


def _harmless(name: str, *statements: str) -> Attack:
    return Attack(name, statements, is_refused=False)


def on_sqlite() -> Iterator[Attack]:
    """What only SQLite offers. `{elsewhere}` is a path outside the ledger's folder, `{here}` its file."""
    yield from on_any("sqlite")
    for name, table in ADDED_TO.items():
        yield _also(f"replace in {name}", f"INSERT OR REPLACE INTO {name} {row(table, 'sqlite')}")
        yield _also(f"replace into {name}", f"REPLACE INTO {name} {row(table, 'sqlite')}")
        yield _also(f"update or replace {name}", f"UPDATE OR REPLACE {name} SET rowid = 1")
        yield _also(
            f"replace in {name} without triggers",
            "PRAGMA recursive_triggers = OFF",
            f"INSERT OR REPLACE INTO {name} {row(table, 'sqlite')}",
        )
    columns = "type, actor_party, actor_client, {}, body_sha256, leaf_hash, line FROM ledger_entry"
    yield _also(
        "replace at the next position, over an earlier key",
        "INSERT OR REPLACE INTO ledger_entry SELECT (SELECT max(seq) + 1 FROM ledger_entry), "
        + columns.format("idem")
        + " WHERE seq = 1",
    )
    yield _also(
        "replace the head",
        "INSERT OR REPLACE INTO ledger_head SELECT 1, 1, root, frontier, recorded, checkpoint FROM ledger_head",
    )
    for trigger in (
        *("ledger_entry_update", "ledger_entry_delete", "ledger_entry_insert"),
        *("ledger_head_update", "ledger_head_delete", "ledger_head_insert"),
    ):
        yield _also(f"drop the trigger {trigger}", f"DROP TRIGGER {trigger}", "DELETE FROM ledger_entry")
    for name in ADDED_TO:
        yield _also(f"drop what holds {name} against REPLACE", f"DROP TRIGGER temp.{name}_replaced")
    yield _also(
        "a trigger before ours",
        "CREATE TEMP TRIGGER attack BEFORE INSERT ON ledger_entry BEGIN SELECT RAISE(IGNORE); END",
    )
    yield _also(
        "a trigger that deletes for us",
        "CREATE TEMP TRIGGER attack AFTER INSERT ON standing BEGIN DELETE FROM ticket_event; END",
    )
    for statement in ("DELETE FROM {}", "UPDATE {} SET sql = ''", "INSERT INTO {} SELECT * FROM {}"):
        for schema in ("sqlite_master", "sqlite_schema"):
            yield _also(
                f"write the schema: {statement.split()[0].lower()} {schema}",
                "PRAGMA writable_schema = ON",
                statement.format(schema, schema),
            )
    for pragma, value in (
        *(("recursive_triggers", "OFF"), ("ignore_check_constraints", "ON"), ("foreign_keys", "OFF")),
        *(("journal_mode", "OFF"), ("journal_mode", "DELETE"), ("journal_mode", "MEMORY")),
        *(("synchronous", "OFF"), ("synchronous", "NORMAL"), ("locking_mode", "EXCLUSIVE")),
        *(("schema_version", "1"), ("user_version", "9"), ("application_id", "9"), ("trusted_schema", "ON")),
        *(("wal_autocheckpoint", "0"), ("wal_checkpoint", "TRUNCATE"), ("secure_delete", "OFF")),
        *(("writable_schema", "RESET"), ("legacy_alter_table", "ON"), ("reverse_unordered_selects", "ON")),
        *(("case_sensitive_like", "ON"), ("encoding", "'UTF-16'"), ("page_size", "512"), ("mmap_size", "0")),
        *(("temp_store_directory", "'/tmp'"), ("defer_foreign_keys", "ON"), ("auto_vacuum", "FULL")),
    ):
        yield _also(
            f"pragma {pragma} = {value}", f"PRAGMA {pragma} = {value}", f"PRAGMA main.{pragma}({value})"
        )
    yield _also("a negative position unchecked", "PRAGMA ignore_check_constraints = ON")
    yield _also("a pragma as a table", "SELECT * FROM pragma_optimize('0xffff')", "PRAGMA optimize")
    yield _also("attach another file", "ATTACH DATABASE '{elsewhere}' AS elsewhere")
    yield _also("attach in memory", "ATTACH DATABASE ':memory:' AS elsewhere")
    yield _also("attach the same file by another name", "ATTACH DATABASE '{here}' AS again")
    yield _also("detach", "DETACH DATABASE main")
    yield _also("vacuum", "VACUUM")
    yield _also("copy the file away", "VACUUM INTO '{elsewhere}'")
    yield _also("reindex", "REINDEX ledger_entry")
    yield _also("analyze", "ANALYZE")
    yield _also("a virtual table", "CREATE VIRTUAL TABLE attack USING fts5(x)")
    yield _also("the pages as a table", "CREATE VIRTUAL TABLE temp.attack USING dbstat(main)")
    yield _also("load an extension", "SELECT load_extension('attack')")
    yield _also("a view in the schema", "CREATE VIEW attack AS SELECT * FROM ledger_entry")
    yield _also("delete inside a savepoint", "SAVEPOINT attack", "DELETE FROM ledger_entry", "RELEASE attack")
    yield _also("delete by a common table", "WITH one AS (SELECT 1 AS seq) DELETE FROM ledger_entry")
    yield _also("delete under a quoted name", 'DELETE FROM "main"."Ledger_Entry"')
    yield _also("delete with a limit", "DELETE FROM ledger_entry ORDER BY seq DESC LIMIT 1")
    yield _also("update under the row's own name", "UPDATE ledger_entry SET _rowid_ = 9")
    yield _also("drop a column", "ALTER TABLE ledger_entry DROP COLUMN line")
    yield _also("rename a column", "ALTER TABLE ledger_entry RENAME COLUMN line TO other")


def on_postgresql() -> Iterator[Attack]:
    """What only PostgreSQL offers. `{elsewhere}` is a path the server could write."""
    yield from on_any("postgresql")
    for name, table in ADDED_TO.items():
        key, column, value = forged(table, "postgresql")
        merge = f"MERGE INTO {name} AS t USING {name} AS s ON t.{key} = s.{key} WHEN MATCHED THEN"
        yield _also(f"merge into {name}", f"{merge} UPDATE SET {column} = {value}")
        yield _also(f"merge {name} away", f"{merge} DELETE")
        yield _also(f"select {name} for update", f"SELECT * FROM {name} FOR UPDATE")
    for name in GUARDED:
        yield _also(f"truncate {name}", f"TRUNCATE {name}")
        yield _also(f"switch off what guards {name}", f"ALTER TABLE {name} DISABLE TRIGGER ALL")
        yield _also(f"copy {name} from a program", f"COPY {name} FROM PROGRAM 'true'")
    for name in ("ledger_entry", "ledger_head", "ticket_event", "disclosure_secret"):
        for statement in (
            *("TRUNCATE {} CASCADE", "TRUNCATE ONLY public.{} RESTART IDENTITY", "REINDEX TABLE {}"),
            *("ALTER TABLE {} DISABLE TRIGGER USER", "ALTER TABLE {} ENABLE ROW LEVEL SECURITY"),
            *("ALTER TABLE {} OWNER TO CURRENT_USER", "ALTER TABLE {} SET UNLOGGED"),
            *("ALTER TABLE {} SET SCHEMA vault", "ALTER TABLE {} SET (fillfactor = 10)"),
            *("CREATE RULE attack AS ON INSERT TO {} DO INSTEAD NOTHING", "COMMENT ON TABLE {} IS 'x'"),
            *("CREATE POLICY attack ON {} USING (false)", "CREATE TABLE attack () INHERITS ({})"),
            *("COPY {} TO '{{elsewhere}}'", "COPY {} FROM '{{elsewhere}}'", "CLUSTER {} USING pk_{}"),
            "COPY {} TO PROGRAM 'cat > {{elsewhere}}'",
            "CREATE TRIGGER attack BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
            "SELECT * INTO attack FROM {}",
            "WITH gone AS (DELETE FROM {} RETURNING *) SELECT count(*) FROM gone",
            "DO $$ BEGIN EXECUTE 'DELETE FROM {}'; END $$",
            "EXPLAIN ANALYZE DELETE FROM {}",
        ):
            text = statement.format(name, name)
            yield _also(text.replace("{elsewhere}", "…"), text)
        yield _also(
            f"prepare and delete from {name}", f"PREPARE attack AS DELETE FROM {name}", "EXECUTE attack"
        )
        yield _also(
            f"play replica and delete from {name}",
            "SET session_replication_role = replica",
            f"DELETE FROM {name}",
        )
        yield _harmless(f"give oneself rights on {name}", f"GRANT ALL ON {name} TO CURRENT_USER")
        yield _harmless(f"take the owner's rights on {name}", f"REVOKE ALL ON {name} FROM ci_owner")
    for its, triggers in (
        ("ledger_entry", ("update_row", "update_all", "delete_row", "delete_all", "truncate", "insert")),
        ("ledger_head", ("delete_row", "delete_all", "truncate", "update")),
    ):
        for trigger in triggers:
            full = f"{its}_{trigger}"
            yield _also(f"drop the trigger {full}", f"DROP TRIGGER {full} ON {its}")
            yield _also(f"switch off the trigger {full}", f"ALTER TABLE {its} DISABLE TRIGGER {full}")
            yield _also(f"rename the trigger {full}", f"ALTER TRIGGER {full} ON {its} RENAME TO attack")
    body = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    for function in ("ledger_refuse", "ledger_gapless", "ledger_grow"):
        yield _also(
            f"replace the function {function}", f"CREATE OR REPLACE FUNCTION public.{function}() {body}"
        )
        yield _also(f"shadow the function {function}", f"CREATE FUNCTION pg_temp.{function}() {body}")
        yield _also(f"drop the function {function}", f"DROP FUNCTION public.{function}() CASCADE")
        yield _also(f"own the function {function}", f"ALTER FUNCTION {function}() OWNER TO CURRENT_USER")
        yield _also(
            f"steer the function {function}", f"ALTER FUNCTION {function}() SET search_path = pg_temp"
        )
    for who in ("ci_owner", "ci_release", "ci_vault", "postgres"):
        yield _also(f"become {who}", f"SET ROLE {who}", "DELETE FROM ledger_entry")
        yield _also(f"log in as {who}", f"SET SESSION AUTHORIZATION {who}", "DELETE FROM ledger_entry")
        yield _also(f"join {who}", f"GRANT {who} TO CURRENT_USER")
        yield _also(f"change {who}", f"ALTER ROLE {who} SET search_path = pg_temp")
        yield _also(f"take over from {who}", f"REASSIGN OWNED BY {who} TO CURRENT_USER")
        yield _also(f"drop what {who} owns", f"DROP OWNED BY {who}")
    for statement in (
        *("DROP OWNED BY CURRENT_USER", "REASSIGN OWNED BY CURRENT_USER TO ci_release"),
        *("ALTER ROLE CURRENT_USER SUPERUSER", "ALTER ROLE CURRENT_USER BYPASSRLS CREATEROLE REPLICATION"),
        *(
            "CREATE ROLE attack SUPERUSER",
            "CREATE SCHEMA attack",
            "CREATE SCHEMA pg_temp",
            "DROP EXTENSION plpgsql CASCADE",
        ),
        *(
            "ALTER SYSTEM SET fsync = off",
            "SET fsync = off",
            "SET full_page_writes = off",
            "SET wal_level = minimal",
        ),
        *("SELECT set_config('session_replication_role', 'replica', false)", "SET zero_damaged_pages = on"),
        *("SET allow_system_table_mods = on", "SET ignore_checksum_failure = on"),
        *(
            "UPDATE pg_trigger SET tgenabled = 'D'",
            "DELETE FROM pg_catalog.pg_trigger",
            "DELETE FROM pg_depend",
        ),
        *(
            "UPDATE pg_class SET relowner = 10",
            "UPDATE pg_authid SET rolsuper = true",
            "DELETE FROM pg_largeobject",
        ),
        *("UPDATE pg_proc SET prosrc = 'BEGIN RETURN NEW; END'", "SELECT * FROM pg_authid"),
        *("SELECT pg_read_file('PG_VERSION')", "SELECT lo_import('/etc/hosts')", "SELECT pg_ls_dir('.')"),
        *(
            "SELECT pg_switch_wal()",
            "SELECT pg_promote()",
            "SELECT pg_reload_conf()",
            "SELECT pg_rotate_logfile()",
        ),
        *(
            "CREATE TABLE public.attack (x int)",
            "CREATE TEMP TABLE attack (x int)",
            "CREATE TEMP SEQUENCE attack",
        ),
        *("CREATE VIEW attack AS SELECT 1", "CREATE TYPE attack AS (x int)", "CREATE DOMAIN attack AS int"),
        *(
            "CREATE CAST (text AS int) WITH INOUT",
            "CREATE EVENT TRIGGER attack ON sql_drop EXECUTE FUNCTION x()",
        ),
        *(
            "CREATE PUBLICATION attack FOR ALL TABLES",
            "DROP LANGUAGE plpgsql CASCADE",
            "CREATE DATABASE attack",
        ),
        "CREATE FOREIGN DATA WRAPPER attack",
        *(
            "ALTER SCHEMA public OWNER TO CURRENT_USER",
            "DROP SCHEMA public CASCADE",
            "DROP SCHEMA vault CASCADE",
        ),
        *("LOCK TABLE ledger_entry IN ACCESS EXCLUSIVE MODE", "LOCK TABLE ledger_entry IN EXCLUSIVE MODE"),
        *(
            "SELECT * FROM vault.vault_person",
            "CREATE TABLE vault.attack (x int)",
            "UPDATE vault.vault_key SET x = 1",
        ),
        "ALTER DATABASE postgres SET search_path = pg_temp",
        "CREATE OPERATOR public.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = int8ne)",
        "CREATE FUNCTION public.attack() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "CREATE AGGREGATE public.max (bigint) (SFUNC = int8pl, STYPE = bigint)",
    ):
        yield _also(statement, statement)
    yield _also(
        "another search path, then shadow",
        "SET search_path TO pg_temp, public",
        "CREATE TABLE ledger_entry (seq bigint)",
    )
    yield _also("two statements in one", "SELECT 1; DELETE FROM ledger_entry")
    for name, statement in (
        ("a search path without our schema", "SET search_path TO pg_temp"),
        ("constraints deferred", "SET CONSTRAINTS ALL DEFERRED"),
        ("a large object", "SELECT lo_from_bytea(0, 'x')"),
        ("rights on what is made later", "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC"),
        ("a notice to others", "NOTIFY ledger, 'withdrawn'"),
        ("a lock of one's own", "SELECT pg_advisory_lock(1)"),
        (
            "other backends ended",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = CURRENT_USER AND datname = current_database()",
        ),
        ("rows hidden from oneself", "SET row_security = off"),
        ("no durability in this session", "SET synchronous_commit = off"),
    ):
        yield _harmless(name, statement)
