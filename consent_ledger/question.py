"""
The questions that can be asked of the ledger: who wants what of whose data, and why.

Each maker below names the scopes that its question needs, so that nobody who asks can leave one
out. A question is compared by value; its hash is computed once, because it is looked up per figure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Generic, TypeVar

from consent_ledger.vocabulary import (
    AUDIENCE_SCOPE,
    PLATFORM,
    AgreementId,
    FieldGroup,
    Granularity,
    PartyId,
    PersonRef,
    ProductionRef,
    Purpose,
    Scope,
)


class Act:
    """What a permit is for."""


class Read(Act):
    """A permit to read."""


class Write(Act):
    """A permit to write."""


ActT = TypeVar("ActT", bound=Act)


class Subject(StrEnum):
    """What a question is about."""

    AUDIENCE = "audience"
    CATALOGUE = "catalogue"
    IMPORTS = "imports"
    BENCHMARK = "benchmark"
    AGREEMENTS = "agreements"
    LEDGER = "ledger"
    INTAKE = "intake"
    CONSENT = "consent"
    PERSON = "person"
    RULES = "rules"
    GOVERNANCE = "governance"
    DECISIONS = "decisions"


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, `start` included and `end` not."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("a period ends after it starts")

    def within(self, start: date | None, end: date | None) -> bool:
        return (start is None or start <= self.start) and (end is None or self.end <= end)


@dataclass(frozen=True, slots=True)
class Question(Generic[ActT]):
    """One thing somebody wants to do. Made by the functions below it, compared by value."""

    act: type[ActT]
    subject: Subject
    controller: PartyId
    purpose: Purpose
    needs: frozenset[Scope]
    groups: frozenset[FieldGroup] = frozenset()
    granularity: Granularity = Granularity.AGGREGATE
    productions: frozenset[ProductionRef] | None = None
    period: Period | None = None
    agreement: AgreementId | None = None
    person: PersonRef | None = None
    as_shared: bool = False
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        parts = (self.act, self.subject, self.controller, self.purpose, self.needs, self.groups)
        more = (self.granularity, self.productions, self.period, self.agreement, self.person)
        object.__setattr__(self, "_hash", hash((*parts, *more, self.as_shared)))

    def __hash__(self) -> int:
        return self._hash


def audience_question(
    controller: PartyId,
    purpose: Purpose,
    groups: Iterable[FieldGroup],
    *,
    granularity: Granularity = Granularity.AGGREGATE,
    productions: frozenset[ProductionRef] | None = None,
    period: Period | None = None,
    agreement: AgreementId | None = None,
    as_shared: bool = False,
) -> Question[Read]:
    """
    May I read figures of these field groups about this controller's audience?

    `agreement` holds the question to one agreement, so that the figures of one answer rest on one.
    `as_shared`: a house asks for its own as others get them, without what its own insight alone may read.
    """
    asked = frozenset(groups) | {FieldGroup.BASE}
    needs = frozenset(AUDIENCE_SCOPE[group] for group in asked)
    return Question(
        Read,
        Subject.AUDIENCE,
        controller,
        purpose,
        needs,
        asked,
        granularity,
        productions,
        period,
        agreement,
        as_shared=as_shared,
    )


def release_question(controller: PartyId, period: Period) -> Question[Read]:
    """May the platform read this controller's totals for a sector release?"""
    groups = frozenset({FieldGroup.BASE, FieldGroup.SPEND})
    needs = frozenset(AUDIENCE_SCOPE[group] for group in groups)
    purpose = Purpose.SECTOR_BENCHMARK
    return Question(
        Read, Subject.AUDIENCE, controller, purpose, needs, groups, Granularity.STATISTIC, None, period
    )


def catalogue_question(controller: PartyId) -> Question[Read]:
    """May I see this house's own productions?"""
    needs = frozenset({Scope.CATALOGUE_READ})
    return Question(Read, Subject.CATALOGUE, controller, Purpose.OWN_INSIGHT, needs)


def imports_question(controller: PartyId) -> Question[Read]:
    """May I see what this house imported?"""
    needs = frozenset({Scope.IMPORTS_READ})
    return Question(Read, Subject.IMPORTS, controller, Purpose.OWN_INSIGHT, needs)


def benchmark_question() -> Question[Read]:
    """May I read the released figures of the sector?"""
    needs = frozenset({Scope.BENCHMARKS_READ})
    return Question(
        Read,
        Subject.BENCHMARK,
        PLATFORM,
        Purpose.SECTOR_BENCHMARK,
        needs,
        granularity=Granularity.STATISTIC,
    )


