"""The index and the store below it: whose rows a permit opens, at which position, and for how long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, event

from consent_ledger import standing
from consent_ledger.permit import Permit, PermitEnded, PersonFilter, Read
from consent_ledger.question import Subject
from consent_ledger.snapshot import Life
from consent_ledger.vocabulary import ConsentAct, Position, ProductionRef, Purpose
from insight.audiences import measure
from insight.criteria import Criteria
from insight.figures import RawCount
from insight.index import NEVER, AudienceIndex, Indexes, Lines, WrongIndex
from insight.store import WrongPermit
from insight.store.counts import visit_counts
from insight.store.tickets import lines, productions
from tests.insight.house import OTHER, TODAY, Row, database, fill, index_of, line, permit, person, said

COUNT: Row = {"place": "door", "day": "2026-03-01", "kind": "counter", "number": 7, "institution": OTHER}
HERS: Row = {"institution": OTHER, "gross": 7777, "production": "othello", "person": person(1, OTHER)}


def bookers(asked: Permit[Read], index: AudienceIndex) -> int:
    raw = measure(asked, index, Criteria(), frozenset({"bookers"}), today=TODAY)
    found = raw.figures["bookers"]
    assert isinstance(found, RawCount)
    return found.value


class Statements:
    """Counts the statements that go over a connection."""

    def __init__(self, connection: Connection) -> None:
        self.count = 0
        event.listen(connection, "before_cursor_execute", self._note)

    def _note(self, *_: Any) -> None:
        self.count += 1


def test_a_permit_for_one_house_gives_no_row_of_another() -> None:
    with database([line(1), line(2, **HERS)], [COUNT]) as connection:
        mine, hers = permit(), permit(controller=OTHER, recipient=OTHER)
        assert lines(mine, connection).admissions.gross.tolist() == [2500]
        assert lines(hers, connection).admissions.gross.tolist() == [7777]
        assert [found.ref for found in productions(mine, connection)] == ["hamlet"]
        assert len(visit_counts(mine, connection)) == 0
        assert visit_counts(hers, connection).number.tolist() == [7]


@pytest.mark.parametrize("read", [lines, productions, visit_counts])
def test_a_permit_that_died_with_its_request_reads_nothing(read: Any) -> None:
    life = Life()
    asked = permit(life=life)
    with database([line(1)]) as connection:
        read(asked, connection)
        life.is_over = True
        with pytest.raises(PermitEnded):
            read(asked, connection)


@pytest.mark.parametrize("read", [lines, visit_counts])
def test_a_permit_about_something_else_opens_no_ticket(read: Any) -> None:
    with database([line(1)]) as connection:
        for subject in set(Subject) - {Subject.AUDIENCE}:
            with pytest.raises(WrongPermit):
                read(permit(subject=subject), connection)
        assert productions(permit(subject=Subject.CATALOGUE), connection)


def test_only_sold_lines_exist_and_products_stand_apart_from_admissions() -> None:
    states = ["reserved", "cancelled", "refunded", "expired"]
    rows = [line(n, status=status) for n, status in enumerate(states)]
    rows += [line(10 + n, status=status, kind="product") for n, status in enumerate(states)]
    rows += [line(20 + n, kind=kind) for n, kind in enumerate(["gift_card", "donation", "membership", "fee"])]
    # a drink at an earlier performance than any admission that is left
    drink = line(30, gross=2, kind="product", day="2023-01-01", performance="p2")
    with database([*rows, drink, line(31, gross=1), line(32, gross=3, kind="product")]) as connection:
        found = lines(permit(), connection)
    assert found.admissions.gross.tolist() == [1]
    assert found.products.gross.tolist() == [2, 3]
    assert found.products.day.tolist() == sorted(found.products.day.tolist())


def test_a_permit_for_some_productions_sees_only_those() -> None:
    rows = [line(1), line(2, production="othello", performance="p2"), line(3, production="lear' or '1'='1")]
    with database(rows) as connection:
        for named in ({"othello"}, {"lear' or '1'='1", "hamlet"}, set(), {"never played"}):
            asked = permit(productions=frozenset(map(ProductionRef, named)))
            found = lines(asked, connection).admissions
            assert set(found.productions) == named - {"never played"}
            assert {play.ref for play in productions(asked, connection)} == named - {"never played"}
            assert len(visit_counts(asked, connection)) == 0


def test_a_line_sold_before_the_notice_does_not_exist() -> None:
    rows = [line(1, ordered_day="2026-02-01"), line(2, ordered_day="2026-01-31", gross=1)]
    with database(rows) as connection:
        assert lines(permit(sold_from=date(2026, 2, 1)), connection).admissions.gross.tolist() == [2500]
        assert len(lines(permit(), connection).admissions) == 2


def test_lines_beyond_one_chunk_are_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("insight.store.tickets.CHUNK", 10)
    rows = [line(n, gross=n, person=person(n % 7)) for n in range(25)]
    rows += [line(50 + n, gross=n, person=person(n % 7), kind="product") for n in range(15)]
    with database(rows) as connection:
        sold = lines(permit(), connection)
    assert sorted(sold.products.gross.tolist()) == list(range(15))
    found = sold.admissions
    assert sorted(found.gross.tolist()) == list(range(25))
    assert len(found.persons) == 7
    assert len(set(found.order.tolist())) == 25


def test_an_index_built_at_a_position_answers_without_reading_again() -> None:
    with database([line(1)]) as connection:
        indexes = Indexes()
        asked = permit()
        assert bookers(asked, indexes.of(asked, connection)) == 1
        statements = Statements(connection)
        assert bookers(asked, indexes.of(asked, connection)) == 1
        assert statements.count == 0


def test_the_next_import_is_seen_by_the_next_question() -> None:
    with database([line(1)]) as connection:
        indexes = Indexes()
        indexes.of(permit(), connection)
        fill(connection, [line(2, performance="p2", production="othello")])
        asked = permit(data_position=2)
        assert bookers(asked, indexes.of(asked, connection)) == 2


def test_the_next_objection_is_seen_by_the_next_question_without_reading_lines() -> None:
    with database([line(1), line(2)]) as connection:
        indexes = Indexes()
        before = permit(size=Position(5))
        kept = indexes.of(before, connection).lines
        standing.record(connection, said(person(1), Purpose.OWN_INSIGHT, ConsentAct.OBJECTED, 5))
        after = permit(size=Position(6), standing_position=5)
        assert bookers(after, indexes.of(after, connection)) == 1
        assert indexes.of(after, connection).lines is kept
        assert bookers(before, indexes.of(before, connection)) == 2


def test_an_objection_to_one_purpose_leaves_the_others() -> None:
    with database([line(1), line(2)]) as connection:
        indexes = Indexes()
        standing.record(connection, said(person(1), Purpose.RESEARCH, ConsentAct.OBJECTED, 1))
        own, research = permit(), permit(purpose=Purpose.RESEARCH)
        assert bookers(own, indexes.of(own, connection)) == 2
        assert bookers(research, indexes.of(research, connection)) == 1


def test_a_purpose_that_needs_consent_counts_nobody_without() -> None:
    with database([line(1), line(2), line(3)]) as connection:
        asked = permit(persons=PersonFilter.ONLY_CONSENTING)
        standing.record(connection, said(person(1), Purpose.OWN_INSIGHT, ConsentAct.GRANTED, 1))
        assert bookers(asked, Indexes().of(asked, connection)) == 1


def test_an_older_question_gets_its_own_moment_and_does_not_replace_the_newer() -> None:
    with database([line(1)]) as connection:
        indexes = Indexes()
        newer = indexes.of(permit(data_position=9), connection).lines
        older = indexes.of(permit(data_position=3), connection).lines
        assert older.data_position == 3
        assert indexes.of(permit(data_position=9), connection).lines is newer


@pytest.mark.parametrize(
    "changes",
    [
        {"controller": OTHER},
        {"productions": frozenset({"hamlet"})},
        {"sold_from": date(2026, 1, 1)},
        {"data_position": 2},
        {"standing_position": 2},
        {"purpose": Purpose.RESEARCH},
        {"persons": PersonFilter.ONLY_CONSENTING},
    ],
)
def test_an_index_opened_for_one_permit_is_closed_to_another(changes: dict[str, Any]) -> None:
    index = index_of([line(1)])
    with pytest.raises(WrongIndex):
        measure(permit(**changes), index, Criteria(), frozenset({"tickets"}), today=TODAY)


def test_the_indexes_together_stay_within_their_bytes() -> None:
    rows = [line(n, production=f"play-{n}", performance=f"p{n}") for n in range(9)]
    with database(rows) as connection:
        one = index_of(rows[:1]).lines.nbytes
        indexes = Indexes(max_bytes=4 * one)
        reaches = [permit(productions=frozenset({ProductionRef(f"play-{n}")})) for n in range(9)]
        built = [indexes.of(asked, connection).lines for asked in reaches]
        assert indexes.nbytes <= 4 * one
        assert indexes.of(reaches[8], connection).lines is built[8]
        assert indexes.of(reaches[0], connection).lines is not built[0]
        assert Indexes(max_bytes=1).of(reaches[0], connection).lines.nbytes == one
        indexes.forget()
        assert indexes.nbytes == 0


def test_the_bytes_of_an_index_count_every_column() -> None:
    rows = [line(n) for n in range(900)] + [line(900 + n, kind="product") for n in range(100)]
    index = index_of(rows).lines
    columns = (*index.tickets.arrays, *index.products.arrays)
    assert sum(map(len, columns)) == 1000 * len(index.tickets.arrays)
    assert index.nbytes > sum(column.nbytes for column in columns)
    assert index.nbytes < 300 * 1000


def test_many_threads_that_need_one_index_build_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    whole = index_of([line(1)]).lines

    def build(*_: object) -> Lines:
        built.append(1)
        return whole

    monkeypatch.setattr("insight.index._build", build)
    indexes, start = Indexes(), Barrier(8)

    def ask(_: int) -> AudienceIndex:
        start.wait()
        return indexes.of(permit(), None)  # type: ignore[arg-type]

    monkeypatch.setattr("insight.index._counted", lambda *_: np.array([True, False]))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(8)))
    assert built == [1]
    assert {id(index.lines) for index in found} == {id(whole)}


def test_nobody_known_has_no_first_day() -> None:
    lines_ = index_of([line(1), line(2, person=None, day="2020-01-01", performance="p2")]).lines
    assert lines_.first_day.tolist() == [date(2026, 3, 1).toordinal(), NEVER]
    assert lines_.history_start == date(2020, 1, 1)


def test_nothing_in_an_index_can_be_written_to() -> None:
    index = index_of([line(1)])
    lines_ = index.lines
    for column in (*lines_.tickets.arrays, *lines_.products.arrays, lines_.first_day, index.counted):
        assert not column.flags.writeable
