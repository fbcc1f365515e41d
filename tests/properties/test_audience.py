"""Every combination of criteria and period counts what a naive count over the same rows counts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine

from consent_ledger import standing
from consent_ledger.database import reading, writing
from consent_ledger.permit import Period, Permit, PersonFilter, Read
from consent_ledger.vocabulary import ConsentAct, PersonRef, Position, ProductionRef, Purpose
from insight import tables
from insight.audiences import measure, subjects
from insight.contexts import places
from insight.criteria import Criteria
from insight.definitions import AUDIENCE_FIGURES
from insight.figures import RawAudience, RawCells, RawCount, RawMoney
from insight.index import Indexes
from insight.segments import SEGMENTS
from tests.insight.house import FIRST_DAY, HOUSE, OTHER, PC4, TODAY, Row, fill, invented, permit, person
from tests.insight.naive import Naive

EVERY = AUDIENCE_FIGURES - {"counted_visits"}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return invented(7) + invented(8, 400, OTHER)


@pytest.fixture(scope="module")
def connection(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path: Path = tmp_path_factory.mktemp("audience") / "house.db"
    engine = create_engine(f"sqlite:///{path}")
    tables.metadata.create_all(engine)
    standing.metadata.create_all(engine)
    with engine.begin() as writing:
        fill(writing, rows)
    with engine.connect() as reading:
        yield reading
    engine.dispose()


@pytest.fixture(scope="module")
def objecting(connection: Connection) -> frozenset[PersonRef]:
    """Forty who objected to own insight, at entry 50 of a ledger."""
    gone = frozenset(person(number) for number in range(3, 123, 3))
    for who in sorted(gone):
        standing.record(connection, HOUSE, who, Purpose.OWN_INSIGHT, ConsentAct.OBJECTED, Position(50))
        standing.record(connection, OTHER, who, Purpose.OWN_INSIGHT, ConsentAct.OBJECTED, Position(50))
    for who in (person(number) for number in range(0, 200, 2)):
        standing.record(connection, HOUSE, who, Purpose.RESEARCH, ConsentAct.GRANTED, Position(51))
    return gone


def flat(raw: RawAudience) -> dict[str, Any]:
    """Raw figures in the form of the naive count."""
    found: dict[str, Any] = {"placed": raw.coverage.placed}
    for name, figure in raw.figures.items():
        if isinstance(figure, RawCells):
            found[name] = {cell: content.value for cell, content in figure.cells.items()}
        elif isinstance(figure, RawMoney):
            found["paid" if figure.over is not None else name] = (
                figure.cents if figure.over is None else figure.over
            )
        elif isinstance(figure, RawCount):
            found |= figure.parts or {name: figure.value}
    return found


def random_criteria(dice: random.Random) -> Criteria:
    def some(values: Any, most: int) -> frozenset[Any]:
        return frozenset(dice.sample(sorted(values), dice.randint(0 if dice.random() < 0.1 else 1, most)))

    plays = [ProductionRef(f"production-{n}") for n in range(14)] + [ProductionRef("never-played")]
    return Criteria(
        productions=some(plays, 8) if dice.random() < 0.3 else None,
        pc4=some({pc4 for pc4 in PC4 if pc4}, 6) if dice.random() < 0.3 else None,
        provinces=some(places().provinces, 5) if dice.random() < 0.3 else None,
        first_time=dice.choice([True, False]) if dice.random() < 0.3 else None,
        segments=some(SEGMENTS, 6) if dice.random() < 0.3 else None,
    )


def random_period(dice: random.Random) -> Period | None:
    if dice.random() < 0.2:
        return None
    start = FIRST_DAY + timedelta(days=dice.randint(-30, (TODAY - FIRST_DAY).days))
    return Period(start, start + timedelta(days=dice.choice([1, 7, 31, 183, 365, 1100])))


def random_reach(dice: random.Random) -> dict[str, Any]:
    """Now and then only some productions, or only what was sold since a day."""
    chance = dice.random()
    if chance < 0.1:
        return {"productions": frozenset(ProductionRef(f"production-{n}") for n in (1, 5, 6))}
    return {"sold_from": date(2024, 3, 1)} if chance < 0.2 else {}


class Counts:
    """The naive count of each reach, made once."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.made: dict[Any, Naive] = {}

    def of(self, asked: Permit[Read], criteria: Criteria, out: frozenset[Any]) -> dict[str, Any]:
        reach = (asked.productions, asked.sold_from)
        if reach not in self.made:
            self.made[reach] = Naive(self.rows, sold_from=asked.sold_from, plays=asked.productions)
        return self.made[reach].count(criteria, asked.period, out)


