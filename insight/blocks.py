"""
Blocks: the contributing organisations, parted so that every total of a block is safe to publish.

A block is at least six controlling organisations (venues under one control are one organisation)
that are near each other on public register attributes. For each published magnitude the four rules
of the policy hold over the past twelve months:

    n >= 6;   |U| >= 5;   max x <= T / 3;   sum(U) - (c + 1 largest of U) >= p * max(U)

with U the organisations whose figure no reader knows, T the total, c = 2 and p = 1/4. An
organisation whose figure is nil is in no U: that a house was closed is public.

Blocks are disjoint, so that no two published totals can be subtracted, and a union of blocks is as
safe as each of them: what a coalition of c readers cannot take from one block it cannot take from
a sum. Tickets sold and visits counted are two units and are never summed in one block.

Method: MDAV (microaggregation; Domingo-Ferrer and Mateo-Sanz 2002), on the distance
1.0 * |band difference| + 3.0 * [discipline] + 0.9 * [region] + 0.2 * [province]: take the most
extreme organisation, add its nearest until the rules hold; what remains joins the nearest block.
The band is the one the institution declared, never its measured visits. The order in which
organisations are given changes nothing; O(n^2 log n).

The structure is chosen with exact totals: every guarantee about a release holds *given* it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consent_ledger.vocabulary import PartyId
from insight.policies import Policy

VISITS: Final = "visits"
REVENUE: Final = "revenue"
MAGNITUDES: Final = (VISITS, REVENUE)

TICKETS: Final = "tickets"
COUNTS: Final = "counts"
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {TICKETS: MAGNITUDES, COUNTS: (VISITS,)}
"""
What every block of a unit must be able to publish. Counters know visits; the money taken is
published for those blocks in which every member reported it, and blocks are not formed for it.
"""

MORE_AT_MOST: Final = 3
"""
How many organisations a block may take beyond what the rules of the year ask, where that lets it
publish more single months: a larger block fits criteria less well, a coarser one answers less.
"""

MERGED_AT_MOST: Final = 3
"""
How many blocks may be merged to take in one organisation that fits none of them. One house as
large as half the sector would otherwise swallow every block; it waits outside instead.
"""


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation with what the register says of it, and its own totals of twelve months."""

    organisation: PartyId
    unit: str
    discipline: str
    province: str
    region: str
    band: int
    is_known: bool  # its figures are public, or a reader knows them through a grant
    visits: int = field(repr=False)
    revenue: int = field(repr=False)
    spans: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    """Visits and revenue of the shorter spans that a block should be able to publish, if it can."""

    def figure(self, magnitude: str) -> int:
        return self.visits if magnitude == VISITS else self.revenue


@dataclass(frozen=True, slots=True)
class Rules:
    """Which of the four rules hold. Passes and failures only: a margin gives the largest away."""

    organisations: bool
    unknown: bool
    share: bool
    remainder: bool

    @property
    def hold(self) -> bool:
        return self.organisations and self.unknown and self.share and self.remainder


@dataclass(frozen=True, slots=True)
class Block:
    """Organisations whose totals are published together, and never apart."""

    name: str
    unit: str
    members: tuple[PartyId, ...]
    rules: Mapping[str, Rules]  # per magnitude that this block publishes

    @property
    def magnitudes(self) -> tuple[str, ...]:
        return tuple(self.rules)


@dataclass(frozen=True, slots=True)
class Partition:
    """The blocks of one release; who fits in none of them waits."""

    blocks: tuple[Block, ...]
    waiting: tuple[tuple[PartyId, str], ...]  # organisation and unit


@dataclass(frozen=True, slots=True)
class NoLawfulBlock:
    """No set of the contributing organisations satisfies the rules: nothing can be released."""

    sentence: str = "Too few organisations contribute, or one of them is too large, for a safe total."


def judge(figures: Iterable[tuple[int, bool]], policy: Policy) -> Rules:
    """
    The rules on one magnitude of one cell: pairs of an organisation's figure and whether it is known.

    Exact: whole numbers and fractions, so the same on every machine.
    """
    members = list(figures)
    unknown = [figure for figure, known in members if figure > 0 and not known]
    total = sum(figure for figure, _ in members)
    largest = max((figure for figure, _ in members), default=0)
    largest_unknown = max(unknown, default=0)
    remainder = sum(unknown) - sum(heapq.nlargest(policy.coalition + 1, unknown))
    return Rules(
        organisations=len(members) >= policy.organisations,
        unknown=len(unknown) >= policy.unknown,
        share=total > 0 and largest <= policy.share * total,
        remainder=total > 0 and remainder >= policy.p * largest_unknown,
    )


