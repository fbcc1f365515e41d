"""
The group committer: one thread that turns what waits into entries, one transaction at a time.

Before its first transaction it takes the lease: on SQLite one process writes a ledger at a time.

One transaction, in this order:

 1. take the write lock and read the head;
 2. read and fold what other processes wrote since;
 3. give back the first position to drafts that are recorded already (same actor, key and content);
 4. seal each other draft at the next position, hold it to the state there, run its rider;
 5. insert the entries, move the head with its signed checkpoint, COMMIT;
 6. keep the checkpoint in the second store;
 7. only now answer, with a proof.

A crash before 5 ends leaves nothing. A crash between 5 and 7 leaves entries nobody was told of: the
caller asks again with the same key and gets the position they have.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from consent_ledger.checkpoint import Signer
from consent_ledger.clock import Clock
from consent_ledger.database import DatabaseRefused, writer, writing_on
from consent_ledger.entry import Entry, Stamp
from consent_ledger.fold import Fold
from consent_ledger.follower import Follower, LedgerError, LedgerRefused, read_head
from consent_ledger.keeper import Keeper
from consent_ledger.lease import Lease
from consent_ledger.ledger_rows import Head, Key, Row, insert_rows, move_head, recorded
from consent_ledger.orders import Order, Wish, tell
from consent_ledger.state import State
from consent_ledger.tree import Growth, leaf_hash
from consent_ledger.vocabulary import Position

MAX_BATCH = 1_000
_COLLECT_SECONDS = 0.000_5


class IdempotencyConflict(LedgerError):
    """The key was used before by the same actor, for something else."""

    def __init__(self) -> None:
        super().__init__("IDEMPOTENCY_CONFLICT", "This key was used before, for something else.")


class LedgerUnavailable(LedgerError):
    """The database or the process gave up on the way: ask again with the same key."""


class Committer:
    """One per ledger and process; its thread starts with the first order."""

    def __init__(
        self, engine: Engine, follower: Follower, keeper: Keeper, signer: Signer, clock: Clock
    ) -> None:
        self._engine = engine
        self._follower = follower
        self._keeper = keeper
        self._signer = signer
        self._clock = clock
        self._lease = Lease(engine)
        self._waiting: deque[Order] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._refused: LedgerRefused | None = None
        self._around = 0  # how many callers there were when the last batch was done
        self._connection: Connection | None = None  # the thread's own, kept from batch to batch

    def submit(self, wanted: Order) -> Head:
        """Wait until `wanted` is durable, and return the head it stands in. Raises what refused it."""
        with self._changed:
            if self._refused is not None:
                raise self._refused
            if self._is_closed:
                raise LedgerUnavailable("LEDGER_CLOSED", "The ledger is closed.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger-committer", daemon=True)
                self._thread.start()
            elif self._thread is threading.current_thread():
                raise LedgerUnavailable("LEDGER_IN_RIDER", "A rider cannot append to the ledger it rides on.")
            self._waiting.append(wanted)
            self._changed.notify()
        wanted.wait()
        if wanted.error is not None:
            raise wanted.error
        assert wanted.head is not None
        return wanted.head

    def close(self) -> None:
        """Finish what waits, take nothing more, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._lease.give_back()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    break
            self._collect()
            with self._changed:
                batch = list(self._next())
            if batch:  # else it was stopped meanwhile
                self._answer(batch)
        self._let_go()

    def _collect(self) -> None:
        """
        Let those who were just answered come back with their next, as long as more and more do.

        What a transaction costs beside its rows is then paid once for all of them, not once for the few
        who were first. Who is alone is never kept waiting.
        """
        seen = 0
        while seen < len(self._waiting) < self._around:
            seen = len(self._waiting)
            time.sleep(_COLLECT_SECONDS)

    def _next(self) -> Iterator[Order]:
        """
        The orders for one transaction: one whole order, or singles whose keys differ.

        A key that waits twice is taken in the next transaction again, where it is found recorded.
        """
        keys: set[Key] = set()
        while self._waiting and len(keys) < MAX_BATCH:
            first = self._waiting[0]
            if keys and (first.is_whole or first.wishes[0].key in keys):
                return
            yield self._waiting.popleft()
            if first.is_whole:
                return
            keys.add(first.wishes[0].key)

    def _answer(self, batch: list[Order]) -> None:
        try:
            head = self._commit(batch)
            self._around = min(len(batch) + len(self._waiting), MAX_BATCH)
        except LedgerRefused as refused:
            self.stop(refused)
            tell(batch, None, refused)
        except LedgerError as error:
            tell(batch, None, error)
        except (SQLAlchemyError, DatabaseRefused) as error:
            unavailable = LedgerUnavailable(
                "LEDGER_UNAVAILABLE",
                "The database did not answer; ask again with the same key to learn what was recorded.",
            )
            unavailable.__cause__ = error
            tell(batch, None, unavailable)
        except BaseException as error:  # noqa: BLE001 - the thread must live on, and the callers must hear
            tell(batch, None, error)
        else:
            tell(batch, head, None)

    def stop(self, refused: LedgerRefused) -> None:
        """Write nothing any more: whoever waits or comes is refused with this. What is under way may finish."""
        with self._changed:
            self._refused = refused
            waiting, self._waiting = list(self._waiting), deque()
        tell(waiting, None, refused)

    @property
    def refused(self) -> LedgerRefused | None:
        """For what nothing is written any more; None while writing goes on."""
        return self._refused

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction. A connection on which something went wrong is not used again."""
        if self._connection is None:
            self._connection = writer(self._engine)
        try:
            with writing_on(self._connection):
                yield self._connection
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _commit(self, batch: list[Order]) -> Head:
        wishes = [wish for one in batch for wish in one.wishes]
        self._lease.take()
        with self._writing() as connection:
            head = read_head(connection, lock=True)
            view = self._follower.newest(connection, head)
            now = max(self._clock(), view.recorded)
            fresh = _not_recorded(connection, wishes)
            if batch[0].is_whole:
                if any(wish.error is not None for wish in wishes):
                    raise IdempotencyConflict
                state = _all(connection, fresh, view.state, Stamp.of(now))
            else:
                state = _each(connection, fresh, view.state, Stamp.of(now))
            rows = [
                Row(wish.entry, wish.sha256, leaf_hash(wish.entry.line))
                for wish in fresh
                if wish.entry is not None
            ]
            if rows:
                new, growth = next_head(self._signer, self._follower, head.size, rows, now)
                insert_rows(connection, rows)
                if not move_head(connection, head.size, new):
                    raise LedgerRefused("LEDGER_DAMAGED", "The head of the ledger moved while it was held.")
        if not rows:
            self._keeper.keep(head.checkpoint)
            return head
        self._follower.take(growth, state, new)
        self._keeper.keep_own(new)
        return new


def next_head(
    signer: Signer, follower: Follower, size: int, rows: Sequence[Row], now: datetime
) -> tuple[Head, Growth]:
    """
    The head after these entries, and what they add to the tree.

    Its checkpoint is nobody's until it is committed and kept.
    """
    growth, frontier = follower.growth(size, [row.leaf for row in rows])
    root = frontier.root()
    note = signer.sign(frontier.size, root)
    return Head(frontier.size, root, now.replace(microsecond=0), note, frontier.to_bytes()), growth


def _not_recorded(connection: Connection, wishes: Sequence[Wish]) -> list[Wish]:
    """
    The wishes that are not in the ledger yet. The others get what was found, or `IdempotencyConflict`.

    A key that stands twice in one whole order is written once.
    """
    known = recorded(connection, [wish.key for wish in wishes])
    if not known:
        return list(wishes)
    fresh = []
    for wish in wishes:
        found = known.get(wish.key)
        if found is None:
            fresh.append(wish)
        elif found[0] == wish.sha256:
            wish.found = found[1:]
        else:
            wish.error = IdempotencyConflict()
    return fresh


def _all(connection: Connection, wishes: Sequence[Wish], state: State, stamp: Stamp) -> State:
    """Every wish or none: the first refusal is raised, and takes the transaction with it."""
    first: dict[Key, Wish] = {}
    entries: list[Entry] = []
    for wish in wishes:
        earlier = first.setdefault(wish.key, wish)
        if earlier is wish:
            wish.entry = wish.draft.at(Position(state.size + len(entries)), stamp)
            entries.append(wish.entry)
        elif earlier.sha256 == wish.sha256 and earlier.entry is not None:
            wish.found = (earlier.entry.seq, earlier.entry.line)
        else:
            raise IdempotencyConflict
    after = state.apply(entries)
    for wish in wishes:
        if wish.entry is not None and wish.rider is not None:
            try:
                wish.rider(connection, wish.entry.seq)
            except Exception as raised:
                if _is_begun(connection):  # else the database gave up, and nobody's rider is to blame
                    wish.error = raised
                raise
    return after


def _each(connection: Connection, wishes: Sequence[Wish], state: State, stamp: Stamp) -> State:
    """Every wish for itself: one that is refused leaves its position to the next."""
    fold = Fold(state)
    for wish in wishes:
        before = fold.state() if wish.rider is not None else None
        try:
            entry = wish.draft.at(Position(fold.size), stamp)
            fold.take(entry)
            if wish.rider is not None:
                with connection.begin_nested():
                    wish.rider(connection, entry.seq)
        except Exception as raised:  # no entry, an illegal one, or whatever its rider raises
            if not _is_begun(connection):
                raise  # the transaction is gone, and what stood in it: nothing may go on as if it were there
            wish.error = raised
            if before is not None:  # the fold itself refuses without a trace; a rider comes after it
                fold = Fold(before)
        else:
            wish.entry = entry
    return fold.state()


def _is_begun(connection: Connection) -> bool:
    """
    Whether the transaction still stands, whatever a rider met.

    A lost server ends it, and so does SQLite by itself when the disk is full or does not answer: the next
    savepoint would then begin, and commit, a transaction of its own.
    """
    if connection.closed or connection.invalidated:
        return False
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        return driver.in_transaction
    return not (driver is None or driver.closed)
