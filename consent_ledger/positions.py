"""Positions that only ever grow, shared by all the states that hold some first part of them."""

from __future__ import annotations

import threading
from bisect import bisect_left


class Positions:
    """
    Ascending positions. Adding one gives another value and leaves this one as it was.

    Constant time and memory where the last is added to, as the ledger does; a copy where it is not. Safe
    between threads.
    """

    __slots__ = ("_lock", "_shared", "_size")

    def __init__(self) -> None:
        self._shared: list[int] = []
        self._lock = threading.Lock()
        self._size = 0

    def __contains__(self, position: int) -> bool:
        at = bisect_left(self._shared, position, 0, self._size)
        return at < self._size and self._shared[at] == position

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Positions) and self._held() == other._held()

    __hash__ = None  # type: ignore[assignment]  # it holds a list

    def plus(self, position: int) -> Positions:
        """These and one more, which lies above all of them."""
        more = Positions()
        with self._lock:
            if len(self._shared) == self._size:
                self._shared.append(position)
                more._shared, more._lock = self._shared, self._lock
            else:  # another state went on from here already
                more._shared = [*self._shared[: self._size], position]
        more._size = self._size + 1
        return more

    def _held(self) -> list[int]:
        return self._shared[: self._size]
