"""`cultuurinzicht ingest`: a file of tickets or visits, all of it or nothing."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from api.assembly import assembled
from api.settings import Settings
from consent_ledger.permit import Refusal
from consent_ledger.question import intake_question
from consent_ledger.reasons import EXPLAINED
from consent_ledger.vocabulary import PartyId
from insight.intake.report import ImportRefused, ImportReport
from resolvers.gate import as_platform

_SHOWN = 20
"""How many refused rows are shown; a wrong column makes every row one."""


class FileUnreadable(Exception):
    """The file cannot be read."""

    code = "FILE_UNREADABLE"
    sentence = "This file cannot be read; check its name and its rights."


class UnknownInstitution(Exception):
    """No organisation is registered under this id."""

    code = "UNKNOWN_INSTITUTION"
    sentence = "There is no institution of this id on this platform."
    next_step = "Ids are in the register of institutions, and in demo-access.json of a sandbox."


def ingest(
    settings: Settings,
    file: Path,
    *,
    institution: str,
    unit: str,
    mapping: str,
    source: str,
    key: str | None,
    as_json: bool,
) -> int:
    """
    Bring the file in for the house, as the platform; prints the report. 0 when stored, 1 when refused.

    The same key with the same file gives the first report again and stores nothing. Without a key every
    run is an import of its own: an earlier file brought in again says again what it says.
    """
    try:
        content = file.read_bytes()
    except OSError:
        raise FileUnreadable from None
    checksum = hashlib.sha256(content).hexdigest()
    with assembled(settings) as parts, as_platform(parts.house) as ask:
        if institution not in ask.snapshot.state.parties:
            raise UnknownInstitution
        permit = ask.ask(intake_question(PartyId(institution)))
        if isinstance(permit, Refusal):
            explained = EXPLAINED[permit.reason]
            print(f"{explained.sentence.en} {explained.fix.en}", file=sys.stderr)
            return 1
        take = parts.house.intake.tickets if unit == "tickets" else parts.house.intake.visits
        try:
            report = take(
                permit,
                content,
                source=source,
                mapping=mapping,
                idem=key or f"run:{ask.request_id}",
                file_sha256=checksum,
                actor=ask.actor,
            )
        except ImportRefused as refused:
            _show_refused(refused)
            return 1
    print(json.dumps(report.as_json(), ensure_ascii=False) if as_json else _told(report))
    return 0


def _told(report: ImportReport) -> str:
    again = " (this import was stored before)" if report.repeated else ""
    twice = f", {report.duplicate} told twice" if report.duplicate else ""
    return (
        f"{report.received} lines: {report.created} created, {report.updated} updated, "
        f"{report.unchanged} unchanged{twice}{again}."
    )


def _show_refused(refused: ImportRefused) -> None:
    print(refused.sentence, file=sys.stderr)
    print(refused.fix, file=sys.stderr)
    errors = refused.report.errors
    for error in errors[:_SHOWN]:
        print(f"  line {error.line}: {error.field}: {error.code}: {error.message}", file=sys.stderr)
    if len(errors) > _SHOWN:
        print(f"  and {len(errors) - _SHOWN} more", file=sys.stderr)
