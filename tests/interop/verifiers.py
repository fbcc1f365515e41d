"""What all four verifiers have in common here: which parts they read, and how they answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol


class Part(Enum):
    """A part of the export. A lie in a part is found only by those who read it."""

    NOTE = "the signature of the checkpoint"
    LEAVES = "the entries"
    PATHS = "inclusion proofs"
    EARLIER = "earlier checkpoints"
    CONSISTENCY = "consistency proofs"
    TILES = "tiles"
    BUNDLES = "bundles of entries"


class Refused(Exception):
    """The verifier itself says that something does not hold. Any other exception is a fault of ours."""


class NotHere(Exception):
    """The verifier cannot be run on this machine; the text says why, and what would help."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How much was checked and held."""

    notes: int = 0
    inclusions: int = 0
    consistencies: int = 0

    def __add__(self, other: Counted) -> Counted:
        return Counted(
            self.notes + other.notes,
            self.inclusions + other.inclusions,
            self.consistencies + other.consistencies,
        )


class Verifier(Protocol):
    """One program that others wrote, ready to run."""

    name: str
    version: str
    reads: frozenset[Part]

    def check(self, folder: Path, /) -> Counted:
        """Check all of the export that it reads. Raises `Refused`."""
        ...
