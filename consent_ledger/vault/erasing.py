"""
Erasing: how a person is forgotten, and by which of two clocks.

At once: the *data* key, the lookup by which the identifier found the reference, and the attributes of
what the person said. At the limitation date that the controller chose: the *evidence* key and the
payloads, with which it can be shown until then that, when and under which notice a person spoke. Without
such a date both go at once, and nothing of the person stays.

**The entry `subject.erased` is the commit point**, as it is for what is made, but destruction comes after it:

1. `plan_erasure` keeps, durably and under the entry's idempotency key, what will be done; inert;
2. the entry is appended (its rider severs the person from lines and standing in the main database);
3. `settle` (or `finish_erasures`) destroys, cuts SQLite's log, and only then takes the plan away.

A crash between 1 and 2 leaves a plan without entry: it is dropped when it is a day old. A crash between 2
and 3, or within 3, leaves a plan with its entry: it is finished at the next start, and before that by
whichever process meets the person, because finding asks the ledger about everybody who is planned.

Nobody is linked again: the same identifier gets a new reference, and what was erased names nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from consent_ledger.database import reading, writing
from consent_ledger.vault.carrying import note
from consent_ledger.vault.pending import keep, stops_waiting
from consent_ledger.vault.room import IsRecorded, Room, chunks, seconds
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import vault_claim, vault_erasure, vault_payload, vault_person
from consent_ledger.vocabulary import ErasureMode, PartyId, PersonRef

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Erased:
    """A person who is gone from the vault, and until which day evidence is kept of what was said."""

    controller: PartyId
    person: PersonRef
    request_sha256: str
    evidence_until: date | None


@dataclass(frozen=True, slots=True)
class Planned(Erased):
    """An erasure that waits for its entry, or was recorded and not yet done."""

    under: str
    mode: ErasureMode


class Erasing(Room):
    """Plans, destruction, and the clock of evidence."""

    __slots__ = ()

    def plan_erasure(
        self,
        controller: PartyId,
        person: PersonRef,
        *,
        under: str,
        request_sha256: str,
        mode: ErasureMode,
        evidence_until: date | None = None,
    ) -> None:
        """
        Keep that this person will be erased when the entry with the key `under` exists; durable on return.

        Repeatable. Raises `VaultRefused`: `PERSON_UNKNOWN`, or `IDEMPOTENCY_CONFLICT` when another
        erasure was planned under that key.
        """
        plan = Planned(controller, person, request_sha256, evidence_until, under, mode)
        try:
            self._plan(plan)
        except IntegrityError:  # the same at the same moment elsewhere: look again
            self._plan(plan)

    def _plan(self, plan: Planned) -> None:
        controller, person, under = plan.controller, plan.person, plan.under
        with writing(self._engine) as connection:
            earlier = _plans(
                connection, vault_erasure.c.under == under, vault_erasure.c.controller == controller
            )
            if earlier == [plan]:
                return
            if earlier:
                raise VaultRefused(
                    "IDEMPOTENCY_CONFLICT", "Under this idempotency key another erasure was planned before."
                )
            if not _living(connection, controller, [person]):
                raise VaultRefused(
                    "PERSON_UNKNOWN", "No such person is known here, or the person was forgotten."
                )
            connection.execute(
                insert(vault_erasure).values(
                    controller=controller,
                    person=person,
                    under=under,
                    request_sha256=plan.request_sha256,
                    mode=plan.mode.value,
                    evidence_until=plan.evidence_until,
                    made=seconds(),
                )
            )

    def drop_erasure(self, controller: PartyId, *, under: str) -> None:
        """Drop a plan whose entry was refused, sooner than the sweep would."""
        with writing(self._engine) as connection:
            connection.execute(
                delete(vault_erasure).where(
                    vault_erasure.c.controller == controller, vault_erasure.c.under == under
                )
            )

    def finish_erasures(self, is_recorded: IsRecorded, *, older_than: timedelta = _DAY) -> list[Planned]:
        """
        Destroy what was planned and recorded; drop plans of before `older_than` that never got their entry.

        Called at start. Returns whom it erased. Repeatable, from several processes at once.
        """
        until = seconds() - int(older_than.total_seconds())
        with reading(self._engine) as connection:
            plans = _plans(connection)
            old = {
                (controller, under)
                for controller, under in connection.execute(
                    select(vault_erasure.c.controller, vault_erasure.c.under).where(
                        vault_erasure.c.made <= until
                    )
                )
            }
        recorded = [plan for plan in plans if is_recorded(plan.under)]
        self._finish(recorded)
        lost = [plan for plan in plans if plan not in recorded and (plan.controller, plan.under) in old]
        if lost:
            with writing(self._engine) as connection:
                _drop(connection, lost)
        return recorded

    def settle(self, under: str) -> list[Planned]:
        """
        Say that the entry with this key exists: what waited for it counts, and whom it erases is erased.

        To be called after the entry. Nothing depends on it but how soon; a crash before it is made up
        for at the next start, or when somebody meets the person.
        """
        with reading(self._engine) as connection:
            is_stop = bool(stops_waiting(connection, [under]))
        position = self._position_of(under) if is_stop else None
        with writing(self._engine) as connection:
            keep(connection, [under])
            note(connection, [position])
            plans = _plans(connection, vault_erasure.c.under == under)
        self._finish(plans)
        return plans

    def erase(
        self,
        controller: PartyId,
        person: PersonRef,
        *,
        request_sha256: str,
        evidence_until: date | None = None,
    ) -> Erased:
        """
        Erase one person, now; durable on return, repeatable. For whom an entry is to be recorded: `plan_erasure`.

        Whose evidence is kept loses it too when erased again without `evidence_until`; a day that was
        set is not put off. Raises `VaultRefused` when it is done but SQLite's log could not be cut yet.
        """
        erased = Erased(controller, person, request_sha256, evidence_until)
        with writing(self._engine) as connection:
            self._destroy(connection, [erased])
        if not self._leave_no_trace():
            raise VaultRefused(
                "VAULT_READ",
                "The person is erased, but somebody reads the vault for so long that its log cannot be"
                " emptied; ask again.",
            )
        return erased

    def expire_evidence(self, today: date) -> int:
        """Destroy the evidence of erased persons whose limitation date has passed; returns of how many."""
        with writing(self._engine) as connection:
            query = (
                select(vault_person.c.controller, vault_person.c.ref)
                .where(vault_person.c.data_key.is_(None), vault_person.c.evidence_until < today)
                .order_by(vault_person.c.controller, vault_person.c.ref)
                .with_for_update()
            )
            expired = [(row.controller, row.ref) for row in connection.execute(query)]
            _remove(connection, expired)
        if expired:
            self._leave_no_trace()
        return len(expired)

    def gone(self, controller: PartyId, persons: Iterable[PersonRef]) -> set[PersonRef]:
        """
        Those of `persons` who are erased, or whose erasure is recorded; for who held references for a while.

        An import that met a person before the erasure, and is recorded after it, severs these again.
        """
        asked = set(persons)
        with reading(self._engine) as connection:
            living = _living(connection, controller, sorted(asked))
            plans = _plans(connection, vault_erasure.c.controller == controller)
        recorded = {plan.person for plan in plans if self._is_recorded(plan.under)}
        return (asked - living) | (asked & recorded)

    def _finish_met(self, controller: PartyId, persons: Iterable[PersonRef]) -> bool:
        """Erase those of `persons` whose erasure is recorded and was not done: a process died before it."""
        met = set(persons)
        with reading(self._engine) as connection:
            plans = _plans(connection, vault_erasure.c.controller == controller)
        recorded = [plan for plan in plans if plan.person in met and self._is_recorded(plan.under)]
        self._finish(recorded)
        return bool(recorded)

    def _finish(self, plans: Sequence[Planned]) -> None:
        """Destroy, leave no trace, and only then forget the plan: a crash between is gone through again."""
        if not plans:
            return
        positions = [self._position_of(plan.under) for plan in plans]
        with writing(self._engine) as connection:
            self._destroy(connection, plans)
            note(connection, positions)
        if self._leave_no_trace():  # otherwise they are gone, and the plan stays until their traces are
            with writing(self._engine) as connection:
                _drop(connection, plans)
            self._leave_no_trace()  # not even of the plan: it names the reference and the request

    def _destroy(self, connection: Connection, erased: Sequence[Erased]) -> None:
        wholly = []
        for each in sorted(erased, key=lambda one: (one.controller, one.person)):
            row = (vault_person.c.controller == each.controller, vault_person.c.ref == each.person)
            # whoever seals something of this person now waits, and then finds nobody
            if connection.execute(select(vault_person.c.ref).where(*row).with_for_update()).first() is None:
                continue
            if each.evidence_until is None:
                wholly.append((each.controller, each.person))
                continue
            connection.execute(
                update(vault_person)
                .where(*row, vault_person.c.data_key.is_not(None))  # a day once set is not put off
                .values(
                    lookup=os.urandom(48).hex(),  # no null: SQLite cannot allow one later
                    data_key=None,
                    under=None,
                    made=None,
                    evidence_until=each.evidence_until,
                )
            )
            connection.execute(
                update(vault_payload)
                .where(vault_payload.c.controller == each.controller, vault_payload.c.person == each.person)
                .values(attributes=None)
            )
            connection.execute(
                delete(vault_claim).where(
                    vault_claim.c.controller == each.controller, vault_claim.c.person == each.person
                )
            )
        _remove(connection, wholly)


def _remove(connection: Connection, persons: Sequence[tuple[str, str]]) -> None:
    """Nothing of these persons stays. Commitments of a batch do: nobody can open them any more."""
    for chunk in chunks(persons):
        for table, column in (
            (vault_claim, vault_claim.c.person),
            (vault_payload, vault_payload.c.person),
            (vault_person, vault_person.c.ref),
        ):
            connection.execute(delete(table).where(tuple_(table.c.controller, column).in_(chunk)))


def _living(connection: Connection, controller: PartyId, persons: Sequence[PersonRef]) -> set[PersonRef]:
    """Those of `persons` who are known and not erased."""
    living = set[PersonRef]()
    for chunk in chunks(persons):
        query = select(vault_person.c.ref).where(
            vault_person.c.controller == controller,
            vault_person.c.ref.in_(chunk),
            vault_person.c.data_key.is_not(None),
        )
        living.update(PersonRef(ref) for ref in connection.scalars(query))
    return living


def _plans(connection: Connection, *which: ColumnElement[bool]) -> list[Planned]:
    rows = connection.execute(select(vault_erasure).where(*which))
    return [
        Planned(
            PartyId(row.controller),
            PersonRef(row.person),
            row.request_sha256,
            row.evidence_until,
            row.under,
            ErasureMode(row.mode),
        )
        for row in rows
    ]


def _drop(connection: Connection, plans: Sequence[Planned]) -> None:
    for plan in plans:
        connection.execute(
            delete(vault_erasure).where(
                vault_erasure.c.controller == plan.controller, vault_erasure.c.under == plan.under
            )
        )
