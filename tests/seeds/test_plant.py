"""A planted house: what the doors recorded is what the sector tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading
from consent_ledger.state import State
from consent_ledger.vocabulary import LawfulBasis, PartyId, Purpose
from insight.intake.ticket import slug as intake_slug
from seeds import seasons
from seeds.agreements import TOUR_PRODUCTION, agreement_id
from seeds.institutions import RECORDED_HOUSE, TOUR_HOUSE
from seeds.plant import Planted, PlantRefused, plant
from seeds.programme import TOUR_TITLE
from seeds.rulebook import RECORDED, notice_text
from seeds.sector import Sector
from tests.seeds.house import Ground, empty_ground


@pytest.fixture(scope="module")
def little(small: Sector) -> Sector:
    """Every party, agreement and decision of the small sector, but the data of one season only."""
    last = [one for one in small.imports if one.season == seasons.SEASONS - 1]
    tickets = [one for one in last if one.unit == "tickets"][:4]
    tour = [one for one in last if one.institution == TOUR_HOUSE]
    counts = [one for one in last if one.unit == "counts"][:2]
    chosen = {id(one): one for one in (*tickets, *tour, *counts)}
    return replace(small, imports=[one for one in small.imports if id(one) in chosen])


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def ground(little: Sector, told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = empty_ground(tmp_path_factory.mktemp("planted"))
    plant(made.house, little, clock=made.clock, progress=told.append)
    yield made
    made.close()


@pytest.fixture(scope="module")
def state(ground: Ground) -> State:
    with reading(ground.house.engine) as connection:
        snapshot = ground.house.ledger.pin(connection)
        found = snapshot.state
        snapshot.end()
    return found


def test_every_party_stands_in_the_register_as_invented(ground: Ground, small: Sector) -> None:
    rows = ground.rows("select id, name, sandbox, invented from party")
    assert {(row[0], row[1]) for row in rows} == {
        *((one.id, one.name) for one in small.institutions),
        *((one.id, one.name) for one in small.partners),
    }
    assert all(row[2] == row[3] == 1 for row in rows)


def test_the_recorded_season_came_in_by_the_file_road(ground: Ground) -> None:
    sold = ground.rows(
        "select count(*) from ticket_line where institution = :house and status = 'sold'"
        " and kind = 'admission'",
        house=RECORDED_HOUSE,
    )
    gross = ground.rows(
        "select sum(gross) from ticket_line where institution = :house and status = 'sold'",
        house=RECORDED_HOUSE,
    )
    assert (sold, gross) == ([(656,)], [(1_562_415,)])


def test_every_line_and_count_of_the_sector_is_stored(ground: Ground, little: Sector) -> None:
    stored = ground.rows("select count(*), sum(gross) from ticket_line where source = 'seed'")
    tickets = [one.frame for one in little.imports if one.unit == "tickets"]
    assert stored == [(sum(map(len, tickets)), sum(int(frame["gross"].sum()) for frame in tickets))]
    counted = ground.rows("select count(*), sum(number) from visit_count")
    counts = [one.frame for one in little.imports if one.unit == "counts"]
    assert counted == [(sum(map(len, counts)), sum(int(frame["number"].sum()) for frame in counts))]


def test_the_production_of_the_tour_is_known_at_both_theatres(ground: Ground) -> None:
    assert intake_slug(TOUR_TITLE) == TOUR_PRODUCTION
    rows = ground.rows("select institution from production where ref = :ref", ref=TOUR_PRODUCTION)
    assert {row[0] for row in rows} == {RECORDED_HOUSE, TOUR_HOUSE}


def test_agreements_stand_as_the_sector_tells(ground: Ground, state: State, small: Sector) -> None:
    now = ground.clock()
    status = {one.id: state.agreements[one.id].status(now) for one in small.agreements}
    assert len(state.agreements) == len(small.agreements)
    assert status.pop(agreement_id("tour/2024")) == "ended"
    assert set(status.values()) == {"active"}
    tour = state.agreements[agreement_id(f"tour/{RECORDED_HOUSE}")]
    assert tour.productions == frozenset({TOUR_PRODUCTION})
    assert tour.valid_until is None


def test_every_house_told_its_visitors_and_recorded_its_bases(state: State, small: Sector) -> None:
    for house in small.institutions:
        for purpose in RECORDED:
            assert state.notices[house.id, purpose].since == house.registered_at.date()
            assert state.bases[house.id, purpose].basis in state.purposes[purpose].bases
        assert state.bases[house.id, Purpose.SEGMENTATION].has_dpia


def test_a_public_authority_takes_no_legitimate_interest(state: State, small: Sector) -> None:
    assert any(house.public_authority for house in small.institutions)
    for house in small.institutions:
        took = {state.bases[house.id, purpose].basis for purpose in RECORDED}
        assert (LawfulBasis.LEGITIMATE_INTEREST in took) is not house.public_authority


def test_entries_bear_the_day_on_which_things_happened(ground: Ground, little: Sector) -> None:
    with reading(ground.house.engine) as connection:
        entries = list(ground.house.ledger.entries(connection, 0, 100_000))
    registered = {entry.body["party"]: entry.rt for entry in entries if entry.type == "party.registered"}
    for house in little.institutions:
        assert registered[house.id][:10] == house.registered_at.date().isoformat()
    decided = [entry.rt for entry in entries if entry.type.startswith("consent.")]
    assert decided == [one.at.date().isoformat() for one in little.consents]
    brought = {entry.idem: entry.rt for entry in entries if entry.type == "import.accepted"}
    assert {idem: rt[:4] for idem, rt in brought.items()} == {
        **{one.idem: str(one.at.year) for one in little.imports},
        little.recorded.idem: "2027",
    }


def test_what_visitors_decided_stands(ground: Ground, little: Sector) -> None:
    acts = sorted(one.act.value for one in little.consents)
    assert sorted(row[0] for row in ground.rows("select act from standing")) == acts
    assert len({one.identifier for one in little.consents}) >= 35


def test_no_address_of_anybody_stands_in_the_main_database(ground: Ground, little: Sector) -> None:
    with reading(ground.house.engine) as connection:
        lines = b"\n".join(entry.line for entry in ground.house.ledger.entries(connection, 0, 100_000))
    assert b"@" not in lines
    rows = ground.rows("select person from ticket_line where person is not null limit 50")
    assert all(len(row[0]) == 32 and "@" not in row[0] for row in rows)


def test_progress_is_told_in_plain_lines(ground: Ground, told: list[str]) -> None:
    assert told[0].startswith("Planting 24 invented institutions")
    assert told[-1].startswith("24 institutions, ")
    assert not any("@" in line for line in told)


def test_planting_again_changes_nothing(ground: Ground, little: Sector) -> None:
    queries = ("select size, root from ledger_head", "select count(*), max(id) from ticket_event")
    before = [ground.rows(query) for query in queries]
    plant(ground.house, little, clock=ground.clock)
    assert [ground.rows(query) for query in queries] == before


def test_planting_that_was_cut_off_is_taken_up(little: Sector, tmp_path: Path) -> None:
    """The power fails in the middle; the next start plants again, on a clock that begins anew."""
    made = empty_ground(tmp_path)
    brief = replace(little, imports=little.imports[:3], consents=little.consents[:6])

    def fails(line: str) -> None:
        if line.startswith("Season"):
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            plant(made.house, brief, clock=made.clock, progress=fails)
        assert made.rows("select count(*) from data_import") == [(1,)]
        done = plant(made.house, brief, clock=SimulatedClock(seasons.OPENING))
        assert made.rows("select count(*) from data_import") == [(len(brief.imports) + 1,)]
        assert made.rows("select count(*) from ticket_line where source = 'seed'") == [
            (done.ticket_lines - 790,)
        ]
        assert done == Planted(24, 7, len(brief.agreements), 4, done.ticket_lines, done.visit_counts, 6)
    finally:
        made.close()


def test_a_house_that_is_not_registered_is_refused(little: Sector, tmp_path: Path) -> None:
    made = empty_ground(tmp_path)
    nobody = replace(little.recorded, institution=PartyId("nobody-at-all"))
    brief = replace(little, imports=[], consents=[], recorded=nobody)
    try:
        with pytest.raises(PlantRefused) as refused:
            plant(made.house, brief, clock=made.clock)
        assert refused.value.code == "NOT_MEMBER"
    finally:
        made.close()


def test_a_notice_names_its_house_and_says_that_it_is_invented(small: Sector) -> None:
    text = notice_text(small.institution(RECORDED_HOUSE))
    assert "Theater De Vrije Noot" in text
    assert "verzonnen" in text
    assert all(purpose in text for purpose in RECORDED)
