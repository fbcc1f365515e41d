"""The expressions of a release on two engines, and what the store gives on two databases."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import DBAPIError

from consent_ledger.database import reading, writing
from consent_ledger.permit import Period
from consent_ledger.question import Subject
from consent_ledger.register import party
from consent_ledger.vocabulary import FieldGroup, PartyId, Position, Purpose
from insight.release import Contribution, DraftRelease, compute, contributions, seal
from insight.store.releases import latest, register
from insight.sums import block_cells, house_months, organisation_months
from insight.tables import performance, production, ticket_line, visit_count
from tests.insight.house import line, permit
from tests.insight.sector import END, NONCE, START, institution, sector
from tests.postgresql import PostgreSQL

DAYS: dict[str, list[Any]] = {
    "institution": ["a", "a", "a", "b", "b", "c"],
    "day": ["2025-01-01", "2025-01-31", "2025-02-01", "2025-01-15", "2025-02-15", "2025-02-15"],
    "visits": [1, 2, 4, 8, 2**40, 64],
    "revenue": [100, 200, 400, 800, 2**52, 6400],
}


def totals(backend: Any) -> list[list[dict[str, Any]]]:
    import ibis
    import pyarrow as pa

    def table(**columns: list[Any]) -> Any:
        return ibis.memtable(pa.table(columns))

    months = house_months(table(**DAYS))
    houses = table(institution=["a", "b", "c"], organisation=["x", "x", "c"], unit=["tickets"] * 3)
    members = table(institution=["a", "b", "c"], block=["b001", "b001", "b002"])
    cells = table(
        block=["b001", "b001", "b002"],
        month=["2025-01", "2025-02", "2025-01"],
        cell=["2025-Q1", "2025-Q1", "2025-01"],
    )
    found = (months, organisation_months(months, houses), block_cells(months, members, cells))
    return [
        sorted(backend.to_pyarrow(expression).to_pylist(), key=lambda row: sorted(map(str, row.values())))
        for expression in found
    ]


def test_the_sums_are_whole_and_right_on_duckdb() -> None:
    import ibis

    backend = ibis.duckdb.connect()
    months, organisations, cells = totals(backend)
    backend.disconnect()
    assert {(row["institution"], row["month"]): row["visits"] for row in months} == {
        ("a", "2025-01"): 3,
        ("a", "2025-02"): 4,
        ("b", "2025-01"): 8,
        ("b", "2025-02"): 2**40,
        ("c", "2025-02"): 64,
    }
    assert [
        (row["organisation"], row["month"], row["revenue"]) for row in organisations if row["visits"] == 11
    ]
    # c has nothing in January, and February of its block is in no cell
    assert cells == [{"block": "b001", "cell": "2025-Q1", "visits": 15 + 2**40, "revenue": 1500 + 2**52}]


def test_the_same_expressions_give_the_same_on_postgresql(postgresql: PostgreSQL) -> None:
    import ibis

    name = postgresql.empty()
    duckdb = ibis.duckdb.connect()
    other = ibis.connect(postgresql.urls(name)[0].replace("+psycopg", ""))
    assert totals(duckdb) == totals(other)
    duckdb.disconnect()
    other.disconnect()
    postgresql.drop(name)


def test_a_release_is_the_same_from_either_database_and_read_by_its_own_login(
    engine: Engine, release_engine: Engine
) -> None:
    with writing(engine) as connection:
        found = compute(
            stored(connection), policy="unnoised-1", sandbox=True, start=START, end=END, nonce=NONCE
        )
        assert isinstance(found, DraftRelease)
        _, rider = seal(found, published_at=datetime(2026, 2, 1, tzinfo=UTC))
        rider(connection, Position(7))
    assert found.id == "rel-24612171c8d28373"  # made of every released and every read number, on both
    visits = dict.fromkeys(("tickets", "counts"), 0)
    for block, _, metric, value in found.cells:
        (unit,) = [one.unit for one in found.blocks if one.name == block]
        visits[unit] += value if metric == "visits" else 0
    assert visits == {"tickets": 4 * 24 + 4 * 36, "counts": 12 * sum(range(10, 18))}
    seen = permit(subject=Subject.BENCHMARK)
    with reading(release_engine) as connection:
        read = latest(seen, connection)
        assert [row.name for row in register(seen, connection)] == ["House 0", "House 1"]
        with pytest.raises(DBAPIError):
            connection.execute(select(ticket_line.c.day)).all()
    assert read is not None
    assert read.id == found.id
    assert {block: set(members) for block, members in found.members.items()} == read.blocks
    assert {(block, metric) for block, _, metric, _ in found.cells} == set(read.cells)
    assert {
        (b, metric, cell.key): cell.value for (b, metric), of in read.cells.items() for cell in of.values()
    } == {(block, metric, cell): value for block, cell, metric, value in found.cells}


def stored(connection: Connection) -> list[Contribution]:
    """Eight theatres with lines and eight museums with counts, in the tables and read again by permit."""
    rows = [institution(n, organisation=PartyId(f"o{n}")) for n in range(16)]
    theatres, museums = rows[:8], [institution(n, unit="counts", discipline="museum") for n in range(8, 16)]
    for n, row in enumerate(theatres):
        connection.execute(insert(production), [{"institution": row.id, "ref": "hamlet", "title": "Hamlet"}])
        connection.execute(
            insert(performance),
            [
                {
                    "institution": row.id,
                    "ref": "p1",
                    "production": "hamlet",
                    "starts_at": "2025-03-01T19:00:00Z",
                    "day": "2025-03-01",
                    "zone": "Europe/Amsterdam",
                }
            ],
        )
        lines = [
            line(k, institution=row.id, day=f"2025-{k % 12 + 1:02d}-10", gross=1000 + n)
            for k in range(24 + 12 * (n % 2))
        ]
        connection.execute(insert(ticket_line), lines)
    registered = [
        {
            **dict.fromkeys(("discipline", "province", "municipality", "region", "band")),
            "id": row.id,
            "kind": "institution",
            "name": row.name,
            "organisation": row.organisation,
            "unit": row.unit,
            "public_figures": 0,
            "zone": "Europe/Amsterdam",
            "sandbox": 1,
            "invented": 1,
            "position": 3,
        }
        for row in rows[:2]
    ]
    connection.execute(insert(party), registered)
    counts = [
        {
            "institution": row.id,
            "place": "hall",
            "day": f"2025-{k + 1:02d}-10",
            "kind": "counter",
            "number": 10 + n,
            "revenue": 90,
            "import_id": "imp-0000000000000001",
        }
        for n, row in enumerate(museums)
        for k in range(12)
    ]
    connection.execute(insert(visit_count), counts)
    groups = frozenset({FieldGroup.BASE, FieldGroup.SPEND})
    period = Period(date(2025, 1, 1), date(2026, 1, 1))
    changes: dict[str, Any] = {"purpose": Purpose.SECTOR_BENCHMARK, "groups": groups, "period": period}
    return contributions(
        [(permit(controller=row.id, **changes), row) for row in theatres + museums], connection
    )


def test_a_sector_of_three_hundred_is_released_quickly() -> None:
    given = sector(300)
    began = time.perf_counter()
    assert isinstance(
        compute(given, policy="unnoised-1", sandbox=True, start=START, end=END, nonce=NONCE), DraftRelease
    )
    assert time.perf_counter() - began < 5
