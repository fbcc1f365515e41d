"""Whom a disclosure counted, drawn by an auditor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, select

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject
from consent_ledger.vocabulary import PersonRef, Position
from insight.store import require
from insight.subjects import leaves, tree_of
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


def draw(
    permit: Permit[Read], connection: Connection, position: Position, *, seed: bytes, number: int
) -> Sample | None:
    """
    Draw `number` of the persons whom the disclosure at `position` counted, by the auditor's own `seed`.

    Draw j takes the leaf at SHA-256(seed || root || j as 4 bytes) modulo the number of persons; who is drawn
    twice is opened once. Repeatable, and not to be steered by who answers. None when no set was kept.
    """
    require(permit, Subject.LEDGER)
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
    told = leaves(persons, bytes(row.nonce))
    tree = tree_of(told)
    root = tree.root()
    wanted = {
        int.from_bytes(hashlib.sha256(seed + root + each.to_bytes(4, "big")).digest(), "big") % len(told)
        for each in range(number if told else 0)
    }
    drawn = [
        Drawn(told[at][1], at, told[at][0], tuple(tree.inclusion(at, tree.size))) for at in sorted(wanted)
    ]
    return Sample(len(told), root, tuple(drawn))