def judged(members: Iterable[Member], policy: Policy, magnitude: str) -> Rules:
    """The rules on these members' twelve months."""
    return judge(((member.figure(magnitude), member.is_known) for member in members), policy)


def lawful(members: Sequence[Member], policy: Policy) -> bool:
    """Whether these members may stand as one block."""
    return len(members) >= policy.organisations and all(
        judged(members, policy, magnitude).hold for magnitude in REQUIRED[members[0].unit]
    )


def partition(members: Iterable[Member], policy: Policy) -> Partition | NoLawfulBlock:
    """Blocks of the organisations that have any visits; a pure function of the set given."""
    units, groups, waiting = _by_unit(members), [], []
    for unit in sorted(units):
        formed, left = _Stratum(units[unit], policy).parted()
        groups += formed
        waiting += left
    return _named(groups, waiting, policy)


def kept(
    standing: Iterable[tuple[str, frozenset[PartyId]]], members: Iterable[Member], policy: Policy
) -> Partition | NoLawfulBlock:
    """
    The blocks of the release before (unit and organisations), changed as little as the rules allow.

    Redrawing blocks lets a reader compare two drawings, so: a block that lost a member, or fails
    a rule, is merged with its nearest; a newcomer waits for the next yearly drawing.
    """
    units, groups, waiting = _by_unit(members), [], []
    before = list(standing)
    for unit in sorted(units):
        stratum = _Stratum(units[unit], policy)
        formed, left = stratum.retained([names for of, names in before if of == unit])
        groups += formed
        waiting += left
    return _named(groups, waiting, policy)


def _by_unit(members: Iterable[Member]) -> dict[str, list[Member]]:
    units: dict[str, list[Member]] = {}
    for member in members:
        if member.visits > 0:
            units.setdefault(member.unit, []).append(member)
    return units


def _named(
    groups: Sequence[Sequence[Member]], waiting: Sequence[Member], policy: Policy
) -> Partition | NoLawfulBlock:
    if not groups:
        return NoLawfulBlock()
    ordered = sorted(groups, key=lambda group: (group[0].unit, min(member.organisation for member in group)))
    blocks = tuple(
        Block(
            name=f"b{number:03d}",
            unit=group[0].unit,
            members=tuple(sorted(member.organisation for member in group)),
            rules=_published(group, policy),
        )
        for number, group in enumerate(ordered, start=1)
    )
    return Partition(blocks, tuple(sorted((member.organisation, member.unit) for member in waiting)))


def _published(group: Sequence[Member], policy: Policy) -> dict[str, Rules]:
    rules = {magnitude: judged(group, policy, magnitude) for magnitude in MAGNITUDES}
    # A price per visit needs the money of all whose visits it divides by, so where a counter
    # may be silent about money, one silent member silences the block.
    complete = group[0].unit == TICKETS or all(member.revenue > 0 for member in group)
    return {
        magnitude: found
        for magnitude, found in rules.items()
        if found.hold and (magnitude == VISITS or complete)
    }


