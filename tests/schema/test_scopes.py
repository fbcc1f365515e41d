# mypy: allow-untyped-decorators
# ruff: noqa: ARG002 - resolvers take arguments that a toy does nothing with
# No `from __future__ import annotations`: Strawberry must see the types that the tests make on the spot.
import enum
from collections.abc import Callable
from typing import Annotated, Any

import pytest
import strawberry
from graphql import build_schema
from strawberry.schema.config import StrawberryConfig

from consent_ledger.vocabulary import Scope
from schema.descriptions import write_scopes
from schema.directives import OPEN, SCALARS, RequiresScopes, ScopeName, any_of, requires
from schema.rule import OPEN_RULE, rule_of
from schema.scopes import SchemaRefused, SchemaScopes, core
from tests.schema import toy

READ = Scope.AUDIENCES_READ
SPEND = Scope.AUDIENCES_READ_SPEND
AGE = Scope.AUDIENCES_READ_AGE


def served(query: type, mutation: type | None = None, types: tuple[Any, ...] = ()) -> SchemaScopes:
    config = StrawberryConfig(scalar_map=dict(SCALARS))
    return SchemaScopes.read(strawberry.Schema(query, mutation, types=types, config=config))


def query_of(returns: Any, directives: Any, **arguments: Any) -> type:
    """A Query whose one field `it` returns this type, with these directives and arguments."""

    parameters = ", ".join(f"{name}=None" for name in arguments)
    namespace: dict[str, Callable[..., None]] = {}
    exec(f"def it({parameters}): return None", namespace)
    resolver = namespace["it"]
    resolver.__annotations__ = {**arguments, "return": returns}
    resolver.__module__ = __name__
    made = strawberry.field(resolver=resolver, description="It.", directives=directives)
    return strawberry.type(type("Query", (), {"it": made, "__annotations__": {}}), description="Questions.")


def refused(query: type, mutation: type | None = None, types: tuple[Any, ...] = ()) -> str:
    with pytest.raises(SchemaRefused) as refusal:
        served(query, mutation, types)
    return refusal.value.sentence


def told(about: str) -> Any:
    return strawberry.argument(description=about)


@strawberry.type(description="Scoped.", directives=requires(READ))
class Scoped:
    count: int = strawberry.field(description="A count.")


@strawberry.type(description="Free.", directives=OPEN)
class Free:
    count: int = strawberry.field(description="A count.")


def test_every_coordinate_of_the_toy_has_its_rule() -> None:
    rules = SchemaScopes.read(toy.build()).rules
    assert rules["House.name"] == OPEN_RULE
    assert rules["Audience.bookers"] == rule_of([[READ]])
    assert rules["Audience.spend"] == rule_of([[READ, SPEND]])
    assert rules["House.audience(where:)"] == rule_of([[READ]])
    assert rules["House.audience(postcode:)"] == rule_of([[Scope.AUDIENCES_READ_PLACE]])
    assert rules["Filter.firstTime"] == OPEN_RULE
    assert rules["Filter.band"] == rules["Band.OLD"] == rules["Split.AGE_BAND"] == rule_of([[AGE]])
    assert rules["House.benchmark"] == rule_of(
        [[Scope.BENCHMARKS_READ], [Scope.SEGMENTS_READ, Scope.OVERLAP_READ]]
    )


def test_the_outer_list_is_or_and_the_inner_list_is_and() -> None:
    rule = rule_of([[READ, SPEND], [AGE]])
    assert rule.met_by(frozenset({AGE}))
    assert rule.met_by(frozenset({READ, SPEND}))
    assert not rule.met_by(frozenset({READ}))
    assert rule.missing(frozenset({READ})) in {(AGE,), (SPEND,)}
    assert rule.missing(frozenset({READ, AGE})) == ()


def test_a_rule_covers_another_when_whoever_meets_it_meets_the_other() -> None:
    assert rule_of([[READ, SPEND]]).covers(rule_of([[READ]]))
    assert not rule_of([[READ]]).covers(rule_of([[READ, SPEND]]))
    assert not rule_of([[READ], [AGE]]).covers(rule_of([[READ]]))
    assert not OPEN_RULE.covers(rule_of([[READ]]))
    assert rule_of([[READ]]).covers(OPEN_RULE)


def test_a_field_with_neither_its_own_nor_its_types_rule_is_refused() -> None:
    assert refused(query_of(int | None, ())).startswith("Query.it:")


def test_the_other_roots_of_refusal_do_not_hide_a_sound_schema() -> None:
    assert served(query_of(Free | None, OPEN)).of("Query.it").is_open


