from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from insight.contexts import CONTEXTS, Area, Places, places

SMALLEST_AREA = 50


def test_the_contexts_reproduce_the_published_table() -> None:
    settled = [area for area in places().areas if (area.population or 0) >= SMALLEST_AREA]
    counts = Counter(places().context_of(area.pc4) for area in settled)
    assert counts == {"C1": 62, "C2": 214, "C3": 241, "C5": 658, "C4": 682, "C6": 2104}


def test_the_contexts_reproduce_the_published_shares_of_the_population() -> None:
    settled = [area for area in places().areas if (area.population or 0) >= SMALLEST_AREA]
    people: Counter[str | None] = Counter()
    for area in settled:
        people[places().context_of(area.pc4)] += area.population or 0
    shares = {context: round(people[context] * 100 / people.total(), 1) for context in CONTEXTS}
    assert shares == {"C1": 3.4, "C2": 11.0, "C3": 11.2, "C4": 30.6, "C5": 13.9, "C6": 29.9}


@pytest.mark.parametrize(
    ("pc4", "context"), [("1011", "C2"), ("2611", "C1"), ("3991", "C3"), ("1852", "C5"), ("6525", "C4")]
)
def test_known_neighbourhoods_have_the_context_one_expects(pc4: str, context: str) -> None:
    assert places().context_of(pc4) == context


def test_an_area_of_a_few_houses_takes_the_context_of_its_neighbour() -> None:
    small = next(a for a in places().areas if 0 < (a.population or 0) < SMALLEST_AREA and a.lat)
    settled = [a for a in places().areas if (a.population or 0) >= SMALLEST_AREA]
    nearest = min(settled, key=lambda other: places().distance_km(small.pc4, other.pc4) or 0.0)
    assert places().context_of(small.pc4) == places().context_of(nearest.pc4)


def test_the_first_rule_that_holds_wins() -> None:
    campus_of_elders = Area("9999", None, None, None, 5000, (0, 1000, 1000, 1000, 2000), 1.0, 52.0, 5.0)
    assert Places((campus_of_elders,)).context_of("9999") == "C1"


def test_a_postcode_without_an_area_has_no_context_and_no_province() -> None:
    assert places().context_of("1099") is None
    assert places().province_of("1099") is None
    assert places().context_of("0000") is None
    assert places().municipality_of("1853") is None
    assert places().province_of("1853") == "Noord-Holland"


def test_the_table_has_twelve_provinces_and_the_whole_population() -> None:
    assert len(places().provinces) == 12
    assert sum(area.population or 0 for area in places().areas) == 17_472_870
    assert places().municipality_of("9711") == "Groningen"


def test_distances_are_great_circles_between_centroids() -> None:
    groningen_maastricht = places().distance_km("9711", "6211")
    assert groningen_maastricht is not None
    assert 260 < groningen_maastricht < 275
    assert places().distance_km("1011", "1011") == 0.0
    assert places().distance_km("1011", "1099") is None
    assert np.isnan(places().distances(1011, np.array([0]))[0])
