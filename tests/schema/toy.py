# mypy: allow-untyped-decorators
# ruff: noqa: ARG002 - resolvers take arguments that a toy does nothing with
"""A small schema with everything that access has to see through: connections, unions, interfaces, inputs."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from consent_ledger.vocabulary import Scope
from schema.directives import OPEN, SCALARS, any_of, requires

AUDIENCES = Scope.AUDIENCES_READ
SPEND = Scope.AUDIENCES_READ_SPEND
PLACE = Scope.AUDIENCES_READ_PLACE
AGE = Scope.AUDIENCES_READ_AGE
EVERYTHING = frozenset(Scope)


@dataclass
class Calls:
    """The context of an execution: which resolvers ran."""

    called: list[str] = field(default_factory=list)

    def note(self, coordinate: str) -> None:
        self.called.append(coordinate)


Info = strawberry.Info[Calls, None]


@strawberry.enum(description="How an audience is split.", directives=OPEN)
class Split(enum.Enum):
    MONTH = strawberry.enum_value("month", description="By month.")
    AGE_BAND = strawberry.enum_value("age", description="By band of age.", directives=requires(AGE))


@strawberry.enum(description="A band of age.", directives=requires(AGE))
class Band(enum.Enum):
    YOUNG = strawberry.enum_value("young", description="Under 30.")
    OLD = strawberry.enum_value("old", description="30 and over.")


@strawberry.input(description="Whom to count.", directives=OPEN)
class Filter:
    pc4: list[str] | None = strawberry.field(
        default=None, description="Postcodes of four digits.", directives=requires(PLACE)
    )
    band: Band | None = strawberry.field(default=None, description="A band of age.", directives=requires(AGE))
    split: Split = strawberry.field(default=Split.MONTH, description="A split.")
    first_time: bool | None = strawberry.field(default=None, description="Only first-timers.")
    both: list[Filter] | None = strawberry.field(default=None, description="All of these.")


@strawberry.interface(description="Something with a name.", directives=OPEN)
class Named:
    id: strawberry.ID = strawberry.field(description="Its id.")

    @strawberry.field(description="Its name.")
    def name(self, info: Info) -> str:
        info.context.note("name")
        return f"name of {self.id}"

    @strawberry.field(description="Its worth.", directives=requires(SPEND))
    def worth(self, info: Info) -> int | None:
        info.context.note("worth")
        return 7


@strawberry.type(description="Why a figure is not given.", directives=OPEN)
class Withheld:
    sentence: str = strawberry.field(description="In words.")


@strawberry.type(description="Who came.", directives=requires(AUDIENCES))
class Audience:
    bookers: int = strawberry.field(description="People who booked.")

    @strawberry.field(description="Money.", directives=requires(AUDIENCES, SPEND))
    def spend(self, info: Info) -> int | None:
        info.context.note("Audience.spend")
        return 1_000

    @strawberry.field(description="Tickets.")
    def tickets(
        self,
        info: Info,
        split: Annotated[Split | None, strawberry.argument(description="How to split.")] = None,
    ) -> list[int] | None:
        info.context.note("Audience.tickets")
        return [1, 2, 3]

    @strawberry.field(description="Any JSON, whose keys are nobody's business.")
    def raw(self) -> strawberry.scalars.JSON | None:
        return strawberry.scalars.JSON({"_denied_0": 1, "spend": 2})


@strawberry.type(description="An institution.", directives=OPEN)
class House(Named):
    @strawberry.field(description="Who came here.", directives=requires(AUDIENCES))
    def audience(
        self,
        info: Info,
        where: Annotated[Filter | None, strawberry.argument(description="Whom to count.")] = None,
        postcode: Annotated[
            str | None, strawberry.argument(description="One postcode.", directives=requires(PLACE))
        ] = None,
    ) -> Audience | None:
        info.context.note("House.audience")
        return Audience(bookers=5)

    @strawberry.field(
        description="A benchmark.",
        directives=any_of(Scope.BENCHMARKS_READ, (Scope.SEGMENTS_READ, Scope.OVERLAP_READ)),
    )
    def benchmark(self, info: Info) -> str | None:
        info.context.note("House.benchmark")
        return "Hall"

    @strawberry.field(description="The neighbours.")
    def neighbours(
        self, info: Info, first: Annotated[int, strawberry.argument(description="How many.")] = 2
    ) -> HouseConnection:
        return houses("n", first)


@strawberry.type(description="A stage.", directives=OPEN)
class Hall(Named):
    @strawberry.field(description="Its label; says `Hall`, like its type name.")
    def label(self, info: Info) -> str | None:
        info.context.note("Hall.label")
        return "House"


@strawberry.type(description="A house in a page.", directives=OPEN)
class HouseEdge:
    cursor: str = strawberry.field(description="Where it stands.")
    node: House = strawberry.field(description="The house.")


@strawberry.type(description="A page of houses.", directives=OPEN)
class HouseConnection:
    edges: list[HouseEdge] = strawberry.field(description="The houses of the page.")


def houses(kind: str, first: int) -> HouseConnection:
    return HouseConnection(
        edges=[
            HouseEdge(cursor=str(i), node=House(id=strawberry.ID(f"{kind}{i}"))) for i in range(min(first, 3))
        ]
    )


Found = Annotated[House | Hall, strawberry.union("Found", description="What a search finds.")]
AudienceResult = Annotated[
    Audience | Withheld, strawberry.union("AudienceResult", description="An audience, or why not.")
]


class OurRefusal(Exception):
    """As other rooms raise them."""

    code = "AGREEMENT_ENDED"
    sentence = "The agreement has ended."
    next_step = "Propose a new one."


@strawberry.type(description="The questions.")
class Query:
    @strawberry.field(description="An audience.", directives=requires(AUDIENCES))
    def audience(
        self,
        info: Info,
        where: Annotated[Filter | None, strawberry.argument(description="Whom to count.")] = None,
        split: Annotated[Split | None, strawberry.argument(description="How to split.")] = None,
        withheld: Annotated[bool, strawberry.argument(description="Whether to withhold.")] = False,
    ) -> AudienceResult | None:
        info.context.note("Query.audience")
        return Withheld(sentence="Too few.") if withheld else Audience(bookers=9)

    @strawberry.field(description="Houses.", directives=OPEN)
    def houses(
        self, info: Info, first: Annotated[int, strawberry.argument(description="How many.")] = 2
    ) -> HouseConnection | None:
        info.context.note("Query.houses")
        return houses("h", first)

    @strawberry.field(description="Anything with a name.", directives=OPEN)
    def named(self) -> list[Named]:
        return [House(id=strawberry.ID("h")), Hall(id=strawberry.ID("a"))]

    @strawberry.field(description="A search.", directives=OPEN)
    def search(self) -> list[Found]:
        return [House(id=strawberry.ID("h")), Hall(id=strawberry.ID("a"))]

    @strawberry.field(description="Fails as ours.", directives=OPEN)
    def ended(self) -> int | None:
        raise OurRefusal

    @strawberry.field(description="Fails as nobody foresaw.", directives=OPEN)
    def broken(self) -> int | None:
        raise ValueError("jan@example.nl is in this text")


@strawberry.type(description="What came of it.", directives=OPEN)
class Payload:
    done: bool = strawberry.field(description="Whether it was done.")

    @strawberry.field(description="The price.", directives=requires(SPEND))
    def price(self, info: Info) -> int | None:
        info.context.note("Payload.price")
        return 3


@strawberry.type(description="The acts.")
class Mutation:
    @strawberry.mutation(description="Withdraw.", directives=requires(Scope.CONSENT_WRITE))
    def withdraw(
        self,
        info: Info,
        person: Annotated[str, strawberry.argument(description="Who.")],
        where: Annotated[Filter | None, strawberry.argument(description="Whose.")] = None,
    ) -> Payload:
        info.context.note("Mutation.withdraw")
        return Payload(done=True)


def build(
    query: type = Query, mutation: type | None = Mutation, types: Iterable[Any] = ()
) -> strawberry.Schema:
    return strawberry.Schema(query, mutation, types=types, config=StrawberryConfig(scalar_map=dict(SCALARS)))
