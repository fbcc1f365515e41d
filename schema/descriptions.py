"""
Scopes in the descriptions, written by this generator and never by hand.

Introspection does not carry directives; a person in GraphiQL reads the description.
"""

from __future__ import annotations

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
)

from schema.rule import Rule
from schema.scopes import Element, SchemaScopes, core, declared_types

_MARK = "Requires scope "


def write_scopes(schema: strawberry.Schema, scopes: SchemaScopes) -> None:
    """
    Add `Requires scope …` to the description of every coordinate that asks one.

    Shows in introspection and in the SDL that `schema.as_str()` prints. Writing twice changes nothing.
    """
    for type_ in declared_types(core(schema)):
        if (rule := scopes.own(type_)) is not None:
            _write(type_, rule)
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in type_.fields.items():
                coordinate = f"{type_.name}.{name}"
                _write(field, scopes.of(coordinate))
                for argument_name, argument in field.args.items():
                    of_argument = scopes.of(f"{coordinate}({argument_name}:)")
                    if of_argument != scopes.of(coordinate):
                        _write(argument, of_argument)
        elif isinstance(type_, GraphQLInputObjectType):
            for name, input_field in type_.fields.items():
                _write(input_field, scopes.of(f"{type_.name}.{name}"))
        elif isinstance(type_, GraphQLEnumType):
            for name, value in type_.values.items():
                _write(value, scopes.of(f"{type_.name}.{name}"))


def _write(element: Element, rule: Rule) -> None:
    said = element.description or ""
    if not rule.is_open and _MARK not in said:
        element.description = f"{said} {_MARK}{rule.phrase()}."
