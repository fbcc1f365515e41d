"""
The invented sector, whole: parties, imports, decisions and agreements, in the order they happened.

`sector()` is pure: the same scale and seed give the same bytes on every run and every machine.
Everything in it is invented, down to the last ticket, except the map it stands on; each party says
so itself (`invented`, `sandbox`). The recorded house is registered here and its agreements are
made here, but its season enters through the ordinary file road: the timeline only says when.

A house tells its visitors of the pool, records its lawful bases and joins before its first ticket
is on sale; a season is imported when it is over; the last act is a day before the sandbox's today.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from typing import Final, Literal

import numpy as np
import pandas as pd

from consent_ledger.vocabulary import PartyId
from seeds import seasons
from seeds.agreements import SeedAgreement, agreements, pool
from seeds.batch import Batch
from seeds.consents import SeedConsent, consents
from seeds.dice import Dice
from seeds.institutions import RECORDED_HOUSE, Institution, Unit, institutions
from seeds.partners import Partner, partners
from seeds.tickets import ticket_seasons
from seeds.visits import visit_years

SEED: Final = 20220901
SOURCE: Final = "seed"
"""The source system of every invented line."""
_APART: Final = timedelta(minutes=10)
_EVERY_SEASON: Final[dict[Unit, int]] = {"tickets": 150, "counts": 20_000}
"""Yearly visits from which a house brings its data in every season."""


@dataclass(frozen=True, slots=True, eq=False)
class SeedImport:
    """One import of one house: the tickets or the counts of `first_season` to `season`."""

    institution: PartyId
    unit: Unit
    at: datetime
    frame: pd.DataFrame = field(repr=False)
    idem: str
    first_season: int
    season: int


@dataclass(frozen=True, slots=True)
class RecordedImport:
    """When the recorded house brings its season in, through the file road."""

    institution: PartyId
    at: datetime
    idem: str


Act = Partner | Institution | SeedAgreement | SeedImport | RecordedImport | SeedConsent


@dataclass(frozen=True, slots=True)
class Moment:
    """One act of the timeline. An institution's registration brings its notice and bases with it."""

    at: datetime
    act: Act
    step: Literal["happens", "accepted", "ended"] = "happens"


@dataclass(frozen=True, slots=True, eq=False)
class Sector:
    """All of it. Lists are in time order."""

    scale: float
    seed: int
    institutions: list[Institution]
    partners: list[Partner]
    imports: list[SeedImport]
    recorded: RecordedImport
    consents: list[SeedConsent]
    agreements: list[SeedAgreement]  # the pool's first

    def institution(self, ident: PartyId) -> Institution:
        return next(house for house in self.institutions if house.id == ident)

    @property
    def ticket_lines(self) -> int:
        return sum(len(one.frame) for one in self.imports if one.unit == "tickets")

    def timeline(self) -> Iterator[Moment]:
        """Every act in the order it happened; times never go back."""
        agreed = [Moment(one.at, one) for one in self.agreements]
        agreed += [Moment(one.accepted_at, one, "accepted") for one in self.agreements]
        agreed += [Moment(one.ended_at, one, "ended") for one in self.agreements if one.ended_at is not None]
        return merge(
            [Moment(one.registered_at, one) for one in self.partners],
            [Moment(one.registered_at, one) for one in self.institutions],
            sorted(agreed, key=lambda moment: moment.at),
            sorted(
                [*(Moment(one.at, one) for one in self.imports), Moment(self.recorded.at, self.recorded)],
                key=lambda moment: moment.at,
            ),
            [Moment(one.at, one) for one in self.consents],
            key=lambda moment: moment.at,
        )


