"""
Documents that were read: parsed, weighed, validated and kept by their text.

Only documents that passed are kept, least recently used first to go, bounded in number and in bytes of
text, so hostile ones are refused anew each time and push nothing out. What is kept says nothing about
callers: scopes, variables and permits are asked at every request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from api.errors import Code
from api.graphql.budget import Weight, too_complex, weigh
from api.graphql.errors import refuse, refused
from api.graphql.limits import Limits

_RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be run: it fits the schema and the budget."""

    operations: tuple[OperationDefinitionNode, ...]
    fragments: Mapping[str, FragmentDefinitionNode]
    weight: Weight

    def choose(self, name: str | None) -> OperationDefinitionNode:
        """The operation of this name, or the only one (GraphQL specification, GetOperation)."""
        for operation in self.operations:
            if name is None and len(self.operations) == 1:
                return _runnable(operation)
            if name is not None and operation.name is not None and operation.name.value == name:
                return _runnable(operation)
        raise refuse(
            Code.BAD_REQUEST,
            "The document has no such operation." if name else "The document has several operations.",
            "Name one of its operations in `operationName`.",
        )


def _runnable(operation: OperationDefinitionNode) -> OperationDefinitionNode:
    if operation.operation is OperationType.SUBSCRIPTION:
        raise refuse(
            Code.BAD_REQUEST, "This address answers queries and mutations, not subscriptions.", "Ask a query."
        )
    return operation


class Documents:
    """The documents of one schema. Threads may share it."""

    def __init__(
        self, schema: GraphQLSchema, limits: Limits, *, entries: int = 500, text_bytes: int = 1024 * 1024
    ) -> None:
        """
        Keep at most `entries` documents of `text_bytes` together.

        A parsed document takes some hundred times the memory of its text.
        """
        self._schema = schema
        self._limits = limits
        self._entries = entries
        self._text_bytes = text_bytes
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str) -> Document:
        """
        The document of this text.

        Raises `RequestRefused`: `DOCUMENT_TOO_COMPLEX`, `SYNTAX` or `VALIDATION`, cheapest check first.
        """
        with self._lock:
            if (known := self._kept.get(text)) is not None:
                self._kept.move_to_end(text)
                return known
        # Read outside the lock: one slow document holds up nobody, at worst it is read twice.
        document = read(self._schema, text, self._limits)
        with self._lock:
            if text not in self._kept:
                self._kept[text] = document
                self._bytes += len(text.encode())
            while len(self._kept) > self._entries or self._bytes > self._text_bytes:
                gone, _ = self._kept.popitem(last=False)
                self._bytes -= len(gone.encode())
        return document


def read(schema: GraphQLSchema, text: str, limits: Limits) -> Document:
    """Parse, weigh and validate, in this order: reaching graphql-core's own caps costs seconds."""
    if len(text.encode()) > limits.document_bytes:
        raise too_complex(f"A document may have {limits.document_bytes} bytes; this one has more.")
    try:
        parsed = parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
    except GraphQLError as error:
        if "contains more than" in error.message:
            raise too_complex(f"A document may have {limits.tokens} tokens; this one has more.") from None
        raise refused(Code.SYNTAX, [error]) from None
    weight = weigh(parsed, limits)
    if errors := validate(schema, parsed, _RULES, max_errors=limits.errors):
        raise refused(Code.VALIDATION, errors)
    return Document(
        operations=tuple(d for d in parsed.definitions if isinstance(d, OperationDefinitionNode)),
        fragments={d.name.value: d for d in parsed.definitions if isinstance(d, FragmentDefinitionNode)},
        weight=weight,
    )
