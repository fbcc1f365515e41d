"""
One operation, from its text to its data.

The way of a request, each step refusing before the next begins:

1. The document: kept, or parsed, weighed and validated (`documents`).
2. Its operation, and the variables coerced to their types.
3. Its cost, page sizes checked (`cost`).
4. Its access, on document and coerced variables (`schema.access`).
5. Denied fields are taken out of the document (`schema.blanking`).
6. The rest runs by graphql-core's own synchronous executor.
7. Denied fields are put back as null, with one error for each coordinate.

`prepare` does 1 to 4 and touches no data, so the caller opens its inquiry only for what will run.

Step 6 calls graphql-core on the schema that Strawberry built, with Strawberry's own executor class, and
not `strawberry.Schema.execute_sync`: that one would parse, hash and validate the document again, takes a
prepared document only through an extension, logs every error with the source text, and its extension
runner alone costs a third of a small request. What it adds for us is nothing: the schema has no
extensions, and `schema.soundness` refuses directives in documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode, execute_sync, get_variable_values
from strawberry.exceptions import StrawberryInputCoercionError

from api.errors import INTERNAL, Code, Problem, problem_of
from api.graphql.cost import cost_of
from api.graphql.documents import Document, Documents
from api.graphql.errors import Fault, refused, without_value
from api.graphql.limits import LIMITS, Limits
from api.graphql.request import GraphQLRequest
from consent_ledger.vocabulary import Scope
from schema.access import Access, Denial, check
from schema.blanking import Nulled, blank
from schema.rule import Granted
from schema.scopes import SchemaScopes, core


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that may be asked, and what of it the caller may not have."""

    document: Document
    node: OperationDefinitionNode
    variables: Mapping[str, Any]
    """As they came in; they are known to fit."""
    access: Access
    cost: int

    @property
    def refused(self) -> bool:
        """Whether nothing of it will run: answer without opening anything."""
        return self.access.refused


@dataclass(frozen=True, slots=True)
class Executed:
    """What came of an operation."""

    data: dict[str, Any] | None
    faults: tuple[Fault, ...]
    cost: int
    refused: bool
    """Whether nothing ran, for want of scopes."""
    lacking: tuple[Scope, ...]
    """Every scope that the caller lacks for the whole of what it asked."""
    defects: tuple[BaseException, ...] = ()
    """What nobody foresaw: masked in `faults`, to be logged with the request id."""


class Executor:
    """Runs operations against one schema. Threads may share it."""

    def __init__(self, schema: strawberry.Schema, *, limits: Limits = LIMITS) -> None:
        """Read the scopes of the schema; raises `schema.scopes.SchemaRefused` when it may not be served."""
        self.scopes = SchemaScopes.read(schema)
        self.limits = limits
        self._core = core(schema)
        self._executor_class = schema.execution_context_class
        self._documents = Documents(self._core, limits)

    def prepare(self, request: GraphQLRequest, granted: Granted) -> Operation:
        """
        Steps 1 to 4: everything that can be refused before data are touched.

        Raises `api.graphql.errors.RequestRefused`.
        """
        document = self._documents.get(request.query)
        node = document.choose(request.operation_name)
        values = get_variable_values(
            self._core,
            node.variable_definitions or (),
            dict(request.variables),
            max_errors=self.limits.errors - 1,
        )
        if isinstance(values, list):
            raise refused(Code.BAD_USER_INPUT, values)
        cost = cost_of(self._core, node, document.fragments, values, self.limits)
        access = check(self._core, self.scopes, node, document.fragments, variables=values, granted=granted)
        return Operation(document, node, request.variables, access, cost)

    def execute(self, operation: Operation, context: object, root: object = None) -> Executed:
        """
        Steps 5 to 7. No resolver of a denied field is called.

        Never raises for what a resolver does; what was not foreseen is masked and stands in `defects`.
        """
        access = operation.access
        if access.refused:
            faults = tuple(Fault(_insufficient(denial)) for denial in access.denials)
            return Executed(
                None, faults[: self.limits.errors], operation.cost, refused=True, lacking=access.lacking
            )
        blanked = blank(operation.node, operation.document.fragments, access)
        result = execute_sync(
            self._core,
            blanked.document,
            root_value=root,
            context_value=context,
            variable_values=dict(operation.variables),
            executor_class=self._executor_class,
        )
        faults, defects = _of_resolvers(result.errors or [])
        nulled = blanked.restore(result.data) if result.data is not None and blanked.aliases else {}
        faults = tuple(_of_denial(denial, nulled) for denial in access.denials) + faults
        return Executed(
            data=result.data,
            faults=faults[: self.limits.errors],
            cost=operation.cost,
            refused=False,
            lacking=access.lacking,
            defects=defects,
        )

    def run(
        self, request: GraphQLRequest, granted: Granted, context: object, root: object = None
    ) -> Executed:
        """All steps, for callers whose context costs nothing to make."""
        return self.execute(self.prepare(request, granted), context, root)


def _insufficient(denial: Denial, nulled: Nulled | None = None) -> Problem:
    missing = ", ".join(denial.missing)
    return Problem(
        Code.INSUFFICIENT_SCOPE,
        f"{denial.coordinate} needs {denial.rule.phrase()}; the token lacks {missing}.",
        f"Have {missing} granted to this application, then ask for a new token with it.",
        {
            "coordinate": denial.coordinate,
            "required": denial.rule.listed(),
            "missing": [scope.value for scope in denial.missing],
            "values": nulled.count if nulled is not None else 0,
        },
    )


def _of_denial(denial: Denial, nulled: Mapping[str, Nulled]) -> Fault:
    """The error of a denied coordinate: at the first value that it nulled, when it nulled one."""
    found = nulled.get(denial.coordinate)
    return Fault(_insufficient(denial, found), path=found.first if found is not None else None)


def _of_resolvers(
    errors: list[GraphQLError],
) -> tuple[tuple[Fault, ...], tuple[BaseException, ...]]:
    faults: list[Fault] = []
    defects: list[BaseException] = []
    for error in errors:
        problem = _problem(error)
        if problem is INTERNAL:
            defects.append(error.original_error or error)
        path = tuple(error.path) if error.path is not None else None
        places = tuple((place.line, place.column) for place in error.locations or ())
        faults.append(Fault(problem, path, places))
    return tuple(faults), tuple(defects)


def _problem(error: GraphQLError) -> Problem:
    original = error.original_error
    if type(original) in {type(None), GraphQLError} and error.message.startswith("Argument '"):
        # A variable that may be null stood where null is not taken: only seen when the field is reached.
        return _bad_input(without_value(error.message))
    if isinstance(original, StrawberryInputCoercionError):
        return _bad_input("An input value does not fit its type.")
    return problem_of(original) if original is not None else INTERNAL


def _bad_input(sentence: str) -> Problem:
    return Problem(Code.BAD_USER_INPUT, sentence, "Send a value that fits the type named in the schema.")
