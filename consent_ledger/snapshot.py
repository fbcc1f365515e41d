"""What one request sees of the ledger: a closed value that only the log's follower pins."""

from __future__ import annotations

from datetime import datetime
from typing import Any, final

from consent_ledger.closed import Closed, minting
from consent_ledger.state import State
from consent_ledger.vocabulary import Position


class Life:
    """Whether the request that a snapshot and its permits belong to is still running."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False


@final
class Snapshot(Closed):
    """What was recorded when the request began: everything below `size`, and nothing later."""

    __slots__ = ("answers", "at", "life", "root", "size", "state")

    size: Position
    root: bytes
    at: datetime
    state: State
    life: Life
    answers: dict[object, Any]

    def end(self) -> None:
        """The request is over: its permits die."""
        self.life.is_over = True


def pin_snapshot(*, size: int, root: bytes, at: datetime, state: State) -> Snapshot:
    """For the log's follower alone: pin what one read transaction sees."""
    return _pinned(size, root, at, state, Life(), {})


_pinned = minting(Snapshot, "size", "root", "at", "state", "life", "answers")
