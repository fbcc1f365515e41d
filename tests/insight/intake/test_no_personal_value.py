"""Nothing personal of the season stands outside the vault: not in rows, entries, reports, errors or logs."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

import pytest

from insight.intake.report import ImportRefused
from tests.conftest import Database
from tests.insight.intake.house import COMMA, House

PERSONAL = (
    "E-mail",
    "Naam deelnemer",
    "Wat is uw postcode?",
    "Factuuradres: naam",
    "Factuuradres: straat",
    "Factuuradres: postcode",
    "Pseudonimiserings-ID",
    "Ticketgeheim",
    "Extern klantnummer",
    "Bestel-link positie",
)


def planted() -> set[bytes]:
    """Every personal value of the file, and each postcode in both its spellings."""
    found: set[str] = set()
    for row in csv.DictReader(io.StringIO(COMMA.read_text(encoding="utf-8"), newline="")):
        found |= {row[name] for name in PERSONAL if row[name]}
    for code in [value for value in found if len(value.replace(" ", "")) == 6 and value[:4].isdigit()]:
        found |= {code.replace(" ", ""), f"{code[:4]} {code[-2:]}"}
    return {value.encode() for value in found}


def told(house: House) -> bytes:
    """All that the main database and its ledger hold, as one text."""
    rows = [repr(row) for rows in house.state().values() for row in rows]
    lines = [bytes(line) for (line,) in house.rows("select line from ledger_entry")]
    return "\n".join(rows).encode() + b"\n".join(lines)


def test_the_scan_finds_what_it_looks_for() -> None:
    values = planted()
    assert len(values) > 2_000
    assert b"femke.ozdemir136@example.com" in values
    assert {b"9302 FN", b"9302FN"} <= values


def test_no_row_entry_report_or_log_holds_a_personal_value(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    report = house.tickets(COMMA, idem="first")
    house.tickets(COMMA, idem="second")
    with pytest.raises(ImportRefused) as refused:
        house.tickets(COMMA.read_bytes().replace(b'"24,50"', b'"veel"'), idem="third")
    assert refused.value.report.rejected == 125
    output = capfd.readouterr()
    everything = b"".join(
        [
            told(house),
            report.canonical(),
            refused.value.report.canonical(),
            repr(refused.value).encode(),
            caplog.text.encode(),
            (output.out + output.err).encode(),
        ]
    )
    assert len(everything) > 100_000
    assert [value for value in planted() if value in everything] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_file_of_the_main_database_holds_a_personal_value(house: House, database: Database) -> None:
    house.tickets(COMMA)
    main = Path(database.app_url.removeprefix("sqlite:///"))
    files = [*main.parent.glob(f"{main.name}*")]
    everything = b"".join(file.read_bytes() for file in files)
    assert b"toneel-het-huis-aan-de-gracht" in everything
    assert [value for value in planted() if value in everything] == []
