"""
What an import answers: complete counts, coverage, totals, and every row that was refused.

The report never holds a personal value. Its canonical bytes (RFC 8785) are hashed into the ledger
entry of the import, so that a house can show later which report it was given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from consent_ledger.entry import canonical
from consent_ledger.vocabulary import PartyId, Position
from insight.intake.refusals import IntakeRefused


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row is refused. `line` is the line in the file, the header being 1."""

    line: int
    line_ref: str
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Warned:
    """What was accepted with a remark: how many lines, and what was done with them."""

    code: str
    field: str
    lines: int
    message: str


@dataclass(frozen=True, slots=True)
class PerformanceTotal:
    """What one performance sold: admissions, and the value of all its sold lines in cents."""

    ref: str
    starts_at: str
    sold_admissions: int
    sold_gross: int


@dataclass(frozen=True, slots=True)
class PlaceTotal:
    """What one place counted: visits, and takings in cents."""

    place: str
    number: int
    revenue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """
    One import, counted. `received = created + updated + unchanged + duplicate + rejected`.

    `linked` counts known lines whose person was filled in or changed; their content is `unchanged`
    unless it changed too. `kept_out` counts lines whose buyer asked to stay out: they came in as
    nobody's. `position` and `repeated` say where the import stands and whether this
    answer is the first one again; they are no part of the canonical report.
    """

    import_id: str
    institution: PartyId
    unit: str
    source: str
    mapping: str
    file_sha256: str
    received: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    linked: int = 0
    with_postcode: int = 0
    with_identifier: int = 0
    columns_used: tuple[str, ...] = ()
    columns_ignored: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    performances: tuple[PerformanceTotal, ...] = ()
    places: tuple[PlaceTotal, ...] = ()
    errors: tuple[RowError, ...] = ()
    kept_out: int = 0
    position: Position | None = field(default=None, compare=False)
    repeated: bool = field(default=False, compare=False)

    @property
    def sold_admissions(self) -> int:
        return sum(total.sold_admissions for total in self.performances)

    @property
    def sold_gross(self) -> int:
        return sum(total.sold_gross for total in self.performances)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values, without `position` and `repeated`."""
        return {
            part.name: _plain(getattr(self, part.name))
            for part in fields(self)
            if part.name not in {"position", "repeated"}
        }

    def canonical(self) -> bytes:
        return canonical(self.as_json())

    def sha256(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, position: Position, repeated: bool) -> Self:
        """The stored report again. Fields are only ever added, with a default."""
        known = {part.name for part in fields(cls)}
        given = {name: part for name, part in value.items() if name in known}
        for name, kind in _PARTS.items():
            given[name] = tuple(kind(**part) for part in given.get(name, ()))
        for name in ("columns_used", "columns_ignored"):
            given[name] = tuple(given.get(name, ()))
        return cls(**given, position=position, repeated=repeated)


_PARTS = {"warnings": Warned, "performances": PerformanceTotal, "places": PlaceTotal, "errors": RowError}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, RowError | Warned | PerformanceTotal | PlaceTotal):
        return {part.name: getattr(value, part.name) for part in fields(value)}
    return value


class ImportRefused(IntakeRefused):
    """Rows were refused, so nothing of the file was stored. `report` names every one of them."""

    def __init__(self, report: ImportReport) -> None:
        super().__init__(
            "ROWS_REFUSED",
            f"{report.rejected} of {report.received} rows cannot be stored, so nothing of this file was stored.",
            "Correct the rows that the report names, or the mapping, and send the file again.",
        )
        self.report = report


def warned(counts: Mapping[tuple[str, str], int], messages: Mapping[str, str]) -> tuple[Warned, ...]:
    """Counted warnings by (code, field), in a fixed order."""
    return tuple(
        Warned(code, name, lines, messages[code]) for (code, name), lines in sorted(counts.items()) if lines
    )


def rejected_lines(errors: Sequence[RowError]) -> int:
    """How many rows are refused: a row with two faults is one row."""
    return len({error.line for error in errors})
