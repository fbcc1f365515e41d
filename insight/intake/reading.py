"""
A file and its mapping become canonical columns, with every fault of every row named.

Each distinct text is converted once: a season has few starts, prices and words.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from insight.intake import amounts, moments, places
from insight.intake.faults import REMARKS, Unreadable
from insight.intake.files import FileTable, read_table
from insight.intake.mapping import Field, Mapping, Source
from insight.intake.places import HOME

_OPTIONAL = frozenset({"production_ref", "pc4", "country", "attended_at", "identifier"})
MOST_VISITS = 10_000_000


@dataclass(slots=True)
class Reading:
    """
    What was read: canonical columns with None for nothing, aligned with `lines`.

    `faults` holds (row, field, code); a row with a fault has None in that field. `remarks` counts
    rows by (code, field).
    """

    columns: dict[str, list[Any]]
    lines: list[int]
    used: tuple[str, ...]
    ignored: tuple[str, ...]
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    remarks: Counter[tuple[str, str]] = field(default_factory=Counter)


def read(data: bytes, mapping: Mapping) -> Reading:
    """The file's rows as canonical columns; raises `FileRefused` when it is no such table."""
    table = read_table(data, wanted=frozenset(mapping.columns), required=mapping.required)
    reading = Reading({}, table.lines, tuple(table.columns), table.ignored)
    if not table.ends_in_newline:
        reading.remarks["NO_FINAL_NEWLINE", ""] = 1
    told = _Told(table, mapping, reading)
    convert = _TICKET if mapping.unit == "tickets" else _VISIT
    for name in mapping.fields:
        if name in {"pc4", "country"}:
            continue  # read together, below
        reading.columns[name] = convert.get(name, _text)(told, name)
    if mapping.unit == "tickets":
        reading.columns.setdefault("zone", [mapping.zone] * len(reading.lines))
        reading.columns["country"] = _country(told)
        reading.columns["pc4"] = _pc4(told, reading.columns["country"])
    return reading


class _Told:
    """The text of each field, before it is converted."""

    def __init__(self, table: FileTable, mapping: Mapping, reading: Reading) -> None:
        self.table = table
        self.mapping = mapping
        self.reading = reading
        self.rows = len(table.lines)
        self._cells: dict[str, list[str]] = {}

    def cells(self, name: str) -> list[str]:
        """The field's text per row, `""` for nothing, after words and defaults."""
        if name not in self._cells:
            how = self.mapping.fields.get(name, Field())
            found = [""] * self.rows
            unknown = [False] * self.rows  # something stood there, but no word knew it
            for source in how.sources:
                words = source.values
                for row, cell in enumerate(self._source(source)):
                    if cell and not found[row]:
                        found[row] = cell if words is None else words.get(cell.casefold(), "")
                        unknown[row] = unknown[row] or not found[row]
            self._fill(name, how, found, unknown)
            self._cells[name] = found
        return self._cells[name]

    def _source(self, source: Source) -> list[str]:
        columns = [self.table.columns[name] for name in source.columns if name in self.table.columns]
        if len(columns) < len(source.columns):
            return []
        cells = columns[0]
        if len(columns) > 1:
            cells = [" ".join(parts) if all(parts) else "" for parts in zip(*columns, strict=True)]
        if source.until is not None:
            cells = [
                cell.partition(source.until)[0].strip() if source.until in cell else "" for cell in cells
            ]
        return self._spread(cells) if source.is_spread else cells

    def _spread(self, cells: list[str]) -> list[str]:
        """The first answer within an order counts for every line of that order that has none of its own."""
        orders = self.cells("order_ref")
        first: dict[str, str] = {}
        for order, cell in zip(orders, cells, strict=True):
            if cell and order:
                first.setdefault(order, cell)
        return [cell or first.get(order, "") for order, cell in zip(orders, cells, strict=True)]

    def _fill(self, name: str, how: Field, found: list[str], unknown: list[bool]) -> None:
        for row, cell in enumerate(found):
            if cell:
                continue
            if how.default is not None:
                found[row] = how.default
                if unknown[row]:
                    self.reading.remarks["DEFAULTED", name] += 1
            elif unknown[row]:
                self.fault(row, name, "UNMAPPED_VALUE")
            elif name not in _OPTIONAL:
                self.fault(row, name, "MISSING_VALUE")

    def fault(self, row: int, name: str, code: str) -> None:
        """Name what is wrong, or remark on it when the line is kept without the value."""
        if code in REMARKS:
            self.reading.remarks[code, name] += 1
        else:
            self.reading.faults.append((row, name, code))

    def each(self, name: str, cells: Sequence[Any], convert: Callable[[Any], Any]) -> list[Any]:
        """Each distinct cell converted once, an empty one to None; a refused one is named on its rows."""
        known: dict[Any, Any] = {"": None}
        codes: dict[Any, str] = {}
        for cell in dict.fromkeys(cells):
            if cell != "":
                try:
                    known[cell] = convert(cell)
                except Unreadable as wrong:
                    known[cell] = None
                    codes[cell] = wrong.code
        if codes:
            for row, cell in enumerate(cells):
                if cell in codes:
                    self.fault(row, name, codes[cell])
        return [known[cell] for cell in cells]


