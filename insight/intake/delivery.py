"""What a door delivers, checked: a canonical frame of the good rows, and a fault for every other row."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from insight.intake import amounts, moments, ticket
from insight.intake.faults import FAULTS, Unreadable
from insight.intake.files import named
from insight.intake.mapping import Mapping
from insight.intake.reading import Reading, read
from insight.intake.report import RowError

_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}\Z")
_PRODUCTION: Final = re.compile(r"[a-z0-9-]{1,64}\Z")
_GENRE: Final = re.compile(r"[a-z][a-z_]{0,39}\Z")
_ADDRESS: Final = re.compile(r"[^\s@]@[^\s@.]+\.[^\s@.]")
_BETWEEN_DIGITS: Final = re.compile(r"[\s+()\-\u2010-\u2015\u2212]+")
_NUMBER: Final = re.compile(r"\d{9}")
_PC4: Final = re.compile(r"[1-9][0-9]{3}\Z")
_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")

Fault = tuple[int, str, str]
"""Row (from 0), field, code."""


@dataclass(slots=True)
class Delivery:
    """The good rows as canonical columns with their lines in the file, and what is wrong with the rest."""

    columns: ticket.Columns
    lines: list[int]
    received: int
    errors: list[RowError] = field(default_factory=list)
    remarks: Counter[tuple[str, str]] = field(default_factory=Counter)
    used: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def tickets_from_file(data: bytes, mapping: Mapping) -> Delivery:
    """The file's rows as ticket lines; raises `FileRefused` when it is no such table."""
    reading = read(data, mapping)
    columns = reading.columns
    for name in ticket.NULLABLE - columns.keys():
        columns[name] = [None] * len(reading.lines)
    given = columns.get("production_ref") or [None] * len(reading.lines)
    titles = columns["production_title"]
    columns["production_ref"] = [
        ref or (title and ticket.slug(title)) for ref, title in zip(given, titles, strict=True)
    ]
    return checked(reading, ticket_faults(columns))


def tickets_from_frame(frame: pd.DataFrame) -> Delivery:
    """The frame's rows as ticket lines; line 2 is its first row, as in a file with a header."""
    columns = ticket.columns_of(frame)
    ignored = tuple(named(str(name)) for name in frame.columns if name not in ticket.SCHEMA)
    reading = Reading(columns, list(range(2, len(frame) + 2)), tuple(ticket.SCHEMA), ignored)
    for name in ticket.SCHEMA:
        if name not in ticket.NULLABLE and None in columns[name]:
            reading.faults += [
                (row, name, "MISSING_VALUE") for row, cell in enumerate(columns[name]) if cell is None
            ]
    return checked(reading, ticket_faults(columns))


def checked(reading: Reading, found: Iterable[Fault]) -> Delivery:
    """The reading's good rows, and its faults and those `found` told as errors."""
    faults = {*reading.faults, *found}
    lines, columns = reading.lines, reading.columns
    errors = errors_of(faults, lines, columns)
    if faults:
        bad = {row for row, _, _ in faults}
        good = [row for row in range(len(reading.lines)) if row not in bad]
        lines = [lines[row] for row in good]
        columns = {name: [cells[row] for row in good] for name, cells in columns.items()}
    return Delivery(
        columns, lines, len(reading.lines), errors, reading.remarks, reading.used, reading.ignored
    )


def ticket_faults(columns: ticket.Columns) -> Iterator[Fault]:
    """Every cell that is not what its field allows. None is passed over: it was named where it may not be."""
    for name, code, is_right in _TICKET_CHECKS:
        yield from faults_in(name, columns[name], code, is_right)


def faults_in(name: str, cells: Sequence[Any], code: str, is_right: Callable[[Any], bool]) -> Iterator[Fault]:
    """The rows whose cell is not right; each distinct cell is looked at once."""
    wrong = {cell for cell in set(cells) if cell is not None and not is_right(cell)}
    if wrong:
        yield from ((row, name, code) for row, cell in enumerate(cells) if cell in wrong)


def is_text(cell: str) -> bool:
    return len(cell) <= 200 and cell.isprintable()


def is_impersonal(title: str) -> bool:
    """
    Whether a title holds neither an e-mail address nor what may be a telephone or account number.

    Titles are not personal data, and so become references of productions, which stand in agreements and
    thereby in the ledger for good: what enters here as a title can never be taken back.
    """
    plain = unicodedata.normalize("NFKC", title)
    return not (_ADDRESS.search(plain) or _NUMBER.search(_BETWEEN_DIGITS.sub("", plain)))


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
    ("starts_at", "BAD_TIME", lambda cell: "1900" <= cell[:4] <= "2200"),
    ("ordered_at", "BAD_TIME", lambda cell: "1900" <= cell[:4] <= "2200"),
    ("attended_at", "BAD_TIME", lambda cell: "1900" <= cell[:4] <= "2200"),
    ("production_title", "BAD_TEXT", is_text),
    ("production_title", "PERSONAL_TITLE", is_impersonal),
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


def errors_of(faults: Iterable[Fault], lines: Sequence[int], columns: ticket.Columns) -> list[RowError]:
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
