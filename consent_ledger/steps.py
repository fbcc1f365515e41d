"""
The steps of a decision, in their order. Each answers None, or what failed.

Taking any one of them out of `STEPS` must make a test fail (tests/consent_ledger/test_permit.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

from consent_ledger.agreements import Agreement
from consent_ledger.question import Question, Subject
from consent_ledger.state import State
from consent_ledger.vocabulary import (
    AUDIENCE_SCOPE,
    GRANULARITY_ORDER,
    PLATFORM,
    ClientId,
    ClientKind,
    Granularity,
    PartyId,
    PersonRef,
    Purpose,
    Reason,
    Scope,
)


@dataclass(frozen=True, slots=True)
class Failing:
    """One step of the decision that failed, and what was missing (never a value about anybody)."""

    reason: Reason
    missing: tuple[str, ...] = ()


AUDIENCE_SCOPES = frozenset(AUDIENCE_SCOPE.values()) - {Scope.REFERENCES_EXPORT}

ROLE_MAY: dict[ClientKind, frozenset[Scope]] = {
    ClientKind.INSTITUTION_APP: AUDIENCE_SCOPES
    | {
        Scope.CATALOGUE_READ,
        Scope.SEGMENTS_READ,
        Scope.SEGMENTS_WRITE,
        Scope.BENCHMARKS_READ,
        Scope.OVERLAP_READ,
        Scope.REFERENCES_EXPORT,
        Scope.TICKETS_WRITE,
        Scope.IMPORTS_READ,
        Scope.CONSENT_READ,
        Scope.CONSENT_WRITE,
        Scope.AGREEMENTS_READ,
        Scope.AGREEMENTS_WRITE,
        Scope.AGREEMENTS_SIGN,
        Scope.LEDGER_READ,
        Scope.INSTITUTION_MANAGE,
        Scope.CLIENTS_MANAGE,
    },
    ClientKind.CONNECTOR: frozenset({Scope.TICKETS_WRITE, Scope.IMPORTS_READ, Scope.CONSENT_WRITE}),
    ClientKind.PARTNER: AUDIENCE_SCOPES
    | {
        Scope.CATALOGUE_READ,
        Scope.SEGMENTS_READ,
        Scope.BENCHMARKS_READ,
        Scope.OVERLAP_READ,
        Scope.REFERENCES_EXPORT,
        Scope.AGREEMENTS_READ,
        Scope.AGREEMENTS_WRITE,
        Scope.AGREEMENTS_SIGN,
        Scope.LEDGER_READ,
    },
    ClientKind.AUDITOR: frozenset({Scope.CATALOGUE_READ, Scope.LEDGER_READ, Scope.LEDGER_EXPORT}),
    ClientKind.STEWARD: frozenset({Scope.CATALOGUE_READ, Scope.LEDGER_READ, Scope.GOVERNANCE_WRITE}),
    ClientKind.VISITOR: frozenset({Scope.ME_READ, Scope.ME_CONSENT}),
    ClientKind.PLATFORM: AUDIENCE_SCOPES
    | {
        Scope.BENCHMARKS_READ,
        Scope.TICKETS_WRITE,
        Scope.CONSENT_WRITE,
        Scope.LEDGER_READ,
        Scope.LEDGER_EXPORT,
    },
}
"""The most that each role may ever do. Another role never widens this one."""

_OWN_ONLY = frozenset(
    {
        Subject.CATALOGUE,
        Subject.IMPORTS,
        Subject.AGREEMENTS,
        Subject.INTAKE,
        Subject.CONSENT,
        Subject.RULES,
        Subject.DECISIONS,
    }
)
_OF_APPLICATIONS = frozenset(ClientKind) - {ClientKind.PLATFORM, ClientKind.VISITOR}
"""The roles of registered applications: the platform acts in its own name, a visitor by a link."""

_FOR_A_HOUSE = frozenset({Subject.INTAKE, Subject.CONSENT})


class Asker(Protocol):
    """Who asks, as far as a verdict goes: a `Caller`, or somebody an auditor tells a decision of again."""

    @property
    def client(self) -> ClientId: ...
    @property
    def party(self) -> PartyId: ...
    @property
    def kind(self) -> ClientKind: ...
    @property
    def persons(self) -> frozenset[tuple[PartyId, PersonRef]]: ...
    @property
    def scopes(self) -> frozenset[Scope]: ...


@dataclass
class Case:
    """One question before the decision: what is asked, by whom, what stands, and when."""

    state: State
    at: datetime
    caller: Asker
    question: Question[Any]
    agreement: Agreement | None = None
    basis: set[int] = field(default_factory=set)

    @property
    def is_own(self) -> bool:
        return self.question.controller == self.caller.party

    @cached_property
    def reaching(self) -> tuple[Agreement, ...]:
        """The agreements between both that are about what is asked at all, in the order of their proposals."""
        state, controller = self.state, self.question.controller
        between = map(state.agreements.__getitem__, state.agreements_of.get(controller, ()))
        return tuple(
            agreement
            for agreement in between
            if controller in agreement.sources
            and self.caller.party in agreement.recipients
            and _reaches(agreement, self.question)
        )

    @property
    def is_strange(self) -> bool:
        """
        Whether nothing is or was agreed about it: then the answer is the same for every house and purpose,
        lest a stranger learn what a house recorded.
        """
        return self.is_shared and not any(
            agreement.is_active(self.at) or _was_standing(agreement, self) for agreement in self.reaching
        )

    @property
    def is_shared(self) -> bool:
        """Another controller's audience: only an agreement can open it."""
        return self.question.subject is Subject.AUDIENCE and not self.is_own


