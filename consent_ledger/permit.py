"""
The decision: may this caller do this, on what is recorded up to this position?

`decide()` is the only maker of a `Permit`; a function that reads or writes data takes one and finds
in it what it may touch. A `Permit`, a `Snapshot` and a `Caller` are closed values: nobody else can
make, copy, widen or store one. Types say it first (`__init__` takes `Never`), `closed` refuses it
at run time, and lint bans the calls that would go around both.

The decision asks, in this order; every step that fails is reported, with who can change it:

 1. is the application registered and not blocked?            CLIENT_SUSPENDED
 2. may its role ever do this?                                ROLE_FORBIDS
 3. do its scopes cover what is asked?                        INSUFFICIENT_SCOPE
 4. are both sides members of the platform?                   NOT_MEMBER
 5. has the controller a lawful basis and a notice for it?    PURPOSE_NOT_COVERED
 6. has a high-risk purpose its impact assessment?            DPIA_MISSING
 7. is there an agreement, and does it stand?                 NO_AGREEMENT, AGREEMENT_ENDED
 8. does it cover the purpose?                                PURPOSE_NOT_COVERED
 9. does it cover the field groups?                           FIELD_NOT_COVERED
10. does it cover the granularity?                            GRANULARITY_NOT_COVERED

Persons (consent, objection, restriction) and small groups come after: the permit carries the
person filter and the minimum group, and the figures apply them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, Never, final

from consent_ledger.agreements import Agreement
from consent_ledger.caller import Caller
from consent_ledger.closed import Closed, mint
from consent_ledger.question import Act, ActT, Period, Question, Read, Subject, Write
from consent_ledger.snapshot import Life, Snapshot
from consent_ledger.steps import Case, Failing, failures, serves_the_house_itself
from consent_ledger.vocabulary import (
    AgreementId,
    FieldGroup,
    Granularity,
    LawfulBasis,
    PartyId,
    PersonRef,
    Position,
    ProductionRef,
    Purpose,
    Reason,
)

__all__ = [
    "Act",
    "Caller",
    "Failing",
    "Period",
    "Permit",
    "PermitEnded",
    "PersonFilter",
    "Question",
    "Read",
    "Refusal",
    "Snapshot",
    "Write",
    "decide",
]


class PermitEnded(Exception):
    """A permit was used after its request had ended."""

    def __init__(self) -> None:
        super().__init__("this permit died with its request; ask again")


class PersonFilter(StrEnum):
    """Which persons a purpose may count at this controller."""

    EVERYONE_NOT_OBJECTING = "everyone_not_objecting"
    ONLY_CONSENTING = "only_consenting"


@final
class Permit(Closed, Generic[ActT]):
    """
    What one request may do: whose data, for whom, why, which fields, how fine, which productions,
    which days, which persons, at which position of the ledger. Dies with its request: every
    attribute raises `PermitEnded` afterwards.
    """

    __slots__ = (
        "_act",
        "_agreement",
        "_at",
        "_basis",
        "_controller",
        "_data_position",
        "_granularity",
        "_groups",
        "_life",
        "_minimum_group",
        "_period",
        "_person",
        "_persons",
        "_productions",
        "_purpose",
        "_recipient",
        "_root",
        "_size",
        "_sold_from",
        "_standing_position",
        "_subject",
    )

    _act: type[ActT]
    _agreement: AgreementId | None
    _at: datetime
    _basis: tuple[int, ...]
    _controller: PartyId
    _data_position: int
    _granularity: Granularity
    _groups: frozenset[FieldGroup]
    _life: Life
    _minimum_group: int
    _period: Period | None
    _person: PersonRef | None
    _persons: PersonFilter
    _productions: frozenset[ProductionRef] | None
    _purpose: Purpose
    _recipient: PartyId
    _root: bytes
    _size: Position
    _sold_from: date | None
    _standing_position: int
    _subject: Subject

    def __init__(self, forbidden: Never, /) -> None:
        super().__init__(forbidden)

    def _alive(self) -> None:
        if self._life.is_over:
            raise PermitEnded

    @property
    def act(self) -> type[ActT]:
        self._alive()
        return self._act

    @property
    def subject(self) -> Subject:
        self._alive()
        return self._subject

    @property
    def controller(self) -> PartyId:
        """Whose data."""
        self._alive()
        return self._controller

    @property
    def recipient(self) -> PartyId:
        """Who gets the answer."""
        self._alive()
        return self._recipient

    @property
    def purpose(self) -> Purpose:
        self._alive()
        return self._purpose

    @property
    def groups(self) -> frozenset[FieldGroup]:
        """The field groups that may be read."""
        self._alive()
        return self._groups

    @property
    def granularity(self) -> Granularity:
        self._alive()
        return self._granularity

    @property
    def productions(self) -> frozenset[ProductionRef] | None:
        """The productions whose lines exist for this permit; None: all."""
        self._alive()
        return self._productions

    @property
    def period(self) -> Period | None:
        """The days of performances that may be read; None: all."""
        self._alive()
        return self._period

    @property
    def persons(self) -> PersonFilter:
        """Which persons may be counted as persons."""
        self._alive()
        return self._persons

    @property
    def person(self) -> PersonRef | None:
        """The one person it is about: a visitor's own record; None for all others."""
        self._alive()
        return self._person

    @property
    def sold_from(self) -> date | None:
        """Lines ordered before this day do not exist for this permit; None: all exist."""
        self._alive()
        return self._sold_from

    @property
    def agreement(self) -> AgreementId | None:
        """The agreement that allows it; None for the house's own data."""
        self._alive()
        return self._agreement

    @property
    def minimum_group(self) -> int:
        """A figure about fewer persons than this is withheld; 1 for own data."""
        self._alive()
        return self._minimum_group

    @property
    def at(self) -> datetime:
        """The moment of the decision: what is valid until a day is judged by it."""
        self._alive()
        return self._at

    @property
    def size(self) -> Position:
        """The pinned size of the ledger: entries below it count, and no later one."""
        self._alive()
        return self._size

    @property
    def root(self) -> bytes:
        self._alive()
        return self._root

    @property
    def basis(self) -> tuple[int, ...]:
        """The entries on which the decision rests, in index order."""
        self._alive()
        return self._basis

    @property
    def data_position(self) -> int:
        """The last entry, below `size`, that changed the controller's data; -1: none."""
        self._alive()
        return self._data_position

    @property
    def standing_position(self) -> int:
        """The last entry, below `size`, that changed a person's standing at the controller; -1: none."""
        self._alive()
        return self._standing_position


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: every failing step, in the order of the decision."""

    controller: PartyId
    purpose: Purpose
    failing: tuple[Failing, ...]
    agreements: tuple[AgreementId, ...]
    basis: tuple[int, ...]
    groups: frozenset[FieldGroup] = frozenset()
    granularity: Granularity = Granularity.AGGREGATE

    @property
    def reason(self) -> Reason:
        """The first failing step."""
        return self.failing[0].reason


def decide(snapshot: Snapshot, caller: Caller, question: Question[ActT]) -> Permit[ActT] | Refusal:
    """
    Whether `caller` may do what `question` asks, on what stands below `snapshot.size`.

    A pure function of its three arguments; asked again within the request it gives the same value
    at the cost of one look-up. Never raises for a refusal.
    """
    key = (caller, question)
    answer: Permit[ActT] | Refusal | None = snapshot.answers.get(key)
    if answer is None:
        answer = _decide(snapshot, caller, question)
        snapshot.answers[key] = answer
    return answer


def _decide(snapshot: Snapshot, caller: Caller, question: Question[ActT]) -> Permit[ActT] | Refusal:
    case = Case(snapshot.state, snapshot.at, caller, question)
    failing = failures(case)
    basis = tuple(sorted(case.basis))
    if failing:
        named = (case.agreement.id,) if case.agreement is not None else ()
        ended = tuple(
            AgreementId(name)
            for fail in failing
            if fail.reason is Reason.AGREEMENT_ENDED
            for name in fail.missing
        )
        asked = question.groups, question.granularity
        return Refusal(question.controller, question.purpose, failing, named or ended, basis, *asked)
    agreement, state = case.agreement, snapshot.state
    return mint(
        Permit,
        _act=question.act,
        _subject=question.subject,
        _controller=question.controller,
        _recipient=caller.party,
        _purpose=question.purpose,
        _groups=question.groups,
        _granularity=question.granularity,
        _productions=_productions(question, agreement),
        _period=_period(question, agreement),
        _person=question.person,
        _persons=_persons(case),
        _sold_from=_sold_from(case),
        _agreement=None if agreement is None else agreement.id,
        _minimum_group=1 if agreement is None else agreement.minimum_group,
        _at=snapshot.at,
        _size=snapshot.size,
        _root=snapshot.root,
        _basis=basis,
        _data_position=state.data_position(question.controller),
        _standing_position=state.standing_position(question.controller),
        _life=snapshot.life,
    )


def _persons(case: Case) -> PersonFilter:
    recorded = case.state.bases.get((case.question.controller, case.question.purpose))
    if recorded is not None and recorded.basis is LawfulBasis.CONSENT:
        return PersonFilter.ONLY_CONSENTING
    return PersonFilter.EVERYONE_NOT_OBJECTING


def _sold_from(case: Case) -> date | None:
    """Lines sold before the notice serve the house's own insight only (design 7)."""
    if serves_the_house_itself(case):
        return None
    notice = case.state.notices.get((case.question.controller, case.question.purpose))
    return None if notice is None else notice.since


def _productions(question: Question[ActT], agreement: Agreement | None) -> frozenset[ProductionRef] | None:
    """
    Under an agreement its own productions, whichever of them were asked: what is narrowed further is
    counted as a part of them, so that who came for the first time is judged by all that is shared.
    """
    return question.productions if agreement is None else agreement.productions


def _period(question: Question[ActT], agreement: Agreement | None) -> Period | None:
    if question.period is not None or agreement is None:
        return question.period
    if agreement.period_start is None and agreement.period_end is None:
        return None
    return Period(agreement.period_start or date.min, agreement.period_end or date.max)
