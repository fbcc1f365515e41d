"""What stands, entry by entry: enough to see that nothing is said of what never was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PLATFORM = "platform"

Rules = Iterator[tuple[bool, str]]
"""What must hold, and what is said when it does not, one after the other; what follows the last, stands."""


@dataclass
class Key:
    """A key with which a house signs."""

    party: str
    algorithm: str
    public_key: bytes
    rp_id: str
    is_enrolled: bool = False
    """By the operator: no key of the house approved it."""
    is_live: bool = True


@dataclass
class Agreement:
    """An agreement: its terms never change; who accepted it, and whether it ended, does."""

    seq: int
    terms: dict[str, Any]
    digest: str
    since: str | None
    until: str | None
    accepted: dict[str, int] = field(default_factory=dict)  # party: position
    over: tuple[int, str] | None = None
    """The position that ended it, and when that was recorded."""

    def parties(self, *roles: str) -> set[str]:
        """Its parties; with `roles`, those that have one of them."""
        return {part["party"] for part in self.terms["parties"] if not roles or part["role"] in roles}

    def stood(self, size: int) -> bool:
        """Whether every party had accepted it, and none had ended it, within the first `size` entries."""
        is_accepted = all(self.accepted.get(party, size) < size for party in self.parties())
        return is_accepted and (self.over is None or self.over[0] >= size)


@dataclass
class Right:
    """A request of somebody: when it was made, until when it is to be answered, whether it was."""

    asked: str
    due: str
    is_answered: bool = False


@dataclass
class Standing:
    """What stands after the entries so far."""

    origin: str
    is_sandbox: bool = False
    parties: dict[str, bool] = field(default_factory=lambda: {PLATFORM: False})  # id: is an open member
    stewards: set[str] = field(default_factory=set)
    left: dict[str, tuple[int, str]] = field(default_factory=dict)  # party: by which entry, recorded when
    clients: dict[str, str] = field(default_factory=dict)  # id: whose
    live_clients: set[str] = field(default_factory=set)
    revoked: dict[str, tuple[int, str]] = field(default_factory=dict)  # client: by which entry, the last time
    keys: dict[str, Key] = field(default_factory=dict)
    keys_of: dict[str, set[str]] = field(default_factory=dict)  # party: keys that stand; empty after a loss
    purposes: dict[str, tuple[int, list[str]]] = field(default_factory=dict)  # version, possible bases
    notices: dict[tuple[str, str], int] = field(default_factory=dict)  # version
    wrong_notices: set[tuple[str, str, int]] = field(default_factory=set)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    releases: set[str] = field(default_factory=set)
    disclosures: set[int] = field(default_factory=set)
    rights: dict[tuple[str, str], Right] = field(default_factory=dict)
    epoch: int = 1
    destroyed_epochs: set[int] = field(default_factory=set)
    bases: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    """By size: the root on which an entry says it was decided, and the entry."""
    signed: int = 0
    signed_with_enrolled: int = 0
    """Of those that were signed: with a key that the operator enrolled."""
    attested: int = 0
    enrolled: int = 0
    """Keys that the operator enrolled: no key of the house approved them."""
    enrolled_for: set[str] = field(default_factory=set)
    """The houses of these keys."""
    enrolled_after_loss: set[str] = field(default_factory=set)
    """Houses that had a key before, and got one from the operator again."""

    def is_member(self, party: str) -> bool:
        """Whether this is an organisation that has not left."""
        return self.parties.get(party) is True

    def was_member(self, party: str) -> bool:
        """Whether this is an organisation, also when it has left."""
        return party in self.parties and party != PLATFORM
