"""What one request sees of the ledger: a closed value that only the log's follower pins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, final

from consent_ledger.closed import Closed
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
    # as `mint` does, slot by slot: every request begins here
    value: Snapshot = object.__new__(Snapshot)
    _SIZE(value, size)
    _ROOT(value, root)
    _AT(value, at)
    _STATE(value, state)
    _LIFE(value, Life())
    _ANSWERS(value, {})
    return value


def _slot(name: str) -> Callable[[Snapshot, object], None]:
    put: Callable[[Snapshot, object], None] = vars(Snapshot)[name].__set__
    return put


_SIZE, _ROOT, _AT, _STATE, _LIFE, _ANSWERS = map(_slot, ("size", "root", "at", "state", "life", "answers"))
