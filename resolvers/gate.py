"""
The inquiry: one request's stay in the house.

1. One read transaction is open; the head is read on it and the snapshot pinned, so that decisions,
   rows and index see the same moment.
2. Each figure asks for its own permit; what is refused or not asked for is never read.
3. When another controller's data were read under an agreement, one disclosure entry is durable
   before the first byte leaves. If it cannot be recorded, nothing leaves.
4. The permits die.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from hashlib import sha256
from hmac import digest

from sqlalchemy.engine import Connection

from consent_ledger.database import reading
from consent_ledger.entry import Actor, Draft, EntryRefused, EntryType, Json, RowBucket
from consent_ledger.log import Acknowledgement, LedgerError, Rider
from consent_ledger.parties import platform_caller
from consent_ledger.permit import Caller, Failing, Permit, Read, Refusal, Snapshot, decide
from consent_ledger.question import ActT, Question, Subject
from consent_ledger.state import IllegalEntry
from consent_ledger.vocabulary import GRANULARITY_ORDER, PersonRef, Position, Reason
from insight.subjects import commit_to_subjects, keep_subjects
from resolvers.house import House


class AnswerNotRecorded(LedgerError):
    """The ledger cannot hold what this answer must leave behind, so the answer is not given."""

    def __init__(self) -> None:
        super().__init__(
            "ANSWER_NOT_RECORDED",
            "This answer could not be recorded in the ledger, so it is not given; ask again.",
        )


class NotAskableThen(LedgerError):
    """Who asks may ask this now, and could not at the size of the ledger that is asked about."""

    def __init__(self) -> None:
        super().__init__(
            "NOT_ASKABLE_THEN",
            "Your application could not ask this yet at that size of the ledger; ask for a larger one.",
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a recipient keeps of an answer that disclosed: its entry, and the proof that it is in the ledger."""

    position: Position
    entry: str
    proof: str

    @classmethod
    def of(cls, done: Acknowledgement) -> Receipt:
        """The receipt of what was just recorded."""
        return cls(done.position, done.line.decode(), done.proof())


