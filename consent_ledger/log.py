"""
The log: the only way into the ledger, and the only maker of snapshots.

Appending gives a position, durable on return, with the proof that it is in the tree. Reading pins what
one transaction sees. How it stays so is told where it happens: `ledger_tables` (append-only),
`committer` (one transaction for all that waits), `follower` (what others wrote), `keeper` (never a fork).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from consent_ledger.checkpoint import CheckpointStore, NoteRefused, Signer, StoreRefused, read_note
from consent_ledger.clock import Clock
from consent_ledger.committer import (
    Committer,
    IdempotencyConflict,
    LedgerUnavailable,
    next_head,
)
from consent_ledger.database import reading, writing
from consent_ledger.entry import LEDGER_FORMAT, Actor, Draft, Entry, EntryType, Stamp, prepared
from consent_ledger.follower import Follower, LedgerError, LedgerRefused, read_entries, read_head
from consent_ledger.keeper import Keeper
from consent_ledger.lease import Lease, LedgerHasAWriter
from consent_ledger.ledger_rows import Head, Row, insert_rows, put_head
from consent_ledger.ledger_tables import append_only_ddl, ledger_entry, ledger_head, metadata
from consent_ledger.orders import Order, Rider, order
from consent_ledger.snapshot import Snapshot, pin_snapshot
from consent_ledger.tree import leaf_hash
from consent_ledger.vocabulary import PLATFORM, ClientId, Position

__all__ = [
    "Acknowledgement",
    "IdempotencyConflict",
    "Ledger",
    "LedgerError",
    "LedgerHasAWriter",
    "LedgerRefused",
    "LedgerUnavailable",
    "NotRecorded",
    "Rider",
    "append_only_ddl",
    "ledger_entry",
    "ledger_head",
    "metadata",
]

_HEAD = "SELECT size, root FROM ledger_head WHERE one = 1"
"""By its key: SQLite then needs no second step to know that there is no other row."""


class NotRecorded(LedgerError):
    """There is no such entry at this point."""

    def __init__(self) -> None:
        super().__init__("NOT_RECORDED", "There is no such entry in the ledger.")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Where an entry stands, and the proof. `repeated` when it was recorded before."""

    position: Position
    line: bytes
    checkpoint: str
    size: int
    root: bytes
    repeated: bool
    follower: Follower = field(repr=False, compare=False)

    @property
    def inclusion(self) -> tuple[bytes, ...]:
        """Proof that the entry stands in the first `size`; told from memory, the same at any time."""
        return self.follower.inclusion(self.position, self.size)

    def proof(self) -> str:
        """The proof as a C2SP tlog-proof text: what is needed to check it without us."""
        return tlog_proof(self.position, self.inclusion, self.checkpoint)


def tlog_proof(index: int, inclusion: Sequence[bytes], checkpoint: str) -> str:
    """A C2SP tlog-proof: index, path from the leaf's sibling upwards, blank line, checkpoint."""
    hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in inclusion)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{checkpoint}"


