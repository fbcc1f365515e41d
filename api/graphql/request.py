"""A GraphQL request as it came in over HTTP, read from its JSON body (GraphQL over HTTP, 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from api.errors import Code
from api.graphql.budget import too_complex
from api.graphql.errors import RequestRefused, refuse
from api.graphql.limits import Limits


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One operation that somebody asks to run."""

    query: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation_name: str | None = None


def read(body: bytes, limits: Limits) -> GraphQLRequest:
    """
    The request in a body.

    orjson refuses invalid UTF-8, a byte order mark, lone surrogates, NaN, numbers beyond a double and
    nesting beyond 1024 levels; the rest is checked here. Raises `RequestRefused`, never anything else.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _bad("The body is not JSON in UTF-8.") from None
    if not isinstance(given, dict):
        raise _bad("The body is not a JSON object; batches are not answered.")
    query = given.get("query")
    if not isinstance(query, str):
        raise _bad("`query` is missing or is not a string.")
    variables = given.get("variables")
    if variables is None:
        variables = {}
    if not isinstance(variables, dict):
        raise _bad("`variables` is not an object.")
    operation_name = given.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise _bad("`operationName` is not a string.")
    if not isinstance(given.get("extensions", {}), dict | None):
        raise _bad("`extensions` is not an object.")
    if len(query.encode()) > limits.document_bytes:
        raise too_complex(f"A document may have {limits.document_bytes} bytes; this one has more.")
    if _more_values_than(limits.variable_values, variables):
        raise too_complex(f"`variables` may hold {limits.variable_values} values; there are more.")
    return GraphQLRequest(query, variables, operation_name or None)


def _bad(sentence: str) -> RequestRefused:
    return refuse(
        Code.BAD_REQUEST,
        sentence,
        'Send {"query": "…", "variables": {…}, "operationName": "…"} as application/json.',
        well_formed=False,
    )


def _more_values_than(bound: int, value: Any) -> bool:
    ahead, seen = [value], 0
    while ahead:
        seen += 1
        if seen > bound:
            return True
        item = ahead.pop()
        if isinstance(item, dict):
            ahead.extend(item.values())
        elif isinstance(item, list):
            ahead.extend(item)
    return False
