"""What a house brought in, as its permit shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject
from insight.store import require
from insight.tables import data_import


@dataclass(frozen=True, slots=True)
class StoredImport:
    """One accepted import; `report` is what its door answered, without any personal value."""

    id: str
    unit: str
    source: str
    mapping: str
    position: int
    received_at: str
    report: dict[str, Any]


def imports(
    permit: Permit[Read], connection: Connection, *, before: int | None, first: int
) -> list[StoredImport]:
    """The imports of the permit's controller, newest first, from before a position."""
    require(permit, Subject.IMPORTS)
    query = select(data_import).where(
        data_import.c.institution == permit.controller, data_import.c.position < permit.size
    )
    if before is not None:
        query = query.where(data_import.c.position < before)
    rows = connection.execute(query.order_by(data_import.c.position.desc()).limit(first))
    return [
        StoredImport(
            row.id, row.unit, row.source, row.mapping, row.position, row.received_at, json.loads(row.report)
        )
        for row in rows
    ]