@dataclass(slots=True)
class Inquiry:
    """One request: who asks, what is pinned, and what left under an agreement."""

    house: House
    caller: Caller
    snapshot: Snapshot
    connection: Connection
    request_sha256: str
    request_id: str
    identifier: str | None = field(default=None, repr=False)
    """The address of a visitor who asks, from the link that was opened; None for all others."""
    receipt: Receipt | None = None
    _read: list[Permit[Read]] = field(default_factory=list)
    _persons: set[PersonRef] = field(default_factory=set)
    _rows: dict[Hashable, int] = field(default_factory=dict)
    _refused: list[Refusal] = field(default_factory=list)
    _earlier: list[Snapshot] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        """Who stands in the entries of this request."""
        return Actor(self.caller.party, self.caller.client)

    def ask(self, question: Question[ActT], *, known: Snapshot | None = None) -> Permit[ActT] | Refusal:
        """
        A permit, or why not. Refusals under an agreement are recorded when the inquiry closes.

        With `known` the permit is for what stood there; whether it may be read is decided on what stands
        now, and then on what stood there too. Raises `NotAskableThen` when only the first allows it. Another
        controller's audience is read as it stands, or not at all.
        """
        answer = decide(self.snapshot, self.caller, question)
        if isinstance(answer, Refusal) and answer.agreements and answer not in self._refused:
            self._refused.append(answer)
        if known is None or isinstance(answer, Refusal):
            return answer
        then = decide(known, self.caller, question)
        if isinstance(then, Refusal) or question.subject is Subject.AUDIENCE or question.act is not Read:
            raise NotAskableThen
        return then

    def as_known_at(self, size: int | None, valid_at: date | None) -> Snapshot | None:
        """
        What stood below `size` (none: all that this request sees), valid at the start of `valid_at` in UTC
        (none: now). None when neither is said.

        Dies with the request. Raises `NotRecorded` for a size that this request does not see.
        """
        if size is None and valid_at is None:
            return None
        at = self.snapshot.at if valid_at is None else datetime.combine(valid_at, time.min, UTC)
        wanted = self.snapshot.size if size is None else size
        known = self.house.ledger.pin_at(self.connection, wanted, at)
        self._earlier.append(known)
        return known

    def end(self) -> None:
        """The request is over: everything that was pinned for it dies."""
        for pinned in (self.snapshot, *self._earlier):
            pinned.end()

    def disclosed(
        self, permit: Permit[Read], *, of: Hashable, persons: Iterable[PersonRef], rows: int
    ) -> None:
        """
        Say that data of another controller leave; own data need no entry.

        `of` names what was read: rows of the same under the same agreement are told once.
        """
        if permit.agreement is None:
            return
        if permit not in self._read:
            self._read.append(permit)
        self._persons.update(persons)
        self._rows[permit.agreement, permit.controller, of] = rows

    def withheld(self, permit: Permit[Read], reasons: Iterable[Reason]) -> None:
        """Say that data of another controller were read and nothing of them leaves: a refusal, with its reasons."""
        if permit.agreement is not None:
            failing = tuple(Failing(reason) for reason in sorted(set(reasons)))
            asked = (permit.agreement,), permit.basis, permit.groups, permit.granularity
            refusal = Refusal(permit.controller, permit.purpose, failing, *asked)
            if failing and refusal not in self._refused:
                self._refused.append(refusal)

    def close(self) -> None:
        """
        Record what left and what was refused, both or neither; durable on return.

        Raises `AnswerNotRecorded` and what the log raises; then nothing may leave.
        """
        drafts: list[tuple[Draft, Rider | None]] = []
        if self._read:
            drafts.append(self._disclosure())
        if self._refused:
            drafts.append((self._refusal(), None))
        if not drafts:
            return
        ledger = self.house.ledger
        try:
            if len(drafts) == 1:  # alone, it shares its transaction with whatever else waits
                done = [ledger.append(drafts[0][0], rider=drafts[0][1])]
            else:
                done = ledger.append_all(drafts)
        except (EntryRefused, IllegalEntry) as impossible:
            raise AnswerNotRecorded from impossible
        if self._read:
            self.receipt = Receipt.of(done[0])

    def _basis(self, seqs: Iterable[int]) -> dict[str, Json]:
        """On what an auditor replays the decisions: the pinned position and the entries used."""
        size, root = self.snapshot.size, self.snapshot.root.hex()
        return {"size": size, "root": root, "seqs": [*sorted(set(seqs))]}

    def _disclosure(self) -> tuple[Draft, Rider]:
        nonce = secrets.token_bytes(32)

        def keep_secret(connection: Connection, position: Position) -> None:
            keep_subjects(connection, position, nonce, self._persons)

        permits = self._read
        body: dict[str, Json] = {
            "request_sha256": self.request_sha256,
            "recipient": self.caller.party,
            "client": self.caller.client,
            "controllers": [*sorted({permit.controller for permit in permits})],
            "agreements": [*sorted({permit.agreement for permit in permits if permit.agreement is not None})],
            "purposes": [*sorted({permit.purpose.value for permit in permits})],
            "groups": [*sorted({group.value for permit in permits for group in permit.groups})],
            "granularity": max(permits, key=_fineness).granularity.value,
            "rows": RowBucket.of(sum(self._rows.values())).value,
            "persons": RowBucket.of(len(self._persons)).value,
            "subjects": commit_to_subjects(self._persons, nonce),
            "basis": self._basis(seq for permit in permits for seq in permit.basis),
        }
        return Draft(EntryType.DISCLOSURE_RECORDED, self.actor, f"d-{self.request_id}", body), keep_secret

    def _refusal(self) -> Draft:
        reasons = {failing.reason for refusal in self._refused for failing in refusal.failing}
        body: dict[str, Json] = {
            "request_sha256": self.request_sha256,
            "recipient": self.caller.party,
            "client": self.caller.client,
            "controllers": [*sorted({refusal.controller for refusal in self._refused})],
            "agreements": [*sorted({name for refusal in self._refused for name in refusal.agreements})],
            "reasons": [*sorted(reason.value for reason in reasons)],
            "basis": self._basis(seq for refusal in self._refused for seq in refusal.basis),
            "purposes": [*sorted({refusal.purpose.value for refusal in self._refused})],
            "groups": [*sorted({group.value for refusal in self._refused for group in refusal.groups})],
            "granularity": max(self._refused, key=_fineness).granularity.value,
        }
        return Draft(EntryType.REFUSAL_TOLD, self.actor, f"r-{self.request_id}", body)


@contextmanager
def inquiry(
    house: House,
    caller: Caller,
    connection: Connection,
    *,
    request_sha256: str,
    request_id: str,
    identifier: str | None = None,
) -> Iterator[Inquiry]:
    """
    Open an inquiry on the caller's own read transaction; leaving the block closes it.

    An error inside the block leaves nothing recorded, and the caller must send nothing of the answer.
    Refuses (the log's own error) when the head cannot be read.
    """
    snapshot = house.ledger.pin(connection)
    ask = Inquiry(house, caller, snapshot, connection, request_sha256, request_id, identifier)
    try:
        yield ask
        ask.close()
    finally:
        ask.end()


@contextmanager
def as_platform(house: House) -> Iterator[Inquiry]:
    """The platform's own inquiry, for batch work and the command line; a read transaction of its own."""
    request_id = secrets.token_hex(16)
    digest = request_digest(request_id.encode())
    with (
        reading(house.engine) as connection,
        inquiry(house, platform_caller(), connection, request_sha256=digest, request_id=request_id) as ask,
    ):
        yield ask


def entry_key(act: str, ask: Inquiry, key: str) -> str:
    """
    The idempotency key of an entry, from the key that the caller gave.

    Of one act and one application. Keyed, because a caller's key may say more than it should: of a plain
    digest, whoever tries every address and every house number would find the one that was used.
    """
    said = f"{act}\0{ask.caller.party}\0{ask.caller.client}\0{key}"
    return f"{act}-{digest(ask.house.entry_secret, said.encode(), 'sha256').hex()[:40]}"


def request_digest(body: bytes) -> str:
    """How a request is named in the ledger: never its text."""
    return sha256(body).hexdigest()


def _fineness(told: Permit[Read] | Refusal) -> int:
    return GRANULARITY_ORDER.index(told.granularity)
