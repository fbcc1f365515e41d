"""The ledger itself: its position and proofs for who may read it, its entries for auditors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consent_ledger import export as exports
from consent_ledger.cosigned import Cosigned, newest_cosigned
from consent_ledger.entry import Draft, Entry, EntryType, Json
from consent_ledger.lookup import entries_at
from consent_ledger.pages import Page, Wanted, named, page
from consent_ledger.permit import Refusal
from consent_ledger.question import ledger_question
from consent_ledger.tiles import Bundle
from consent_ledger.vocabulary import PartyId
from resolvers.gate import Inquiry, entry_key

SPAN = 65_536
"""Entries that one `export.issued` covers for a token that reads bundles: else a tail would be half exports."""


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


def cosigned(ask: Inquiry, *, first: int) -> list[Cosigned] | Refusal:
    """The newest checkpoints that witnesses signed, the newest first."""
    permit = ask.ask(ledger_question(export=False))
    if isinstance(permit, Refusal):
        return permit
    return newest_cosigned(ask.house.ledger, ask.connection, permit.size, first=first)


def entry(ask: Inquiry, position: int) -> Entry | Refusal | None:
    """
    One entry: any, for who may export the ledger; else one that names the caller's own organisation.

    None for another, as for one that never was. An entry about others is an export, recorded before this returns.
    """
    permit = ask.ask(ledger_question(export=False))
    if isinstance(permit, Refusal):
        return permit
    found = entries_at(ask.connection, [position]).get(position) if 0 <= position < permit.size else None
    if found is None or not (may_export(ask) or _is_own(ask, found)):
        return None
    _told([found], ask)
    return found


def entries(
    ask: Inquiry, *, types: frozenset[EntryType] | None, party: PartyId | None, after: int, first: int
) -> Page | Refusal:
    """
    A page of the entries that `entry` gives one by one: of some types, naming this party too.

    What leaves about others is an export, from the first to the last entry of the page.
    """
    permit = ask.ask(ledger_question(export=False))
    if isinstance(permit, Refusal):
        return permit
    own = None if may_export(ask) else ask.caller.party
    wanted = Wanted(types, frozenset(one for one in (own, party) if one is not None))
    found = page(ask.connection, ask.snapshot.state, wanted, after=min(after, permit.size), first=first)
    _told(found.entries, ask)
    return found


def may_export(ask: Inquiry) -> bool:
    """Whether the caller may have entries of everybody."""
    return not isinstance(ask.ask(ledger_question(export=True)), Refusal)


def _is_own(ask: Inquiry, found: Entry) -> bool:
    return ask.caller.party in named(found, ask.snapshot.state.agreements)


def _told(found: Sequence[Entry], ask: Inquiry) -> None:
    """Record the export that these entries are, when any of them is not the caller's own."""
    if not all(_is_own(ask, one) for one in found):
        start, stop = found[0].seq, found[-1].seq + 1
        _record(ask, entry_key("export", ask, f"{ask.request_id}/{start}/{stop}"), start, stop)


@dataclass(frozen=True, slots=True)
class Export:
    """Which entries may leave: `start` up to `stop`. They never change, so any later transaction gives the same."""

    start: int
    stop: int


def export(ask: Inquiry, start: int, stop: int | None, *, leaves: bool = True) -> Export | Refusal:
    """
    Permission to export entries `start` up to `stop`, or up to the pinned size.

    The export is an entry itself, durable before this returns; it stands after what may be exported.
    When nothing `leaves`, as in an answer to HEAD, nothing is recorded.
    """
    permit = ask.ask(ledger_question(export=True))
    if isinstance(permit, Refusal):
        return permit
    until = permit.size if stop is None else min(max(stop, 0), permit.size)
    begin = min(max(start, 0), until)
    if leaves:
        _record(ask, entry_key("export", ask, ask.request_id), begin, until)
    return Export(begin, until)


def export_at(ask: Inquiry, size: int | None, *, leaves: bool = True) -> Export | Refusal | None:
    """Permission to export the ledger as it was at `size`, or as it is; None when it never was that long."""
    permit = ask.ask(ledger_question(export=True))
    if isinstance(permit, Refusal):
        return permit
    if size is not None and not 0 < size <= permit.size:
        return None
    return export(ask, 0, size, leaves=leaves)


def bundle(ask: Inquiry, wanted: Bundle, *, leaves: bool = True) -> bytes | Refusal | None:
    """
    One bundle of entries (C2SP tlog-tiles); None when the ledger is not that long.

    A token that reads many is told once per span of 65,536 positions, before its first bundle there
    leaves: the entry names the whole span, of which the token gets what there is while it lives.
    """
    permit = ask.ask(ledger_question(export=True))
    if isinstance(permit, Refusal):
        return permit
    if wanted.stop > permit.size:
        return None
    if leaves:
        begin = wanted.start // SPAN * SPAN
        key = entry_key("export", ask, f"{ask.caller.token}/{begin}")
        if not exports.is_recorded(ask.connection, ask.actor, key):
            _record(ask, key, begin, begin + SPAN)
    return exports.bundle(ask.connection, wanted)


def _record(ask: Inquiry, key: str, start: int, stop: int) -> None:
    body: dict[str, Json] = {
        "recipient": ask.caller.party,
        "client": ask.caller.client,
        "start": start,
        "stop": stop,
    }
    ask.house.ledger.append(Draft(EntryType.EXPORT_ISSUED, ask.actor, key, body))
