"""
What waits for its ledger entry: claims on pending persons, and what becomes of them.

Why claims, and why that is safe, stands in `consent_ledger.vault.vault`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import Connection, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from consent_ledger.vault.tables import vault_claim, vault_payload, vault_person
from consent_ledger.vocabulary import PartyId, PersonRef


def seconds() -> int:
    """
    The machine's own time in whole seconds: it tells old from under way, and reaches no answer.

    The house's clock may be simulated and stand still; a process that died did so in real time.
    """
    return int(time.time())


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
    for table in (vault_person, vault_claim, vault_payload):
        query = select(table.c.under).where(table.c.made <= until, table.c.under.is_not(None)).distinct()
        keys.update(connection.scalars(query))
    return keys


def keep(connection: Connection, unders: list[str]) -> None:
    """These keys have their entry: what they made or met is pending no more."""
    for under in unders:
        met = exists().where(
            vault_claim.c.controller == vault_person.c.controller,
            vault_claim.c.person == vault_person.c.ref,
            vault_claim.c.under == under,
        )
        for recorded in (vault_person.c.under == under, met):
            connection.execute(update(vault_person).where(recorded).values(under=None, made=None))
        connection.execute(update(vault_payload).where(vault_payload.c.under == under).values(made=None))
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
        payloads = delete(vault_payload).where(vault_payload.c.under == under, vault_payload.c.made <= until)
        forgotten += connection.execute(payloads).rowcount
        connection.execute(
            delete(vault_claim).where(vault_claim.c.under == under, vault_claim.c.made <= until)
        )
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
