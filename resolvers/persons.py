"""
Persons: how somebody is forgotten, by the desk of the house or alone.

Erasing goes in this order, and a crash between any two steps is finished or dropped at the next start:

1. the vault keeps, durably, whom it will erase, and (*stay out*) puts the address into the stop register;
   both are inert without their entries;
2. the entries, in one transaction with what they take away here: the person leaves the lines and the
   standing. From this moment on nobody finds the person, and no later request counts anybody for it;
3. the vault destroys the keys. Until it has, whoever meets the person asks the ledger first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from sqlalchemy.engine import Connection

from consent_ledger.canonical import Json
from consent_ledger.entry import Draft, EntryRefused, EntryType, read
from consent_ledger.log import Acknowledgement, IdempotencyConflict
from consent_ledger.permit import Permit, Refusal, Write
from consent_ledger.question import Subject, desk_question
from consent_ledger.standing import forget
from consent_ledger.state import IllegalEntry
from consent_ledger.vault import VaultRefused
from consent_ledger.vocabulary import (
    ErasureMode,
    PartyId,
    PersonRef,
    Position,
)
from insight.store import WrongPermit
from insight.store.persons import sever
from resolvers.consent import is_address
from resolvers.gate import Inquiry, Receipt, entry_key
from resolvers.stops import (
    PersonRefused,
    keeping_out,
    receipts,
    register_key,
    request_number,
    stop_everything,
)

__all__ = ["Erasure", "PersonRefused", "desk_erase", "desk_stop", "erase", "stop_everything"]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Erasure:
    """
    What was done for somebody who asked to be erased, and by when nothing of it can be opened by anybody.

    `effective_by` is None when the house did not know the person, who was kept out and nothing else.
    """

    mode: ErasureMode
    receipts: tuple[Receipt, ...]
    effective_by: date | None


def erase(
    ask: Inquiry,
    permit: Permit[Write],
    person: PersonRef,
    *,
    mode: ErasureMode,
    key: str,
    identifier: str | None = None,
) -> Receipt:
    """
    Erase one person at the permit's controller; durable on return, and final by the entry's `effective_by`.

    The permit is the desk's of the house, or the visitor's own about this person. *Stay out* needs the
    address, as `identifier`; afterwards no door takes it in. *Forget me* keeps nothing, so that a later
    import that brings the address makes a new person. Repeatable: the same key gives the first receipt.

    Raises `PersonRefused`, `IdempotencyConflict` (this key erased otherwise, or the person is here), and
    what vault and log raise: then ask again with the same key.
    """
    # a desk cannot find the person again to repeat it: there the house's own key alone is its name
    name = f"{permit.controller}\0{person}\0{key}" if permit.subject is Subject.PERSON else key
    return _erase(
        ask, _Wish.of(ask, permit, mode, identifier=identifier, name=name, key=key), person
    ).receipts[0]


def desk_erase(
    ask: Inquiry, controller: PartyId, identifier: str, *, mode: ErasureMode, key: str
) -> Erasure | Refusal:
    """
    Erase whoever asked for it at the desk of the house, as `erase`; each person under a key of its own.

    Somebody whom the house does not know can be kept out all the same.
    """
    permit = ask.ask(desk_question(controller))
    if isinstance(permit, Refusal):
        return permit
    _check(identifier, key)
    wish = _Wish.of(ask, permit, mode, identifier=identifier, name=key, key=key)
    person = ask.house.vault.find(controller, identifier)
    if person is not None:
        return _erase(ask, wish, person)
    first = receipts(ask, [wish.under]).get(wish.under)
    if first is not None:
        return _again(ask, wish, first)
    if mode is ErasureMode.FORGET_ME:
        raise PersonRefused(
            "PERSON_UNKNOWN", "This house knows nobody by this address: nothing is kept of it."
        )
    return Erasure(mode, stop_everything(ask, frozenset(), identifier=identifier, key=key), None)


def desk_stop(
    ask: Inquiry, controller: PartyId, identifier: str, *, key: str
) -> tuple[Receipt, ...] | Refusal:
    """
    Stop every use at this house for whoever asked for it at its desk, and keep the person out everywhere.

    At other houses that know the person nothing is ended: a house does not act for another. As
    `stop_everything`; none are told when everything stood so already.
    """
    permit = ask.ask(desk_question(controller))
    if isinstance(permit, Refusal):
        return permit
    _check(identifier, key)
    person = ask.house.vault.find(controller, identifier)
    persons = frozenset() if person is None else frozenset({(controller, person)})
    return stop_everything(ask, persons, identifier=identifier, key=key)


@dataclass(frozen=True, slots=True)
class _Wish:
    """One erasure, and the keys of its entries. `identifier` is what is kept out; `address` who asked, if known."""

    permit: Permit[Write]
    mode: ErasureMode
    identifier: str | None
    address: str | None
    under: str
    register: str

    @classmethod
    def of(
        cls,
        ask: Inquiry,
        permit: Permit[Write],
        mode: ErasureMode,
        *,
        identifier: str | None,
        name: str,
        key: str,
    ) -> Self:
        keep_out = identifier if mode is ErasureMode.STAY_OUT else None
        under = entry_key("erase", ask, name)
        return cls(permit, mode, keep_out, identifier, under, register_key(ask, key))


def _erase(ask: Inquiry, wish: _Wish, person: PersonRef) -> Erasure:
    if wish.permit.person not in {None, person}:
        raise WrongPermit(wish.permit.subject)  # before anything is planned
    if wish.mode is ErasureMode.STAY_OUT and wish.identifier is None:
        raise PersonRefused(
            "IDENTIFIER_NEEDED", "To be kept out the address must be known; nothing else can keep it out."
        )
    vault, today = ask.house.vault, max(wish.permit.at, ask.house.clock()).date()
    if wish.address is not None:
        # first, so that no crash can leave it: it is a count of links, and nothing else
        vault.forget_sent(wish.address)
    first = receipts(ask, [wish.under]).get(wish.under) or _plan(ask, wish, person, today)
    if first is not None:
        if not vault.gone(wish.permit.controller, [person]):
            raise IdempotencyConflict  # the key was another person's: this one is here
        return _again(ask, wish, first)
    try:
        done = _record(ask, wish, person, today)
    except (IllegalEntry, EntryRefused):
        vault.drop_erasure(wish.permit.controller, under=wish.under)
        raise
    for entry in done:
        vault.settle(read(entry.line).idem)
    return _told(wish.mode, [Receipt.of(one) for one in done])


def _plan(ask: Inquiry, wish: _Wish, person: PersonRef, today: date) -> Receipt | None:
    """Keep that this person will be erased; the receipt instead, when somebody with this key was quicker."""
    until = _later(today, ask.house.evidence_years) if wish.mode is ErasureMode.STAY_OUT else None
    try:
        ask.house.vault.plan_erasure(
            wish.permit.controller,
            person,
            under=wish.under,
            request_sha256=request_number(wish.under),
            mode=wish.mode,
            evidence_until=until,
        )
    except VaultRefused:
        first = receipts(ask, [wish.under]).get(wish.under)
        if first is None:
            raise
        return first
    return None


def _record(ask: Inquiry, wish: _Wish, person: PersonRef, today: date) -> list[Acknowledgement]:
    """Both entries or neither, with what they take away here."""
    permit, ledger = wish.permit, ask.house.ledger
    aside = [] if wish.identifier is None else [*keeping_out(ask, wish.identifier, wish.register)]

    def ride(connection: Connection, _: Position) -> None:
        """From here on the person is in no line and has no standing, whatever becomes of this process."""
        sever(permit, connection, person)
        forget(connection, permit.controller, person)

    def draft(day: date) -> Draft:
        body: dict[str, Json] = {
            "controller": permit.controller,
            "request_sha256": request_number(wish.under),
            "mode": wish.mode.value,
            "effective_by": ask.house.vault.effective_by(day).isoformat(),
        }
        return Draft(EntryType.SUBJECT_ERASED, ask.actor, wish.under, body)

    try:
        return ledger.append_all([(draft(today), ride), *aside])
    except IllegalEntry as illegal:
        if illegal.code != "BACK_DATED":
            raise
        return ledger.append_all([(draft(today + _DAY), ride), *aside])  # it became midnight meanwhile


def _again(ask: Inquiry, wish: _Wish, first: Receipt) -> Erasure:
    """What was recorded under this key before; whatever a crash left of it is finished."""
    body = read(first.entry.encode()).body
    if (body["controller"], body["mode"]) != (wish.permit.controller, wish.mode.value):
        raise IdempotencyConflict
    vault, kept_out = ask.house.vault, receipts(ask, [wish.register])
    for under in (wish.under, *kept_out):
        vault.settle(under)
    if wish.identifier is not None and not vault.stopped([wish.identifier]):
        raise IdempotencyConflict  # the key was another person's
    return _told(wish.mode, [first, *kept_out.values()])


def _told(mode: ErasureMode, receipts: list[Receipt]) -> Erasure:
    erased = read(receipts[0].entry.encode())
    return Erasure(mode, tuple(receipts), date.fromisoformat(str(erased.body["effective_by"])))


def _check(identifier: str, key: str) -> None:
    if not is_address(identifier):
        raise PersonRefused("NOT_AN_ADDRESS", "This is no e-mail address; nothing was done.")
    if "@" in key:
        raise PersonRefused(
            "KEY_TELLS", "An idempotency key may not hold an address; send a random one and ask again."
        )


def _later(day: date, years: int) -> date:
    """The same day some years later; of a leap day, the day after."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, month=3, day=1)
