"""Where one visitor stands for one purpose at the own house: now, or as it was known and valid at another time."""

from __future__ import annotations

from datetime import date

from consent_ledger.consent_states import ConsentState
from consent_ledger.permit import Refusal
from consent_ledger.question import consents_question
from consent_ledger.standing import Stand, stand
from consent_ledger.vocabulary import Purpose
from resolvers.consent import check_address
from resolvers.gate import Inquiry


def consent_state(
    ask: Inquiry,
    identifier: str,
    purpose: Purpose,
    *,
    as_known_at: int | None = None,
    valid_at: date | None = None,
) -> Stand | Refusal:
    """
    The state of consent of whoever has this address, at the caller's own house.

    Somebody whom the house does not know, or who was erased, is told as one who never said anything.
    Raises `ConsentNotRecorded` for what is no address, `NotRecorded` for a size that is not there yet, and
    `NotAskableThen`.
    """
    check_address(identifier)
    known = ask.as_known_at(as_known_at, valid_at)
    permit = ask.ask(consents_question(ask.caller.party, purpose), known=known)
    if isinstance(permit, Refusal):
        return permit
    person = ask.house.vault.find(permit.controller, identifier)
    if person is None:
        return Stand(ConsentState.UNKNOWN, is_restricted=False, since=None, said=())
    return stand(permit, ask.connection, person)
