"""Ticket lines ready to be stored: each with its performance, its local days and its content hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from insight.intake import moments, places, ticket
from insight.intake.delivery import Delivery, Fault, errors_of
from insight.intake.places import HOME
from insight.intake.report import PerformanceTotal

Key: TypeAlias = tuple[str, str]
"""Order reference and line reference: unique within one institution and source."""


class Line(NamedTuple):
    """One ticket line as the table holds it, without who imported it, when, and the person."""

    order_ref: str
    line_ref: str
    performance: str
    production: str
    day: str
    ordered_at: str
    ordered_day: str
    kind: str
    status: str
    price_type: str
    gross: int
    currency: str
    channel: str
    pc4: str | None
    country: str | None
    attended_at: str | None
    content: bytes

    @property
    def key(self) -> Key:
        return (self.order_ref, self.line_ref)


class Production(NamedTuple):
    ref: str
    title: str
    genre: str


class Performance(NamedTuple):
    ref: str
    production: str
    starts_at: str
    day: str
    zone: str


@dataclass(frozen=True, slots=True)
class TicketLines:
    """
    All of one delivery that can be stored, each key once.

    `identifiers` are aligned with `lines`; they go to the vault and are stored nowhere else.
    """

    lines: list[Line]
    identifiers: list[str | None]
    productions: list[Production]
    performances: list[Performance]
    totals: tuple[PerformanceTotal, ...]
    duplicates: int


def ticket_lines(delivery: Delivery, now: datetime) -> TicketLines:
    """
    The delivery's good rows as lines, each key once; adds its remarks and conflicts to the delivery.

    A row that repeats another in every value is a duplicate; one that repeats its key with other
    values is a conflict, and both are refused.
    """
    columns = dict(delivery.columns)
    _derive(columns, delivery.remarks, now)
    faults = list(_two_zones(columns))
    rows = list(_rows(columns))
    identifiers = list(columns["identifier"])
    kept, duplicates, conflicts = _once(rows, identifiers)
    faults += conflicts
    delivery.errors += errors_of(faults, delivery.lines, columns)
    delivery.errors.sort(key=lambda error: (error.line, error.field, error.code))
    lines = [rows[row] for row in kept]
    return TicketLines(
        lines,
        [identifiers[row] for row in kept],
        _productions(columns),
        _performances(columns),
        _totals(lines, columns),
        duplicates,
    )


def _derive(columns: ticket.Columns, remarks: Counter[tuple[str, str]], now: datetime) -> None:
    """Add what follows from the canonical values: local days, performance, and places made sure."""
    columns["day"] = ticket.local_days(columns["starts_at"], columns["zone"])
    columns["ordered_day"] = ticket.local_days(columns["ordered_at"], columns["zone"])
    tomorrow = (now + timedelta(days=1)).strftime(moments.STORED)
    if future := sum(moment > tomorrow for moment in columns["ordered_at"]):
        remarks["ORDERED_IN_FUTURE", "ordered_at"] += future
    columns["pc4"], columns["country"] = _places(columns, remarks)
    columns["attended_at"] = _attended(columns, remarks)
    refs: dict[tuple[str, str], str] = {}
    columns["performance"] = [
        refs.get(pair) or refs.setdefault(pair, ticket.performance_ref(*pair))
        for pair in zip(columns["production_ref"], columns["starts_at"], strict=True)
    ]


def _places(columns: ticket.Columns, remarks: Counter[tuple[str, str]]) -> tuple[list[Any], list[Any]]:
    codes, countries = list(columns["pc4"]), list(columns["country"])
    unknown = set(codes) - places.known() - {None}
    for row, code in enumerate(codes):
        if code is None:
            continue
        if countries[row] not in {None, HOME}:
            codes[row] = None  # four digits abroad are no Dutch area
        elif code in unknown:
            codes[row] = None
            remarks["UNKNOWN_POSTCODE", "pc4"] += 1
        else:
            countries[row] = HOME
    return codes, countries


def _attended(columns: ticket.Columns, remarks: Counter[tuple[str, str]]) -> list[Any]:
    kept = list(columns["attended_at"])
    for row, (moment, status) in enumerate(zip(kept, columns["status"], strict=True)):
        if moment is not None and status != "sold":
            kept[row] = None
            remarks["ATTENDED_NOT_SOLD", "attended_at"] += 1
    return kept


def _two_zones(columns: ticket.Columns) -> list[Fault]:
    first: dict[str, str] = {}
    return [
        (row, "zone", "TWO_ZONES")
        for row, (performance, zone) in enumerate(zip(columns["performance"], columns["zone"], strict=True))
        if first.setdefault(performance, zone) != zone
    ]


def _rows(columns: ticket.Columns) -> list[Line]:
    columns["content"] = [
        ticket.content_hash(values)
        for values in zip(*(columns[name] for name in ticket.CONTENT), strict=True)
    ]
    columns["production"] = columns["production_ref"]
    return [Line._make(values) for values in zip(*(columns[name] for name in Line._fields), strict=True)]


def _once(rows: Sequence[Line], identifiers: list[str | None]) -> tuple[list[int], int, list[Fault]]:
    """The rows to keep, how many repeat another in full, and both rows of every conflict."""
    first: dict[Key, int] = {}
    kept: list[int] = []
    conflicts: list[Fault] = []
    duplicates = 0
    for row, line in enumerate(rows):
        earlier = first.setdefault((line.order_ref, line.line_ref), row)
        if earlier == row:
            kept.append(row)
        elif rows[earlier].content != line.content or not _same(identifiers, earlier, row):
            conflicts += [(earlier, "line_ref", "CONFLICTING_ROWS"), (row, "line_ref", "CONFLICTING_ROWS")]
        else:
            duplicates += 1
            identifiers[earlier] = identifiers[earlier] or identifiers[row]
    return kept, duplicates, conflicts


def _same(identifiers: list[str | None], one: int, other: int) -> bool:
    return len({identifiers[one], identifiers[other]} - {None}) < 2


def _productions(columns: ticket.Columns) -> list[Production]:
    found: dict[str, Production] = {}
    for ref, title, genre in dict.fromkeys(
        zip(columns["production_ref"], columns["production_title"], columns["genre"], strict=True)
    ):
        known = found.setdefault(ref, Production(ref, title, genre))
        if known.genre == "unknown":
            found[ref] = known._replace(genre=genre)
    return list(found.values())


def _performances(columns: ticket.Columns) -> list[Performance]:
    rows = zip(
        *(columns[name] for name in ("performance", "production", "starts_at", "day", "zone")), strict=True
    )
    return [Performance(*row) for row in dict.fromkeys(rows)]


def _totals(lines: Sequence[Line], columns: ticket.Columns) -> tuple[PerformanceTotal, ...]:
    starts = dict(zip(columns["performance"], columns["starts_at"], strict=True))
    admissions: Counter[str] = Counter()
    gross: Counter[str] = Counter()
    for line in lines:
        if line.status == "sold":
            admissions[line.performance] += line.kind == "admission"
            gross[line.performance] += line.gross
    return tuple(
        PerformanceTotal(ref, starts[ref], admissions[ref], gross[ref])
        for ref in sorted(starts, key=lambda ref: (starts[ref], ref))
    )
