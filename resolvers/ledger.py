"""The ledger itself: its position and proofs for who may read it, its entries for auditors."""

from __future__ import annotations

from dataclasses import dataclass

from consent_ledger.entry import Draft, EntryType, Json
from consent_ledger.permit import Refusal
from consent_ledger.question import ledger_question
from resolvers.gate import Inquiry, entry_key


def checkpoint(ask: Inquiry) -> str | Refusal:
    """The last signed checkpoint."""
    permit = ask.ask(ledger_question(export=False))
    return permit if isinstance(permit, Refusal) else ask.house.ledger.checkpoint(ask.connection)


def proof(ask: Inquiry, position: int) -> str | Refusal | None:
    """The C2SP tlog-proof of one entry; None when there is no such entry yet."""
    permit = ask.ask(ledger_question(export=False))
    if isinstance(permit, Refusal):
        return permit
    return ask.house.ledger.proof(ask.connection, position) if 0 <= position < permit.size else None


@dataclass(frozen=True, slots=True)
class Export:
    """Which entries may leave: `start` up to `stop`. They never change, so any later transaction gives the same."""

    start: int
    stop: int


def export(ask: Inquiry, start: int, stop: int | None) -> Export | Refusal:
    """
    Permission to export entries `start` up to `stop`, or up to the pinned size.

    The export is an entry itself, durable before this returns; it stands after what may be exported.
    """
    permit = ask.ask(ledger_question(export=True))
    if isinstance(permit, Refusal):
        return permit
    until = permit.size if stop is None else min(max(stop, 0), permit.size)
    begin = min(max(start, 0), until)
    body: dict[str, Json] = {
        "recipient": ask.caller.party,
        "client": ask.caller.client,
        "start": begin,
        "stop": until,
    }
    key = entry_key("export", ask.caller, ask.request_id)
    ask.house.ledger.append(Draft(EntryType.EXPORT_ISSUED, ask.actor, key, body))
    return Export(begin, until)
