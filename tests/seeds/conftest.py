"""One small sector for all tests of this folder."""

from __future__ import annotations

import pandas as pd
import pytest

from seeds.sector import Sector, sector


@pytest.fixture(scope="session")
def small() -> Sector:
    return sector(0.05)


@pytest.fixture(scope="session")
def full() -> Sector:
    return sector()


@pytest.fixture(scope="session")
def lines(full: Sector) -> pd.DataFrame:
    """Every ticket line of the full sector, with its house and season."""
    parts = [
        one.frame.assign(institution=one.institution, first=one.first_season, last=one.season)
        for one in full.imports
        if one.unit == "tickets"
    ]
    whole = pd.concat(parts, ignore_index=True)
    return whole.assign(season=whole["order_ref"].str[:2].astype("int64") - 22)
