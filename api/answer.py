"""One GraphQL request through the house: credential, preparation, inquiry, execution, close."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.assembly import Assembled
from api.errors import Code, Problem
from api.graphql import answer as answers
from api.graphql.answer import GraphQLAnswer
from api.graphql.execute import Executed, Executor
from api.graphql.request import GraphQLRequest
from api.oauth.metadata import resource_metadata_address
from api.oauth.service import BearerRefused
from api.unavailable import STATUS, UNAVAILABLE, unavailable
from consent_ledger.database import reading
from consent_ledger.vocabulary import Position
from resolvers.gate import Inquiry, Receipt, inquiry, request_digest
from schema.build import build
from schema.context import Context


class GraphQLDoor:
    """Answers requests; safe between threads."""

    def __init__(self, parts: Assembled) -> None:
        """Build the schema; raises `SchemaRefused` when it may not be served."""
        self._parts = parts
        self._executor = Executor(build())
        self._metadata = resource_metadata_address(parts.oauth.audience)

    def __call__(self, request: GraphQLRequest, authorization: str | None, request_id: str) -> GraphQLAnswer:
        """
        The whole answer, complete when this returns: what it discloses is recorded by then.

        The credential, the pinned position and every row are read in one read transaction.
        """
        house = self._parts.house
        try:
            with reading(house.engine) as connection:
                caller, identifier = self._parts.oauth.admitted(connection, authorization)
                operation = self._executor.prepare(request, caller.scopes)
                if operation.refused:  # nothing of it runs, so there is nothing to inquire
                    return self._told(self._executor.execute(operation, None), request_id)
                digest = request_digest(f"{request_id}\n{request.query}".encode())
                with inquiry(
                    house,
                    caller,
                    connection,
                    request_sha256=digest,
                    request_id=request_id,
                    identifier=identifier,
                ) as ask:
                    executed = self._executor.execute(operation, Context(ask))
                return self._told(executed, request_id, Position(ask.snapshot.size), _extensions(ask))
        except BearerRefused as refused:
            told = Problem(Code.UNAUTHENTICATED, refused.sentence.en, "Ask the token endpoint for a token.")
            return answers.problem(
                told, request_id=request_id, headers={"www-authenticate": refused.www_authenticate}
            )
        except UNAVAILABLE as error:
            told = unavailable(error, request_id)
            return replace(answers.problem(told, request_id=request_id), status=STATUS)

    def _told(
        self,
        executed: Executed,
        request_id: str,
        position: Position | None = None,
        extensions: dict[str, Any] | None = None,
    ) -> GraphQLAnswer:
        return answers.answered(
            executed,
            request_id=request_id,
            ledger_position=position,
            resource_metadata=self._metadata,
            extensions=extensions,
        )


def _extensions(ask: Inquiry) -> dict[str, Any]:
    extensions: dict[str, Any] = {
        "ledger": {
            "origin": ask.house.ledger.origin,
            "position": ask.snapshot.size,
            "root": ask.snapshot.root.hex(),
        },
        "scopes": {"granted": sorted(ask.caller.scopes)},
    }
    if ask.receipt is not None:
        extensions["receipt"] = _shown(ask.receipt)
    return extensions


def _shown(receipt: Receipt) -> dict[str, Any]:
    return {"position": receipt.position, "entry": receipt.entry, "proof": receipt.proof}