@pytest.fixture(scope="module")
def naive(rows: list[Row]) -> Counts:
    return Counts(rows)


def check(
    case: int, connection: Connection, naive: Counts, indexes: Indexes, out: frozenset[Any], **changes: Any
) -> None:
    dice = random.Random(case)
    criteria = random_criteria(dice)
    asked = permit(period=random_period(dice), **random_reach(dice), **changes)
    index = indexes.of(asked, connection)
    raw = measure(asked, index, criteria, EVERY, today=TODAY)
    expected = naive.of(asked, criteria, out)
    assert flat(raw) == expected, criteria
    assert len(subjects(asked, index, criteria, today=TODAY)) == expected["bookers"]
    assert raw.coverage.identified == expected["tickets"] - expected["unidentified_tickets"]


def test_three_hundred_combinations_before_anybody_objected(
    connection: Connection, naive: Counts, objecting: frozenset[PersonRef]
) -> None:
    indexes = Indexes()
    for case in range(300):
        check(case, connection, naive, indexes, frozenset(), size=Position(50), standing_position=1)


def test_three_hundred_combinations_after_forty_objected(
    connection: Connection, naive: Counts, objecting: frozenset[PersonRef]
) -> None:
    indexes = Indexes()
    for case in range(300, 600):
        check(case, connection, naive, indexes, objecting, size=Position(52), standing_position=51)


def test_combinations_for_a_purpose_that_needs_consent_count_only_who_consented(
    connection: Connection, naive: Counts, objecting: frozenset[PersonRef]
) -> None:
    indexes = Indexes()
    consenting = {person(number) for number in range(0, 200, 2)}
    everybody = {row["person"] for row in naive.rows if row["person"]}
    for case in range(600, 660):
        check(
            case,
            connection,
            naive,
            indexes,
            frozenset(everybody - consenting),
            purpose=Purpose.RESEARCH,
            persons=PersonFilter.ONLY_CONSENTING,
            standing_position=51,
        )


def test_both_databases_count_the_same(engine: Engine, naive: Counts) -> None:
    gone = frozenset(person(number) for number in range(3, 123, 3))
    with writing(engine) as connection:
        fill(connection, naive.rows)
        for who in sorted(gone):
            standing.record(connection, HOUSE, who, Purpose.OWN_INSIGHT, ConsentAct.OBJECTED, Position(50))
    indexes = Indexes()
    with reading(engine) as connection:
        for case in range(700, 760):
            check(case, connection, naive, indexes, gone, size=Position(52), standing_position=51)


def test_an_objection_leaves_tickets_and_euros_and_takes_one_booker(
    connection: Connection, naive: Counts
) -> None:
    indexes = Indexes()
    standing.record(connection, HOUSE, person(1), Purpose.OWN_MARKETING, ConsentAct.OBJECTED, Position(60))
    answers = []
    for size, standing_position in ((60, 1), (61, 60)):
        asked = permit(
            purpose=Purpose.OWN_MARKETING, size=Position(size), standing_position=standing_position
        )
        raw = measure(asked, indexes.of(asked, connection), Criteria(), EVERY, today=TODAY)
        answers.append(flat(raw))
    before, after = answers
    assert before == naive.of(permit(), Criteria(), frozenset())
    assert after["bookers"] == before["bookers"] - 1
    assert sum(after["segments"].values()) == sum(before["segments"].values()) - 1
    stay = ("tickets", "spend", "paid", "scanned", "assumed", "contexts", "placed")
    assert {name: after[name] for name in stay} == {name: before[name] for name in stay}
    assert after["unidentified_tickets"] > before["unidentified_tickets"]
    assert Decimal(after["spend"]) > 0
