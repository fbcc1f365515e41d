"""
Definitions: what each figure means, by version and checksum.

A published definition never changes; a change is a new version beside the old one. Figures of different
definitions cannot be compared. The checksum goes into the ledger when a definition is published, so
that anyone can tell whether a figure was computed by the text that was shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from consent_ledger.vocabulary import FieldGroup


class UnknownFigure(ValueError):
    """A figure was asked that no definition describes."""

    code = "UNKNOWN_FIGURE"

    def __init__(self) -> None:
        super().__init__(f"A figure is one of {', '.join(DEFINITIONS)}.")


class Grain(StrEnum):
    """What is counted."""

    PERSON = "person"
    TICKET = "ticket"
    VISIT = "visit"
    INSTITUTION = "institution"


class Unit(StrEnum):
    """What the value is expressed in."""

    PERSONS = "persons"
    TICKETS = "tickets"
    VISITS = "visits"
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of one figure's meaning."""

    id: str
    version: str
    group: FieldGroup
    grain: Grain
    unit: Unit
    is_additive: bool  # whether values of separate periods and productions may be summed
    minimum_history_months: int  # known history before the period without which the figure leans
    name_nl: str
    name_en: str
    text_nl: str
    text_en: str
    formula: str

    @property
    def sha256(self) -> str:
        """Checksum of the whole text, in RFC 8785 form (it holds no floats)."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _definitions(*definitions: Definition) -> Mapping[str, Definition]:
    return MappingProxyType({definition.id: definition for definition in definitions})


DEFINITIONS: Final = _definitions(
    Definition(
        "bookers", "1.0.0", FieldGroup.BASE, Grain.PERSON, Unit.PERSONS,
        is_additive=False, minimum_history_months=0,
        name_nl="Boekers", name_en="Bookers",
        text_nl="Bekende personen met minstens één verkocht toegangskaartje voor een voorstelling in de "
        "periode. Wie bezwaar maakte, telt hier niet mee.",
        text_en="Known persons with at least one sold admission for a performance in the period. "
        "Who objected does not count here.",
        formula="count of distinct persons who may be counted, over sold admission lines whose performance "
        "day lies in the period",
    ),
    Definition(
        "tickets", "1.0.0", FieldGroup.BASE, Grain.TICKET, Unit.TICKETS,
        is_additive=True, minimum_history_months=0,
        name_nl="Kaartjes", name_en="Tickets",
        text_nl="Verkochte toegangskaartjes, ook gratis, voor voorstellingen in de periode; niet geannuleerd "
        "of terugbetaald, en zonder drankjes, cadeaubonnen en giften.",
        text_en="Sold admissions, free ones included, for performances in the period; not cancelled or "
        "refunded, and without drinks, gift cards and donations.",
        formula="count of sold admission lines whose performance day lies in the period",
    ),
    Definition(
        "unidentified_tickets", "1.0.0", FieldGroup.BASE, Grain.TICKET, Unit.TICKETS,
        is_additive=True, minimum_history_months=0,
        name_nl="Kaartjes zonder bekende persoon", name_en="Tickets of nobody known",
        text_nl="Kaartjes waarvan niet bekend is wie ze kocht, of waarvan de koper niet geteld mag worden.",
        text_en="Tickets of which it is not known who bought them, or whose buyer may not be counted.",
        formula="tickets - tickets of persons who may be counted",
    ),
    Definition(
        "visits", "1.0.0", FieldGroup.BASE, Grain.VISIT, Unit.VISITS,
        is_additive=True, minimum_history_months=0,
        name_nl="Bezoeken op kaartjes", name_en="Visits on tickets",
        text_nl="Gescande kaartjes van voorstellingen waar gescand is, plus alle kaartjes van voorstellingen "
        "waar niet gescand is (aangenomen); alleen voorstellingen die geweest zijn. Beide delen staan erbij. "
        "Getelde bezoeken zonder kaartje staan hier niet in.",
        text_en="Scanned tickets of performances where tickets were scanned, plus all tickets of performances "
        "where none was (assumed); only performances that have taken place. Both parts are given. Visits "
        "counted without a ticket are not included.",
        formula="scanned + assumed; scanned = attended lines; assumed = lines of performances without any "
        "attended line; both with a performance day in the period and not after the day of asking",
    ),
    Definition(
        "first_timers", "1.0.0", FieldGroup.BASE, Grain.PERSON, Unit.PERSONS,
        is_additive=False, minimum_history_months=36,
        name_nl="Nieuwe bezoekers", name_en="First-timers",
        text_nl="Boekers van wie de eerste bekende voorstelling in de periode valt. Gaat de bekende "
        "geschiedenis minder dan 36 maanden voor de periode terug, dan is het getal eerder te hoog.",
        text_en="Bookers whose first known performance lies in the period. Where the known history goes back "
        "less than 36 months before the period, the figure tends to be too high.",
        formula="count of bookers whose earliest performance day among all lines that may be used lies in the "
        "period; without a period, all bookers",
    ),
    Definition(
        "spend", "1.0.0", FieldGroup.SPEND, Grain.TICKET, Unit.MONEY,
        is_additive=True, minimum_history_months=0,
        name_nl="Besteding", name_en="Spend",
        text_nl="Wat bezoekers betaald hebben voor voorstellingen in de periode, met belasting: de kaartjes en "
        "wat daarbij gekocht is, zoals een pauzedrankje. Zonder cadeaubonnen, giften, lidmaatschappen en "
        "kosten per bestelling. Een bezwaar verandert hier geen euro.",
        text_en="What visitors paid for performances in the period, tax included: the tickets and what was "
        "bought with them, such as a drink for the interval. Without gift cards, donations, memberships and "
        "order fees. An objection changes no euro here.",
        formula="sum of gross over sold admission and product lines whose performance day lies in the period, "
        "of one currency",
    ),
    Definition(
        "average_ticket_price", "1.0.0", FieldGroup.SPEND, Grain.TICKET, Unit.MONEY,
        is_additive=False, minimum_history_months=0,
        name_nl="Gemiddelde kaartprijs", name_en="Average ticket price",
        text_nl="Kaartomzet (wat voor de kaartjes alleen betaald is, met belasting) gedeeld door het aantal "
        "betaalde kaartjes. Het gemiddelde over alle kaartjes, dus met de gratis kaartjes erbij, staat er "
        "apart bij.",
        text_en="Ticket revenue (what was paid for the tickets alone, tax included) divided by the number of "
        "tickets that were paid for. The average over all tickets, free ones included, is given beside it.",
        formula="gross of tickets / tickets with gross above 0, of one currency, rounded half up to cents; "
        "including_free = gross of tickets / tickets",
    ),
    Definition(
        "segments", "1.0.0", FieldGroup.SEGMENT, Grain.PERSON, Unit.PERSONS,
        is_additive=False, minimum_history_months=36,
        name_nl="Segmenten", name_en="Segments",
        text_nl="Boekers naar gedragssegment van ci-seg 1.0.0, op de dag van vragen, uit het gedrag bij dit "
        "huis alleen.",
        text_en="Bookers by behaviour segment of ci-seg 1.0.0, on the day of asking, from behaviour at this "
        "house alone.",
        formula="bookers per segment B1 to B11; each booker has exactly one",
    ),
    Definition(
        "contexts", "1.0.0", FieldGroup.PLACE, Grain.TICKET, Unit.TICKETS,
        is_additive=True, minimum_history_months=0,
        name_nl="Soort buurt", name_en="Kind of neighbourhood",
        text_nl="Kaartjes naar de soort buurt van hun postcodegebied (ci-seg 1.0.0, C1 tot C6). Dit zegt iets "
        "over buurten en niets over een persoon.",
        text_en="Tickets by the kind of neighbourhood of their postcode area (ci-seg 1.0.0, C1 to C6). This "
        "says something about neighbourhoods and nothing about a person.",
        formula="tickets with a known Dutch postcode area, per context of that area",
    ),
    Definition(
        "counted_visits", "1.0.0", FieldGroup.BASE, Grain.VISIT, Unit.VISITS,
        is_additive=True, minimum_history_months=0,
        name_nl="Getelde bezoeken", name_en="Counted visits",
        text_nl="Bezoeken die aan de deur geteld zijn, zonder te weten wie kwam: teller, pas, school en vrij. "
        "Nooit opgeteld bij kaartjes.",
        text_en="Visits counted at the door without knowing who came: counter, pass, school and free. Never "
        "added to tickets.",
        formula="sum of visit counts whose day lies in the period",
    ),
    Definition(
        "benchmark_visits", "1.0.0", FieldGroup.BASE, Grain.INSTITUTION, Unit.VISITS,
        is_additive=True, minimum_history_months=0,
        name_nl="Bezoeken per huis", name_en="Visits per house",
        text_nl="Kaartjes en getelde bezoeken van een groep huizen in hele maanden, gedeeld door het aantal "
        "huizen; uit een verzegelde publicatie.",
        text_en="Tickets and counted visits of a group of houses in whole months, divided by the number of "
        "houses; from a sealed release.",
        formula="(sold admission lines + counted visits) of the blocks / houses in them",
    ),
    Definition(
        "benchmark_revenue", "1.0.0", FieldGroup.SPEND, Grain.INSTITUTION, Unit.MONEY,
        is_additive=True, minimum_history_months=0,
        name_nl="Omzet per huis", name_en="Revenue per house",
        text_nl="Kaartomzet (alleen toegangskaartjes, met belasting; geen drankjes, cadeaubonnen of giften) en "
        "omzet aan de deur van een groep huizen in hele maanden, gedeeld door het aantal huizen; uit een "
        "verzegelde publicatie.",
        text_en="Ticket revenue (admissions alone, tax included; no drinks, gift cards or donations) and "
        "takings at the door of a group of houses in whole months, divided by the number of houses; from a "
        "sealed release.",
        formula="(gross of sold admission lines + revenue of visit counts) of the blocks / houses in them",
    ),
    Definition(
        "benchmark_price_per_visit", "1.0.0", FieldGroup.SPEND, Grain.INSTITUTION, Unit.MONEY,
        is_additive=False, minimum_history_months=0,
        name_nl="Omzet per bezoek", name_en="Revenue per visit",
        text_nl="Omzet gedeeld door bezoeken van een groep huizen; uit een verzegelde publicatie.",
        text_en="Revenue divided by visits of a group of houses; from a sealed release.",
        formula="revenue of the blocks / visits of the blocks",
    ),
)  # fmt: skip
"""Every definition in force, by id."""

AUDIENCE_FIGURES: Final = frozenset(name for name in DEFINITIONS if not name.startswith("benchmark_"))
"""What can be asked of an audience."""


def published() -> list[Definition]:
    """Every definition in force, in order of id: what the ledger is told when a platform begins."""
    return [DEFINITIONS[name] for name in sorted(DEFINITIONS)]


def groups_of(figures: Iterable[str]) -> frozenset[FieldGroup]:
    """The field groups that these figures read. Raises `UnknownFigure`."""
    return frozenset(definition_of(figure).group for figure in figures)


def definition_of(figure: str) -> Definition:
    """Raises `UnknownFigure`."""
    found = DEFINITIONS.get(figure)
    if found is None:
        raise UnknownFigure
    return found
