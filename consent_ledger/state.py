"""
The state of the house at any size of the ledger: the fold of its entries, in index order.

`State.apply` is pure: it returns a new state and never changes the old one, so requests that
pinned an earlier size keep what they saw. Order is the index and nothing else; times decide only
whether a thing that stands is valid now. An entry of an unknown type makes the fold fail closed,
and an entry that says something impossible (accepting an agreement nobody proposed) is refused
before it gets an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry
from consent_ledger.fold import Fold, IllegalEntry, UnknownEntry
from consent_ledger.positions import Positions
from consent_ledger.records import (
    Client,
    HouseKey,
    Notice,
    Party,
    PublishedPurpose,
    RecordedBasis,
    RequestedRight,
    SealedRelease,
)
from consent_ledger.vocabulary import AgreementId, ClientId, PartyId, Purpose

__all__ = ["IllegalEntry", "State", "UnknownEntry"]


@dataclass(frozen=True, slots=True)
class State:
    """What stands after entries 0 .. size-1; `decision_position`: the last that can change a verdict."""

    size: int = 0
    decision_position: int = -1
    origin: str = ""
    is_sandbox: bool = False
    parties: Mapping[PartyId, Party] = field(default_factory=dict)
    clients: Mapping[ClientId, Client] = field(default_factory=dict)
    keys: Mapping[str, HouseKey] = field(default_factory=dict)
    purposes: Mapping[Purpose, PublishedPurpose] = field(default_factory=dict)
    bases: Mapping[tuple[PartyId, Purpose], RecordedBasis] = field(default_factory=dict)
    notices: Mapping[tuple[PartyId, Purpose], Notice] = field(default_factory=dict)
    notice_versions: Mapping[tuple[PartyId, str], int] = field(default_factory=dict)
    wrong_notices: Mapping[tuple[PartyId, str, int], int] = field(default_factory=dict)
    definitions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    segment_models: Mapping[tuple[str, str], str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    agreements: Mapping[AgreementId, Agreement] = field(default_factory=dict)
    agreements_of: Mapping[PartyId, tuple[AgreementId, ...]] = field(default_factory=dict)
    data_positions: Mapping[PartyId, int] = field(default_factory=dict)
    standing_positions: Mapping[PartyId, int] = field(default_factory=dict)
    releases: Mapping[str, SealedRelease] = field(default_factory=dict)
    rights: Mapping[tuple[PartyId, str], RequestedRight] = field(default_factory=dict)
    disclosures: Positions = field(default_factory=Positions)
    epoch: int = 1
    destroyed_epochs: frozenset[int] = frozenset()

    @classmethod
    def start(cls) -> State:
        """The state of an empty ledger."""
        return cls()

    def data_position(self, party: PartyId) -> int:
        """The last entry that changed this party's data; -1 when none did."""
        return self.data_positions.get(party, -1)

    def standing_position(self, party: PartyId) -> int:
        """The last entry that changed a person's standing at this party; -1 when none did."""
        return self.standing_positions.get(party, -1)

    def apply(self, entries: Sequence[Entry]) -> State:
        """The state after these entries too; self stays. Raises `UnknownEntry` or `IllegalEntry`."""
        fold = Fold(self)
        for entry in entries:
            fold.take(entry)
        return fold.state()
