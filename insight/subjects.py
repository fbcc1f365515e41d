"""
Who was counted in what left under an agreement: committed to in its entry, kept so that samples can be opened.

The commitment tells nobody anything without the secret; the secret opens any one person of the set, and
leaves the others closed. A set is kept once, for however many answers that counted the same persons.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from hmac import digest

from sqlalchemy import Connection, insert
from sqlalchemy.dialects import postgresql, sqlite

from consent_ledger.tree import Tree, leaf_hash
from consent_ledger.vocabulary import PersonRef, Position
from insight.tables import disclosure_secret, subject_set


def commit_to_subjects(persons: Iterable[PersonRef], nonce: bytes) -> str:
    """
    A commitment to exactly this set of persons: the RFC 9162 root over HMAC-SHA256(nonce, reference), sorted.

    With the nonce, kept beside the entry, any one person can be shown to be in it.
    """
    return tree_of(leaves(persons, nonce)).root().hex()


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


def leaves(persons: Iterable[PersonRef], nonce: bytes) -> list[tuple[bytes, PersonRef]]:
    """The leaf of each person, in the order in which they stand in the set."""
    return sorted((digest(nonce, person.encode(), "sha256"), person) for person in persons)


def tree_of(told: Iterable[tuple[bytes, PersonRef]]) -> Tree:
    """The tree over these leaves."""
    tree = Tree()
    for leaf, _ in told:
        tree.append(leaf_hash(leaf))
    return tree
