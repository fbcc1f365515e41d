"""
Postcode areas of the Netherlands and their neighbourhood context, C1 to C6 of `ci-seg 1.0.0`.

A context describes an area, from its density and the ages of all who live there; it is never
a property of a person who lives in it. The rules are data (`insight.rules`). Source of the table: Statistics Netherlands (CBS),
CC BY 4.0, reference date 1 January 2021 (`insight/data/README.md`).

An area under 50 inhabitants takes the context of its nearest neighbour of 50 or more, so that
no context stands for a handful of houses; a postcode without an area has none.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from insight.rules import Feature, Share, ci_seg, first_that_holds

SOURCE: Final = "CBS, PC4, 1 January 2021, CC BY 4.0"
CONTEXTS: Final = ("C1", "C2", "C3", "C4", "C5", "C6")
EARTH_RADIUS_KM: Final = 6371.0088  # IUGG mean radius
_CODES: Final = 10_000  # a PC4 is its own index; 0 stands for unknown


@dataclass(frozen=True, slots=True)
class Area:
    """One postcode area with what the census says of it; `None` where it says nothing."""

    pc4: str
    place: str | None
    municipality: str | None
    province: str | None
    population: int | None
    ages: tuple[int, int, int, int, int] | None  # 0-14, 15-24, 25-44, 45-64, 65 and over
    area_km2: float | None
    lat: float | None
    lon: float | None


class Places:
    """
    The areas, ready for whole columns of postcodes.

    Columns hold a PC4 as its number (`1011`), 0 for unknown; every array here has that number as
    index: `province[pc4]` is a position in `provinces` or -1, `context[pc4]` is 1..6 or 0.
    """

    def __init__(self, areas: tuple[Area, ...]) -> None:
        self.areas = areas
        self._by_pc4 = {area.pc4: area for area in areas}
        self.provinces = tuple(sorted({area.province for area in areas if area.province}))
        self.province: NDArray[np.int8] = np.full(_CODES, -1, np.int8)
        self.context: NDArray[np.int8] = np.zeros(_CODES, np.int8)
        self.lat: NDArray[np.float64] = np.full(_CODES, np.nan)
        self.lon: NDArray[np.float64] = np.full(_CODES, np.nan)
        for area in areas:
            code = int(area.pc4)
            if area.province:
                self.province[code] = self.provinces.index(area.province)
            if area.lat is not None and area.lon is not None:
                self.lat[code], self.lon[code] = area.lat, area.lon
        self._place_contexts()
        for array in (self.province, self.context, self.lat, self.lon):
            array.setflags(write=False)

    def _place_contexts(self) -> None:
        smallest = ci_seg().parameters["smallest_area"]
        settled = [area for area in self.areas if (area.population or 0) >= smallest and area.ages]
        codes = np.array([int(area.pc4) for area in settled], np.int64)
        self.context[codes] = _contexts(settled)
        for area in self.areas:
            code = int(area.pc4)
            if self.context[code] == 0 and area.lat is not None and len(codes):
                self.context[code] = self.context[codes[np.argmin(self.distances(code, codes))]]

    def area(self, pc4: str) -> Area | None:
        return self._by_pc4.get(pc4)

    def province_of(self, pc4: str) -> str | None:
        area = self._by_pc4.get(pc4)
        return area.province if area else None

    def municipality_of(self, pc4: str) -> str | None:
        area = self._by_pc4.get(pc4)
        return area.municipality if area else None

    def context_of(self, pc4: str) -> str | None:
        number = int(self.context[int(pc4)]) if pc4 in self._by_pc4 else 0
        return CONTEXTS[number - 1] if number else None

    def distances(self, pc4: int, others: NDArray[np.integer]) -> NDArray[np.float64]:
        """Great-circle kilometres from one area to others, "about"; not a number where one is unknown."""
        lat, lon = np.radians(self.lat[pc4]), np.radians(self.lon[pc4])
        lats, lons = np.radians(self.lat[others]), np.radians(self.lon[others])
        chord = np.sin((lats - lat) / 2) ** 2 + np.cos(lat) * np.cos(lats) * np.sin((lons - lon) / 2) ** 2
        kilometres: NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
        return kilometres

    def distance_km(self, pc4: str, other: str) -> float | None:
        """Great-circle kilometres between two centroids, or None when one is unknown."""
        if pc4 not in self._by_pc4 or other not in self._by_pc4:
            return None
        kilometres = float(self.distances(int(pc4), np.array([int(other)]))[0])
        return None if np.isnan(kilometres) else kilometres


@cache
def places() -> Places:
    """The shipped table, read once, at the first question that needs it."""
    table = files("insight").joinpath("data/pc4_nl.csv")
    with table.open(encoding="utf-8") as lines:
        return Places(tuple(_area(row) for row in csv.DictReader(lines)))


_BANDS: Final = ("age_0_14", "age_15_24", "age_25_44", "age_45_64", "age_65_plus")


def _area(row: dict[str, str]) -> Area:
    bands = tuple(int(float(row[band])) for band in _BANDS if row[band])
    return Area(
        pc4=row["pc4"],
        place=row["place"] or None,
        municipality=row["municipality"] or None,
        province=row["province"] or None,
        population=int(float(row["population"])) if row["population"] else None,
        ages=(bands[0], bands[1], bands[2], bands[3], bands[4]) if len(bands) == len(_BANDS) else None,
        area_km2=_real(row["area_km2"]),
        lat=_real(row["lat"]),
        lon=_real(row["lon"]),
    )


def _contexts(areas: Sequence[Area]) -> NDArray[np.int8]:
    """1..6 by each area's own figures and the rules of the model."""
    ages = np.array([area.ages for area in areas], np.int64).reshape(-1, len(_BANDS))
    size = np.maximum(np.array([area.area_km2 or 0.0 for area in areas]), 0.01)
    people = np.array([area.population or 0 for area in areas])
    features: dict[str, Feature] = {"density": people / size}
    features |= {band: Share(ages[:, n], ages.sum(axis=1)) for n, band in enumerate(_BANDS)}
    rules = ci_seg().context
    number = np.array([CONTEXTS.index(rule.id) + 1 for rule in rules], np.int8)
    return number[first_that_holds(rules, features, len(areas))]


def _real(text: str) -> float | None:
    return float(text) if text else None
