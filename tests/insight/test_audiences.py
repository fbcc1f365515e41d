"""An audience under real decisions, and what its figures mean when they are narrowed."""

from __future__ import annotations

from datetime import date
from typing import Any

from consent_ledger.permit import Caller, Period, Permit, Read, decide
from consent_ledger.question import audience_question
from consent_ledger.vocabulary import ClientKind, FieldGroup, ProductionRef, Purpose, Reason
from insight.audiences import measure, subjects
from insight.criteria import Criteria
from insight.figures import Figure, RawCount, Released, Withheld, release_audience
from insight.index import Indexes
from tests.consent_ledger.world import AUDIENCE, BUREAU, HOUSE, caller, terms, usual_world
from tests.insight.house import TODAY, Row, database, index_of, line, permit, person

SEASON = Period(date(2026, 1, 1), date(2026, 7, 1))
ROWS: list[Row] = [line(n) for n in range(12)] + [
    line(20 + n, production="othello", performance="p2") for n in range(3)
]


def asked_by(who: Caller, purpose: Purpose) -> Permit[Read]:
    world = usual_world()
    world.agree(terms(productions=frozenset({ProductionRef("hamlet")}), minimum_group=10))
    groups = {FieldGroup.BASE, FieldGroup.SEGMENT}
    answer = decide(world.pin(), who, audience_question(HOUSE, purpose, groups, period=SEASON))
    assert isinstance(answer, Permit)
    return answer


def released(asked: Permit[Read]) -> dict[str, Released]:
    index = index_of(ROWS, asked)
    raw = measure(asked, index, Criteria(), frozenset({"bookers", "tickets", "spend"}), today=TODAY)
    return dict(release_audience(asked, raw).figures)


def value(found: Released) -> Any:
    assert isinstance(found, Figure)
    return found.value


def test_a_partner_sees_the_agreed_production_and_group_and_the_house_sees_its_own() -> None:
    own = released(
        asked_by(caller("house-app", HOUSE, ClientKind.INSTITUTION_APP, *AUDIENCE), Purpose.OWN_INSIGHT)
    )
    theirs = released(asked_by(caller("bureau-app", BUREAU, ClientKind.PARTNER, *AUDIENCE), Purpose.RESEARCH))
    assert value(own["bookers"]) == 15
    assert value(theirs["bookers"]) == 12
    assert isinstance(theirs["spend"], Withheld)
    assert theirs["spend"].reason is Reason.FIELD_NOT_COVERED


def first_timers(rows: list[Row], criteria: Criteria, **changes: Any) -> int:
    asked = permit(period=SEASON, **changes)
    found = measure(asked, index_of(rows, asked), criteria, frozenset({"first_timers"}), today=TODAY)
    figure = found.figures["first_timers"]
    assert isinstance(figure, RawCount)
    return figure.value


def test_first_time_means_at_the_house_and_not_at_a_production() -> None:
    before = line(1, order_ref="before", day="2024-03-01", performance="old", production="lear")
    rows = [before, line(1), line(2)]
    hamlet = frozenset({ProductionRef("hamlet")})
    assert first_timers(rows, Criteria(productions=hamlet)) == 1
    # a permit for one production knows no other: there, both are new
    assert first_timers(rows, Criteria(), productions=hamlet) == 2


def test_returning_persons_and_first_timers_make_up_the_bookers() -> None:
    before = line(1, order_ref="before", day="2024-03-01", performance="old")
    asked = permit(period=SEASON)
    index = index_of([before, line(1), line(2), line(3, person=None)], asked)
    for first_time, persons in ((True, {person(2)}), (False, {person(1)}), (None, {person(1), person(2)})):
        criteria = Criteria(first_time=first_time)
        assert set(subjects(asked, index, criteria, today=TODAY)) == persons


def test_a_period_includes_its_first_day_and_not_its_end() -> None:
    days = ["2025-12-31", "2026-01-01", "2026-06-30", "2026-07-01"]
    rows = [line(n, day=day, performance=f"p{n}") for n, day in enumerate(days)]
    asked = permit(period=SEASON)
    with database(rows) as connection:
        index = Indexes().of(asked, connection)
    assert set(subjects(asked, index, Criteria(), today=TODAY)) == {person(1), person(2)}
    always = permit(period=Period(date.min, date.max))
    assert len(subjects(always, index, Criteria(), today=TODAY)) == 4
