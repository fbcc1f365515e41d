"""
The table of what witnesses signed, and the triggers that keep it append-only.

One row per cosignature: of which size and root, by which witness, when, and the value of the signature, from
which anyone can build the signature line again. `number` counts the rows in the order in which they were
committed, so that a process reads only what it has not read before. Never let Alembic rebuild this table
in batch mode.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from consent_ledger.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")

ledger_cosignature = Table(
    "ledger_cosignature",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("witness", Text, nullable=False),
    Column("size", _NUMBER, nullable=False),
    Column("time", _NUMBER, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    CheckConstraint("number >= 0", name="number"),
    CheckConstraint("size > 0", name="size"),
    CheckConstraint("time > 0", name="time"),
    CheckConstraint("length(root) = 32", name="root"),
    CheckConstraint("length(signature) BETWEEN 1 AND 4096", name="signature"),
    UniqueConstraint("witness", "size", "time"),
    sqlite_strict=True,
)
"""`witness` is the verifier key, `time` the time in the signature, in seconds since 1970."""

_REFUSED = "cosignatures are append-only"
_NEXT = "the next cosignature only"


def append_only_ddl(dialect_name: str) -> list[str]:
    """The statements that make the table append-only, for the owner to run once, after creating it."""
    match dialect_name:
        case "sqlite":
            return [
                _sqlite("UPDATE", "", _REFUSED),
                _sqlite("DELETE", "", _REFUSED),
                # REPLACE fires no DELETE trigger for the rows it removes: the collision is seen here
                _sqlite(
                    "INSERT",
                    "WHEN NEW.number IS NOT (SELECT coalesce(max(number) + 1, 0) FROM ledger_cosignature)"
                    " OR EXISTS (SELECT 1 FROM ledger_cosignature WHERE witness = NEW.witness"
                    " AND size = NEW.size AND time = NEW.time)",
                    _NEXT,
                ),
            ]
        case "postgresql":
            return _postgresql()
        case _:
            raise ValueError("the ledger lives in SQLite or PostgreSQL")


def _sqlite(event: str, when: str, sentence: str) -> str:
    return (
        f"CREATE TRIGGER ledger_cosignature_{event.lower()} BEFORE {event} ON ledger_cosignature {when}"
        f" BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def _postgresql() -> list[str]:
    def function(name: str, condition: str, sentence: str) -> str:
        return (
            f"CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF {condition} THEN RAISE EXCEPTION USING"
            f" ERRCODE = 'integrity_constraint_violation', MESSAGE = '{sentence}'; END IF;"
            " RETURN NEW; END $$"
        )

    def trigger(name: str, when: str, call: str) -> list[str]:
        return [
            f"CREATE TRIGGER ledger_cosignature_{name} BEFORE {when} EXECUTE FUNCTION public.{call}()",
            f"ALTER TABLE public.ledger_cosignature ENABLE ALWAYS TRIGGER ledger_cosignature_{name}",
        ]

    on, refuse = "ON public.ledger_cosignature", "cosignature_refuse"
    statements = [
        function(refuse, "true", _REFUSED),
        function(
            "cosignature_next",
            "NEW.number IS DISTINCT FROM"
            " (SELECT coalesce(max(number) + 1, 0) FROM public.ledger_cosignature)",
            _NEXT,
        ),
    ]
    for event in ("UPDATE", "DELETE"):
        statements += trigger(f"{event.lower()}_row", f"{event} {on} FOR EACH ROW", refuse)
        statements += trigger(f"{event.lower()}_all", f"{event} {on} FOR EACH STATEMENT", refuse)
    statements += trigger("truncate", f"TRUNCATE {on} FOR EACH STATEMENT", refuse)
    statements += trigger("insert", f"INSERT {on} FOR EACH ROW", "cosignature_next")
    return statements
