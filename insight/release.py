"""
A release: the sector's totals, computed once from what the houses permit, checked, and sealed.

`contributions` reads what the permits allow; `compute` is pure; `seal` gives the body of the ledger
entry and the rider that writes the released rows in the entry's own transaction, so that a release
and its entry stand or fall together. A month of a block is published once, for ever: a second
release of the same months is refused.

A month in which a rule fails is published only inside its quarter (`2026-Q3`), a quarter in which
one fails only inside its half-year (`2026-H2`), and that only inside its year (`2026`), all months
of it together, so that nothing can be subtracted; where the year fails too, nothing of that block
and year is published. Visits and revenue are folded alike. The key stands in the cell's column `month`.

The certificate tells rules passed or failed, never by how much: total times margin would give the
largest member away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, insert, select

from consent_ledger.canonical import Json, canonical
from consent_ledger.permit import Period, Permit, Read
from consent_ledger.vocabulary import PartyId, Position, Purpose
from insight.batch import Batch, HouseMonth
from insight.blocks import MAGNITUDES, Block, Member, NoLawfulBlock, Partition, kept, partition
from insight.commitment import NONCE_BYTES, commitments, input_sha256
from insight.folding import Figures, Fold, folded
from insight.months import CellKey, Month, first_day, months_between, shifted
from insight.policies import Policy, allowed
from insight.published import Published, Registered
from insight.store.totals import COUNTED_IN, DayTotal, daily_totals
from insight.tables import disclosure_secret, release, release_block, release_cell

RULE_MONTHS: Final = 12
"""The rules of a block are asked over this many months up to the end of the release."""

Rider = Callable[[Connection, Position], None]


class ReleaseRefused(Exception):
    """A release cannot be made of what was given. `code` for programs, the text for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Contribution:
    """One institution that permits the release, with its totals per day."""

    registered: Registered
    days: Sequence[DayTotal] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DraftRelease:
    """A release before it is sealed. Holds no figure of any single institution."""

    id: str
    policy: Policy
    start: Month
    end: Month
    blocks: tuple[Block, ...]
    members: Mapping[str, tuple[PartyId, ...]]  # institutions per block
    cells: tuple[tuple[str, CellKey, str, int], ...]  # block, cell, metric, value
    certificate: bytes
    tables_sha256: str
    input_sha256: str
    nonce: bytes = field(repr=False)

    @property
    def certificate_sha256(self) -> str:
        return hashlib.sha256(self.certificate).hexdigest()


def asked_period(start: Month, end: Month) -> Period:
    """The days a permit must cover for a release of these months: its own, and those the rules ask."""
    return Period(first_day(min(start, shifted(end, -RULE_MONTHS))), first_day(end))


def contributions(
    permitted: Iterable[tuple[Permit[Read], Registered]], connection: Connection
) -> list[Contribution]:
    """What these institutions permit to be read for a release; raises `ReleaseRefused`."""
    found = []
    for permit, registered in permitted:
        if permit.purpose is not Purpose.SECTOR_BENCHMARK:
            raise ReleaseRefused("PURPOSE_NOT_COVERED", "A release reads only for the sector's benchmark.")
        if permit.controller != registered.id:
            raise ReleaseRefused("WRONG_PERMIT", "A permit stands beside another institution's registration.")
        found.append(Contribution(registered, daily_totals(permit, connection, registered.unit)))
    return found


