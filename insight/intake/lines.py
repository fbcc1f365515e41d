"""Ticket lines ready to be stored: each with its performance, its local days and its content hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias, cast

import pandas as pd

from insight.intake import places, ticket
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
    frame = delivery.frame
    columns = _columns(frame, delivery.remarks, now)
    faults = list(_two_zones(columns))
    rows = list(_rows(columns))
    identifiers = ticket.texts(frame["identifier"])
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


def _columns(frame: pd.DataFrame, remarks: Counter[tuple[str, str]], now: datetime) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        name: frame[name].tolist() if dtype == "int64" else ticket.texts(frame[name])
        for name, dtype in ticket.SCHEMA.items()
        if dtype in {"str", "int64"} and name != "identifier"
    }
    zones = cast("list[str]", columns["zone"])
    for name in ("starts_at", "ordered_at", "attended_at"):
        columns[name] = list(ticket.instants(frame[name]))
    columns["day"] = list(ticket.local_days(frame["starts_at"], zones))
    columns["ordered_day"] = list(ticket.local_days(frame["ordered_at"], zones))
    if future := int((frame["ordered_at"] > now + timedelta(days=1)).sum()):
        remarks["ORDERED_IN_FUTURE", "ordered_at"] += future
    _places(columns, remarks)
    _attended(columns, remarks)
    refs: dict[tuple[str, str], str] = {}
    columns["performance"] = [
        refs.get(pair) or refs.setdefault(pair, ticket.performance_ref(*pair))
        for pair in zip(columns["production_ref"], columns["starts_at"], strict=True)
    ]
    return columns


def _places(columns: dict[str, list[Any]], remarks: Counter[tuple[str, str]]) -> None:
    codes, countries = columns["pc4"], columns["country"]
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


def _attended(columns: dict[str, list[Any]], remarks: Counter[tuple[str, str]]) -> None:
    for row, moment in enumerate(columns["attended_at"]):
        if moment is not None and columns["status"][row] != "sold":
            columns["attended_at"][row] = None
            remarks["ATTENDED_NOT_SOLD", "attended_at"] += 1


def _two_zones(columns: dict[str, list[Any]]) -> list[Fault]:
    first: dict[str, str] = {}
    return [
        (row, "zone", "TWO_ZONES")
        for row, (performance, zone) in enumerate(zip(columns["performance"], columns["zone"], strict=True))
        if first.setdefault(performance, zone) != zone
    ]


def _rows(columns: dict[str, list[Any]]) -> list[Line]:
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


def _productions(columns: dict[str, list[Any]]) -> list[Production]:
    found: dict[str, Production] = {}
    for ref, title, genre in dict.fromkeys(
        zip(columns["production_ref"], columns["production_title"], columns["genre"], strict=True)
    ):
        known = found.setdefault(ref, Production(ref, title, genre))
        if known.genre == "unknown":
            found[ref] = known._replace(genre=genre)
    return list(found.values())


def _performances(columns: dict[str, list[Any]]) -> list[Performance]:
    rows = zip(
        *(columns[name] for name in ("performance", "production", "starts_at", "day", "zone")), strict=True
    )
    return [Performance(*row) for row in dict.fromkeys(rows)]


def _totals(lines: Sequence[Line], columns: dict[str, list[Any]]) -> tuple[PerformanceTotal, ...]:
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
