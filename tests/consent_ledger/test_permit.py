"""The decision: every step, its reason, and that no step can be taken out unnoticed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from consent_ledger import steps as steps_module
from consent_ledger.caller import Caller
from consent_ledger.closed import Forged
from consent_ledger.permit import Permit, PermitEnded, PersonFilter, Refusal, decide
from consent_ledger.question import (
    Period,
    Question,
    Read,
    audience_question,
    benchmark_question,
    consent_question,
    intake_question,
    ledger_question,
)
from consent_ledger.reasons import EXPLAINED
from consent_ledger.snapshot import Snapshot
from consent_ledger.steps import STEPS
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ClientKind,
    FieldGroup,
    Granularity,
    LawfulBasis,
    PartyId,
    ProductionRef,
    Purpose,
    Reason,
    Scope,
)
from tests.consent_ledger.world import (
    AGREEMENT,
    AUDIENCE,
    BUREAU,
    HOUSE,
    OTHER,
    World,
    caller,
    terms,
    usual_world,
)

BASE, SEGMENT, SPEND = FieldGroup.BASE, FieldGroup.SEGMENT, FieldGroup.SPEND


def house() -> Caller:
    return caller("house-app", HOUSE, ClientKind.INSTITUTION_APP, *AUDIENCE, Scope.TICKETS_WRITE)


def bureau(*scopes: Scope) -> Caller:
    return caller("bureau-app", BUREAU, ClientKind.PARTNER, *(scopes or AUDIENCE))


def research(*groups: FieldGroup, **more: Any) -> Question[Read]:
    return audience_question(HOUSE, Purpose.RESEARCH, groups or (BASE,), **more)


Scene = tuple[World, Caller, Question[Any]]


def blocked() -> Scene:
    world = usual_world()
    world.say(permit_module_entry("scope.revoked"), {"client": "house-app", "party": HOUSE})
    return world, caller("house-app", HOUSE, ClientKind.INSTITUTION_APP), benchmark_of_nothing()


def permit_module_entry(name: str) -> Any:
    from consent_ledger.entry import EntryType

    return EntryType(name)


def benchmark_of_nothing() -> Question[Read]:
    """A question that needs no scope, so that only the application's own state can fail."""
    return replace(audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE]), needs=frozenset())


def auditor_asks_an_audience() -> Scene:
    world = usual_world()
    world.client("audit", HOUSE, ClientKind.AUDITOR, *AUDIENCE)
    auditor = caller("audit", HOUSE, ClientKind.AUDITOR, *AUDIENCE)
    return world, auditor, audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE])


def without_scope() -> Scene:
    world = usual_world()
    return (
        world,
        caller("house-app", HOUSE, ClientKind.INSTITUTION_APP),
        audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE]),
    )


def house_left() -> Scene:
    world = usual_world()
    world.agree(terms())
    world.say(permit_module_entry("party.closed"), {"party": HOUSE})
    return world, bureau(), research()


def without_basis() -> Scene:
    return usual_world(), house(), audience_question(HOUSE, Purpose.SECTOR_BENCHMARK, [BASE])


def without_assessment() -> Scene:
    world = usual_world()
    world.basis(HOUSE, Purpose.AUDIENCE_OVERLAP, LawfulBasis.CONSENT)
    return world, house(), audience_question(HOUSE, Purpose.AUDIENCE_OVERLAP, [BASE])


def without_agreement() -> Scene:
    return usual_world(), bureau(), research()


def other_purpose() -> Scene:
    world = usual_world()
    world.agree(terms(purposes=frozenset({Purpose.SECTOR_BENCHMARK})))
    return world, bureau(), research()


def other_fields() -> Scene:
    world = usual_world()
    world.agree(terms())
    return world, bureau(), research(SPEND)


def finer() -> Scene:
    world = usual_world()
    world.agree(terms())
    return world, bureau(), research(granularity=Granularity.REFERENCE)


