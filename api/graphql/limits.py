"""The bounds of one GraphQL request. Each is checked before the work it bounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, in the order in which they are checked; all are inclusive."""

    body_bytes: int = 256 * 1024
    """Body of the request, before it is read on."""
    body_seconds: float = 15
    """How long the body may take to arrive."""
    document_bytes: int = 32 * 1024
    """Document in UTF-8, before it is parsed."""
    variable_values: int = 10_000
    """JSON values within `variables`: all Dutch postcodes of four digits fit twice."""
    tokens: int = 1_000
    """Lexical tokens of the document, while it is parsed."""
    definitions: int = 60
    """Operations and fragments."""
    operations: int = 10
    fields: int = 500
    """Fields with fragments spread out, over all operations."""
    aliases: int = 50
    """Aliases with fragments spread out, over all operations."""
    directives: int = 50
    """Directives with fragments spread out, over all operations."""
    depth: int = 12
    """Fields within fields, fragments spread out; introspection has its own."""
    introspection_depth: int = 20
    """Fields beneath `__schema` and `__type`: the query of common tools nests 15."""
    introspections: int = 2
    """`__schema` and `__type`, over all operations: their answers are the largest there are."""
    introspection_aliases: int = 5
    """Aliases within introspection."""
    introspection_lists: int = 1
    """Lists of a type's parts within such a list, as `fields { type { fields } }` multiplies."""
    nesting: int = 60
    """Selection sets within selection sets, inline fragments and spreads counted."""
    root_fields: int = 20
    """Fields of one operation's root."""
    overlaps: int = 400
    """Pairs of fields that share a response key: validation compares each pair."""
    page: int = 100
    """`first` and `last` of a connection."""
    cost: int = 20_000
    """Objects that the answer could hold at most, as `api.graphql.cost` counts them."""
    errors: int = 100
    """Errors in one answer."""


LIMITS = Limits()
