"""Statements: what persons said, sealed so that each can be opened alone, and lost with the person."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select
from sqlalchemy.exc import IntegrityError

from consent_ledger.canonical import Json, canonical
from consent_ledger.database import reading, writing
from consent_ledger.vault import sealing
from consent_ledger.vault.pending import OF_BATCH, claim
from consent_ledger.vault.room import Room, chunks, seconds
from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import vault_payload, vault_person
from consent_ledger.vocabulary import PartyId, PersonRef

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
    """
    What one person said, to be sealed under the idempotency key of its entry.

    `payload` is the minimal proof: act, purpose, notice, day. The commitment covers it, and it stays as
    evidence. `attributes` are what else is known (exact time, channel); erasure takes them at once.
    """

    person: PersonRef
    under: str
    payload: Mapping[str, Json] = field(repr=False)
    attributes: Mapping[str, Json] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """What one commitment was made of. Whoever holds payload and opening can check it, and no other one."""

    controller: PartyId
    under: str
    person: PersonRef
    payload: bytes = field(repr=False)
    opening: bytes = field(repr=False)

    @property
    def entry(self) -> str:
        """The idempotency key of the entry that it belongs to, alone or in a batch."""
        return self.under.partition(OF_BATCH)[0]


@dataclass(frozen=True, slots=True)
class PersonKeys:
    """A living person's two keys, opened, while something is sealed."""

    data: bytes = field(repr=False)
    evidence: bytes = field(repr=False)


