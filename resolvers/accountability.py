"""
Accountability: the documents that the law asks, made from the ledger as this request pinned it.

A house gets its own, an auditor those of all. Nothing is read but entries and the public register, so
nothing of a person can be in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Generic, TypeVar

from consent_ledger.accounting import breach as breaches
from consent_ledger.accounting import essence as essences
from consent_ledger.accounting import notice as notices
from consent_ledger.accounting import record as records
from consent_ledger.accounting.markdown import Writer
from consent_ledger.accounting.standing_at import StandingAt
from consent_ledger.entry import EntryType
from consent_ledger.lookup import entries_at, entries_of, first_on
from consent_ledger.parties import names
from consent_ledger.permit import Permit, Read, Refusal
from consent_ledger.question import decisions_question
from consent_ledger.state import State
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ClientId,
    ClientKind,
    PartyId,
)
from resolvers.gate import Inquiry

DocumentT = TypeVar("DocumentT", records.Record, essences.Essence, notices.Notice, breaches.Breach)


class AccountRefused(Exception):
    """The document cannot be made like this. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Account(Generic[DocumentT]):
    """A document, and the names of the public register for those it speaks of."""

    document: DocumentT
    names: dict[PartyId, str]

    def markdown(self, *, dutch: bool) -> str:
        """The document as text: the same for the same ledger, size and day."""
        writer = Writer(dutch, self.names)
        match self.document:
            case records.Record():
                return writer.record(self.document)
            case essences.Essence():
                return writer.essence(self.document)
            case notices.Notice():
                return writer.notice(self.document)
            case breaches.Breach():
                return writer.breach(self.document)


def record(ask: Inquiry, controller: PartyId | None = None) -> Account[records.Record] | Refusal:
    """The record of processing activities (GDPR 30) of this controller; None: of the caller's own house."""
    permit = ask.ask(decisions_question(controller or ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    state, house = ask.snapshot.state, permit.controller
    entries = entries_at(ask.connection, records.wanted(state, house))
    made = records.record(
        state, entries, _stands(ask, permit), house, evidence_years=ask.house.evidence_years
    )
    parties = {party for one in (*made.given, *made.received) for party in (*one.sources, *one.recipients)}
    return _account(ask, made, {house, *parties, *made.joint_with, *made.processors})


def essence(ask: Inquiry) -> Account[essences.Essence] | Refusal:
    """The essence of the joint control of the pool (GDPR 26): for whoever takes part in the platform."""
    permit = ask.ask(decisions_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    state, stands = ask.snapshot.state, _stands(ask, permit)
    made = essences.essence(state, entries_at(ask.connection, essences.wanted(state, stands)), stands)
    return _account(ask, made, {*(one.party for one in made.members), *made.processors})


def notice(
    ask: Inquiry, agreement: AgreementId, recipient: PartyId | None = None
) -> Account[notices.Notice] | Refusal | None:
    """
    The notice (GDPR 14) that a recipient owes under one agreement; None when it gets nothing under it.

    For the recipient itself, and for an auditor who names it.
    """
    permit = ask.ask(decisions_question(recipient or ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    state = ask.snapshot.state
    entries = entries_at(ask.connection, notices.wanted(state, agreement))
    made = notices.notice(state, entries, _stands(ask, permit), agreement, permit.controller)
    if made is None:
        return None
    return _account(ask, made, {made.recipient, *made.agreement.sources, *made.agreement.recipients})


def received_under(ask: Inquiry, recipient: PartyId) -> list[AgreementId] | Refusal:
    """The agreements that stand now under which this organisation receives, in the order of their proposals."""
    permit = ask.ask(decisions_question(recipient))
    if isinstance(permit, Refusal):
        return permit
    state = ask.snapshot.state
    known = map(state.agreements.__getitem__, state.agreements_of.get(permit.controller, ()))
    return [one.id for one in known if permit.controller in one.recipients and one.is_active(ask.snapshot.at)]


def _is_known(state: State, client: ClientId | None, party: PartyId | None) -> bool:
    """Whether it was ever registered: of a slip of the pen nothing would be found, and all would seem clear."""
    return client in {*state.clients, PLATFORM} if client is not None else party in {*state.parties, PLATFORM}


def breach(
    ask: Inquiry,
    *,
    since: datetime,
    until: datetime,
    client: ClientId | None = None,
    recipient: PartyId | None = None,
    controller: PartyId | None = None,
    aware: datetime | None = None,
    institution: PartyId | None = None,
) -> Account[breaches.Breach] | Refusal:
    """
    What left from `since` up to `until` by one client, to one recipient or of one controller (GDPR 33, 34).

    A house sees what was its own or came to it; an auditor and the platform see all, or with `institution`
    what that house sees. Raises `AccountRefused` for a window that is none, or not exactly one of the three.
    """
    sees_all = ask.caller.kind in {ClientKind.AUDITOR, ClientKind.PLATFORM} and institution is None
    permit = ask.ask(decisions_question(PLATFORM if sees_all else institution or ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    if sum(one is not None for one in (client, recipient, controller)) != 1:
        raise AccountRefused(
            "ONE_OF_THREE", "Say exactly one of these: which client, which recipient or which controller."
        )
    if not _is_known(ask.snapshot.state, client, recipient or controller):
        raise AccountRefused(
            "UNKNOWN",
            "The ledger knows no such application or organisation; write its id as it is registered.",
        )
    asked = breaches.Asked(
        _utc(since),
        _utc(until),
        client,
        recipient,
        controller,
        None if aware is None else _utc(aware),
        None if sees_all else permit.controller,
    )
    if asked.until <= asked.since:
        raise AccountRefused("WINDOW", "The window ends after it begins; give `since` before `until`.")
    connection, size = ask.connection, permit.size
    start = first_on(connection, asked.since.date(), size)
    stop = first_on(connection, _day_after(asked.until), size)
    kinds = breaches.KINDS if controller is None else {EntryType.DISCLOSURE_RECORDED}
    made = breaches.breach(
        ask.snapshot.state, entries_of(connection, kinds, start, stop), _stands(ask, permit), asked
    )
    taken = {one.recipient for one in made.taken}
    return _account(ask, made, {*made.controllers, *made.recipients, *taken})


def _day_after(moment: datetime) -> date:
    try:
        return (moment + timedelta(days=1)).date()
    except OverflowError:
        return moment.date()


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise AccountRefused("TIME_ZONE", "A time needs its zone, such as 2026-07-01T09:00:00Z.")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise AccountRefused("WINDOW", "A time lies beyond the calendar.") from None


def _stands(ask: Inquiry, permit: Permit[Read]) -> StandingAt:
    return StandingAt(ask.house.ledger.origin, permit.size, ask.snapshot.root.hex(), permit.at)


def _account(ask: Inquiry, made: DocumentT, parties: set[PartyId]) -> Account[DocumentT]:
    return Account(made, names(ask.connection, parties))