SCENES: tuple[tuple[Callable[[], Scene], Reason], ...] = (
    (blocked, Reason.CLIENT_SUSPENDED),
    (auditor_asks_an_audience, Reason.ROLE_FORBIDS),
    (without_scope, Reason.INSUFFICIENT_SCOPE),
    (house_left, Reason.NOT_MEMBER),
    (without_basis, Reason.PURPOSE_NOT_COVERED),
    (without_assessment, Reason.DPIA_MISSING),
    (without_agreement, Reason.NO_AGREEMENT),
    (other_purpose, Reason.PURPOSE_NOT_COVERED),
    (other_fields, Reason.FIELD_NOT_COVERED),
    (finer, Reason.GRANULARITY_NOT_COVERED),
)


def verdict(scene: Scene) -> Permit[Any] | Refusal:
    world, who, question = scene
    return decide(world.pin(), who, question)


@pytest.mark.parametrize(("make", "reason"), SCENES, ids=[make.__name__ for make, _ in SCENES])
def test_each_step_refuses_with_its_own_reason(make: Callable[[], Scene], reason: Reason) -> None:
    answer = verdict(make())
    assert isinstance(answer, Refusal)
    assert [failing.reason for failing in answer.failing] == [reason]


def test_there_is_a_scene_for_every_step() -> None:
    assert len(SCENES) == len(STEPS)


@pytest.mark.parametrize("index", range(len(STEPS)), ids=[step.__name__ for step in STEPS])
def test_taking_a_step_out_changes_a_verdict(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_module, "STEPS", STEPS[:index] + STEPS[index + 1 :])
    assert isinstance(verdict(SCENES[index][0]()), Permit), "the scene of this step must now be let through"


def test_every_failing_step_is_reported_in_order() -> None:
    world = usual_world()
    world.agree(terms())
    asked = research(SPEND, granularity=Granularity.REFERENCE)
    answer = decide(world.pin(), bureau(Scope.AUDIENCES_READ), asked)
    assert isinstance(answer, Refusal)
    assert [failing.reason for failing in answer.failing] == [
        Reason.INSUFFICIENT_SCOPE,
        Reason.FIELD_NOT_COVERED,
        Reason.GRANULARITY_NOT_COVERED,
    ]
    assert answer.failing[0].missing == ("audiences:read.spend",)
    assert answer.agreements == (AGREEMENT,)


def test_every_reason_is_explained_in_both_languages() -> None:
    for reason in Reason:
        explained = EXPLAINED[reason]
        assert explained.sentence.nl != explained.sentence.en
        assert explained.fix.nl.endswith(".")
        assert explained.fix.en.endswith(".")


def test_the_own_house_needs_no_agreement_and_counts_everyone_who_did_not_object() -> None:
    world = usual_world()
    answer = decide(world.pin(), house(), audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE, SPEND]))
    assert isinstance(answer, Permit)
    assert (answer.controller, answer.recipient, answer.agreement) == (HOUSE, HOUSE, None)
    assert answer.minimum_group == 1
    assert answer.persons is PersonFilter.EVERYONE_NOT_OBJECTING
    assert answer.sold_from is None, "lines sold before the notice serve own insight"


def test_a_permit_carries_the_terms_of_its_agreement() -> None:
    world = usual_world()
    hamlet = ProductionRef("hamlet")
    world.agree(terms(productions=frozenset({hamlet}), period_start=date(2026, 1, 1), minimum_group=25))
    answer = decide(world.pin(), bureau(), research(SEGMENT))
    assert isinstance(answer, Permit)
    assert answer.agreement == AGREEMENT
    assert answer.productions == frozenset({hamlet})
    assert answer.minimum_group == 25
    assert answer.period is not None
    assert answer.period.start == date(2026, 1, 1)
    assert answer.sold_from == date(2026, 1, 1)
    assert answer.groups == {BASE, SEGMENT}
    assert len(answer.basis) > 3


def test_a_consent_based_purpose_counts_only_who_consented() -> None:
    world = usual_world()
    world.basis(HOUSE, Purpose.RESEARCH, LawfulBasis.CONSENT)
    answer = decide(world.pin(), house(), research())
    assert isinstance(answer, Permit)
    assert answer.persons is PersonFilter.ONLY_CONSENTING


