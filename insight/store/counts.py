"""Visits that were counted without knowing who came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject
from insight.store import require
from insight.tables import visit_count

KINDS: Final = ("counter", "pass", "school", "free")


@dataclass(frozen=True, slots=True)
class VisitColumns:
    """One row per place, day and kind, in order of day; `kind` is a position in `kinds`."""

    day: NDArray[np.int32]
    kind: NDArray[np.int8]
    number: NDArray[np.int64]
    revenue: NDArray[np.int64]  # cents
    kinds: tuple[str, ...] = KINDS

    def __len__(self) -> int:
        return len(self.day)


def visit_counts(permit: Permit[Read], connection: Connection) -> VisitColumns:
    """
    The counts of the permit's controller, on any day.

    A count belongs to a place, not to a production: a permit for some productions sees none.
    """
    require(permit, Subject.AUDIENCE)
    counted = visit_count.c
    rows = (
        []
        if permit.productions is not None
        else connection.execute(
            select(counted.day, counted.kind, counted.number, counted.revenue)
            .where(counted.institution == permit.controller)
            .order_by(counted.day, counted.place, counted.kind)
        ).all()
    )
    return VisitColumns(
        day=np.array([date.fromisoformat(row.day).toordinal() for row in rows], np.int32),
        kind=np.array([KINDS.index(row.kind) for row in rows], np.int8),
        number=np.array([row.number for row in rows], np.int64),
        revenue=np.array([row.revenue for row in rows], np.int64),
    )
