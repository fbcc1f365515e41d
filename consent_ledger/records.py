"""What the fold keeps of parties, clients, purposes, bases, notices and releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from consent_ledger.vocabulary import (
    ClientKind,
    LawfulBasis,
    PartyId,
    PartyKind,
    Right,
    RightOutcome,
    Scope,
    SigningAlgorithm,
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The entry by which something ended, and when that was recorded."""

    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Party:
    kind: PartyKind
    organisation: PartyId
    sandbox: bool
    is_open: bool
    seq: int
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Client:
    party: PartyId
    kind: ClientKind
    scopes: frozenset[Scope]
    is_live: bool
    seq: int
    ending: Ending | None = None
    """The last time that it was revoked, also when it was granted something since."""


@dataclass(frozen=True, slots=True)
class HouseKey:
    """A key with which a house signs; `enrolled_by_operator` when no key of the house approved it."""

    party: PartyId
    algorithm: SigningAlgorithm
    public_key: bytes
    rp_id: str
    enrolled_by_operator: bool
    is_live: bool
    seq: int


@dataclass(frozen=True, slots=True)
class RequestedRight:
    """A right that somebody exercised at one controller, and until when it is to be answered."""

    right: Right
    requested: date
    due: date
    outcome: RightOutcome | None
    seq: int


@dataclass(frozen=True, slots=True)
class PublishedPurpose:
    version: int
    bases: frozenset[LawfulBasis]
    is_high_risk: bool
    seq: int


@dataclass(frozen=True, slots=True)
class RecordedBasis:
    """The lawful basis one controller recorded for one purpose."""

    basis: LawfulBasis
    version: int
    has_dpia: bool
    seq: int


@dataclass(frozen=True, slots=True)
class Notice:
    """From which day the controller's notice told its visitors of a purpose."""

    since: date
    seq: int


@dataclass(frozen=True, slots=True)
class SealedRelease:
    id: str
    policy: str
    is_retracted: bool
    seq: int


def instant(text: str) -> datetime:
    """The instant that an `rt`, `vf` or `vt` names; a bare day is its midnight in UTC."""
    return (
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if len(text) > 10
        else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    )


def day(value: object) -> date:
    """A day from an entry's body, or the day of one of its times."""
    return date.fromisoformat(str(value)[:10])


def number(value: object) -> int:
    """A whole number from an entry's body, whose schema was checked when it was read."""
    assert isinstance(value, int)
    return value


def listed(value: object) -> list[object]:
    """A list from an entry's body."""
    assert isinstance(value, list | tuple)
    return list(value)


def texts(value: object) -> list[str]:
    """A list of texts from an entry's body."""
    assert isinstance(value, list | tuple)
    return [str(item) for item in value]


def items(value: object) -> list[Mapping[str, object]]:
    """A list of objects from an entry's body."""
    assert isinstance(value, list | tuple)
    return [item for item in value if isinstance(item, Mapping)]
