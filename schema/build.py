"""The schema, built and checked: what may not be served does not start."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.descriptions import write_scopes
from schema.directives import SCALARS, Open, RequiresScopes
from schema.mutation import Mutation
from schema.query import Query
from schema.scopes import SchemaScopes


def build() -> strawberry.Schema:
    """The schema with its scopes in its descriptions. Raises `schema.scopes.SchemaRefused`."""
    built = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        config=StrawberryConfig(scalar_map=SCALARS),
        schema_directives=[Open, RequiresScopes],
    )
    write_scopes(built, SchemaScopes.read(built))
    return built
