"""
Dice that fall alike on every machine and under every numpy.

Only the raw words of PCG64 are used: numpy promises those for good, while the streams of its
distributions may change with a version (NEP 19). What decides anything is integer arithmetic, so
no rounding of a processor can tip a draw. Each noun throws its own dice, named after it: adding
a draw for museums changes no ticket.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Dice:
    """A repeatable source of whole numbers for one noun of one sector."""

    def __init__(self, seed: int, noun: str) -> None:
        word = hashlib.sha256(f"{seed}/{noun}".encode()).digest()
        self._bits = np.random.PCG64(int.from_bytes(word[:16], "big"))

    def below(self, bound: int | Ints, size: int) -> Ints:
        """`size` numbers in 0..bound-1, one bound for all or one for each; bounds below 2**32."""
        raw = np.asarray(self._bits.random_raw(size), dtype=np.uint64) >> np.uint64(32)
        limits = np.asarray(bound, dtype=np.uint64)
        return ((raw * limits) >> np.uint64(32)).astype(np.int64)

    def between(self, low: int, high: int, size: int) -> Ints:
        """`size` numbers in low..high, both possible."""
        return low + self.below(high - low + 1, size)

    def happens(self, permille: int | Ints, size: int) -> Flags:
        """`size` throws that come true `permille` times in a thousand."""
        return self.below(1000, size) < np.asarray(permille)

    def weighted(self, weights: Ints | list[int] | tuple[int, ...], size: int) -> Ints:
        """`size` indices into `weights`, each as likely as its weight says."""
        edges = np.cumsum(np.asarray(weights, dtype=np.int64))
        return np.searchsorted(edges, self.below(int(edges[-1]), size), side="right").astype(np.int64)

    def within(self, edges: Ints, first: Ints, last: Ints) -> Ints:
        """
        One index for each segment `first[k]..last[k]-1` of a long row of weights.

        `edges` are the cumulative weights with a leading 0, so that one search serves all segments.
        """
        base, top = edges[first], edges[last]
        return np.searchsorted(edges, base + self.below(top - base, len(first)), side="right") - 1

    def shuffled(self, count: int) -> Ints:
        """The numbers 0..count-1 in a thrown order."""
        return np.argsort(np.asarray(self._bits.random_raw(count)), kind="stable").astype(np.int64)


def edges_of(weights: Ints) -> Ints:
    """Cumulative weights with a leading 0, as `Dice.within` wants them."""
    edges = np.zeros(len(weights) + 1, dtype=np.int64)
    np.cumsum(weights, out=edges[1:])
    return edges