def client_is_live(case: Case) -> Failing | None:
    """1. The application stands in the ledger and was not blocked; platform and visitors have none."""
    if case.caller.kind not in _OF_APPLICATIONS:
        return None
    client = case.state.clients.get(case.caller.client)
    if client is None or not client.is_live or client.party != case.caller.party:
        return Failing(Reason.CLIENT_SUSPENDED)
    case.basis.add(client.seq)
    return None


def role_allows(case: Case) -> Failing | None:
    """2. The role may ever do this; a visitor about nobody but the visitor."""
    asked = case.question
    beyond = asked.needs - ROLE_MAY[case.caller.kind]
    if beyond:
        return Failing(Reason.ROLE_FORBIDS, _names(beyond))
    if asked.subject is Subject.PERSON and (asked.controller, asked.person) not in case.caller.persons:
        return Failing(Reason.ROLE_FORBIDS)
    return None


def scopes_cover(case: Case) -> Failing | None:
    """3. Token and registration together cover every scope that is needed; write never implies read."""
    granted = case.caller.scopes
    if case.caller.kind in _OF_APPLICATIONS:
        client = case.state.clients.get(case.caller.client)
        granted = granted & (client.scopes if client is not None else frozenset())
    missing = case.question.needs - granted
    return Failing(Reason.INSUFFICIENT_SCOPE, _names(missing)) if missing else None


def both_are_members(case: Case) -> Failing | None:
    """4. Who asks and whose data it is are both registered and open; a house that left still answers visitors."""
    for party in (case.caller.party, case.question.controller):
        if party == PLATFORM:
            continue
        found = case.state.parties.get(party)
        if found is None or not (found.is_open or case.question.subject is Subject.PERSON):
            return Failing(Reason.NOT_MEMBER)
        case.basis.add(found.seq)
    return None


def basis_is_recorded(case: Case) -> Failing | None:
    """5. The controller recorded a lawful basis for the purpose, and its visitors were told of it."""
    if case.question.subject is not Subject.AUDIENCE:
        return None
    if case.is_strange:
        return None
    key = (case.question.controller, case.question.purpose)
    basis, notice = case.state.bases.get(key), case.state.notices.get(key)
    if basis is None or (notice is None and not serves_the_house_itself(case)):
        return Failing(Reason.PURPOSE_NOT_COVERED, (case.question.purpose.value,))
    case.basis.add(basis.seq)
    if notice is not None:
        case.basis.add(notice.seq)
    return None


def serves_the_house_itself(case: Case) -> bool:
    """Whether a house looks at its own audience for itself: the one use that needs no notice of the pool."""
    asked = case.question
    return case.is_own and asked.purpose is Purpose.OWN_INSIGHT and not asked.as_shared


def assessment_is_recorded(case: Case) -> Failing | None:
    """6. A purpose with high risk needs the controller's recorded impact assessment (GDPR 35)."""
    purpose = case.state.purposes.get(case.question.purpose)
    if case.question.subject is not Subject.AUDIENCE or purpose is None or not purpose.is_high_risk:
        return None
    if case.is_strange:
        return None
    basis = case.state.bases.get((case.question.controller, case.question.purpose))
    if basis is None or not basis.has_dpia:
        return Failing(Reason.DPIA_MISSING, (case.question.purpose.value,))
    return None


