"""What a recipient cannot get by adding and subtracting answers: the tickets or euros of a few, whoever they are."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from consent_ledger import standing
from consent_ledger.permit import Permit, Read
from consent_ledger.vocabulary import ConsentAct, ProductionRef, Purpose, Reason
from insight.audiences import measure
from insight.criteria import Criteria
from insight.crowd import Partition, barrier, crowd
from insight.figures import Breakdown, Figure, Released, Withheld, release_audience
from insight.index import Indexes
from tests.insight.house import HOUSE, TODAY, Row, database, line, person, said
from tests.insight.test_figures import SEASON, drink, of_value, reason, under_agreement

OBJECTOR = 900


def released(
    rows: list[Row],
    criteria: Criteria | None = None,
    *names: str,
    objectors: Iterable[int] = (),
    asked: Permit[Read] | None = None,
) -> dict[str, Released]:
    """What leaves under an agreement with a minimum group of ten, after some objected to its purpose."""
    asked = asked or under_agreement(size=5, period=SEASON)
    with database(rows) as connection:
        for number in objectors:
            standing.record(connection, said(person(number), Purpose.RESEARCH, ConsentAct.OBJECTED, 1))
        index = Indexes().of(asked, connection)
    figures = frozenset(names or {"bookers", "tickets", "spend", "visits", "contexts", "segments"})
    raw = measure(asked, index, criteria or Criteria(), figures, today=TODAY)
    return dict(release_audience(asked, raw).figures)


def several(who: int, count: int, **changes: Any) -> list[Row]:
    """Some tickets of one order of somebody."""
    return [line(who, line_ref=str(n + 1), **changes) for n in range(count)]


def returning(numbers: Iterable[int], **changes: Any) -> list[Row]:
    """Who came before the season, and in it."""
    return [
        one
        for n in numbers
        for one in (
            line(n, order_ref=f"old{n}", day="2025-03-01", performance="old", production="lear"),
            line(n, **changes),
        )
    ]


def reasons(figures: dict[str, Released]) -> set[Reason]:
    return {reason(found) for found in figures.values()}


def plays(*names: str) -> Criteria:
    return Criteria(productions=frozenset(map(ProductionRef, names)))


@pytest.mark.parametrize(
    "criteria", [Criteria(first_time=True), Criteria(segments=frozenset(f"B{n}" for n in range(1, 12)))]
)
def test_criteria_on_persons_do_not_tell_what_somebody_who_objected_bought(criteria: Criteria) -> None:
    rows = [line(n) for n in range(30)] + several(OBJECTOR, 14)
    assert reasons(released(rows, criteria, objectors=[OBJECTOR])) == {Reason.COMPLEMENTARY}
    ten = range(OBJECTOR, OBJECTOR + 10)
    found = released([*rows, *(line(n) for n in ten[1:])], criteria, "tickets", objectors=ten)
    assert of_value(found["tickets"]) == 30


def test_the_two_kinds_of_bookers_taken_from_the_whole_leave_no_objector() -> None:
    rows = [line(n) for n in range(30)] + returning(range(100, 120)) + several(OBJECTOR, 14)
    new, old = (
        released(rows, Criteria(first_time=first_time), objectors=[OBJECTOR]) for first_time in (True, False)
    )
    assert of_value(new["tickets"]) == 30
    assert reasons(old) == {Reason.COMPLEMENTARY}


def test_a_play_left_out_with_one_line_of_somebody_who_also_bought_elsewhere_is_not_told() -> None:
    rows = [line(n) for n in range(30)]
    rows += [line(n, order_ref=f"m{n}", production="medea", performance="p3") for n in range(20)]
    rows.append(line(3, order_ref="x", production="othello", performance="p2", gross=9900))
    assert reasons(released(rows, plays("hamlet", "medea"))) == {Reason.COMPLEMENTARY}
    rows += [line(n, order_ref=f"x{n}", production="othello", performance="p2") for n in range(10, 19)]
    assert of_value(released(rows, plays("hamlet", "medea"))["tickets"]) == 50


def test_lines_of_nobody_known_are_left_out_by_order_and_not_by_line() -> None:
    rows = [line(n) for n in range(30)]
    away = {"person": None, "pc4": "6211"}
    near = Criteria(pc4=frozenset({"9711"}))
    one_order = [line(0, order_ref="school", line_ref=str(n), **away) for n in range(25)]
    assert reasons(released([*rows, *one_order], near)) == {Reason.COMPLEMENTARY}
    nine = [line(0, order_ref=f"n{n}", **away) for n in range(9)]
    assert of_value(released([*rows, *one_order, *nine], near)["tickets"]) == 30


def test_a_line_of_nobody_in_an_order_of_somebody_is_that_persons() -> None:
    rows = [line(n) for n in range(30)]

    def far(persons: Iterable[int]) -> list[Row]:
        """Orders of two tickets by some who also came from near, one of them for a guest."""
        tickets = [(n, ref, who) for n in persons for ref, who in (("1", person(n)), ("2", None))]
        return [line(n, order_ref=f"far{n}", line_ref=ref, pc4="6211", person=who) for n, ref, who in tickets]

    near = Criteria(pc4=frozenset({"9711"}))
    assert reasons(released(rows + far(range(9)), near)) == {Reason.COMPLEMENTARY}
    assert of_value(released(rows + far(range(10)), near)["tickets"]) == 30


@pytest.mark.parametrize(
    ("more", "left_out"),
    [
        ([], 0),
        (several(OBJECTOR, 14, pc4="6211"), 1),
        (several(3, 2, pc4="6211", order_ref="x"), 1),
        ([line(n, pc4="6211", order_ref=f"x{n}", person=None) for n in range(3)], 3),
        ([line(n, pc4="6211", order_ref=f"x{n}") for n in range(20)], 20),
        ([line(n, pc4="6211", order_ref=f"x{n}") for n in range(15, 35)], 5),  # five come from there alone
    ],
)
def test_everybody_who_is_left_out_is_counted_whoever_it_is(more: list[Row], left_out: int) -> None:
    asked = under_agreement(size=5, period=SEASON)
    with database([line(n) for n in range(30)] + more) as connection:
        standing.record(connection, said(person(OBJECTOR), Purpose.RESEARCH, ConsentAct.OBJECTED, 1))
        index = Indexes().of(asked, connection)
    near = Criteria(pc4=frozenset({"9711"}))
    raw = measure(asked, index, near, frozenset({"tickets"}), today=TODAY)
    assert raw.left_out == left_out
    figures = release_audience(asked, replace(raw, barrier=None)).figures
    assert isinstance(figures["tickets"], Withheld) is (0 < left_out < 10)


def test_somebody_erased_is_left_out_by_order() -> None:
    rows = [line(n) for n in range(30)] + several(77, 14, severed=1, pc4="6211")
    assert reasons(released(rows, Criteria(pc4=frozenset({"9711"})))) == {Reason.COMPLEMENTARY}


def test_the_drink_of_somebody_who_objected_does_not_follow_from_spend() -> None:
    rows = [line(n) for n in range(30)] + [line(n, pc4="6211") for n in range(40, 60)]
    rows.append(drink(OBJECTOR, pc4="6211"))
    near = Criteria(pc4=frozenset({"9711"}))
    found = released(rows, near, "spend", "tickets", objectors=[OBJECTOR])
    assert of_value(found["tickets"]) == 30
    assert reason(found["spend"]) is Reason.COMPLEMENTARY
    whole = released(rows, None, "spend", "average_ticket_price", objectors=[OBJECTOR])
    assert of_value(whole["spend"])
    assert reason(whole["average_ticket_price"]) is Reason.COMPLEMENTARY


def test_drinks_of_a_few_in_a_named_area_are_told_apart_by_no_price() -> None:
    """Spend less tickets times their average price is drinks; over two criteria, those of the difference."""
    rows = [line(n) for n in range(60)] + [drink(n) for n in range(30)]
    rows += [line(100 + n, pc4="6211") for n in range(20)] + [drink(100 + n, pc4="6211") for n in range(3)]
    rows += [line(200 + n, pc4="1011") for n in range(20)] + [drink(200 + n, pc4="1011") for n in range(20)]
    names = ("average_ticket_price", "spend")
    found = released(rows, Criteria(pc4=frozenset({"9711", "6211"})), *names)
    assert reason(found["average_ticket_price"]) is Reason.COMPLEMENTARY
    assert of_value(found["spend"])
    without = released(rows, Criteria(pc4=frozenset({"9711", "1011"})), *names)
    assert reasons(without) == {Reason.COMPLEMENTARY}, "three are left out"


def test_who_only_bought_drinks_in_a_named_area_is_told_by_no_spend() -> None:
    rows = [line(n) for n in range(60)] + [drink(100 + n, pc4="6211") for n in range(3)]
    rows += [drink(200 + n, pc4="1011") for n in range(20)]
    found = released(rows, Criteria(pc4=frozenset({"9711", "6211"})), "spend", "tickets")
    assert reason(found["spend"]) is Reason.BELOW_K
    assert of_value(found["tickets"]) == 60


FEW = [
    (Criteria(pc4=frozenset({"9711", "6211"})), {"pc4": "6211"}),
    (Criteria(provinces=frozenset({"Groningen", "Limburg"})), {"pc4": "6211"}),
    (plays("hamlet", "othello"), {"production": "othello", "performance": "p2"}),
    (Criteria(segments=frozenset({"B1", "B4"})), {"channel": "school"}),
]


@pytest.mark.parametrize(("criteria", "few"), FEW)
def test_a_named_part_of_nine_persons_is_withheld_and_of_ten_is_not(
    criteria: Criteria, few: dict[str, Any]
) -> None:
    away = {"pc4": "1011", "production": "lear", "performance": "p3"}
    rows = [line(n) for n in range(30)] + returning(range(100, 130), **away)
    nine = [line(50 + n, **few) for n in range(9)]
    assert reasons(released(rows + nine, criteria)) == {Reason.BELOW_K}
    assert of_value(released([*rows, *nine, line(59, **few)], criteria)["tickets"]) == 40
    assert of_value(released(rows, criteria)["tickets"]) == 30, "nobody there is nothing to hide"


@pytest.mark.parametrize(("criteria", "few"), FEW[:-1])  # who objected has no segment
def test_nine_and_somebody_who_objected_are_ten_in_a_named_part(
    criteria: Criteria, few: dict[str, Any]
) -> None:
    away = {"pc4": "1011", "production": "lear", "performance": "p3"}
    rows = [line(n) for n in range(30)] + returning(range(100, 130), **away)
    nine = [line(50 + n, **few) for n in range(9)]
    found = released([*rows, *nine, line(OBJECTOR, **few)], criteria, objectors=[OBJECTOR])
    assert of_value(found["bookers"]) == 39


def test_who_objected_does_not_make_a_named_segment_large_enough() -> None:
    rows = [line(n) for n in range(30)] + returning(range(100, 130))
    rows += [line(50 + n, channel="school") for n in range(9)] + several(OBJECTOR, 2, channel="school")
    criteria = Criteria(segments=frozenset({"B1", "B4"}))
    assert reasons(released(rows, criteria, objectors=[OBJECTOR])) == {Reason.BELOW_K}
    assert of_value(released(rows, criteria)["bookers"]) == 40


def test_the_named_kind_of_bookers_must_be_a_group_of_its_own() -> None:
    rows = [line(n) for n in range(30)] + returning(range(100, 109))
    assert reasons(released(rows, Criteria(first_time=False))) == {Reason.BELOW_K}


def test_the_own_house_names_whom_it_likes() -> None:
    rows = [line(n) for n in range(30)] + [line(50, pc4="6211"), *several(OBJECTOR, 2)]
    asked = under_agreement(agreement=None, recipient=HOUSE, period=SEASON, size=5)
    for criteria, tickets in ((Criteria(pc4=frozenset({"6211"})), 1), (Criteria(first_time=True), 31)):
        found = released(rows, criteria, "tickets", objectors=[OBJECTOR], asked=asked)
        assert of_value(found["tickets"]) == tickets


def test_no_answers_over_one_criterion_come_to_the_lines_of_a_few() -> None:
    """Every set of plays that may be named, and the whole: no sum or difference is of one to nine persons."""
    for seed in range(60):
        dice = random.Random(seed)
        parts = [{dice.randrange(60) for _ in range(dice.choice([0, 1, 4, 9, 10, 14, 30]))} for _ in range(5)]
        nameless = dice.choice([None, 4])
        lines = [(number, who) for number, persons in enumerate(parts) for who in sorted(persons)]
        part, behind = (np.array(column, np.int32) for column in zip(*lines, strict=True))

        def may_be_named(named: Collection[int]) -> bool:
            partition = Partition(part, 5, np.array(sorted(named)), nameless)  # noqa: B023
            few = 0 < crowd(behind[~np.isin(part, sorted(named))]) < 10  # noqa: B023
            return not few and barrier(behind, partition, 10) is None  # noqa: B023

        nameable = [number for number in range(5) if number != nameless]
        answers = [
            frozenset(named)
            for n in range(1, 5)
            for named in combinations(nameable, n)
            if may_be_named(named)
        ]
        # what can be told apart: two parts that are named together in every answer, or in none, cannot
        alike: dict[frozenset[int], set[int]] = {}
        for number in range(5):
            inside = frozenset(at for at, named in enumerate(answers) if number in named)
            alike.setdefault(inside, set()).add(number)
        for together in alike.values():
            persons = set().union(*(parts[number] for number in together))
            assert not 0 < len(persons) < 10 or len(set().union(*parts)) < 10, (seed, together)


def coverage(rows: list[Row], **more: Any) -> Any:
    found = released(rows, None, "bookers", "contexts", "visits", **more)
    bookers, contexts, visits = found["bookers"], found["contexts"], found["visits"]
    assert isinstance(bookers, Figure)
    assert isinstance(contexts, Breakdown)
    assert isinstance(visits, Figure)
    return bookers.coverage.identified, contexts.coverage.placed, visits.coverage.scanned


def test_coverage_does_not_tell_how_many_tickets_a_few_have() -> None:
    rows = [line(n) for n in range(38)]
    assert coverage(rows) == (1, 1, 0)
    assert coverage([*rows, line(OBJECTOR)], objectors=[OBJECTOR])[0] is None
    assert coverage([*rows, *(line(n, order_ref=f"y{n}", person=None) for n in range(9))])[0] is None
    assert coverage([*rows, *(line(n, order_ref=f"y{n}", person=None) for n in range(10))])[0] is not None
    assert coverage([*rows, *(line(50 + n, pc4=None) for n in range(9))])[1] is None
    assert coverage([*rows, *(line(50 + n, pc4=None) for n in range(10))])[1] is not None
    scanned = {"performance": "p2", "attended_at": "2026-03-01T19:00:00Z"}
    assert coverage([*rows, *(line(50 + n, **scanned) for n in range(9))])[2] is None
    assert coverage([*rows, *(line(50 + n, **scanned) for n in range(10))])[2] is not None
    assert coverage([*rows[:9], *(line(50 + n, **scanned) for n in range(20))])[2] is None


def test_coverage_of_own_data_is_told_however_few_are_unknown() -> None:
    asked = under_agreement(agreement=None, recipient=HOUSE, period=SEASON, size=5)
    rows = [*(line(n) for n in range(3)), line(9, person=None, pc4=None)]
    assert [str(share) for share in coverage(rows, asked=asked)] == ["0.7500", "0.7500", "0.0000"]


def test_fourteen_tickets_of_one_who_objected_are_one_person() -> None:
    rows = [line(n) for n in range(30)]
    alone = released([*rows, *several(OBJECTOR, 14)], None, "unidentified_tickets", objectors=[OBJECTOR])
    assert reasons(alone) == {Reason.BELOW_K}
    nine = [line(0, order_ref=f"n{n}", person=None) for n in range(9)]
    found = released(
        [*rows, *several(OBJECTOR, 14), *nine], None, "unidentified_tickets", objectors=[OBJECTOR]
    )
    assert of_value(found["unidentified_tickets"]) == 23


def test_the_parts_of_visits_are_of_persons_and_not_of_tickets() -> None:
    rows = [line(n) for n in range(30)]
    scanned = {"performance": "p2", "attended_at": "2026-03-01T19:00:00Z"}
    one = released([*rows, *several(50, 14, **scanned)], None, "visits")["visits"]
    assert isinstance(one, Figure)
    assert (one.value, one.parts) == (44, {})
    ten = released([*rows, *(line(50 + n, **scanned) for n in range(10))], None, "visits")["visits"]
    assert isinstance(ten, Figure)
    assert ten.parts == {"scanned": 10, "assumed": 30}


def test_an_empty_cell_hides_nobody() -> None:
    segments = released([line(n) for n in range(30)], None, "segments")["segments"]
    assert isinstance(segments, Breakdown)
    assert segments.cells["B4"] == 30
    assert {cell: value for cell, value in segments.cells.items() if value != 0} == {"B4": 30}


def test_a_cell_of_nobody_who_can_be_counted_is_not_empty() -> None:
    rows = [line(n, pc4="6525") for n in range(40)] + several(OBJECTOR, 14, pc4="1011")
    contexts = released(rows, None, "contexts", objectors=[OBJECTOR])["contexts"]
    assert isinstance(contexts, Breakdown)
    hidden = {cell: found.reason for cell, found in contexts.cells.items() if isinstance(found, Withheld)}
    assert sorted(hidden.values()) == [Reason.BELOW_K, Reason.COMPLEMENTARY]
