"""
The scopes of every coordinate of the schema, read once at start.

A coordinate is `Type`, `Type.field`, `Type.field(argument:)`, `Input.field` or `Enum.VALUE`, as in the
GraphQL RFC on schema coordinates. Default is deny: a coordinate without a declared rule does not
start. `SchemaScopes.read` also runs `schema.soundness`, so a value of this class is a promise that
denying any coordinate can be shown as null without blowing its parent away, and that no way into
a scoped type goes around its scopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from consent_ledger.vocabulary import Scope
from schema.directives import Open, RequiresScopes
from schema.rule import OPEN_RULE, Rule, rule_of

Element = GraphQLNamedType | GraphQLField | GraphQLArgument | GraphQLInputField | GraphQLEnumValue


class SchemaRefused(Exception):
    """The schema may not be served. Names the coordinate and what is wrong with it."""

    code = "SCHEMA_REFUSED"

    def __init__(self, coordinate: str, fault: str) -> None:
        self.coordinate = coordinate
        self.sentence = f"{coordinate}: {fault}"
        super().__init__(self.sentence)


def core(schema: strawberry.Schema) -> GraphQLSchema:
    """
    The graphql-core schema that Strawberry built, the one its resolvers hang on.

    Strawberry offers no public name for it; this is the one place that takes the private one.
    """
    return schema._schema  # noqa: SLF001 - see above


@dataclass(frozen=True, slots=True)
class SchemaScopes:
    """The rule that holds for each coordinate."""

    rules: Mapping[str, Rule]

    @classmethod
    def read(cls, schema: strawberry.Schema) -> SchemaScopes:
        """
        The rules of this schema.

        Raises `SchemaRefused` when a coordinate has no rule, an empty one or two; when an element has
        no description; and for everything that `schema.soundness` refuses.
        """
        from schema import soundness  # it needs this module's names

        built = core(schema)
        rules: dict[str, Rule] = {}
        for type_ in declared_types(built):
            rules.update(_rules_of(type_, is_mutation=type_ is built.mutation_type))
        scopes = cls(rules)
        soundness.hold(built, scopes)
        return scopes

    def of(self, coordinate: str) -> Rule:
        """The rule of a coordinate; one that was never declared is a defect of the caller."""
        return self.rules[coordinate]

    def own(self, type_: GraphQLNamedType) -> Rule | None:
        """The rule declared on the type itself, when there is one."""
        return self.rules.get(type_.name)


def declared_types(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    """The types of the schema without those of introspection."""
    return (type_ for name, type_ in schema.type_map.items() if not name.startswith("__"))


def _rules_of(type_: GraphQLNamedType, *, is_mutation: bool) -> Iterator[tuple[str, Rule]]:
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        yield from _rules_of_fields(type_, is_mutation=is_mutation)
    elif isinstance(type_, GraphQLInputObjectType | GraphQLEnumType):
        rule = _declared(type_, type_.name)
        if rule is None:
            raise SchemaRefused(type_.name, "an input or enum type says @requiresScopes or @open")
        yield type_.name, rule
        parts: Mapping[str, GraphQLInputField | GraphQLEnumValue] = (
            type_.fields if isinstance(type_, GraphQLInputObjectType) else type_.values
        )
        for name, part in parts.items():
            coordinate = f"{type_.name}.{name}"
            yield coordinate, _declared(part, coordinate) or rule


def _rules_of_fields(
    type_: GraphQLObjectType | GraphQLInterfaceType, *, is_mutation: bool
) -> Iterator[tuple[str, Rule]]:
    of_type = _declared(type_, type_.name)
    if of_type is not None:
        yield type_.name, of_type
    for name, field in type_.fields.items():
        coordinate = f"{type_.name}.{name}"
        rule = _declared(field, coordinate) or of_type
        if rule is None:
            raise SchemaRefused(coordinate, "neither the field nor its type says @requiresScopes or @open")
        if is_mutation and rule.is_open:
            raise SchemaRefused(coordinate, "a mutation has scopes")
        yield coordinate, rule
        for argument_name, argument in field.args.items():
            of_argument = f"{coordinate}({argument_name}:)"
            yield of_argument, _declared(argument, of_argument) or rule


def has_own_scopes(element: Element) -> bool:
    """Whether the element itself carries `@requiresScopes`."""
    return any(isinstance(directive, RequiresScopes) for directive in _directives(element))


def _declared(element: Element, coordinate: str) -> Rule | None:
    """The rule that stands on the element itself."""
    found = [d for d in _directives(element) if isinstance(d, RequiresScopes | Open)]
    if not found:
        return None
    if len(found) > 1:
        raise SchemaRefused(coordinate, "one rule is enough: @requiresScopes and @open stand together")
    directive = found[0]
    if isinstance(directive, Open):
        return OPEN_RULE
    if not directive.scopes or not all(directive.scopes):
        raise SchemaRefused(coordinate, "an empty list of scopes; say @open when that is meant")
    try:
        return rule_of([Scope(name) for name in row] for row in directive.scopes)
    except ValueError:
        raise SchemaRefused(coordinate, "names a scope that does not exist") from None


def _directives(element: Element) -> Sequence[object]:
    definition = element.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return getattr(definition, "directives", None) or ()