def agreement_stands(case: Case) -> Failing | None:
    """
    7. For another controller's data: an agreement of both that stands now.

    An agreement on other productions or days is no agreement on these: asked for another
    producer's show, the answer is the same as when nothing was ever agreed.
    """
    if case.question.subject in _OWN_ONLY and not case.is_own:
        may = _acts_for_any_house(case)
        return None if may else Failing(Reason.NO_AGREEMENT)
    if not case.is_shared:
        return None
    reaching = case.reaching
    active = [agreement for agreement in reaching if agreement.is_active(case.at)]
    if active:
        case.agreement = min(active, key=lambda agreement: _fitness(agreement, case.question))
        case.basis.update(case.agreement.seqs)
        return None
    over = [agreement for agreement in reaching if _was_standing(agreement, case)]
    if over:
        case.basis.update(seq for agreement in over for seq in agreement.seqs)
        return Failing(Reason.AGREEMENT_ENDED, tuple(sorted(agreement.id for agreement in over)))
    return Failing(Reason.NO_AGREEMENT)


def _acts_for_any_house(case: Case) -> bool:
    """The platform's batch work writes for each house; an auditor sees the decisions of all."""
    if case.question.subject in _FOR_A_HOUSE:
        return case.caller.kind is ClientKind.PLATFORM
    return case.question.subject is Subject.DECISIONS and case.caller.kind in {
        ClientKind.AUDITOR,
        ClientKind.PLATFORM,
    }


def purpose_is_agreed(case: Case) -> Failing | None:
    """8. The agreement names the purpose."""
    if case.agreement is None or case.question.purpose in case.agreement.purposes:
        return None
    return Failing(Reason.PURPOSE_NOT_COVERED, (case.question.purpose.value,))


def fields_are_agreed(case: Case) -> Failing | None:
    """9. The agreement names the field groups."""
    if case.agreement is None:
        return None
    missing = case.question.groups - case.agreement.groups
    return Failing(Reason.FIELD_NOT_COVERED, _names(missing)) if missing else None


def granularity_is_agreed(case: Case) -> Failing | None:
    """10. The agreement goes as fine as is asked."""
    if case.agreement is None or _fineness(case.question.granularity) <= _fineness(
        case.agreement.granularity
    ):
        return None
    return Failing(Reason.GRANULARITY_NOT_COVERED, (case.question.granularity.value,))


def failures(case: Case) -> tuple[Failing, ...]:
    """Every step that fails, in their order; the case then holds the entries and the agreement it rests on."""
    return tuple(failed for step in STEPS if (failed := step(case)) is not None)


Step = Callable[[Case], Failing | None]

STEPS: tuple[Step, ...] = (
    client_is_live,
    role_allows,
    scopes_cover,
    both_are_members,
    basis_is_recorded,
    assessment_is_recorded,
    agreement_stands,
    purpose_is_agreed,
    fields_are_agreed,
    granularity_is_agreed,
)


def _was_standing(agreement: Agreement, case: Case) -> bool:
    """Accepted by all, and ended or expired; one that has not begun yet is as if it were not there."""
    return agreement.is_accepted and (agreement.is_over or agreement.is_expired(case.at))


def _reaches(agreement: Agreement, question: Question[Any]) -> bool:
    """Whether the agreement is about these productions and these days at all."""
    if question.agreement is not None and agreement.id != question.agreement:
        return False
    if (
        agreement.productions is not None
        and question.productions is not None
        and not question.productions <= agreement.productions
    ):
        return False
    return question.period is None or question.period.within(agreement.period_start, agreement.period_end)


def _fitness(agreement: Agreement, question: Question[Any]) -> tuple[object, ...]:
    """The lowest is chosen: what leaves least of the question uncovered, then the widest, then the first."""
    productions = agreement.productions
    return (
        question.purpose not in agreement.purposes,
        len(question.groups - agreement.groups),
        _fineness(question.granularity) > _fineness(agreement.granularity),
        productions is not None,
        -len(productions or ()),
        agreement.period_start is not None,
        agreement.period_end is not None,
        agreement.seqs,
    )


def _fineness(granularity: Granularity) -> int:
    return GRANULARITY_ORDER.index(granularity)


def _names(words: Iterable[StrEnum]) -> tuple[str, ...]:
    return tuple(sorted(word.value for word in words))
