"""
Batches: what the visitors of one house decided about one purpose elsewhere, in one entry.

A house that changes its mailing system brings its list of opt-ins and opt-outs along. Each row is a
decision with the day on which it was said; the entry carries their number and one root, and each row can
still be shown alone. What cannot count is left out and told by its row, never by its address:

- what gives something never overwrites a no: a person who refused, withdrew or objected here on the day
  on which the row was said, or after it, is left out;
- what limits is always taken, as at every other door, however old it is;
- of two rows about one person the one that was said last counts; said on one day, the one that limits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from consent_ledger.canonical import canonical
from consent_ledger.database import reading, writing
from consent_ledger.entry import Draft, EntryType, Json
from consent_ledger.follower import read_head
from consent_ledger.log import IdempotencyConflict
from consent_ledger.permit import Permit, Refusal, Write
from consent_ledger.question import consent_question
from consent_ledger.records import number as whole_number
from consent_ledger.register import consent_batch
from consent_ledger.spoken import noes, spoke_since
from consent_ledger.standing import Said, forget, record
from consent_ledger.vault import Statement, VaultConflict
from consent_ledger.vault.pending import OF_BATCH
from consent_ledger.vocabulary import (
    ConsentAct,
    ConsentChannel,
    PartyId,
    PersonRef,
    Position,
    Purpose,
)
from resolvers.consent import (
    GIVING,
    ConsentNotRecorded,
    Decision,
    check_day,
    check_key,
    check_notice,
    is_address,
    published_purpose,
    told_of_child,
)
from resolvers.gate import Inquiry, Receipt, entry_key

MOST = 5_000
"""Rows of one batch, at most."""

COUNTED = (ConsentAct.GRANTED, ConsentAct.REFUSED, ConsentAct.WITHDRAWN, ConsentAct.OBJECTED)
"""What can be said in a batch, in the order in which the entry counts it."""

_ATTEMPTS = 8


class LeftOut(StrEnum):
    """Why a row was left out."""

    NOT_AN_ADDRESS = "NOT_AN_ADDRESS"
    ACT = "ACT"
    DAY_AHEAD = "DAY_AHEAD"
    GUARDIAN_NEEDED = "GUARDIAN_NEEDED"
    UNTIL_NEEDED = "UNTIL_NEEDED"
    UNTIL_PAST = "UNTIL_PAST"
    UNTIL_TOO_FAR = "UNTIL_TOO_FAR"
    NO_UNTIL = "NO_UNTIL"
    SAID_AGAIN = "SAID_AGAIN"
    SAID_NO_SINCE = "SAID_NO_SINCE"
    KEPT_OUT = "KEPT_OUT"


@dataclass(frozen=True, slots=True)
class Row:
    """One decision of the list, and the day on which it was said."""

    identifier: str = field(repr=False)  # goes to the vault and no further
    act: ConsentAct
    said_on: date
    until: date | None = None
    is_under_16: bool = False
    by_guardian: bool = False


@dataclass(frozen=True, slots=True)
class List:
    """Decisions of visitors of one house about one purpose, told to all by one notice or by none."""

    controller: PartyId
    purpose: Purpose
    rows: Sequence[Row] = field(repr=False)
    notice: str | None = None
    notice_version: int | None = None

    def decision(self, row: Row) -> Decision:
        """The row as one decision: held to the same rules."""
        return Decision(
            self.controller,
            self.purpose,
            row.act,
            row.identifier,
            ConsentChannel.API,
            self.notice,
            self.notice_version,
            row.until,
            is_under_16=row.is_under_16,
            by_guardian=row.by_guardian,
        )


@dataclass(frozen=True, slots=True)
class BatchRecorded:
    """What became of a list. `receipt` is None when no row of it counts: then there is no entry."""

    receipt: Receipt | None
    received: int
    counts: dict[ConsentAct, int]
    left_out: tuple[tuple[int, LeftOut], ...]


class _Overtaken(Exception):
    """Somebody of the list spoke, or the same list was recorded, between looking and the entry."""


@dataclass(frozen=True, slots=True)
class _Picked:
    """The rows that count, by their number, with whom each is about; and why the others do not."""

    persons: Mapping[int, PersonRef]
    left_out: Mapping[int, LeftOut]


def record_consents(ask: Inquiry, given: List, *, key: str) -> BatchRecorded | Refusal:
    """
    Record the list in one entry: durable on return, and effective from the next request on.

    Repeatable: the same key with the same list gives the first answer. Raises `ConsentNotRecorded` for
    a list that cannot be recorded whole, `IdempotencyConflict` for another list under a key that was used.
    """
    permit = ask.ask(consent_question(given.controller, given.purpose))
    if isinstance(permit, Refusal):
        return permit
    check_key(key)
    if not 1 <= len(given.rows) <= MOST:
        raise ConsentNotRecorded(
            "BATCH_SIZE", f"A list has 1 to {MOST} rows; cut it in parts, each with a key."
        )
    version = published_purpose(ask.snapshot.state, given.purpose).version
    base = entry_key("consents", ask, key)
    for attempt in range(_ATTEMPTS):
        under = base if attempt == 0 else f"{base}.{attempt}"
        with reading(ask.house.engine) as connection:  # of this attempt: it sees what overtook the one before
            earlier = _told_before(ask, connection, permit, given, base)
            if earlier is not None:
                return earlier
            gives = any(row.act in GIVING for row in given.rows)
            check_notice(
                ask.snapshot.state, permit.controller, given.notice, given.notice_version, gives=gives
            )
            seen = read_head(connection).size
            picked = _picked(ask, connection, permit, given, under)
        if not picked.persons:
            return BatchRecorded(None, len(given.rows), dict.fromkeys(COUNTED, 0), _listed(picked))
        try:
            return _append(ask, permit, given, picked, base=base, under=under, seen=seen, version=version)
        except (_Overtaken, VaultConflict):
            # Under this key waits another list, or this one with other rows left out. It has no entry, so
            # it means nothing, and the sweep forgets it.
            continue
    raise ConsentNotRecorded(
        "BATCH_OVERTAKEN", "Persons of this list kept deciding in between; send it again with the same key."
    )


def _append(
    ask: Inquiry,
    permit: Permit[Write],
    given: List,
    picked: _Picked,
    *,
    base: str,
    under: str,
    seen: int,
    version: int,
) -> BatchRecorded:
    """
    Seal, record, settle.

    A crash after sealing leaves rows without an entry, which are forgotten; a crash after the entry is
    made up for at the next start. Whoever was erased in between leaves the standing again.
    """
    controller, vault, left_out = permit.controller, ask.house.vault, _listed(picked)
    statements = [
        _statement(ask, given.decision(given.rows[number]), given.rows[number], person, number)
        for number, person in picked.persons.items()
    ]
    batch = vault.commit_batch(controller, statements, under=under)
    counts = {act: sum(given.rows[number].act is act for number in picked.persons) for act in COUNTED}
    today = permit.at.date()

    def ride(connection: Connection, position: Position) -> None:
        """In the entry's own transaction nothing comes between looking and writing."""
        known = select(consent_batch.c.key).where(consent_batch.c.key == base)
        if connection.execute(known).first() is not None:
            raise _Overtaken
        if spoke_since(permit, connection, picked.persons.values(), Position(seen)):
            raise _Overtaken
        if vault.gone(controller, picked.persons.values()):
            raise _Overtaken
        record(
            connection,
            [_said(given, given.rows[n], person, position, today) for n, person in picked.persons.items()],
        )
        row = {
            "key": base,
            "position": position,
            "received": len(given.rows),
            "told_sha256": _told_sha256(given),
            "left_out": json.dumps([[number, why.value] for number, why in left_out]),
        }
        connection.execute(insert(consent_batch), row)

    body: dict[str, Json] = {
        "controller": controller,
        "purpose": permit.purpose.value,
        "purpose_version": version,
        "notice": given.notice,
        "notice_version": given.notice_version,
        **{act.value: counts[act] for act in COUNTED},
        "root": batch.root,
    }
    done = ask.house.ledger.append(Draft(EntryType.CONSENT_BATCH, ask.actor, under, body), rider=ride)
    vault.settle(under)
    erased = vault.gone(controller, picked.persons.values())
    if erased:
        with writing(ask.house.engine) as connection:
            for person in erased:
                forget(connection, controller, person)
    return BatchRecorded(Receipt.of(done), len(given.rows), counts, left_out)


