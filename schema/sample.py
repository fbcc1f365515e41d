"""Samples as GraphQL shows them: persons whom a disclosure counted, drawn by an auditor and opened."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import Scope
from resolvers.samples import Opened, OpenedSample, Statement
from schema.directives import OPEN, requires
from schema.receipt import Receipt, receipt
from schema.refused import Refused, refused

EXPORT = requires(Scope.LEDGER_EXPORT)


@strawberry.input(description="Draw persons whom a disclosure counted.", directives=OPEN)
class OpenSampleInput:
    position: int = strawberry.field(description="The entry of the disclosure.")
    seed: str = strawberry.field(
        description="Your own random text, of at most 200 signs: who answers cannot choose who is drawn."
    )
    number: int = strawberry.field(description="How many draws: 1 to 100. Who is drawn twice is opened once.")


@strawberry.type(
    description="One entry in which a drawn person spoke, and what opens its commitment.", directives=EXPORT
)
class OpenedStatement:
    position: int = strawberry.field(description="Index of the entry.")
    entry: str = strawberry.field(description="The exact bytes of the entry.")
    payload: str = strawberry.field(description="What was said, as JSON; says not who.")
    opening: str = strawberry.field(description="The random key of the commitment, in hexadecimal.")
    index: int | None = strawberry.field(
        description="Which statement of a batch it is; null when the entry is of this one alone."
    )
    path: list[str] = strawberry.field(
        description="From that commitment, as a leaf, to the batch's root (RFC 9162, 2.1.3), in hexadecimal."
    )


@strawberry.type(description="One person of the set that a disclosure counted.", directives=EXPORT)
class OpenedPerson:
    index: int = strawberry.field(description="Its place in the set.")
    leaf: str = strawberry.field(description="The leaf of the commitment, in hexadecimal; names nobody.")
    path: list[str] = strawberry.field(
        description="From the leaf's hash to the root (RFC 9162, 2.1.3), in hexadecimal."
    )
    said: list[OpenedStatement] = strawberry.field(
        description=(
            "What this person had said for the purpose, at the size on which the decision stood. Empty where "
            "nothing was said and none is needed, and where the person was erased since."
        )
    )


@strawberry.type(description="Persons whom a disclosure counted, opened.", directives=EXPORT)
class SampleOpened:
    disclosure: int = strawberry.field(description="The entry of the disclosure.")
    persons: int = strawberry.field(description="How many persons the set holds.")
    root: str = strawberry.field(
        description="The root of the set: `subjects` in the entry of the disclosure."
    )
    opened: list[OpenedPerson] = strawberry.field(
        description=(
            "Draw j opens the leaf at SHA-256(SHA-256(seed) || root || j in 4 bytes) modulo `persons`, j from 0."
        )
    )
    receipt: Receipt = strawberry.field(description="The entry that tells of this opening, and its proof.")


OpenSamplePayload = Annotated[
    SampleOpened | Refused,
    strawberry.union("OpenSamplePayload", description="The persons drawn, or why it was refused."),
]


def sample_opened(done: OpenedSample | Refusal) -> SampleOpened | Refused:
    """An opened sample as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return SampleOpened(
        disclosure=done.disclosure,
        persons=done.persons,
        root=done.root,
        opened=[_person(one) for one in done.opened],
        receipt=receipt(done.receipt),
    )


def _person(found: Opened) -> OpenedPerson:
    said = [_statement(one) for one in found.said]
    return OpenedPerson(index=found.index, leaf=found.leaf, path=list(found.path), said=said)


def _statement(found: Statement) -> OpenedStatement:
    return OpenedStatement(
        position=found.position,
        entry=found.entry,
        payload=found.payload,
        opening=found.opening,
        index=found.index,
        path=list(found.path),
    )