def agreements_question(party: PartyId) -> Question[Read]:
    """May I see this organisation's agreements?"""
    needs = frozenset({Scope.AGREEMENTS_READ})
    return Question(Read, Subject.AGREEMENTS, party, Purpose.ACCOUNTABILITY, needs)


def agreeing_question(party: PartyId) -> Question[Write]:
    """May I propose, accept or end agreements for this organisation?"""
    needs = frozenset({Scope.AGREEMENTS_WRITE})
    return Question(Write, Subject.AGREEMENTS, party, Purpose.ACCOUNTABILITY, needs)


def signing_question(party: PartyId) -> Question[Write]:
    """May I sign for this organisation, and say with which keys it signs?"""
    needs = frozenset({Scope.AGREEMENTS_SIGN})
    return Question(Write, Subject.AGREEMENTS, party, Purpose.ACCOUNTABILITY, needs)


def ledger_question(*, export: bool) -> Question[Read]:
    """May I read the ledger's entries (`export`) or its position and proofs?"""
    needs = frozenset({Scope.LEDGER_EXPORT if export else Scope.LEDGER_READ})
    return Question(Read, Subject.LEDGER, PLATFORM, Purpose.ACCOUNTABILITY, needs)


def intake_question(controller: PartyId) -> Question[Write]:
    """May I bring tickets or visits of this house in?"""
    needs = frozenset({Scope.TICKETS_WRITE})
    return Question(Write, Subject.INTAKE, controller, Purpose.TICKET_FULFILMENT, needs)


def consent_question(controller: PartyId, purpose: Purpose) -> Question[Write]:
    """May I record what a visitor of this house decided about this purpose?"""
    needs = frozenset({Scope.CONSENT_WRITE})
    return Question(Write, Subject.CONSENT, controller, purpose, needs)


def consents_question(controller: PartyId, purpose: Purpose = Purpose.ACCOUNTABILITY) -> Question[Read]:
    """
    May I see what visitors of this house decided, and which rights they exercised?

    `purpose` is the one about which they decided, where a standing is asked.
    """
    needs = frozenset({Scope.CONSENT_READ})
    return Question(Read, Subject.CONSENT, controller, purpose, needs)


def desk_question(controller: PartyId) -> Question[Write]:
    """May I act on rights that visitors of this house exercise: links, requests, erasures?"""
    needs = frozenset({Scope.CONSENT_WRITE})
    return Question(Write, Subject.CONSENT, controller, Purpose.ACCOUNTABILITY, needs)


def own_record_question(controller: PartyId, person: PersonRef) -> Question[Read]:
    """May I, the visitor, see what this house knows of me?"""
    needs = frozenset({Scope.ME_READ})
    return Question(Read, Subject.PERSON, controller, Purpose.ACCOUNTABILITY, needs, person=person)


def own_act_question(controller: PartyId, person: PersonRef, purpose: Purpose) -> Question[Write]:
    """May I, the visitor, decide about this purpose at this house, or stop all of it?"""
    needs = frozenset({Scope.ME_CONSENT})
    return Question(Write, Subject.PERSON, controller, purpose, needs, person=person)


def rules_question(controller: PartyId) -> Question[Write]:
    """May I record notices and lawful bases of this house?"""
    needs = frozenset({Scope.INSTITUTION_MANAGE})
    return Question(Write, Subject.RULES, controller, Purpose.ACCOUNTABILITY, needs)


def governing_question() -> Question[Write]:
    """May I publish what purposes mean, for the whole platform?"""
    needs = frozenset({Scope.GOVERNANCE_WRITE})
    return Question(Write, Subject.GOVERNANCE, PLATFORM, Purpose.ACCOUNTABILITY, needs)


def decisions_question(party: PartyId) -> Question[Read]:
    """May I see the decisions in which this organisation gave or received, and what it must account for?"""
    needs = frozenset({Scope.LEDGER_READ})
    return Question(Read, Subject.DECISIONS, party, Purpose.ACCOUNTABILITY, needs)


def sample_question(controller: PartyId, purpose: Purpose, person: PersonRef | None = None) -> Question[Read]:
    """May I, who audit, open whom a disclosure of this house's data counted, and what that person had said?"""
    needs = frozenset({Scope.LEDGER_EXPORT})
    return Question(Read, Subject.DECISIONS, controller, purpose, needs, person=person)
