"""
Figures as GraphQL shows them.

`shown` is the one road from released values to GraphQL; it takes nothing raw.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated

import strawberry

from consent_ledger.vocabulary import Scope
from insight import figures
from insight.figures import Protection, Released
from insight.rules import ci_seg
from schema.definition import Definition, defined
from schema.directives import OPEN, any_of
from schema.refused import Why
from schema.words import InLanguage, Language, describe

FIGURE_SCOPES = any_of(Scope.AUDIENCES_READ, Scope.BENCHMARKS_READ)

describe(
    Protection,
    "How a figure was protected before it left.",
    {
        Protection.EXACT_OWN: "Not at all: the house sees its own data.",
        Protection.MINIMUM_GROUP: "Withheld when it is about fewer persons than the agreement says.",
        Protection.RELEASED: "From a sealed release with noise.",
        Protection.UNNOISED: "From a sealed release without noise; on a sandbox alone.",
    },
)


@strawberry.type(
    description="Shares, from 0 to 1, of what is known well enough to be counted this way.",
    directives=FIGURE_SCOPES,
)
class Coverage:
    identified: Decimal | None = strawberry.field(description="Share of tickets whose buyer may be counted.")
    placed: Decimal | None = strawberry.field(description="Share of tickets with a known postcode area.")
    scanned: Decimal | None = strawberry.field(description="Share of visits at performances with scanning.")
    history_start: date | None = strawberry.field(description="First day of the known history.")
    is_left_censored: bool | None = strawberry.field(
        description="Whether less than 36 months are known before the period, so that newcomers count too high."
    )


@strawberry.type(description="A part of a figure, by name.", directives=FIGURE_SCOPES)
class Part:
    name: str = strawberry.field(description="Which part.")
    value: Decimal = strawberry.field(description="Its value.")


@strawberry.interface(description="What every given figure carries.", directives=FIGURE_SCOPES)
class Figure:
    definition: Definition = strawberry.field(description="What the figure means.")
    coverage: Coverage = strawberry.field(description="How much it rests on.")
    protection: Protection = strawberry.field(description="How it was protected.")
    as_of: date = strawberry.field(description="The day on which it holds.")


@strawberry.type(description="A number of persons, tickets or visits.", directives=FIGURE_SCOPES)
class Count(Figure):
    value: int = strawberry.field(description="The number.")
    parts: list[Part] = strawberry.field(description="Parts of it that may never be summed silently.")


@strawberry.type(description="An amount of money.", directives=FIGURE_SCOPES)
class Amount(Figure):
    value: Decimal = strawberry.field(description="The amount, in units of the currency.")
    currency: str = strawberry.field(description="ISO 4217 code.")
    parts: list[Part] = strawberry.field(description="The same amount computed another way, by name.")


@strawberry.type(description="A figure that is not given, and why.", directives=OPEN)
class Withheld(Why):
    definition: Definition | None = strawberry.field(description="What the figure would have meant.")


@strawberry.type(description="One cell of a breakdown: a value, or why not.", directives=FIGURE_SCOPES)
class Cell:
    id: strawberry.ID = strawberry.field(description="Id of the segment or context.")
    value: int | None = strawberry.field(description="The number; null when it is withheld.")
    withheld: Withheld | None = strawberry.field(description="Why there is no number.")

    @strawberry.field(description="Its name, for people.")
    def name(self, language: InLanguage = Language.NL) -> str:
        return _cell_names()[self.id][language]


@strawberry.type(description="A figure broken down into cells that add up to it.", directives=FIGURE_SCOPES)
class Breakdown(Figure):
    cells: list[Cell] = strawberry.field(description="The cells, in a fixed order.")


CountResult = Annotated[
    Count | Withheld, strawberry.union("CountResult", description="A number, or why it is not given.")
]
AmountResult = Annotated[
    Amount | Withheld, strawberry.union("AmountResult", description="An amount, or why it is not given.")
]
BreakdownResult = Annotated[
    Breakdown | Withheld,
    strawberry.union("BreakdownResult", description="A breakdown, or why it is not given."),
]
Shown = Count | Amount | Breakdown | Withheld


def shown(released: Released) -> Shown:
    """A released value as GraphQL shows it."""
    match released:
        case figures.Withheld():
            return withheld(released)
        case figures.Breakdown():
            return Breakdown(
                definition=defined(released.definition),
                coverage=_coverage(released.coverage),
                protection=released.protection,
                as_of=released.as_of,
                cells=[_cell(name, content) for name, content in released.cells.items()],
            )
        case figures.Figure(currency=None):
            return Count(
                definition=defined(released.definition),
                coverage=_coverage(released.coverage),
                protection=released.protection,
                as_of=released.as_of,
                value=int(released.value),
                parts=_parts(released),
            )
        case figures.Figure():
            return Amount(
                definition=defined(released.definition),
                coverage=_coverage(released.coverage),
                protection=released.protection,
                as_of=released.as_of,
                value=Decimal(released.value),
                currency=released.currency or "",
                parts=_parts(released),
            )


def withheld(released: figures.Withheld) -> Withheld:
    """A withheld figure as GraphQL shows it."""
    return Withheld(code=released.reason, definition=defined(released.definition))


def _coverage(known: figures.Coverage) -> Coverage:
    return Coverage(
        identified=known.identified,
        placed=known.placed,
        scanned=known.scanned,
        history_start=known.history_start,
        is_left_censored=known.is_left_censored,
    )


def _parts(released: figures.Figure) -> list[Part]:
    return [Part(name=name, value=Decimal(value)) for name, value in released.parts.items()]


def _cell(name: str, content: int | figures.Withheld) -> Cell:
    if isinstance(content, figures.Withheld):
        return Cell(id=strawberry.ID(name), value=None, withheld=withheld(content))
    return Cell(id=strawberry.ID(name), value=content, withheld=None)


@cache
def _cell_names() -> dict[str, dict[Language, str]]:
    model = ci_seg()
    return {
        segment.id: {Language.NL: segment.nl, Language.EN: segment.en}
        for segment in (*model.behaviour, *model.context)
    }