def test_another_producers_show_looks_as_if_nothing_was_agreed() -> None:
    world = usual_world()
    nothing = decide(world.pin(), bureau(), research(productions=frozenset({ProductionRef("lear")})))
    world.agree(terms(productions=frozenset({ProductionRef("hamlet")})))
    foreign = decide(world.pin(), bureau(), research(productions=frozenset({ProductionRef("lear")})))
    assert isinstance(nothing, Refusal)
    assert isinstance(foreign, Refusal)
    assert (foreign.failing, foreign.agreements) == (nothing.failing, nothing.agreements)


def test_days_outside_the_agreement_are_not_agreed() -> None:
    world = usual_world()
    world.agree(terms(period_start=date(2026, 1, 1), period_end=date(2026, 7, 1)))
    inside = research(period=Period(date(2026, 2, 1), date(2026, 3, 1)))
    across = research(period=Period(date(2025, 12, 1), date(2026, 3, 1)))
    assert isinstance(decide(world.pin(), bureau(), inside), Permit)
    answer = decide(world.pin(), bureau(), across)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.NO_AGREEMENT


def test_an_agreement_stands_when_both_accepted_and_ends_at_once() -> None:
    world = usual_world()
    from consent_ledger.agreements import propose
    from tests.consent_ledger.world import OPERATOR

    world.take(propose(terms(), agreement=AGREEMENT, proposer=BUREAU, actor=OPERATOR, idem="p"))
    assert isinstance(decide(world.pin(), bureau(), research()), Refusal)
    world.accept(AGREEMENT, BUREAU)
    assert isinstance(decide(world.pin(), bureau(), research()), Refusal)
    world.accept(AGREEMENT, HOUSE)
    before = world.pin()
    assert isinstance(decide(before, bureau(), research()), Permit)
    world.end(AGREEMENT, HOUSE)
    answer = decide(world.pin(), bureau(), research())
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.AGREEMENT_ENDED
    assert isinstance(decide(before, bureau(), research()), Permit), "a pinned snapshot does not move"


def test_an_agreement_expires_by_time_without_an_entry() -> None:
    world = usual_world()
    world.agree(terms(), until=world.now + timedelta(minutes=10))
    assert isinstance(decide(world.pin(), bureau(), research()), Permit)
    for number in range(10):
        world.party(PartyId(f"later-{number}"))
    answer = decide(world.pin(), bureau(), research())
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.AGREEMENT_ENDED


def test_an_agreement_with_one_house_says_nothing_about_another() -> None:
    world = usual_world()
    world.agree(terms())
    answer = decide(world.pin(), bureau(), audience_question(OTHER, Purpose.RESEARCH, [BASE]))
    assert isinstance(answer, Refusal)
    assert Reason.NO_AGREEMENT in [failing.reason for failing in answer.failing]


def test_a_stranger_cannot_tell_what_a_house_recorded() -> None:
    world = usual_world()
    told = {
        tuple(answer.failing)
        for purpose in (
            Purpose.RESEARCH,
            Purpose.SECTOR_BENCHMARK,
            Purpose.AUDIENCE_OVERLAP,
            Purpose.WEB_LINK,
        )
        for house in (HOUSE, OTHER)
        if isinstance(
            answer := decide(world.pin(), bureau(), audience_question(house, purpose, [BASE])), Refusal
        )
    }
    assert [[failing.reason for failing in one] for one in told] == [[Reason.NO_AGREEMENT]]


def test_of_two_agreements_the_one_that_covers_most_is_taken_and_then_the_widest() -> None:
    world = usual_world()
    second, third = AgreementId("agr-0000000000000002"), AgreementId("agr-0000000000000003")
    world.agree(terms(productions=frozenset({ProductionRef("hamlet")}), groups=frozenset({BASE, SEGMENT})))
    world.agree(terms(groups=frozenset({BASE})), second)
    world.agree(terms(groups=frozenset({BASE, SPEND})), third)

    def taken(*groups: FieldGroup) -> object:
        answer = decide(world.pin(), bureau(), research(*groups))
        return answer.agreement if isinstance(answer, Permit) else answer.agreements

    assert taken(SEGMENT) == AGREEMENT
    assert taken(SPEND) == third
    assert taken(BASE) == second, "wider than the first, and proposed before the third"
    held = research(SPEND, agreement=AGREEMENT)
    answer = decide(world.pin(), bureau(), held)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.FIELD_NOT_COVERED, "held to one agreement, another does not help"


