"""What a later import changes: lines, events, persons, productions; and what it never changes."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from consent_ledger.vocabulary import PartyId
from insight.intake import pipeline
from insight.intake.pipeline import Consignment
from insight.intake.refusals import IntakeRefused
from insight.intake.report import ImportRefused, ImportReport
from tests.insight.intake.house import ACTOR, COMMA, HOUSE, NEIGHBOUR, SEMICOLON, House, sha256
from tests.insight.intake.test_bad_rows import bring, table


def events(house: House) -> list[tuple[Any, ...]]:
    return house.rows(
        "select l.order_ref, l.line_ref, e.event, e.gross, e.performance from ticket_event e"
        " join ticket_line l on l.id = e.line order by e.id"
    )


def test_a_new_line_has_one_event_and_one_more_for_an_entry_scan(house: House) -> None:
    bring(
        house,
        {},
        {"line_ref": "2", "status": "reserved"},
        {"line_ref": "3", "attended_at": "2026-10-03 19:50"},
    )
    at = "sahel@20261003T1800Z"
    assert events(house) == [
        ("A1", "1", "sold", 2450, at),
        ("A1", "2", "reserved", 2450, at),
        ("A1", "3", "sold", 2450, at),
        ("A1", "3", "attended", 2450, at),
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"status": "cancelled"}, ["cancelled"]),
        ({"starts_at": "2026-10-04 14:00"}, ["moved"]),
        ({"starts_at": "2026-10-04 14:00", "status": "refunded"}, ["moved", "refunded"]),
        ({"attended_at": "2026-10-03 19:50"}, ["attended"]),
        ({"gross": "20.00"}, ["corrected"]),
        ({"pc4": "1011 AB"}, ["corrected"]),
    ],
)
def test_a_changed_line_is_updated_and_tells_what_happened(
    house: House, change: dict[str, str], told: list[str]
) -> None:
    bring(house, {}, {"line_ref": "2"})
    before = len(events(house))
    report = bring(house, change, {"line_ref": "2"}, idem="second")
    assert (report.created, report.updated, report.unchanged) == (0, 1, 1)
    assert [event[2] for event in events(house)[before:]] == told
    assert house.rows("select count(*) from ticket_line") == [(2,)]
    assert house.rows("select import_id from ticket_line where line_ref = '1'") == [(report.import_id,)]
    assert bring(house, change, {"line_ref": "2"}, idem="third").unchanged == 2


def test_a_person_is_filled_in_or_changed_without_changing_the_line(house: House) -> None:
    bring(house, {"identifier": ""}, {"line_ref": "2"})
    before = events(house)
    report = bring(house, {}, {"line_ref": "2", "identifier": "new@example.org"}, idem="second")
    assert (report.created, report.updated, report.unchanged, report.linked) == (0, 0, 2, 2)
    one, two = (row[0] for row in house.rows("select person from ticket_line order by line_ref"))
    assert one == house.vault.find(HOUSE, "someone.planted@example.org")
    assert two == house.vault.find(HOUSE, "new@example.org")
    assert events(house) == before


def test_a_file_without_identifiers_takes_no_person_away(house: House) -> None:
    bring(house, {})
    report = bring(house, {"identifier": "", "gross": "20.00"}, idem="second")
    assert (report.updated, report.linked) == (1, 0)
    assert house.rows("select count(person) from ticket_line") == [(1,)]


def test_a_severed_line_is_never_linked_again_and_its_euros_stay(house: House) -> None:
    bring(house, {}, {"line_ref": "2"})
    house.change("update ticket_line set person = null, severed = 1 where line_ref = '1'")
    same = bring(house, {}, {"line_ref": "2"}, idem="second")
    assert (same.unchanged, same.linked) == (2, 0)
    changed = bring(house, {"gross": "20.00"}, {"line_ref": "2"}, idem="third")
    assert (changed.updated, changed.linked) == (1, 0)
    assert house.rows("select person, severed, gross from ticket_line where line_ref = '1'") == [
        (None, 1, 2000)
    ]


def test_a_line_severed_between_plan_and_entry_is_not_linked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(house, {"identifier": ""})
    plans = pipeline._plans

    def erase_after_planning(*arguments: Any) -> list[Any]:
        planned = list(plans(*arguments))
        monkeypatch.setattr(pipeline, "_plans", plans)
        house.change("update ticket_line set severed = 1")
        return planned

    monkeypatch.setattr(pipeline, "_plans", erase_after_planning)
    report = bring(house, {}, idem="second")
    assert (report.unchanged, report.linked) == (1, 0)
    assert house.rows("select person from ticket_line") == [(None,)]


def test_an_import_that_came_between_is_seen_by_the_counts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = pipeline._plans

    def another_first(*arguments: Any) -> list[Any]:
        planned = list(plans(*arguments))
        monkeypatch.setattr(pipeline, "_plans", plans)
        other = threading.Thread(target=lambda: bring(house, {}, {"line_ref": "2"}, idem="other"))
        other.start()
        other.join()
        return planned

    monkeypatch.setattr(pipeline, "_plans", another_first)
    report = bring(house, {}, {"line_ref": "2"}, {"line_ref": "3"}, idem="mine")
    assert (report.created, report.unchanged) == (1, 2)


def test_two_at_once_with_one_key_and_file_give_one_import(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = pipeline._plans

    def the_same_first(*arguments: Any) -> list[Any]:
        monkeypatch.setattr(pipeline, "_plans", plans)
        other = threading.Thread(target=lambda: bring(house, {}))
        other.start()
        other.join()
        return list(plans(*arguments))

    monkeypatch.setattr(pipeline, "_plans", the_same_first)
    report = bring(house, {})
    assert (report.repeated, report.created) == (True, 1)
    assert house.rows("select count(*) from data_import") == [(1,)]


def test_a_key_used_for_another_file_is_a_conflict(house: House) -> None:
    bring(house, {})
    before, size = house.state(), house.size()
    with pytest.raises(IntakeRefused) as refused:
        bring(house, {"gross": "1.00"})
    assert refused.value.code == "IDEMPOTENCY_CONFLICT"
    assert (house.state(), house.size()) == (before, size)


def test_two_sources_of_one_house_keep_their_own_lines(house: House) -> None:
    bring(house, {})
    report = house.tickets(table({}), mapping="cultuurinzicht", source="other-file", idem="second")
    assert report.created == 1
    assert house.rows("select source from ticket_line order by id") == [("own-file",), ("other-file",)]


def test_two_houses_share_neither_lines_nor_persons(house: House) -> None:
    bring(house, {})
    house.tickets(table({}), mapping="cultuurinzicht", source="own-file", idem="theirs", controller=NEIGHBOUR)
    rows = house.rows("select institution, person from ticket_line order by id")
    assert [row[0] for row in rows] == [HOUSE, NEIGHBOUR]
    assert rows[0][1] != rows[1][1]


def test_a_genre_that_becomes_known_is_kept(house: House) -> None:
    bring(house, {})
    assert house.rows("select genre from production") == [("unknown",)]
    house.tickets(
        table({}).replace(b",identifier", b",identifier,genre").replace(b"example.org", b"example.org,dance"),
        mapping="cultuurinzicht",
        source="own-file",
        idem="second",
    )
    assert house.rows("select genre from production") == [("dance",)]
    bring(house, {}, idem="third")
    assert house.rows("select genre from production") == [("dance",)]


def test_many_imports_in_one_transaction_are_counted_one_after_the_other(house: House) -> None:
    files = [table({}, {"line_ref": "2"}), table({}, {"line_ref": "2", "gross": "9.00"}, {"line_ref": "3"})]
    before = house.size()
    with house.permit() as permit:
        reports = house.intake.tickets_many(
            [
                Consignment(permit, file, "own-file", "cultuurinzicht", f"k{at}", sha256(file), ACTOR)
                for at, file in enumerate(files)
            ]
        )
    assert [(one.created, one.updated, one.unchanged) for one in reports] == [(2, 0, 0), (1, 1, 1)]
    assert house.size() == before + 2
    assert house.rows("select gross from ticket_line order by line_ref") == [(2450,), (900,), (2450,)]


def test_one_bad_import_of_many_stores_none(house: House) -> None:
    files = [table({}), table({"gross": "veel"})]
    with house.permit() as permit, pytest.raises(ImportRefused):
        house.intake.tickets_many(
            [
                Consignment(permit, file, "own-file", "cultuurinzicht", f"k{at}", sha256(file), ACTOR)
                for at, file in enumerate(files)
            ]
        )
    assert house.rows("select count(*) from ticket_line") == [(0,)]


def test_a_permit_for_consent_brings_no_tickets_in(house: House) -> None:
    from consent_ledger.database import reading
    from consent_ledger.parties import platform_caller
    from consent_ledger.permit import Permit, decide
    from consent_ledger.question import consent_question
    from consent_ledger.vocabulary import Purpose

    with reading(house.engine) as connection:
        snapshot = house.ledger.pin(connection)
        permit = decide(snapshot, platform_caller(), consent_question(HOUSE, Purpose.OWN_INSIGHT))
        assert isinstance(permit, Permit), permit
        with pytest.raises(IntakeRefused) as refused:
            house.intake.tickets(
                permit,
                COMMA,
                source="pretix",
                mapping="pretix-nl",
                idem="k",
                file_sha256=sha256(COMMA),
                actor=ACTOR,
            )
    assert refused.value.code == "WRONG_PERMIT"


def test_every_import_is_in_the_data_position_of_its_house_alone(house: House) -> None:
    report = bring(house, {})
    with house.permit() as permit:
        assert permit.data_position == report.position
    with house.permit(PartyId(NEIGHBOUR)) as permit:
        assert permit.data_position != report.position


def test_a_stored_report_reads_back_as_it_was_told(house: House) -> None:
    first = house.tickets(SEMICOLON)
    again = house.tickets(SEMICOLON)
    assert again.as_json() == first.as_json()
    assert again.sha256() == first.sha256()
    assert isinstance(again, ImportReport)