def sector(scale: float = 1.0, seed: int = SEED) -> Sector:
    """
    The sector at a scale: 1.0 is 300 houses and some 150,000 ticket lines, in a few seconds.

    Small scales keep every named party and agreement; there are never fewer than 24 houses.
    """
    if not 0 < scale <= 4:
        raise ValueError("the scale of a sector lies above 0 and is at most 4")
    houses = institutions(scale, seed)
    sold, counted = ticket_seasons(houses, seed), visit_years(houses, seed)
    deliveries = _deliveries(houses, [*sold, *counted])
    spots = _closing_times(Dice(seed, "imports"), houses, [_mark(one) for one in deliveries])
    imports = [
        SeedImport(
            institution=houses[batches[0].house].id,
            unit=houses[batches[0].house].unit,
            at=spots[_mark(batches)],
            frame=pd.concat([one.frame for one in batches], ignore_index=True),
            idem=f"seed:{houses[batches[0].house].id}:{seasons.label(batches[-1].season)}",
            first_season=batches[0].season,
            season=batches[-1].season,
        )
        for batches in deliveries
    ]
    told = {(one.house, one.season): spots[_mark(batches)] for batches in deliveries for one in batches}
    last = seasons.closing(seasons.SEASONS - 1)
    return Sector(
        scale=scale,
        seed=seed,
        institutions=houses,
        partners=partners(),
        imports=sorted(imports, key=lambda one: (one.at, one.institution)),
        recorded=RecordedImport(
            RECORDED_HOUSE, last - timedelta(minutes=30), f"seed:{RECORDED_HOUSE}:recorded"
        ),
        consents=consents(houses, sold, told, scale, seed),
        agreements=[*(pool(house) for house in houses if house.in_pool), *agreements(houses)],
    )


def _deliveries(houses: list[Institution], batches: list[Batch]) -> list[list[Batch]]:
    """
    What each house brings in at once: large houses every season; small ones, where a volunteer does
    it, the first three seasons together and the last two.
    """
    together: dict[tuple[int, int], list[Batch]] = {}
    for one in sorted(batches, key=lambda batch: (batch.house, batch.season)):
        house = houses[one.house]
        large = house.yearly >= _EVERY_SEASON[house.unit]
        together.setdefault((one.house, one.season if large else one.season // 3), []).append(one)
    return list(together.values())


def _mark(batches: list[Batch]) -> tuple[int, int]:
    return batches[0].house, batches[-1].season


def _closing_times(
    dice: Dice, houses: list[Institution], keys: list[tuple[int, int]]
) -> dict[tuple[int, int], datetime]:
    """When each house and season is imported: in the last days of June, ten minutes apart."""
    times: dict[tuple[int, int], datetime] = {}
    free = {s: (seasons.closing(s), seasons.counted(s)) for s in range(seasons.SEASONS)}
    for place in dice.shuffled(len(keys)).tolist():
        house, season = keys[place]
        tickets, counts = free[season]
        if houses[house].unit == "tickets":
            times[house, season], tickets = tickets, tickets + _APART
        else:
            times[house, season], counts = counts, counts + _APART
        free[season] = (tickets, counts)
    return times


def fingerprint(whole: Sector) -> str:
    """SHA-256 over everything in the sector: equal on every machine, and changed by any change."""
    digest = hashlib.sha256()
    for moment in whole.timeline():
        act = moment.act
        digest.update(f"{moment.at.isoformat()} {moment.step} ".encode())
        if isinstance(act, SeedImport):
            digest.update(f"{act.institution} {act.unit} {act.idem} {len(act.frame)}\n".encode())
        elif isinstance(act, SeedConsent):
            digest.update(f"{act.institution} {act.identifier} {act.purpose} {act.act}\n".encode())
        elif isinstance(act, SeedAgreement):
            digest.update(f"{act.id} {act.terms.sha256()}\n".encode())
        else:
            digest.update(f"{act!r}\n".encode())
    for unit in ("tickets", "counts"):
        digest.update(_frame_bytes(pd.concat([one.frame for one in whole.imports if one.unit == unit])))
    return digest.hexdigest()


def _frame_bytes(frame: pd.DataFrame) -> bytes:
    """The values of a frame, independent of how pandas keeps them."""
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}\n".encode())
        if column.dtype.kind == "i":
            digest.update(column.to_numpy(dtype="<i8").tobytes())
        elif column.dtype.kind == "M":
            minutes = column.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
            digest.update(np.ascontiguousarray(minutes.astype("<i8")).tobytes())
        else:
            values = column.astype(object).where(column.notna(), "\x00")
            digest.update("\x1f".join(values.tolist()).encode())
    return digest.digest()
