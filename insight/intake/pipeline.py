"""
The one road by which tickets and visit counts come in, whatever door they came through.

    1. read and check            a file that is no table, or any row that is wrong, refuses the whole
    2. vault                     who asked to stay out is nobody; others become references, durable,
                                 inert without the entry
    3. plan                      created, updated, unchanged, against what is stored
    4. ledger entry with rider   in one transaction: rows, the import with its report, and the entry

Atomic: all rows of a delivery are stored, or none. A crash leaves
- before 2: nothing;
- between 2 and 4: references that no row names; the same key finds them again, or the vault's sweep
  forgets them;
- during 4: nothing, the transaction is rolled back;
- after 4, before the answer: everything. The same key gives the first report.

Whoever is erased, or asks to stay out, between 2 and 4: the entry's own transaction sees it, and the
import goes back to 2.

No identifier, name or full postcode passes beyond step 2: not into rows, reports, errors or logs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

import pandas as pd
from sqlalchemy import Connection, Engine

from consent_ledger.clock import Clock
from consent_ledger.database import reading
from consent_ledger.entry import Actor, Draft, EntryType
from consent_ledger.log import IdempotencyConflict, Ledger, Rider
from consent_ledger.permit import Permit, Write
from consent_ledger.question import Subject
from consent_ledger.vault import Vault
from consent_ledger.vocabulary import PartyId, Position
from insight.intake import imports
from insight.intake import mapping as mappings
from insight.intake.buyers import Buyers, Door
from insight.intake.delivery import Delivery, tickets_from_file, tickets_from_frame
from insight.intake.faults import REMARKS
from insight.intake.imports import key_conflict
from insight.intake.lines import ticket_lines
from insight.intake.refusals import IntakeRefused
from insight.intake.report import ImportRefused, ImportReport, rejected_lines, warned
from insight.intake.ticket_store import Foreseen, plan_tickets
from insight.intake.visits import (
    Count,
    CountKey,
    plan_visits,
    visit_counts,
    visits_from_file,
    visits_from_frame,
)

Content: TypeAlias = "pd.DataFrame | bytes | Path"
"""A canonical frame, or a file as it came: its bytes, or where it lies."""

_ATTEMPTS = 8
_SOURCE = re.compile(r"[a-z0-9-]{2,40}")
_IDEM = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Consignment:
    """One delivery on its way in. `mapping` names how a file is read; for a frame it is recorded only."""

    permit: Permit[Write]
    content: Content
    source: str
    mapping: str
    idem: str
    file_sha256: str
    actor: Actor


class Plan(Protocol):
    """What one import will do to the rows of its unit."""

    @property
    def created(self) -> int: ...
    @property
    def updated(self) -> int: ...
    @property
    def unchanged(self) -> int: ...
    @property
    def relinked(self) -> int: ...
    @property
    def kept_out(self) -> int: ...

    def write(self, connection: Connection, import_id: str) -> bool: ...


class Outdated(Exception):
    """Another import, an erasure or a stop came between plan and entry; nothing was written."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A checked delivery: its report without the counts, and how to plan it."""

    institution: PartyId
    idem: str
    actor: Actor
    report: ImportReport
    identifiers: Sequence[str | None]
    plan: Callable[[Connection, _Transaction, Buyers], Plan]


@dataclass(frozen=True, slots=True)
class _Planned:
    """A delivery that is ready to be written, with the import and the persons that its plan rests on."""

    of: _Prepared
    report: ImportReport
    plan: Plan
    basis: str | None
    buyers: Buyers


class _Transaction:
    """What the imports of one transaction will have written, for those planned after them."""

    def __init__(self) -> None:
        self.tickets = Foreseen()
        self.visits: dict[tuple[PartyId, CountKey], Count] = {}
        self.latest: dict[PartyId, str | None] = {}


