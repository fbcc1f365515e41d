"""The invented sector as a whole: the same every time, skewed, monotone in time, plainly invented."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest

from consent_ledger.clock import SimulatedClock
from consent_ledger.vocabulary import PLATFORM, ConsentAct, PartyKind, Purpose
from insight.blocks import Block, Member, Partition, partition
from insight.policies import UNNOISED_1
from seeds import partners, seasons
from seeds.agreements import SeedAgreement
from seeds.institutions import (
    PASS_CINEMA,
    PASS_MUSEUM,
    RECORDED_HOUSE,
    RESEARCH_HOUSE,
    TOUR_HOUSE,
    Institution,
)
from seeds.names import GENRE_LABELS, house_name, slug, titles
from seeds.partners import Partner
from seeds.places import netherlands
from seeds.sector import Sector, fingerprint, sector

FINGERPRINT = "655e538a2223ceb993e600bcaee1b8a916c8dbee47fb97023fa515727c972e21"


def test_the_small_sector_has_the_bytes_written_down_here(small: Sector) -> None:
    """On every machine and every run; who changes the generator on purpose writes the new one down."""
    assert fingerprint(small) == FINGERPRINT


def test_another_seed_gives_another_sector(small: Sector) -> None:
    assert fingerprint(sector(0.05, seed=small.seed + 1)) != fingerprint(small)


def test_the_full_sector_is_made_in_seconds() -> None:
    started = time.process_time()
    sector()
    assert time.process_time() - started < 6


def test_the_full_sector_has_the_promised_size(full: Sector) -> None:
    assert len(full.institutions) == 300
    assert 140_000 <= full.ticket_lines <= 160_000
    assert {one.season for one in full.imports} == set(range(seasons.SEASONS))


def test_a_small_sector_keeps_every_named_party(small: Sector) -> None:
    assert len(small.institutions) == 24
    named = {RECORDED_HOUSE, TOUR_HOUSE, PASS_MUSEUM, PASS_CINEMA, RESEARCH_HOUSE}
    assert named <= {house.id for house in small.institutions}
    registered = {house.id for house in small.institutions} | {one.id for one in small.partners} | {PLATFORM}
    for agreed in small.agreements:
        assert agreed.terms.sources | agreed.terms.recipients <= registered


@pytest.mark.parametrize("scale", [0, -1, 5])
def test_a_scale_out_of_bounds_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        sector(scale)


def test_sizes_are_skewed(full: Sector) -> None:
    """A tenth of the ticket houses draws more than a third of the visits."""
    sizes = sorted((house.yearly for house in full.institutions if house.unit == "tickets"), reverse=True)
    assert sum(sizes[: len(sizes) // 10]) * 3 > sum(sizes)
    assert sizes[len(sizes) // 2] * 14 < sum(sizes) * 20 // len(sizes)


def test_houses_stand_in_real_municipalities_of_every_province(full: Sector) -> None:
    towns = {(town.name, town.province, town.region) for town in netherlands().municipalities}
    assert {(h.municipality, h.province, h.region) for h in full.institutions} <= towns
    assert len({h.province for h in full.institutions}) == 12
    assert {h.region for h in full.institutions} == {"noord", "oost", "west", "zuid"}


def test_larger_towns_have_more_houses(full: Sector) -> None:
    people = {town.name: town.people for town in netherlands().municipalities}
    large = sum(people[house.municipality] > 100_000 for house in full.institutions)
    share = sum(size for size in people.values() if size > 100_000) / sum(people.values())
    assert abs(large / len(full.institutions) - share) < 0.1


def test_the_declared_band_is_the_logarithm_and_sometimes_one_off(full: Sector) -> None:
    off = [house.band - (house.yearly.bit_length() - 1) for house in full.institutions]
    assert set(off) == {-1, 0, 1}
    assert off.count(0) > 0.6 * len(off)


def test_museums_mostly_count_and_theatres_never_do(full: Sector) -> None:
    museums = [house.unit for house in full.institutions if house.discipline == "museum"]
    assert 0.7 < museums.count("counts") / len(museums) < 1
    assert all(h.unit == "tickets" for h in full.institutions if h.discipline in {"theatre", "cinema"})


def test_some_houses_share_a_controlling_organisation_and_a_few_stay_outside_the_pool(full: Sector) -> None:
    alone = [house for house in full.institutions if house.organisation == house.id]
    assert 0.8 < len(alone) / len(full.institutions) < 0.97
    assert 0 < sum(not house.in_pool for house in full.institutions) < 20
    assert 0.2 < sum(house.public_figures for house in full.institutions) / 300 < 0.4


def test_ids_and_names_are_unique_and_well_formed(full: Sector) -> None:
    parties: list[Institution | Partner] = [*full.institutions, *full.partners]
    assert len({one.id for one in parties}) == len(parties)
    assert len({one.name for one in parties}) == len(parties)
    for one in parties:
        assert re.fullmatch(r"[a-z0-9-]{2,40}", one.id)
    for house in full.institutions:
        assert re.fullmatch(r"[a-z0-9-]{2,40}", house.organisation)


def test_names_do_not_repeat_however_many_are_drawn() -> None:
    for discipline in ("theatre", "museum", "cinema", "festival", "arts_centre", "music_venue"):
        names = [house_name(discipline, number) for number in range(400)]
        assert len(set(names)) == len(names)
    for genre in GENRE_LABELS:
        every = titles(genre)
        assert len({slug(title) for title in every}) == len(every)


def test_every_party_says_that_it_is_invented(full: Sector) -> None:
    parties: list[Institution | Partner] = [*full.institutions, *full.partners]
    assert all(one.invented and one.sandbox for one in parties)


def test_the_recorded_house_stands_without_tickets_of_ours(full: Sector, small: Sector) -> None:
    for whole in (full, small):
        house = whole.institution(RECORDED_HOUSE)
        assert (house.name, house.municipality, house.discipline, house.band, house.unit) == (
            "Theater De Vrije Noot",
            "Groningen",
            "theatre",
            9,
            "tickets",
        )
        assert all(one.institution != RECORDED_HOUSE for one in whole.imports)
        assert all(one.institution != RECORDED_HOUSE for one in whole.consents)


def test_the_timeline_never_goes_back_and_ends_before_today(full: Sector) -> None:
    clock = SimulatedClock(seasons.OPENING)
    for moment in full.timeline():
        clock.set(moment.at)
    assert clock() <= seasons.LAST_ACT
    assert clock().date() < seasons.TODAY


def test_the_timeline_holds_every_act_once(full: Sector) -> None:
    happened = [m for m in full.timeline() if m.step == "happens"]
    parties = len(full.institutions) + len(full.partners)
    keys = [one.idem for one in full.imports] + [one.idem for one in full.consents]
    keys += [one.idem for one in full.agreements]
    assert len(happened) == parties + len(keys) + 1
    assert len(set(keys)) == len(keys)


def test_a_house_joins_the_pool_before_its_first_ticket_is_sold(full: Sector) -> None:
    joined = {
        next(iter(one.terms.sources)): one.accepted_at
        for one in full.agreements
        if one.terms.recipients == {PLATFORM}
    }
    assert set(joined) == {house.id for house in full.institutions if house.in_pool}
    for one in full.imports:
        house = full.institution(one.institution)
        assert house.first_season <= one.first_season <= one.season
        if one.unit == "tickets":
            first = one.frame["ordered_at"].min().to_pydatetime()
            assert house.registered_at < first
            assert joined.get(house.id, first) <= first


def test_agreements_run_from_proposal_to_acceptance_to_end(full: Sector) -> None:
    for one in full.agreements:
        assert one.at < one.accepted_at
        assert one.ended_at is None or one.accepted_at < one.ended_at
        starts = [full.institution(s).registered_at for s in one.terms.sources]
        assert max(starts) < one.at
    assert len({one.id for one in full.agreements}) == len(full.agreements)
    assert sum(one.ended_by is not None for one in full.agreements) == 1


def test_everybody_of_the_story_is_there(full: Sector) -> None:
    assert {one.kind for one in full.partners} == {
        PartyKind.OPERATOR,
        PartyKind.STEWARD,
        PartyKind.AUDITOR,
        PartyKind.PARTNER,
    }
    tour = [one for one in full.agreements if _is_tour(one)]
    assert {next(iter(one.terms.sources)) for one in tour} == {RECORDED_HOUSE, TOUR_HOUSE}


def _is_tour(one: SeedAgreement) -> bool:
    return one.terms.recipients == {partners.TOURING_COMPANY} and one.ended_at is None


def test_a_decision_comes_after_the_import_that_told_of_the_person(full: Sector) -> None:
    first: dict[tuple[str, str], object] = {}
    for one in full.imports:
        if one.unit == "tickets":
            for identifier in one.frame["identifier"].dropna().unique():
                first.setdefault((one.institution, identifier), one.at)
    for act in full.consents:
        assert act.at > first[act.institution, act.identifier]  # type: ignore[operator]


@pytest.mark.parametrize("size", ["small", "full"])
def test_decisions_go_both_ways_for_every_purpose(size: str, request: pytest.FixtureRequest) -> None:
    whole: Sector = request.getfixturevalue(size)
    acts = {(act.purpose, act.act) for act in whole.consents}
    for purpose in (Purpose.SECTOR_BENCHMARK, Purpose.OWN_INSIGHT, Purpose.SEGMENTATION):
        assert (purpose, ConsentAct.OBJECTED) in acts
    for purpose in (Purpose.OWN_MARKETING, Purpose.PARTNER_MARKETING, Purpose.RESEARCH):
        assert (purpose, ConsentAct.GRANTED) in acts
    assert (Purpose.OWN_MARKETING, ConsentAct.WITHDRAWN) in acts


def test_what_is_taken_back_was_given_before(full: Sector) -> None:
    by_person: dict[tuple[str, str, str], list[ConsentAct]] = {}
    for act in full.consents:
        by_person.setdefault((act.institution, act.identifier, act.purpose), []).append(act.act)
    assert all(
        acts[0] in {ConsentAct.GRANTED, ConsentAct.OBJECTED} and len(acts) <= 2 for acts in by_person.values()
    )
    assert len(by_person) == 320


def test_an_address_never_shows_in_what_is_printed(full: Sector) -> None:
    assert "@" not in repr(full.consents[0])
    assert "@" not in repr(full.imports[0])


@pytest.mark.parametrize("size", ["small", "full"])
def test_the_recorded_house_has_lawful_peers(size: str, request: pytest.FixtureRequest) -> None:
    """In every sector its last season can be published in a block by the rules of the release."""
    whole: Sector = request.getfixturevalue(size)
    found = partition(_members(whole), UNNOISED_1)
    assert isinstance(found, Partition)
    assert _block_of(found, RECORDED_HOUSE).magnitudes == ("visits", "revenue")


def _block_of(found: Partition, organisation: str) -> Block:
    return next(block for block in found.blocks if organisation in block.members)


def _members(whole: Sector) -> list[Member]:
    totals = {RECORDED_HOUSE: (656, 1_562_415)}
    for one in whole.imports:
        if one.season < seasons.SEASONS - 1:
            continue
        frame = one.frame
        if one.unit == "tickets":
            sold = frame[(frame["status"] == "sold") & (frame["kind"] == "admission")]
            sold = sold[sold["starts_at"] >= "2026-07-01"]
            totals[one.institution] = (len(sold), int(sold["gross"].sum()))
        else:
            frame = frame[frame["day"] >= "2026-07-01"]
            totals[one.institution] = (int(frame["number"].sum()), int(frame["revenue"].sum()))
    merged: dict[tuple[str, str], Member] = {}
    for house in whole.institutions:
        visits, revenue = totals[house.id]
        known = merged.get((house.organisation, house.unit))
        merged[house.organisation, house.unit] = Member(
            organisation=house.organisation,  # type: ignore[arg-type]
            unit=house.unit,
            discipline=house.discipline,
            province=house.province,
            region=house.region,
            band=house.band,
            is_known=house.public_figures,
            visits=visits + (known.visits if known else 0),
            revenue=revenue + (known.revenue if known else 0),
        )
    return list(merged.values())


def test_imports_of_a_house_come_in_the_order_of_its_seasons(full: Sector) -> None:
    by_house: dict[str, list[tuple[int, object]]] = {}
    for one in full.imports:
        by_house.setdefault(one.institution, []).append((one.season, one.at))
    for seen in by_house.values():
        assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(seen))  # type: ignore[operator]


def test_some_museums_and_arts_centres_are_public_authorities(full: Sector) -> None:
    marked = [house for house in full.institutions if house.public_authority]
    assert 5 < len(marked) < 60
    assert {house.discipline for house in marked} == {"museum", "arts_centre"}
