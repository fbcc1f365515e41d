"""Counted visits: days, kinds, seasons."""

from __future__ import annotations

import pandas as pd
import pytest

from seeds import seasons
from seeds.sector import Sector
from seeds.visits import COLUMNS, VISIT_KINDS


@pytest.fixture(scope="module")
def counted(full: Sector) -> pd.DataFrame:
    parts = [one.frame.assign(institution=one.institution) for one in full.imports if one.unit == "counts"]
    return pd.concat(parts, ignore_index=True)


def test_counts_have_the_columns_of_the_intake(full: Sector) -> None:
    assert all(tuple(one.frame.columns) == COLUMNS for one in full.imports if one.unit == "counts")


def test_a_place_tells_one_number_per_day_and_kind(counted: pd.DataFrame) -> None:
    assert not counted.duplicated(["institution", "place", "day", "kind"]).any()
    assert set(counted["kind"]) == set(VISIT_KINDS)
    assert (counted["number"] > 0).all()


def test_only_the_counter_and_passes_of_schools_bring_money(counted: pd.DataFrame) -> None:
    assert (counted["revenue"] >= 0).all()
    assert (counted.loc[counted["kind"].isin({"free", "pass"}), "revenue"] == 0).all()
    assert (counted.loc[counted["kind"] == "counter", "revenue"] > 0).all()


def test_a_year_comes_out_near_the_size_of_the_house(full: Sector) -> None:
    for one in full.imports:
        if one.unit == "counts":
            size = full.institution(one.institution).yearly * (one.season - one.first_season + 1)
            assert 0.7 < one.frame["number"].sum() / size < 1.3


def test_there_are_seasons(counted: pd.DataFrame) -> None:
    months = counted.groupby(counted["day"].str[5:7])["number"].sum()
    assert months["08"] > 1.3 * months["01"]
    closed = pd.to_datetime(counted["day"]).dt.day_of_week == 0
    assert not closed.any()
    holidays = counted[(counted["kind"] == "school") & counted["day"].str[5:7].isin({"07", "08"})]
    assert holidays.empty


def test_years_follow_each_other_and_end_before_the_import(full: Sector) -> None:
    for one in full.imports:
        if one.unit == "counts":
            assert one.frame["day"].min() >= seasons.counting_starts(one.first_season).isoformat()
            assert one.frame["day"].max() < seasons.counting_starts(one.season + 1).isoformat()
            assert one.frame["day"].max() < one.at.date().isoformat()
