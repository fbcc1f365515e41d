"""
Who bought the lines of a delivery: the vault's references, and nobody for those who asked to stay out.

The stop register is asked first, so that no one in it is made known to the vault again. Between this
and the import's entry somebody may be erased or ask to stay out; `still_hold` sees it, inside the entry's
own transaction, where nothing can come in between any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from consent_ledger.database import reading
from consent_ledger.entry import EntryType
from consent_ledger.log import ledger_entry, ledger_head
from consent_ledger.vault import Vault
from consent_ledger.vocabulary import PartyId, PersonRef

_TAKES_OUT = (EntryType.SUBJECT_ERASED.value, EntryType.SUBJECT_STOPPED.value)


@dataclass(frozen=True, slots=True)
class Buyers:
    """`persons` of the lines, in their order; the lines of those kept out; the ledger's size before that."""

    persons: tuple[PersonRef | None, ...]
    kept_out: frozenset[int]
    size: int


class Door:
    """Where identifiers end: they go no further than the vault."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault

    def meet(self, institution: PartyId, identifiers: Sequence[str | None], *, under: str) -> Buyers:
        """
        Who these are at `institution`; new persons are made, pending under `under`. Repeatable.

        Two calls of the vault, whatever their number: one asks who stays out, one finds the others.
        """
        with reading(self._engine) as connection:
            size = connection.execute(select(ledger_head.c.size)).scalar_one()
        distinct = _distinct(identifiers)
        stopped = self._stopped(distinct)
        welcome = [identifier for identifier in distinct if identifier not in stopped]
        refs = self._vault.persons(institution, welcome, under=under) if welcome else []
        known: dict[str | None, PersonRef] = dict(zip(welcome, refs, strict=True))
        return Buyers(
            tuple(known.get(identifier) for identifier in identifiers),
            frozenset(at for at, identifier in enumerate(identifiers) if identifier in stopped),
            size,
        )

    def still_hold(
        self, connection: Connection, institution: PartyId, identifiers: Sequence[str | None], met: Buyers
    ) -> bool:
        """
        Whether all who were met may still come in, by what stands in the transaction of `connection`.

        Nearly always one look at the newest entries; the vault is asked when one of them takes somebody out.
        """
        came = select(ledger_entry.c.seq).where(
            ledger_entry.c.seq >= met.size, ledger_entry.c.type.in_(_TAKES_OUT)
        )
        if connection.execute(came.limit(1)).first() is None:
            return True
        kept_out = {identifiers[at] for at in met.kept_out}
        if self._stopped(_distinct(identifiers)) != kept_out:
            return False
        return not self._vault.gone(institution, {person for person in met.persons if person is not None})

    def _stopped(self, distinct: Sequence[str]) -> set[str]:
        return {distinct[at] for at in self._vault.stopped(distinct)} if distinct else set()


def _distinct(identifiers: Sequence[str | None]) -> list[str]:
    return list(dict.fromkeys(identifier for identifier in identifiers if identifier))
