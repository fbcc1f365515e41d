"""Counted visits come in by place, day and kind, and are told apart from tickets."""

from __future__ import annotations

import pandas as pd
import pytest

from insight.intake.refusals import IntakeRefused
from insight.intake.report import ImportRefused
from tests.insight.intake.house import House

FILE = b"place;day;kind;number;revenue\nzaal;2026-03-01;counter;120;960.50\nzaal;2026-03-01;free;30;\n"


def test_counts_are_stored_in_cents_and_by_key(house: House) -> None:
    report = house.visits(FILE)
    assert (report.unit, report.created) == ("visits", 2)
    assert house.rows("select place, day, kind, number, revenue from visit_count order by kind") == [
        ("zaal", "2026-03-01", "counter", 120, 96050),
        ("zaal", "2026-03-01", "free", 30, 0),
    ]
    assert [(total.place, total.number, total.revenue) for total in report.places] == [("zaal", 150, 96050)]


def test_counting_again_changes_nothing_and_a_correction_updates(house: House) -> None:
    house.visits(FILE, idem="first")
    again = house.visits(FILE, idem="second")
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    corrected = house.visits(FILE.replace(b"120", b"125"), idem="third")
    assert (corrected.created, corrected.updated, corrected.unchanged) == (0, 1, 1)
    assert house.rows("select number, import_id from visit_count where kind = 'counter'") == [
        (125, corrected.import_id)
    ]


def test_revenue_may_be_left_out(house: House) -> None:
    house.visits(b"place,day,kind,number\nzaal,2026-03-01,pass,7\n")
    assert house.rows("select number, revenue from visit_count") == [(7, 0)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (b"zaal;1 maart;counter;1;", "day", "BAD_DAY"),
        (b"zaal;2026-02-30;counter;1;", "day", "BAD_DAY"),
        (b"zaal;2026-03-01;ticket;1;", "kind", "BAD_VALUE"),
        (b"zaal;2026-03-01;counter;-1;", "number", "BAD_NUMBER"),
        (b"zaal;2026-03-01;counter;1.5;", "number", "BAD_NUMBER"),
        (b";2026-03-01;counter;1;", "place", "MISSING_VALUE"),
        (b"zaal;2026-03-01;counter;1;-2.00", "revenue", "NEGATIVE_AMOUNT"),
    ],
)
def test_a_bad_count_refuses_the_file(house: House, row: bytes, field: str, code: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        house.visits(FILE + row + b"\n")
    assert [(error.line, error.field, error.code) for error in refused.value.report.errors] == [
        (4, field, code)
    ]
    assert house.rows("select count(*) from visit_count") == [(0,)]


def test_a_day_counted_twice_with_other_numbers_is_a_conflict(house: House) -> None:
    with pytest.raises(ImportRefused) as refused:
        house.visits(FILE + b"zaal;2026-03-01;counter;121;960.50\n")
    assert [error.line for error in refused.value.report.errors] == [2, 4]
    same = house.visits(FILE + b"zaal;2026-03-01;counter;120;960.5\n")
    assert (same.created, same.duplicate) == (2, 1)


def test_a_frame_comes_in_as_a_file_does(house: House) -> None:
    frame = pd.DataFrame(
        {
            "place": ["zaal", "zaal"],
            "day": ["2026-03-01"] * 2,
            "kind": ["counter", "free"],
            "number": [120, 30],
            "revenue": [96050, 0],
            "note": ["nice", "weather"],
        }
    )
    report = house.visits(frame, file_sha256="a" * 64)
    assert (report.created, report.columns_ignored) == (2, ("note",))
    assert house.visits(FILE, idem="second").unchanged == 2
    frame.loc[0, "place"] = None
    with pytest.raises(ImportRefused) as refused:
        house.visits(frame, file_sha256="b" * 64, idem="third")
    assert [error.code for error in refused.value.report.errors] == ["MISSING_VALUE"]
    with pytest.raises(IntakeRefused) as wrong:
        house.visits(frame.drop(columns="day"), file_sha256="c" * 64, idem="fourth")
    assert wrong.value.code == "NOT_A_VISIT_FRAME"
