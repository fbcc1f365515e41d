"""The invented ticket lines: canonical words and units, real places, a plausible habit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from insight.contexts import places
from seeds import seasons
from seeds.institutions import PASS_CINEMA, TOUR_HOUSE
from seeds.places import netherlands
from seeds.programme import TOUR_TITLE
from seeds.sector import Sector
from seeds.tickets import CHANNELS, COLUMNS, KINDS, PRICE_TYPES, STATUSES


def test_a_frame_has_exactly_the_canonical_columns(full: Sector) -> None:
    for one in full.imports:
        if one.unit == "tickets":
            assert tuple(one.frame.columns) == COLUMNS
            assert one.frame["gross"].dtype == np.int64
            assert all(str(one.frame[c].dtype) == "datetime64[us, UTC]" for c in ("starts_at", "ordered_at"))


def test_every_word_is_of_its_closed_list(lines: pd.DataFrame) -> None:
    assert set(lines["kind"]) <= set(KINDS)
    assert set(lines["status"]) == set(STATUSES)
    assert set(lines["price_type"]) == set(PRICE_TYPES)
    assert set(lines["channel"]) == set(CHANNELS)
    assert set(lines["currency"]) == {"EUR"}
    assert set(lines["zone"]) == {"Europe/Amsterdam"}
    assert lines["status"].eq("sold").mean() > 0.9


def test_the_natural_key_is_unique(lines: pd.DataFrame) -> None:
    assert not lines.duplicated(["institution", "order_ref", "line_ref"]).any()


def test_an_order_is_for_one_performance_at_one_time(lines: pd.DataFrame) -> None:
    of_order = lines.groupby(["institution", "order_ref"])[["starts_at", "ordered_at", "channel"]].nunique()
    assert (of_order == 1).all().all()


def test_references_are_slugs_and_stand_for_one_title(lines: pd.DataFrame) -> None:
    assert lines["production_ref"].str.fullmatch(r"[a-z0-9-]{1,64}").all()
    one = lines.groupby(["institution", "production_ref"])[["production_title", "genre"]].nunique()
    assert (one == 1).all().all()


def test_money_is_never_negative_and_free_tickets_cost_nothing(lines: pd.DataFrame) -> None:
    assert (lines["gross"] >= 0).all()
    free = lines[lines["price_type"] == "complimentary"]
    assert (free["gross"] == 0).all()
    seats = lines[(lines["kind"] == "admission") & (lines["price_type"] == "full")]
    assert 500 < seats["gross"].median() < 4000


def test_every_postcode_is_known_and_inhabited(lines: pd.DataFrame) -> None:
    told = lines["pc4"].dropna()
    areas = [places().area(code) for code in told.unique()]
    assert all(area is not None and area.population and area.municipality for area in areas)
    assert 0.6 < len(told) / len(lines) < 0.95


def test_those_from_abroad_have_no_dutch_postcode(lines: pd.DataFrame) -> None:
    abroad = lines[lines["country"].notna() & (lines["country"] != "NL")]
    assert len(abroad) > 500
    assert abroad["pc4"].isna().all()


def test_only_example_addresses_occur(lines: pd.DataFrame) -> None:
    known = lines["identifier"].dropna()
    assert known.str.fullmatch(r"[a-z0-9.]+@example\.(org|com|net)").all()
    assert 0.05 < lines["identifier"].isna().mean() < 0.3


def test_a_person_has_one_home(lines: pd.DataFrame) -> None:
    people = lines[
        lines["identifier"].notna() & ~lines["identifier"].fillna("").str.match(r"(school|groep)\.")
    ]
    assert people.groupby("identifier")["pc4"].nunique().max() == 1


def test_times_follow_each_other(lines: pd.DataFrame) -> None:
    assert (lines["ordered_at"] < lines["starts_at"]).all()
    for season in range(seasons.SEASONS):
        rows = lines[lines["season"] == season]
        assert rows["ordered_at"].min() >= seasons.on_sale(season)
        days = rows["starts_at"].dt.tz_convert("Europe/Amsterdam").dt.date
        assert days.min() >= seasons.first_day(season)
        assert days.max() <= seasons.last_day(season)


def test_an_import_holds_only_what_had_happened(full: Sector) -> None:
    for one in full.imports:
        if one.unit == "tickets":
            assert one.frame["starts_at"].max() < one.at


def test_performances_start_at_a_civil_hour_in_winter_and_summer(lines: pd.DataFrame) -> None:
    local = lines["starts_at"].dt.tz_convert("Europe/Amsterdam")
    assert local.dt.hour.between(11, 21).all()
    assert set(local.dt.minute) <= {0, 15, 30, 45}


def test_who_attended_had_bought_a_seat_and_came_before_the_start(lines: pd.DataFrame) -> None:
    came = lines[lines["attended_at"].notna()]
    assert len(came) > 0.3 * len(lines)
    assert (came["status"] == "sold").all()
    assert (came["kind"] == "admission").all()
    early = came["starts_at"] - came["attended_at"]
    assert early.between(timedelta(minutes=1), timedelta(hours=1)).all()


def test_visitors_return_and_most_come_once_or_twice(lines: pd.DataFrame) -> None:
    orders = lines.dropna(subset="identifier").groupby(["institution", "identifier"])["order_ref"].nunique()
    assert 0.25 < (orders == 1).mean() < 0.65
    assert (orders >= 4).sum() > 1000
    seasons_seen = (
        lines.dropna(subset="identifier").groupby(["institution", "identifier"])["season"].nunique()
    )
    assert (seasons_seen >= 2).mean() > 0.2


def test_every_season_has_newcomers_and_lapsed_visitors(lines: pd.DataFrame) -> None:
    seen = lines.dropna(subset="identifier").groupby(["institution", "identifier"])["season"]
    first, last = seen.min(), seen.max()
    for season in range(1, seasons.SEASONS):
        assert (first == season).sum() > 1000
        assert (last == season - 1).sum() > 1000


def test_some_persons_visit_several_houses(lines: pd.DataFrame) -> None:
    people = lines[
        lines["identifier"].notna() & ~lines["identifier"].fillna("").str.match(r"(school|groep)\.")
    ]
    houses = people.groupby("identifier")["institution"].nunique()
    assert 0.05 < (houses >= 2).mean() < 0.3
    assert houses.max() >= 4


def test_schools_and_groups_book_many_seats_at_once(lines: pd.DataFrame) -> None:
    seats = lines[lines["kind"] == "admission"].groupby(["institution", "order_ref"]).size()
    assert (seats >= 15).sum() > 100
    school = lines[lines["channel"] == "school"]
    assert school["identifier"].str.startswith("school.").all()
    assert (
        school.loc[school["kind"] == "admission", "price_type"].isin(
            {"youth", "full", "complimentary", "social"}
        )
    ).all()


def test_homes_thin_out_with_distance(full: Sector, lines: pd.DataFrame) -> None:
    """Most of a cinema's visitors live near; some come from far."""
    areas = netherlands().areas
    where = {code: i for i, code in enumerate(areas.pc4)}
    house = full.institution(PASS_CINEMA)
    homes = np.array([where[c] for c in lines.loc[lines["institution"] == house.id, "pc4"].dropna()])
    far2 = (areas.x[homes] - areas.x[house.centre]) ** 2 + (areas.y[homes] - areas.y[house.centre]) ** 2
    assert (far2 < 10_000**2).mean() > 0.5
    assert 0.005 < (far2 > 40_000**2).mean() < 0.1


def test_lead_times_run_from_minutes_to_months(lines: pd.DataFrame) -> None:
    lead = lines["starts_at"] - lines["ordered_at"]
    assert 0.05 < (lead < timedelta(days=1)).mean() < 0.35
    assert (lead > timedelta(days=60)).mean() > 0.08


def test_the_play_of_the_tour_is_on_at_the_second_theatre(lines: pd.DataFrame) -> None:
    there = lines[lines["production_title"] == TOUR_TITLE]
    assert set(there["institution"]) == {TOUR_HOUSE}
    assert set(there["season"]) == {seasons.SEASONS - 1}
    assert len(there) >= 20


def test_titles_are_shared_between_houses_of_a_season(lines: pd.DataFrame) -> None:
    shared = lines.groupby(["season", "production_title"])["institution"].nunique()
    assert (shared >= 2).mean() > 0.5


def test_nothing_is_sold_after_today(lines: pd.DataFrame) -> None:
    assert lines["ordered_at"].max() < datetime(2027, 7, 1, tzinfo=UTC)