def test_the_token_and_the_registration_both_bound_the_scopes() -> None:
    world = usual_world()
    world.client("house-app", HOUSE, ClientKind.INSTITUTION_APP, Scope.CATALOGUE_READ)
    answer = decide(world.pin(), house(), audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE]))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.INSUFFICIENT_SCOPE


def test_nobody_writes_into_another_house_but_the_platform() -> None:
    world = usual_world()
    answer = decide(world.pin(), house(), intake_question(OTHER))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.NO_AGREEMENT
    platform = caller("platform", PLATFORM, ClientKind.PLATFORM, Scope.TICKETS_WRITE, Scope.CONSENT_WRITE)
    assert isinstance(decide(world.pin(), platform, intake_question(OTHER)), Permit)
    assert isinstance(decide(world.pin(), platform, consent_question(OTHER, Purpose.RESEARCH)), Permit)


def test_the_platform_reads_no_house_that_did_not_join() -> None:
    from consent_ledger.question import release_question

    world = usual_world()
    world.basis(HOUSE, Purpose.SECTOR_BENCHMARK, LawfulBasis.LEGITIMATE_INTEREST)
    world.notice(HOUSE, Purpose.SECTOR_BENCHMARK, version=2)
    platform = caller("platform", PLATFORM, ClientKind.PLATFORM, *AUDIENCE)
    answer = decide(
        world.pin(), platform, release_question(HOUSE, Period(date(2026, 1, 1), date(2026, 2, 1)))
    )
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.NO_AGREEMENT


def test_an_auditor_reads_the_ledger_and_no_benchmark() -> None:
    world = usual_world()
    world.client("audit", BUREAU, ClientKind.AUDITOR, Scope.LEDGER_EXPORT, Scope.BENCHMARKS_READ)
    auditor = caller("audit", BUREAU, ClientKind.AUDITOR, Scope.LEDGER_EXPORT, Scope.BENCHMARKS_READ)
    assert isinstance(decide(world.pin(), auditor, ledger_question(export=True)), Permit)
    answer = decide(world.pin(), auditor, benchmark_question())
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.ROLE_FORBIDS


def test_asking_twice_in_one_request_gives_the_same_value() -> None:
    world, who = usual_world(), house()
    snapshot = world.pin()
    question = audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE])
    again = audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE])
    assert decide(snapshot, who, question) is decide(snapshot, who, again)


def test_a_permit_dies_with_its_request() -> None:
    world = usual_world()
    snapshot = world.pin()
    answer = decide(snapshot, house(), audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE]))
    assert isinstance(answer, Permit)
    snapshot.end()
    for name in ("controller", "groups", "productions", "period", "size", "minimum_group", "basis", "act"):
        with pytest.raises(PermitEnded):
            getattr(answer, name)


@pytest.mark.parametrize(
    "attempt",
    [
        copy.copy,
        copy.deepcopy,
        pickle.dumps,
        lambda value: type(value)(None),
        lambda value: type(value).__new__(type(value)),  # type: ignore[call-overload]  # that is the point
        lambda value: setattr(value, "_controller", OTHER),
        lambda value: delattr(value, "_controller"),
        lambda value: value.__replace__(_controller=OTHER),
        lambda value: type("Wider", (type(value),), {}),
    ],
    ids=["copy", "deepcopy", "pickle", "construct", "new", "set", "delete", "replace", "subclass"],
)
def test_a_closed_value_cannot_be_made_changed_or_copied(attempt: Callable[[Any], object]) -> None:
    world = usual_world()
    snapshot, who = world.pin(), house()
    permit = decide(snapshot, who, audience_question(HOUSE, Purpose.OWN_INSIGHT, [BASE]))
    assert isinstance(permit, Permit)
    assert isinstance(snapshot, Snapshot)
    for value in (permit, snapshot, who):
        with pytest.raises(Forged):
            attempt(value)
