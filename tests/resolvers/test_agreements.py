"""Agreements through the door: who sees them, who may change them, and what is refused in words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from api.errors import INTERNAL, problem_of
from consent_ledger.agreements import Agreement, Terms
from consent_ledger.entry import EntryType
from consent_ledger.permit import Permit, Refusal
from consent_ledger.question import audience_question
from consent_ledger.vocabulary import (
    AgreementId,
    FieldGroup,
    Granularity,
    PartyId,
    ProductionRef,
    Reason,
    Scope,
)
from resolvers import agreements as door
from tests.resolvers.scene import (
    BUREAU,
    HARBOUR,
    LAKESIDE,
    RESEARCH,
    Scene,
    caller,
    research,
)


def propose(scene: Scene, terms: Terms, who: str = "bureau-app", *, key: str = "p", **more: Any) -> Any:
    with scene.inquiry(caller(who)) as ask:
        return door.propose_agreement(ask, terms, key=key, **more)


def listed(scene: Scene, who: str) -> list[AgreementId]:
    with scene.inquiry(caller(who)) as ask:
        found = door.agreements(ask, after=None, first=10)
    assert not isinstance(found, Refusal)
    return [one.id for one in found]


def seen(scene: Scene, who: str, agreement: AgreementId) -> tuple[Agreement, str] | None:
    with scene.inquiry(caller(who)) as ask:
        found = door.agreement(ask, agreement)
        assert not isinstance(found, Refusal)
        return None if found is None else (found, door.status(ask, found))


def may_read(scene: Scene) -> bool:
    with scene.inquiry(caller("bureau-app")) as ask:
        return isinstance(ask.ask(audience_question(LAKESIDE, RESEARCH, [FieldGroup.BASE])), Permit)


def test_only_the_parties_see_an_agreement_and_anothers_looks_like_none(scene: Scene) -> None:
    agreed = scene.agree(research(), "bureau-app", "lakeside-app")
    never = AgreementId("agr-ffffffffffffffff")
    assert listed(scene, "bureau-app") == listed(scene, "lakeside-app") == [agreed]
    assert listed(scene, "harbour-app") == []
    assert seen(scene, "harbour-app", agreed) is seen(scene, "harbour-app", never) is None
    refused = []
    for wanted in (agreed, never):
        with pytest.raises(door.AgreementRefused) as raised, scene.inquiry(caller("harbour-app")) as ask:
            door.accept_agreement(ask, wanted, key="k")
        refused.append((raised.value.code, raised.value.sentence))
    assert refused[0] == refused[1]


def test_the_list_goes_on_after_a_cursor(scene: Scene) -> None:
    made = [propose(scene, research(minimum_group=n), key=f"p{n}").agreement for n in range(1, 6)]
    with scene.inquiry(caller("bureau-app")) as ask:
        first = door.agreements(ask, after=None, first=2)
        rest = door.agreements(ask, after=made[1], first=10)
    assert isinstance(first, list)
    assert isinstance(rest, list)
    assert [one.id for one in first] == made[:2]
    assert [one.id for one in rest] == made[2:]


def test_without_scope_there_is_a_refusal_and_no_entry(scene: Scene) -> None:
    size = scene.size()
    with scene.inquiry(caller("bureau-app", {Scope.AGREEMENTS_READ})) as ask:
        done = door.propose_agreement(ask, research(), key="p")
    assert isinstance(done, Refusal)
    assert done.reason is Reason.INSUFFICIENT_SCOPE
    assert scene.size() == size


def test_it_stands_when_both_accepted_and_ends_for_the_next_request(scene: Scene) -> None:
    proposed = propose(scene, research()).agreement
    states = [(seen(scene, "bureau-app", proposed), may_read(scene))]
    for act, who in (
        (scene.accept, "bureau-app"),
        (scene.accept, "lakeside-app"),
        (scene.end, "lakeside-app"),
    ):
        act(proposed, who)
        states.append((seen(scene, "bureau-app", proposed), may_read(scene)))
    assert [(found[1], may) for found, may in states if found] == [
        ("proposed", False),
        ("proposed", False),
        ("active", True),
        ("ended", False),
    ]


def test_what_is_only_proposed_is_refused_by_ending_it(scene: Scene) -> None:
    proposed = propose(scene, research()).agreement
    scene.end(proposed, "lakeside-app")
    found = seen(scene, "bureau-app", proposed)
    assert found is not None
    assert found[1] == "refused"
    assert len(scene.of_type(EntryType.AGREEMENT_REFUSED)) == 1


def test_each_act_is_repeatable_under_its_key(scene: Scene) -> None:
    once = propose(scene, research(), key="p")
    assert propose(scene, research(), key="p") == once
    accepted = scene.accept(once.agreement, "bureau-app", key="a")
    scene.accept(once.agreement, "lakeside-app", key="a")  # another application's key of the same name
    assert scene.accept(once.agreement, "bureau-app", key="a").position == accepted.position
    ended = scene.end(once.agreement, "bureau-app", key="e")
    size = scene.size()
    assert scene.end(once.agreement, "bureau-app", key="e").position == ended.position
    assert scene.accept(once.agreement, "bureau-app", key="a").position == accepted.position
    assert scene.size() == size


def test_a_key_that_was_used_for_other_terms_is_refused(scene: Scene) -> None:
    propose(scene, research(), key="p")
    told = refusal(lambda: propose(scene, research(minimum_group=20), key="p"))
    assert told[0] == "IDEMPOTENCY_CONFLICT"


def test_ending_races_an_acceptance_and_ends_all_the_same(scene: Scene) -> None:
    """Whoever ends it saw a proposal; meanwhile the last party accepted. It must not go on standing."""
    proposed = propose(scene, research()).agreement
    scene.accept(proposed, "bureau-app")
    with scene.inquiry(caller("bureau-app")) as ask:  # pinned while it is only proposed
        scene.accept(proposed, "lakeside-app")
        done = door.end_agreement(ask, proposed, key="e")
    assert isinstance(done, door.Changed)
    assert not may_read(scene)
    assert scene.end(proposed, "bureau-app", key="e").position == done.receipt.position


def test_two_acceptances_at_once_are_one(scene: Scene) -> None:
    proposed = propose(scene, research()).agreement
    outcomes: list[str] = []
    gate = threading.Barrier(4)

    def accept(number: int) -> None:
        gate.wait()
        try:
            scene.accept(proposed, "bureau-app", key=f"a{number}")
            outcomes.append("accepted")
        except Exception as error:
            outcomes.append(problem_of(error).code)

    threads = [threading.Thread(target=accept, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ALREADY_ACCEPTED"] * 3 + ["accepted"]
    assert len(scene.of_type(EntryType.AGREEMENT_ACCEPTED)) == 1


def test_a_counter_refers_to_the_proposal_it_answers(scene: Scene) -> None:
    proposed = propose(scene, research()).agreement
    first = seen(scene, "bureau-app", proposed)
    assert first is not None
    propose(scene, research(minimum_group=20), "lakeside-app", counters=proposed)
    assert scene.entries()[-1].refs == first[0].seqs[:1]
    told = refusal(lambda: propose(scene, others(), "harbour-app", key="q", counters=proposed))
    assert told[0] == "UNKNOWN_AGREEMENT"


def test_it_expires_by_time_and_can_then_not_be_accepted(scene: Scene) -> None:
    until = scene.clock() + timedelta(minutes=30)
    proposed = propose(scene, research(), valid_until=until).agreement
    receipt = scene.accept(proposed, "bureau-app", key="a")
    scene.clock.advance(timedelta(minutes=30))
    assert refusal(lambda: scene.accept(proposed, "lakeside-app"))[0] == "AGREEMENT_EXPIRED"
    assert scene.accept(proposed, "bureau-app", key="a").position == receipt.position, "it is still the first"
    found = seen(scene, "bureau-app", proposed)
    assert found is not None
    assert found[1] == "expired"


def others() -> Terms:
    return research(sources=frozenset({HARBOUR}))


def refusal(act: Callable[[], object]) -> tuple[str, str]:
    """The code and sentence that a client is told of what `act` raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- what it must be is said by `problem_of`
        act()
    told = problem_of(raised.value)
    assert told is not INTERNAL, repr(raised.value)
    assert told.sentence
    return told.code, told.sentence


