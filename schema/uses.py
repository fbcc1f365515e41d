"""
The input coordinates that a value uses: input fields and enum values, in a literal or in a variable.

Variables are walked as they came in, along the type of the place where they stand, after they were
found to fit it: their names are then the schema's names. What a custom scalar holds is opaque.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    EnumValueNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues

NO_VARIABLES = VariableValues({}, {})


def is_given(value: ValueNode, variables: VariableValues) -> bool:
    """Whether the value says anything: a variable that has neither value nor default says nothing."""
    return not isinstance(value, VariableNode) or value.name.value in variables.coerced


def literal_uses(
    value: ValueNode, type_: GraphQLInputType, variables: VariableValues = NO_VARIABLES
) -> Iterator[str]:
    """Coordinates that this literal uses at a place of this type, within its variables too."""
    type_ = type_.of_type if is_non_null_type(type_) else type_
    if isinstance(value, VariableNode):
        yield from variable_uses(value.name.value, type_, variables)
    elif isinstance(value, ListValueNode):
        inner = type_.of_type if is_list_type(type_) else type_
        for item in value.values:
            yield from literal_uses(item, inner, variables)
    elif is_list_type(type_):
        yield from literal_uses(value, type_.of_type, variables)
    elif isinstance(type_, GraphQLInputObjectType) and isinstance(value, ObjectValueNode):
        yield type_.name
        for field in value.fields:
            known = type_.fields.get(field.name.value)
            if known is not None and is_given(field.value, variables):
                yield f"{type_.name}.{field.name.value}"
                yield from literal_uses(field.value, known.type, variables)
    elif isinstance(type_, GraphQLEnumType) and isinstance(value, EnumValueNode):
        yield f"{type_.name}.{value.value}"


def variable_uses(name: str, type_: GraphQLInputType, variables: VariableValues) -> Iterator[str]:
    """Coordinates that the value of this variable uses: what the request gave, else its own default."""
    source = variables.sources.get(name)
    if source is None:
        return
    if source.value is not Undefined:
        yield from _value_uses(source.value, type_)
    elif source.signature.default is not None and source.signature.default.literal is not None:
        yield from literal_uses(source.signature.default.literal, type_)


def _value_uses(value: Any, type_: GraphQLInputType) -> Iterator[str]:
    type_ = type_.of_type if is_non_null_type(type_) else type_
    if isinstance(value, list):
        inner = type_.of_type if is_list_type(type_) else type_
        for item in value:
            yield from _value_uses(item, inner)
    elif is_list_type(type_):
        yield from _value_uses(value, type_.of_type)
    elif isinstance(type_, GraphQLInputObjectType) and isinstance(value, Mapping):
        yield type_.name
        for name, item in value.items():
            known = type_.fields.get(name)
            if known is not None:
                yield f"{type_.name}.{name}"
                yield from _value_uses(item, known.type)
    elif isinstance(type_, GraphQLEnumType) and isinstance(value, str):
        yield f"{type_.name}.{value}"
