"""
The one error shape of the house: code, sentence, next step, request id, ledger position.

`Problem` is what went wrong; the same problem is rendered for GraphQL (`errors[]` with `extensions`),
for REST (RFC 9457, `application/problem+json`) and for a terminal. The OAuth endpoints speak the error
codes of their own RFCs. A sentence never holds a value that came in, only names of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from consent_ledger.vocabulary import Position


class Code(StrEnum):
    """What can go wrong at the edge. Other rooms bring codes of their own, such as the reasons."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    BAD_REQUEST = "BAD_REQUEST"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    SYNTAX = "SYNTAX"
    VALIDATION = "VALIDATION"
    DOCUMENT_TOO_COMPLEX = "DOCUMENT_TOO_COMPLEX"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    INTERNAL = "INTERNAL"


_STATUS: Mapping[str, int] = {
    Code.UNAUTHENTICATED: 401,
    Code.INSUFFICIENT_SCOPE: 403,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.NOT_ACCEPTABLE: 406,
    Code.BODY_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.INTERNAL: 500,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that went wrong, before it is rendered for anybody."""

    code: str
    sentence: str
    next_step: str
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further members for machines, in camelCase; they never replace a member of the shape."""

    @property
    def status(self) -> int:
        """The HTTP status when this problem is all there is to answer."""
        return _STATUS.get(self.code, 400)

    def graphql(
        self,
        *,
        request_id: str,
        ledger_position: Position | None,
        path: tuple[str | int, ...] | None = None,
        locations: list[dict[str, int]] | None = None,
    ) -> dict[str, Any]:
        """An element of `errors` (GraphQL specification, 7.1.2)."""
        error: dict[str, Any] = {"message": self.sentence}
        if locations:
            error["locations"] = locations
        if path is not None:
            error["path"] = list(path)
        error["extensions"] = {**self.details, **self._shape(request_id, ledger_position)}
        return error

    def rest(self, *, request_id: str, ledger_position: Position | None) -> dict[str, Any]:
        """The body of an `application/problem+json` answer (RFC 9457, 3)."""
        return {
            **self.details,
            "type": f"urn:cultuurinzicht:problem:{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.sentence,
            "instance": f"urn:cultuurinzicht:request:{request_id}",
            **self._shape(request_id, ledger_position),
        }

    def terminal(self, *, request_id: str | None = None) -> str:
        """Lines for the standard error of a command."""
        lines = [f"{self.code}: {self.sentence}", self.next_step]
        if request_id is not None:
            lines.append(f"Request {request_id}")
        return "\n".join(line for line in lines if line)

    def _shape(self, request_id: str, ledger_position: Position | None) -> dict[str, Any]:
        return {
            "code": self.code,
            "sentence": self.sentence,
            "nextStep": self.next_step,
            "requestId": request_id,
            "ledgerPosition": ledger_position,
        }


INTERNAL = Problem(
    Code.INTERNAL,
    "Something went wrong on our side. Nothing was disclosed or changed beyond what the answer shows.",
    "Try again; if it happens again, tell the operator the request id.",
)
"""What the outside sees of every error that nobody foresaw."""

_SPOKEN = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def problem_of(error: BaseException) -> Problem:
    """
    The problem that an exception may show outside.

    The house's own exceptions carry an UPPER_SNAKE `code` and a `sentence` that was written to be shown,
    and perhaps a `next_step`. Everything else, the text of foreign exceptions above all, is masked.
    """
    code, sentence = getattr(error, "code", None), getattr(error, "sentence", None)
    if isinstance(code, str) and isinstance(sentence, str) and _SPOKEN.fullmatch(code):
        return Problem(str(code), sentence, str(getattr(error, "next_step", "") or ""))
    return INTERNAL
