"""
Consent: what a visitor decided about one purpose at one house.

The vault keeps who it was and what exactly was said, under the entry's key, before the entry; the
entry keeps a commitment; the person's standing is written with the entry. The next request anywhere
counts by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy.engine import Connection

from consent_ledger.consent_states import StepRefused, after
from consent_ledger.entry import Draft, EntryType, Json
from consent_ledger.log import Acknowledgement, IdempotencyConflict
from consent_ledger.permit import Failing, Permit, Refusal, Write
from consent_ledger.question import consent_question
from consent_ledger.standing import Said, record, stand
from consent_ledger.vault import VaultRefused
from consent_ledger.vocabulary import (
    ConsentAct,
    ConsentChannel,
    PartyId,
    PersonRef,
    Position,
    Purpose,
    Reason,
)
from resolvers.gate import Inquiry, Receipt, entry_key

_ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,185}\.[^\s@.\x00-\x1f\x7f]{2,}")
"""As much of RFC 5321 as keeps a mistyped address from being acknowledged and never matching anybody."""


GIVING = frozenset({ConsentAct.GRANTED, ConsentAct.RENEWED})
"""The acts by which something is allowed; all others limit, and are taken from everybody at any time."""


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What the visitor decided. `identifier` is the e-mail address; it goes to the vault and no further.

    `until` is the day from which what is given no longer holds. For a child under 16 a guardian gives it
    (GDPR 8, UAVG 5), until the day on which the child turns 16 and is asked itself.
    """

    controller: PartyId
    purpose: Purpose
    act: ConsentAct
    identifier: str
    channel: ConsentChannel
    notice: str | None = None
    notice_version: int | None = None
    until: date | None = None
    is_under_16: bool = False
    by_guardian: bool = False

    def payload(self) -> dict[str, Json]:
        """What the vault seals: the least that proves that, when and under which notice it was said."""
        return {
            "act": self.act.value,
            "channel": self.channel.value,
            "guardian": self.by_guardian,
            "notice": self.notice,
            "notice_version": self.notice_version,
            "purpose": self.purpose.value,
            "until": None if self.until is None else self.until.isoformat(),
        }


class ConsentNotRecorded(Exception):
    """The decision cannot be recorded. Carries a code and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def record_consent(ask: Inquiry, decision: Decision, *, key: str) -> Receipt | Refusal:
    """
    Record it; durable on return, and effective from the next request on.

    Repeatable: the same key with the same decision gives the first receipt. A house that never saw the
    visitor records the decision too, so that a later import finds it.
    """
    permit = ask.ask(consent_question(decision.controller, decision.purpose))
    if isinstance(permit, Refusal):
        return permit
    if _ADDRESS.fullmatch(decision.identifier.strip()) is None:
        raise ConsentNotRecorded(
            "NOT_AN_ADDRESS",
            "This is no e-mail address, so the decision would reach nobody; nothing was recorded.",
        )
    published = ask.snapshot.state.purposes.get(permit.purpose)
    if published is None:
        raise ConsentNotRecorded("UNKNOWN_PURPOSE", "This purpose has not been published on this platform.")
    if decision.act in GIVING and decision.is_under_16 and not decision.by_guardian:
        return Refusal(permit.controller, permit.purpose, (Failing(Reason.GUARDIAN_NEEDED),), (), ())
    _check_day(decision, permit.at.date())
    under = entry_key("consent", ask.caller, key)
    person, commitment = _keep(ask, permit, decision, under)
    said = decision.notice, decision.notice_version

    def ride(connection: Connection, position: Position) -> None:
        """The step is judged where nothing can come between: in the entry's own transaction."""
        try:
            after(stand(permit, connection, person).state, decision.act)
        except StepRefused as refused:
            raise ConsentNotRecorded(refused.code, refused.sentence) from None
        one = Said(
            decision.controller,
            person,
            decision.purpose,
            decision.act,
            position,
            permit.at.date(),
            decision.until,
            None if said[0] is None or said[1] is None else (said[0], said[1]),
        )
        record(connection, [one])

    def told(version: int) -> Acknowledgement:
        body: dict[str, Json] = {
            "controller": permit.controller,
            "purpose": permit.purpose.value,
            "purpose_version": version,
            "notice": decision.notice,
            "notice_version": decision.notice_version,
            "commitment": commitment,
        }
        until = None if decision.until is None else datetime.combine(decision.until, time.min, UTC)
        draft = Draft(EntryType(f"consent.{decision.act.value}"), ask.actor, under, body, vt=until)
        return ask.house.ledger.append(draft, rider=ride)

    return Receipt.of(_first(told, published.version))


def _check_day(decision: Decision, today: date) -> None:
    if decision.by_guardian and decision.act in GIVING and decision.until is None:
        raise ConsentNotRecorded(
            "UNTIL_NEEDED", "A guardian decides until the child turns 16: say which day that is, as `until`."
        )
    if decision.until is None:
        return
    if decision.act not in GIVING:
        raise ConsentNotRecorded("NO_UNTIL", "Only what is given has a last day; leave `until` out.")
    if decision.until <= today:
        raise ConsentNotRecorded("UNTIL_PAST", "The day until which it holds has passed already.")


def _first(told: Callable[[int], Acknowledgement], version: int) -> Acknowledgement:
    """
    What is recorded under the key, or is now.

    The vault has agreed that the decision is the one first sealed under this key, so what can differ
    from the entry is the version of the purpose alone: a retry may come after another was published.
    """
    while True:
        try:
            return told(version)
        except IdempotencyConflict:
            if version == 1:
                raise
            version -= 1


def _keep(ask: Inquiry, permit: Permit[Write], decision: Decision, under: str) -> tuple[PersonRef, str]:
    """
    Person and payload in the vault, durable, inert until the entry.

    A crash after this leaves rows under a key that the ledger does not know; the sweep forgets them.
    Raises `IdempotencyConflict`, or the vault's own error, when the key was used for something else.
    """
    vault = ask.house.vault
    if vault.find(permit.controller, decision.identifier) is None and _is_used(ask, permit.controller, under):
        raise IdempotencyConflict  # before a person is made: the entry of this key would keep it for good
    (person,) = vault.persons(permit.controller, [decision.identifier], under=under)
    return person, vault.commit(permit.controller, person, under=under, payload=decision.payload())


def _is_used(ask: Inquiry, controller: PartyId, under: str) -> bool:
    try:
        ask.house.vault.opening(under, controller=controller)
    except VaultRefused:
        return False
    return True
