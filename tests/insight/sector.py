"""An invented sector: institutions as the register knows them, and what each contributes per month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from consent_ledger.vocabulary import PartyId
from insight.blocks import Member
from insight.months import Month, months_between
from insight.release import Contribution
from insight.store.releases import RegisterRow
from insight.store.totals import DayTotal

DISCIPLINES = ("theatre", "museum", "cinema", "festival")
PROVINCES = (
    ("Groningen", "Noord"),
    ("Drenthe", "Noord"),
    ("Gelderland", "Oost"),
    ("Utrecht", "West"),
    ("Noord-Holland", "West"),
    ("Limburg", "Zuid"),
)
START, END = Month("2025-01"), Month("2026-01")
NONCE = bytes(range(32))


def institution(number: int, **changes: object) -> RegisterRow:
    """One theatre in Utrecht, but for these changes."""
    name = PartyId(f"house-{number:03d}")
    usual = RegisterRow(
        id=name,
        name=f"House {number}",
        organisation=name,
        discipline="theatre",
        province="Utrecht",
        region="West",
        band=13,
        unit="tickets",
        public_figures=False,
        sandbox=True,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def register(count: int, seed: int = 1) -> list[RegisterRow]:
    """Institutions of skewed sizes over disciplines and provinces; about a third publish yearly figures."""
    dice = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        province, region = PROVINCES[int(dice.integers(len(PROVINCES)))]
        discipline = DISCIPLINES[int(dice.integers(len(DISCIPLINES)))]
        rows.append(
            institution(
                number,
                discipline=discipline,
                province=province,
                region=region,
                band=int(np.clip(dice.normal(13, 1.8), 8, 19)),
                unit="counts" if discipline == "museum" else "tickets",
                public_figures=bool(dice.random() < 0.3),
            )
        )
    return rows


def contributed(
    row: RegisterRow, months: Sequence[Month], seed: int = 1, *, price: int = 1500
) -> Contribution:
    """Totals of a house whose visits agree, roughly, with its declared band."""
    dice = np.random.default_rng([seed, *row.id.encode()])
    yearly = 2 ** (row.band or 10) * float(dice.uniform(0.8, 1.6))
    days = []
    for month in months:
        visits = max(1, int(yearly / 12 * dice.uniform(0.8, 1.2)))
        days.append(DayTotal(f"{month}-15", "EUR", visits, visits * price + int(dice.integers(100))))
    return Contribution(row, days)


def sector(count: int = 80, seed: int = 1, *, start: Month = START, end: Month = END) -> list[Contribution]:
    return [contributed(row, months_between(start, end), seed) for row in register(count, seed)]


def flat(row: RegisterRow, visits: Sequence[int], price: int = 1000, *, start: Month = START) -> Contribution:
    """A house with just these visits in the months from `start`."""
    months = months_between(start, END)[: len(visits)]
    pairs = zip(months, visits, strict=True)
    return Contribution(row, [DayTotal(f"{m}-03", "EUR", n, n * price) for m, n in pairs if n])


def member(number: int, visits: int, **changes: object) -> Member:
    """A contributing theatre that nobody knows the figures of, but for these changes."""
    usual = Member(
        organisation=PartyId(f"org-{number:03d}"),
        unit="tickets",
        discipline="theatre",
        province="Utrecht",
        region="West",
        band=visits.bit_length() - 1,
        is_known=False,
        visits=visits,
        revenue=visits * 1000,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]
