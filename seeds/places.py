"""
Where the invented sector stands: the real postcode areas and municipalities of the Netherlands.

Source: Statistics Netherlands (CBS), StatLine 83502NED and 83503NED, CC BY 4.0, one row per
four-digit postcode area (`insight/data/pc4_nl.csv`). Areas without place, people or position are
left out: nobody of the sector lives there.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from seeds.dice import Ints

LANDSDEEL = {
    "Groningen": "noord",
    "Friesland": "noord",
    "Drenthe": "noord",
    "Overijssel": "oost",
    "Flevoland": "oost",
    "Gelderland": "oost",
    "Utrecht": "west",
    "Noord-Holland": "west",
    "Zuid-Holland": "west",
    "Zeeland": "west",
    "Noord-Brabant": "zuid",
    "Limburg": "zuid",
}
"""The four parts of the country in which CBS groups the provinces."""


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """The inhabited postcode areas, as columns of equal length."""

    pc4: tuple[str, ...]
    municipality: Ints  # index into `Map.municipalities`
    people: Ints
    x: Ints  # RD coordinates (EPSG:28992), metres
    y: Ints


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality with its people and the postcode area in its middle."""

    name: str
    province: str
    people: int
    centre: int  # index into the areas: the most populous one

    @property
    def region(self) -> str:
        return LANDSDEEL[self.province]


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """Areas and municipalities together."""

    areas: Areas
    municipalities: tuple[Municipality, ...]

    def municipality(self, name: str) -> int:
        return next(i for i, town in enumerate(self.municipalities) if town.name == name)


@cache
def netherlands() -> Map:
    """The map; read once per process."""
    table = files("insight").joinpath("data/pc4_nl.csv").read_text(encoding="utf-8")
    rows = [
        row
        for row in csv.DictReader(table.splitlines())
        if row["municipality"] and row["rd_x"] and int(row["population"] or 0) > 0
    ]
    rows.sort(key=lambda row: row["pc4"])
    keys = sorted({(row["municipality"], row["province"]) for row in rows})
    number = {key: i for i, key in enumerate(keys)}
    areas = Areas(
        tuple(row["pc4"] for row in rows),
        np.array([number[row["municipality"], row["province"]] for row in rows], dtype=np.int64),
        np.array([int(row["population"]) for row in rows], dtype=np.int64),
        np.array([int(row["rd_x"]) for row in rows], dtype=np.int64),
        np.array([int(row["rd_y"]) for row in rows], dtype=np.int64),
    )
    towns = []
    for i, (name, province) in enumerate(keys):
        own = np.flatnonzero(areas.municipality == i)
        centre = int(own[np.argmax(areas.people[own])])
        towns.append(Municipality(name, province, int(areas.people[own].sum()), centre))
    return Map(areas, tuple(towns))


def catchment(country: Map, centres: Ints, reach: Ints) -> Ints:
    """
    How likely each area (column) sends somebody to each house (row): inhabitants times a decay
    with distance that halves twice at `reach` metres and leaves a long tail.
    """
    areas = country.areas
    dx = areas.x[None, :] - areas.x[centres][:, None]
    dy = areas.y[None, :] - areas.y[centres][:, None]
    squared = reach[:, None] ** 2
    decay = (squared * 1024) // (squared + dx * dx + dy * dy)  # 1024 at the door, 512 at `reach`
    weights: Ints = (areas.people[None, :] * decay * decay) >> 12
    return weights
