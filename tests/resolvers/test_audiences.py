"""Audiences through the door: what is refused or not asked for is never read."""

from __future__ import annotations

from typing import Any

import pytest

from consent_ledger.permit import Permit, Refusal
from consent_ledger.question import audience_question
from consent_ledger.vocabulary import (
    ConsentAct,
    FieldGroup,
    LawfulBasis,
    ProductionRef,
    Purpose,
    Reason,
    Scope,
)
from insight.audiences import measure
from insight.criteria import Criteria
from insight.figures import Figure, ReleasedAudience, Withheld
from resolvers.audiences import AudienceAsked, audience
from tests.resolvers.scene import HARBOUR, LAKESIDE, OWN, RESEARCH, Scene, caller, research

ROWS: list[dict[str, Any]] = [
    {"identifier": "a@example.org", "order_ref": "o1", "gross": 2000},
    {"identifier": "b@example.org", "order_ref": "o2", "gross": 3000},
    {"identifier": "c@example.org", "order_ref": "o3", "gross": 500, "production_ref": "lear"},
]


@pytest.fixture
def shared(scene: Scene) -> Scene:
    scene.bring(LAKESIDE, ROWS)
    scene.agree(research(groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND})), "bureau-app", "lakeside-app")
    return scene


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[str]]:
    """The figures of each reading of an audience."""
    seen: list[frozenset[str]] = []

    def counting(permit: Any, index: Any, criteria: Any, names: frozenset[str], **more: Any) -> Any:
        seen.append(names)
        return measure(permit, index, criteria, names, **more)

    monkeypatch.setattr("resolvers.audiences.measure", counting)
    return seen


def ask_for(scene: Scene, who: str, *figures: str, **more: Any) -> ReleasedAudience | Refusal:
    scopes = more.pop("scopes", None)
    asked = AudienceAsked(
        more.get("controller", LAKESIDE),
        more.get("purpose", RESEARCH),
        None,
        more.get("criteria", Criteria()),
        frozenset(figures),
    )
    with scene.inquiry(caller(who, scopes)) as ask:
        return audience(ask, asked)


def figure(found: ReleasedAudience | Refusal, name: str) -> Any:
    assert isinstance(found, ReleasedAudience), found
    one = found.figures[name]
    return one.value if isinstance(one, Figure) else one.reason if isinstance(one, Withheld) else one


def test_figures_of_a_refused_group_are_withheld_with_the_reason_and_not_read(
    shared: Scene, reads: list[frozenset[str]]
) -> None:
    found = ask_for(shared, "bureau-app", "bookers", "spend", "segments")
    assert figure(found, "bookers") == 3
    assert figure(found, "segments") is Reason.FIELD_NOT_COVERED
    assert reads == [frozenset({"bookers"}), frozenset({"spend"})]


def test_figures_without_scope_are_withheld_and_not_read(shared: Scene, reads: list[frozenset[str]]) -> None:
    found = ask_for(shared, "lakeside-app", "bookers", "spend", purpose=OWN, scopes={Scope.AUDIENCES_READ})
    assert figure(found, "spend") is Reason.INSUFFICIENT_SCOPE
    assert reads == [frozenset({"bookers"})]


def test_nothing_is_read_when_nothing_is_selected(shared: Scene, reads: list[frozenset[str]]) -> None:
    found = ask_for(shared, "lakeside-app", purpose=OWN)
    assert isinstance(found, ReleasedAudience)
    assert (found.figures, reads) == ({}, [])
    assert shared.house.indexes.nbytes == 0, "no index was built for it"


def test_nothing_is_read_when_the_base_is_refused(shared: Scene, reads: list[frozenset[str]]) -> None:
    found = ask_for(shared, "harbour-app", "bookers", "spend")
    assert isinstance(found, Refusal)
    assert found.reason is Reason.NO_AGREEMENT
    assert (reads, shared.house.indexes.nbytes) == ([], 0)


