"""
Folding: in which cell each month of a block is published, so that every cell satisfies the rules.

Month by month where the rules hold in every month of a quarter; otherwise that quarter as a whole;
where a quarter fails, its half-year as a whole, then its calendar year; where the year fails,
nothing of it. No month lies in two cells, so no two cells can be subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from consent_ledger.vocabulary import PartyId
from insight.blocks import MAGNITUDES, Block, judge
from insight.months import CellKey, Month, spans_of
from insight.policies import Policy

_LEVELS: Final = ("year", "half-year", "quarter", "month")
"""As `insight.months.spans_of` gives them."""

Figures: TypeAlias = "dict[tuple[PartyId, str], dict[Month, tuple[int, int]]]"
"""Visits and cents per organisation and unit, and month."""


@dataclass(frozen=True, slots=True)
class Fold:
    """The cell of each published month of one block, and the years of which nothing is published."""

    cells: Mapping[Month, CellKey]
    unpublished: frozenset[CellKey]


def folded(
    block: Block,
    period: Sequence[Month],
    figures: Figures,
    known: Mapping[tuple[PartyId, str], bool],
    policy: Policy,
) -> Fold:
    """The finest cells of this block that are all safe; visits and revenue are folded alike."""

    def safe(months: Sequence[Month]) -> bool:
        return all(
            judge(
                (
                    (
                        sum(figures[member, block.unit].get(month, (0, 0))[number] for month in months),
                        known[member, block.unit],
                    )
                    for member in block.members
                ),
                policy,
            ).hold
            for number, magnitude in enumerate(MAGNITUDES)
            if magnitude in block.magnitudes
        )

    def fold(months: Sequence[Month], level: int) -> dict[Month, CellKey] | None:
        """The finest safe cells of one span, which share their key at this level; None: there are none."""
        if level < len(_LEVELS) - 1:
            finer = [fold(inside, level + 1) for inside in _grouped(months, level + 1)]
            if None not in finer:
                return {month: cell for part in finer if part for month, cell in part.items()}
        key = spans_of(months[0])[level]
        return dict.fromkeys(months, key) if safe(months) else None

    cells: dict[Month, CellKey] = {}
    unpublished = set()
    for months in _grouped(period, 0):
        found = fold(months, 0)
        if found is None:
            unpublished.add(spans_of(months[0])[0])
        else:
            cells |= found
    return Fold(cells, frozenset(unpublished))


def _grouped(months: Sequence[Month], level: int) -> list[list[Month]]:
    groups: dict[CellKey, list[Month]] = {}
    for month in months:
        groups.setdefault(spans_of(month)[level], []).append(month)
    return list(groups.values())
