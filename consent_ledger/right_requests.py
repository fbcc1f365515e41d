"""
Requests by which persons exercise their rights: the number a desk knows each by, its days, and its drafts.

The ledger holds that a request was made, which right, until when it is to be answered and how it was
(`right.requested`, `right.extended`, `right.answered`), under the SHA-256 of a random number and a random
nonce. The row holds the number, for letters and telephone, and nothing of the person: who it was, the
house knows. A row is written and changed in the transaction of its entries.

Days are those of GDPR, article 12(3): a month after receipt, by the calendar (the same day of the next
month, or its last), and three months when it was extended. That a last day on a Sunday moves on
(Regulation 1182/71, article 3(4)) is not reckoned with: the platform's day is never the later one.
"""

from __future__ import annotations

import calendar
import re
import secrets
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    UniqueConstraint,
    insert,
    or_,
    select,
    update,
)

from consent_ledger.entry import Actor, Draft, EntryType, Json
from consent_ledger.naming import NAMING
from consent_ledger.permit import Permit, Read, Write
from consent_ledger.vocabulary import PartyId, Position, Right, RightOutcome

if TYPE_CHECKING:
    from consent_ledger.log import Rider

metadata = MetaData(naming_convention=NAMING)

right_request = Table(
    "right_request",
    metadata,
    Column("request_sha256", String(64), primary_key=True, comment="as entries name it"),
    Column("controller", String(40), nullable=False),
    Column("number", String(11), nullable=False, comment="as people name it: R-XXXX-XXXX"),
    Column("nonce", LargeBinary, nullable=False, comment="without it nobody finds the entry of a number"),
    Column("idem", String(64), nullable=False, comment="the key of its entry"),
    Column("subject_right", String(16), nullable=False),
    Column("received_on", String(10), nullable=False),
    Column("due_on", String(10), nullable=False),
    Column("is_extended", Integer, nullable=False),
    Column("outcome", String(8)),
    Column("answered_on", String(10)),
    Column("position", BigInteger, nullable=False, comment="the entry that recorded it"),
    CheckConstraint("is_extended IN (0, 1)", name="is_extended"),
    CheckConstraint("length(nonce) = 32", name="nonce"),
    CheckConstraint("(outcome IS NULL) = (answered_on IS NULL)", name="answered"),
    UniqueConstraint("controller", "number"),
    UniqueConstraint("controller", "idem"),
    Index(None, "controller", "due_on", "position"),
)

MONTHS = 1
MONTHS_EXTENDED = 3

_SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Those that nobody mistakes for another, on paper or by telephone."""

_NUMBER = re.compile(f"R-[{_SIGNS}]{{4}}-[{_SIGNS}]{{4}}")


class RightRefused(Exception):
    """A request cannot be recorded, extended or answered like this. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class RequestState(StrEnum):
    """Whether a request still waits for its answer."""

    OPEN = "open"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class RightRequest:
    """One request as a desk sees it. `due` is the law's day, though the ledger's may be later."""

    reference: str
    request_sha256: str
    right: Right
    received: date
    due: date
    is_extended: bool
    outcome: RightOutcome | None
    answered: date | None
    position: Position

    @property
    def state(self) -> RequestState:
        return RequestState.OPEN if self.outcome is None else RequestState.ANSWERED

    def days_left(self, today: date) -> int | None:
        """Days until it is due, below zero when they have passed; None when it was answered."""
        return None if self.outcome is not None else (self.due - today).days

    def is_overdue(self, today: date) -> bool:
        """Whether it waits, and its day has passed."""
        return self.outcome is None and today > self.due


@dataclass(frozen=True, slots=True)
class Secret:
    """By what a request is known outside the ledger."""

    number: str
    nonce: bytes

    @classmethod
    def new(cls) -> Secret:
        """A random number and nonce: they say nothing of anybody."""
        drawn = "".join(secrets.choice(_SIGNS) for _ in range(8))
        return cls(f"R-{drawn[:4]}-{drawn[4:]}", secrets.token_bytes(32))

    def request_sha256(self, controller: PartyId) -> str:
        """As what the entries name the request."""
        return sha256(b"\0".join((controller.encode(), self.number.encode(), self.nonce))).hexdigest()


