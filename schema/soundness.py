"""
What the schema must hold beyond having a rule everywhere, checked once at start.

1. Every element is described.
2. A field that can be denied while its parent is served is nullable.
3. A field that leads to a scoped type asks that type's scopes itself.
4. An implementing field asks the same as the interface's field, and so do its arguments.
5. A default that applies when nothing was said asks nothing that the field does not ask.
6. No resolver is `async`: one question is answered in one thread with one connection.
7. No directive that may stand in documents, but `@skip` and `@include`: their arguments have no rule.

Mutation fields are exempt from 2: a mutation with a denied coordinate is refused whole, nothing is
ever nulled there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphql import (
    DirectiveLocation,
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
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_non_null_type,
    is_specified_scalar_type,
)
from strawberry.printer.ast_from_value import ast_from_value
from strawberry.schema.schema_converter import GraphQLCoreConverter

from schema.rule import Rule
from schema.scopes import SchemaRefused, SchemaScopes, declared_types, has_own_scopes
from schema.uses import literal_uses

_IN_DOCUMENTS = {
    DirectiveLocation.QUERY,
    DirectiveLocation.MUTATION,
    DirectiveLocation.SUBSCRIPTION,
    DirectiveLocation.FIELD,
    DirectiveLocation.FRAGMENT_DEFINITION,
    DirectiveLocation.FRAGMENT_SPREAD,
    DirectiveLocation.INLINE_FRAGMENT,
    DirectiveLocation.VARIABLE_DEFINITION,
}

Fielded = GraphQLObjectType | GraphQLInterfaceType


def hold(schema: GraphQLSchema, scopes: SchemaScopes) -> None:
    """Check every rule of this module; raises `SchemaRefused` at the first that does not hold."""
    _no_other_directives(schema)
    for type_ in declared_types(schema):
        _described(type_)
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in type_.fields.items():
                coordinate = f"{type_.name}.{name}"
                _synchronous(schema, type_, coordinate, field)
                _nullable(schema, scopes, type_, coordinate, field)
                _covers_returned(schema, scopes, coordinate, field)
                _defaults(scopes, coordinate, field.args, scopes.of(coordinate))
            for interface in type_.interfaces:
                _same_as_interface(scopes, type_, interface)
        elif isinstance(type_, GraphQLInputObjectType):
            _input_defaults(scopes, type_)


def _no_other_directives(schema: GraphQLSchema) -> None:
    for directive in schema.directives:
        in_documents = any(location in _IN_DOCUMENTS for location in directive.locations)
        if in_documents and directive.name not in {"skip", "include"}:
            raise SchemaRefused(f"@{directive.name}", "a directive in documents has no scopes")


def _described(type_: GraphQLNamedType) -> None:
    if is_specified_scalar_type(type_):
        return
    for coordinate, description in _descriptions(type_):
        if not (description or "").strip():
            raise SchemaRefused(coordinate, "has no description")


def _descriptions(type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    yield type_.name, type_.description
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            yield f"{type_.name}.{name}", field.description
            for argument_name, argument in field.args.items():
                yield f"{type_.name}.{name}({argument_name}:)", argument.description
    parts: Mapping[str, GraphQLInputField | GraphQLEnumValue] = {}
    if isinstance(type_, GraphQLInputObjectType):
        parts = type_.fields
    elif isinstance(type_, GraphQLEnumType):
        parts = type_.values
    for name, part in parts.items():
        yield f"{type_.name}.{name}", part.description


def _synchronous(schema: GraphQLSchema, type_: Fielded, coordinate: str, field: GraphQLField) -> None:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if type_ is not schema.subscription_type and getattr(definition, "is_async", False):
        raise SchemaRefused(coordinate, "its resolver is async")


def _nullable(
    schema: GraphQLSchema, scopes: SchemaScopes, type_: Fielded, coordinate: str, field: GraphQLField
) -> None:
    """
    Refuse a non-null field that a scope could null.

    A field without scopes of its own in a scoped type may be non-null: whoever lacks the type's scopes
    never gets the parent (rule 3). The root has no parent, so there nothing scoped is non-null.
    """
    if type_ is schema.mutation_type or not is_non_null_type(field.type):
        return
    rule = scopes.of(coordinate)
    if has_own_scopes(field):
        raise SchemaRefused(coordinate, "has scopes of its own, so it must be nullable")
    if type_ in {schema.query_type, schema.subscription_type} and not rule.is_open:
        raise SchemaRefused(coordinate, "a scoped root field must be nullable")
    for name, argument in field.args.items():
        for used, needed in _reachable(scopes, f"{coordinate}({name}:)", argument):
            if not rule.covers(needed):
                raise SchemaRefused(coordinate, f"{used} can be denied, so the field must be nullable")


def _reachable(
    scopes: SchemaScopes, coordinate: str, argument: GraphQLArgument
) -> Iterator[tuple[str, Rule]]:
    """Every coordinate that a value of this argument could use."""
    yield coordinate, scopes.of(coordinate)
    seen: set[str] = set()
    ahead: list[GraphQLNamedType] = [get_named_type(argument.type)]
    while ahead:
        type_ = ahead.pop()
        if type_.name in seen or not isinstance(type_, GraphQLInputObjectType | GraphQLEnumType):
            continue
        seen.add(type_.name)
        yield type_.name, scopes.of(type_.name)
        for name in type_.fields if isinstance(type_, GraphQLInputObjectType) else type_.values:
            yield f"{type_.name}.{name}", scopes.of(f"{type_.name}.{name}")
        if isinstance(type_, GraphQLInputObjectType):
            ahead.extend(get_named_type(field.type) for field in type_.fields.values())


def _covers_returned(
    schema: GraphQLSchema, scopes: SchemaScopes, coordinate: str, field: GraphQLField
) -> None:
    returned = get_named_type(field.type)
    reached: list[GraphQLNamedType] = [returned]
    if isinstance(returned, GraphQLInterfaceType | GraphQLUnionType):
        reached.extend(schema.get_possible_types(returned))
    for type_ in reached:
        needed = scopes.own(type_)
        if needed is not None and not scopes.of(coordinate).covers(needed):
            raise SchemaRefused(coordinate, f"leads to {type_.name} without its scopes: {needed.phrase()}")


def _same_as_interface(scopes: SchemaScopes, type_: Fielded, interface: GraphQLInterfaceType) -> None:
    for name, field in interface.fields.items():
        pairs = [(f"{type_.name}.{name}", f"{interface.name}.{name}")]
        pairs += [
            (f"{own}({argument}:)", f"{theirs}({argument}:)")
            for own, theirs in pairs
            for argument in field.args
        ]
        for own, theirs in pairs:
            if scopes.of(own) != scopes.of(theirs):
                raise SchemaRefused(own, f"asks other scopes than {theirs}, which it implements")


def _input_defaults(scopes: SchemaScopes, type_: GraphQLInputObjectType) -> None:
    for name, field in type_.fields.items():
        _default(scopes, f"{type_.name}.{name}", field, scopes.of(type_.name))


def _defaults(
    scopes: SchemaScopes, coordinate: str, arguments: Mapping[str, GraphQLArgument], given: Rule
) -> None:
    for name, argument in arguments.items():
        _default(scopes, f"{coordinate}({name}:)", argument, given)


def _default(
    scopes: SchemaScopes, coordinate: str, element: GraphQLArgument | GraphQLInputField, given: Rule
) -> None:
    """A default works for callers who never named the coordinate, so `given` must already cover it."""
    if element.default_value is Undefined or element.default_value is None:
        return
    used = {coordinate: scopes.of(coordinate)}
    literal = ast_from_value(element.default_value, element.type)
    if literal is not None:
        used |= {use: scopes.of(use) for use in literal_uses(literal, element.type)}
    for use, needed in used.items():
        if not given.covers(needed):
            raise SchemaRefused(coordinate, f"its default uses {use}, whose scopes nobody has checked then")
