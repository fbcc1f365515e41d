"""
Who was counted in what left under an agreement: committed to in its entry, kept so that samples can be opened.

The commitment tells nobody anything without the secret; the secret opens any one person of the set, and
leaves the others closed. A set is kept once, for however many answers that counted the same persons.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from hmac import digest

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from consent_ledger.permit import Permit, Read
from consent_ledger.tree import Tree, leaf_hash
from consent_ledger.vocabulary import PersonRef, Position
from insight.tables import disclosure_secret, subject_set

_REF = 16


@dataclass(frozen=True, slots=True)
class Drawn:
    """One person drawn from the set that a disclosure counted: the leaf, its place and its proof."""

    person: PersonRef
    index: int
    leaf: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """Who was drawn, of how many, and the root that the leaves give."""

    size: int
    root: bytes
    drawn: tuple[Drawn, ...]


def commit_to_subjects(persons: Iterable[PersonRef], nonce: bytes) -> str:
    """
    A commitment to exactly this set of persons: the RFC 9162 root over HMAC-SHA256(nonce, reference), sorted.

    With the nonce, kept beside the entry, any one person can be shown to be in it.
    """
    tree = Tree()
    for leaf, _ in _leaves(persons, nonce):
        tree.append(leaf_hash(leaf))
    return tree.root().hex()


def keep_subjects(
    connection: Connection, position: Position, nonce: bytes, persons: Iterable[PersonRef]
) -> None:
    """Keep nonce and set, in the transaction of the disclosure's entry."""
    refs = b"".join(sorted(bytes.fromhex(person) for person in persons))
    named = hashlib.sha256(refs).digest()
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {"sha256": named, "persons": refs}
    connection.execute(dialect.insert(subject_set).on_conflict_do_nothing(), row)
    connection.execute(insert(disclosure_secret).values(position=position, nonce=nonce, subjects=named))


def draw(
    permit: Permit[Read], connection: Connection, position: Position, *, seed: bytes, number: int
) -> Sample | None:
    """
    Draw `number` of the persons whom the disclosure at `position` counted, by the auditor's own `seed`.

    Draw j takes the leaf at SHA-256(seed || root || j as 4 bytes) modulo the number of persons; who is drawn
    twice is opened once. Repeatable, and not to be steered by who answers. None when no set was kept.
    """
    if position >= permit.size:
        return None
    row = connection.execute(
        select(disclosure_secret.c.nonce, subject_set.c.persons)
        .join(subject_set, subject_set.c.sha256 == disclosure_secret.c.subjects)
        .where(disclosure_secret.c.position == position)
    ).one_or_none()
    if row is None:
        return None
    refs = bytes(row.persons)
    persons = [PersonRef(refs[at : at + _REF].hex()) for at in range(0, len(refs), _REF)]
    leaves = _leaves(persons, bytes(row.nonce))
    tree = Tree()
    for leaf, _ in leaves:
        tree.append(leaf_hash(leaf))
    root = tree.root()
    wanted = {
        int.from_bytes(hashlib.sha256(seed + root + each.to_bytes(4, "big")).digest(), "big") % len(leaves)
        for each in range(number if leaves else 0)
    }
    drawn = [
        Drawn(leaves[at][1], at, leaves[at][0], tuple(tree.inclusion(at, tree.size))) for at in sorted(wanted)
    ]
    return Sample(len(leaves), root, tuple(drawn))


def _leaves(persons: Iterable[PersonRef], nonce: bytes) -> list[tuple[bytes, PersonRef]]:
    return sorted((digest(nonce, person.encode(), "sha256"), person) for person in persons)