class Statements(Room):
    """Sealing and opening."""

    __slots__ = ()

    def commit(
        self,
        controller: PartyId,
        person: PersonRef,
        *,
        under: str,
        payload: Mapping[str, Json],
        attributes: Mapping[str, Json] | None = None,
    ) -> str:
        """
        Seal `payload` under `under` and return its commitment, 64 hexadecimal digits for the entry.

        Durable on return. Repeatable: the same payload under the same key gives the same commitment, and
        the first attributes stay. Raises `VaultConflict` when something else was sealed under that key,
        `VaultRefused` when the person is unknown or forgotten.
        """
        [commitment] = self.commit_all(controller, [Statement(person, under, payload, attributes)])
        return commitment

    def commit_all(self, controller: PartyId, statements: Sequence[Statement]) -> list[str]:
        """Like `commit`, for many at once: all are sealed, or none."""
        try:
            with writing(self._engine) as connection:
                return self._commit(connection, controller, statements, made=seconds())
        except (
            IntegrityError
        ):  # the same at the same moment elsewhere, or the person was just erased: look again
            with writing(self._engine) as connection:
                return self._commit(connection, controller, statements, made=seconds())

    def opening(self, under: str, *, controller: PartyId | None = None) -> Opening:
        """
        What was sealed under `under` (in a batch: its key, `#` and the index), and what opens its commitment.

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
        return self._opened(row, self._evidence_of(row))

    @staticmethod
    def opens(commitment: str, payload: bytes, opening: bytes) -> bool:
        """Whether this payload and this opening are what the commitment was made of."""
        return sealing.opens(commitment, payload, opening)

    def person_of(self, controller: PartyId, under: str) -> PersonRef | None:
        """Whose statement was sealed under this key; None when there is none, or no longer."""
        with reading(self._engine) as connection:
            query = select(vault_payload.c.person).where(
                vault_payload.c.controller == controller, vault_payload.c.under == under
            )
            found = connection.scalar(query)
        return None if found is None else PersonRef(found)

    def attributes(self, controller: PartyId, under: str) -> dict[str, Json] | None:
        """What else was known of a statement; None when nothing was, and once the person is erased."""
        query = (
            select(
                vault_payload.c.person,
                vault_payload.c.attributes,
                vault_person.c.epoch,
                vault_person.c.data_key,
            )
            .join_from(
                vault_payload,
                vault_person,
                (vault_person.c.controller == vault_payload.c.controller)
                & (vault_person.c.ref == vault_payload.c.person),
            )
            .where(
                vault_payload.c.controller == controller,
                vault_payload.c.under == under,
                vault_payload.c.attributes.is_not(None),
                vault_person.c.data_key.is_not(None),
            )
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        data = self._keys.data(controller, row.person, row.epoch, row.data_key)
        bound = _bound("attributes", controller, row.person, under)
        told: dict[str, Json] = json.loads(
            sealing.unseal(sealing.attributes_key(data, under), row.attributes, bound)
        )
        return told

    def said(self, controller: PartyId, person: PersonRef) -> list[Opening]:
        """All that one living person said at one controller, in order of key: for access."""
        of_this = (vault_payload.c.controller == controller, vault_payload.c.person == person)
        return list(self._open_all(_payload_rows.where(*of_this)))

    def payloads(self) -> Iterator[Opening]:
        """
        Everything that persons who were not erased said, person by person: what standing is rebuilt from.

        Includes what is pending: who rebuilds joins by `entry` with the entries that exist.
        """
        return self._open_all(_payload_rows)

    def _open_all(self, query: Select[*tuple[Any, ...]]) -> Iterator[Opening]:
        living = query.where(vault_person.c.data_key.is_not(None)).order_by(
            vault_payload.c.controller, vault_payload.c.person, vault_payload.c.under
        )
        held: tuple[str, str] | None = None
        evidence = b""
        with (
            reading(self._engine) as connection,
            connection.execution_options(yield_per=1000).execute(living) as result,
        ):
            for row in result:
                if held != (row.controller, row.person):
                    held, evidence = (row.controller, row.person), self._evidence_of(row)
                yield self._opened(row, evidence)

    def _commit(
        self,
        connection: Connection,
        controller: PartyId,
        statements: Sequence[Statement],
        *,
        made: int | None,
    ) -> list[str]:
        """The commitments; `made` is None for those who are pending with their batch."""
        keys = self._keys_of(connection, controller, {each.person for each in statements})
        sealed = self._sealed(connection, controller, {each.under for each in statements})
        commitments, rows, touched = [], [], set()
        for each in statements:
            payload = canonical(each.payload)
            if each.person not in keys:
                raise VaultRefused(
                    "PERSON_UNKNOWN", "No such person is known here, or the person was forgotten."
                )
            if each.under not in sealed:
                sealed[each.under] = (each.person, payload)
                rows.append(self._row(controller, each, payload, keys[each.person], made))
            elif sealed[each.under] != (each.person, payload):
                raise VaultConflict
            touched.add((each.person, each.under.partition(OF_BATCH)[0]))
            opening = sealing.opening(keys[each.person].evidence, each.under)
            commitments.append(sealing.commitment(opening, payload))
        if rows:
            connection.execute(insert(vault_payload), rows)
        pending = self._pending(connection, controller, (person for person, _ in touched))
        claims = [(ref, under) for ref, under in sorted(touched) if pending.get(ref, under) != under]
        claim(connection, controller, claims)
        return commitments

    @staticmethod
    def _row(
        controller: PartyId, each: Statement, payload: bytes, keys: PersonKeys, made: int | None
    ) -> dict[str, object]:
        evidence = sealing.payload_key(keys.evidence, each.under)
        bound = _bound("payload", controller, each.person, each.under)
        attributes = None
        if each.attributes is not None:
            attributes = sealing.seal(
                sealing.attributes_key(keys.data, each.under),
                canonical(each.attributes),
                _bound("attributes", controller, each.person, each.under),
            )
        return {
            "controller": controller,
            "under": each.under,
            "person": each.person,
            "payload": sealing.seal(evidence, payload, bound),
            "made": made,
            "attributes": attributes,
        }

    def _keys_of(
        self, connection: Connection, controller: PartyId, persons: set[PersonRef]
    ) -> dict[PersonRef, PersonKeys]:
        """The keys of those persons who are not erased."""
        keys = {}
        for chunk in chunks(sorted(persons)):
            query = select(
                vault_person.c.ref, vault_person.c.epoch, vault_person.c.data_key, vault_person.c.evidence_key
            ).where(
                vault_person.c.controller == controller,
                vault_person.c.ref.in_(chunk),
                vault_person.c.data_key.is_not(None),
                vault_person.c.evidence_key.is_not(None),
            )
            for ref, epoch, data, evidence in connection.execute(query):
                keys[PersonRef(ref)] = PersonKeys(
                    self._keys.data(controller, ref, epoch, data),
                    self._keys.evidence(controller, ref, epoch, evidence),
                )
        return keys

    def _pending(
        self, connection: Connection, controller: PartyId, persons: Iterable[PersonRef]
    ) -> dict[str, str | None]:
        """Those of `persons` who are pending, and the key that made them."""
        pending: dict[str, str | None] = {}
        for chunk in chunks(sorted(set(persons))):
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
        for chunk in chunks(sorted(unders)):
            query = _payload_rows.where(
                vault_payload.c.controller == controller, vault_payload.c.under.in_(chunk)
            )
            for row in connection.execute(query):
                opened = self._opened(row, self._evidence_of(row))
                sealed[row.under] = (opened.person, opened.payload)
        return sealed

    def _evidence_of(self, row: Row[*tuple[Any, ...]]) -> bytes:
        return self._keys.evidence(row.controller, row.person, row.epoch, row.evidence_key)

    def _opened(self, row: Row[*tuple[Any, ...]], evidence: bytes) -> Opening:
        bound = _bound("payload", row.controller, row.person, row.under)
        return Opening(
            PartyId(row.controller),
            row.under,
            PersonRef(row.person),
            sealing.unseal(sealing.payload_key(evidence, row.under), row.payload, bound),
            sealing.opening(evidence, row.under),
        )


def _bound(what: str, controller: str, person: str, under: str) -> bytes:
    """What a sealed statement is bound to: it opens in no other row or column."""
    return f"cultuurinzicht/{what}/1\0{controller}\0{person}\0{under}".encode()
