"""Behaviour segments: each rule of `ci-seg 1.0.0`, what the model leaves open, and its data file."""

from __future__ import annotations

import json
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import pytest

from insight.rules import RulesRefused, checksum, ci_seg, read
from insight.segments import SEGMENTS, explain, labels, months_before
from tests.insight.house import TODAY, Row, index_of, line, permit, person

RULES = files("insight").joinpath("data/ci-seg-1.0.0.json").read_text(encoding="utf-8")


def visit(days_ago: int, performance: str = "p", **changes: Any) -> Row:
    """A visit by person 1, bought on the day itself."""
    day = (TODAY - timedelta(days=days_ago)).isoformat()
    usual: Row = {
        "order_ref": f"{performance} {days_ago}",
        "performance": f"{performance}-{days_ago}",
        "day": day,
        "ordered_day": day,
        "person": person(1),
    }
    return line(1, **{**usual, **changes})


def segment_of(*rows: Row, home: str = "9711") -> str:
    """The segment of person 1, at a house most of whose tickets come from one area."""
    public = [line(100 + n, person=None, pc4=home) for n in range(50)]
    index = index_of([*public, *rows]).lines
    found = int(labels(index, TODAY)[index.tickets.persons.index(person(1))])
    return SEGMENTS[found]


def test_an_order_of_fifteen_is_a_group() -> None:
    fifteen = [visit(10, order_ref="party", line_ref=str(n)) for n in range(15)]
    assert segment_of(*fifteen) == "B1"
    assert segment_of(*fifteen[:14]) == "B4"


def test_an_order_by_a_school_is_a_group() -> None:
    assert segment_of(visit(10, channel="school")) == "B1"


@pytest.mark.parametrize(("days", "segment"), [(549, "B3"), (1095, "B3"), (1096, "B2")])
def test_who_stayed_away_lapses_and_then_has_lapsed(days: int, segment: str) -> None:
    assert segment_of(visit(days)) == segment


def test_who_came_548_days_ago_has_not_lapsed() -> None:
    assert segment_of(visit(548)) == "B11"


def test_a_purchase_counts_as_a_sign_of_life() -> None:
    bought = (TODAY - timedelta(days=100)).isoformat()
    coming = (TODAY + timedelta(days=30)).isoformat()
    assert segment_of(visit(1200), visit(0, day=coming, ordered_day=bought, performance="later")) == "B11"


def test_a_sale_that_was_entered_after_the_visit_counts_as_a_sign_of_life() -> None:
    entered = (TODAY - timedelta(days=540)).isoformat()
    assert segment_of(visit(560)) == "B3"
    assert segment_of(visit(560, ordered_day=entered)) == "B11"


def test_the_first_year_is_new_once_and_a_return_after_that() -> None:
    assert segment_of(visit(365)) == "B4"
    assert segment_of(visit(365), visit(365, line_ref="2")) == "B4"
    assert segment_of(visit(365), visit(20)) == "B5"
    assert segment_of(visit(366), visit(20)) == "B11"


def test_two_tickets_in_five_at_a_youth_price_make_a_family() -> None:
    def tickets(youth: int, full: int) -> list[Row]:
        first = visit(400)
        prices = ["youth"] * youth + ["full"] * (full - 1)
        return [
            first,
            *(visit(30, order_ref=f"youth{n}", price_type=price) for n, price in enumerate(prices)),
        ]

    assert segment_of(*tickets(2, 3)) == "B6"
    assert segment_of(*tickets(199, 301)) == "B11"


def test_a_youth_genre_makes_a_family_as_well() -> None:
    assert segment_of(visit(400), visit(30, production="production-4")) == "B6"


def test_four_visits_a_year_in_three_genres_make_an_omnivore_and_in_two_a_core() -> None:
    def visits(*plays: str) -> list[Row]:
        return [visit(400)] + [visit(20 + n, production=play) for n, play in enumerate(plays)]

    assert segment_of(*visits("production-0", "production-1", "production-2", "production-0")) == "B7"
    assert segment_of(*visits("production-0", "production-1", "production-0", "production-1")) == "B8"
    assert segment_of(*visits("production-0", "production-1", "production-5", "production-5")) == "B8"
    assert segment_of(*visits("production-0", "production-1", "production-2")) == "B9"


def test_who_comes_from_far_or_abroad_is_a_destination_visitor() -> None:
    assert segment_of(visit(400, pc4="6211")) == "B10"
    assert segment_of(visit(400, pc4="9712")) == "B11"
    assert segment_of(visit(400, pc4="1000", country="BE")) == "B10"
    assert segment_of(visit(400, pc4="6211"), visit(380, pc4=None)) == "B10"
    assert segment_of(visit(400, pc4=None)) == "B11"


def test_distance_is_measured_from_where_most_tickets_come_from() -> None:
    assert segment_of(visit(400, pc4="6211"), home="6211") == "B11"
    assert segment_of(visit(400, pc4="9711"), home="6211") == "B10"


def test_a_severed_line_has_no_person_to_label() -> None:
    assert index_of([visit(10, severed=1)]).lines.tickets.persons == ()


def test_a_house_without_lines_has_no_labels() -> None:
    assert labels(index_of([]).lines, TODAY).tolist() == [SEGMENTS.index("B0")]


def test_a_label_is_explained_by_the_values_behind_it() -> None:
    index = index_of([visit(10), visit(10, line_ref="2", price_type="youth")]).lines
    label = explain(index, TODAY, 0)
    assert (label.segment, label.model, label.version) == ("B4", "ci-seg", "1.0.0")
    assert label.features["n36"] == 1
    assert label.features["R"] == 10
    assert label.features["y36"] == (1, 2)


def test_labels_follow_from_what_exists_for_the_permit_alone() -> None:
    rows = [visit(1200, production="production-1"), visit(10, production="production-2")]
    assert SEGMENTS[labels(index_of(rows).lines, TODAY)[0]] == "B11"
    touring = permit(productions=frozenset({"production-2"}))
    assert SEGMENTS[labels(index_of(rows, touring).lines, TODAY)[0]] == "B4"


def test_months_are_calendar_months() -> None:
    assert months_before(date(2026, 6, 30), 12) == date(2025, 6, 30)
    assert months_before(date(2024, 2, 29), 12) == date(2023, 2, 28)
    assert months_before(date(2026, 1, 31), 2) == date(2025, 11, 30)
    assert months_before(date.min, 1) == date.min


def test_the_shipped_model_is_what_its_checksum_says() -> None:
    assert checksum(json.loads(RULES)) == ci_seg().sha256
    assert [segment.id for segment in ci_seg().behaviour] == [f"B{n}" for n in range(12)]
    assert all(segment.nl and segment.en for segment in (*ci_seg().behaviour, *ci_seg().context))


def test_version_1_0_0_is_never_changed() -> None:
    assert ci_seg().sha256 == "6f0fdd4645b3bf4b7ec3e9cd86f91321823eedc68032cd5b32c88cbdf129031a"


def test_a_changed_threshold_is_found() -> None:
    with pytest.raises(RulesRefused):
        read(RULES.replace('"at_least": 15', '"at_least": 14'))


def test_a_model_that_leaves_somebody_out_is_refused() -> None:
    rules = json.loads(RULES)
    rules["behaviour"] = [*rules["behaviour"][1:], rules["behaviour"][0]]
    rules["sha256"] = checksum(rules)
    with pytest.raises(RulesRefused):
        read(json.dumps(rules))
