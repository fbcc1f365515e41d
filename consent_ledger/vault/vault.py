"""
The vault: the one place that knows who is behind a person's reference, and that can forget it.

It stands in its own database file (or schema), is never in the main backup, and is read by nobody but
the doors of intake and consent. Per controller and person it keeps a random reference, and two random
keys: *data*, destroyed at erasure, and *evidence*, kept until the limitation date so that it can be shown
that, when and under which notice a person spoke. No identifier is kept, only the keyed value that finds
its reference again. The cryptography stands in `consent_ledger.vault.sealing`.

**Inert until recorded.** The ledger entry is the commit point; what the vault writes comes before it,
under the entry's idempotency key (`under`), and is pending until that entry exists:

- crash before the vault commits: nothing happened;
- crash between vault and entry: rows without an entry. They name nobody in any other table; a repeat
  under the same key finds them again, and `sweep` forgets them;
- crash after the entry: the rows count. `sweep` sees the entry and takes them out of its list.

What destroys comes after the entry, by a plan that was kept before it: see `consent_ledger.vault.erasing`.

A pending person may be met by a second import before the first has its entry. Each key that meets a
pending person lays a claim on it, and the person is forgotten only when none of these keys got its
entry: so a failed first import cannot take away a person whom the second one recorded.

What someone who reads this file could do without the keyring: count persons per controller. With the
keyring: find out whether a known address is here, and open every payload. After an erasure, with the
keyring and every address there is: nothing of that person, for no row has a lookup that fits; in copies
of before, nothing either once the epoch's key is destroyed (`consent_ledger.vault.epochs`). Who asked to
stay out is found in the stop register, as asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from sqlalchemy import Engine, delete

from consent_ledger.database import reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.vault.batches import Batches
from consent_ledger.vault.carrying import Carrying, note
from consent_ledger.vault.epochs import Epochs
from consent_ledger.vault.finding import Finding
from consent_ledger.vault.links import Links
from consent_ledger.vault.pending import forget, keep, stops_waiting, waiting
from consent_ledger.vault.room import IsRecorded, PositionOf, chunks, no_position, nobody_knows, seconds
from consent_ledger.vault.sessions import Sessions, expire
from consent_ledger.vault.stops import Stops
from consent_ledger.vault.tables import vault_link

_NOW = timedelta(0)


class Vault(Finding, Batches, Epochs, Stops, Links, Sessions, Carrying):
    """Persons, their keys and what they said. Safe between threads and processes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<Vault>"

    @classmethod
    def open(
        cls,
        engine: Engine,
        keyring: Keyring,
        *,
        is_recorded: IsRecorded = nobody_knows,
        position_of: PositionOf = no_position,
    ) -> Self:
        """
        Open the vault in `engine` (login VAULT, migrated) with the secrets of `keyring`.

        `is_recorded` asks the ledger for an entry by its idempotency key: with it, an erasure or a stop
        holds from its entry on, also when the process that recorded it died. `position_of` asks where an
        entry stands that takes somebody out; what was carried out is noted by it. Raises `VaultRefused` when
        the vault was sealed with another keyring: going on would make a new person of everybody.
        """
        return cls(engine, keyring, is_recorded, position_of)

    def sweep(self, is_recorded: IsRecorded, *, older_than: timedelta = _NOW) -> int:
        """
        Forget what never got its entry; returns how many persons and payloads that were.

        `is_recorded(under)` says whether the ledger holds an entry with that idempotency key. An import
        that is under way has no entry yet: call this at start, before anything is written, or with an
        `older_than` longer than any import lasts. On SQLite the write-ahead log is emptied afterwards, so
        that no key stays behind in it.
        """
        until = seconds() - int(older_than.total_seconds())
        with reading(self._engine) as connection:
            pending = waiting(connection, until)
        recorded = {under for under in pending if is_recorded(under)}
        with reading(self._engine) as connection:
            stops = {
                under for chunk in chunks(sorted(recorded)) for under in stops_waiting(connection, chunk)
            }
        positions = [self._position_of(under) for under in stops]
        with writing(self._engine) as connection:
            keep(connection, sorted(recorded))
            note(connection, positions)
            forgotten = forget(connection, sorted(pending - recorded), until)
            connection.execute(delete(vault_link).where(vault_link.c.expires <= seconds()))
            expire(connection)
        if forgotten:
            self._leave_no_trace()
        return forgotten
