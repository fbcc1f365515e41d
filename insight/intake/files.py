"""
A delivered file becomes columns of text, or is refused with the place where it breaks.

Read are comma, semicolon and tab separated files (RFC 4180 quoting), in UTF-8 with or without a
byte order mark or UTF-16 with one, plain or gzip (RFC 1952). Nothing is guessed from content:
other encodings are refused with the byte offset. Only the columns that the mapping asks for are
kept; all other cells are dropped while reading and never reach a frame.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import cast

from insight.intake.refusals import FileRefused

MAX_BYTES = 200 * 1024 * 1024
"""A file may hold at most this much after unpacking; above it, split the export by period."""

MAX_CELL = 64 * 1024
"""No cell is longer than this many characters; a longer one is a broken quote, not a value."""

_DELIMITERS = (",", ";", "\t")
_NOUNS = {",": "comma", ";": "semicolon", "\t": "tab"}
_AGAIN = "Export the file again and send it unchanged."
_CSV = "Save it as CSV in UTF-8 and send it again."


@dataclass(frozen=True, slots=True)
class FileTable:
    """The wanted columns as text, aligned with `lines`: the line in the file at which each row ends."""

    columns: dict[str, list[str]]
    lines: list[int]
    ignored: tuple[str, ...]
    ends_in_newline: bool


def read_table(data: bytes, *, wanted: Collection[str], required: Collection[str]) -> FileTable:
    """
    The wanted columns of the file, each cell trimmed.

    A leading apostrophe before a formula sign is taken off: exporters add one so that a spreadsheet
    does not run the cell (OWASP, CSV injection).

    Raises `FileRefused`; then nothing of the file was kept.
    """
    text = _text(_unpacked(data))
    delimiter = _delimiter(text, wanted)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header, first_line = _header(rows)
    places = _places(header, wanted, required, delimiter)
    lines, cells = _rows(rows, text, len(header), list(places.values()), first_line)
    if not cells:
        raise FileRefused("EMPTY_FILE", "The file has a header but no rows.", _AGAIN)
    columns = {name: _plain(column) for name, column in zip(places, zip(*cells, strict=True), strict=True)}
    kept = set(places.values())
    ignored = tuple(named(name) for at, name in enumerate(header) if at not in kept)
    return FileTable(columns, lines, ignored, text.endswith(("\n", "\r")))


def _unpacked(data: bytes) -> bytes:
    if data[:4] == b"PK\x03\x04":
        raise FileRefused("NOT_A_TEXT_FILE", "This is a spreadsheet or zip file, not a text table.", _CSV)
    if data[:2] != b"\x1f\x8b":
        return _within(data)
    parts: list[bytes] = []
    size = 0
    rest = data
    while rest:
        member = zlib.decompressobj(wbits=31)
        try:
            # the bound holds while unpacking, so that a small file cannot fill the memory
            part = member.decompress(rest, MAX_BYTES + 1 - size)
        except zlib.error as broken:
            raise FileRefused("GZIP_DAMAGED", "The gzip file is damaged.", _AGAIN) from broken
        size += len(part)
        parts.append(part)
        if size > MAX_BYTES:
            _too_large()
        if not member.eof:
            raise FileRefused("GZIP_TRUNCATED", "The gzip file ends before its end mark.", _AGAIN)
        rest = member.unused_data
    return b"".join(parts)


def _within(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        _too_large()
    return data


def _too_large() -> None:
    raise FileRefused(
        "FILE_TOO_LARGE",
        f"The file holds more than {MAX_BYTES // 1024 // 1024} megabytes.",
        "Split the export by period and send the parts.",
    )


def _text(data: bytes) -> str:
    encoding, skip = "utf-8", 0
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            encoding, skip = name, len(mark)
            break
    if encoding == "utf-8" and (at := data.find(b"\x00")) >= 0:
        raise FileRefused("NUL_BYTE", f"There is a NUL byte at offset {at}.", _CSV, offset=at)
    try:
        text = data[skip:].decode(encoding)
    except UnicodeDecodeError as broken:
        at = skip + broken.start
        label = "UTF-8" if encoding == "utf-8" else "UTF-16"
        raise FileRefused(
            f"NOT_{label.replace('-', '')}",
            f"The file is not {label}: see byte offset {at}.",
            _CSV,
            offset=at,
        ) from None  # the cause would carry the bytes of the file
    if "\x00" in text:
        at = skip + 2 * text.index("\x00")
        raise FileRefused("NUL_BYTE", f"There is a NUL character at offset {at}.", _CSV, offset=at)
    if not text.strip():
        raise FileRefused("EMPTY_FILE", "The file is empty.", _AGAIN)
    return text


def _delimiter(text: str, wanted: Collection[str]) -> str:
    """The separator under which the header shows most of the wanted columns, then most columns."""
    best, score = ",", (-1, -1)
    names = set(wanted)
    for delimiter in _DELIMITERS:
        try:
            header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        except csv.Error:
            continue
        found = (len(names & {_name(cell) for cell in header}), len(header))
        if found > score:
            best, score = delimiter, found
    return best


def _header(rows: Iterator[list[str]]) -> tuple[list[str], int]:
    try:
        for line, row in enumerate(rows, start=1):
            if row:
                return [_name(cell) for cell in row], line
    except csv.Error as broken:
        raise _unreadable(broken, 1) from None
    raise FileRefused("EMPTY_FILE", "The file is empty.", _AGAIN)


def _places(
    header: list[str], wanted: Collection[str], required: Collection[str], delimiter: str
) -> dict[str, int]:
    missing = [name for name in required if name not in header]
    if missing:
        names = ", ".join(f"“{name}”" for name in missing)
        raise FileRefused(
            "MISSING_COLUMN",
            f"The file (read as {_NOUNS[delimiter]} separated) has no column {names}.",
            "Export it with all columns and the headers unchanged, or choose the mapping of this export.",
            line=1,
        )
    places: dict[str, int] = {}
    for at, name in enumerate(header):
        if name not in wanted:
            continue
        if name in places:
            raise FileRefused(
                "DOUBLE_COLUMN",
                f"The column “{name}” stands in the file twice.",
                "Remove one of the two columns.",
                line=1,
            )
        places[name] = at
    return places


def _rows(
    rows: Iterator[list[str]], text: str, width: int, keep: list[int], first_line: int
) -> tuple[list[int], list[tuple[str, ...]]]:
    pick = _picker(keep)
    lines: list[int] = []
    cells: list[tuple[str, ...]] = []
    ragged: list[int] = []
    # one pass in C instead of a look at every cell; only a row over several lines needs its own look
    has_long_line = max(map(len, io.StringIO(text, newline=""))) > MAX_CELL
    line = first_line
    try:
        for row in rows:
            before, line = line, rows.line_num  # type: ignore[attr-defined]  # csv.reader has it, Iterator not
            if not row:
                continue
            if (has_long_line or line - before > 1) and max(map(len, row)) > MAX_CELL:
                raise _oversized(line)
            if len(row) != width:
                ragged.append(line)
                continue
            lines.append(line)
            cells.append(pick(row))
    except csv.Error as broken:
        raise _unreadable(broken, rows.line_num) from None  # type: ignore[attr-defined]
    if ragged:
        if ragged[0] == line and not text.endswith(("\n", "\r")):
            raise FileRefused(
                "FILE_TRUNCATED", f"The file breaks off in its last line, {line}.", _AGAIN, line=line
            )
        raise FileRefused(
            "RAGGED_ROW",
            f"Line {ragged[0]} does not have the {width} cells of the header; {len(ragged)} such in the file.",
            "A separator or a quote in that line is out of place; correct it, or export the file again.",
            line=ragged[0],
        )
    return lines, cells


def _picker(keep: list[int]) -> Callable[[list[str]], tuple[str, ...]]:
    if len(keep) > 1:
        return cast("Callable[[list[str]], tuple[str, ...]]", itemgetter(*keep))
    return lambda row: (row[keep[0]],)  # itemgetter of one index gives a bare value


def _unreadable(broken: csv.Error, line: int) -> FileRefused:
    told = str(broken)
    if "unexpected end" in told:
        return FileRefused("FILE_TRUNCATED", "The file breaks off inside a quoted cell.", _AGAIN, line=line)
    if "field larger" in told:
        return _oversized(line)
    return FileRefused(
        "QUOTE_OUT_OF_PLACE", f"A quote in line {line} is out of place.", "Correct that line.", line=line
    )


def _oversized(line: int) -> FileRefused:
    return FileRefused(
        "CELL_TOO_LARGE",
        f"A cell in line {line} is longer than {MAX_CELL} characters.",
        "Most often a quote is missing there; correct it, or export the file again.",
        line=line,
    )


def _name(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).strip().lstrip("\ufeff")


def named(header: str) -> str:
    """A header as the report may show it: short, printable."""
    return "".join(sign if sign.isprintable() else " " for sign in _name(header)[:120])


def _plain(column: tuple[str, ...]) -> list[str]:
    return [_unescaped(cell) if cell[:1] == "'" else cell for cell in map(str.strip, column)]


def _unescaped(cell: str) -> str:
    # only before a formula sign: “'t Schip” keeps its apostrophe
    return cell[1:].replace("\\|", "|") if cell[1:2] in {"=", "+", "-", "@", "|", "%"} else cell