class _Stratum:
    """The organisations of one unit, with all their distances (in tenths, so exact)."""

    def __init__(self, members: Sequence[Member], policy: Policy) -> None:
        self.members = sorted(members, key=lambda member: member.organisation)
        self.policy = policy
        self.distance = _distances(self.members)

    def parted(self) -> tuple[list[list[Member]], list[Member]]:
        free = np.ones(len(self.members), dtype=bool)
        groups: list[list[int]] = []
        remainder: list[int] = []
        # Sum of distances to all that are still free: how extreme each of them is.
        extremeness = self.distance.sum(axis=1)
        while np.count_nonzero(free) >= self.policy.organisations:
            seed = int(np.argmax(np.where(free, extremeness, -1)))
            group = self._grown(seed, np.flatnonzero(free))
            if group is None or self._is_nearer(groups, seed, group):
                remainder.append(seed)
                group = [seed]
            else:
                groups.append(group)
            free[group] = False
            extremeness = extremeness - self.distance[:, group].sum(axis=1)
        remainder += [int(index) for index in np.flatnonzero(free)]
        return self._joined(groups, sorted(remainder))

    def retained(self, before: Sequence[frozenset[PartyId]]) -> tuple[list[list[Member]], list[Member]]:
        index = {member.organisation: number for number, member in enumerate(self.members)}
        groups: list[list[int]] = []
        broken: list[list[int]] = []
        for names in sorted(before, key=sorted):
            group = sorted(index[name] for name in names if name in index)
            whole = len(group) == len(names) and self._lawful(group)
            if group:
                (groups if whole else broken).append(group)
        waiting = set(range(len(self.members))) - {i for group in groups + broken for i in group}
        while broken:
            group = broken.pop(0)
            target = self._nearest_lawful(groups + broken, group)
            if target is None:
                waiting.update(group)
            else:
                broken = [other for other in broken if other in target]
                groups = [other for other in target if other not in broken]
        return self._members(groups), [self.members[i] for i in sorted(waiting)]

    def _lawful(self, group: Sequence[int]) -> bool:
        return lawful([self.members[i] for i in group], self.policy)

    def _members(self, groups: Iterable[Iterable[int]]) -> list[list[Member]]:
        return [[self.members[i] for i in group] for group in groups]

    def _grown(self, seed: int, free: NDArray[np.int64]) -> list[int] | None:
        """The seed with as few of its nearest as make the rules hold; None where all do not."""
        nearest = free[np.argsort(self.distance[seed, free], kind="stable")]
        ordered = [seed] + [int(i) for i in nearest if i != seed]
        for size in range(self.policy.organisations, len(ordered) + 1):
            if self._lawful(ordered[:size]):
                sizes = range(size, min(size + MORE_AT_MOST, len(ordered)) + 1)
                best = max(sizes, key=lambda many: (self._fine(ordered[:many]), -many))
                return ordered[:best]
        return None

    def _fine(self, group: Sequence[int]) -> int:
        """In how many of the shorter spans the rules hold as well; -1 where the group is not lawful."""
        if not self._lawful(group):
            return -1
        members = [self.members[i] for i in group]
        required = [MAGNITUDES.index(magnitude) for magnitude in REQUIRED[members[0].unit]]
        return sum(
            all(
                judge(((member.spans[span][number], member.is_known) for member in members), self.policy).hold
                for number in required
            )
            for span in range(len(members[0].spans))
        )

    def _is_nearer(self, groups: Sequence[Sequence[int]], seed: int, grown: Sequence[int]) -> bool:
        """
        Whether a block that stands is nearer to the seed than the one grown from it. Without this the
        last two theatres, most extreme among the cinemas that are left, would take four of those.
        """
        own = float(self.distance[seed, grown].mean())
        return any(float(self.distance[seed, group].mean()) < own for group in groups)

    def _joined(
        self, groups: list[list[int]], remainder: Sequence[int]
    ) -> tuple[list[list[Member]], list[Member]]:
        waiting = []
        for one in remainder:
            joined = self._nearest_lawful(groups, [one])
            if joined is None:
                waiting.append(self.members[one])
            else:
                groups = joined
        return self._members(groups), waiting

    def _nearest_lawful(self, groups: list[list[int]], addition: list[int]) -> list[list[int]] | None:
        """The groups after `addition` joined the nearest that stays lawful, merging a few if it must."""
        mean = [float(self.distance[np.ix_(addition, group)].mean()) for group in groups]
        order = sorted(range(len(groups)), key=lambda number: (mean[number], groups[number]))
        choices = [[number] for number in order]
        choices += [order[:many] for many in range(2, min(MERGED_AT_MOST, len(order)) + 1)]
        for chosen in choices:
            union = sorted([i for number in chosen for i in groups[number]] + addition)
            if self._lawful(union):
                return [group for number, group in enumerate(groups) if number not in chosen] + [union]
        return None


def _distances(members: Sequence[Member]) -> NDArray[np.int64]:
    def differs(values: Sequence[str]) -> NDArray[np.int64]:
        codes = np.unique(np.array(values, dtype=np.str_), return_inverse=True)[1]
        return np.not_equal.outer(codes, codes).astype(np.int64)

    bands = np.array([member.band for member in members], dtype=np.int64)
    distance: NDArray[np.int64] = (
        10 * np.abs(np.subtract.outer(bands, bands))
        + 30 * differs([member.discipline for member in members])
        + 9 * differs([member.region for member in members])
        + 2 * differs([member.province for member in members])
    )
    return distance
