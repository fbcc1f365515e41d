"""
Consent: what a visitor decided about one purpose at one house.

The vault keeps who it was and what exactly was said, under the entry's key, before the entry; the
entry keeps a commitment; the person's standing is written with the entry. The next request anywhere
counts by it.

A house that left the platform records nothing any more: no application of it is open, and `decide`
answers NOT_MEMBER. Its visitors still withdraw, object and are erased, through their own door.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy.engine import Connection

from consent_ledger.consent_states import StepRefused, after
from consent_ledger.entry import Draft, EntryType, Json
from consent_ledger.ledger_rows import recorded
from consent_ledger.log import Acknowledgement, IdempotencyConflict
from consent_ledger.permit import Failing, Permit, Refusal, Write
from consent_ledger.question import consent_question
from consent_ledger.records import PublishedPurpose
from consent_ledger.standing import Said, record, stand
from consent_ledger.state import State
from consent_ledger.vault import Opening, VaultRefused
from consent_ledger.vocabulary import (
    ClientKind,
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

SIXTEEN_YEARS = 16
"""A child decides itself from this age on (UAVG 5), so a guardian decides for no longer than that."""


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

    def payload(self, said_on: date) -> dict[str, Json]:
        """What the vault seals as evidence: the least that proves that, when and under which notice it was said."""
        return {
            "act": self.act.value,
            "day": said_on.isoformat(),
            "guardian": self.by_guardian,
            "notice": self.notice,
            "notice_version": self.notice_version,
            "purpose": self.purpose.value,
            "until": None if self.until is None else self.until.isoformat(),
        }

    def attributes(self, at: datetime) -> dict[str, Json]:
        """What else is known, sealed under the data key: gone at erasure."""
        return {"at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "channel": self.channel.value}


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
    visitor records the decision too, so that a later import finds it. Raises `ConsentNotRecorded`,
    `IdempotencyConflict`, and what the vault and the log raise.
    """
    permit = ask.ask(consent_question(decision.controller, decision.purpose))
    if isinstance(permit, Refusal):
        return permit
    return record_decision(ask, permit, decision, key=key)


def record_decision(
    ask: Inquiry, permit: Permit[Write], decision: Decision, *, key: str
) -> Receipt | Refusal:
    """
    The same for a permit that was asked already: by the house, or by the visitor about nobody else.

    1. the words are such as can be recorded: an address, a notice that stands, a day, a guardian;
    2. the vault keeps who it was and what was said: durable, and inert until the entry;
    3. the entry, and the standing in its transaction, where the step is judged again;
    4. the vault hears that it counts.
    """
    check_key(key)
    check_address(decision.identifier)
    state, giving = ask.snapshot.state, decision.act in GIVING
    published = published_purpose(state, permit.purpose)
    if (told := told_of_child(decision)) is not None:
        return Refusal(permit.controller, permit.purpose, (Failing(told),), (), ())
    under = entry_key("consent", ask, key)
    is_repeat = is_recorded(ask, under)
    if not is_repeat:  # what was taken once is the same answer later, when its day has passed
        check_day(decision, permit.at.date())
        check_notice(state, permit.controller, decision.notice, decision.notice_version, gives=giving)
        if ask.caller.kind is not ClientKind.VISITOR and is_kept_out(
            ask, permit.controller, decision.identifier, gives=giving
        ):
            raise ConsentNotRecorded(
                "KEPT_OUT",
                "Whoever has this address asked to stay out everywhere, so nothing is kept about it;"
                " only the visitor can decide otherwise, by a link to that address.",
            )
        _check_step(ask, permit, decision)
    person, commitment = _keep(ask, permit, decision, under, is_repeat=is_repeat)
    said = decision.notice, decision.notice_version

    def ride(connection: Connection, position: Position) -> None:
        """The step is judged where nothing can come between: in the entry's own transaction."""
        if ask.house.vault.gone(permit.controller, [person]):
            raise ConsentNotRecorded(
                "PERSON_UNKNOWN", "The person was erased meanwhile, so nothing was recorded; ask again."
            )
        _step(permit, connection, person, decision.act)
        one = Said(
            permit.controller,
            person,
            permit.purpose,
            decision.act,
            position,
            permit.at.date(),
            decision.until,
            None if said[0] is None or said[1] is None else (said[0], said[1]),
        )
        record(connection, [one])

    def told_with(version: int) -> Acknowledgement:
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

    done = _first(told_with, published.version)
    ask.house.vault.settle(under)
    return Receipt.of(done)


def check_key(key: str) -> None:
    """
    Return for a key that names nobody. Raises `ConsentNotRecorded`.

    The entry bears a checksum of the key: of an address, whoever has every address there is could find it.
    """
    if "@" in key:
        raise ConsentNotRecorded(
            "KEY_IS_AN_ADDRESS", "An idempotency key must name nobody; use a random one, without an address."
        )


def check_address(identifier: str) -> None:
    """Return for what can be an e-mail address. Raises `ConsentNotRecorded`."""
    if not is_address(identifier):
        raise ConsentNotRecorded(
            "NOT_AN_ADDRESS",
            "This is no e-mail address, so the decision would reach nobody; nothing was recorded.",
        )


def is_address(identifier: str) -> bool:
    """Whether it can be an e-mail address at all; UTF-8 has no half signs."""
    bare = identifier.strip()
    return _ADDRESS.fullmatch(bare) is not None and bare.isprintable()


