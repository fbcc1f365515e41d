"""Releases made of what the houses permit, and benchmarks read from them alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.errors import INTERNAL, problem_of
from consent_ledger.database import reading
from consent_ledger.entry import EntryType
from consent_ledger.permit import Period, Refusal
from consent_ledger.vocabulary import (
    PLATFORM,
    FieldGroup,
    Granularity,
    LawfulBasis,
    Package,
    PartyId,
    PartyKind,
    Reason,
    Scope,
)
from insight.benchmarks import Benchmark, BenchmarkWithheld, Metric, PeerCriteria, Statistic
from insight.blocks import NoLawfulBlock
from insight.months import Month
from insight.policies import PolicyRefused
from insight.release import ReleaseRefused
from resolvers import releases as release_door
from resolvers.benchmarks import BenchmarkAsked, compare
from resolvers.releases import Sealed, make_release
from tests.conftest import Database
from tests.resolvers.scene import BENCHMARK, LAKESIDE, Scene, caller, open_scene, research

HOUSES = tuple(PartyId(f"house-{number}") for number in range(8))
START, END = Month("2026-03"), Month("2026-04")
MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))


def stocked(scene: Scene) -> Scene:
    """Lakeside and eight more theatres of the same size, which all joined but the last; Harbour did not."""
    scene.stock()
    for house in HOUSES:
        scene.party(
            house,
            PartyKind.INSTITUTION,
            discipline="theatre",
            province="Utrecht",
            region="West",
            band=3,
            sandbox=True,
        )
        scene.basis(house, BENCHMARK, LawfulBasis.LEGITIMATE_INTEREST)
        scene.notice(house, BENCHMARK)
    for house in HOUSES:
        scene.bring(house, [{"order_ref": f"o{number}", "gross": 1000} for number in range(12)])
    scene.bring(LAKESIDE, [{"order_ref": f"o{number}", "gross": 2000} for number in range(12)])
    for house in HOUSES[:-1]:
        join(scene, house)
    return scene


def join(scene: Scene, house: PartyId) -> None:
    pool = research(
        package=Package.BENCHMARK_POOL,
        sources=frozenset({house}),
        recipients=frozenset({PLATFORM}),
        purposes=frozenset({BENCHMARK}),
        groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}),
        granularity=Granularity.STATISTIC,
    )
    scene.attested(pool, house, house, PLATFORM)


@pytest.fixture
def pool(database: Database, tmp_path: Path) -> Iterator[Scene]:
    scene = open_scene(database, tmp_path / "beside")
    yield stocked(scene)
    scene.close()


def release(scene: Scene) -> Sealed:
    made = make_release(scene.house, start=START, end=END, policy="unnoised-1")
    assert isinstance(made, Sealed), made
    return made


def benchmark(
    scene: Scene, who: str = "lakeside-app", **more: Any
) -> Benchmark | BenchmarkWithheld | Refusal:
    asked = BenchmarkAsked(Metric.VISITS, Statistic.PER_INSTITUTION, MARCH, PeerCriteria())
    with scene.inquiry(caller(who, more.get("scopes"))) as ask:
        return compare(ask, asked)


def test_a_house_stands_beside_its_peers(pool: Scene) -> None:
    release(pool)
    size = pool.size()
    found = benchmark(pool)
    assert isinstance(found, Benchmark), found
    assert (found.value, found.own) == (12, 12)
    assert found.contributors == frozenset(HOUSES[:-1]), "who did not join is not in it"
    assert pool.size() == size, "what was released for everybody is no disclosure"


def test_houses_that_did_not_join_are_not_read(pool: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[PartyId] = []
    real = release_door.contributions  # type: ignore[attr-defined]  # what the door itself calls

    def watching(permitted: Any, connection: Any) -> Any:
        seen.extend(permit.controller for permit, _ in permitted)
        return real(permitted, connection)

    monkeypatch.setattr(release_door, "contributions", watching)
    release(pool)
    assert seen == list(HOUSES[:-1])


def test_who_left_the_pool_is_not_in_the_next_release(pool: Scene) -> None:
    [proposal] = [
        entry for entry in pool.of_type(EntryType.AGREEMENT_PROPOSED) if entry.body["proposer"] == HOUSES[0]
    ]
    ended = {"agreement": proposal.body["agreement"], "party": HOUSES[0]}
    pool.say(EntryType.AGREEMENT_ENDED, ended, refs=(proposal.seq,))
    release(pool)
    found = benchmark(pool)
    assert isinstance(found, Benchmark)
    assert HOUSES[0] not in found.contributors


def test_the_own_figure_needs_the_scope_for_it(pool: Scene) -> None:
    release(pool)
    found = benchmark(pool, scopes={Scope.BENCHMARKS_READ})
    assert isinstance(found, Benchmark)
    assert (found.own, found.index) == (None, None)


def test_without_scope_there_is_no_benchmark(pool: Scene) -> None:
    found = benchmark(pool, scopes={Scope.AUDIENCES_READ})
    assert isinstance(found, Refusal)
    assert found.reason is Reason.INSUFFICIENT_SCOPE


def test_before_the_first_release_there_is_none(pool: Scene) -> None:
    found = benchmark(pool)
    assert isinstance(found, BenchmarkWithheld)
    assert found.reason is Reason.NOT_YET_PUBLISHED


def test_a_month_is_published_once(pool: Scene) -> None:
    first, size = release(pool), pool.size()
    with pytest.raises(ReleaseRefused) as refused:
        release(pool)
    assert refused.value.code == "ALREADY_PUBLISHED"
    assert pool.size() == size
    assert pool.rows("select id from release") == [(first.release,)]


def test_a_retracted_release_is_not_used_and_can_be_made_again(pool: Scene) -> None:
    first = release(pool)
    with pool.inquiry(caller("lakeside-app")) as before:
        pool.say(EntryType.RELEASE_RETRACTED, {"release": first.release})
        asked = BenchmarkAsked(Metric.VISITS, Statistic.PER_INSTITUTION, MARCH, PeerCriteria())
        assert isinstance(compare(before, asked), Benchmark), "this moment lies before the retraction"
    assert isinstance(benchmark(pool), BenchmarkWithheld)
    second = release(pool)
    found = benchmark(pool)
    assert isinstance(found, Benchmark)
    assert found.release == second.release != first.release


def test_a_release_after_the_pin_is_not_seen(pool: Scene) -> None:
    asked = BenchmarkAsked(Metric.VISITS, Statistic.PER_INSTITUTION, MARCH, PeerCriteria())
    with pool.inquiry(caller("lakeside-app")) as before:
        release(pool)
        assert isinstance(compare(before, asked), BenchmarkWithheld)


def test_too_few_houses_give_no_release_and_no_entry(scene: Scene) -> None:
    size = scene.size()
    made = make_release(scene.house, start=START, end=END, policy="unnoised-1")
    assert isinstance(made, NoLawfulBlock)
    assert scene.size() == size


def test_a_real_platform_refuses_exact_totals(database: Database, tmp_path: Path) -> None:
    scene = open_scene(database, tmp_path / "beside", sandbox=False)
    stocked(scene)
    size = scene.size()
    with pytest.raises(PolicyRefused) as refused:
        make_release(scene.house, start=START, end=END, policy="unnoised-1")
    told = problem_of(refused.value)
    assert told is not INTERNAL
    assert told.code == "POLICY_NEEDS_SANDBOX"
    assert (scene.size(), scene.rows("select count(*) from release")) == (size, [(0,)])
    scene.close()


@pytest.mark.parametrize("table", ["ticket_line", "visit_count", "standing", "ledger_entry", "client_secret"])
def test_the_engine_of_benchmarks_cannot_read_anything_but_releases(pool: Scene, table: str) -> None:
    with reading(pool.house.releases) as connection:
        connection.execute(text("select count(*) from release_cell"))
        with pytest.raises(DBAPIError):
            connection.execute(text(f"select count(*) from {table}"))
