"""
What waits for its ledger entry: claims on pending persons, and what becomes of them.

Why claims, and why that is safe, stands in `consent_ledger.vault.vault`.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, exists, select, text, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from consent_ledger.tree import HASH_SIZE
from consent_ledger.vault.room import chunks, seconds
from consent_ledger.vault.tables import vault_batch, vault_claim, vault_payload, vault_person, vault_stop
from consent_ledger.vocabulary import PartyId, PersonRef

_KEEP_STOP = text(  # one row stays of who was stopped, and it does not tell by which entry
    "INSERT INTO vault_stop (lookup, under) SELECT lookup, '' FROM vault_stop WHERE under = :under"
    " ON CONFLICT DO NOTHING"
)

OF_BATCH = "#"
"""Between the key of a batch and the index in it; no idempotency key has this sign."""


def freshen(connection: Connection, controller: PartyId, under: str) -> None:
    """A repeat under the same key makes its persons as good as new: an import under way is not swept."""
    connection.execute(
        update(vault_person)
        .where(
            vault_person.c.controller == controller,
            vault_person.c.under == under,
            vault_person.c.made.is_not(None),
        )
        .values(made=seconds())
    )


def claim(connection: Connection, controller: PartyId, claims: Iterable[tuple[PersonRef, str]]) -> None:
    """Lay claims: person and idempotency key. Repeatable."""
    made = seconds()
    rows = [
        {"controller": controller, "person": person, "under": under, "made": made} for person, under in claims
    ]
    if not rows:
        return
    keys = ["controller", "person", "under"]
    if connection.dialect.name == "postgresql":
        pg = postgresql.insert(vault_claim)
        connection.execute(
            pg.on_conflict_do_update(index_elements=keys, set_={"made": pg.excluded.made}), rows
        )
    else:
        lite = sqlite.insert(vault_claim)
        connection.execute(
            lite.on_conflict_do_update(index_elements=keys, set_={"made": lite.excluded.made}), rows
        )


def waiting(connection: Connection, until: int) -> set[str]:
    """The idempotency keys under which something is pending since `until` or longer."""
    keys = set[str]()
    for table in (vault_person, vault_claim, vault_payload, vault_batch, vault_stop):
        query = select(table.c.under).where(table.c.made <= until, table.c.under.is_not(None)).distinct()
        keys.update(connection.scalars(query))
    return keys


def stops_waiting(connection: Connection, unders: Iterable[str]) -> set[str]:
    """Those of these keys under which somebody waits to be kept out."""
    query = select(vault_stop.c.under).where(vault_stop.c.under.in_(sorted(unders)))
    return set(connection.scalars(query))


def keep(connection: Connection, unders: Iterable[str]) -> None:
    """These keys have their entry: what they made or met is pending no more. Repeatable."""
    for under in unders:
        met = select(vault_claim.c.controller, vault_claim.c.person).where(vault_claim.c.under == under)
        for recorded in (
            vault_person.c.under == under,
            tuple_(vault_person.c.controller, vault_person.c.ref).in_(met),
        ):
            connection.execute(update(vault_person).where(recorded).values(under=None, made=None))
        for table in (vault_payload, vault_batch):
            connection.execute(update(table).where(table.c.under == under).values(made=None))
        connection.execute(_KEEP_STOP, {"under": under})
        connection.execute(delete(vault_stop).where(vault_stop.c.under == under))
    settled = exists().where(
        vault_person.c.controller == vault_claim.c.controller,
        vault_person.c.ref == vault_claim.c.person,
        vault_person.c.made.is_(None),
    )
    connection.execute(delete(vault_claim).where(settled))


def forget(connection: Connection, unders: list[str], until: int) -> int:
    """These keys never got their entry: what they alone made goes. Returns how many persons and payloads."""
    forgotten = 0
    for under in unders:
        forgotten += _forget_batches(connection, under, until)
        payloads = delete(vault_payload).where(vault_payload.c.under == under, vault_payload.c.made <= until)
        forgotten += connection.execute(payloads).rowcount
        for table in (vault_claim, vault_batch, vault_stop):
            connection.execute(delete(table).where(table.c.under == under, table.c.made <= until))
        # the maker gave up; another key may still hold a claim
        connection.execute(
            update(vault_person)
            .where(vault_person.c.under == under, vault_person.c.made <= until)
            .values(under=None)
        )
    claimed = exists().where(
        vault_claim.c.controller == vault_person.c.controller, vault_claim.c.person == vault_person.c.ref
    )
    nobodys = delete(vault_person).where(
        vault_person.c.made.is_not(None), vault_person.c.under.is_(None), ~claimed
    )
    return forgotten + connection.execute(nobodys).rowcount


def _forget_batches(connection: Connection, under: str, until: int) -> int:
    query = select(vault_batch.c.controller, vault_batch.c.commitments).where(
        vault_batch.c.under == under, vault_batch.c.made <= until
    )
    forgotten = 0
    for controller, commitments in connection.execute(query).all():
        items = [f"{under}{OF_BATCH}{index}" for index in range(len(commitments) // HASH_SIZE)]
        for chunk in chunks(items):
            rows = delete(vault_payload).where(
                vault_payload.c.controller == controller, vault_payload.c.under.in_(chunk)
            )
            forgotten += connection.execute(rows).rowcount
    return forgotten
