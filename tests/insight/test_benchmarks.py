from __future__ import annotations

import ast
import time
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import insight.benchmarks
from consent_ledger.vocabulary import PartyId, Position, Reason
from insight.benchmarks import (
    Benchmark,
    BenchmarkWithheld,
    Metric,
    OwnFigures,
    PeerCriteria,
    Statistic,
    benchmark,
    peers,
)
from insight.months import CellKey, Month, covered, months_between
from insight.published import Cell, Published
from insight.store.releases import RegisterRow
from tests.insight.sector import END, START, institution, register

YEAR = months_between(START, END)
ANYBODY = PeerCriteria()


def names(numbers: Iterable[int]) -> frozenset[PartyId]:
    return frozenset(institution(n).id for n in numbers)


def released(
    blocks: dict[str, frozenset[PartyId]],
    totals: Mapping[tuple[str, str], Mapping[Month, int] | Mapping[str, int]],
    units: dict[str, str] | None = None,
) -> Published:
    """A release as it is read: `totals` by block and metric, and by cell."""
    cells: dict[tuple[str, str], dict[Month, Cell]] = {}
    for pair, values in totals.items():
        for key, value in values.items():
            cell = Cell(CellKey(key), covered(key, YEAR), value)
            cells.setdefault(pair, {}).update(dict.fromkeys(cell.months, cell))
    return Published(
        id="rel-0000000000000001",
        policy="unnoised-1",
        start=START,
        end=END,
        position=Position(7),
        published_at="2026-02-01T03:00:00Z",
        tables_sha256="0" * 64,
        certificate_sha256="1" * 64,
        blocks=blocks,
        units=units or dict.fromkeys(blocks, "tickets"),
        cells=cells,
    )


def monthly(*blocks: tuple[str, range, int, int]) -> Published:
    """Blocks of these houses, with the same visits and cents in every month."""
    return released(
        {name: names(inside) for name, inside, _, _ in blocks},
        {
            (name, metric): dict.fromkeys(YEAR, value)
            for name, _, visits, cents in blocks
            for metric, value in (("visits", visits), ("revenue", cents))
        },
    )


THEATRES = [institution(n) for n in range(8)]
CINEMAS = [institution(n, discipline="cinema", province="Limburg", region="Zuid") for n in range(8, 20)]
TWO = monthly(("b001", range(8), 800, 1_600_000), ("b002", range(8, 20), 2400, 2_400_000))


def given_value(found: Benchmark | BenchmarkWithheld) -> Benchmark:
    assert isinstance(found, Benchmark)
    return found


def withheld(found: Benchmark | BenchmarkWithheld) -> BenchmarkWithheld:
    assert isinstance(found, BenchmarkWithheld)
    return found


def asked(
    metric: Metric = Metric.VISITS,
    criteria: PeerCriteria = ANYBODY,
    months: Sequence[Month] | None = YEAR,
    *,
    published: Published | None = TWO,
    own: OwnFigures | None = None,
    statistic: Statistic = Statistic.PER_INSTITUTION,
) -> Benchmark | BenchmarkWithheld:
    everyone = THEATRES + CINEMAS
    return benchmark(published, everyone, metric, months, criteria, own=own, statistic=statistic)


# -- values


def test_a_price_per_visit_is_the_money_of_the_group_by_its_visits() -> None:
    found = given_value(asked(Metric.PRICE_PER_VISIT))
    assert found.value == Decimal("12.50")  # 40,000.00 by 3,200 in every month
    assert found.statistic is None
    assert found.definition.id == "benchmark_price_per_visit"


def test_visits_are_told_per_institution_unless_the_total_is_asked() -> None:
    assert given_value(asked(months=YEAR[:1])).value == Decimal("160.0")
    assert given_value(asked(months=YEAR[:1], statistic=Statistic.TOTAL)).value == 3200


def test_revenue_is_in_euros() -> None:
    theatres = PeerCriteria(disciplines=frozenset({"theatre"}))
    found = given_value(asked(Metric.REVENUE, theatres, YEAR[:1]))
    assert found.value == Decimal("2000.00")
    assert found.contributors == names(range(8))


def test_the_months_of_a_year_add_up_to_the_year() -> None:
    for metric in (Metric.VISITS, Metric.REVENUE):
        months = [given_value(asked(metric, months=[m], statistic=Statistic.TOTAL)).value for m in YEAR]
        assert sum(months) == given_value(asked(metric, statistic=Statistic.TOTAL)).value


def test_own_figures_stand_beside_the_peers_with_an_index() -> None:
    found = given_value(asked(months=YEAR[:1], own=OwnFigures(visits=240, revenue=360_000)))
    assert (found.own, found.index) == (240, Decimal("150.0"))
    price = given_value(asked(Metric.PRICE_PER_VISIT, own=OwnFigures(visits=240, revenue=360_000)))
    assert (price.own, price.index) == (Decimal("15.00"), Decimal("120.0"))


