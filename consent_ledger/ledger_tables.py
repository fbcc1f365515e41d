"""
The two tables of the ledger, and the triggers that keep them append-only.

`ledger_entry` takes the next position and nothing else: no change, no removal, no gap, no replacing.
`ledger_head` is one row that only grows, and only to the number of entries there are. What stands in the
columns beside `line` is derived from `line`, for look-up. Never let Alembic rebuild these tables in
batch mode: the new table would stand there without its triggers.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from consent_ledger.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

_POSITION = BigInteger().with_variant(Integer(), "sqlite")

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("seq", _POSITION, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("actor_party", Text, nullable=False),
    Column("actor_client", Text, nullable=False),
    Column("idem", Text, nullable=False),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("line", LargeBinary, nullable=False),
    CheckConstraint("seq >= 0", name="seq"),
    CheckConstraint("length(body_sha256) = 32", name="body_sha256"),
    CheckConstraint("length(leaf_hash) = 32", name="leaf_hash"),
    CheckConstraint("length(line) BETWEEN 2 AND 65535", name="line"),
    UniqueConstraint("actor_party", "actor_client", "idem"),
    Index(None, "type", "seq"),
    sqlite_strict=True,
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("size", _POSITION, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("recorded", Text, nullable=False),
    Column("checkpoint", Text, nullable=False),
    CheckConstraint("one = 1", name="one"),
    CheckConstraint("size > 0", name="size"),
    CheckConstraint("length(root) = 32", name="root"),
    sqlite_strict=True,
)

_REFUSED = "the ledger is append-only"
_GAP = "the ledger takes the next position only"
_HEAD = "the head of the ledger only grows, to the number of its entries"


def append_only_ddl(dialect_name: str) -> list[str]:
    """The statements that make both tables append-only, for the owner to run once, after creating them."""
    match dialect_name:
        case "sqlite":
            return _sqlite()
        case "postgresql":
            return _postgresql()
        case _:
            raise ValueError("the ledger lives in SQLite or PostgreSQL")


def _sqlite() -> list[str]:
    def trigger(table: str, event: str, when: str, sentence: str) -> str:
        return (
            f"CREATE TRIGGER {table}_{event.lower()} BEFORE {event} ON {table} {when}"
            f" BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )

    return [
        trigger("ledger_entry", "UPDATE", "", _REFUSED),
        trigger("ledger_entry", "DELETE", "", _REFUSED),
        # REPLACE removes the rows it collides with and fires no DELETE trigger, so a collision must be
        # seen here, before it: on the position, and on the key of an earlier entry.
        trigger(
            "ledger_entry",
            "INSERT",
            "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, 0) FROM ledger_entry)"
            " OR EXISTS (SELECT 1 FROM ledger_entry WHERE actor_party = NEW.actor_party"
            " AND actor_client = NEW.actor_client AND idem = NEW.idem)",
            _GAP,
        ),
        trigger("ledger_head", "DELETE", "", _REFUSED),
        trigger("ledger_head", "INSERT", "WHEN EXISTS (SELECT 1 FROM ledger_head)", _HEAD),
        trigger(
            "ledger_head",
            "UPDATE",
            "WHEN NEW.one IS NOT 1 OR NEW.size <= OLD.size"
            " OR NEW.size IS NOT (SELECT max(seq) + 1 FROM ledger_entry)",
            _HEAD,
        ),
    ]


def _postgresql() -> list[str]:
    def function(name: str, condition: str, sentence: str) -> str:
        # Names are qualified: nobody's search path decides which table is counted.
        return (
            f"CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF {condition} THEN RAISE EXCEPTION USING"
            f" ERRCODE = 'integrity_constraint_violation', MESSAGE = '{sentence}'; END IF;"
            " RETURN NEW; END $$"
        )

    def trigger(table: str, name: str, when: str, call: str) -> list[str]:
        return [
            f"CREATE TRIGGER {table}_{name} BEFORE {when} EXECUTE FUNCTION public.{call}()",
            # ALWAYS: not even a session that plays replica (session_replication_role) goes around it.
            f"ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER {table}_{name}",
        ]

    statements = [
        function("ledger_refuse", "true", _REFUSED),
        function(
            "ledger_gapless",
            "NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq) + 1, 0) FROM public.ledger_entry)",
            _GAP,
        ),
        function(
            "ledger_grow",
            "NEW.one IS DISTINCT FROM 1 OR NEW.size <= OLD.size"
            " OR NEW.size IS DISTINCT FROM (SELECT max(seq) + 1 FROM public.ledger_entry)",
            _HEAD,
        ),
    ]
    for table, events in (("ledger_entry", ("UPDATE", "DELETE")), ("ledger_head", ("DELETE",))):
        for event in events:
            low = event.lower()
            statements += trigger(
                table, f"{low}_row", f"{event} ON public.{table} FOR EACH ROW", "ledger_refuse"
            )
            statements += trigger(
                table, f"{low}_all", f"{event} ON public.{table} FOR EACH STATEMENT", "ledger_refuse"
            )
        statements += trigger(
            table, "truncate", f"TRUNCATE ON public.{table} FOR EACH STATEMENT", "ledger_refuse"
        )
    statements += trigger(
        "ledger_entry", "insert", "INSERT ON public.ledger_entry FOR EACH ROW", "ledger_gapless"
    )
    statements += trigger("ledger_head", "update", "UPDATE ON public.ledger_head FOR EACH ROW", "ledger_grow")
    return statements
