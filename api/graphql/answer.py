"""
What goes back for a GraphQL request, before HTTP: status, body and headers.

The assembly answers requests through `Answer`; the functions here give it every body in the one shape.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb
from typing import Any, Protocol

from api.errors import INTERNAL, Problem
from api.graphql.errors import Fault, RequestRefused
from api.graphql.execute import Executed
from api.graphql.request import GraphQLRequest
from consent_ledger.vocabulary import Position, Scope

_log = logging.getLogger("cultuurinzicht.graphql")


@dataclass(frozen=True, slots=True)
class GraphQLAnswer:
    """An answer before content negotiation."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    well_formed: bool = False
    """Whether it refuses a request that was understood: `application/json` then says 200."""


class Answer(Protocol):
    """
    What the assembly gives to the endpoint: authenticate, prepare, open the inquiry, execute, close it.

    Called in a worker thread. Whatever it raises is masked and logged by the endpoint.
    """

    def __call__(
        self, request: GraphQLRequest, authorization: str | None, request_id: str
    ) -> GraphQLAnswer: ...


def answered(
    executed: Executed,
    *,
    request_id: str,
    ledger_position: Position | None,
    resource_metadata: str,
    extensions: Mapping[str, Any] | None = None,
) -> GraphQLAnswer:
    """
    The answer to an operation that was prepared, and logs its defects with the request id.

    `resource_metadata` is the address of the protected resource's metadata (RFC 9728, 5.1), for the
    challenge of an operation that was refused whole. `extensions` are added beside `cost`.
    """
    for defect in executed.defects:
        log_defect(defect, request_id)
    body: dict[str, Any] = {}
    if not executed.refused:
        body["data"] = executed.data
    if executed.faults:
        body["errors"] = render(executed.faults, request_id=request_id, ledger_position=ledger_position)
    body["extensions"] = {**(extensions or {}), "cost": {"requestedQueryCost": executed.cost}}
    if not executed.refused:
        return GraphQLAnswer(200, body)
    return GraphQLAnswer(
        403, body, {"www-authenticate": insufficient_scope(executed.lacking, resource_metadata)}
    )


def refusal(
    error: RequestRefused, *, request_id: str, ledger_position: Position | None = None
) -> GraphQLAnswer:
    """The answer to a request of which nothing ran (GraphQL specification, 7.1: no `data` entry)."""
    status = max((fault.problem.status for fault in error.faults), default=400)
    body = {"errors": render(error.faults, request_id=request_id, ledger_position=ledger_position)}
    return GraphQLAnswer(status, body, well_formed=error.well_formed and status < 401)


def problem(
    what: Problem,
    *,
    request_id: str,
    ledger_position: Position | None = None,
    headers: Mapping[str, str] | None = None,
) -> GraphQLAnswer:
    """The answer when one problem is all there is to say, such as a missing token."""
    body = {"errors": render([Fault(what)], request_id=request_id, ledger_position=ledger_position)}
    return GraphQLAnswer(what.status, body, headers or {})


def render(
    faults: Iterable[Fault], *, request_id: str, ledger_position: Position | None
) -> list[dict[str, Any]]:
    """`errors` of an answer."""
    return [
        fault.problem.graphql(
            request_id=request_id,
            ledger_position=ledger_position,
            path=fault.path,
            locations=[{"line": line, "column": column} for line, column in fault.locations],
        )
        for fault in faults
    ]


def insufficient_scope(lacking: Iterable[Scope], resource_metadata: str) -> str:
    """The challenge for a token with too few scopes (RFC 6750, 3.1; RFC 9728, 5.1)."""
    scope = " ".join(sorted(lacking))
    return f'Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{resource_metadata}"'


def internal(error: BaseException, request_id: str) -> GraphQLAnswer:
    """The masked answer to an error that nobody foresaw, which is logged here."""
    log_defect(error, request_id)
    return problem(INTERNAL, request_id=request_id)


def log_defect(error: BaseException, request_id: str) -> None:
    """
    Log what nobody foresaw: its kind and where, by request id.

    Not its text, nor the variables: both may hold a person's data.
    """
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < 5:
        kinds.append(f"{type(cause).__module__}.{type(cause).__qualname__}")
        cause = cause.__cause__ or cause.__context__
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in extract_tb(error.__traceback__)
    ]
    _log.error(
        "graphql.failed request_id=%s kind=%s at=%s",
        request_id,
        " < ".join(kinds),
        " > ".join(frames[-12:]),
        extra={"request_id": request_id, "kinds": kinds, "frames": frames},
    )