def compute(
    given: Iterable[Contribution],
    *,
    policy: str,
    sandbox: bool,
    start: Month,
    end: Month,
    nonce: bytes,
    granted: frozenset[PartyId] = frozenset(),
    previous: Published | None = None,
) -> DraftRelease | NoLawfulBlock:
    """
    The totals of the months from `start` up to `end`, per block; pure.

    `sandbox`: what the platform was created as; `granted`: institutions of which some reader knows
    the figures through an agreement; `previous`: the release whose blocks are kept; `nonce`: 32
    random bytes for the input commitment. The order of what is given changes nothing.

    Raises `PolicyRefused` and, for a period or a nonce that cannot be, `MonthRefused` or
    `ReleaseRefused`.
    """
    rules = allowed(policy, sandbox=sandbox)
    period = months_between(start, end)
    if len(nonce) != NONCE_BYTES:
        raise ReleaseRefused("NONCE_REFUSED", f"The commitment needs {NONCE_BYTES} random bytes.")
    houses = {
        one.registered.id: one
        for one in given
        if _may_enter(one, sandbox=sandbox)
        and (previous is None or any(one.registered.id in block for block in previous.blocks.values()))
    }
    if not houses:
        return NoLawfulBlock()

    with Batch() as batch:
        months = batch.house_months(
            (house, total.day, total.visits, total.revenue)
            for house, one in houses.items()
            for total in one.days
        )
        figures = batch.organisation_months(
            months,
            ((house, one.registered.organisation, one.registered.unit) for house, one in houses.items()),
        )
        members = _members(houses, figures, granted, months_between(shifted(end, -RULE_MONTHS), end), period)
        parted = (
            partition(members, rules) if previous is None else kept(_before(previous, houses), members, rules)
        )
        if isinstance(parted, NoLawfulBlock):
            return parted
        institutions = _institutions(parted, houses)
        known = {(member.organisation, member.unit): member.is_known for member in members}
        folds = {block.name: folded(block, period, figures, known, rules) for block in parted.blocks}
        sums = batch.block_cells(
            months,
            ((member, block) for block, inside in institutions.items() for member in inside),
            ((block, month, cell) for block, fold in folds.items() for month, cell in fold.cells.items()),
        )

    offered = {block.name: block.magnitudes for block in parted.blocks}
    cells = tuple(
        (block, cell, metric, sums[block, cell][metric])
        for block, cell in sorted(sums)
        for metric in MAGNITUDES
        if metric in offered[block]
    )
    rows = _rows(months)
    committed = commitments(nonce, rows)
    inputs = input_sha256(committed)
    tables = hashlib.sha256(tables_bytes(rules.id, start, end, institutions, cells)).hexdigest()
    certificate = canonical(
        {
            "v": 1,
            "policy": _policy(rules),
            "period_start": start,
            "period_end": end,
            "noise": rules.noise,
            "sigmas": [],
            "rho": "0",
            "blocks": [
                _certified(block, institutions[block.name], folds[block.name]) for block in parted.blocks
            ],
            "inputs": {"rows": committed, "sha256": inputs},
            "tables_sha256": tables,
        }
    )
    name = hashlib.sha256(f"{tables}{inputs}".encode()).hexdigest()[:16]
    return DraftRelease(
        f"rel-{name}",
        rules,
        start,
        end,
        parted.blocks,
        institutions,
        cells,
        certificate,
        tables,
        inputs,
        nonce,
    )


def tables_bytes(
    policy: str,
    start: str,
    end: str,
    members: Mapping[str, Iterable[str]],
    cells: Iterable[tuple[str, str, str, int]],
) -> bytes:
    """The canonical bytes of the released tables, of which the ledger holds the SHA-256."""
    return canonical(
        {
            "policy": policy,
            "period_start": start,
            "period_end": end,
            "members": [[block, *sorted(members[block])] for block in sorted(members)],
            "cells": [list(cell) for cell in sorted(cells)],
        }
    )


def seal(
    draft: DraftRelease, *, published_at: datetime, retracted: frozenset[str] = frozenset()
) -> tuple[dict[str, Json], Rider]:
    """
    The body of the entry `release.sealed`, and the rider that writes the rows beside it.

    The rider raises `ReleaseRefused` when a month was published before by a release that was not
    retracted; then the entry is not written either.
    """
    body: dict[str, Json] = {
        "release": draft.id,
        "policy": draft.policy.id,
        "period_start": draft.start,
        "period_end": draft.end,
        "tables_sha256": draft.tables_sha256,
        "certificate_sha256": draft.certificate_sha256,
        "input_sha256": draft.input_sha256,
        "blocks": len(draft.blocks),
        "rho": "0",
    }

    def write(connection: Connection, position: Position) -> None:
        overlapping = connection.execute(
            select(release.c.id).where(
                release.c.period_start < draft.end,
                release.c.period_end > draft.start,
                release.c.id.not_in(sorted(retracted)),
            )
        )
        if overlapping.first() is not None:
            raise ReleaseRefused("ALREADY_PUBLISHED", "A month of this release was published before.")
        connection.execute(
            insert(release).values(
                id=draft.id,
                policy=draft.policy.id,
                period_start=draft.start,
                period_end=draft.end,
                position=position,
                published_at=published_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                tables_sha256=draft.tables_sha256,
                certificate=draft.certificate.decode(),
            )
        )
        connection.execute(
            insert(release_block),
            [
                {"release": draft.id, "block": block, "member": member}
                for block, members in draft.members.items()
                for member in members
            ],
        )
        if draft.cells:
            connection.execute(
                insert(release_cell),
                [
                    {"release": draft.id, "block": block, "month": cell, "metric": metric, "value": value}
                    for block, cell, metric, value in draft.cells
                ],
            )
        connection.execute(insert(disclosure_secret).values(position=position, nonce=draft.nonce))

    return body, write


