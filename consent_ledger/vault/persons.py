"""
Finding and making persons by the tens of thousands: one statement each, whatever their number.

The statements differ per database because each has its own way to take a whole list as one parameter.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from consent_ledger.vocabulary import PartyId, PersonRef


class Known(NamedTuple):
    """A person's row, as far as finding goes."""

    ref: PersonRef
    under: str | None
    is_pending: bool


class New(NamedTuple):
    """A person's row as it is made; the order is that of the columns in `_MAKE_SQLITE`."""

    controller: PartyId
    ref: PersonRef
    lookup: str
    epoch: int
    data_key: bytes
    evidence_key: bytes
    under: str
    made: int


_FIND_SQLITE = (
    "SELECT p.lookup, p.ref, p.under, p.made IS NOT NULL FROM json_each(?) AS wanted"
    # CROSS: this order and no other, or SQLite may read the list again for every person there is
    " CROSS JOIN vault_person AS p ON p.controller = ? AND p.lookup = wanted.value"
)
_FIND_POSTGRESQL = (
    "SELECT p.lookup, p.ref, p.under, p.made IS NOT NULL FROM vault_person AS p"
    " WHERE p.lookup = ANY(%s::text[]) AND p.controller = %s"
)
_COLUMNS = "(controller, ref, lookup, epoch, data_key, evidence_key, under, made)"
_MAKE_SQLITE = f"INSERT INTO vault_person {_COLUMNS} VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608
_MAKE_POSTGRESQL = (
    f"INSERT INTO vault_person {_COLUMNS} SELECT * FROM unnest("  # noqa: S608 - fixed words
    "%s::text[], %s::text[], %s::text[], %s::int[], %s::bytea[], %s::bytea[], %s::text[], %s::bigint[])"
    " ON CONFLICT DO NOTHING"
)


def known_persons(connection: Connection, controller: PartyId, lookups: Sequence[str]) -> dict[str, Known]:
    """Those of `lookups` who are known at `controller`."""
    if not lookups:
        return {}
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(_FIND_POSTGRESQL, (list(lookups), controller))
    else:
        rows = connection.exec_driver_sql(_FIND_SQLITE, (json.dumps(lookups), controller))
    return {lookup: Known(ref, under, bool(pending)) for lookup, ref, under, pending in rows.all()}


def make_persons(connection: Connection, rows: list[New]) -> None:
    """
    Keep these new persons.

    On PostgreSQL another process may keep one of them at this moment: this waits for it, and the first
    one stays. So look for them again afterwards. Give rows in order of `lookup`: two processes that
    make the same persons in different orders would wait for each other.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            _MAKE_POSTGRESQL, tuple(list(column) for column in zip(*rows, strict=True))
        )
    else:
        connection.exec_driver_sql(_MAKE_SQLITE, [tuple(row) for row in rows])
