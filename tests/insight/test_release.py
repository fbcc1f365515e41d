from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert, select
from sqlalchemy.pool import StaticPool

from consent_ledger.bodies import EntryType, check_body
from consent_ledger.permit import Period, Permit, Read
from consent_ledger.question import Subject
from consent_ledger.register import metadata as register_metadata
from consent_ledger.vocabulary import FieldGroup, Granularity, PartyId, Position, Purpose
from insight.blocks import NoLawfulBlock
from insight.commitment import commitment, opens, row_key
from insight.months import Month, covered, month, months_between, shifted, spans_of, whole_months
from insight.policies import PolicyRefused
from insight.published import Published
from insight.release import (
    Contribution,
    DraftRelease,
    ReleaseRefused,
    asked_period,
    compute,
    contributions,
    seal,
    tables_bytes,
)
from insight.store.releases import latest, tables
from insight.store.totals import DayTotal, SpendNotPermitted, daily_totals
from insight.tables import metadata, performance, production, release, ticket_line, visit_count
from tests.insight.house import line
from tests.insight.house import permit as made
from tests.insight.sector import END, NONCE, START, flat, institution, sector

AT = datetime(2026, 2, 1, 3, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    register_metadata.create_all(engine)
    with engine.begin() as found:
        yield found
    engine.dispose()


def draft(given: Sequence[Contribution], **changes: Any) -> DraftRelease:
    usual: dict[str, Any] = {
        "policy": "unnoised-1",
        "sandbox": True,
        "start": START,
        "end": END,
        "nonce": NONCE,
    }
    found = compute(given, **{**usual, **changes})
    assert isinstance(found, DraftRelease)
    return found


def release_permit(controller: str, **changes: Any) -> Permit[Read]:
    usual: dict[str, Any] = {
        "controller": PartyId(controller),
        "recipient": PartyId("platform"),
        "purpose": Purpose.SECTOR_BENCHMARK,
        "groups": frozenset({FieldGroup.BASE, FieldGroup.SPEND}),
        "granularity": Granularity.STATISTIC,
        "period": Period(date(2025, 1, 1), date(2026, 1, 1)),
    }
    return made(**{**usual, **changes})


def reading(size: int = 100) -> Permit[Read]:
    return made(subject=Subject.BENCHMARK, purpose=Purpose.SECTOR_BENCHMARK, size=size)


def sealed(connection: Connection, found: DraftRelease, position: int = 7) -> None:
    _, rider = seal(found, published_at=AT)
    rider(connection, Position(position))


def published(connection: Connection, found: DraftRelease) -> Published:
    sealed(connection, found)
    read = latest(reading(), connection)
    assert read is not None
    return read


def of(found: DraftRelease, metric: str) -> dict[tuple[str, str], int]:
    return {(block, cell): value for block, cell, name, value in found.cells if name == metric}


# -- months


def test_months_quarters_and_years_are_told_apart() -> None:
    year = months_between(Month("2025-01"), Month("2026-01"))
    assert len(year) == 12
    assert covered("2025-Q3", year) == ("2025-07", "2025-08", "2025-09")
    assert covered("2025-H1", year) == year[:6]
    assert covered("2025", year) == year
    assert covered("2025-07", year) == ("2025-07",)
    assert shifted(Month("2025-01"), -1) == "2024-12"


def test_days_that_cut_a_month_are_no_whole_months() -> None:
    assert whole_months(date(2025, 1, 1), date(2025, 3, 1)) == ("2025-01", "2025-02")
    assert whole_months(date(2025, 1, 2), date(2025, 3, 1)) is None
    assert whole_months(date(2025, 1, 1), date(2025, 2, 28)) is None
    with pytest.raises(ValueError, match="YYYY-MM"):
        month("2025-13")


# -- what a house contributes


def test_sold_admissions_are_summed_per_day_and_nothing_else_is(connection: Connection) -> None:
    _stage(connection, "house")
    connection.execute(
        insert(ticket_line),
        [
            line(1, gross=2000),
            line(2, gross=0, price_type="complimentary"),
            line(3, day="2025-12-31", gross=700),
            line(4, status="refunded"),
            line(5, kind="product"),
            line(6, day="2026-01-01"),
        ],
    )
    connection.execute(insert(visit_count), [_count("house", "2025-12-31", "counter", 40, 900)])
    permit = release_permit("house", period=Period(date(2025, 12, 1), date(2026, 4, 1)))
    found = daily_totals(permit, connection, "tickets")
    assert found == [
        DayTotal("2025-12-31", "EUR", 1, 700),
        DayTotal("2026-01-01", "EUR", 1, 2500),
        DayTotal("2026-03-01", "EUR", 2, 2000),
    ]
    assert daily_totals(permit, connection, "counts") == [DayTotal("2025-12-31", "EUR", 40, 900)]


def test_a_permit_for_one_house_sums_no_line_of_another(connection: Connection) -> None:
    for house in ("house", "other"):
        _stage(connection, house)
        connection.execute(insert(ticket_line), [line(n, institution=house) for n in range(3)])
        connection.execute(insert(visit_count), [_count(house, "2026-03-01", "counter", 5, 0)])
    permit = release_permit("other", period=None)
    assert [total.visits for total in daily_totals(permit, connection, "tickets")] == [3]
    assert [total.visits for total in daily_totals(permit, connection, "counts")] == [5]


def test_lines_sold_before_the_pool_told_its_visitors_are_left_out(connection: Connection) -> None:
    _stage(connection, "house")
    rows = [line(1, ordered_day="2026-01-31"), line(2, ordered_day="2026-02-01")]
    connection.execute(insert(ticket_line), rows)
    permit = release_permit("house", period=None, sold_from=date(2026, 2, 1))
    assert [total.visits for total in daily_totals(permit, connection, "tickets")] == [1]


def test_a_permit_for_other_productions_sees_none(connection: Connection) -> None:
    _stage(connection, "house")
    connection.execute(insert(ticket_line), [line(1)])
    connection.execute(insert(visit_count), [_count("house", "2026-03-01", "counter", 5, 0)])
    permit = release_permit("house", period=None, productions=frozenset({"macbeth"}))
    assert daily_totals(permit, connection, "tickets") == []
    assert daily_totals(permit, connection, "counts") == []


def test_takings_need_a_permit_for_spend(connection: Connection) -> None:
    with pytest.raises(SpendNotPermitted):
        daily_totals(release_permit("house", groups=frozenset({FieldGroup.BASE})), connection, "tickets")


def test_a_release_reads_only_for_the_benchmark_and_only_the_permitted_house(connection: Connection) -> None:
    row = institution(1)
    own = made(controller=row.id, purpose=Purpose.OWN_INSIGHT)
    with pytest.raises(ReleaseRefused) as refused:
        contributions([(own, row)], connection)
    assert refused.value.code == "PURPOSE_NOT_COVERED"
    with pytest.raises(ReleaseRefused) as refused:
        contributions([(release_permit("house-002"), row)], connection)
    assert refused.value.code == "WRONG_PERMIT"


# -- the totals


def test_each_total_is_the_sum_over_its_members(connection: Connection) -> None:
    given = sector(60)
    found = draft(given)
    house = {one.registered.id: one.days for one in given}
    assert found.cells
    for block, cell, metric, value in found.cells:
        days = [day for name in found.members[block] for day in house[name] if cell in _keys(day.day)]
        assert value == sum(day.visits if metric == "visits" else day.revenue for day in days)


def test_the_months_of_a_year_add_up_to_the_year() -> None:
    given = sector(60)
    by_month = draft(given)
    year = {
        name: sum(day.visits for one in given if one.registered.id == name for day in one.days)
        for names in by_month.members.values()
        for name in names
    }
    for block, names in by_month.members.items():
        visits = of(by_month, "visits")
        assert sum(value for (of_block, _), value in visits.items() if of_block == block) == sum(
            year[name] for name in names
        )


def test_the_order_of_what_is_given_changes_no_byte() -> None:
    given = sector(50)
    assert draft(given) == draft(given[::-1])


def test_venues_under_one_control_count_as_one_organisation() -> None:
    chain = PartyId("chain")
    six = [
        flat(institution(n, organisation=chain if n < 2 else PartyId(f"o{n}")), [100] * 12) for n in range(6)
    ]
    assert isinstance(_computed(six), NoLawfulBlock)
    seven = [*six, flat(institution(6), [100] * 12)]
    (block,) = draft(seven).blocks
    assert len(block.members) == 6
    assert len(draft(seven).members[block.name]) == 7


def test_a_chain_with_two_thirds_of_the_visits_is_found_behind_its_venues() -> None:
    chain = PartyId("chain")
    venues = [flat(institution(n, organisation=chain), [300] * 12) for n in range(4)]
    others = [flat(institution(n), [100] * 12) for n in range(10, 16)]
    assert all("chain" not in block.members for block in draft(venues + others).blocks)


def test_public_figures_and_grants_are_known() -> None:
    six = [flat(institution(n), [100] * 12) for n in range(6)]
    assert draft(six).blocks
    public = [flat(institution(n, public_figures=n < 2), [100] * 12) for n in range(6)]
    assert isinstance(_computed(public), NoLawfulBlock)
    known = frozenset({PartyId("house-000"), PartyId("house-001")})
    assert isinstance(_computed(six, granted=known), NoLawfulBlock)


def test_a_real_platform_refuses_the_unnoised_policy() -> None:
    with pytest.raises(PolicyRefused):
        _computed(sector(50), sandbox=False)


def test_a_house_in_another_currency_or_without_register_entry_stays_out() -> None:
    seven = [flat(institution(n), [100] * 12) for n in range(7)]
    pounds = Contribution(institution(90), [DayTotal("2025-03-01", "GBP", 100, 1000)])
    unplaced = flat(institution(91, province=None), [100] * 12)
    (members,) = draft([*seven, pounds, unplaced]).members.values()
    assert members == tuple(one.registered.id for one in seven)


# -- folding


def test_a_month_that_fails_is_published_only_inside_its_quarter() -> None:
    # in August one house alone is open
    given = [flat(institution(n), [100] * 7 + [300 if n == 0 else 0] + [400] * 4) for n in range(6)]
    found = draft(given)
    keys = {cell for _, cell in of(found, "visits")}
    assert "2025-Q3" in keys
    assert not keys & {"2025-07", "2025-08", "2025-09"}
    assert {"2025-06", "2025-10"} <= keys
    assert of(found, "visits")["b001", "2025-Q3"] == 6 * 100 + 300 + 6 * 400
    certified = json.loads(found.certificate)["blocks"][0]
    assert certified["folded"] == ["2025-Q3"]


def test_a_quarter_that_fails_is_published_only_inside_its_half_year() -> None:
    given = [flat(institution(n), [100] * 6 + [50 if n == 0 else 0] * 3 + [400] * 3) for n in range(6)]
    visits = of(draft(given), "visits")
    assert {cell for _, cell in visits} == {*(f"2025-0{m}" for m in range(1, 7)), "2025-H2"}
    assert visits["b001", "2025-H2"] == 3 * 50 + 6 * 3 * 400


def test_a_half_year_that_fails_is_published_only_inside_its_year() -> None:
    given = [flat(institution(n), [50 if n == 0 else 0] * 6 + [400] * 6) for n in range(6)]
    assert of(draft(given), "visits") == {("b001", "2025"): 6 * 50 + 6 * 6 * 400}


def test_a_year_that_fails_is_not_published_at_all() -> None:
    early = Month("2024-01")
    given = [
        Contribution(
            one.registered,
            [*([DayTotal("2024-05-05", "EUR", 100, 1000)] if n < 3 else []), *one.days],
        )
        for n, one in enumerate(flat(institution(n), [100] * 12) for n in range(6))
    ]
    found = draft(given, start=early)
    assert all(cell.startswith("2025") for _, cell in of(found, "visits"))
    assert json.loads(found.certificate)["blocks"][0]["unpublished"] == ["2024"]


def test_visits_and_revenue_are_folded_alike() -> None:
    found = draft(sector(60))
    assert of(found, "visits").keys() >= of(found, "revenue").keys()
    for block in found.blocks:
        if "revenue" in block.magnitudes:
            cells = [{c for b, c in of(found, metric) if b == block.name} for metric in ("visits", "revenue")]
            assert cells[0] == cells[1]


def test_every_published_cell_satisfies_the_rules_by_itself() -> None:
    given = sector(60, seed=5)
    organisation = {one.registered.id: one.registered for one in given}
    house = {one.registered.id: one.days for one in given}
    found = draft(given, start=Month("2025-04"))
    for block, cell, metric, value in found.cells:
        figures = {
            name: sum(
                day.visits if metric == "visits" else day.revenue
                for day in house[name]
                if cell in _keys(day.day) and day.day >= "2025-04"
            )
            for name in found.members[block]
        }
        hidden = sorted((x for n, x in figures.items() if not organisation[n].public_figures), reverse=True)
        assert value == sum(figures.values())
        assert 3 * max(figures.values()) <= value
        assert len(figures) >= 6
        assert sum(x > 0 for x in hidden) >= 5
        assert 4 * sum(hidden[3:]) >= hidden[0]


# -- nobody can be told apart


def test_two_members_that_exchange_everything_leave_every_figure(connection: Connection) -> None:
    given = sector(60, seed=8)
    first = published(connection, draft(given))
    days = {one.registered.id: one for one in given}
    swaps = 0
    for members in first.blocks.values():
        alike = sorted(name for name in members if not days[name].registered.public_figures)[:2]
        one, other = (days[name] for name in alike)
        assert one.days != other.days
        changed = {
            **days,
            alike[0]: Contribution(one.registered, other.days),
            alike[1]: Contribution(other.registered, one.days),
        }
        again = draft(list(changed.values()), previous=first)
        assert again.cells == draft(given, previous=first).cells
        assert again.tables_sha256 == draft(given, previous=first).tables_sha256
        swaps += 1
        if swaps == 3:
            break
    assert swaps == 3


def test_the_certificate_tells_passes_and_no_figure_or_name() -> None:
    given = sector(60)
    found = draft(given)
    certificate = json.loads(found.certificate)
    assert certificate["sigmas"] == []
    assert certificate["rho"] == "0"
    for block in certificate["blocks"]:
        assert block["rules"]["visits"] == {
            "organisations": True,
            "unknown": True,
            "share": True,
            "remainder": True,
        }
    text = found.certificate.decode()
    assert "house-" not in text
    assert NONCE.hex() not in text
    assert "nonce" not in repr(found)


def test_each_member_opens_its_own_row_and_no_other() -> None:
    given = [flat(institution(n), [100 + n] * 12) for n in range(6)]
    rows = json.loads(draft(given).certificate)["inputs"]["rows"]
    name = PartyId("house-003")
    row = dict.fromkeys(months_between(START, END), (103, 103000))
    assert opens(rows, row_key(NONCE, name), name, row)
    assert not opens(rows, row_key(NONCE, name), name, {**row, Month("2025-02"): (104, 103_000)})
    assert not opens(rows, row_key(NONCE, PartyId("house-004")), name, row)
    assert commitment(row_key(bytes(32), name), name, row) not in rows


# -- sealing


def test_the_entry_body_is_one_the_ledger_accepts() -> None:
    body, _ = seal(draft(sector(50)), published_at=AT)
    check_body(EntryType.RELEASE_SEALED, body)
    assert body["rho"] == "0"


def test_the_sealed_hash_is_reproduced_from_the_stored_rows(connection: Connection) -> None:
    found = draft(sector(50))
    body, rider = seal(found, published_at=AT)
    rider(connection, Position(7))
    members, cells = tables(reading(), connection, found.id)
    again = tables_bytes("unnoised-1", START, END, members, cells)
    assert hashlib.sha256(again).hexdigest() == body["tables_sha256"]
    stored = connection.execute(select(release)).one()
    assert hashlib.sha256(stored.certificate.encode()).hexdigest() == body["certificate_sha256"]
    assert stored.published_at == "2026-02-01T03:00:00Z"
    changed = [(*cells[0][:3], cells[0][3] + 1), *cells[1:]]
    altered = hashlib.sha256(tables_bytes("unnoised-1", START, END, members, changed)).hexdigest()
    assert altered != body["tables_sha256"]


def test_a_month_is_published_once_unless_it_was_retracted(connection: Connection) -> None:
    first = draft(sector(50))
    sealed(connection, first)
    second = draft(sector(50, seed=2), start=Month("2025-12"), end=Month("2026-02"))
    _, rider = seal(second, published_at=AT)
    with pytest.raises(ReleaseRefused) as refused:
        rider(connection, Position(8))
    assert refused.value.code == "ALREADY_PUBLISHED"
    _, rider = seal(second, published_at=AT, retracted=frozenset({first.id}))
    rider(connection, Position(9))
    assert connection.execute(select(release.c.id)).all() == [(first.id,), (second.id,)]


def test_the_next_month_keeps_the_blocks_and_brings_the_months_before_along(connection: Connection) -> None:
    long = sector(60, end=Month("2026-02"))
    year = [_until(one, "2026-01") for one in long]
    first = published(connection, draft(year))
    next_month = draft(long, start=END, end=Month("2026-02"), previous=first)
    sealed(connection, next_month, 9)
    both = latest(reading(), connection)
    assert both is not None
    assert set(both.blocks.values()) == set(first.blocks.values())
    assert (both.start, both.end, both.id) == (START, "2026-02", next_month.id)
    known = {members: block for block, members in both.blocks.items()}
    for (block, metric), cells in first.cells.items():
        longer = both.cells[known[first.blocks[block]], metric]
        assert {month: longer[month] for month in cells} == cells
    assert any(Month("2026-01") in cells for cells in both.cells.values())
    earlier = latest(reading(size=9), connection)
    assert earlier is not None
    assert earlier.id == first.id


def test_a_house_that_withdraws_is_in_no_later_release(connection: Connection) -> None:
    long = sector(60, end=Month("2026-02"))
    first = published(connection, draft([_until(one, "2026-01") for one in long]))
    block = max(first.blocks)  # of tickets, so it has neighbours
    gone = min(first.blocks[block])
    remaining = [one for one in long if one.registered.id != gone]
    later = draft(remaining, start=END, end=Month("2026-02"), previous=first)
    assert all(gone not in members for members in later.members.values())
    assert len(later.blocks) < len(first.blocks)
    rest = first.blocks[block] - {gone}
    assert any(rest < set(members) for members in later.members.values())


def test_a_retracted_release_is_read_no_more(connection: Connection) -> None:
    found = draft(sector(50))
    sealed(connection, found)
    assert latest(reading(), connection, retracted=frozenset({found.id})) is None
    assert latest(reading(size=7), connection) is None


def test_a_permit_must_reach_back_over_the_months_the_rules_ask() -> None:
    assert asked_period(Month("2026-01"), Month("2026-02")) == Period(date(2025, 2, 1), date(2026, 2, 1))
    assert asked_period(Month("2021-09"), Month("2026-07")) == Period(date(2021, 9, 1), date(2026, 7, 1))


def test_importing_a_release_does_not_import_its_engine() -> None:
    code = (
        "import insight.release, sys; sys.exit(any(m in sys.modules for m in ('ibis', 'duckdb', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- help


def _computed(given: Sequence[Contribution], **changes: Any) -> DraftRelease | NoLawfulBlock:
    usual: dict[str, Any] = {
        "policy": "unnoised-1",
        "sandbox": True,
        "start": START,
        "end": END,
        "nonce": NONCE,
    }
    return compute(given, **{**usual, **changes})


def _until(one: Contribution, end: str) -> Contribution:
    return Contribution(one.registered, [day for day in one.days if day.day < end])


def _keys(day: str) -> tuple[str, ...]:
    return spans_of(Month(day[:7]))


def _stage(connection: Connection, house: str) -> None:
    connection.execute(insert(production), [{"institution": house, "ref": "hamlet", "title": "Hamlet"}])
    connection.execute(
        insert(performance),
        [
            {
                "institution": house,
                "ref": "p1",
                "production": "hamlet",
                "starts_at": "2026-03-01T19:00:00Z",
                "day": "2026-03-01",
                "zone": "Europe/Amsterdam",
            }
        ],
    )


def _count(house: str, day: str, kind: str, number: int, revenue: int) -> dict[str, Any]:
    return {
        "institution": house,
        "place": "hall",
        "day": day,
        "kind": kind,
        "number": number,
        "revenue": revenue,
        "import_id": "imp-0000000000000001",
    }
