"""
The group committer: one thread that turns what waits into entries, one transaction at a time.

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

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from consent_ledger.checkpoint import Signer
from consent_ledger.clock import Clock
from consent_ledger.database import DatabaseRefused, writing
from consent_ledger.entry import Actor, Draft, Entry, intent, sealed
from consent_ledger.follower import Follower, Head, LedgerError, LedgerRefused, read_head
from consent_ledger.keeper import Keeper
from consent_ledger.ledger_tables import ledger_entry, ledger_head
from consent_ledger.state import State
from consent_ledger.tree import leaf_hash
from consent_ledger.vocabulary import Position

Rider = Callable[[Connection, Position], None]
"""
Writes rows that belong to an entry, in the entry's transaction, at the position it is about to get.

It must neither commit nor roll back. What it raises refuses its own draft and reaches its caller.
"""

MAX_BATCH = 1_000
_LOOK_UP = 500


class IdempotencyConflict(LedgerError):
    """The key was used before by the same actor, for something else."""

    def __init__(self) -> None:
        super().__init__("IDEMPOTENCY_CONFLICT", "This key was used before, for something else.")


class LedgerUnavailable(LedgerError):
    """The database or the process gave up on the way: ask again with the same key."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One draft's place in the ledger, as told after the commit."""

    position: Position
    line: bytes
    head: Head
    inclusion: tuple[bytes, ...]
    repeated: bool


@dataclass(slots=True, eq=False)
class Wish:
    """A draft on its way."""

    draft: Draft
    rider: Rider | None
    sha256: bytes
    entry: Entry | None = None
    found: tuple[Position, bytes] | None = None  # recorded before: position and line
    error: Exception | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.draft.actor.party, self.draft.actor.client, self.draft.idem


@dataclass(slots=True, eq=False)
class Order:
    """What one caller waits for: one draft, or several that stand or fall together."""

    wishes: list[Wish]
    is_whole: bool
    done: Future[list[Recorded]] = field(default_factory=Future)


def order(drafts: Sequence[tuple[Draft, Rider | None]], *, is_whole: bool) -> Order:
    """
    An order for these drafts.

    Raises `EntryRefused` for what can be seen to be no entry before it has a position.
    """
    wishes = [Wish(draft, rider, hashlib.sha256(intent(draft)).digest()) for draft, rider in drafts]
    return Order(wishes, is_whole)


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
        self._waiting: deque[Order] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._refused: LedgerRefused | None = None

    def submit(self, wanted: Order) -> list[Recorded]:
        """Wait until `wanted` is durable, and return where it stands. Raises what refused it."""
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
        return wanted.done.result()

    def close(self) -> None:
        """Finish what waits, take nothing more, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                batch = list(self._next())
            self._answer(batch)

    def _next(self) -> Iterator[Order]:
        """
        The orders for one transaction: one whole order, or singles whose keys differ.

        A key that waits twice is taken in the next transaction again, where it is found recorded.
        """
        keys: set[tuple[str, str, str]] = set()
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
        except LedgerRefused as refused:
            self.stop(refused)
            self._fail(batch, refused)
        except LedgerError as error:
            self._fail(batch, error)
        except (SQLAlchemyError, DatabaseRefused) as error:
            unavailable = LedgerUnavailable(
                "LEDGER_UNAVAILABLE",
                "The database did not answer; ask again with the same key to learn what was recorded.",
            )
            unavailable.__cause__ = error
            self._fail(batch, unavailable)
        except BaseException as error:  # noqa: BLE001 - the thread must live on, and the callers must hear
            self._fail(batch, error)
        else:
            for one in batch:
                self._tell(one, head)

    def _tell(self, one: Order, head: Head) -> None:
        for wish in one.wishes:
            if wish.error is not None:
                one.done.set_exception(wish.error)
                return
        one.done.set_result([self._recorded(wish, head) for wish in one.wishes])

    def _recorded(self, wish: Wish, head: Head) -> Recorded:
        if wish.entry is not None:
            position, line = wish.entry.seq, wish.entry.line
        else:
            assert wish.found is not None
            position, line = wish.found
        proof = self._follower.inclusion(position, head.size)
        return Recorded(position, line, head, proof, repeated=wish.entry is None)

    def _fail(self, batch: list[Order], error: BaseException) -> None:
        for one in batch:
            own = next((wish.error for wish in one.wishes if wish.error is not None), error)
            one.done.set_exception(own)

    def stop(self, refused: LedgerRefused) -> None:
        """Write nothing any more: whoever waits or comes is refused with this. What is under way may finish."""
        with self._changed:
            self._refused = refused
            waiting, self._waiting = list(self._waiting), deque()
        self._fail(waiting, refused)

    def _commit(self, batch: list[Order]) -> Head:
        wishes = [wish for one in batch for wish in one.wishes]
        is_whole = batch[0].is_whole
        with writing(self._engine) as connection:
            head = read_head(connection, lock=True)
            view = self._follower.newest(connection, head)
            now = max(self._clock(), view.recorded)
            fresh = _not_recorded(connection, wishes)
            if is_whole:
                if any(wish.error is not None for wish in wishes):
                    raise IdempotencyConflict
                entries, state = _all(connection, fresh, view.state, now)
            else:
                entries, state = _each(connection, fresh, view.state, now)
            if entries:
                head = self._write(connection, head, fresh, now)
        if entries:
            self._follower.take(entries, state, head.root, head.recorded)
        self._keeper.keep(head.checkpoint)
        return head

    def _write(self, connection: Connection, head: Head, wishes: list[Wish], now: datetime) -> Head:
        rows = [(wish.entry, wish.sha256) for wish in wishes if wish.entry is not None]
        new = next_head(self._signer, self._follower, head.size, [entry for entry, _ in rows], now)
        insert_entries(connection, rows)
        moved = connection.execute(
            update(ledger_head)
            .where(ledger_head.c.one == 1, ledger_head.c.size == head.size)
            .values(**head_row(new))
        )
        if moved.rowcount != 1:
            raise LedgerRefused("LEDGER_DAMAGED", "The head of the ledger moved while it was held.")
        return new


def next_head(signer: Signer, follower: Follower, size: int, entries: Sequence[Entry], now: datetime) -> Head:
    """The head after these entries. Its checkpoint is nobody's until it is committed and kept."""
    frontier = follower.frontier(size)
    for entry in entries:
        frontier.push(leaf_hash(entry.line))
    root = frontier.root()
    return Head(
        frontier.size,
        root,
        now.replace(microsecond=0),
        signer.sign(frontier.size, root),
        frontier.to_bytes(),
    )


