"""
Rights: what visitors asked of a house under GDPR, articles 15 to 21, and until when each is to be answered.

A desk records that it was asked, answers within a month, or extends to three. Every step is an entry, so
that an auditor sees what was left lying; nothing of the person is kept here, only a number for letters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from consent_ledger.database import reading
from consent_ledger.entry import Draft, EntryType
from consent_ledger.log import Acknowledgement, IdempotencyConflict, Rider
from consent_ledger.permit import Permit, Refusal, Write
from consent_ledger.question import consents_question, desk_question
from consent_ledger.right_requests import (
    RequestState,
    RightRefused,
    RightRequest,
    Secret,
    answer,
    extend,
    find,
    request,
    requests,
    under,
)
from consent_ledger.state import IllegalEntry
from consent_ledger.vocabulary import ErasureMode, Right, RightOutcome
from resolvers.consent import check_key
from resolvers.gate import Inquiry, Receipt, entry_key
from resolvers.persons import Erasure, desk_erase
from resolvers.stops import receipts

LONGEST_AGO = timedelta(days=366)
"""A day of receipt before that is a slip of the pen."""

_ANSWER = "right-answer"

_SAID = {
    "UNKNOWN_REQUEST": RightRefused(
        "ALREADY_ANSWERED", "This request was answered already; a new question is a new request."
    ),
    "DUE": RightRefused(
        "ALREADY_EXTENDED",
        "This request was extended already, or its day has passed; it is answered by its day at the latest.",
    ),
}
"""The fold's refusals in the words of a desk."""


@dataclass(frozen=True, slots=True)
class RightChanged:
    """A request after an act, and the receipt of that act."""

    request: RightRequest
    receipt: Receipt


def right_requests(
    ask: Inquiry, *, state: RequestState | None, after: tuple[date, int] | None, first: int
) -> list[RightRequest] | Refusal:
    """The requests to the caller's own house, the first that is due first."""
    permit = ask.ask(consents_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    return requests(permit, ask.connection, state=state, after=after, first=first)


def record_right_request(ask: Inquiry, right: Right, received: date, *, key: str) -> RightChanged | Refusal:
    """
    Record that a visitor exercised a right at the caller's own house; durable on return.

    Repeatable: the same key with the same right and day gives the first request, and its number. Raises
    `RightRefused` for a day of receipt that cannot be, and `IdempotencyConflict`.
    """
    permit = ask.ask(desk_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    today = permit.at.date()
    if not today - LONGEST_AGO <= received <= today:
        raise RightRefused(
            "RECEIVED_ON", "The day of receipt lies in the future, or more than a year ago; see the date."
        )
    check_key(key)
    idem = entry_key("right", ask, key)

    draft, rider = request(
        permit.controller, right, received, Secret.new(), today=today, actor=ask.actor, idem=idem
    )
    known = under(permit, ask.connection, idem)
    if known is None:
        try:
            done = ask.house.ledger.append(draft, rider=rider)
        except IdempotencyConflict:
            # another request with this key came between the beginning of this one and its entry
            with reading(ask.house.engine) as connection:
                known = under(permit, connection, idem)
            if known is None:
                raise
    if known is not None:
        done = _again(ask, known, right, received)
    return _changed(ask, permit, idem=idem, done=done)


def _again(ask: Inquiry, known: RightRequest, right: Right, received: date) -> Acknowledgement:
    """The entry that was recorded under the key already. Raises `IdempotencyConflict` for another content."""
    if (known.right, known.received) != (right, received):
        raise IdempotencyConflict
    with reading(ask.house.engine) as connection:
        [entry] = ask.house.ledger.entries(connection, known.position, known.position + 1)
    return ask.house.ledger.append(Draft(EntryType.RIGHT_REQUESTED, ask.actor, entry.idem, entry.body))


def extend_right_request(ask: Inquiry, reference: str, *, key: str) -> RightChanged | Refusal:
    """
    Take two months more, within the first (GDPR 12(3)): for what is complex, and told to who asked.

    Repeatable under the same key. Raises `RightRefused` for a request that is not there, was answered or
    extended, or whose month has passed.
    """

    def extending(permit: Permit[Write], known: RightRequest, idem: str) -> tuple[Draft, Rider]:
        return extend(permit.controller, known, today=permit.at.date(), actor=ask.actor, idem=idem)

    return _act(ask, reference, "right-extend", key, extending)


def answer_right_request(
    ask: Inquiry, reference: str, outcome: RightOutcome, *, key: str
) -> RightChanged | Refusal:
    """
    Say that a request was answered, and how. Repeatable under the same key.

    Raises `RightRefused` for a request that is not there, or was answered.
    """

    def answering(permit: Permit[Write], known: RightRequest, idem: str) -> tuple[Draft, Rider]:
        return answer(permit.controller, known, outcome, today=permit.at.date(), actor=ask.actor, idem=idem)

    return _act(ask, reference, _ANSWER, key, answering)


def erase_as_asked(
    ask: Inquiry, reference: str, identifier: str, *, mode: ErasureMode, key: str
) -> Erasure | Refusal:
    """
    Erase whoever asked for it by a request of this number, as `desk_erase`, and answer the request: done.

    A crash between both leaves the request open; the same key again does what is left. Raises `RightRefused`
    before anything is erased when the house has no such request for erasure, or answered it otherwise.
    """
    permit = ask.ask(desk_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    known = find(permit, ask.connection, reference)
    if known is None or known.right is not Right.ERASURE:
        raise _unknown()
    if known.outcome is not None and not receipts(ask, [entry_key(_ANSWER, ask, key)]):
        raise _SAID["UNKNOWN_REQUEST"]
    erased = desk_erase(ask, permit.controller, identifier, mode=mode, key=key)
    if isinstance(erased, Refusal):
        return erased
    answered = answer_right_request(ask, reference, RightOutcome.DONE, key=key)
    if isinstance(answered, Refusal):
        return answered
    return replace(erased, receipts=(*erased.receipts, answered.receipt))


Acting = Callable[[Permit[Write], RightRequest, str], tuple[Draft, Rider]]


def _act(ask: Inquiry, reference: str, act: str, key: str, acting: Acting) -> RightChanged | Refusal:
    permit = ask.ask(desk_question(ask.caller.party))
    if isinstance(permit, Refusal):
        return permit
    known = find(permit, ask.connection, reference)
    if known is None:
        raise _unknown()
    draft, rider = acting(permit, known, entry_key(act, ask, key))
    try:
        done = ask.house.ledger.append(draft, rider=rider)
    except IllegalEntry as illegal:
        raise _SAID.get(illegal.code, illegal) from None
    return _changed(ask, permit, reference=reference, done=done)


def _changed(
    ask: Inquiry,
    permit: Permit[Write],
    *,
    done: Acknowledgement,
    reference: str = "",
    idem: str | None = None,
) -> RightChanged:
    """The request as it stands now, after the entry: read anew, so that a repeated act shows what is true."""
    with reading(ask.house.engine) as connection:
        found = find(permit, connection, reference) if idem is None else under(permit, connection, idem)
    if found is None:
        raise _unknown()
    return RightChanged(found, Receipt.of(done))


def _unknown() -> RightRefused:
    return RightRefused("UNKNOWN_REQUEST", "Your house has no request of this number; see `rightRequests`.")