def test_criteria_on_a_group_that_is_not_agreed_refuse_the_whole(
    shared: Scene, reads: list[frozenset[str]]
) -> None:
    found = ask_for(shared, "bureau-app", "bookers", criteria=Criteria(pc4=frozenset({"3511"})))
    assert isinstance(found, Refusal)
    assert found.reason is Reason.FIELD_NOT_COVERED
    assert reads == []


def test_another_houses_production_looks_like_one_that_never_was(shared: Scene) -> None:
    shared.agree(
        research(sources=frozenset({HARBOUR}), productions=frozenset({ProductionRef("tempest")})),
        "bureau-app",
        "harbour-app",
    )
    told = []
    for name in ("lear", "never"):
        criteria = Criteria(productions=frozenset({ProductionRef(name)}))
        found = ask_for(shared, "bureau-app", "bookers", controller=HARBOUR, criteria=criteria)
        assert isinstance(found, Refusal)
        told.append((found.failing, found.agreements))
    assert told[0] == told[1]


def test_a_small_group_is_withheld(scene: Scene) -> None:
    scene.bring(LAKESIDE, ROWS)
    scene.agree(research(minimum_group=4), "bureau-app", "lakeside-app")
    found = ask_for(scene, "bureau-app", "bookers", "spend")
    assert figure(found, "bookers") is figure(found, "spend") is Reason.BELOW_K
    assert figure(ask_for(scene, "lakeside-app", "bookers", purpose=OWN), "bookers") == 3


def test_an_objection_takes_one_booker_and_no_cent_for_its_purpose_alone(shared: Scene) -> None:
    shared.consent("lakeside-app", "A@Example.org ", RESEARCH, ConsentAct.OBJECTED)
    found = ask_for(shared, "bureau-app", "bookers", "tickets", "spend")
    own = ask_for(shared, "lakeside-app", "bookers", "tickets", "spend", purpose=OWN)
    assert (figure(found, "bookers"), figure(own, "bookers")) == (2, 3)
    assert figure(found, "tickets") == figure(own, "tickets") == 3
    assert figure(found, "spend") == figure(own, "spend")


def test_lines_sold_before_the_notice_serve_the_house_alone(scene: Scene) -> None:
    early = [*ROWS, {"identifier": "d@example.org", "order_ref": "o4", "ordered_at": "2026-01-02T12:00:00Z"}]
    scene.bring(LAKESIDE, early)
    scene.agree(research(), "bureau-app", "lakeside-app")
    assert figure(ask_for(scene, "bureau-app", "tickets"), "tickets") == 3
    assert figure(ask_for(scene, "lakeside-app", "tickets", purpose=OWN), "tickets") == 4


def test_a_purpose_on_consent_counts_only_who_agreed(shared: Scene) -> None:
    shared.basis(LAKESIDE, RESEARCH, LawfulBasis.CONSENT)
    shared.consent("lakeside-app", "b@example.org", RESEARCH, ConsentAct.GRANTED)
    assert figure(ask_for(shared, "bureau-app", "bookers"), "bookers") == 1
    shared.consent("lakeside-app", "b@example.org", RESEARCH, ConsentAct.WITHDRAWN)
    assert figure(ask_for(shared, "bureau-app", "bookers"), "bookers") is Reason.BELOW_K


def test_the_own_house_judges_a_production_by_all_it_knows(shared: Scene) -> None:
    with shared.inquiry(caller("lakeside-app")) as ask:
        criteria = Criteria(productions=frozenset({ProductionRef("lear")}))
        found = audience(ask, AudienceAsked(LAKESIDE, OWN, None, criteria, frozenset({"tickets"})))
        permit = ask.ask(audience_question(LAKESIDE, OWN, [FieldGroup.BASE]))
        assert isinstance(permit, Permit)
        assert permit.productions is None
    assert figure(found, "tickets") == 1


def test_a_purpose_without_basis_is_refused_to_the_house_itself(shared: Scene) -> None:
    found = ask_for(shared, "lakeside-app", "bookers", purpose=Purpose.SEGMENTATION)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.PURPOSE_NOT_COVERED
