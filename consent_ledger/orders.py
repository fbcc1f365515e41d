"""
Orders: what callers wait for, from the draft to the answer.

A caller makes its order in its own thread, with all the work that does not need the ledger, and sleeps
until the committer has told what became of it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest

from sqlalchemy import Connection

from consent_ledger.entry import Draft, Entry, Prepared, prepared
from consent_ledger.ledger_rows import Head, Key
from consent_ledger.vocabulary import Position

Rider = Callable[[Connection, Position], None]
"""
Writes rows that belong to an entry, in the entry's transaction, at the position it is about to get.

It must neither commit nor roll back. What it raises refuses its own draft and reaches its caller.
"""


@dataclass(slots=True, eq=False)
class Wish:
    """A draft on its way."""

    draft: Prepared
    rider: Rider | None
    sha256: bytes
    key: Key
    entry: Entry | None = None
    found: tuple[Position, bytes] | None = None  # recorded before: position and line
    error: Exception | None = None

    def place(self) -> tuple[Position, bytes]:
        """Position and line, once it is recorded."""
        if self.entry is not None:
            return self.entry.seq, self.entry.line
        assert self.found is not None
        return self.found


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Order:
    """What one caller waits for: one draft, or several that stand or fall together."""

    wishes: list[Wish]
    is_whole: bool
    head: Head | None = None
    error: BaseException | None = None
    told: threading.Lock = field(default_factory=_held)  # held until there is an answer
    is_told: bool = False
    following: Order | None = None

    def wait(self) -> None:
        """Until it is told; then wake the order that follows it."""
        try:
            self.told.acquire()
            self._pass_on()
        except BaseException:  # a signal's: this caller leaves, but somebody must wake those behind it
            threading.Thread(target=self._stand_in, daemon=True).start()
            raise

    def _stand_in(self) -> None:
        if not self.is_told:
            self.told.acquire()
        self._pass_on()

    def _pass_on(self) -> None:
        if self.following is not None:
            with suppress(RuntimeError):  # it was woken already
                self.following.told.release()


def tell(orders: Sequence[Order], head: Head | None, error: BaseException | None) -> None:
    """
    Answer these callers, each with what its own drafts were refused for before what became of all.

    Only the first is woken; each wakes the next. Woken all at once, they would stand in line for Python's
    lock together with the committer, and each would be put to sleep and woken once more.
    """
    for one, following in zip_longest(orders, orders[1:]):
        own = next((wish.error for wish in one.wishes if wish.error is not None), None)
        one.head, one.error, one.following = head, own or error, following
        one.is_told = True
    if orders:
        orders[0].told.release()


def order(drafts: Sequence[tuple[Draft, Rider | None]], *, is_whole: bool) -> Order:
    """
    An order for these drafts. All that does not need the ledger is done here, in the caller's thread.

    Raises `EntryRefused` for what can be seen to be no entry before it has a position.
    """
    return Order([_wish(draft, rider) for draft, rider in drafts], is_whole)


def _wish(draft: Draft, rider: Rider | None) -> Wish:
    ready = prepared(draft)
    return Wish(
        ready,
        rider,
        hashlib.sha256(ready.intent).digest(),
        (ready.actor.party, ready.actor.client, ready.idem),
    )