class Intake:
    """The doors' common road. Safe between threads."""

    def __init__(self, *, engine: Engine, ledger: Ledger, vault: Vault, clock: Clock) -> None:
        self._engine = engine
        self._ledger = ledger
        self._door = Door(engine, vault)
        self._clock = clock

    def tickets(
        self,
        permit: Permit[Write],
        content: Content,
        *,
        source: str,
        mapping: str,
        idem: str,
        file_sha256: str,
        actor: Actor,
    ) -> ImportReport:
        """
        Store these ticket lines for the permit's controller, and return the report.

        Durable on return, with its ledger entry. The same key and file again: the first report, marked
        `repeated`, and nothing written.

        Raises `IntakeRefused`: the file (`FileRefused`), rows (`ImportRefused`, with the report), a
        key used for another file (IDEMPOTENCY_CONFLICT). Then nothing was stored.
        """
        return self.tickets_many([Consignment(permit, content, source, mapping, idem, file_sha256, actor)])[0]

    def visits(
        self,
        permit: Permit[Write],
        content: Content,
        *,
        source: str,
        mapping: str,
        idem: str,
        file_sha256: str,
        actor: Actor,
    ) -> ImportReport:
        """Store these visit counts; durable, repeatable and refused as tickets are."""
        return self.visits_many([Consignment(permit, content, source, mapping, idem, file_sha256, actor)])[0]

    def tickets_many(self, consignments: Sequence[Consignment]) -> list[ImportReport]:
        """Several imports of tickets in one transaction: all are stored, or none."""
        return self._take("tickets", consignments, self._prepare_tickets)

    def visits_many(self, consignments: Sequence[Consignment]) -> list[ImportReport]:
        """Several imports of visit counts in one transaction: all are stored, or none."""
        return self._take("visits", consignments, self._prepare_visits)

    def _take(
        self,
        unit: str,
        consignments: Sequence[Consignment],
        prepare: Callable[[Consignment], _Prepared],
    ) -> list[ImportReport]:
        for one in consignments:
            _may_enter(one)
        reports = self._earlier(unit, consignments)
        fresh = [at for at, report in enumerate(reports) if report is None]
        if len({(consignments[at].permit.controller, consignments[at].idem) for at in fresh}) < len(fresh):
            raise key_conflict()
        prepared = [prepare(consignments[at]) for at in fresh]
        if prepared:
            try:
                stored = self._store(prepared)
            except IdempotencyConflict:
                # another process was first with this key: with the same file its report is the answer
                reports = self._earlier(unit, consignments)
                if any(report is None for report in reports):
                    raise key_conflict() from None
                stored = []
            for at, report in zip(fresh, stored, strict=False):
                reports[at] = report
        return [report for report in reports if report is not None]

    def _earlier(self, unit: str, consignments: Sequence[Consignment]) -> list[ImportReport | None]:
        """The first report of each key that was used before."""
        with reading(self._engine) as connection:
            return [
                imports.first_report(
                    connection,
                    one.permit.controller,
                    one.idem,
                    unit=unit,
                    source=one.source,
                    file_sha256=one.file_sha256,
                )
                for one in consignments
            ]

    # preparing

    def _prepare_tickets(self, one: Consignment) -> _Prepared:
        if isinstance(one.content, pd.DataFrame):
            label, delivery = one.mapping, tickets_from_frame(one.content)
        else:
            mapping = mappings.named(one.mapping, "tickets")
            label, delivery = mapping.label, tickets_from_file(_bytes(one), mapping)
        told = ticket_lines(delivery, self._clock())
        report = replace(
            _report(one, "tickets", label, delivery),
            duplicate=told.duplicates,
            with_postcode=sum(line.pc4 is not None for line in told.lines),
            with_identifier=sum(identifier is not None for identifier in told.identifiers),
            performances=told.totals,
        )
        _refuse_faults(report)
        institution, source = one.permit.controller, one.source
        return _Prepared(
            institution,
            one.idem,
            one.actor,
            report,
            told.identifiers,
            lambda connection, transaction, buyers: plan_tickets(
                connection, institution, source, told=told, buyers=buyers, foreseen=transaction.tickets
            ),
        )

    def _prepare_visits(self, one: Consignment) -> _Prepared:
        if isinstance(one.content, pd.DataFrame):
            label, delivery = one.mapping, visits_from_frame(one.content)
        else:
            mapping = mappings.named(one.mapping, "visits")
            label, delivery = mapping.label, visits_from_file(_bytes(one), mapping)
        told = visit_counts(delivery)
        report = replace(
            _report(one, "visits", label, delivery), duplicate=told.duplicates, places=told.totals
        )
        _refuse_faults(report)
        institution = one.permit.controller
        return _Prepared(
            institution,
            one.idem,
            one.actor,
            report,
            (),
            lambda connection, transaction, _: plan_visits(connection, institution, told, transaction.visits),
        )

    # storing

    def _store(self, prepared: Sequence[_Prepared]) -> list[ImportReport]:
        for _ in range(_ATTEMPTS):
            met = [self._door.meet(one.institution, one.identifiers, under=one.idem) for one in prepared]
            with reading(self._engine) as connection:
                planned = list(_plans(connection, prepared, met))
            try:
                told = self._ledger.append_all([self._entry(one) for one in planned])
            except Outdated:
                continue
            return [
                replace(one.report, position=heard.position, repeated=heard.repeated)
                for one, heard in zip(planned, told, strict=True)
            ]
        raise IntakeRefused(
            "IMPORTS_IN_THE_WAY",
            "Other imports of this house kept coming in between; nothing was stored.",
            "Send the file again with the same key, one import of the house at a time.",
        )

    def _entry(self, planned: _Planned) -> tuple[Draft, Rider]:
        one, report = planned.of, planned.report
        draft = Draft(
            type=EntryType.IMPORT_ACCEPTED,
            actor=one.actor,
            idem=one.idem,
            body={
                "import": report.import_id,
                "institution": report.institution,
                "unit": report.unit,
                "source": report.source,
                "file_sha256": report.file_sha256,
                "report_sha256": report.sha256(),
                "received": report.received,
                "created": report.created,
                "updated": report.updated,
                "unchanged": report.unchanged,
            },
        )
        received_at = self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")

        def ride(connection: Connection, position: Position) -> None:
            """In the entry's transaction: rows and entry become durable together."""
            if imports.latest(connection, one.institution) != planned.basis:
                raise Outdated
            if not self._door.still_hold(connection, one.institution, one.identifiers, planned.buyers):
                raise Outdated
            if not planned.plan.write(connection, report.import_id):
                raise Outdated
            imports.keep(connection, report, idem=one.idem, position=position, at=received_at)

        return draft, ride


