"""A row that is wrong refuses the whole file, and the report names every such row without its values."""

from __future__ import annotations

import pytest

from insight.intake.faults import FAULTS, REMARKS
from insight.intake.report import ImportRefused, ImportReport
from tests.insight.intake.house import House

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Nothing of these reaches a database, so one kind is enough."""

HEADER = (
    "order_ref,line_ref,production_title,starts_at,zone,ordered_at,kind,status,price_type,gross,currency,"
    "pc4,country,attended_at,identifier"
)
GOOD = {
    "order_ref": "A1",
    "line_ref": "1",
    "production_title": "Sahel",
    "starts_at": "2026-10-03 20:00",
    "zone": "Europe/Amsterdam",
    "ordered_at": "2026-09-01T10:00:00Z",
    "kind": "admission",
    "status": "sold",
    "price_type": "full",
    "gross": "24.50",
    "currency": "EUR",
    "pc4": "9711 AB",
    "country": "NL",
    "attended_at": "",
    "identifier": "someone.planted@example.org",
}


def table(*rows: dict[str, str]) -> bytes:
    lines = [HEADER, *(",".join((GOOD | row)[name] for name in HEADER.split(",")) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def bring(house: House, *rows: dict[str, str], idem: str = "first") -> ImportReport:
    return house.tickets(table(*rows), mapping="cultuurinzicht", source="own-file", idem=idem)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("order_ref", "", "MISSING_VALUE"),
        ("order_ref", "planted@example.org", "BAD_REFERENCE"),
        ("line_ref", "x" * 65, "BAD_REFERENCE"),
        ("production_title", "x" * 201, "BAD_TEXT"),
        ("production_title", "bel\x07", "BAD_TEXT"),
        ("production_title", "Feest van planted@example.org", "PERSONAL_TITLE"),
        ("production_title", "planted＠example．org", "PERSONAL_TITLE"),
        ("production_title", "Reserveren: 06-1234 56 78", "PERSONAL_TITLE"),
        ("production_title", "+31 (0)6 12345678", "PERSONAL_TITLE"),
        ("production_title", "(020) 624–23–11", "PERSONAL_TITLE"),
        ("production_title", "NL91 ABNA 0417 1643 00", "PERSONAL_TITLE"),
        ("starts_at", "3 oktober", "BAD_TIME"),
        ("starts_at", "0001-01-01 00:00", "BAD_TIME"),
        ("starts_at", "2026-13-01 20:00", "BAD_TIME"),
        ("starts_at", "2026-10-25 02:30", "REPEATED_HOUR"),
        ("starts_at", "2026-03-29 02:30", "SKIPPED_HOUR"),
        ("zone", "Europe/Atlantis", "BAD_ZONE"),
        ("zone", "../../etc/passwd", "BAD_ZONE"),
        ("kind", "popcorn", "BAD_VALUE"),
        ("status", "betaald", "BAD_VALUE"),
        ("price_type", "gratis", "BAD_VALUE"),
        ("gross", "veel", "BAD_AMOUNT"),
        ("gross", "24.505", "BROKEN_CENT"),
        ("gross", "1e3", "BAD_AMOUNT"),
        ("gross", "NaN", "BAD_AMOUNT"),
        ("gross", "٢٤", "BAD_AMOUNT"),
        ("gross", "-1.00", "NEGATIVE_AMOUNT"),
        ("gross", "99999999.00", "AMOUNT_TOO_LARGE"),
        ("currency", "XYZ", "BAD_CURRENCY"),
        ("identifier", "x" * 255, "BAD_IDENTIFIER"),
    ],
)
def test_a_bad_cell_is_named_by_line_field_and_code(house: House, field: str, value: str, code: str) -> None:
    before, size = house.state(), house.size()
    with pytest.raises(ImportRefused) as refused:
        bring(house, {}, {"line_ref": "2", field: value}, {"line_ref": "3"})
    [error] = refused.value.report.errors
    assert (error.line, error.field, error.code) == (3, field, code)
    assert error.message == FAULTS[code]
    assert refused.value.report.rejected == 1
    assert refused.value.code == "ROWS_REFUSED"
    assert (house.state(), house.size()) == (before, size)


@pytest.mark.parametrize("title", ["1984", "Seizoen 2025-2026", "Opening 03-10-2026", "M@cbeth 2.0", "@Home"])
def test_a_title_may_hold_a_year_and_an_at_sign(house: House, title: str) -> None:
    assert bring(house, {"production_title": title}).created == 1


def test_every_bad_row_is_reported_with_every_fault(house: House) -> None:
    rows = [{"line_ref": str(n), "gross": "veel", "kind": "popcorn"} for n in range(500)]
    with pytest.raises(ImportRefused) as refused:
        bring(house, {"order_ref": "B"}, *rows)
    report = refused.value.report
    assert (report.received, report.rejected, len(report.errors)) == (501, 500, 1000)
    assert [error.line for error in report.errors[:4]] == [3, 3, 4, 4]
    assert report.errors[0].line_ref == "A1/0"


def test_a_refusal_holds_no_value_of_the_row(house: House) -> None:
    planted = "planted.person@example.org"
    with pytest.raises(ImportRefused) as refused:
        bring(
            house,
            *(
                {"line_ref": str(at), field: planted}
                for at, field in enumerate(("kind", "gross", "starts_at"))
            ),
            {"order_ref": planted},
        )
    told = refused.value.report.canonical().decode() + str(refused.value) + refused.value.fix
    assert "planted" not in told
    assert "9711" not in told


def test_an_amount_that_reads_in_two_ways_is_refused(house: House) -> None:
    rows = {"order_ref": "A1", "gross": '"1,234"'}
    with pytest.raises(ImportRefused) as refused:
        bring(house, rows)
    assert [error.code for error in refused.value.report.errors] == ["AMBIGUOUS_AMOUNT"]


def test_the_same_key_with_other_content_refuses_both_rows(house: House) -> None:
    with pytest.raises(ImportRefused) as refused:
        bring(house, {}, {"line_ref": "2"}, {"gross": "30.00"})
    assert [(error.line, error.code) for error in refused.value.report.errors] == [
        (2, "CONFLICTING_ROWS"),
        (4, "CONFLICTING_ROWS"),
    ]


def test_the_same_key_with_another_person_refuses_both_rows(house: House) -> None:
    with pytest.raises(ImportRefused) as refused:
        bring(house, {}, {"identifier": "other@example.org"})
    assert refused.value.report.rejected == 2


def test_the_same_row_twice_is_a_duplicate(house: House) -> None:
    report = bring(house, {}, {"line_ref": "2"}, {}, {"identifier": ""})
    assert (report.received, report.created, report.duplicate) == (4, 2, 2)
    assert report.sold_admissions == 2


@pytest.mark.parametrize(
    ("row", "code", "stored"),
    [
        ({"pc4": "1010"}, "UNKNOWN_POSTCODE", (None, "NL")),
        ({"pc4": "1010 AB", "country": ""}, "UNKNOWN_POSTCODE", (None, None)),
        ({"pc4": "B-9000", "country": ""}, "NOT_A_POSTCODE", (None, None)),
        ({"pc4": "9711", "country": "BE"}, None, (None, "BE")),
        ({"pc4": "50667", "country": "DE"}, None, (None, "DE")),
        ({"pc4": "9711ab", "country": ""}, None, ("9711", "NL")),
        ({"pc4": "9711", "country": "nl"}, None, ("9711", "NL")),
        ({"pc4": "", "country": "Nederland"}, "COUNTRY_UNREAD", (None, None)),
    ],
)
def test_a_place_is_cut_kept_or_left_out(
    house: House, row: dict[str, str], code: str | None, stored: tuple[str | None, str | None]
) -> None:
    report = bring(house, row)
    assert [warning.code for warning in report.warnings] == ([code] if code else [])
    assert house.rows("select pc4, country from ticket_line") == [stored]


def test_a_time_with_an_offset_in_the_repeated_hour_is_two_instants(house: House) -> None:
    bring(
        house,
        {"starts_at": "2026-10-25 02:30+02:00"},
        {"line_ref": "2", "starts_at": "2026-10-25T02:30+01:00"},
    )
    assert house.rows("select starts_at, day from performance order by 1") == [
        ("2026-10-25T00:30:00Z", "2026-10-25"),
        ("2026-10-25T01:30:00Z", "2026-10-25"),
    ]


def test_what_is_accepted_with_a_remark_is_counted(house: House) -> None:
    report = bring(
        house,
        {"attended_at": "2026-10-03T18:00:00Z", "status": "refunded"},
        {"line_ref": "2", "ordered_at": "2027-01-01T10:00:00Z", "starts_at": "2027-02-01 20:00"},
    )
    assert [(warning.code, warning.lines) for warning in report.warnings] == [
        ("ATTENDED_NOT_SOLD", 1),
        ("ORDERED_IN_FUTURE", 1),
    ]
    assert all(warning.message == REMARKS[warning.code] for warning in report.warnings)
    assert house.rows("select count(attended_at) from ticket_line") == [(0,)]


def test_a_performance_has_one_zone(house: House) -> None:
    with pytest.raises(ImportRefused) as refused:
        bring(
            house,
            {"starts_at": "2026-10-03T18:00:00Z"},
            {"line_ref": "2", "starts_at": "2026-10-03T18:00:00Z", "zone": "Europe/London"},
        )
    assert [(error.line, error.code) for error in refused.value.report.errors] == [(3, "TWO_ZONES")]


def test_the_day_is_that_of_the_house_not_of_greenwich(house: House) -> None:
    bring(house, {"starts_at": "2026-12-31T23:30:00Z", "ordered_at": "2026-06-30T22:30:00Z"})
    assert house.rows("select day, ordered_day from ticket_line") == [("2027-01-01", "2026-07-01")]
