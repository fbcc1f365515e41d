"""What all rooms of the vault share: the database, the keys, and what the ledger says of an entry."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine

from consent_ledger.database import reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.vault.keys import Keys
from consent_ledger.vault.persons import Known, known_persons
from consent_ledger.vocabulary import PartyId

IsRecorded = Callable[[str], bool]
"""Whether the ledger holds an entry with this idempotency key."""

PositionOf = Callable[[str], int | None]
"""The position of the entry with this key that takes somebody out (erased or stopped); None without one."""

_CHUNK = 5_000  # values in one IN: SQLite allows 32,766 parameters

T = TypeVar("T")


def seconds() -> int:
    """
    The machine's own time in whole seconds: it tells old from under way, and reaches no answer.

    The house's clock may be simulated and stand still; a process that died did so in real time.
    """
    return int(time.time())


def chunks(values: Sequence[T], size: int = _CHUNK) -> Iterator[Sequence[T]]:
    """The values in pieces that fit one statement."""
    return (values[start : start + size] for start in range(0, len(values), size))


def nobody_knows(_: str) -> bool:
    """The answer of a ledger that is not there: nothing is recorded."""
    return False


def no_position(_: str) -> None:
    """The same, of positions."""


class Room:
    """One vault's database and keys."""

    __slots__ = ("_engine", "_is_recorded", "_keys", "_position_of")

    def __init__(
        self, engine: Engine, keyring: Keyring, is_recorded: IsRecorded, position_of: PositionOf = no_position
    ) -> None:
        self._engine = engine
        self._is_recorded = is_recorded
        self._position_of = position_of
        self._keys = Keys(keyring)
        with reading(engine) as connection:
            is_new = not self._keys.epochs(connection)
        if is_new:
            with writing(engine) as connection:
                if not self._keys.held(connection, alone=True):  # or another process was first
                    self._keys.begin(connection)

    def _known(
        self, connection: Connection, controller: PartyId, lookups: Iterable[bytes], epochs: Sequence[int]
    ) -> dict[bytes, Known]:
        """Those of `lookups` who are known, whatever the epoch in which their row lies."""
        stored = {
            self._keys.sealed_lookup(controller, lookup, epoch): lookup
            for lookup in lookups
            for epoch in epochs
        }
        found = known_persons(connection, controller, list(stored))
        return {stored[value]: row for value, row in found.items()}

    def _leave_no_trace(self) -> bool:
        """
        See that what was deleted is nowhere in the files any more.

        SQLite: `secure_delete` overwrites in the database, and the log, where the deleted pages stand
        too, is cut. PostgreSQL keeps dead rows and its log; there the epoch's key is destroyed. False when
        somebody reads the vault for so long that the log cannot be cut; the next cut takes all of it.
        """
        if self._engine.dialect.name != "sqlite":
            return True
        raw = self._engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # waits for readers as for a lock: ten seconds
            busy, *_ = cursor.fetchone() or (1,)
            cursor.close()
        finally:
            raw.close()
        return not busy
