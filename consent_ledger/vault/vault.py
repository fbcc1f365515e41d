"""
The vault: the one place that knows who is behind a person's reference, and that can forget it.

It stands in its own database file (or schema), is never in the main backup, and is read by nobody but
the doors of intake and consent. Per controller and person it keeps a random reference, and two random
keys: *data*, destroyed at erasure, and *evidence*, kept until the limitation date so that it can be shown
that, when and under which notice a person spoke. No identifier is kept, only the keyed value that finds
its reference again. The cryptography stands in `consent_ledger.sealing`.

**Inert until recorded.** The ledger entry is the commit point; what the vault writes comes before it,
under the entry's idempotency key (`under`), and is pending until that entry exists:

- crash before the vault commits: nothing happened;
- crash between vault and entry: rows without an entry. They name nobody in any other table; a repeat
  under the same key finds them again, and `sweep` forgets them;
- crash after the entry: the rows count. `sweep` sees the entry and takes them out of its list.

A pending person may be met by a second import before the first has its entry. Each key that meets a
pending person lays a claim on it, and the person is forgotten only when none of these keys got its
entry: so a failed first import cannot take away a person whom the second one recorded.

What someone who reads this file could do without the keyring: count persons per controller. With the
keyring: find out whether a known address is here, and open every payload.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, Row, insert, select

from consent_ledger.canonical import Json, canonical
from consent_ledger.database import reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.vault import sealing
from consent_ledger.vault.keys import Keys
from consent_ledger.vault.pending import claim, forget, freshen, keep, seconds, waiting
from consent_ledger.vault.persons import New, known_persons, make_persons
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import vault_payload, vault_person
from consent_ledger.vocabulary import PartyId, PersonRef

__all__ = ["Opening", "Statement", "Vault", "VaultConflict", "VaultRefused"]

_NOW = timedelta(0)
_CHUNK = 5_000  # values in one IN: SQLite allows 32,766 parameters

_payload_rows = select(
    vault_payload.c.controller,
    vault_payload.c.under,
    vault_payload.c.person,
    vault_payload.c.payload,
    vault_person.c.epoch,
    vault_person.c.evidence_key,
).join_from(
    vault_payload,
    vault_person,
    (vault_person.c.controller == vault_payload.c.controller)
    & (vault_person.c.ref == vault_payload.c.person)
    & vault_person.c.evidence_key.is_not(None),
)


class VaultConflict(VaultRefused):
    """Under this idempotency key something else was sealed before."""

    def __init__(self) -> None:
        super().__init__(
            "IDEMPOTENCY_CONFLICT", "Under this idempotency key something else was sealed before."
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """What one person said, to be sealed under the idempotency key of its entry."""

    person: PersonRef
    under: str
    payload: Mapping[str, Json] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """What one commitment was made of. Whoever holds payload and opening can check it, and no other one."""

    controller: PartyId
    under: str
    person: PersonRef
    payload: bytes = field(repr=False)
    opening: bytes = field(repr=False)


class Vault:
    """Persons, their keys and what they said. Safe between threads and processes."""

    __slots__ = ("_engine", "_keys")

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        with writing(engine) as connection:
            self._keys = Keys(keyring, connection)

    def __repr__(self) -> str:
        return "<Vault>"

    @classmethod
    def open(cls, engine: Engine, keyring: Keyring) -> Self:
        """
        Open the vault in `engine` (login VAULT, migrated) with the secrets of `keyring`.

        Raises `VaultRefused` when the vault was sealed with another keyring: going on would make a new
        person of everybody.
        """
        return cls(engine, keyring)

    def persons(self, controller: PartyId, identifiers: Sequence[str], *, under: str) -> list[PersonRef]:
        """
        The references of these identifiers at `controller`, in their order; new persons are made.

        Durable on return. Equal identifiers get equal references, also from two processes at once. New
        persons are pending under `under`, the idempotency key of the entry that will record them.
        """
        wanted = self._lookups(controller, identifiers)
        distinct = sorted(set(wanted))  # in one order everywhere: two imports at once cannot deadlock
        with reading(self._engine) as connection:
            known = known_persons(connection, controller, distinct)
        unsettled = [lookup for lookup in distinct if lookup not in known or known[lookup].is_pending]
        if unsettled:
            with writing(self._engine) as connection:
                now = known_persons(connection, controller, unsettled)
                missing = [lookup for lookup in unsettled if lookup not in now]
                make_persons(connection, self._new(controller, missing, under))
                now |= known_persons(connection, controller, missing)
                freshen(connection, controller, under)
                others = {row.ref for row in now.values() if row.is_pending and row.under != under}
                claim(connection, controller, [(ref, under) for ref in sorted(others)])
            known |= now
        return [known[lookup].ref for lookup in wanted]

    def find(self, controller: PartyId, identifier: str) -> PersonRef | None:
        """The reference of one identifier at `controller`, or None; makes nothing."""
        [wanted] = self._lookups(controller, [identifier])
        with reading(self._engine) as connection:
            row = known_persons(connection, controller, [wanted]).get(wanted)
        return None if row is None else row.ref

    def commit(
        self, controller: PartyId, person: PersonRef, *, under: str, payload: Mapping[str, Json]
    ) -> str:
        """
        Seal `payload` under `under` and return its commitment, 64 hexadecimal digits for the entry.

        Durable on return. Repeatable: the same payload under the same key gives the same commitment.
        Raises `VaultConflict` when something else was sealed under that key, `VaultRefused` when the
        person is unknown or forgotten.
        """
        [commitment] = self.commit_all(controller, [Statement(person, under, payload)])
        return commitment

    def commit_all(self, controller: PartyId, statements: Sequence[Statement]) -> list[str]:
        """Like `commit`, for many at once: all are sealed, or none."""
        plain = [canonical(statement.payload) for statement in statements]
        with writing(self._engine) as connection:
            evidence = self._evidence(connection, controller, {each.person for each in statements})
            sealed = self._sealed(connection, controller, {each.under for each in statements})
            commitments, rows, touched = [], [], set()
            made = seconds()
            for each, payload in zip(statements, plain, strict=True):
                if each.person not in evidence:
                    raise VaultRefused(
                        "PERSON_UNKNOWN", "No such person is known here, or the person was forgotten."
                    )
                key = evidence[each.person]
                if each.under in sealed:
                    if sealed[each.under] != (each.person, payload):
                        raise VaultConflict
                else:
                    sealed[each.under] = (each.person, payload)
                    bound = _bound_payload(controller, each.person, each.under)
                    rows.append(
                        {
                            "controller": controller,
                            "under": each.under,
                            "person": each.person,
                            "payload": sealing.seal(sealing.payload_key(key, each.under), payload, bound),
                            "made": made,
                        }
                    )
                touched.add((each.person, each.under))
                commitments.append(sealing.commitment(sealing.opening(key, each.under), payload))
            if rows:
                connection.execute(insert(vault_payload), rows)
            pending = self._pending(connection, controller, (person for person, _ in touched))
            claims = [(ref, under) for ref, under in sorted(touched) if pending.get(ref, under) != under]
            claim(connection, controller, claims)
        return commitments

    def opening(self, under: str, *, controller: PartyId | None = None) -> Opening:
        """
        What was sealed under `under`, and what opens its commitment.

        Idempotency keys are chosen by those who call, so two controllers may have used the same one;
        then `controller` must be said. Raises `VaultRefused` when there is nothing to open.
        """
        query = _payload_rows.where(vault_payload.c.under == under)
        if controller is not None:
            query = query.where(vault_payload.c.controller == controller)
        with reading(self._engine) as connection:
            rows = connection.execute(query.limit(2)).all()
        if len(rows) != 1:
            raise VaultRefused(
                "NOTHING_SEALED", "Nothing that can be opened was sealed under this idempotency key."
            )
        [row] = rows
        return self._opened(row, self._key_of(row))

    @staticmethod
    def opens(commitment: str, payload: bytes, opening: bytes) -> bool:
        """Whether this payload and this opening are what the commitment was made of."""
        return sealing.opens(commitment, payload, opening)

    def payloads(self) -> Iterator[Opening]:
        """
        Everything that can still be opened, person by person: what standing is rebuilt from.

        Includes what is pending: who rebuilds joins by `under` with the entries that exist.
        """
        query = _payload_rows.order_by(
            vault_payload.c.controller, vault_payload.c.person, vault_payload.c.under
        )
        held: tuple[str, str] | None = None
        evidence = b""
        with (
            reading(self._engine) as connection,
            connection.execution_options(yield_per=1000).execute(query) as result,
        ):
            for row in result:
                if held != (row.controller, row.person):
                    held, evidence = (row.controller, row.person), self._key_of(row)
                yield self._opened(row, evidence)

    def sweep(self, is_recorded: Callable[[str], bool], *, older_than: timedelta = _NOW) -> int:
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
        with writing(self._engine) as connection:
            keep(connection, sorted(recorded))
            forgotten = forget(connection, sorted(pending - recorded), until)
        if forgotten and self._engine.dialect.name == "sqlite":
            self._empty_write_ahead_log()
        return forgotten

    def _evidence(
        self, connection: Connection, controller: PartyId, persons: set[PersonRef]
    ) -> dict[PersonRef, bytes]:
        """The evidence keys of those persons who still have one."""
        keys = {}
        for chunk in _chunks(sorted(persons)):
            query = select(vault_person.c.ref, vault_person.c.epoch, vault_person.c.evidence_key).where(
                vault_person.c.controller == controller,
                vault_person.c.ref.in_(chunk),
                vault_person.c.evidence_key.is_not(None),
            )
            for ref, epoch, wrapped in connection.execute(query):
                keys[PersonRef(ref)] = self._keys.evidence(controller, ref, epoch, wrapped)
        return keys

    def _lookups(self, controller: PartyId, identifiers: Iterable[str]) -> list[str]:
        key = self._keys.lookup(controller)
        return [sealing.lookup(key, identifier) for identifier in identifiers]

    def _new(self, controller: PartyId, lookups: Sequence[str], under: str) -> list[New]:
        made = seconds()
        rows = []
        for lookup in lookups:
            ref = PersonRef(os.urandom(16).hex())
            data, evidence = self._keys.new(controller, ref)
            rows.append(New(controller, ref, lookup, self._keys.epoch, data, evidence, under, made))
        return rows

    def _pending(
        self, connection: Connection, controller: PartyId, persons: Iterable[PersonRef]
    ) -> dict[str, str | None]:
        """Those of `persons` who are pending, and the key that made them."""
        pending: dict[str, str | None] = {}
        for chunk in _chunks(sorted(set(persons))):
            query = select(vault_person.c.ref, vault_person.c.under).where(
                vault_person.c.controller == controller,
                vault_person.c.ref.in_(chunk),
                vault_person.c.made.is_not(None),
            )
            pending.update((ref, under) for ref, under in connection.execute(query))
        return pending

    def _sealed(
        self, connection: Connection, controller: PartyId, unders: set[str]
    ) -> dict[str, tuple[PersonRef, bytes]]:
        """What was sealed before under these keys."""
        sealed = {}
        for chunk in _chunks(sorted(unders)):
            query = _payload_rows.where(
                vault_payload.c.controller == controller, vault_payload.c.under.in_(chunk)
            )
            for row in connection.execute(query):
                opened = self._opened(row, self._key_of(row))
                sealed[row.under] = (opened.person, opened.payload)
        return sealed

    def _key_of(self, row: Row[*tuple[Any, ...]]) -> bytes:
        return self._keys.evidence(row.controller, row.person, row.epoch, row.evidence_key)

    def _opened(self, row: Row[*tuple[Any, ...]], evidence: bytes) -> Opening:
        bound = _bound_payload(row.controller, row.person, row.under)
        return Opening(
            PartyId(row.controller),
            row.under,
            PersonRef(row.person),
            sealing.unseal(sealing.payload_key(evidence, row.under), row.payload, bound),
            sealing.opening(evidence, row.under),
        )

    def _empty_write_ahead_log(self) -> None:
        """`secure_delete` overwrites in the database; the deleted pages stand in the log until it is cut."""
        raw = self._engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.close()
        finally:
            raw.close()


T = TypeVar("T")


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


def _bound_payload(controller: str, person: str, under: str) -> bytes:
    return f"cultuurinzicht/payload/1\0{controller}\0{person}\0{under}".encode()
