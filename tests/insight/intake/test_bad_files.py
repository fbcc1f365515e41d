"""Files that are no table of tickets are refused, each with its code, and nothing is stored."""

from __future__ import annotations

import gzip

import pytest

from insight.intake.files import MAX_CELL
from insight.intake.refusals import FileRefused, IntakeRefused
from tests.insight.intake.house import COMMA, House

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Nothing of these reaches a database, so one kind is enough."""

SEASON = COMMA.read_bytes()
LINES = SEASON.split(b"\r\n")


def _without(column: bytes) -> bytes:
    return SEASON.replace(b'"' + column + b'"', b'"Iets anders"', 1)


def _cell(value: bytes) -> bytes:
    """The season with this value as the title of its first line."""
    return SEASON.replace(b"Cabaret: De Lange Adem", value, 1)


BAD: dict[str, tuple[bytes, str, int | None, int | None]] = {
    "a missing column": (_without(b"Prijs"), "MISSING_COLUMN", 1, None),
    "a column twice": (
        _without(b"Naam deelnemer").replace(b"Iets anders", b"Prijs"),
        "DOUBLE_COLUMN",
        1,
        None,
    ),
    "a truncated gzip": (gzip.compress(SEASON)[:-20], "GZIP_TRUNCATED", None, None),
    "a damaged gzip": (gzip.compress(SEASON)[:40] + b"\xff" * 400, "GZIP_DAMAGED", None, None),
    "cut in a quoted cell": (SEASON[:-60], "FILE_TRUNCATED", 791, None),
    "cut between cells": (b"\r\n".join(LINES[:3]) + b'\r\n"seizoen2627","x"', "FILE_TRUNCATED", 4, None),
    "a ragged row": (b"\r\n".join([*LINES[:3], b'"te","kort"', *LINES[3:]]), "RAGGED_ROW", 4, None),
    "a quote out of place": (SEASON.replace(b'"Rang 2"', b'"Rang" 2"', 1), "QUOTE_OUT_OF_PLACE", 2, None),
    "Latin-1": (_cell(b"Caf\xe9"), "NOT_UTF8", None, SEASON.index(b"Cabaret: De Lange Adem") + 3),
    "a NUL byte": (_cell(b"Ca\x00fe"), "NUL_BYTE", None, SEASON.index(b"Cabaret: De Lange Adem") + 2),
    "UTF-16 without a mark": (SEASON.decode().encode("utf-16-le"), "NUL_BYTE", None, 1),
    "half of UTF-16": (SEASON.decode().encode("utf-16")[:-1], "NOT_UTF16", None, None),
    "nothing at all": (b"", "EMPTY_FILE", None, None),
    "a mark and nothing": (b"\xef\xbb\xbf\r\n", "EMPTY_FILE", None, None),
    "a header alone": (LINES[0] + b"\r\n", "EMPTY_FILE", None, None),
    "an oversized cell": (_cell(b"x" * (MAX_CELL + 1)), "CELL_TOO_LARGE", 2, None),
    "an oversized cell of many lines": (_cell(b"x\n" * MAX_CELL), "CELL_TOO_LARGE", None, None),
    "a spreadsheet": (b"PK\x03\x04" + bytes(64), "NOT_A_TEXT_FILE", None, None),
    "another kind of file": (b"a,b\r\n1,2\r\n", "MISSING_COLUMN", 1, None),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_whole(house: House, name: str) -> None:
    data, code, line, offset = BAD[name]
    before, size = house.state(), house.size()
    with pytest.raises(FileRefused) as refused:
        house.tickets(data)
    assert refused.value.code == code
    if line is not None:
        assert refused.value.line == line
    if offset is not None:
        assert refused.value.offset == offset
    assert refused.value.sentence.endswith(".")
    assert refused.value.fix.endswith(".")
    assert (house.state(), house.size()) == (before, size)


def test_the_missing_column_is_named(house: House) -> None:
    with pytest.raises(FileRefused, match="“Prijs”"):
        house.tickets(_without(b"Prijs"))


def test_a_file_without_a_last_line_end_is_stored_with_a_remark(house: House) -> None:
    report = house.tickets(SEASON[:-2])
    assert [warning.code for warning in report.warnings] == ["NO_FINAL_NEWLINE"]
    assert report.created == 790


def test_a_file_with_another_hash_than_was_told_is_refused(house: House) -> None:
    with pytest.raises(IntakeRefused) as refused:
        house.tickets(SEASON, file_sha256="0" * 64)
    assert refused.value.code == "FILE_CHANGED"


def test_a_file_that_is_not_there_is_refused(house: House) -> None:
    with pytest.raises(IntakeRefused) as refused:
        house.tickets(COMMA.with_name("gone.csv"), file_sha256="0" * 64)
    assert refused.value.code == "FILE_UNREADABLE"


@pytest.mark.parametrize(
    ("name", "value"), [("source", "Een Bron"), ("idem", "a b"), ("file_sha256", "x"), ("mapping", "../x")]
)
def test_a_malformed_argument_is_refused(house: House, name: str, value: str) -> None:
    with pytest.raises(IntakeRefused) as refused:
        house.tickets(COMMA, **{name: value})
    assert refused.value.code == "BAD_ARGUMENT"


def test_an_unknown_mapping_is_refused_with_those_that_exist(house: House) -> None:
    with pytest.raises(IntakeRefused, match="pretix-nl@1") as refused:
        house.tickets(COMMA, mapping="pretix-fr")
    assert refused.value.code == "UNKNOWN_MAPPING"
    with pytest.raises(IntakeRefused) as wrong:
        house.tickets(COMMA, mapping="visits")
    assert wrong.value.code == "WRONG_MAPPING"
