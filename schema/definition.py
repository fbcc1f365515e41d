"""What a figure means, as GraphQL shows it."""

from __future__ import annotations

import strawberry

from consent_ledger.vocabulary import FieldGroup
from insight.definitions import Definition as Meant
from schema.directives import OPEN
from schema.words import InLanguage, Language


@strawberry.type(
    description="What a figure means. Figures of different definitions cannot be compared.", directives=OPEN
)
class Definition:
    id: strawberry.ID = strawberry.field(description="Its name, the same in every version.")
    version: str = strawberry.field(description="Its version; a published version never changes.")
    group: FieldGroup = strawberry.field(description="The field group that the figure tells about.")
    unit: str = strawberry.field(description="What the value is expressed in.")
    is_additive: bool = strawberry.field(description="Whether values of separate periods may be summed.")
    formula: str = strawberry.field(description="How it is computed.")
    sha256: str = strawberry.field(description="Checksum of the whole text, as published in the ledger.")
    names: strawberry.Private[dict[Language, str]]
    texts: strawberry.Private[dict[Language, str]]

    @strawberry.field(description="Its name, for people.")
    def name(self, language: InLanguage = Language.NL) -> str:
        return self.names[language]

    @strawberry.field(description="Its meaning, for people.")
    def text(self, language: InLanguage = Language.NL) -> str:
        return self.texts[language]


def defined(meant: Meant) -> Definition:
    """A definition as GraphQL shows it."""
    return Definition(
        id=strawberry.ID(meant.id),
        version=meant.version,
        group=meant.group,
        unit=meant.unit.value,
        is_additive=meant.is_additive,
        formula=meant.formula,
        sha256=meant.sha256,
        names={Language.NL: meant.name_nl, Language.EN: meant.name_en},
        texts={Language.NL: meant.text_nl, Language.EN: meant.text_en},
    )