def test_a_house_without_visits_has_no_price_and_no_index() -> None:
    found = given_value(asked(Metric.PRICE_PER_VISIT, own=OwnFigures(visits=0, revenue=0)))
    assert (found.own, found.index) == (None, None)


def test_an_own_total_is_not_compared_with_the_total_of_a_group() -> None:
    found = given_value(asked(statistic=Statistic.TOTAL, own=OwnFigures(visits=240, revenue=1)))
    assert (found.own, found.index) == (240, None)


def test_an_answer_says_in_which_units_visits_were_told() -> None:
    mixed = Published(
        **{
            **{name: getattr(TWO, name) for name in Published.__slots__},
            "units": {"b001": "tickets", "b002": "counts"},
        }
    )
    assert given_value(asked(published=mixed)).units == {"tickets", "counts"}
    theatres = PeerCriteria(disciplines=frozenset({"theatre"}))
    assert given_value(asked(criteria=theatres, published=mixed)).units == {"tickets"}


def test_an_answer_names_the_release_it_comes_from() -> None:
    found = given_value(asked())
    assert (found.release, found.policy, found.position) == ("rel-0000000000000001", "unnoised-1", 7)
    assert found.period == (START, END)
    assert (found.tables_sha256, found.certificate_sha256) == ("0" * 64, "1" * 64)


# -- peers


def test_peers_are_the_blocks_that_fit_the_criteria_best() -> None:
    south = PeerCriteria(regions=frozenset({"Zuid"}))
    found = given_value(asked(criteria=south))
    assert found.contributors == names(range(8, 20))
    assert (found.fit.precision, found.fit.recall) == (Decimal("1.000"), Decimal("1.000"))


def test_precision_and_recall_say_how_near_the_peers_are() -> None:
    everyone = [institution(n, province="Utrecht" if n < 5 or n > 90 else "Drenthe") for n in [*range(8), 91]]
    found = benchmark(TWO, everyone, Metric.VISITS, YEAR, PeerCriteria(provinces=frozenset({"Utrecht"})))
    fit = given_value(found).fit
    assert (fit.included, fit.matching, fit.asked) == (8, 5, 6)
    assert (fit.precision, fit.recall) == (Decimal("0.625"), Decimal("0.833"))


def test_a_block_is_added_only_while_the_fit_does_not_fall() -> None:
    # 6 of 6 match in the first, 1 of 12 in the second: together they fit worse than the first alone
    published = monthly(("b001", range(6), 600, 60_000), ("b002", range(6, 18), 1200, 120_000))
    everyone = [institution(n, band=12 if n <= 6 else 9) for n in range(18)]
    chosen = peers(published, everyone, Metric.VISITS, PeerCriteria(bands=frozenset({12})))
    assert chosen is not None
    assert chosen[0] == ("b001",)


def test_a_group_that_fits_worse_than_a_quarter_is_not_offered() -> None:
    one = PeerCriteria(provinces=frozenset({"Zeeland"}))
    everyone = [institution(n, province="Zeeland" if n == 9 else "Drenthe") for n in range(20)]
    found = withheld(benchmark(TWO, everyone, Metric.VISITS, YEAR, one))
    assert found.reason is Reason.NO_SAFE_PEER_GROUP_NEAR_CRITERIA


def test_criteria_that_nobody_meets_are_withheld() -> None:
    nobody = PeerCriteria(disciplines=frozenset({"circus"}))
    assert withheld(asked(criteria=nobody)).reason is Reason.NO_SAFE_PEER_GROUP_NEAR_CRITERIA


def test_a_block_that_is_silent_about_money_answers_no_question_about_it() -> None:
    published = released(
        {"b001": names(range(8)), "b002": names(range(8, 20))},
        {
            ("b001", "visits"): dict.fromkeys(YEAR, 800),
            ("b001", "revenue"): dict.fromkeys(YEAR, 1_600_000),
            ("b002", "visits"): dict.fromkeys(YEAR, 2400),
        },
    )
    assert given_value(asked(Metric.PRICE_PER_VISIT, published=published)).value == Decimal("20.00")
    cinemas = PeerCriteria(disciplines=frozenset({"cinema"}))
    found = withheld(asked(Metric.REVENUE, cinemas, published=published))
    assert found.reason is Reason.NO_SAFE_PEER_GROUP_NEAR_CRITERIA