UNSPEAKABLE: dict[str, tuple[dict[str, Any], str]] = {
    "unknown institution": ({"sources": frozenset({PartyId("nobody")})}, "UNKNOWN_PARTY"),
    "no institution at all": ({"sources": frozenset({PartyId("No Body!")})}, "BODY_REFUSED"),
    "no sources": ({"sources": frozenset()}, "ONE_SIDED"),
    "no recipients": ({"recipients": frozenset(), "sources": frozenset({BUREAU})}, "ONE_SIDED"),
    "no purposes": ({"purposes": frozenset()}, "TERMS_REFUSED"),
    "no field groups": ({"groups": frozenset()}, "TERMS_REFUSED"),
    "no productions": ({"productions": frozenset()}, "TERMS_REFUSED"),
    "minimum group of none": ({"minimum_group": 0}, "TERMS_REFUSED"),
    "minimum group below none": ({"minimum_group": -1}, "TERMS_REFUSED"),
    "minimum group beyond measure": ({"minimum_group": 10_000_000}, "TERMS_REFUSED"),
    "free text": ({"productions": frozenset({ProductionRef("Hamlet, by W. S.")})}, "BODY_REFUSED"),
    "period that never was": (
        {"period_start": date(2026, 5, 1), "period_end": date(2026, 5, 1)},
        "TERMS_REFUSED",
    ),
    "another's agreement": (
        {"sources": frozenset({HARBOUR}), "recipients": frozenset({LAKESIDE})},
        "NOT_A_PARTY",
    ),
}


@pytest.mark.parametrize("case", UNSPEAKABLE)
def test_terms_that_cannot_be_are_refused_in_words(scene: Scene, case: str) -> None:
    changes, code = UNSPEAKABLE[case]
    size = scene.size()
    told = refusal(lambda: propose(scene, research(**changes)))
    assert told[0] == code
    assert "W. S." not in told[1]
    assert scene.size() == size


@pytest.mark.parametrize(
    "until",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2030, 1, 1),  # noqa: DTZ001 -- without zone
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=11))),
    ],
    ids=["in the past", "without zone", "beyond the calendar"],
)
def test_an_end_that_cannot_be_is_refused_in_words(scene: Scene, until: datetime) -> None:
    refusal(lambda: propose(scene, research(), valid_until=until))


def test_an_agreement_widens_nothing_beyond_its_terms(scene: Scene) -> None:
    scene.agree(research(granularity=Granularity.STATISTIC), "bureau-app", "lakeside-app")
    with scene.inquiry(caller("bureau-app")) as ask:
        answer = ask.ask(audience_question(LAKESIDE, RESEARCH, [FieldGroup.BASE]))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.GRANULARITY_NOT_COVERED
