"""The canonical ticket line: references, instants, amounts and the content hash."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insight.intake import amounts, mapping, moments, ticket
from insight.intake.delivery import tickets_from_file, tickets_from_frame
from insight.intake.faults import Unreadable
from insight.intake.lines import ticket_lines
from insight.intake.moments import RepeatedHour
from insight.intake.refusals import IntakeRefused, MappingRefused
from tests.insight.intake.house import COMMA, NOW

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
PRETIX = mapping.named("pretix-nl", "tickets")


@pytest.fixture(scope="module")
def season() -> pd.DataFrame:
    return ticket.ticket_frame(tickets_from_file(COMMA.read_bytes(), PRETIX).columns)


@given(st.text(max_size=120))
def test_every_title_has_a_reference(title: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,64}", ticket.slug(title))
    assert ticket.slug(title) == ticket.slug.__wrapped__(title)


def test_references_read_like_their_titles_and_long_ones_stay_apart() -> None:
    assert ticket.slug("Opera: Dido & Æneas – in één akte") == "opera-dido-neas-in-een-akte"
    one, two = (ticket.slug("Een heel lange titel die niet ophoudt " * 3 + end) for end in ("a", "b"))
    assert one != two
    assert one[:55] == two[:55]
    assert ticket.slug("Вишнёвый сад") != ticket.slug("Три сестры")
    assert ticket.performance_ref("dido", "2026-10-24T18:00:00Z") == "dido@20261024T1800Z"


def test_the_frame_has_the_canonical_dtypes(season: pd.DataFrame) -> None:
    assert {name: str(dtype) for name, dtype in season.dtypes.items()} == dict(ticket.SCHEMA)


def test_a_frame_and_its_file_are_the_same_delivery(season: pd.DataFrame) -> None:
    from_file = tickets_from_file(COMMA.read_bytes(), PRETIX)
    from_frame = tickets_from_frame(season)
    assert {name: from_file.columns[name] for name in ticket.SCHEMA} == from_frame.columns
    assert ticket_lines(from_file, NOW) == ticket_lines(from_frame, NOW)


@pytest.mark.parametrize("name", [name for name in ticket.CONTENT if name != "performance"])
def test_the_content_hash_covers_every_field_but_the_person(season: pd.DataFrame, name: str) -> None:
    before = ticket.canonical_sha256(season)
    assert ticket.canonical_sha256(season.assign(identifier="else@example.org")) == before
    other = {
        "gross": season["gross"] + 1,
        "starts_at": season["starts_at"] + pd.Timedelta(days=1),
        "ordered_at": season["ordered_at"] + pd.Timedelta(days=1),
        "attended_at": season["starts_at"],
    }.get(name, "1")
    assert ticket.canonical_sha256(season.assign(**{name: other})) != before


def test_the_content_hash_is_written_down_once_for_all() -> None:
    """A change of this value makes every stored line look changed at its next import."""
    assert ticket.content_hash(["A1", "1", None, 2450]).hex() == (
        "02746b4d54e6993cbf935cb3926d6c8b43806d0adc8847f00a289ef9f55b9906"
    )


def test_neighbouring_fields_do_not_run_together() -> None:
    assert ticket.content_hash(["ab", "c"]) != ticket.content_hash(["a", "bc"])
    assert ticket.content_hash([None, "a"]) != ticket.content_hash(["a", None])


def test_a_frame_that_is_no_ticket_frame_is_refused(season: pd.DataFrame) -> None:
    for wrong in (
        season.drop(columns="gross"),
        season.assign(gross=season["gross"] / 100),
        season.assign(starts_at=season["starts_at"].dt.tz_localize(None)),
        season.assign(starts_at="soon"),
    ):
        with pytest.raises(IntakeRefused) as refused:
            tickets_from_frame(wrong)
        assert refused.value.code == "NOT_A_TICKET_FRAME"


def test_a_frame_with_an_empty_cell_names_its_row(season: pd.DataFrame) -> None:
    season = season.copy()
    season.loc[3, "status"] = None
    season.loc[5, "starts_at"] = pd.NaT
    errors = tickets_from_frame(season).errors
    assert [(error.line, error.field, error.code) for error in errors] == [
        (5, "status", "MISSING_VALUE"),
        (7, "starts_at", "MISSING_VALUE"),
    ]


@given(st.integers(0, amounts.MOST), st.sampled_from([",", "."]), st.integers(0, 12))
def test_what_is_written_as_an_amount_is_read_back_in_cents(value: int, mark: str, zeros: int) -> None:
    euros, rest = divmod(value, 100)
    assert amounts.cents(f"{euros}{mark}{rest:02}{'0' * zeros}", mark) == value
    grouped = f"{euros:,}".replace(",", "." if mark == "," else ",")
    assert amounts.cents(f"€ {grouped}{mark}{rest:02}", mark) == value


def test_an_amount_without_decimals_is_whole_euros_unless_it_reads_in_two_ways() -> None:
    assert amounts.cents("12", ",") == 12_00
    for told, mark in (("1.234", ","), ("1,234", "."), ("12.50", ",")):
        with pytest.raises(Unreadable) as refused:
            amounts.cents(told, mark)
        assert refused.value.code == "AMBIGUOUS_AMOUNT"


@given(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001  # local times are meant
def test_a_local_time_is_the_instant_it_names_or_is_refused(local: datetime) -> None:
    local = local.replace(microsecond=0)
    meant = {
        instant
        for hours in (1, 2)
        if (instant := (local - timedelta(hours=hours)).replace(tzinfo=UTC))
        .astimezone(AMSTERDAM)
        .replace(tzinfo=None)
        == local
    }
    answer: object
    try:
        answer = moments.instant(local.isoformat(" "), moments.ISO, AMSTERDAM)
    except Unreadable as refused:
        answer = refused.code
    assert answer == (("SKIPPED_HOUR", (next(iter(meant), None), False), "REPEATED_HOUR")[len(meant)])


@pytest.mark.parametrize(
    ("local", "code"),
    [
        ("2026-10-25 01:59:59", None),
        ("2026-10-25 02:00:00", "REPEATED_HOUR"),
        ("2026-10-25 02:59:59", "REPEATED_HOUR"),
        ("2026-10-25 03:00:00", None),
        ("2026-03-29 01:59:59", None),
        ("2026-03-29 02:00:00", "SKIPPED_HOUR"),
        ("2026-03-29 03:00:00", None),
    ],
)
def test_the_hours_of_the_clock_change_end_to_the_second(local: str, code: str | None) -> None:
    if code is None:
        assert moments.instant(local, moments.ISO, AMSTERDAM)[1] is False
    else:
        with pytest.raises(Unreadable, match=code):
            moments.instant(local, moments.ISO, AMSTERDAM)


def test_the_first_of_a_repeated_hour_is_taken_only_when_the_mapping_says_so() -> None:
    told, first = "2026-10-25 02:30:00", RepeatedHour.FIRST
    assert moments.instant(told, moments.ISO, AMSTERDAM, repeated_hour=first) == (
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        True,
    )
    with pytest.raises(Unreadable, match="SKIPPED_HOUR"):
        moments.instant("2026-03-29 02:30", moments.ISO, AMSTERDAM, repeated_hour=first)


def test_an_order_in_the_repeated_hour_does_not_stop_a_pretix_file() -> None:
    data = COMMA.read_bytes().replace(b'"2026-05-06","06:07:24"', b'"2026-10-25","02:30:00"')
    delivery = tickets_from_file(data, PRETIX)
    assert delivery.errors == []
    assert delivery.remarks["FIRST_OF_REPEATED_HOUR", "ordered_at"] == 2
    assert delivery.columns["ordered_at"][0] == "2026-10-25T00:30:00Z"


def test_words_that_the_mapping_does_not_know_are_refused_or_remarked() -> None:
    data = COMMA.read_bytes().replace(b'"betaald"', b'"paid"', 1).replace(b'"Rang 2"', b'"Loge"', 1)
    delivery = tickets_from_file(data, PRETIX)
    assert [(error.line, error.field, error.code) for error in delivery.errors] == [
        (2, "status", "UNMAPPED_VALUE")
    ]
    assert delivery.remarks["DEFAULTED", "kind"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Pretix NL"},
        {"version": 0},
        {"version": True},
        {"unit": "people"},
        {"zone": "Amsterdam"},
        {"decimal": ";"},
        {"secret": 1},
        {"fields": {}},
        {"fields": {"place": {"default": "x"}}},
        {"fields": []},
    ],
)
def test_what_is_no_mapping_is_refused(change: dict[str, object]) -> None:
    field = {"sources": [{"columns": ["a"]}]}
    told = {
        "name": "own",
        "version": 1,
        "unit": "visits",
        "zone": "Europe/Amsterdam",
        "decimal": ",",
        "fields": dict.fromkeys(("place", "day", "kind", "number"), field),
    }
    assert mapping.from_json(told).label == "own@1"
    with pytest.raises(MappingRefused) as refused:
        mapping.from_json(told | change)
    assert refused.value.code == "BAD_MAPPING"


@pytest.mark.parametrize(
    "field",
    [
        {},
        {"sources": [{"columns": []}]},
        {"sources": [{"columns": "a"}]},
        {"sources": [{"columns": ["a"], "spread": "day"}]},
        {"sources": [{"columns": ["a"], "values": ["x"]}]},
        {"sources": [{"columns": ["a"]}], "repeated_hour": "last"},
        {"sources": [{"columns": ["a"]}], "default": 1},
        {"sources": [{"column": "a"}]},
        "a",
    ],
)
def test_what_is_no_field_of_a_mapping_is_refused(field: object) -> None:
    with pytest.raises(MappingRefused):
        mapping.from_json(
            {
                "name": "own",
                "version": 1,
                "unit": "visits",
                "zone": "UTC",
                "decimal": ",",
                "fields": dict.fromkeys(("place", "day", "kind", "number"), field),
            }
        )


def test_the_shipped_mappings_are_mappings() -> None:
    assert {one.label: one.unit for one in mapping.shipped().values()} == {
        "cultuurinzicht@1": "tickets",
        "pretix-nl@1": "tickets",
        "visits@1": "visits",
    }
