"""
Reads of what was released, and of the public register: all that benchmark code may see of others.

Meant for the `release` login, which can read the tables `release*` and `party` and nothing else.
A released row is never altered; the permit's pinned size decides which releases exist for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject
from consent_ledger.register import party
from consent_ledger.vocabulary import PartyId, PartyKind, Position
from insight.months import CellKey, Month, covered, month, months_between
from insight.published import Cell, Published
from insight.store import require
from insight.tables import release, release_block, release_cell


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """What the public register says of one institution."""

    id: PartyId
    name: str
    organisation: PartyId
    discipline: str | None
    province: str | None
    region: str | None
    band: int | None
    unit: str
    public_figures: bool
    sandbox: bool


def register(permit: Permit[Read], connection: Connection) -> list[RegisterRow]:
    """Every institution of the register, in order of id."""
    require(permit, Subject.BENCHMARK)
    of = party.c
    rows = connection.execute(
        select(
            of.id,
            of.name,
            of.organisation,
            of.discipline,
            of.province,
            of.region,
            of.band,
            of.unit,
            of.public_figures,
            of.sandbox,
        )
        .where(of.kind == PartyKind.INSTITUTION.value, of.position < permit.size)
        .order_by(of.id)
    )
    return [
        RegisterRow(
            PartyId(row.id),
            row.name,
            PartyId(row.organisation),
            row.discipline,
            row.province,
            row.region,
            row.band,
            row.unit,
            bool(row.public_figures),
            bool(row.sandbox),
        )
        for row in rows
    ]


def latest(
    permit: Permit[Read], connection: Connection, *, retracted: frozenset[str] = frozenset()
) -> Published | None:
    """
    The newest release below the permit's size that was not retracted; None before the first.

    Its blocks bring the cells of earlier releases along wherever the block had the same members, so
    that a year can be asked although each month was released by itself.
    """
    require(permit, Subject.BENCHMARK)
    rows = connection.execute(
        select(release)
        .where(release.c.position < permit.size, release.c.id.not_in(sorted(retracted)))
        .order_by(release.c.period_end.desc())
    ).all()
    if not rows:
        return None
    newest = rows[0]
    members = _members(connection, [row.id for row in rows])
    name_of = {inside: block for block, inside in members[newest.id].items()}
    cells: dict[tuple[str, str], dict[Month, Cell]] = {}
    for row in rows:
        known = {block: name_of[inside] for block, inside in members[row.id].items() if inside in name_of}
        span = _Spans(months_between(month(row.period_start), month(row.period_end)))
        for found in _cells(connection, row.id):
            if found.block in known:
                cell = Cell(CellKey(found.month), span[found.month], found.value)
                own = cells.setdefault((known[found.block], found.metric), {})
                own.update(dict.fromkeys(cell.months, cell))
    certificate = json.loads(newest.certificate)
    return Published(
        id=newest.id,
        policy=newest.policy,
        start=Month(min(row.period_start for row in rows)),
        end=Month(newest.period_end),
        position=Position(newest.position),
        published_at=newest.published_at,
        tables_sha256=newest.tables_sha256,
        certificate_sha256=hashlib.sha256(newest.certificate.encode()).hexdigest(),
        blocks=members[newest.id],
        units={block["block"]: block["unit"] for block in certificate["blocks"]},
        cells=cells,
    )


class _Spans(dict[str, tuple[Month, ...]]):
    """The months of one release that a cell's key covers; each key is worked out once."""

    def __init__(self, period: Sequence[Month]) -> None:
        super().__init__()
        self._period = period

    def __missing__(self, key: str) -> tuple[Month, ...]:
        months = self[key] = covered(key, self._period)
        return months


def tables(
    permit: Permit[Read], connection: Connection, name: str
) -> tuple[dict[str, list[str]], list[tuple[str, str, str, int]]]:
    """Members and cells of one release as stored: what its `tables_sha256` is taken of."""
    require(permit, Subject.BENCHMARK)
    members: dict[str, list[str]] = {
        block: sorted(inside) for block, inside in _members(connection, [name])[name].items()
    }
    cells = [
        (str(row.block), str(row.month), str(row.metric), int(row.value)) for row in _cells(connection, name)
    ]
    return members, cells


def _members(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, frozenset[PartyId]]]:
    found: dict[str, dict[str, set[PartyId]]] = {name: {} for name in names}
    for row in connection.execute(select(release_block).where(release_block.c.release.in_(names))):
        found[row.release].setdefault(row.block, set()).add(PartyId(row.member))
    return {
        name: {block: frozenset(blocks[block]) for block in sorted(blocks)} for name, blocks in found.items()
    }


def _cells(connection: Connection, name: str) -> Iterable[Row[Any]]:
    return connection.execute(select(release_cell).where(release_cell.c.release == name))
