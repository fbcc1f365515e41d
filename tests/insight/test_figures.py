"""Disclosure control: what leaves exact, what is withheld, and what cannot be had by subtraction."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_ledger import standing
from consent_ledger.permit import Period, Permit, Read
from consent_ledger.vocabulary import ConsentAct, FieldGroup, ProductionRef, Purpose, Reason
from insight.audiences import BeyondPermit, measure, subjects
from insight.criteria import Criteria
from insight.definitions import AUDIENCE_FIGURES, UnknownFigure
from insight.figures import (
    Breakdown,
    Figure,
    NotThisPermit,
    Protection,
    RawMoney,
    Released,
    Withheld,
    hidden_cells,
    release_audience,
)
from insight.index import Indexes
from tests.insight.house import HOUSE, TODAY, TOURING, Row, database, line, permit, person, said

COUNTS: list[Row] = [
    {"institution": HOUSE, "place": "door", "day": "2026-03-01", "kind": "counter", "number": 120},
    {"institution": HOUSE, "place": "door", "day": "2026-03-02", "kind": "school", "number": 30},
    {"institution": HOUSE, "place": "door", "day": "2025-03-02", "kind": "counter", "number": 1000},
]
SEASON = Period(date(2026, 1, 1), date(2026, 7, 1))


def under_agreement(**changes: Any) -> Permit[Read]:
    usual: dict[str, Any] = {
        "recipient": TOURING,
        "purpose": Purpose.RESEARCH,
        "agreement": "agr-0000000000000001",
        "minimum_group": 10,
    }
    return permit(**{**usual, **changes})


def release(
    rows: list[Row], asked: Permit[Read], criteria: Criteria | None = None, *names: str
) -> dict[str, Released]:
    with database(rows, COUNTS) as connection:
        index = Indexes().of(asked, connection)
    raw = measure(asked, index, criteria or Criteria(), frozenset(names or AUDIENCE_FIGURES), today=TODAY)
    return dict(release_audience(asked, raw).figures)


def of_value(released: Released) -> Any:
    assert isinstance(released, Figure), released
    return released.value


def reason(released: Released) -> Reason:
    assert isinstance(released, Withheld), released
    return released.reason


def test_own_data_leave_exact_however_few() -> None:
    figures = release([line(1), line(2, gross=0), line(3, person=None, gross=1001)], permit())
    assert of_value(figures["bookers"]) == 2
    assert of_value(figures["tickets"]) == 3
    assert of_value(figures["unidentified_tickets"]) == 1
    assert of_value(figures["spend"]) == Decimal("35.01")
    assert of_value(figures["average_ticket_price"]) == Decimal("17.51")
    price = figures["average_ticket_price"]
    assert isinstance(price, Figure)
    assert price.parts == {"including_free": Decimal("11.67")}
    assert price.currency == "EUR"
    assert price.protection is Protection.EXACT_OWN
    segments = figures["segments"]
    assert isinstance(segments, Breakdown)
    assert segments.cells["B4"] == 2
    assert segments.cells["B7"] == 0


def drink(number: int, **changes: Any) -> Row:
    """What somebody bought with a ticket."""
    return line(number, **{"order_ref": f"d{number}", "kind": "product", "gross": 650, **changes})


def test_spend_adds_what_was_bought_with_the_tickets_and_no_other_figure_does() -> None:
    tickets = [line(1), line(2, gross=0), line(3, person=None, gross=1001)]
    without = release(tickets, permit())
    drinks = [drink(1), drink(3, person=None), drink(9), drink(1, status="refunded", line_ref="2")]
    others = [
        line(20 + n, kind=kind) for n, kind in enumerate(["gift_card", "donation", "membership", "fee"])
    ]
    figures = release([*tickets, *drinks, *others], permit())
    assert of_value(figures["spend"]) == of_value(without["spend"]) + Decimal("19.50")
    figures.pop("spend")
    assert figures == {name: without[name] for name in figures}


def test_who_only_bought_a_drink_is_unidentified_wherever_persons_are_chosen() -> None:
    rows = [line(1, gross=100), drink(9)]
    for criteria, spend in (
        (Criteria(segments=frozenset({"B0"})), "6.50"),
        (Criteria(segments=frozenset({"B2", "B4"})), "1.00"),
        (Criteria(first_time=True), "1.00"),
        (Criteria(first_time=False), "0.00"),
        (Criteria(first_time=False, segments=frozenset({"B0"})), "0.00"),
    ):
        assert of_value(release(rows, permit(period=SEASON), criteria, "spend")["spend"]) == Decimal(spend)
        if criteria.first_time is None:
            assert of_value(release(rows, permit(), criteria, "spend")["spend"]) == Decimal(spend)


def test_a_drink_goes_with_its_own_performance_and_its_persons_tickets() -> None:
    old = {"day": "2025-03-01", "performance": "old", "production": "lear"}
    rows = [line(1, **old), line(2), drink(1, pc4="6211"), drink(2, **old)]
    season = permit(period=SEASON)
    for criteria, spend in (
        (Criteria(), "31.50"),
        (Criteria(first_time=False), "6.50"),
        (Criteria(first_time=True), "25.00"),
        (Criteria(pc4=frozenset({"6211"})), "6.50"),
        (Criteria(provinces=frozenset({"Limburg"})), "6.50"),
        (Criteria(productions=frozenset({ProductionRef("lear")})), "0.00"),
    ):
        assert of_value(release(rows, season, criteria, "spend")["spend"]) == Decimal(spend)


def test_an_objection_changes_no_euro_of_drinks_either() -> None:
    rows = [line(n) for n in range(20)] + [drink(n) for n in range(12)] + [drink(40)]
    for asked in (permit(size=5), under_agreement(size=5)):
        before = release(rows, asked, None, "spend", "bookers")
        with database(rows) as connection:
            for who in (person(3), person(40)):
                standing.record(connection, said(who, asked.purpose, ConsentAct.OBJECTED, 1))
            index = Indexes().of(asked, connection)
        raw = measure(asked, index, Criteria(), frozenset({"spend", "bookers"}), today=TODAY)
        after = release_audience(asked, raw).figures
        assert of_value(after["spend"]) == of_value(before["spend"]) == Decimal("584.50")
        assert of_value(after["bookers"]) == of_value(before["bookers"]) - 1
        assert subjects(asked, index, Criteria(), today=TODAY) == tuple(
            sorted(person(n) for n in range(20) if n != 3)
        )


def test_who_only_bought_a_drink_is_a_subject_of_spend_and_of_nothing_else() -> None:
    rows = [line(1), drink(9)]
    for groups, persons in ((frozenset(FieldGroup), {1, 9}), (frozenset({FieldGroup.BASE}), {1})):
        asked = permit(groups=groups)
        with database(rows) as connection:
            index = Indexes().of(asked, connection)
        assert set(subjects(asked, index, Criteria(), today=TODAY)) == set(map(person, persons))


def test_the_persons_behind_spend_are_those_behind_tickets_and_drinks() -> None:
    rows = [line(n) for n in range(9)] + [drink(n) for n in range(9)]
    assert reason(release(rows, under_agreement())["spend"]) is Reason.BELOW_K
    figures = release([*rows, drink(9)], under_agreement())
    assert of_value(figures["spend"]) == Decimal("290.00")
    assert reason(figures["tickets"]) is Reason.BELOW_K


def test_what_a_few_paid_for_drinks_does_not_follow_from_spend_and_the_average_price() -> None:
    rows = [line(n) for n in range(30)]
    few = release([*rows, *(drink(n) for n in range(9))], under_agreement())
    assert of_value(few["spend"]) == Decimal("808.50")
    assert reason(few["average_ticket_price"]) is Reason.COMPLEMENTARY
    many = release([*rows, *(drink(n) for n in range(10))], under_agreement())
    assert of_value(many["average_ticket_price"]) == Decimal("25.00")
    assert of_value(release(rows, under_agreement())["average_ticket_price"]) == Decimal("25.00")


def test_criteria_that_leave_out_the_drinks_of_a_few_withhold_spend() -> None:
    rows = [line(n) for n in range(30)] + [drink(40 + n, pc4="6211") for n in range(9)]
    near = Criteria(pc4=frozenset({"9711"}))
    figures = release(rows, under_agreement(), near)
    assert of_value(figures["tickets"]) == 30
    assert reason(figures["spend"]) is Reason.COMPLEMENTARY
    more = release([*rows, drink(60, pc4="6211")], under_agreement(), near)
    assert of_value(more["spend"]) == Decimal("750.00")


def test_a_drink_of_another_currency_is_not_added_up() -> None:
    figures = release([line(1), drink(1, currency="SEK")], permit())
    assert reason(figures["spend"]) is Reason.DEFINITION_MISMATCH
    assert of_value(figures["average_ticket_price"]) == Decimal("25.00")


def test_an_average_over_nothing_is_withheld_and_not_zero() -> None:
    assert reason(release([line(1, gross=0)], permit())["average_ticket_price"]) is Reason.BELOW_DENOMINATOR
    empty = release([], permit())
    assert reason(empty["average_ticket_price"]) is Reason.BELOW_DENOMINATOR
    assert of_value(empty["bookers"]) == 0
    assert of_value(empty["spend"]) == Decimal("0.00")


def test_two_currencies_are_not_added_up() -> None:
    figures = release([line(1), line(2, currency="SEK")], permit())
    assert reason(figures["spend"]) is Reason.DEFINITION_MISMATCH
    assert reason(figures["average_ticket_price"]) is Reason.DEFINITION_MISMATCH
    assert of_value(figures["tickets"]) == 2


def test_visits_are_scanned_where_tickets_are_scanned_and_assumed_elsewhere() -> None:
    rows = [
        line(1, attended_at="2026-03-01T19:00:00Z"),
        line(2),
        line(3, performance="p2"),
        line(4, performance="p3", day="2026-07-01"),
    ]
    visits = release(rows, permit())["visits"]
    assert isinstance(visits, Figure)
    assert visits.value == 2
    assert visits.parts == {"scanned": 1, "assumed": 1}
    assert visits.coverage.scanned == Decimal("0.6667")


def test_counted_visits_stand_apart_and_cannot_be_narrowed_by_who_bought() -> None:
    counted = release([line(1)], permit(period=SEASON))["counted_visits"]
    assert isinstance(counted, Figure)
    assert counted.value == 150
    assert counted.parts == {"counter": 120, "pass": 0, "school": 30, "free": 0}
    narrowed = release([line(1)], permit(), Criteria(first_time=True))["counted_visits"]
    assert reason(narrowed) is Reason.COMBINATION_NOT_OFFERED
    touring = permit(productions=frozenset({ProductionRef("hamlet")}))
    assert reason(release([line(1)], touring)["counted_visits"]) is Reason.COMBINATION_NOT_OFFERED


def test_coverage_says_what_is_known() -> None:
    rows = [line(1, pc4=None), line(2), line(3, person=None), line(4, day="2022-12-31", performance="old")]
    figures = release(rows, permit(period=SEASON))
    new, contexts = figures["first_timers"], figures["contexts"]
    assert isinstance(new, Figure)
    assert isinstance(contexts, Breakdown)
    assert new.coverage.identified == Decimal("0.6667")
    assert new.coverage.history_start == date(2022, 12, 31)
    assert new.coverage.is_left_censored is False
    assert contexts.coverage.placed == Decimal("0.6667")
    censored = release(rows[:3], permit(period=SEASON))["first_timers"]
    assert isinstance(censored, Figure)
    assert censored.coverage.is_left_censored is True


def test_three_years_of_history_to_the_day_are_enough() -> None:
    def censored(first: str) -> bool | None:
        rows = [line(1), line(2, day=first, performance="old")]
        figure = release(rows, permit(period=SEASON))["first_timers"]
        assert isinstance(figure, Figure)
        return figure.coverage.is_left_censored

    assert censored("2023-01-01") is False
    assert censored("2023-01-02") is True


def test_under_an_agreement_nine_persons_are_too_few_and_ten_are_not() -> None:
    nine = release([line(n) for n in range(9)], under_agreement())
    assert {reason(nine[name]) for name in AUDIENCE_FIGURES - {"counted_visits"}} == {Reason.BELOW_K}
    ten = release([line(n) for n in range(10)], under_agreement())
    assert of_value(ten["bookers"]) == 10
    assert of_value(ten["spend"]) == Decimal("250.00")
    bookers = ten["bookers"]
    assert isinstance(bookers, Figure)
    assert bookers.protection is Protection.MINIMUM_GROUP


def test_ten_tickets_of_one_person_are_one_person() -> None:
    rows = [line(1, line_ref=str(n), order_ref="o1") for n in range(10)]
    assert reason(release(rows, under_agreement())["tickets"]) is Reason.BELOW_K


def test_what_a_house_asks_of_itself_through_an_agreement_is_protected_too() -> None:
    asked = under_agreement(recipient=HOUSE)
    assert reason(release([line(1)], asked)["bookers"]) is Reason.BELOW_K


def test_few_who_are_no_first_timers_withhold_the_first_timers() -> None:
    old = [line(n, day="2025-03-01", performance="old") for n in range(3)]
    rows = [line(n) for n in range(30)] + [{**row, "order_ref": f"x{n}"} for n, row in enumerate(old)]
    figures = release(rows, under_agreement(period=SEASON))
    assert of_value(figures["bookers"]) == 30
    assert reason(figures["first_timers"]) is Reason.COMPLEMENTARY


def test_criteria_that_leave_out_a_few_are_withheld() -> None:
    rows = [line(n) for n in range(30)] + [line(40 + n, pc4="6211") for n in range(9)]
    near = Criteria(pc4=frozenset({"9711"}))
    assert reason(release(rows, under_agreement(), near)["bookers"]) is Reason.COMPLEMENTARY
    assert of_value(release([*rows, line(50, pc4="6211")], under_agreement(), near)["bookers"]) == 30
    assert of_value(release(rows, permit(), near)["bookers"]) == 30


def test_small_cells_are_hidden_with_a_companion() -> None:
    rows = [line(n, pc4="6525") for n in range(40)] + [line(50 + n, pc4="1011") for n in range(25)]
    rows += [line(80 + n, pc4="2611") for n in range(3)]
    contexts = release(rows, under_agreement())["contexts"]
    assert isinstance(contexts, Breakdown)
    shown = {cell: value for cell, value in contexts.cells.items() if isinstance(value, int)}
    hidden = {cell: value.reason for cell, value in contexts.cells.items() if isinstance(value, Withheld)}
    assert sum(shown.values()) == 40
    assert hidden["C1"] is Reason.BELOW_K
    assert hidden["C2"] is Reason.COMPLEMENTARY


@given(st.dictionaries(st.sampled_from("abcdefghijk"), st.integers(0, 60), min_size=2), st.integers(1, 20))
def test_no_hidden_cell_follows_from_the_total(persons: dict[str, int], minimum: int) -> None:
    hidden = hidden_cells(persons, minimum)
    assert not any(0 < count < minimum for cell, count in persons.items() if cell not in hidden)
    if hidden and sum(persons.values()) >= minimum:
        assert sum(persons[cell] > 0 for cell in hidden) >= 2
        assert sum(persons[cell] for cell in hidden) >= minimum
        assert all(persons[cell] for cell in hidden), "an empty cell hides nobody"
    elif hidden:
        assert hidden.keys() == persons.keys()
    else:
        assert not any(0 < count < minimum for count in persons.values())


def test_nothing_more_is_hidden_than_needed() -> None:
    assert hidden_cells({"a": 50, "b": 40, "c": 30}, 10) == {}
    assert hidden_cells({"a": 50, "b": 3, "c": 30}, 10) == {"b": Reason.BELOW_K, "c": Reason.COMPLEMENTARY}
    assert hidden_cells({"a": 50, "b": 6, "c": 7}, 10) == {"b": Reason.BELOW_K, "c": Reason.BELOW_K}
    assert hidden_cells({"a": 50, "b": 0, "c": 0}, 10) == {}
    assert hidden_cells({"a": 50, "b": 0, "c": 4}, 10) == {
        "c": Reason.BELOW_K,
        "a": Reason.COMPLEMENTARY,
    }
    assert hidden_cells({"a": 4, "b": 0}, 10) == {"a": Reason.BELOW_K, "b": Reason.COMPLEMENTARY}


def test_a_group_outside_the_permit_is_never_counted_and_never_leaves() -> None:
    asked = permit(groups=frozenset({FieldGroup.BASE}))
    rows = [line(n) for n in range(20)]
    with database(rows) as connection:
        index = Indexes().of(asked, connection)
    raw = measure(asked, index, Criteria(), AUDIENCE_FIGURES, today=TODAY)
    assert raw.figures.keys().isdisjoint({"spend", "segments", "contexts", "average_ticket_price"})
    figures = release_audience(asked, raw).figures
    assert reason(figures["spend"]) is Reason.FIELD_NOT_COVERED
    assert of_value(figures["bookers"]) == 20


def test_filtering_by_a_group_outside_the_permit_is_refused() -> None:
    asked = permit(groups=frozenset({FieldGroup.BASE}))
    with pytest.raises(BeyondPermit):
        release([line(1)], asked, Criteria(segments=frozenset({"B4"})))
    with pytest.raises(BeyondPermit):
        release([line(1)], asked, Criteria(provinces=frozenset({"Groningen"})))


def test_only_what_is_selected_is_given() -> None:
    assert release([line(1)], permit(), None, "tickets").keys() == {"tickets"}
    with pytest.raises(UnknownFigure):
        release([line(1)], permit(), None, "benchmark_visits")


def test_figures_are_released_under_the_permit_they_were_counted_under() -> None:
    with database([line(1)]) as connection:
        asked = permit()
        index = Indexes().of(asked, connection)
    raw = measure(asked, index, Criteria(), AUDIENCE_FIGURES, today=TODAY)
    with pytest.raises(NotThisPermit):
        release_audience(permit(), raw)


def test_coverage_under_an_agreement_is_too_coarse_to_count_by() -> None:
    rows = [line(n) for n in range(2999)]
    rows += [line(4000 + n, person=None, day="2026-02-13", performance="p2") for n in range(10)]
    bookers = release(rows, under_agreement())["first_timers"]
    assert isinstance(bookers, Figure)
    assert bookers.coverage.identified == Decimal("1.00")
    assert bookers.coverage.history_start == date(2026, 2, 1)


def test_a_small_part_of_visits_is_not_told_apart() -> None:
    rows = [line(n) for n in range(30)] + [
        line(60 + n, performance="p2", attended_at="2026-03-01T19:00:00Z") for n in range(4)
    ]
    visits = release(rows, under_agreement())["visits"]
    assert isinstance(visits, Figure)
    assert visits.value == 34
    assert visits.parts == {}


def test_someone_who_may_not_be_counted_is_not_counted_towards_the_minimum() -> None:
    rows = [line(n) for n in range(9)] + [line(9, person=None), line(10, person=person(3), order_ref="x")]
    assert reason(release(rows, under_agreement())["tickets"]) is Reason.BELOW_K


def test_someone_who_objected_does_not_make_a_cell_large_enough() -> None:
    rows = [line(n, pc4="6525") for n in range(40)] + [line(50 + n, pc4="1011") for n in range(10)]
    rows += [line(70 + n, pc4="2611") for n in range(20)]
    asked = under_agreement(size=5)
    with database(rows) as connection:
        standing.record(connection, said(person(50), Purpose.RESEARCH, ConsentAct.OBJECTED, 1))
        index = Indexes().of(asked, connection)
    raw = measure(asked, index, Criteria(), frozenset({"contexts"}), today=TODAY)
    contexts = release_audience(asked, raw).figures["contexts"]
    assert isinstance(contexts, Breakdown)
    assert reason_of_cell(contexts, "C2") is Reason.BELOW_K


def reason_of_cell(breakdown: Breakdown, cell: str) -> Reason:
    found = breakdown.cells[cell]
    assert isinstance(found, Withheld)
    return found.reason


def test_a_figure_that_was_counted_beyond_the_permit_does_not_leave() -> None:
    asked = permit(groups=frozenset({FieldGroup.BASE}))
    with database([line(1)]) as connection:
        raw = measure(asked, Indexes().of(asked, connection), Criteria(), frozenset({"tickets"}), today=TODAY)
    slipped = replace(raw, figures={**raw.figures, "spend": RawMoney(2500, 1, "EUR")})
    assert release_audience(asked, slipped).figures.keys() == {"tickets"}


def test_nobody_is_too_few_under_any_agreement() -> None:
    figures = release([line(1, person=None)], under_agreement(minimum_group=0))
    assert reason(figures["bookers"]) is Reason.BELOW_K


def test_a_postcode_that_nobody_has_does_not_stand_for_unknown_places() -> None:
    rows = [line(1, pc4=None), line(2, country="BE", pc4="1000")]
    figures = release(rows, permit(), Criteria(pc4=frozenset({"0000"})), "tickets")
    assert of_value(figures["tickets"]) == 0
