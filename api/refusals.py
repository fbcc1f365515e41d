"""How the plain routes answer: from a worker thread, with a request id, and with refusals in the one shape."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.assembly import Assembled
from api.errors import Code, Problem
from api.graphql.answer import insufficient_scope
from api.oauth.metadata import resource_metadata_address
from api.oauth.service import BearerRefused
from api.unavailable import STATUS, UNAVAILABLE, unavailable
from consent_ledger.log import NotRecorded
from consent_ledger.permit import Refusal
from consent_ledger.reasons import EXPLAINED
from consent_ledger.vocabulary import Position, Reason, Scope

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class BadRequest(Exception):
    """Something about the request itself; `code`, `sentence` and `next_step` go back."""

    code: str = Code.BAD_USER_INPUT
    sentence: str
    next_step: str
    status: int = 400
    headers: Mapping[str, str] = MappingProxyType({})


class SeveralCredentials(BadRequest):
    """Which of them would count is for nobody to guess."""

    code = Code.BAD_REQUEST
    sentence = "There are several `Authorization` headers."
    next_step = "Send one."


class Refused(Exception):
    """A refusal of the ledger at this position, to be told as a problem."""

    def __init__(self, refusal: Refusal, position: Position) -> None:
        super().__init__(refusal.reason.value)
        explained = EXPLAINED[refusal.reason]
        lacks_scope = refusal.reason is Reason.INSUFFICIENT_SCOPE
        self.lacking = [Scope(one) for one in refusal.failing[0].missing] if lacks_scope else []
        code = Code.INSUFFICIENT_SCOPE if lacks_scope else refusal.reason
        missing = {"missing": list(refusal.failing[0].missing)}
        self.problem = Problem(code, explained.sentence.en, explained.fix.en, missing)
        self.position = position


async def answered(parts: Assembled, answer: Callable[[str], Response]) -> Response:
    """The answer from a worker thread, or the refusal in the one shape; either has the request id."""
    request_id = secrets.token_hex(16)
    try:
        response = await run_in_threadpool(answer, request_id)
        response.headers["X-Request-Id"] = request_id
    except BearerRefused as refused:
        problem = Problem(Code.UNAUTHENTICATED, refused.sentence.en, "Ask the token endpoint for a token.")
        response = told(problem, problem.status, request_id)
        response.headers["WWW-Authenticate"] = refused.www_authenticate
    except Refused as refused:
        response = told(refused.problem, 403, request_id, refused.position)
        if refused.lacking:
            metadata = resource_metadata_address(parts.oauth.audience)
            response.headers["WWW-Authenticate"] = insufficient_scope(refused.lacking, metadata)
    except BadRequest as refused:
        problem = Problem(refused.code, refused.sentence, refused.next_step)
        response = told(problem, refused.status, request_id)
        response.headers.update(refused.headers)
    except NotRecorded as refused:
        problem = Problem(refused.code, refused.sentence, "/ledger/checkpoint says how many there are.")
        response = told(problem, 404, request_id)
    except UNAVAILABLE as error:
        response = told(unavailable(error, request_id), STATUS, request_id)
    return response


def told(problem: Problem, status: int, request_id: str, position: Position | None = None) -> Response:
    """A problem as its answer (RFC 9457)."""
    body = problem.rest(request_id=request_id, ledger_position=position) | {"status": status}
    return JSONResponse(body, status, {**NO_STORE, "X-Request-Id": request_id}, "application/problem+json")