def _text(told: _Told, name: str) -> list[Any]:
    return told.each(name, told.cells(name), lambda cell: unicodedata.normalize("NFC", cell))


def _identifier(told: _Told, name: str) -> list[Any]:
    return told.each(name, told.cells(name), lambda cell: unicodedata.normalize("NFKC", cell).strip().lower())


def _amount(told: _Told, name: str) -> list[Any]:
    mark = told.mapping.decimal
    return told.each(name, told.cells(name), lambda cell: amounts.cents(cell, mark))


def _number(told: _Told, name: str) -> list[Any]:
    def whole(cell: str) -> int:
        if not (cell.isascii() and cell.isdigit() and len(cell) <= 8 and int(cell) <= MOST_VISITS):
            raise Unreadable("BAD_NUMBER")
        return int(cell)

    return told.each(name, told.cells(name), whole)


def _day(told: _Told, name: str) -> list[Any]:
    form = told.mapping.fields[name].form

    def calendar_day(cell: str) -> date:
        try:
            return datetime.strptime(cell, form).date()  # noqa: DTZ007  # a calendar day has no zone
        except ValueError:
            raise Unreadable("BAD_DAY") from None

    return told.each(name, told.cells(name), calendar_day)


def _instant(told: _Told, name: str) -> list[Any]:
    how = told.mapping.fields[name]
    assumed: set[tuple[str, str]] = set()

    def moment(cell: tuple[str, str]) -> str | None:
        text, zone = cell
        if not text:
            return None
        instant, is_assumed = moments.instant(text, how.form, _zone(zone), repeated_hour=how.repeated_hour)
        if is_assumed:
            assumed.add(cell)
        return instant.strftime(moments.STORED)

    zones = told.cells("zone") if "zone" in told.mapping.fields else [told.mapping.zone] * told.rows
    cells = list(zip(told.cells(name), zones, strict=True))
    found = told.each(name, cells, moment)
    if assumed:
        told.reading.remarks["FIRST_OF_REPEATED_HOUR", name] += sum(cell in assumed for cell in cells)
    return found


def _zone(name: str) -> Any:
    try:
        return moments.zone(name)
    except Unreadable:
        return moments.zone("UTC")  # the zone's own column is named as the fault


def _country(told: _Told) -> list[Any]:
    def readable(cell: str) -> str | None:
        try:
            return places.country(cell)
        except Unreadable:
            raise Unreadable("COUNTRY_UNREAD") from None

    return told.each("country", told.cells("country"), readable)


def _pc4(told: _Told, countries: list[Any]) -> list[Any]:
    """The four digits; where they are known the country is home, whatever the address left out."""
    cells = list(zip(told.cells("pc4"), countries, strict=True))
    found = told.each("pc4", cells, lambda cell: places.pc4(cell[0], of=cell[1]))
    for row, code in enumerate(found):
        if code is not None:
            countries[row] = HOME
    return found


_TICKET: dict[str, Callable[[_Told, str], list[Any]]] = {
    "gross": _amount,
    "starts_at": _instant,
    "ordered_at": _instant,
    "attended_at": _instant,
    "identifier": _identifier,
}
_VISIT: dict[str, Callable[[_Told, str], list[Any]]] = {
    "day": _day,
    "number": _number,
    "revenue": _amount,
}
