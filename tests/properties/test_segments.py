"""Segments are total and exclusive, and follow from the lines alone, whatever their order."""

from __future__ import annotations

import random
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from consent_ledger.permit import Period
from insight.audiences import measure
from insight.criteria import Criteria
from insight.figures import RawCells, RawCount
from insight.index import Indexes
from insight.segments import SEGMENTS, labels
from tests.insight.house import TODAY, Row, database, index_of, line, permit, person

DAYS = st.integers(-60, 1600).map(lambda ago: (TODAY - timedelta(days=ago)).isoformat())


@st.composite
def seasons(draw: st.DrawFn) -> list[Row]:
    """A few persons, each with a few tickets, of every kind that a rule asks about."""
    rows: list[Row] = []
    for number in range(draw(st.integers(1, 40))):
        day = draw(DAYS)
        rows.append(
            line(
                number,
                order_ref=f"o{draw(st.integers(0, 12))}",
                line_ref=str(number),
                performance=f"p{day}",
                production=f"production-{draw(st.integers(0, 5))}",
                day=day,
                ordered_day=min(day, draw(DAYS)),
                price_type=draw(st.sampled_from(["full", "youth", "complimentary"])),
                channel=draw(st.sampled_from(["web", "web", "web", "school"])),
                pc4=draw(st.sampled_from(["9711", "6211", "1099", None])),
                country=draw(st.sampled_from(["NL", "NL", None, "DE"])),
                person=draw(st.sampled_from([None, *map(person, range(6))])),
                kind=draw(st.sampled_from(["admission"] * 4 + ["product"])),
            )
        )
    for row in rows:  # a performance belongs to one production
        row["production"] = next(r["production"] for r in rows if r["performance"] == row["performance"])
    return rows


@settings(max_examples=60, deadline=None)
@given(seasons(), st.integers(0, 900))
def test_everybody_has_exactly_one_segment_on_any_day(rows: list[Row], days: int) -> None:
    lines = index_of(rows).lines
    found = labels(lines, TODAY - timedelta(days=days))
    assert len(found) == len(lines.tickets.persons) + 1
    came = {row["person"] for row in rows if row["kind"] == "admission"}
    for who, label in zip(lines.tickets.persons, found, strict=False):
        assert (1 <= label < len(SEGMENTS)) == (who in came), "who never had a ticket has no behaviour"
    assert SEGMENTS[found[-1]] == "B0"


@settings(max_examples=40, deadline=None)
@given(seasons(), st.randoms(use_true_random=False))
def test_the_order_in_which_lines_came_in_does_not_matter(rows: list[Row], dice: random.Random) -> None:
    def by_person(some: list[Row]) -> dict[str, str]:
        lines = index_of(some).lines
        found = labels(lines, TODAY)
        return {who: SEGMENTS[found[number]] for number, who in enumerate(lines.tickets.persons)}

    assert by_person(rows) == by_person(dice.sample(rows, len(rows)))


@settings(max_examples=40, deadline=None)
@given(seasons(), st.integers(1, 1500))
def test_the_segments_of_an_audience_add_up_and_do_not_overlap(rows: list[Row], ago: int) -> None:
    start = TODAY - timedelta(days=ago)
    asked = permit(period=Period(start, date(2027, 1, 1)))
    with database(rows) as connection:
        index = Indexes().of(asked, connection)
    whole = measure(asked, index, Criteria(), frozenset({"bookers", "tickets", "segments"}), today=TODAY)
    cells, bookers, tickets = (whole.figures[name] for name in ("segments", "bookers", "tickets"))
    assert isinstance(cells, RawCells)
    assert isinstance(bookers, RawCount)
    assert isinstance(tickets, RawCount)
    assert sum(cell.value for cell in cells.cells.values()) == bookers.value
    total = 0
    for segment in SEGMENTS:
        criteria = Criteria(segments=frozenset({segment}))
        part = measure(asked, index, criteria, frozenset({"bookers", "tickets"}), today=TODAY)
        persons, lines = part.figures["bookers"], part.figures["tickets"]
        assert isinstance(persons, RawCount)
        assert isinstance(lines, RawCount)
        assert persons.value == (0 if segment == "B0" else cells.cells[segment].value)
        total += lines.value
    assert total == tickets.value
