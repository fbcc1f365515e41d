"""
Folding: in which cell each month of a block is published, so that every cell satisfies the rules.

Month by month where the rules hold in every month of a quarter; otherwise that quarter as a whole;
where a quarter fails, its calendar year as a whole; where that fails, nothing of it. A cell thus
either stands alone or holds all months of its span, and no two cells can be subtracted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from consent_ledger.vocabulary import PartyId
from insight.blocks import MAGNITUDES, Block, judge
from insight.months import CellKey, Month, quarter_of, year_of
from insight.policies import Policy

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

    cells: dict[Month, CellKey] = {}
    unpublished = set()
    for year, months in _grouped(period, year_of).items():
        quarters = _grouped(months, quarter_of)
        whole = {quarter: all(safe([month]) for month in inside) for quarter, inside in quarters.items()}
        if all(whole[quarter] or safe(inside) for quarter, inside in quarters.items()):
            for quarter, inside in quarters.items():
                cells |= {month: CellKey(month) if whole[quarter] else quarter for month in inside}
        elif safe(months):
            cells |= dict.fromkeys(months, year)
        else:
            unpublished.add(year)
    return Fold(cells, frozenset(unpublished))


def _grouped(months: Sequence[Month], key: Callable[[Month], CellKey]) -> dict[CellKey, list[Month]]:
    groups: dict[CellKey, list[Month]] = {}
    for month in months:
        groups.setdefault(key(month), []).append(month)
    return groups
