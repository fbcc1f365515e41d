"""Imports: what a house brought in, with its report."""

from __future__ import annotations

from consent_ledger.permit import Refusal
from consent_ledger.question import imports_question
from insight.store.imports import StoredImport, imports
from resolvers.gate import Inquiry

__all__ = ["StoredImport", "own_imports"]


def own_imports(ask: Inquiry, *, after: int | None, first: int) -> list[StoredImport] | Refusal:
    """The caller's own imports, newest first, from before the ledger position `after`."""
    permit = ask.ask(imports_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    before = None if after is None else min(max(after, 0), permit.size)  # a cursor may say any number
    return imports(permit, ask.connection, before=before, first=first)
