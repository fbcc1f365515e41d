"""The ledger and the published rules as GraphQL shows them."""

from __future__ import annotations

import strawberry

from consent_ledger.vocabulary import Purpose, Scope
from schema.directives import OPEN, requires


@strawberry.type(description="The ledger, as this request sees it.", directives=requires(Scope.LEDGER_READ))
class Ledger:
    origin: str = strawberry.field(description="Its name, fixed when it was created.")
    size: int = strawberry.field(description="How many entries it has.")
    root: str = strawberry.field(description="The RFC 9162 root of these entries, in hexadecimal.")
    checkpoint: str = strawberry.field(description="The signed checkpoint, as C2SP writes it.")
    verifier_key: str = strawberry.field(description="The key that checks the checkpoint.")
    proof: str | None = strawberry.field(
        description="C2SP tlog-proof of the entry that was asked; null when none was."
    )


@strawberry.type(description="A published purpose.", directives=OPEN)
class PublishedPurpose:
    purpose: Purpose = strawberry.field(description="The purpose.")
    version: int = strawberry.field(description="Its version.")
    bases: list[str] = strawberry.field(description="The lawful bases that are possible.")
    is_high_risk: bool = strawberry.field(description="Whether it needs an impact assessment.")
    position: int = strawberry.field(description="Its entry in the ledger.")


@strawberry.type(description="A production of the own house.", directives=requires(Scope.CATALOGUE_READ))
class Production:
    ref: strawberry.ID = strawberry.field(description="The house's own reference.")
    title: str = strawberry.field(description="Its title.")
    genre: str = strawberry.field(description="Its genre.")


@strawberry.type(description="A segment of the open model.", directives=OPEN)
class Segment:
    id: strawberry.ID = strawberry.field(description="Its id, such as B4.")
    name_nl: str = strawberry.field(description="Its Dutch name.")
    name_en: str = strawberry.field(description="Its English name.")


@strawberry.type(description="A version of the open segment model.", directives=OPEN)
class SegmentModel:
    id: strawberry.ID = strawberry.field(description="Name of the model.")
    version: str = strawberry.field(description="Its version.")
    sha256: str = strawberry.field(description="Checksum of its rules, as published in the ledger.")
    segments: list[Segment] = strawberry.field(
        description="The segments, in the order in which rules are tried."
    )
