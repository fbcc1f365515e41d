"""On what a document stands: the position and root of the ledger, and the day for which it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry
from consent_ledger.records import day
from consent_ledger.vocabulary import (
    AgreementId,
    FieldGroup,
    Granularity,
    Package,
    PartyId,
    Purpose,
)


@dataclass(frozen=True, slots=True)
class StandingAt:
    """As known at `size`, of which `root` is the RFC 9162 root in hexadecimal; valid at `at`."""

    origin: str
    size: int
    root: str
    at: datetime

    @property
    def day(self) -> date:
        """The day that the document bears: two of one day are the same bytes."""
        return self.at.date()


@dataclass(frozen=True, slots=True)
class Agreed:
    """
    An agreement that stands or stood, as accounts tell it.

    `since` is the day on which the last party accepted; `over` the day on which one ended it.
    """

    id: AgreementId
    package: Package
    status: str
    sources: tuple[PartyId, ...]
    recipients: tuple[PartyId, ...]
    purposes: tuple[Purpose, ...]
    groups: tuple[FieldGroup, ...]
    granularity: Granularity
    minimum_group: int
    productions: int | None
    period_start: date | None
    period_end: date | None
    onward: bool
    since: date
    until: date | None
    over: date | None
    positions: tuple[int, ...]


def needed(agreement: Agreement) -> frozenset[int]:
    """The positions of the entries that `agreed` reads: the last acceptance, and the end."""
    accepted = {max(agreement.accepted_at.values())} if agreement.accepted_at else set()
    return frozenset(accepted | ({agreement.seqs[-1]} if agreement.is_over else set()))


def agreed(agreement: Agreement, entries: Mapping[int, Entry], at: datetime) -> Agreed:
    """An accepted agreement as accounts tell it; `entries` hold what `needed` names."""
    last = max(agreement.accepted_at.values())
    productions = agreement.productions
    return Agreed(
        id=agreement.id,
        package=agreement.package,
        status=agreement.status(at),
        sources=tuple(sorted(agreement.sources)),
        recipients=tuple(sorted(agreement.recipients)),
        purposes=tuple(sorted(agreement.purposes)),
        groups=in_order(agreement.groups),
        granularity=agreement.granularity,
        minimum_group=agreement.minimum_group,
        productions=None if productions is None else len(productions),
        period_start=agreement.period_start,
        period_end=agreement.period_end,
        onward=agreement.onward,
        since=day(entries[last].rt),
        until=None if agreement.valid_until is None else agreement.valid_until.date(),
        over=day(entries[agreement.seqs[-1]].rt) if agreement.is_over else None,
        positions=agreement.seqs,
    )


def in_order(groups: frozenset[FieldGroup]) -> tuple[FieldGroup, ...]:
    """Field groups in the order of the vocabulary."""
    return tuple(group for group in FieldGroup if group in groups)
