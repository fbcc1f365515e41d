"""Every combination of criteria and period counts what a naive count over the same rows counts."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Decisions:
    """Who decided what: some objected to own insight, some consented to research and withdrew that."""

    objected: frozenset[PersonRef]
    consented: frozenset[PersonRef]
    withdrew: frozenset[PersonRef]


OBJECTED, CONSENTED, WITHDRAWN = Position(50), Position(51), Position(55)


def decide(connection: Connection) -> Decisions:
    """Ticket buyers and people who only ever bought a drink decide, at three entries of a ledger."""
    numbers = [*range(1, 200), *range(500, 520)]
    decided = Decisions(
        objected=frozenset(person(number) for number in numbers[2::4]),
        consented=frozenset(person(number) for number in numbers[::2]),
        withdrew=frozenset(person(number) for number in numbers[::6]),
    )
    acts = (
        (decided.objected, Purpose.OWN_INSIGHT, ConsentAct.OBJECTED, OBJECTED),
        (decided.consented, Purpose.RESEARCH, ConsentAct.GRANTED, CONSENTED),
        (decided.withdrew, Purpose.RESEARCH, ConsentAct.WITHDRAWN, WITHDRAWN),
    )
    for persons, purpose, act, position in acts:
        day = date(2026, 1, 1)
        said = [standing.Said(HOUSE, who, purpose, act, position, day) for who in sorted(persons)]
        standing.record(connection, said)
    for who in sorted(decided.objected):  # at another house it says nothing
        said = [standing.Said(OTHER, who, Purpose.RESEARCH, ConsentAct.OBJECTED, OBJECTED, day)]
        standing.record(connection, said)
    return decided


@pytest.fixture(scope="module")
def decided(connection: Connection) -> Decisions:
    return decide(connection)


def flat(raw: RawAudience) -> dict[str, Any]:
    """Raw figures in the form of the naive count."""
    found: dict[str, Any] = {"placed": raw.coverage.placed}
    for name, figure in raw.figures.items():
        if isinstance(figure, RawCells):
            found[name] = {cell: content.value for cell, content in figure.cells.items()}
        elif isinstance(figure, RawMoney) and figure.over is None:
            found |= {name: figure.cents, "spending": figure.persons}
        elif isinstance(figure, RawMoney):
            found |= {"paid": figure.over, "paid_for": figure.cents}
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


class Comparison:
    """The index and the figures over it, checked against the naive count."""

    def __init__(self, connection: Connection, naive: Counts, decided: Decisions) -> None:
        self.connection, self.naive, self.decided = connection, naive, decided
        self.indexes = Indexes()
        everybody = frozenset(row["person"] for row in naive.rows if row["person"])
        self.never_agreed = everybody - decided.consented

    def check(self, case: int) -> Hashable:
        """One combination, before and after persons took themselves out; returns the combination."""
        dice = random.Random(case)
        criteria, period, reach = random_criteria(dice), random_period(dice), random_reach(dice)
        if case % 2:
            asked = {"purpose": Purpose.RESEARCH, "persons": PersonFilter.ONLY_CONSENTING}
            moments = (
                (self.never_agreed, CONSENTED),
                (self.never_agreed | self.decided.withdrew, WITHDRAWN),
            )
        else:
            asked = {"purpose": Purpose.OWN_INSIGHT}
            moments = ((frozenset[PersonRef](), Position(1)), (self.decided.objected, OBJECTED))
        for out, position in moments:
            at = {"size": Position(position + 1), "standing_position": position}
            self._compare(permit(period=period, **reach, **asked, **at), criteria, out)
        return criteria, period, *sorted(reach.items())

    def _compare(self, asked: Permit[Read], criteria: Criteria, out: frozenset[PersonRef]) -> None:
        index = self.indexes.of(asked, self.connection)
        raw = measure(asked, index, criteria, EVERY, today=TODAY)
        expected = self.naive.of(asked, criteria, out)
        assert flat(raw) == expected, criteria
        assert len(subjects(asked, index, criteria, today=TODAY)) == expected["spending"]
        assert raw.coverage.identified == expected["tickets"] - expected["unidentified_tickets"]


def test_500_generated_combinations_of_criteria_equal_a_naive_count_before_and_after_withdrawals(
    connection: Connection, naive: Counts, decided: Decisions
) -> None:
    """Half under a purpose to which persons object, half under one for which they withdraw consent."""
    compared = Comparison(connection, naive, decided)
    combinations = {compared.check(case) for case in range(560)}
    assert len(combinations) >= 500, "repeated combinations prove nothing"


def test_the_combinations_have_something_to_get_wrong(naive: Counts, decided: Decisions) -> None:
    whole = Naive(naive.rows)
    with_tickets, with_products = set(whole.table["known"].dropna()), set(whole.products["known"].dropna())
    for decision in (decided.objected, decided.consented - decided.withdrew, decided.withdrew):
        assert decision & with_tickets & with_products
        assert decision & (with_products - with_tickets), "who bought nothing but a drink decides too"
    assert {"gift_card", "donation", "fee"} <= {row["kind"] for row in naive.rows}


def test_both_databases_count_the_same(engine: Engine, naive: Counts) -> None:
    with writing(engine) as connection:
        fill(connection, naive.rows)
        decided = decide(connection)
    with reading(engine) as connection:
        compared = Comparison(connection, naive, decided)
        for case in range(700, 740):
            compared.check(case)


def test_an_objection_leaves_tickets_and_euros_and_takes_one_booker(
    connection: Connection, naive: Counts
) -> None:
    indexes = Indexes()
    said = standing.Said(
        HOUSE, person(1), Purpose.OWN_MARKETING, ConsentAct.OBJECTED, Position(60), date(2026, 1, 1)
    )
    standing.record(connection, [said])
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
    stay = ("tickets", "spend", "paid", "paid_for", "scanned", "assumed", "contexts", "placed")
    assert {name: after[name] for name in stay} == {name: before[name] for name in stay}
    assert after["unidentified_tickets"] > before["unidentified_tickets"]
    assert Decimal(after["spend"]) > 0