def test_an_input_type_and_an_enum_type_without_a_rule_are_refused() -> None:
    @strawberry.input(description="No rule.")
    class Bare:
        name: str = strawberry.field(description="A name.")

    @strawberry.enum(description="No rule.")
    class Bald(enum.Enum):
        ONE = strawberry.enum_value("one", description="One.")

    assert refused(query_of(int | None, OPEN, what=Annotated[Bare | None, told("What.")])).startswith("Bare:")
    assert refused(query_of(int | None, OPEN, what=Annotated[Bald | None, told("What.")])).startswith("Bald:")


@pytest.mark.parametrize("scopes", [[], [[]], [[READ], []]])
def test_an_empty_list_of_scopes_is_refused(scopes: list[list[ScopeName]]) -> None:
    assert "empty list" in refused(query_of(int | None, (RequiresScopes(scopes=scopes),)))


def test_a_scope_that_does_not_exist_is_refused() -> None:
    unknown = (RequiresScopes(scopes=[[ScopeName("audiences:everything")]]),)
    assert "does not exist" in refused(query_of(int | None, unknown))


def test_open_and_scoped_at_once_is_refused() -> None:
    assert "together" in refused(query_of(int | None, (*OPEN, *requires(READ))))


def test_a_non_null_field_with_its_own_scopes_is_refused() -> None:
    @strawberry.type(description="Mixed.", directives=OPEN)
    class Mixed:
        spend: int = strawberry.field(description="Money.", directives=requires(SPEND))

    assert refused(query_of(Mixed | None, OPEN)).startswith("Mixed.spend: has scopes of its own")


def test_a_scoped_root_field_must_be_nullable_even_by_its_types_rule() -> None:
    @strawberry.type(description="All scoped.", directives=requires(READ))
    class Query:
        count: int = strawberry.field(description="A count.")

    assert refused(Query).startswith("Query.count: a scoped root field")


@pytest.mark.parametrize(
    "returns", [Scoped | None, list[Scoped] | None, list[list[Scoped | None] | None] | None]
)
def test_a_field_that_returns_a_scoped_type_without_its_scopes_is_refused(returns: Any) -> None:
    assert "leads to Scoped" in refused(query_of(returns, OPEN))
    assert "leads to Scoped" in refused(query_of(returns, requires(SPEND)))
    assert "leads to Scoped" in refused(query_of(returns, any_of((READ, SPEND), AGE)))
    assert served(query_of(returns, any_of((READ, SPEND), (READ, AGE)))).rules


def test_a_scoped_type_behind_a_union_or_an_interface_counts_too() -> None:
    union = Annotated[Scoped | Free, strawberry.union("Either", description="One of two.")]
    assert "leads to Scoped" in refused(query_of(union | None, OPEN))

    @strawberry.interface(description="Shape.", directives=OPEN)
    class Shape:
        name: str = strawberry.field(description="A name.", directives=OPEN)

    @strawberry.type(description="Shaped.", directives=requires(READ))
    class Shaped(Shape):
        count: int = strawberry.field(description="A count.")

    assert "leads to Shaped" in refused(query_of(Shape | None, OPEN), types=(Shaped,))
    assert served(query_of(Shape | None, requires(READ)), types=(Shaped,)).of("Shaped.name").is_open


def test_an_implementing_field_with_other_scopes_than_the_interface_is_refused() -> None:
    @strawberry.interface(description="Shape.", directives=OPEN)
    class Shape:
        name: str | None = strawberry.field(description="A name.")

    @strawberry.type(description="Shaped.", directives=requires(READ))
    class Shaped(Shape):
        count: int = strawberry.field(description="A count.")

    sentence = refused(query_of(Shape | None, requires(READ)), types=(Shaped,))
    assert sentence == "Shaped.name: asks other scopes than Shape.name, which it implements"


def test_a_non_null_field_whose_argument_can_be_denied_is_refused() -> None:
    postcode = Annotated[
        str | None, strawberry.argument(description="A postcode.", directives=requires(SPEND))
    ]
    assert "can be denied" in refused(query_of(int, OPEN, postcode=postcode))
    assert "Filter.pc4" in refused(query_of(int, OPEN, where=Annotated[toy.Filter | None, told("Whom.")]))
    assert served(query_of(int | None, OPEN, where=Annotated[toy.Filter | None, told("Whom.")])).rules


