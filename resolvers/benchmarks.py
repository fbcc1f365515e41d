"""Benchmarks: an institution beside its peers, from sealed releases alone."""

from __future__ import annotations

from dataclasses import dataclass

from consent_ledger.database import reading
from consent_ledger.permit import Period, Permit, Read, Refusal
from consent_ledger.question import audience_question, benchmark_question
from consent_ledger.vocabulary import FieldGroup, Purpose
from insight.benchmarks import (
    Benchmark,
    BenchmarkWithheld,
    Metric,
    OwnFigures,
    PeerCriteria,
    Statistic,
    benchmark,
)
from insight.months import whole_months
from insight.store.releases import RegisterRow, latest, register
from insight.store.totals import daily_totals
from resolvers.gate import Inquiry


@dataclass(frozen=True, slots=True)
class BenchmarkAsked:
    """Which metric, told how, over which days, of which peers."""

    metric: Metric
    statistic: Statistic
    period: Period
    peers: PeerCriteria


def compare(ask: Inquiry, asked: BenchmarkAsked) -> Benchmark | BenchmarkWithheld | Refusal:
    """
    The released figure of the peers, with the caller's own beside it where it may see its own.

    The released figures are read with a login that can read releases and the register, nothing else.
    """
    permit = ask.ask(benchmark_question())
    if isinstance(permit, Refusal):
        return permit
    retracted = frozenset(name for name, one in ask.snapshot.state.releases.items() if one.is_retracted)
    with reading(ask.house.releases) as released:
        published = latest(permit, released, retracted=retracted)
        members = register(permit, released)
    return benchmark(
        published,
        members,
        asked.metric,
        whole_months(asked.period.start, asked.period.end),
        asked.peers,
        own=_own(ask, asked.period, members),
        statistic=asked.statistic,
    )


def _own(ask: Inquiry, period: Period, members: list[RegisterRow]) -> OwnFigures | None:
    """The caller's own totals, counted as a release counts them; None when it may not see its spend."""
    own = next((one for one in members if one.id == ask.caller.party), None)
    if own is None:
        return None
    question = audience_question(own.id, Purpose.OWN_INSIGHT, [FieldGroup.SPEND], period=period)
    permit: Permit[Read] | Refusal = ask.ask(question)
    if isinstance(permit, Refusal):
        return None
    days = daily_totals(permit, ask.connection, own.unit)
    return OwnFigures(sum(day.visits for day in days), sum(day.revenue for day in days))
