"""
Whether this vault carried out all that the ledger tells of: who is erased, and who stays out.

The vault notes the position of the newest such entry that it carried out, in the transaction that does it.
A vault that was put back to an earlier moment knows nothing of the entries after it, and would let those
persons in again; its note tells.

Why the newest position is enough: what an entry asks for waits in the vault before the entry is there, and
goes only when it is carried out. So a vault that held to the ledger once, as every start asks before
anything else, has each entry above its note among what waits, whatever the order in which they are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, select, text

from consent_ledger.database import reading, writing
from consent_ledger.vault.room import Room
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import vault_carried_out, vault_erasure, vault_stop

TakenOut = Callable[[int], Iterable[tuple[int, str]]]
"""Position and idempotency key of each `subject.erased` and `subject.stopped` after a position."""

_NONE = -1

_BEGIN = text("INSERT INTO vault_carried_out (number, position) VALUES (1, :position) ON CONFLICT DO NOTHING")
_RAISE = text(
    "UPDATE vault_carried_out SET position = :position WHERE position IS NULL OR position < :position"
)


def note(connection: Connection, positions: Iterable[int | None]) -> None:
    """Note that the entries at these positions are carried out. Repeatable; a position never goes back."""
    newest = max((position for position in positions if position is not None), default=None)
    if newest is not None:
        connection.execute(_BEGIN, {"position": newest})
        connection.execute(_RAISE, {"position": newest})


class Carrying(Room):
    """Holding the vault to the ledger."""

    __slots__ = ()

    def hold_to(self, taken_out: TakenOut) -> None:
        """
        See that no entry tells of an erasure or a stop that this vault does not know. Repeatable.

        Called at start, before what waits is finished: that would raise the note. A vault of before
        there was a note is taken as it is, once. Raises `VaultRefused`: `VAULT_BEHIND`.
        """
        with reading(self._engine) as connection:
            is_old, noted = _noted(connection)
        entries = list(taken_out(noted))
        if is_old:
            with writing(self._engine) as connection:
                note(connection, [_NONE, *(position for position, _ in entries)])
            return
        with reading(
            self._engine
        ) as connection:  # begun after the entries: another process may carry out now
            _, noted = _noted(connection)
            waiting = {*connection.scalars(select(vault_erasure.c.under))}
            waiting |= {*connection.scalars(select(vault_stop.c.under).where(vault_stop.c.under != ""))}
        unknown = sum(position > noted and under not in waiting for position, under in entries)
        if unknown:
            raise VaultRefused(
                "VAULT_BEHIND",
                f"The vault was put back to an earlier moment: the ledger tells of {unknown} later erasures or"
                " stops that it does not know, and it would let these persons in again. Restore the newest"
                " vault.",
            )


def _noted(connection: Connection) -> tuple[bool, int]:
    """Whether the vault is of before there was a note, and the position that is noted."""
    row = connection.execute(select(vault_carried_out.c.position)).first()
    if row is None:
        return False, _NONE
    return row.position is None, _NONE if row.position is None else row.position