def _statement(ask: Inquiry, decision: Decision, row: Row, person: PersonRef, number: int) -> Statement:
    attributes = {**decision.attributes(ask.snapshot.at), "row": number}
    return Statement(person, "", decision.payload(row.said_on), attributes)


def _said(given: List, row: Row, person: PersonRef, position: Position, today: date) -> Said:
    """Its day is that of the entry: what is given is never dated back."""
    notice = (
        None if given.notice is None or given.notice_version is None else (given.notice, given.notice_version)
    )
    return Said(given.controller, person, given.purpose, row.act, position, today, row.until, notice)


def _picked(ask: Inquiry, connection: Connection, permit: Permit[Write], given: List, under: str) -> _Picked:
    """
    What counts: rows without a fault, of each person the one said last, and of these no yes before a no.

    Persons whom the house did not know are made, pending under the entry's key.
    """
    left_out: dict[int, LeftOut] = {}
    for number, row in enumerate(given.rows):
        fault = _fault(given.decision(row), row, permit.at.date())
        if fault is not None:
            left_out[number] = fault
    left_out |= dict.fromkeys(_kept_out(ask, permit, given, left_out), LeftOut.KEPT_OUT)
    numbers = [number for number in range(len(given.rows)) if number not in left_out]
    names = [given.rows[number].identifier for number in numbers]
    found = (
        dict(zip(numbers, ask.house.vault.persons(permit.controller, names, under=under), strict=True))
        if names
        else {}
    )
    last: dict[PersonRef, int] = {}
    for number in sorted(found, key=lambda one: _rank(given.rows[one])):
        last[found[number]] = number
    left_out |= dict.fromkeys((n for n in numbers if last[found[n]] != n), LeftOut.SAID_AGAIN)
    giving = {person: given.rows[n].said_on for person, n in last.items() if given.rows[n].act in GIVING}
    left_out |= dict.fromkeys(
        (last[person] for person in _said_no(ask, connection, permit, giving)), LeftOut.SAID_NO_SINCE
    )
    return _Picked({n: person for n, person in found.items() if n not in left_out}, left_out)


