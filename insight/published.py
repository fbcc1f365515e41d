"""
What stands in sealed releases, as values: blocks, their members, and the totals of each cell.

Everything a benchmark says is a function of these values, of the public register, and of the
asker's own figures (theorem T1, closure).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from consent_ledger.vocabulary import PartyId, Position
from insight.months import CellKey, Month


class Registered(Protocol):
    """What the public register says of an institution, and figures may rest on."""

    @property
    def id(self) -> PartyId: ...
    @property
    def organisation(self) -> PartyId: ...
    @property
    def discipline(self) -> str | None: ...
    @property
    def province(self) -> str | None: ...
    @property
    def region(self) -> str | None: ...
    @property
    def band(self) -> int | None: ...
    @property
    def unit(self) -> str: ...
    @property
    def public_figures(self) -> bool: ...
    @property
    def sandbox(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """One published total: of these months together, and of no part of them."""

    key: CellKey
    months: tuple[Month, ...]
    value: int  # visits, or cents


@dataclass(frozen=True, slots=True)
class Published:
    """
    A sealed release, together with the earlier ones that have the same blocks.

    A month lies in at most one cell of a block and metric, so totals over months add up exactly.
    """

    id: str
    policy: str
    start: Month
    end: Month  # the month after the last
    position: Position
    published_at: str
    tables_sha256: str
    certificate_sha256: str
    blocks: Mapping[str, frozenset[PartyId]]
    units: Mapping[str, str]  # block to `tickets` or `counts`
    cells: Mapping[tuple[str, str], Mapping[Month, Cell]] = field(repr=False)  # by block and metric

    def offers(self, block: str, metric: str) -> bool:
        """Whether this block publishes this metric at all."""
        return (block, metric) in self.cells
