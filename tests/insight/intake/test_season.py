"""The season of De Vrijenoot, as pretix recorded it, comes in as pretix itself counted it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from insight.intake import mapping
from insight.intake.delivery import tickets_from_file
from insight.intake.report import ImportReport
from insight.intake.ticket import ticket_frame
from tests.insight.intake.house import COMMA, HOUSE, RECORDED, SEMICOLON, House

EXPECTED = json.loads((RECORDED / "expected_base.json").read_bytes())["seizoen2627"]["per_performance"]


def _by_start_and_name(report: ImportReport) -> dict[str, tuple[int, int]]:
    return {total.ref: (total.sold_admissions, total.sold_gross) for total in report.performances}


def test_the_season_gives_656_admissions_and_15_624_15_gross(house: House) -> None:
    report = house.tickets(COMMA)
    assert (report.received, report.created, report.rejected, report.duplicate) == (790, 790, 0, 0)
    assert report.sold_admissions == 656
    assert report.sold_gross == 15_624_15
    [(admissions, gross)] = house.rows(
        "select sum(case when kind = 'admission' then 1 else 0 end), sum(gross) from ticket_line"
        " where status = 'sold'"
    )
    assert (admissions, gross) == (656, 15_624_15)


@pytest.mark.parametrize("file", [COMMA, SEMICOLON], ids=["comma", "semicolon"])
def test_each_performance_is_what_pretix_counted(house: House, file: object) -> None:
    house.tickets(file)  # type: ignore[arg-type]  # one of two paths
    stored = {
        (title, start): (admissions, gross, lines, cancelled)
        for title, start, admissions, gross, lines, cancelled in house.rows(
            "select p.title, f.starts_at,"
            " sum(case when l.status = 'sold' and l.kind = 'admission' then 1 else 0 end),"
            " sum(case when l.status = 'sold' then l.gross else 0 end),"
            " count(*), sum(case when l.status = 'sold' and l.kind <> 'admission' then 1 else 0 end)"
            " from ticket_line l join performance f on f.institution = l.institution and f.ref = l.performance"
            " join production p on p.institution = f.institution and p.ref = f.production"
            " group by p.title, f.starts_at"
        )
    }
    assert stored == {
        (told["name"], told["start"].replace("+00:00", "Z")): (
            told["admission_paid_active"],
            int(Decimal(told["gross_paid_active"]) * 100),
            told["positions_total"],
            told["nonadmission_paid_active"],
        )
        for told in EXPECTED.values()
    }


def test_the_report_tells_the_same_totals_as_the_rows(house: House) -> None:
    report = house.tickets(COMMA)
    assert _by_start_and_name(report) == {
        ref: (admissions, gross)
        for ref, admissions, gross in house.rows(
            "select performance, sum(case when kind = 'admission' then 1 else 0 end), sum(gross)"
            " from ticket_line where status = 'sold' group by performance"
        )
    }


def test_comma_and_semicolon_give_the_same_canonical_tickets() -> None:
    how = mapping.named("pretix-nl", "tickets")
    comma, semicolon = (
        ticket_frame(tickets_from_file(file.read_bytes(), how).columns) for file in (COMMA, SEMICOLON)
    )
    assert len(comma) == 790
    assert comma.equals(semicolon)


def test_the_postcode_stands_on_every_line_of_nine_in_ten_orders(house: House) -> None:
    report = house.tickets(COMMA)
    assert house.rows("select count(distinct order_ref) from ticket_line where pc4 is not null") == [(300,)]
    assert report.with_postcode == house.rows("select count(*) from ticket_line where pc4 is not null")[0][0]
    assert house.rows("select distinct country from ticket_line where pc4 is not null") == [("NL",)]
    assert report.with_identifier == 790


def test_130_addresses_become_130_persons(house: House) -> None:
    house.tickets(COMMA)
    assert house.rows("select count(distinct person), count(person) from ticket_line") == [(130, 790)]


def test_statuses_and_price_types_are_read_by_the_mapping(house: House) -> None:
    house.tickets(COMMA)
    assert dict(house.rows("select status, count(*) from ticket_line group by status")) == {
        "sold": 691,
        "reserved": 37,
        "cancelled": 36,
        "expired": 26,
    }
    assert dict(house.rows("select kind, count(*) from ticket_line group by kind")) == {
        "admission": 750,
        "product": 40,
    }
    assert house.rows("select count(*) from ticket_line where price_type = 'youth' and status = 'sold'") == [
        (66,)
    ]


def test_orders_were_placed_at_the_instant_that_pretix_knows(house: House) -> None:
    """ADZZY: 2026-05-06 06:07:24 in Amsterdam; its own API says 04:07:24 UTC."""
    house.tickets(COMMA)
    assert house.rows(
        "select distinct ordered_at, ordered_day from ticket_line where order_ref = 'ADZZY'"
    ) == [("2026-05-06T04:07:24Z", "2026-05-06")]


def test_importing_the_season_again_changes_nothing(house: House) -> None:
    first = house.tickets(COMMA, idem="first")
    before = house.state()
    again = house.tickets(COMMA, idem="second")
    assert (again.created, again.updated, again.unchanged, again.linked) == (0, 0, 790, 0)
    after = house.state()
    before_imports, after_imports = before.pop("data_import"), after.pop("data_import")
    assert after == before
    assert len(after_imports) == len(before_imports) + 1
    assert again.import_id != first.import_id


def test_the_semicolon_file_after_the_comma_file_changes_nothing(house: House) -> None:
    house.tickets(COMMA, idem="first")
    again = house.tickets(SEMICOLON, idem="second")
    assert (again.created, again.updated, again.unchanged) == (0, 0, 790)


def test_the_same_key_gives_the_first_report_and_writes_nothing(house: House) -> None:
    first = house.tickets(COMMA)
    before, size = house.state(), house.size()
    again = house.tickets(COMMA)
    assert again == first
    assert (again.repeated, first.repeated) == (True, False)
    assert again.position == first.position
    assert (house.state(), house.size()) == (before, size)


def test_the_entry_holds_the_hash_of_the_report_and_of_the_file(house: House) -> None:
    report = house.tickets(COMMA)
    [(line,)] = house.rows("select line from ledger_entry where seq = :seq", seq=report.position)
    body = json.loads(bytes(line))["body"]
    assert body["report_sha256"] == report.sha256()
    assert (body["institution"], body["created"], body["received"]) == (HOUSE, 790, 790)
    assert body["file_sha256"] == report.file_sha256


def test_columns_are_named_whether_used_or_ignored(house: House) -> None:
    report = house.tickets(COMMA)
    assert "Bestelcode" in report.columns_used
    assert "Naam deelnemer" in report.columns_ignored
    assert "Factuuradres: straat" in report.columns_ignored
    assert len(report.columns_used) + len(report.columns_ignored) == 66