def months_after(start: date, months: int) -> date:
    """The same day so many months later, or the last of a month that is shorter."""
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def request(
    controller: PartyId,
    right: Right,
    received: date,
    secret: Secret,
    *,
    today: date,
    actor: Actor,
    idem: str,
) -> tuple[Draft, Rider]:
    """
    The entry `right.requested`, and the rider that writes the desk's row with it.

    Of a request that was left lying the ledger is told that it is due today: it takes no day that has passed.
    """
    due = months_after(received, MONTHS)
    sha = secret.request_sha256(controller)
    body: dict[str, Json] = {
        "controller": controller,
        "request_sha256": sha,
        "right": right.value,
        "due": max(due, today).isoformat(),
    }

    def rider(connection: Connection, position: Position) -> None:
        connection.execute(
            insert(right_request).values(
                request_sha256=sha,
                controller=controller,
                number=secret.number,
                nonce=secret.nonce,
                idem=idem,
                subject_right=right.value,
                received_on=received.isoformat(),
                due_on=due.isoformat(),
                is_extended=0,
                position=position,
            )
        )

    return Draft(EntryType.RIGHT_REQUESTED, actor, idem, body), rider


def extend(
    controller: PartyId, known: RightRequest, *, today: date, actor: Actor, idem: str
) -> tuple[Draft, Rider]:
    """
    The entry `right.extended`, to three months after receipt, and the rider that tells the row.

    The rider raises `RightRefused` when the month has passed: whoever asked is told of an extension within it.
    """
    due = months_after(known.received, MONTHS_EXTENDED)
    body: dict[str, Json] = {
        "controller": controller,
        "request_sha256": known.request_sha256,
        "due": due.isoformat(),
    }

    def rider(connection: Connection, _: Position) -> None:
        if today > known.due:
            raise RightRefused(
                "TOO_LATE_TO_EXTEND",
                "The month has passed, and only within it can a request be extended; answer it now.",
            )
        _change(connection, known, due_on=due.isoformat(), is_extended=1)

    return Draft(EntryType.RIGHT_EXTENDED, actor, idem, body), rider


def answer(
    controller: PartyId,
    known: RightRequest,
    outcome: RightOutcome,
    *,
    today: date,
    actor: Actor,
    idem: str,
) -> tuple[Draft, Rider]:
    """The entry `right.answered`, and the rider that takes the request off the queue."""
    body: dict[str, Json] = {
        "controller": controller,
        "request_sha256": known.request_sha256,
        "outcome": outcome.value,
    }

    def rider(connection: Connection, _: Position) -> None:
        _change(connection, known, outcome=outcome.value, answered_on=today.isoformat())

    return Draft(EntryType.RIGHT_ANSWERED, actor, idem, body), rider


def _change(connection: Connection, known: RightRequest, **values: object) -> None:
    found = right_request.c.request_sha256 == known.request_sha256
    connection.execute(update(right_request).where(found).values(**values))


def find(permit: Permit[Read] | Permit[Write], connection: Connection, number: str) -> RightRequest | None:
    """The request of the permit's house with this number; signs may be small, spaces around them."""
    wanted = number.strip().upper()
    if _NUMBER.fullmatch(wanted) is None:
        return None  # PostgreSQL refuses a text with a zero byte
    return _one(permit, connection, right_request.c.number == wanted)


def under(permit: Permit[Write], connection: Connection, idem: str) -> RightRequest | None:
    """The request that was recorded under this key of an entry."""
    return _one(permit, connection, right_request.c.idem == idem)


def requests(
    permit: Permit[Read],
    connection: Connection,
    *,
    state: RequestState | None = None,
    after: tuple[date, int] | None = None,
    first: int,
) -> list[RightRequest]:
    """The requests to the permit's house, the first that is due first; `after` is due day and position."""
    table = right_request.c
    asked = select(right_request).where(table.controller == permit.controller, table.position < permit.size)
    if state is not None:
        is_open = table.outcome.is_(None)
        asked = asked.where(is_open if state is RequestState.OPEN else ~is_open)
    if after is not None:
        day, position = after[0].isoformat(), after[1]
        asked = asked.where(or_(table.due_on > day, (table.due_on == day) & (table.position > position)))
    rows = connection.execute(asked.order_by(table.due_on, table.position).limit(first))
    return [_told(row) for row in rows]


def _one(permit: Permit[Read] | Permit[Write], connection: Connection, which: Any) -> RightRequest | None:
    asked = select(right_request).where(right_request.c.controller == permit.controller, which)
    row = connection.execute(asked).first()
    return None if row is None else _told(row)


def _told(row: Row[Any]) -> RightRequest:
    return RightRequest(
        reference=row.number,
        request_sha256=row.request_sha256,
        right=Right(row.subject_right),
        received=date.fromisoformat(row.received_on),
        due=date.fromisoformat(row.due_on),
        is_extended=bool(row.is_extended),
        outcome=None if row.outcome is None else RightOutcome(row.outcome),
        answered=None if row.answered_on is None else date.fromisoformat(row.answered_on),
        position=Position(row.position),
    )
