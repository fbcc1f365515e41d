"""Finding: from an identifier to the random reference of a person at one controller."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select

from consent_ledger.database import reading, writing
from consent_ledger.vault.erasing import Erasing
from consent_ledger.vault.pending import claim, freshen
from consent_ledger.vault.persons import New, make_persons
from consent_ledger.vault.room import seconds
from consent_ledger.vault.tables import vault_person
from consent_ledger.vocabulary import PartyId, PersonRef


class Finding(Erasing):
    """Who is whom. Whose erasure is recorded is found by nobody, also before it is done."""

    __slots__ = ()

    def persons(self, controller: PartyId, identifiers: Sequence[str], *, under: str) -> list[PersonRef]:
        """
        The references of these identifiers at `controller`, in their order; new persons are made.

        Durable on return. Equal identifiers get equal references, also from two processes at once. New
        persons are pending under `under`, the idempotency key of the entry that will record them.
        """
        wanted = [self._keys.lookup(controller, identifier) for identifier in identifiers]
        distinct = sorted(set(wanted))  # in one order everywhere: two imports at once cannot deadlock
        with reading(self._engine) as connection:
            known = self._known(connection, controller, distinct, self._keys.epochs(connection))
        if known and self._finish_met(controller, (row.ref for row in known.values())):
            return self.persons(controller, identifiers, under=under)
        unsettled = [lookup for lookup in distinct if lookup not in known or known[lookup].is_pending]
        if unsettled:
            with writing(self._engine) as connection:
                epochs = self._keys.held(connection)
                now = self._known(connection, controller, unsettled, epochs)
                missing = [lookup for lookup in unsettled if lookup not in now]
                make_persons(connection, self._new(controller, missing, under, epochs[0]))
                now |= self._known(connection, controller, missing, epochs)
                freshen(connection, controller, under)
                others = {row.ref for row in now.values() if row.is_pending and row.under != under}
                claim(connection, controller, [(ref, under) for ref in sorted(others)])
            known |= now
        return [known[lookup].ref for lookup in wanted]

    def find(self, controller: PartyId, identifier: str) -> PersonRef | None:
        """The reference of one identifier at `controller`, or None; makes nobody."""
        wanted = self._keys.lookup(controller, identifier)
        with reading(self._engine) as connection:
            known = self._known(connection, controller, [wanted], self._keys.epochs(connection))
        if wanted not in known:
            return None
        if self._finish_met(controller, [known[wanted].ref]):
            return self.find(controller, identifier)
        return known[wanted].ref

    def references(
        self, identifier: str, *, controllers: Iterable[PartyId] | None = None
    ) -> list[tuple[PartyId, PersonRef]]:
        """
        Where this identifier is known, and as whom: for one act that holds everywhere, and for access.

        At all controllers that the vault knows, when none are named; in order of controller.
        """
        asked = self._controllers() if controllers is None else sorted(set(controllers))
        found = ((controller, self.find(controller, identifier)) for controller in asked)
        return [(controller, ref) for controller, ref in found if ref is not None]

    def _controllers(self) -> list[PartyId]:
        """Each controller once, by as many steps along the index; DISTINCT would read every person."""
        with reading(self._engine) as connection:
            found: list[PartyId] = []
            while True:
                last = found[-1] if found else ""
                query = select(func.min(vault_person.c.controller)).where(vault_person.c.controller > last)
                step: str | None = connection.scalar(query)
                if step is None:
                    return found
                found.append(PartyId(step))

    def _new(self, controller: PartyId, lookups: Sequence[bytes], under: str, epoch: int) -> list[New]:
        made = seconds()
        rows = []
        for lookup in lookups:
            ref = PersonRef(os.urandom(16).hex())
            stored = self._keys.sealed_lookup(controller, lookup, epoch)
            data, evidence = self._keys.new(controller, ref, epoch)
            rows.append(New(controller, ref, stored, epoch, data, evidence, under, made))
        return rows
