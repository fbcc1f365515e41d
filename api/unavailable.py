"""What callers hear when the ledger or a database cannot be used: nothing was done, and nothing left."""

from __future__ import annotations

import logging

from sqlalchemy.exc import OperationalError

from api.errors import Problem
from consent_ledger.database import DatabaseRefused
from consent_ledger.follower import LedgerError

log = logging.getLogger("cultuurinzicht.unavailable")

STATUS = 503
"""It is the house that cannot answer; the request may be as good as any (RFC 9110, 15.6.4)."""

UNAVAILABLE = (LedgerError, DatabaseRefused, OperationalError)
"""What ends a request without any fault of its caller: who cannot read the head decides nothing."""


def unavailable(error: BaseException, request_id: str) -> Problem:
    """
    The problem to tell, and a log line with the house's own sentence.

    The sentence stays inside: it may name hosts and folders. The text of foreign exceptions is in
    neither, it may hold a value.
    """
    code = getattr(error, "code", None) if isinstance(error, LedgerError | DatabaseRefused) else None
    sentence = getattr(error, "sentence", type(error).__qualname__)
    log.error("http.unavailable request_id=%s code=%s: %s", request_id, code, sentence)
    return Problem(
        code or "DATABASE_UNREACHABLE",
        "The platform cannot read or write its ledger at this moment. Nothing was disclosed or changed.",
        "Try again in a moment; if it stays so, tell the operator the request id.",
    )
