"""
The two directives by which the schema says who may read it: `@requiresScopes` and `@open`.

Authors write `directives=requires(Scope.SEGMENTS_READ)`, `directives=any_of(Scope.ME_READ,
(Scope.CONSENT_READ, Scope.AUDIENCES_READ))` or `directives=OPEN`; `schema.scopes` reads them back
and refuses to start when one is missing or unsound. Introspection does not carry directives, so
`schema.descriptions` writes the same into the descriptions.
"""

from __future__ import annotations

from typing import NewType

import strawberry
from strawberry.schema_directive import Location
from strawberry.types.scalar import ScalarDefinition

from consent_ledger.vocabulary import Scope

ScopeName = NewType("ScopeName", str)
"""A scope as it stands in SDL: GraphQL names allow neither `:` nor `.`, so it is a scalar, not an enum."""

SCALARS: dict[object, ScalarDefinition] = {
    ScopeName: strawberry.scalar(
        name="Scope",
        description="An OAuth scope of this platform, such as `audiences:read.spend`.",
        serialize=lambda scope: Scope(scope).value,
        parse_value=Scope,
    )
}
"""For `StrawberryConfig(scalar_map=…)` of every schema that carries these directives."""

_LOCATIONS = [
    Location.OBJECT,
    Location.INTERFACE,
    Location.FIELD_DEFINITION,
    Location.ARGUMENT_DEFINITION,
    Location.INPUT_OBJECT,
    Location.INPUT_FIELD_DEFINITION,
    Location.ENUM,
    Location.ENUM_VALUE,
]


@strawberry.schema_directive(
    locations=_LOCATIONS,
    name="requiresScopes",
    description=(
        "The token must hold the scopes of at least one of the inner lists, and within that list all of "
        "them: the outer list means OR, each inner list means AND. On a type it holds for every field that "
        "has no rule of its own. A token without them gets null and one error with code INSUFFICIENT_SCOPE; "
        "using a denied argument, input field or enum value nulls its field; a mutation is refused whole."
    ),
)
class RequiresScopes:
    """Scopes that a coordinate asks."""

    scopes: list[list[ScopeName]] = strawberry.directive_field(name="scopes")


@strawberry.schema_directive(
    locations=_LOCATIONS,
    name="open",
    description="Says nothing about anybody: every authenticated application may read or use it.",
)
class Open:
    """A coordinate that asks no scope."""


def any_of(*alternatives: Scope | tuple[Scope, ...]) -> tuple[RequiresScopes]:
    """Directives for: one of the alternatives; a tuple is an alternative that asks all its scopes."""
    rows = [row if isinstance(row, tuple) else (row,) for row in alternatives]
    return (RequiresScopes(scopes=[[ScopeName(scope) for scope in row] for row in rows]),)


def requires(*scopes: Scope) -> tuple[RequiresScopes]:
    """Directives for: all of these scopes."""
    return any_of(scopes)


OPEN: tuple[Open] = (Open(),)
"""Directives for: says nothing about anybody."""
