"""Our two implementations of RFC 9162: the ledger's own, and the verifier's, which shares no code with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consent_ledger import tree
from consent_ledger.verify import tree as verifier
from consent_ledger.verify.refused import Refused

Inclusion = Callable[[bytes, int, int, Sequence[bytes], bytes], None]
Consistency = Callable[[int, int, Sequence[bytes], bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class Ours:
    """One implementation. Anything but its own refusal passes through, and fails the test."""

    name: str
    inclusion: Inclusion
    consistency: Consistency
    refusal: type[Exception]

    def __str__(self) -> str:
        return self.name

    def includes(self, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
        """Whether it accepts this inclusion proof."""
        try:
            self.inclusion(leaf, index, size, proof, root)
        except self.refusal:
            return False
        return True

    def is_consistent(
        self, old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
    ) -> bool:
        """Whether it accepts this consistency proof."""
        try:
            self.consistency(old, new, proof, old_root, new_root)
        except self.refusal:
            return False
        return True


IMPLEMENTATIONS = [
    Ours("ledger", tree.verify_inclusion, tree.verify_consistency, tree.ProofRefused),
    Ours("verifier", verifier.check_inclusion, verifier.check_consistency, Refused),
]