class Ledger:
    """The ledger of one database, opened in this process. Safe between threads; `close` when done."""

    def __init__(
        self, engine: Engine, signer: Signer, clock: Clock, follower: Follower, keeper: Keeper
    ) -> None:
        self._engine = engine
        self._signer = signer
        self._clock = clock
        self._follower = follower
        self._keeper = keeper
        self._committer = Committer(engine, follower, keeper, signer, clock)

    @classmethod
    def create(
        cls, engine: Engine, store: CheckpointStore, signer: Signer, *, clock: Clock, sandbox: bool
    ) -> Ledger:
        """
        Begin a ledger in an empty, migrated database, and open it. Whether it is a sandbox is fixed for good.

        Raises `LedgerRefused` when the database or the second store holds one already.
        """
        _refuse_a_used_store(store)
        now = clock()
        draft = Draft(
            EntryType.LEDGER_CREATED,
            Actor(PLATFORM, ClientId(PLATFORM)),
            "ledger.created",
            {"format": LEDGER_FORMAT, "origin": signer.origin, "sandbox": sandbox},
        )
        lease = Lease(engine)
        lease.take()
        try:
            with writing(engine) as connection:
                if connection.execute(select(ledger_head.c.size)).first() is not None:
                    raise LedgerRefused("LEDGER_EXISTS", "There is a ledger in this database already.")
                ready = prepared(draft)
                entry = ready.at(Position(0), Stamp.of(now))
                first = Row(entry, sha256(ready.intent).digest(), leaf_hash(entry.line))
                insert_rows(connection, [first])
                put_head(connection, next_head(signer, Follower(), 0, [first], now)[0])
        except IntegrityError:
            raise LedgerRefused("LEDGER_EXISTS", "There is a ledger in this database already.") from None
        except (OperationalError, ProgrammingError) as error:
            raise _no_tables() from error
        finally:
            lease.give_back()
        # A crash here leaves one entry and an empty second store; `open` takes up from that.
        return cls.open(engine, store, signer, clock=clock)

    @classmethod
    def open(
        cls,
        engine: Engine,
        store: CheckpointStore,
        signer: Signer,
        *,
        clock: Clock,
        adopt: bool = False,
    ) -> Ledger:
        """
        Open the ledger of this database, after recomputing all of it.

        1. the head is there, and nothing lies beyond it;
        2. every entry is what was recorded, and together they give the head's root and frontier;
        3. entry 0 names this origin, and the head's checkpoint is signed with this key;
        4. what the second store knows is the beginning of it.

        `adopt` accepts an empty second store: for an operator who has lost it and has checked the
        database against a checkpoint from elsewhere. Raises `LedgerRefused`.
        """
        follower = Follower()
        keeper = Keeper(engine, store, signer, follower)
        with reading(engine) as connection:
            try:
                head = read_head(connection)
            except (OperationalError, ProgrammingError) as error:
                raise _no_tables() from error
            view = follower.view(connection, head.size, head.root)
            top = connection.execute(select(func.max(ledger_entry.c.seq))).scalar_one()
            if top != head.size - 1 or follower.frontier(head.size).to_bytes() != head.frontier:
                raise LedgerRefused("LEDGER_DAMAGED", "The head of the ledger does not fit its entries.")
        if view.state.origin != signer.origin:
            raise LedgerRefused("OTHER_ORIGIN", "This database holds the ledger of another origin.")
        try:
            signed = read_note(head.checkpoint, [signer.verifier_key])
        except NoteRefused:
            raise LedgerRefused(
                "OTHER_KEY", "The ledger's checkpoint was signed with another key than the one given."
            ) from None
        if (signed.size, signed.root) != (head.size, head.root):
            raise LedgerRefused("LEDGER_DAMAGED", "The ledger's checkpoint is not that of its head.")
        keeper.start(adopt=adopt, size=head.size)
        keeper.keep(head.checkpoint)
        return cls(engine, signer, clock, follower, keeper)

    @property
    def origin(self) -> str:
        """The ledger's name, fixed when it was created."""
        return self._signer.origin

    @property
    def verifier_key(self) -> str:
        """The key that checks this ledger's checkpoints, as `name+id+base64`."""
        return self._signer.verifier_key

    def append(self, draft: Draft, *, rider: Rider | None = None) -> Acknowledgement:
        """
        Record `draft`, with the rows its rider writes, and return its position and proof.

        On return both are durable and the next `pin` anywhere sees them. The same actor, key and content
        give the first position again (`repeated`), and no rider runs.

        Raises `IdempotencyConflict` (the key stands for something else), `EntryRefused` (no entry),
        `IllegalEntry` (not at this point), whatever the rider raises, `LedgerUnavailable` (ask again with
        the same key), `LedgerHasAWriter` (another process writes this SQLite ledger) and `LedgerRefused`
        (nothing is written any more).
        """
        (done,) = self._recorded(order([(draft, rider)], is_whole=False))
        return done

    def append_all(self, drafts: Sequence[tuple[Draft, Rider | None]]) -> list[Acknowledgement]:
        """Record all drafts in this order in one transaction, or none: the first refusal is raised."""
        if not drafts:
            return []
        return self._recorded(order(drafts, is_whole=True))

    def _recorded(self, wanted: Order) -> list[Acknowledgement]:
        head = self._committer.submit(wanted)
        follower = self._follower
        return [
            Acknowledgement(
                *wish.place(), head.checkpoint, head.size, head.root, wish.entry is None, follower
            )
            for wish in wanted.wishes
        ]

    def pin(self, connection: Connection) -> Snapshot:
        """
        What this read transaction sees of the ledger: everything committed before it began, nothing later.

        One row is read when nothing is new; missing entries are read and folded. Raises `LedgerRefused`
        and `LedgerUnavailable`: who cannot read the head decides nothing.
        """
        # both drivers are spoken to directly, so this is the driver's own connection, found in fewer steps
        driver: Any = connection.connection.dbapi_connection
        if driver is None or not connection.in_transaction():
            raise LedgerRefused("NO_TRANSACTION", "A snapshot is pinned inside a transaction.")
        try:
            row = driver.execute(_HEAD).fetchone()
        except connection.dialect.loaded_dbapi.Error as error:
            raise _unreadable() from error
        if row is None:
            raise LedgerRefused("NO_LEDGER", "There is no ledger in this database yet; create one first.")
        size, root = row
        view = self._follower.view(connection, size, root)
        now = self._clock()
        at = now if now > view.recorded else view.recorded  # noqa: FURB136 - at every request; `max` costs more
        return pin_snapshot(size=size, root=view.root, at=at, state=view.state)

    def pin_at(self, connection: Connection, size: int, at: datetime) -> Snapshot:
        """
        What stood below an earlier `size` of what this read transaction sees, valid at `at`.

        For questions about the past; what may be read now is decided on `pin`. Raises `NotRecorded` when
        there are fewer entries, and what `pin` raises.
        """
        newest = self.pin(connection)
        if not 0 < size <= newest.size:
            raise NotRecorded
        view = self._follower.past(connection, size)
        return pin_snapshot(size=size, root=view.root, at=at, state=view.state)

    def entries(self, connection: Connection, start: int, stop: int) -> Iterator[Entry]:
        """Entries start .. stop-1 as this transaction sees them; those beyond the head are not there."""
        return read_entries(connection, max(start, 0), min(stop, _readable_head(connection).size))

    def checkpoint(self, connection: Connection) -> str:
        """The signed checkpoint of what this transaction sees. The second store has it before anyone else."""
        head = _readable_head(connection)
        self._follower.view(connection, head.size, head.root)
        self._keeper.keep(head.checkpoint)
        return head.checkpoint

    def root(self, connection: Connection, size: int) -> bytes:
        """The root over the first `size` entries of what this transaction sees. Raises `NotRecorded`."""
        head = _readable_head(connection)
        self._follower.view(connection, head.size, head.root)
        root = self._follower.root(size) if 0 <= size <= head.size else None
        if root is None:
            raise NotRecorded
        return root

    def proof(self, connection: Connection, seq: int) -> str:
        """The C2SP tlog-proof of entry `seq` in what this transaction sees. Raises `NotRecorded`."""
        checkpoint = self.checkpoint(connection)
        size = _readable_head(connection).size
        if not 0 <= seq < size:
            raise NotRecorded
        return tlog_proof(seq, self._follower.inclusion(seq, size), checkpoint)

    def consistency(self, connection: Connection, old: int) -> tuple[bytes, ...]:
        """Proof that the first `old` entries begin what this transaction sees. Raises `NotRecorded`."""
        head = _readable_head(connection)
        self._follower.view(connection, head.size, head.root)
        if not 0 <= old <= head.size:
            raise NotRecorded
        return self._follower.consistency(old, head.size)

    def checkpoint_at(self, connection: Connection, size: int) -> str:
        """
        The signed checkpoint of the first `size` entries. Raises `NotRecorded` when there are fewer.

        Ed25519 signs the same statement with the same bytes, so an earlier size gets its old note again.
        It is the beginning of what the second store knows, or nothing is signed.
        """
        newest = self.checkpoint(connection)
        head = _readable_head(connection)
        root = self._follower.root(size) if 0 < size <= head.size else None
        if root is None:
            raise NotRecorded
        return newest if size == head.size else self._signer.sign(size, root)

    def tile(self, connection: Connection, level: int, index: int, width: int) -> bytes:
        """
        Hashes of one C2SP tile, of `width` nodes, as this transaction sees the ledger.

        Raises `NotRecorded` when the tree does not reach so far yet.
        """
        head = _readable_head(connection)
        self._follower.view(connection, head.size, head.root)
        start, stop, height = index * 256, index * 256 + width, level * 8
        if stop > head.size >> height:
            raise NotRecorded
        return self._follower.nodes(height, start, stop)

    def stop(self, refused: LedgerRefused) -> None:
        """Write nothing any more in this process: every append raises `refused`. Reading goes on."""
        self._committer.stop(refused)

    def check_writing(self) -> None:
        """Raises the `LedgerRefused` for which this process writes nothing any more; nothing while it does."""
        if (refused := self._committer.refused) is not None:
            raise refused

    def close(self) -> None:
        """Finish what waits and take nothing more. Engine and second store stay open; they are the caller's."""
        self._committer.close()


def _readable_head(connection: Connection) -> Head:
    """The head, for whoever shows it. Raises `LedgerRefused`, and `LedgerUnavailable` when it cannot be read."""
    try:
        return read_head(connection)
    except (OperationalError, ProgrammingError) as error:
        raise _unreadable() from error


def _unreadable() -> LedgerUnavailable:
    return LedgerUnavailable(
        "LEDGER_UNAVAILABLE", "The head of the ledger cannot be read, so nothing is decided."
    )


def _refuse_a_used_store(store: CheckpointStore) -> None:
    try:
        last = store.last()
    except StoreRefused as refused:
        raise LedgerRefused(refused.code, str(refused)) from refused
    if last is not None:
        raise LedgerRefused(
            "CHECKPOINT_OF_ANOTHER", "The file with the last signed checkpoint belongs to a ledger already."
        )


def _no_tables() -> LedgerRefused:
    return LedgerRefused("NO_LEDGER", "The tables of the ledger are not in this database; migrate first.")