def head_row(head: Head) -> dict[str, object]:
    """The head as it stands in its row."""
    return {
        "size": head.size,
        "root": head.root,
        "frontier": head.frontier,
        "recorded": head.recorded.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "checkpoint": head.checkpoint,
    }


def insert_entries(connection: Connection, entries: Sequence[tuple[Entry, bytes]]) -> None:
    """Add the rows of these entries, each with the SHA-256 of its `intent`."""
    rows = iter(entries)
    while chunk := list(islice(rows, 10_000)):
        connection.execute(insert(ledger_entry), [_row(entry, sha256) for entry, sha256 in chunk])


def _row(entry: Entry, sha256: bytes) -> dict[str, object]:
    return {
        "seq": entry.seq,
        "type": entry.type,
        "actor_party": entry.actor.party,
        "actor_client": entry.actor.client,
        "idem": entry.idem,
        "body_sha256": sha256,
        "leaf_hash": leaf_hash(entry.line),
        "line": entry.line,
    }


def _not_recorded(connection: Connection, wishes: Sequence[Wish]) -> list[Wish]:
    """
    The wishes that are not in the ledger yet. The others get what was found, or `IdempotencyConflict`.

    A key that stands twice in one whole order is written once.
    """
    by_actor: dict[Actor, list[str]] = {}
    for wish in wishes:
        by_actor.setdefault(wish.draft.actor, []).append(wish.draft.idem)
    known: dict[tuple[str, str, str], tuple[bytes, Position, bytes]] = {}
    for actor, keys in by_actor.items():
        for start in range(0, len(keys), _LOOK_UP):
            rows = connection.execute(
                select(
                    ledger_entry.c.idem, ledger_entry.c.body_sha256, ledger_entry.c.seq, ledger_entry.c.line
                ).where(
                    ledger_entry.c.actor_party == actor.party,
                    ledger_entry.c.actor_client == actor.client,
                    ledger_entry.c.idem.in_(keys[start : start + _LOOK_UP]),
                )
            )
            for idem, sha256, seq, line in rows:
                known[actor.party, actor.client, idem] = (bytes(sha256), Position(seq), bytes(line))
    fresh = []
    for wish in wishes:
        recorded = known.get(wish.key)
        if recorded is None:
            fresh.append(wish)
        elif recorded[0] == wish.sha256:
            wish.found = recorded[1:]
        else:
            wish.error = IdempotencyConflict()
    return fresh


def _all(
    connection: Connection, wishes: Sequence[Wish], state: State, now: datetime
) -> tuple[list[Entry], State]:
    """Every wish or none: the first refusal is raised, and takes the transaction with it."""
    first: dict[tuple[str, str, str], Wish] = {}
    entries: list[Entry] = []
    for wish in wishes:
        earlier = first.setdefault(wish.key, wish)
        if earlier is wish:
            wish.entry = sealed(wish.draft, Position(state.size + len(entries)), now)
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
                wish.error = raised  # also when it is the database's: the caller sees what its rider raised
                raise
    return entries, after


def _each(
    connection: Connection, wishes: Sequence[Wish], state: State, now: datetime
) -> tuple[list[Entry], State]:
    """Every wish for itself: one that is refused leaves its position to the next."""
    entries: list[Entry] = []
    for wish in wishes:
        try:
            entry = sealed(wish.draft, Position(state.size), now)
            after = state.apply([entry])
            if wish.rider is not None:
                with connection.begin_nested():
                    wish.rider(connection, entry.seq)
        except Exception as raised:  # noqa: BLE001 - no entry, an illegal one, or whatever its rider raises
            wish.error = raised
        else:
            wish.entry = entry
            entries.append(entry)
            state = after
    return entries, state