def _may_enter(one: Contribution, *, sandbox: bool) -> bool:
    """Whether an institution can stand in a block at all; a figure in another currency cannot be summed."""
    registered = one.registered
    placed = None not in (registered.discipline, registered.province, registered.region, registered.band)
    return (
        placed
        and (sandbox or not registered.sandbox)
        and all(total.currency == COUNTED_IN for total in one.days)
    )


def _members(
    houses: Mapping[PartyId, Contribution],
    figures: Figures,
    granted: frozenset[PartyId],
    window: Sequence[Month],
    period: Sequence[Month],
) -> list[Member]:
    """The organisations with any figure; one with several venues is described by its largest."""
    venues: dict[tuple[PartyId, str], list[Registered]] = {}
    for one in houses.values():
        venues.setdefault((one.registered.organisation, one.registered.unit), []).append(one.registered)
    members = []
    for (organisation, unit), own in figures.items():
        controlled = venues[organisation, unit]
        largest = min(controlled, key=lambda venue: (-(venue.band or 0), venue.id))
        months = [own[month] for month in window if month in own]
        members.append(
            Member(
                organisation=organisation,
                unit=unit,
                discipline=largest.discipline or "",
                province=largest.province or "",
                region=largest.region or "",
                band=largest.band or 0,
                is_known=any(venue.public_figures or venue.id in granted for venue in controlled)
                or organisation in granted,
                visits=sum(visits for visits, _ in months),
                revenue=sum(revenue for _, revenue in months),
                spans=tuple(own.get(month, (0, 0)) for month in period),
            )
        )
    return members


def _before(
    previous: Published, houses: Mapping[PartyId, Contribution]
) -> list[tuple[str, frozenset[PartyId]]]:
    """The blocks before, by unit and as organisations; a venue that left stays as a name that nobody has."""
    return [
        (
            previous.units[block],
            frozenset(
                houses[member].registered.organisation if member in houses else PartyId(f"gone/{member}")
                for member in members
            ),
        )
        for block, members in previous.blocks.items()
    ]


def _institutions(
    parted: Partition, houses: Mapping[PartyId, Contribution]
) -> dict[str, tuple[PartyId, ...]]:
    block_of = {(name, block.unit): block.name for block in parted.blocks for name in block.members}
    found: dict[str, list[PartyId]] = {block.name: [] for block in parted.blocks}
    for house, one in sorted(houses.items()):
        block = block_of.get((one.registered.organisation, one.registered.unit))
        if block is not None:
            found[block].append(house)
    return {block: tuple(members) for block, members in found.items()}


def _rows(months: Iterable[HouseMonth]) -> dict[PartyId, dict[Month, tuple[int, int]]]:
    rows: dict[PartyId, dict[Month, tuple[int, int]]] = {}
    for institution, month, visits, revenue in months:
        rows.setdefault(institution, {})[month] = (visits, revenue)
    return rows


def _policy(policy: Policy) -> dict[str, Json]:
    return {
        "id": policy.id,
        "organisations": policy.organisations,
        "unknown": policy.unknown,
        "share": str(policy.share),
        "p": str(policy.p),
        "coalition": policy.coalition,
    }


def _certified(block: Block, members: Sequence[PartyId], fold: Fold) -> dict[str, Json]:
    """What the certificate tells of a block: how many, which rules, which spans; nobody's name."""
    return {
        "block": block.name,
        "unit": block.unit,
        "organisations": len(block.members),
        "institutions": len(members),
        "rules": {
            magnitude: {
                "organisations": rules.organisations,
                "unknown": rules.unknown,
                "share": rules.share,
                "remainder": rules.remainder,
            }
            for magnitude, rules in block.rules.items()
        },
        "folded": sorted({str(cell) for month, cell in fold.cells.items() if cell != str(month)}),
        "unpublished": sorted(fold.unpublished),
    }
