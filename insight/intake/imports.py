"""The imports that were accepted: found by key, and told again as they were told first."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from consent_ledger.vocabulary import PartyId, Position
from insight.intake.refusals import IntakeRefused
from insight.intake.report import ImportReport
from insight.tables import data_import


def latest(connection: Connection, institution: PartyId) -> str | None:
    """The institution's last import: what a plan rests on."""
    told: str | None = connection.scalar(
        select(data_import.c.id)
        .where(data_import.c.institution == institution)
        .order_by(data_import.c.position.desc())
        .limit(1)
    )
    return told


def first_report(
    connection: Connection, institution: PartyId, idem: str, *, unit: str, source: str, file_sha256: str
) -> ImportReport | None:
    """
    The report of the import that used this key, marked `repeated`; None when there is none.

    Raises `IntakeRefused` (IDEMPOTENCY_CONFLICT) when the key was used for another file or source.
    """
    row = connection.execute(
        select(data_import).where(data_import.c.institution == institution, data_import.c.idem == idem)
    ).one_or_none()
    if row is None:
        return None
    if (row.unit, row.source, row.file_sha256) != (unit, source, file_sha256):
        raise key_conflict()
    return stored_report(row, repeated=True)


def stored_report(row: Row[Any], *, repeated: bool = False) -> ImportReport:
    """The report of a row of `data_import`."""
    return ImportReport.from_json(json.loads(row.report), position=Position(row.position), repeated=repeated)


def keep(connection: Connection, report: ImportReport, *, idem: str, position: Position, at: str) -> None:
    """Write the import beside its entry. `at` is when it was received."""
    connection.execute(
        insert(data_import),
        {
            "id": report.import_id,
            "institution": report.institution,
            "unit": report.unit,
            "source": report.source,
            "mapping": report.mapping,
            "file_sha256": report.file_sha256,
            "idem": idem,
            "position": position,
            "received_at": at,
            "report": report.canonical().decode(),
        },
    )


def key_conflict() -> IntakeRefused:
    return IntakeRefused(
        "IDEMPOTENCY_CONFLICT",
        "This key was used before, for another file or source.",
        "Use a new key for a new file; use the same key only to repeat the same delivery.",
    )