def _plans(
    connection: Connection, prepared: Sequence[_Prepared], met: Sequence[Buyers]
) -> Iterator[_Planned]:
    """Each import planned on what is stored and on those before it, with the import it rests on."""
    transaction = _Transaction()
    for one, buyers in zip(prepared, met, strict=True):
        if one.institution not in transaction.latest:
            transaction.latest[one.institution] = imports.latest(connection, one.institution)
        basis = transaction.latest[one.institution]
        plan = one.plan(connection, transaction, buyers)
        report = replace(
            one.report,
            created=plan.created,
            updated=plan.updated,
            unchanged=plan.unchanged,
            linked=plan.relinked,
            kept_out=plan.kept_out,
        )
        transaction.latest[one.institution] = report.import_id
        yield _Planned(one, report, plan, basis, buyers)


def _may_enter(one: Consignment) -> None:
    if one.permit.subject is not Subject.INTAKE:
        raise IntakeRefused(
            "WRONG_PERMIT", "This permit is not one to bring in data.", "Ask for a permit for intake."
        )
    for name, told, form in (
        ("source", one.source, _SOURCE),
        ("idempotency key", one.idem, _IDEM),
        ("hash of the file", one.file_sha256, _SHA256),
        ("mapping", one.mapping, mappings.NAME),
    ):
        if form.fullmatch(told) is None:
            raise IntakeRefused(
                "BAD_ARGUMENT", f"The {name} is not of the form {form.pattern}.", f"Give another {name}."
            )


def _bytes(one: Consignment) -> bytes:
    assert not isinstance(one.content, pd.DataFrame)
    if isinstance(one.content, Path):
        try:
            data = one.content.read_bytes()
        except OSError:
            raise IntakeRefused(
                "FILE_UNREADABLE", "The file cannot be opened.", "Check that it exists and may be read."
            ) from None
    else:
        data = one.content
    if hashlib.sha256(data).hexdigest() != one.file_sha256:
        raise IntakeRefused(
            "FILE_CHANGED",
            "The file is not the one whose hash was given.",
            "Compute the hash again and send the file once more.",
        )
    return data


def _report(one: Consignment, unit: str, label: str, delivery: Delivery) -> ImportReport:
    institution = one.permit.controller
    mark = hashlib.sha256(f"{institution}\x1f{one.idem}".encode()).hexdigest()[:16]
    return ImportReport(
        import_id=f"imp-{mark}",
        institution=institution,
        unit=unit,
        source=one.source,
        mapping=label,
        file_sha256=one.file_sha256,
        received=delivery.received,
        rejected=rejected_lines(delivery.errors),
        columns_used=delivery.used,
        columns_ignored=delivery.ignored,
        warnings=warned(delivery.remarks, REMARKS),
        errors=tuple(delivery.errors),
    )


def _refuse_faults(report: ImportReport) -> None:
    if report.errors:
        raise ImportRefused(report)
