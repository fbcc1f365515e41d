"""
Benchmarks: an institution beside its peers, answered from sealed releases and nothing else.

This module has no connection and imports no store: a benchmark is a function of what was published,
of the public register, and of the asker's own figures. Which blocks answer a question follows from
the register and the published membership alone, so neither an answer nor a refusal depends on any
unpublished figure; asked twice it says the same, and totals over months add up to the cent.

Peers are chosen by criteria over the register, never by name: the blocks whose union fits the
institutions that meet the criteria best (F1), with precision and recall told beside the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from consent_ledger.vocabulary import PartyId, Position, Reason
from insight.blocks import REVENUE, VISITS
from insight.definitions import Definition, definition_of
from insight.months import Month, shifted
from insight.published import Cell, Published, Registered

LEAST_F1: Final = Fraction(1, 4)
"""A union that fits the criteria worse than this answers another question than the one asked."""


class Metric(StrEnum):
    """What is compared."""

    VISITS = "visits"
    REVENUE = "revenue"
    PRICE_PER_VISIT = "price_per_visit"

    @property
    def magnitudes(self) -> tuple[str, ...]:
        """The published totals it is made of."""
        return {
            Metric.VISITS: (VISITS,),
            Metric.REVENUE: (REVENUE,),
            Metric.PRICE_PER_VISIT: (REVENUE, VISITS),
        }[self]

    @property
    def definition(self) -> Definition:
        return definition_of(f"benchmark_{self.value}")


class Statistic(StrEnum):
    """How a metric is told of a group. A price per visit is a ratio of two sums and takes neither."""

    PER_INSTITUTION = "per_institution"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class PeerCriteria:
    """Which institutions are peers, by public attributes. None does not narrow; all given must hold."""

    disciplines: frozenset[str] | None = None
    provinces: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    bands: frozenset[int] | None = None
    unit: str | None = None  # `tickets` or `counts`

    def match(self, one: Registered) -> bool:
        pairs = (
            (self.disciplines, one.discipline),
            (self.provinces, one.province),
            (self.regions, one.region),
            (self.bands, one.band),
        )
        return all(among is None or value in among for among, value in pairs) and self.unit in (
            None,
            one.unit,
        )


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """The asker's own exact figures over the months asked, counted as a release counts them."""

    visits: int
    revenue: int = field(repr=False)  # cents


