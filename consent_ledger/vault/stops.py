"""
The stop register: who asked to be kept out, everywhere and for good.

One keyed hash per person, under a secret of its own and not per controller, so that it holds at houses
that join later too. It says that this address stays out, and nothing else: not who asked, when or where.
Every door asks it before it makes somebody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, text

from consent_ledger.database import reading, writing
from consent_ledger.vault import sealing
from consent_ledger.vault.carrying import note
from consent_ledger.vault.room import Room, seconds
from consent_ledger.vault.tables import vault_stop

_ADD = text(
    "INSERT INTO vault_stop (lookup, under, made) VALUES (:lookup, :under, :made) ON CONFLICT DO NOTHING"
)
_FIND_SQLITE = (
    "SELECT s.lookup, s.under FROM json_each(?) AS wanted"
    # CROSS: this order and no other, as in `persons`
    " CROSS JOIN vault_stop AS s ON s.lookup = wanted.value"
)
_FIND_POSTGRESQL = "SELECT lookup, under FROM vault_stop WHERE lookup = ANY(%s::text[])"


class Stops(Room):
    """Keeping out, asking who is kept out, and letting in again."""

    __slots__ = ()

    def stop(self, identifier: str, *, under: str) -> None:
        """
        Put somebody into the register; durable on return, inert until the entry `under` exists. Repeatable.

        Call `settle` after the entry. Until then the register asks the ledger.
        """
        [lookup] = self._stop_lookups([identifier])
        with writing(self._engine) as connection:
            # also beside another of the same person: the entry must find what it asks for
            connection.execute(_ADD, {"lookup": lookup, "under": under, "made": seconds()})

    def stopped(self, identifiers: Sequence[str]) -> set[int]:
        """The indexes of those identifiers whose person asked to stay out; one statement for all."""
        lookups = self._stop_lookups(identifiers)
        with reading(self._engine) as connection:
            rows = _stops(connection, sorted(set(lookups)))
        asked: dict[str, bool] = {"": True}
        for _, under in rows:
            if under not in asked:
                asked[under] = self._is_recorded(under)
        stopped = {lookup for lookup, under in rows if asked[under]}
        return {index for index, lookup in enumerate(lookups) if lookup in stopped}

    def unstop(self, identifier: str) -> bool:
        """
        Take somebody out of the register, because this person asked for it; whether anything was there.

        Durable on return. Nothing else is undone: who was erased stays erased.
        """
        [lookup] = self._stop_lookups([identifier])
        with reading(self._engine) as connection:
            waiting = [under for _, under in _stops(connection, [lookup]) if under]
        positions = [self._position_of(under) for under in waiting]
        with writing(self._engine) as connection:
            note(connection, positions)
            removed = connection.execute(delete(vault_stop).where(vault_stop.c.lookup == lookup)).rowcount
        if removed:
            self._leave_no_trace()
        return removed > 0

    def _stop_lookups(self, identifiers: Sequence[str]) -> list[str]:
        key = sealing.stop_key(self._keys.secret("stop"))
        return [sealing.stop(key, identifier) for identifier in identifiers]


def _stops(connection: Connection, lookups: Sequence[str]) -> list[tuple[str, str]]:
    """Rows of the register: lookup, and the key of the entry that it waits for, empty when it came."""
    if not lookups:
        return []
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(_FIND_POSTGRESQL, (list(lookups),))
    else:
        rows = connection.exec_driver_sql(_FIND_SQLITE, (json.dumps(lookups),))
    return [(lookup, under) for lookup, under in rows]