def test_a_default_that_uses_more_than_the_field_asks_is_refused() -> None:
    @strawberry.input(description="Hidden.", directives=OPEN)
    class Hidden:
        split: toy.Split = strawberry.field(default=toy.Split.AGE_BAND, description="A split.")

    where = Annotated[Hidden | None, told("Whom.")]
    assert "its default uses Split.AGE_BAND" in refused(query_of(int | None, OPEN, where=where))

    @strawberry.type(description="Questions.")
    class Query:
        @strawberry.field(description="It.", directives=OPEN)
        def it(
            self,
            first: Annotated[
                int, strawberry.argument(description="How many.", directives=requires(SPEND))
            ] = 3,
        ) -> int | None:
            return None

    assert "its default uses Query.it(first:)" in refused(Query)


def test_a_mutation_without_scopes_is_refused() -> None:
    @strawberry.type(description="Acts.", directives=OPEN)
    class Mutation:
        @strawberry.mutation(description="Act.")
        def act(self) -> int:
            return 1

    assert refused(query_of(int | None, OPEN), Mutation) == "Mutation.act: a mutation has scopes"


def test_a_mutation_may_be_non_null_for_it_is_refused_whole() -> None:
    @strawberry.type(description="Acts.")
    class Mutation:
        @strawberry.mutation(description="Act.", directives=requires(Scope.CONSENT_WRITE))
        def act(self) -> int:
            return 1

    assert served(query_of(int | None, OPEN), Mutation).rules


def test_an_async_resolver_is_refused() -> None:
    @strawberry.type(description="Questions.")
    class Query:
        @strawberry.field(description="It.", directives=OPEN)
        async def it(self) -> int | None:
            return None

    assert refused(Query) == "Query.it: its resolver is async"


def test_a_directive_that_may_stand_in_documents_is_refused() -> None:
    from strawberry.directive import DirectiveLocation

    @strawberry.directive(locations=[DirectiveLocation.FIELD], description="Shouts.")
    def shout(value: str) -> str:
        return value.upper()

    config = StrawberryConfig(scalar_map=dict(SCALARS))
    with pytest.raises(SchemaRefused, match="@shout"):
        SchemaScopes.read(strawberry.Schema(query_of(int | None, OPEN), directives=[shout], config=config))


@pytest.mark.parametrize("where", ["type", "field", "argument", "input field", "enum value", "union"])
def test_what_is_not_described_is_refused(where: str) -> None:
    def say(part: str) -> str | None:
        return None if part == where else "Said."

    @strawberry.enum(description="Said.", directives=OPEN)
    class Kind(enum.Enum):
        ONE = strawberry.enum_value("one", description=say("enum value"))

    @strawberry.input(description="Said.", directives=OPEN)
    class What:
        kind: Kind | None = strawberry.field(default=None, description=say("input field"))

    @strawberry.type(description=say("type"), directives=OPEN)
    class One:
        count: int = strawberry.field(description=say("field"))

    union = Annotated[One | Free, strawberry.union("Either", description=say("union"))]
    argument = Annotated[What | None, strawberry.argument(description=say("argument"))]
    coordinate = {
        "type": "One",
        "field": "One.count",
        "argument": "Query.it(what:)",
        "input field": "What.kind",
        "enum value": "Kind.ONE",
        "union": "Either",
    }[where]
    assert refused(query_of(union | None, OPEN, what=argument)) == f"{coordinate}: has no description"


def test_the_sdl_shows_real_scopes_and_reads_as_a_schema() -> None:
    sdl = toy.build().as_str()
    assert 'spend: Int @requiresScopes(scopes: [["audiences:read", "audiences:read.spend"]])' in sdl
    assert "directive @requiresScopes(scopes: [[Scope!]!]!) on" in sdl
    assert "scalar Scope" in sdl
    assert build_schema(sdl).get_directive("open") is not None


def test_descriptions_say_the_scopes_once_in_sdl_and_introspection() -> None:
    schema = toy.build()
    scopes = SchemaScopes.read(schema)
    write_scopes(schema, scopes)
    once = schema.as_str()
    write_scopes(schema, scopes)
    assert schema.as_str() == once
    audience = core(schema).type_map["Audience"]
    fields = audience.fields  # type: ignore[attr-defined] # an object type
    assert fields["spend"].description == "Money. Requires scope `audiences:read` and `audiences:read.spend`."
    assert "Requires scope" not in (core(schema).type_map["Withheld"].description or "")
    found = schema.execute_sync('{ __type(name: "Band") { enumValues { description } } }').data
    assert found is not None
    assert "`audiences:read.age`" in found["__type"]["enumValues"][0]["description"]