def _kept_out(ask: Inquiry, permit: Permit[Write], given: List, faulty: Mapping[int, LeftOut]) -> set[int]:
    """The rows of those who asked to stay out: nobody is made known again by a list."""
    numbers = [number for number in range(len(given.rows)) if number not in faulty]
    met = ask.house.vault.stopped([given.rows[number].identifier for number in numbers]) if numbers else set()
    return {
        number
        for number in (numbers[at] for at in met)
        if given.rows[number].act in GIVING
        or ask.house.vault.find(permit.controller, given.rows[number].identifier) is None
    }


def _rank(row: Row) -> tuple[date, bool]:
    """The later, the higher; on one day what limits stands above what gives."""
    return row.said_on, row.act not in GIVING


def _fault(decision: Decision, row: Row, today: date) -> LeftOut | None:
    """What the row says that cannot be, by itself."""
    if row.act not in COUNTED:
        return LeftOut.ACT
    if not is_address(row.identifier):
        return LeftOut.NOT_AN_ADDRESS
    if row.said_on > today:
        return LeftOut.DAY_AHEAD
    if told_of_child(decision) is not None:
        return LeftOut.GUARDIAN_NEEDED
    try:
        check_day(decision, today)
    except ConsentNotRecorded as refused:
        return LeftOut(refused.code)
    return None


def _said_no(
    ask: Inquiry, connection: Connection, permit: Permit[Write], giving: Mapping[PersonRef, date]
) -> set[PersonRef]:
    """
    Those of `giving` who said no on the day on which they are told to have given it, or after it.

    A no counts by the day of its entry; one that came in a batch itself by the day on which it was said.
    """
    if not giving:
        return set()
    said: set[PersonRef] = set()
    batches: dict[Position, str | None] = {}
    for person, position, day in noes(permit, connection, giving, since=min(giving.values())):
        if person in said or day < giving[person]:
            continue
        if position not in batches:
            [entry] = ask.house.ledger.entries(connection, position, position + 1)
            batches[position] = entry.idem if entry.kind is EntryType.CONSENT_BATCH else None
        of_batch = batches[position]
        told = None if of_batch is None else _day_told(ask, permit, person, of_batch)
        if (told or day) >= giving[person]:
            said.add(person)
    return said


def _day_told(ask: Inquiry, permit: Permit[Write], person: PersonRef, under: str) -> date | None:
    for opening in ask.house.vault.said(permit.controller, person):
        if opening.entry == under:
            return date.fromisoformat(json.loads(opening.payload)["day"])
    return None


def _told_before(
    ask: Inquiry, connection: Connection, permit: Permit[Write], given: List, base: str
) -> BatchRecorded | None:
    """
    The first answer, when this key was recorded; nobody is made for it, also not who was erased since.

    Raises `IdempotencyConflict` when another list stands under the key.
    """
    found = connection.execute(select(consent_batch).where(consent_batch.c.key == base)).first()
    if found is None:
        return None
    left_out = {int(number): LeftOut(why) for number, why in json.loads(found.left_out)}
    if (found.received, found.told_sha256) != (len(given.rows), _told_sha256(given)):
        raise IdempotencyConflict
    [entry] = ask.house.ledger.entries(connection, found.position, found.position + 1)
    counting = [number for number in range(len(given.rows)) if number not in left_out]
    for index, number in enumerate(counting):
        sealed = ask.house.vault.person_of(permit.controller, f"{entry.idem}{OF_BATCH}{index}")
        known = ask.house.vault.find(permit.controller, given.rows[number].identifier)
        if sealed is not None and known is not None and sealed != known:
            raise IdempotencyConflict
    counts = {act: whole_number(entry.body[act.value]) for act in COUNTED}
    proof = ask.house.ledger.proof(connection, entry.seq)
    return BatchRecorded(
        Receipt(entry.seq, entry.line.decode(), proof),
        found.received,
        counts,
        tuple(sorted(left_out.items())),
    )


def _told_sha256(given: List) -> str:
    """Checksum of all that a list says but for whom: an address could be found again by it."""
    rows: list[Json] = [
        [row.act.value, row.said_on.isoformat(), _day(row.until), row.is_under_16, row.by_guardian]
        for row in given.rows
    ]
    told: dict[str, Json] = {
        "controller": given.controller,
        "notice": given.notice,
        "notice_version": given.notice_version,
        "purpose": given.purpose.value,
        "rows": rows,
    }
    return sha256(canonical(told)).hexdigest()


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _listed(picked: _Picked) -> tuple[tuple[int, LeftOut], ...]:
    return tuple(sorted(picked.left_out.items()))
