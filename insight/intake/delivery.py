"""What a door delivers, checked: a canonical frame of the good rows, and a fault for every other row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from insight.intake import amounts, moments, ticket
from insight.intake.faults import FAULTS, Unreadable
from insight.intake.files import named
from insight.intake.mapping import Mapping as FileMapping
from insight.intake.reading import Reading, read
from insight.intake.report import RowError

_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}\Z")
_PRODUCTION: Final = re.compile(r"[a-z0-9-]{1,64}\Z")
_GENRE: Final = re.compile(r"[a-z][a-z_]{0,39}\Z")
_PC4: Final = re.compile(r"[1-9][0-9]{3}\Z")
_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")

Fault = tuple[int, str, str]
"""Row (from 0), field, code."""


@dataclass(slots=True)
class Delivery:
    """The good rows as a canonical frame with their lines in the file, and what is wrong with the rest."""

    frame: pd.DataFrame
    lines: list[int]
    received: int
    errors: list[RowError] = field(default_factory=list)
    remarks: Counter[tuple[str, str]] = field(default_factory=Counter)
    used: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def tickets_from_file(data: bytes, mapping: FileMapping) -> Delivery:
    """The file's rows as ticket lines; raises `FileRefused` when it is no such table."""
    reading = read(data, mapping)
    columns = reading.columns
    faults = [*reading.faults, *ticket_faults(columns)]
    bad = {row for row, _, _ in faults}
    good = [row for row in range(len(reading.lines)) if row not in bad]
    kept = columns if not bad else {name: [cells[row] for row in good] for name, cells in columns.items()}
    return _delivery(
        ticket.ticket_frame(kept),
        [reading.lines[row] for row in good],
        reading,
        errors_of(faults, reading.lines, columns),
    )


def _delivery(frame: pd.DataFrame, lines: list[int], reading: Reading, errors: list[RowError]) -> Delivery:
    return Delivery(frame, lines, len(reading.lines), errors, reading.remarks, reading.used, reading.ignored)


def tickets_from_frame(frame: pd.DataFrame) -> Delivery:
    """The frame's rows as ticket lines; line 2 is its first row, as in a file with a header."""
    told = ticket.conform(frame)
    lines = list(range(2, len(told) + 2))
    columns = {
        name: told[name].tolist() if dtype == "int64" else ticket.texts(told[name])
        for name, dtype in ticket.SCHEMA.items()
        if dtype in {"str", "int64"}
    }
    faults = [*ticket_faults(columns), *_instant_faults(told)]
    good = told
    if faults:
        bad = {row for row, _, _ in faults}
        good = told.drop(index=list(bad)).reset_index(drop=True)
    delivery = Delivery(good, lines, len(lines), errors_of(faults, lines, columns))
    if faults:
        delivery.lines = [line for row, line in enumerate(lines) if row not in bad]
    delivery.used = tuple(ticket.SCHEMA)
    delivery.ignored = tuple(named(str(name)) for name in frame.columns if name not in ticket.SCHEMA)
    return delivery


def _instant_faults(frame: pd.DataFrame) -> Iterator[Fault]:
    for name in ("starts_at", "ordered_at", "attended_at"):
        years = frame[name].dt.year
        wrong = (years < 1900) | (years > 2200)
        if wrong.any():
            yield from ((int(row), name, "BAD_TIME") for row in np.flatnonzero(wrong.to_numpy()))


def ticket_faults(columns: Mapping[str, Sequence[Any]]) -> Iterator[Fault]:
    """Every cell that is not what its field allows. None is passed over where the field may be empty."""
    for name, code, is_right in _TICKET_CHECKS:
        if name in columns:
            yield from faults_in(name, columns[name], code, is_right)


def faults_in(name: str, cells: Sequence[Any], code: str, is_right: Callable[[Any], bool]) -> Iterator[Fault]:
    """The rows whose cell is not right; each distinct cell is looked at once."""
    wrong = {cell for cell in set(cells) if cell is not None and not is_right(cell)}
    if wrong:
        yield from ((row, name, code) for row, cell in enumerate(cells) if cell in wrong)


def is_text(cell: str) -> bool:
    return len(cell) <= 200 and cell.isprintable()


def _is_zone(cell: str) -> bool:
    try:
        moments.zone(cell)
    except Unreadable:
        return False
    return True


def _matches(form: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda cell: form.match(cell) is not None


_TICKET_CHECKS: Final[tuple[tuple[str, str, Callable[[Any], bool]], ...]] = (
    ("order_ref", "BAD_REFERENCE", _matches(_REFERENCE)),
    ("line_ref", "BAD_REFERENCE", _matches(_REFERENCE)),
    ("production_ref", "BAD_REFERENCE", _matches(_PRODUCTION)),
    ("production_title", "BAD_TEXT", is_text),
    ("genre", "BAD_VALUE", _matches(_GENRE)),
    ("zone", "BAD_ZONE", _is_zone),
    ("kind", "BAD_VALUE", ticket.KINDS.__contains__),
    ("status", "BAD_VALUE", ticket.STATUSES.__contains__),
    ("price_type", "BAD_VALUE", ticket.PRICE_TYPES.__contains__),
    ("gross", "NEGATIVE_AMOUNT", lambda cents: cents >= 0),
    ("gross", "AMOUNT_TOO_LARGE", lambda cents: cents <= amounts.MOST),
    ("currency", "BAD_CURRENCY", lambda cell: cell == "EUR"),
    ("channel", "BAD_VALUE", ticket.CHANNELS.__contains__),
    ("pc4", "BAD_POSTCODE", _matches(_PC4)),
    ("country", "BAD_COUNTRY", _matches(_COUNTRY)),
    ("identifier", "BAD_IDENTIFIER", lambda cell: len(cell) <= 254 and cell.isprintable()),
)


def errors_of(
    faults: Iterable[Fault], lines: Sequence[int], columns: Mapping[str, Sequence[Any]]
) -> list[RowError]:
    """Faults as the report tells them, by line; a reference is shown only when it is one."""
    orders, refs = columns.get("order_ref"), columns.get("line_ref")

    def line_ref(row: int) -> str:
        order = orders[row] if orders else None
        ref = refs[row] if refs else None
        if order and ref and _REFERENCE.match(order) and _REFERENCE.match(ref):
            return f"{order}/{ref}"
        return ""

    return [
        RowError(lines[row], line_ref(row), name, code, FAULTS[code])
        for row, name, code in sorted(set(faults), key=lambda fault: (lines[fault[0]], fault[1], fault[2]))
    ]