@dataclass(frozen=True, slots=True)
class Fit:
    """How well the institutions behind a value are those asked for."""

    included: int  # institutions behind the value
    matching: int  # of these, meeting all criteria
    asked: int  # institutions of the register that meet all criteria

    @property
    def precision(self) -> Decimal:
        return _share(self.matching, self.included)

    @property
    def recall(self) -> Decimal:
        return _share(self.matching, self.asked)

    @property
    def f1(self) -> Fraction:
        return Fraction(2 * self.matching, self.included + self.asked)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A published statistic, with what it stands on."""

    metric: Metric
    statistic: Statistic | None
    definition: Definition
    value: int | Decimal  # visits, or euros
    months: tuple[Month, ...]
    contributors: frozenset[PartyId]  # shown only where the pool's agreement says so
    fit: Fit
    units: frozenset[str]  # `tickets`, `counts`: two ways of counting visits, never summed unsaid
    own: int | Decimal | None
    index: Decimal | None  # own / peers * 100
    release: str
    policy: str
    period: tuple[Month, Month]  # of all published months; the second is the month after the last
    position: Position
    published_at: str
    tables_sha256: str
    certificate_sha256: str


@dataclass(frozen=True, slots=True)
class BenchmarkWithheld:
    """Why there is no value, and the months nearest to those asked for which there may be one."""

    reason: Reason
    definition: Definition
    nearest: tuple[Month, Month] | None = None  # the second is the month after the last


def benchmark(
    published: Published | None,
    register: Iterable[Registered],
    metric: Metric,
    months: Sequence[Month] | None,
    criteria: PeerCriteria,
    *,
    own: OwnFigures | None = None,
    statistic: Statistic = Statistic.PER_INSTITUTION,
) -> Benchmark | BenchmarkWithheld:
    """
    The metric of the peers that meet these criteria, over these whole months together.

    `months` is None where the days asked for cut a month (`insight.months.whole_months`).
    """
    definition = metric.definition
    asked = tuple(sorted(set(months or ())))
    holding = _holding(published, metric, statistic, asked)
    if isinstance(holding, BenchmarkWithheld):
        return holding
    published = holding
    chosen = peers(published, register, metric, criteria)
    if chosen is None:
        return BenchmarkWithheld(Reason.NO_SAFE_PEER_GROUP_NEAR_CRITERIA, definition)
    blocks, fit = chosen
    cells = _cells(published, blocks, metric, asked)
    if cells is None:
        return BenchmarkWithheld(Reason.NO_SAFE_PEER_GROUP_NEAR_CRITERIA, definition)
    wider = {month for cell in cells for month in cell.months}
    if wider != set(asked):
        return BenchmarkWithheld(
            Reason.PERIOD_FINER_THAN_PUBLISHED, definition, (min(wider), shifted(max(wider), 1))
        )

    totals = {name: _total(published, blocks, name, asked) for name in metric.magnitudes}
    value = _told(metric, statistic, totals.get(VISITS, 0), totals.get(REVENUE, 0), fit.included)
    if value is None:
        return BenchmarkWithheld(Reason.BELOW_DENOMINATOR, definition)
    mine = None if own is None else _told(metric, Statistic.TOTAL, own.visits, own.revenue, 1)
    is_comparable = metric is Metric.PRICE_PER_VISIT or statistic is Statistic.PER_INSTITUTION
    return Benchmark(
        metric=metric,
        statistic=None if metric is Metric.PRICE_PER_VISIT else statistic,
        definition=definition,
        value=value,
        months=asked,
        contributors=frozenset(member for block in blocks for member in published.blocks[block]),
        fit=fit,
        units=frozenset(published.units[block] for block in blocks),
        own=mine,
        index=_index(mine, value) if is_comparable else None,
        release=published.id,
        policy=published.policy,
        period=(published.start, published.end),
        position=published.position,
        published_at=published.published_at,
        tables_sha256=published.tables_sha256,
        certificate_sha256=published.certificate_sha256,
    )


def _holding(
    published: Published | None, metric: Metric, statistic: Statistic, asked: Sequence[Month]
) -> Published | BenchmarkWithheld:
    """The release that holds these months, or why nobody is given this, whatever the peers."""
    definition = metric.definition
    if metric is Metric.PRICE_PER_VISIT and statistic is Statistic.TOTAL:
        return BenchmarkWithheld(Reason.STATISTIC_NOT_OFFERED, definition)
    if not asked:
        return BenchmarkWithheld(Reason.PERIOD_FINER_THAN_PUBLISHED, definition)
    if published is None:
        return BenchmarkWithheld(Reason.NOT_YET_PUBLISHED, definition)
    if asked[0] < published.start or asked[-1] >= published.end:
        return BenchmarkWithheld(Reason.NOT_YET_PUBLISHED, definition, (published.start, published.end))
    return published


def peers(
    published: Published, register: Iterable[Registered], metric: Metric, criteria: PeerCriteria
) -> tuple[tuple[str, ...], Fit] | None:
    """
    The blocks that fit the criteria best, and how well; None where none fits well enough.

    Blocks are taken by their share of members that meet the criteria, as long as F1 does not fall.
    """
    matching = frozenset(one.id for one in register if criteria.match(one))
    if not matching:
        return None
    offered = [
        (block, members, len(members & matching))
        for block, members in published.blocks.items()
        if all(published.offers(block, name) for name in metric.magnitudes)
    ]
    by_share = sorted(
        (one for one in offered if one[2]),
        key=lambda one: (-Fraction(one[2], len(one[1])), -one[2], one[0]),
    )
    blocks: tuple[str, ...] = ()
    fit = Fit(0, 0, len(matching))
    for block, members, hits in by_share:
        wider = Fit(fit.included + len(members), fit.matching + hits, fit.asked)
        if wider.f1 < fit.f1:
            break
        blocks, fit = (*blocks, block), wider
    return None if fit.f1 < LEAST_F1 else (blocks, fit)


def _cells(
    published: Published, blocks: Sequence[str], metric: Metric, months: Sequence[Month]
) -> list[Cell] | None:
    """Every cell that holds a month asked; None where one of the blocks publishes no such month."""
    found = []
    for block in blocks:
        for name in metric.magnitudes:
            by_month = published.cells[block, name]
            if any(month not in by_month for month in months):
                return None
            found += [by_month[month] for month in months]
    return found


def _total(published: Published, blocks: Sequence[str], magnitude: str, months: Sequence[Month]) -> int:
    cells = {
        (block, published.cells[block, magnitude][month]) for block in blocks for month in months
    }  # a cell of several months counts once
    return sum(cell.value for _, cell in cells)


def _told(
    metric: Metric, statistic: Statistic, visits: int, revenue: int, institutions: int
) -> int | Decimal | None:
    over = institutions if statistic is Statistic.PER_INSTITUTION else 1
    match metric:
        case Metric.VISITS:
            return visits if over == 1 else _rounded(Fraction(visits, over), "0.1")
        case Metric.REVENUE:
            return _rounded(Fraction(revenue, 100 * over), "0.01")
        case Metric.PRICE_PER_VISIT:
            return _rounded(Fraction(revenue, 100 * visits), "0.01") if visits else None


def _index(own: int | Decimal | None, value: int | Decimal) -> Decimal | None:
    return None if own is None or not value else _rounded(100 * Fraction(own) / Fraction(value), "0.1")


def _share(part: int, whole: int) -> Decimal:
    return _rounded(Fraction(part, whole), "0.001") if whole else Decimal("0.000")


def _rounded(exact: Fraction, to: str) -> Decimal:
    """Half up, from the exact fraction: the same on every machine."""
    steps = int(exact / Fraction(to) + Fraction(1, 2))  # nothing here is negative
    return (steps * Decimal(to)).quantize(Decimal(to), ROUND_HALF_UP)
