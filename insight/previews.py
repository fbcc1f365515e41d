"""
Previews: what an agreement would let leave, as each party is shown it before it accepts.

A party sees its own side only. Who gives sees its own figures under each purpose as the recipients
would get them: the same engine, persons, notices, productions and period, held to the minimum group. Who
receives sees whose, for which purposes, which groups, and no figure. It is written once as canonical
JSON and stored; its SHA-256 is what an acceptance signs, so that it can be shown again, to the byte.

Evolution: a body never changes; what is new is another `v`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from consent_ledger.canonical import Json, canonical
from consent_ledger.permit import Permit, Read, Refusal, Write
from consent_ledger.question import Subject
from consent_ledger.vocabulary import (
    AgreementId,
    FieldGroup,
    Granularity,
    PartyId,
    ProductionRef,
    Purpose,
    Reason,
)
from insight.audiences import FIGURES, measure
from insight.criteria import EVERYBODY
from insight.definitions import definition_of
from insight.figures import Breakdown, Figure, Released, Withheld, is_own, release_audience
from insight.index import AudienceIndex
from insight.tables import agreement_preview

FORMAT = "cultuurinzicht/preview/1"


class NotOwnFigures(Exception):
    """A preview was asked of figures of another house."""

    code = "NOT_OWN_FIGURES"

    def __init__(self) -> None:
        super().__init__("a preview shows a house its own figures alone")


@dataclass(frozen=True, slots=True)
class PreviewPart:
    """A part of a figure or a cell of a breakdown: its value, or why it would be withheld."""

    part: str
    value: str | None
    withheld: Reason | None


@dataclass(frozen=True, slots=True)
class PreviewFigure:
    """One figure as it would leave; values are decimal texts, so that their bytes say one thing."""

    figure: str
    version: str
    value: str | None
    currency: str | None
    withheld: Reason | None
    parts: tuple[PreviewPart, ...]


@dataclass(frozen=True, slots=True)
class PreviewUse:
    """What would leave for one purpose; `refused` when nothing would, and why."""

    purpose: Purpose
    refused: Reason | None
    figures: tuple[PreviewFigure, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """
    One party's side of an agreement on one day.

    `sources`: whose data it would receive; `recipients`: who would receive its own; `uses`: its own
    figures, none for a party that only receives.
    """

    agreement: AgreementId
    party: PartyId
    terms_sha256: str
    as_of: date
    sources: tuple[PartyId, ...]
    recipients: tuple[PartyId, ...]
    purposes: tuple[Purpose, ...]
    groups: tuple[FieldGroup, ...]
    granularity: Granularity
    productions: tuple[ProductionRef, ...] | None
    period_start: date | None
    period_end: date | None
    minimum_group: int
    onward: bool
    uses: tuple[PreviewUse, ...]

    @property
    def body(self) -> bytes:
        """The preview as it is stored and signed: canonical JSON."""
        return canonical(
            {
                "v": FORMAT,
                "agreement": self.agreement,
                "party": self.party,
                "terms_sha256": self.terms_sha256,
                "as_of": self.as_of.isoformat(),
                "sources": [*self.sources],
                "recipients": [*self.recipients],
                "purposes": [one.value for one in self.purposes],
                "groups": [one.value for one in self.groups],
                "granularity": self.granularity.value,
                "productions": None if self.productions is None else [*self.productions],
                "period_start": _iso(self.period_start),
                "period_end": _iso(self.period_end),
                "minimum_group": self.minimum_group,
                "onward": self.onward,
                "uses": [_written_use(one) for one in self.uses],
            }
        )

    @property
    def sha256(self) -> str:
        """What an acceptance signs."""
        return sha256(self.body).hexdigest()


def use_of(
    permit: Permit[Read],
    index: AudienceIndex,
    groups: Iterable[FieldGroup],
    *,
    minimum: int,
    today: date,
) -> PreviewUse:
    """
    A house's own figures of these groups under the permit's purpose, as another would get them.

    The permit is the house's own, for the agreement's purpose, productions and period. Raises
    `NotOwnFigures` for any other, and what `measure` raises.
    """
    if not is_own(permit):
        raise NotOwnFigures
    shared = frozenset(groups) & permit.groups
    names = frozenset(name for name in FIGURES if definition_of(name).group in shared)
    raw = measure(permit, index, EVERYBODY, names, today=today, at_least=max(minimum, 1))
    released = release_audience(permit, raw).figures
    return PreviewUse(permit.purpose, None, tuple(_shown(name, released[name]) for name in sorted(released)))


def no_use_of(purpose: Purpose, why: Refusal | Reason) -> PreviewUse:
    """A purpose for which nothing would leave."""
    return PreviewUse(purpose, why.reason if isinstance(why, Refusal) else why, ())


def keep(permit: Permit[Write], connection: Connection, preview: Preview) -> str:
    """
    Store a preview for the permit's own party, on a writing connection; returns its SHA-256.

    Repeatable: the same preview is stored once, at the position where it was first shown.
    """
    if permit.subject is not Subject.AGREEMENTS or permit.controller != preview.party:
        raise NotOwnFigures
    found, digest = agreement_preview.c, preview.sha256
    known = select(found.sha256).where(found.party == preview.party, found.sha256 == digest)
    if connection.execute(known).first() is None:
        connection.execute(
            insert(agreement_preview).values(
                party=preview.party,
                sha256=digest,
                agreement=preview.agreement,
                position=permit.size,
                body=preview.body.decode(),
            )
        )
    return digest


def _shown(name: str, released: Released) -> PreviewFigure:
    version = released.definition.version
    match released:
        case Withheld():
            return PreviewFigure(name, version, None, None, released.reason, ())
        case Breakdown():
            cells = tuple(_part(cell, content) for cell, content in sorted(released.cells.items()))
            return PreviewFigure(name, version, None, None, None, cells)
        case Figure():
            parts = tuple(_part(part, content) for part, content in sorted(released.parts.items()))
            return PreviewFigure(name, version, str(released.value), released.currency, None, parts)


def _part(name: str, content: int | Decimal | Withheld) -> PreviewPart:
    if isinstance(content, Withheld):
        return PreviewPart(name, None, content.reason)
    return PreviewPart(name, str(content), None)


def _written_use(use: PreviewUse) -> dict[str, Json]:
    return {
        "purpose": use.purpose.value,
        "refused": _word(use.refused),
        "figures": [
            {
                "figure": one.figure,
                "version": one.version,
                "value": one.value,
                "currency": one.currency,
                "withheld": _word(one.withheld),
                "parts": [
                    {"part": part.part, "value": part.value, "withheld": _word(part.withheld)}
                    for part in one.parts
                ],
            }
            for one in use.figures
        ],
    }


def _word(reason: Reason | None) -> str | None:
    return None if reason is None else reason.value


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def read_preview(body: Mapping[str, object]) -> Preview:
    """The preview that was written as this JSON object; the way back from `Preview.body`."""

    def words(name: str) -> list[str]:
        found = body[name]
        assert isinstance(found, list)
        return [str(one) for one in found]

    def day(name: str) -> date | None:
        return None if body[name] is None else date.fromisoformat(str(body[name]))

    as_of, minimum = day("as_of"), body["minimum_group"]
    assert as_of is not None
    assert isinstance(minimum, int)
    return Preview(
        agreement=AgreementId(str(body["agreement"])),
        party=PartyId(str(body["party"])),
        terms_sha256=str(body["terms_sha256"]),
        as_of=as_of,
        sources=tuple(map(PartyId, words("sources"))),
        recipients=tuple(map(PartyId, words("recipients"))),
        purposes=tuple(map(Purpose, words("purposes"))),
        groups=tuple(map(FieldGroup, words("groups"))),
        granularity=Granularity(str(body["granularity"])),
        productions=None if body["productions"] is None else tuple(map(ProductionRef, words("productions"))),
        period_start=day("period_start"),
        period_end=day("period_end"),
        minimum_group=minimum,
        onward=bool(body["onward"]),
        uses=tuple(_read_use(one) for one in _objects(body["uses"])),
    )


def _read_use(use: Mapping[str, object]) -> PreviewUse:
    figures = tuple(
        PreviewFigure(
            str(one["figure"]),
            str(one["version"]),
            _text(one["value"]),
            _text(one["currency"]),
            _reason(one["withheld"]),
            tuple(
                PreviewPart(str(part["part"]), _text(part["value"]), _reason(part["withheld"]))
                for part in _objects(one["parts"])
            ),
        )
        for one in _objects(use["figures"])
    )
    return PreviewUse(Purpose(str(use["purpose"])), _reason(use["refused"]), figures)


def _objects(value: object) -> list[Mapping[str, object]]:
    assert isinstance(value, list)
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _reason(value: object) -> Reason | None:
    return None if value is None else Reason(str(value))