@given(
    st.sets(st.sampled_from(["theatre", "museum", "cinema", "festival"])),
    st.sets(st.sampled_from(["Noord", "Oost", "West", "Zuid"])),
    st.integers(1, 9),
    st.integers(0, 10**9),
)
@settings(max_examples=60, deadline=None)
def test_peers_do_not_depend_on_any_figure(
    disciplines: set[str], regions: set[str], seed: int, value: int
) -> None:
    everyone = register(70, seed)
    blocks = {f"b{n:03d}": frozenset(row.id for row in everyone[n * 7 : n * 7 + 7]) for n in range(9)}
    criteria = PeerCriteria(frozenset(disciplines) or None, regions=frozenset(regions) or None)
    totals = {
        (block, metric): dict.fromkeys(YEAR, figure)
        for n, block in enumerate(blocks)
        for metric in ("visits", "revenue")
        for figure in [(value * (n + 1)) % 1009]
    }
    zeros = {pair: dict.fromkeys(YEAR, 0) for pair in totals}
    chosen = peers(released(blocks, totals), everyone, Metric.VISITS, criteria)
    assert chosen == peers(released(blocks, zeros), everyone[::-1], Metric.VISITS, criteria)
    if chosen is not None:
        inside = frozenset(member for block in chosen[0] for member in blocks[block])
        matching = frozenset(row.id for row in everyone if criteria.match(row))
        assert chosen[1].included == len(inside)
        assert chosen[1].matching == len(inside & matching)
        assert all(blocks[block] & matching for block in chosen[0])


# -- what is not given


def test_days_that_cut_a_month_are_finer_than_what_is_published() -> None:
    assert withheld(asked(months=None)).reason is Reason.PERIOD_FINER_THAN_PUBLISHED


@pytest.mark.parametrize("month", ["2024-12", "2026-01"])
def test_months_outside_the_release_are_not_yet_published(month: str) -> None:
    found = withheld(asked(months=[Month(month)]))
    assert found.reason is Reason.NOT_YET_PUBLISHED
    assert found.nearest == (START, END)


def test_before_the_first_release_nothing_is_published() -> None:
    assert withheld(asked(published=None)).reason is Reason.NOT_YET_PUBLISHED


def test_a_total_price_is_no_statistic() -> None:
    found = withheld(asked(Metric.PRICE_PER_VISIT, statistic=Statistic.TOTAL))
    assert found.reason is Reason.STATISTIC_NOT_OFFERED


FOLDED = released(
    {"b001": names(range(8)), "b002": names(range(8, 20))},
    {
        ("b001", "visits"): {"2025-01": 10, "2025-02": 20, "2025-03": 30, "2025-Q2": 100, "2025-H2": 700},
        ("b002", "visits"): dict.fromkeys(YEAR[:6], 5),
    },
)


def test_a_month_folded_into_its_quarter_is_not_told_alone() -> None:
    theatres = PeerCriteria(disciplines=frozenset({"theatre"}))
    found = withheld(asked(criteria=theatres, months=[Month("2025-05")], published=FOLDED))
    assert found.reason is Reason.PERIOD_FINER_THAN_PUBLISHED
    assert found.nearest == ("2025-04", "2025-07")
    start, end = found.nearest
    wider = asked(
        criteria=theatres, months=months_between(start, end), published=FOLDED, statistic=Statistic.TOTAL
    )
    assert given_value(wider).value == 100


def test_a_folded_cell_counts_once() -> None:
    theatres = PeerCriteria(disciplines=frozenset({"theatre"}))
    found = asked(criteria=theatres, published=FOLDED, statistic=Statistic.TOTAL)
    assert given_value(found).value == 10 + 20 + 30 + 100 + 700


def test_a_union_is_as_coarse_as_its_coarsest_block() -> None:
    assert given_value(asked(months=YEAR[:3], published=FOLDED, statistic=Statistic.TOTAL)).value == 75
    found = withheld(asked(months=[Month("2025-05")], published=FOLDED))
    assert found.nearest == ("2025-04", "2025-07")


def test_months_that_a_block_does_not_publish_have_no_safe_group() -> None:
    cinemas = PeerCriteria(disciplines=frozenset({"cinema"}))
    found = withheld(asked(criteria=cinemas, months=YEAR[6:], published=FOLDED))
    assert found.reason is Reason.NO_SAFE_PEER_GROUP_NEAR_CRITERIA


# -- the room


def test_benchmarks_have_no_way_to_a_table() -> None:
    imported = {
        name
        for node in ast.walk(ast.parse(Path(insight.benchmarks.__file__).read_text()))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
    }
    assert not any(name.startswith(("sqlalchemy", "insight.store", "insight.tables")) for name in imported)


def test_an_answer_over_three_hundred_institutions_takes_about_a_millisecond() -> None:
    everyone: list[RegisterRow] = register(300)
    blocks = {f"b{n:03d}": frozenset(row.id for row in everyone[n * 7 : n * 7 + 7]) for n in range(42)}
    totals = {(block, m): dict.fromkeys(YEAR, 99) for block in blocks for m in ("visits", "revenue")}
    published = released(blocks, totals)
    criteria = PeerCriteria(disciplines=frozenset({"theatre"}), regions=frozenset({"West"}))
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        benchmark(published, everyone, Metric.PRICE_PER_VISIT, YEAR, criteria)
        best = min(best, time.perf_counter() - began)
    assert best < 0.005
    assert isinstance(benchmark(published, everyone, Metric.VISITS, YEAR, ANYBODY), Benchmark)