def published_purpose(state: State, purpose: Purpose) -> PublishedPurpose:
    """The purpose as published last. Raises `ConsentNotRecorded` when it never was."""
    published = state.purposes.get(purpose)
    if published is None:
        raise ConsentNotRecorded("UNKNOWN_PURPOSE", "This purpose has not been published on this platform.")
    return published


def is_kept_out(ask: Inquiry, controller: PartyId, identifier: str, *, gives: bool) -> bool:
    """
    Whether the stop register forbids a house to keep this: a yes always, a no where it would make somebody known.

    A no of somebody whom the house knows still counts: another house's desk may have filled the register.
    """
    if not ask.house.vault.stopped([identifier]):
        return False
    return gives or ask.house.vault.find(controller, identifier) is None


def told_of_child(decision: Decision) -> Reason | None:
    """Why a child's own word is not enough: what is given under 16 is given by a guardian."""
    alone = decision.act in GIVING and decision.is_under_16 and not decision.by_guardian
    return Reason.GUARDIAN_NEEDED if alone else None


def check_day(decision: Decision, today: date) -> None:
    """Return when `until` is a day until which this can hold. Raises `ConsentNotRecorded`."""
    giving, until = decision.act in GIVING, decision.until
    if decision.by_guardian and giving and until is None:
        raise ConsentNotRecorded(
            "UNTIL_NEEDED", "A guardian decides until the child turns 16: say which day that is, as `until`."
        )
    if until is None:
        return
    if not giving:
        raise ConsentNotRecorded("NO_UNTIL", "Only what is given has a last day; leave `until` out.")
    if until <= today:
        raise ConsentNotRecorded("UNTIL_PAST", "The day until which it holds has passed already.")
    if decision.by_guardian and until > _years_on(today, SIXTEEN_YEARS):
        raise ConsentNotRecorded(
            "UNTIL_TOO_FAR",
            "A guardian decides until the child turns 16 at the latest; this day lies beyond.",
        )


def check_notice(
    state: State, controller: PartyId, notice: str | None, version: int | None, *, gives: bool
) -> None:
    """
    Return when the house told of this notice in this version; for what is given: and it was not found wrong.

    The fold refuses the same. Here it comes before anything is sealed, so that the same key can be
    used again with the right notice. Raises `ConsentNotRecorded`.
    """
    if notice is None and version is None:
        return
    if notice is None or version is None:
        raise ConsentNotRecorded("UNKNOWN_NOTICE", "A notice is named by its id and its version, both.")
    if not 1 <= version <= state.notice_versions.get((controller, notice), 0):
        raise ConsentNotRecorded("UNKNOWN_NOTICE", "This house published no such notice in this version.")
    if gives and (controller, notice, version) in state.wrong_notices:
        raise ConsentNotRecorded(
            "WRONG_NOTICE",
            "This version of the notice was found wrong, so nothing can be given under it; ask anew.",
        )


def is_recorded(ask: Inquiry, under: str) -> bool:
    """Whether this caller's entry with this key stands in what the request sees."""
    return bool(recorded(ask.connection, [(ask.actor.party, ask.actor.client, under)]))


def _years_on(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)


def _check_step(ask: Inquiry, permit: Permit[Write], decision: Decision) -> None:
    """As far as can be told before anything is sealed: what is refused here leaves its key unused."""
    person = ask.house.vault.find(permit.controller, decision.identifier)
    if person is not None:
        _step(permit, ask.connection, person, decision.act)
    elif decision.act is ConsentAct.RENEWED:
        raise _refused_step(StepRefused("Only consent that was given can be renewed; ask for it anew."))


def _step(permit: Permit[Write], connection: Connection, person: PersonRef, act: ConsentAct) -> None:
    try:
        after(stand(permit, connection, person).state, act)
    except StepRefused as refused:
        raise _refused_step(refused) from None


def _refused_step(refused: StepRefused) -> ConsentNotRecorded:
    return ConsentNotRecorded(refused.code, refused.sentence)


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


def _keep(
    ask: Inquiry, permit: Permit[Write], decision: Decision, under: str, *, is_repeat: bool
) -> tuple[PersonRef, str]:
    """
    Person and payload in the vault, durable, inert until the entry.

    A crash after this leaves rows under a key that the ledger does not know; the sweep forgets them. A
    retry on a later day seals nothing new: the day is that on which it was said first. Raises
    `IdempotencyConflict`, or the vault's own error, when the key was used for something else.
    """
    vault, sealed = ask.house.vault, _sealed(ask, permit.controller, under)
    is_used = is_repeat or sealed is not None
    if is_used and vault.find(permit.controller, decision.identifier) is None:
        # before a person is made: the entry of this key would keep it for good. Also a person who
        # was erased since is not made again by a retry.
        raise IdempotencyConflict
    day = permit.at.date() if sealed is None else date.fromisoformat(json.loads(sealed.payload)["day"])
    (person,) = vault.persons(permit.controller, [decision.identifier], under=under)
    commitment = vault.commit(
        permit.controller,
        person,
        under=under,
        payload=decision.payload(day),
        attributes=decision.attributes(permit.at),
    )
    return person, commitment


def _sealed(ask: Inquiry, controller: PartyId, under: str) -> Opening | None:
    try:
        return ask.house.vault.opening(under, controller=controller)
    except VaultRefused:
        return None
