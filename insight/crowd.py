"""
Crowds: how many persons stand behind lines, whether or not they may be counted.

Figures count persons who may be counted; disclosure control must not. Somebody who objected, or never
agreed, has lines as anybody has, and what follows by subtraction about a few such lines is about that
person. So a crowd counts every person whom the index knows, and behind a line of nobody known the order,
for which somebody must have paid: a line of nobody in an order of somebody known is that person's.
A crowd is 0 only where there is no line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consent_ledger.vocabulary import Reason
from insight.index import Columns, Lines

Buyers = NDArray[np.int32]
"""Of each line who stands behind it: equal numbers, one person."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One criterion as a partition of lines: each line lies in one part, and the criterion names some."""

    part: NDArray[np.integer[Any]]  # of each line, from 0 on
    parts: int
    named: NDArray[np.integer[Any]]
    nameless: int | None = None  # the part of lines of which the criterion knows nothing


def buyers(lines: Lines, columns: Columns, window: slice) -> Buyers:
    """Who stands behind each of these lines, of admissions and products alike."""

    def compute() -> Buyers:
        tickets = lines.tickets
        found = np.arange(tickets.orders, dtype=np.int32) + np.int32(len(tickets.persons))
        for told in (lines.products, tickets):
            known = told.person >= 0
            found[told.order[known]] = told.person[known]
        found.setflags(write=False)
        return found

    of_order = lines.kept(("buyers",), compute)
    person = columns.person[window]
    return np.where(person >= 0, person, of_order[columns.order[window]])


def crowd(behind: Buyers) -> int:
    """How many persons stand behind these lines."""
    seen = np.zeros(int(behind.max()) + 1 if len(behind) else 0, np.bool_)
    seen[behind] = True
    return int(np.count_nonzero(seen))


def barrier(behind: Buyers, partition: Partition, minimum: int) -> Reason | None:
    """
    Why the parts that a criterion names may not be named, by a reader who may ask for others beside them.

    A part with some persons but fewer than `minimum` may not be named. Then all the parts that can
    be are known, and so is what is left over when they are taken from the whole: that, too, must be
    nobody or `minimum` persons. Where it is not, the smallest of the other parts may not be named
    either. So whatever two or twenty answers are added and subtracted over one criterion, the lines
    that follow are of nobody or of `minimum` persons.
    """
    part, person = _pairs(behind, partition.part)
    sizes = np.bincount(part, minlength=partition.parts)
    small = (sizes > 0) & (sizes < minimum)
    if small[partition.named].any():
        return Reason.BELOW_K
    if partition.nameless is not None:
        small[partition.nameless] = True
    others = np.flatnonzero((sizes > 0) & ~small)
    if 0 < crowd(person[small[part]]) < minimum and len(others):
        companion = others[np.argmin(sizes[others])]
        if companion in partition.named:
            return Reason.COMPLEMENTARY
    return None


def _pairs(behind: Buyers, part: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Each pair of a part and a person in it, once."""
    persons = int(behind.max()) + 1 if len(behind) else 1
    pairs = np.sort(part.astype(np.int64) * persons + behind)
    pairs = pairs[
        np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]
    ]  # np.unique takes twenty times as long
    return pairs // persons, (pairs % persons).astype(np.int32)
