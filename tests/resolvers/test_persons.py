"""Somebody is forgotten, kept out, or stops everything: by the house's desk, or by the visitor alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from api.errors import INTERNAL, problem_of
from consent_ledger.entry import EntryType
from consent_ledger.log import Ledger
from consent_ledger.parties import VerifiedLink, admit_visitor
from consent_ledger.permit import Caller, Permit, Refusal
from consent_ledger.question import own_act_question
from consent_ledger.vault import Vault
from consent_ledger.vocabulary import (
    ConsentAct,
    ErasureMode,
    LawfulBasis,
    PartyId,
    PersonRef,
    Purpose,
    Reason,
    Scope,
)
from insight.criteria import Criteria
from insight.figures import Figure, ReleasedAudience
from insight.store import WrongPermit
from resolvers.audiences import AudienceAsked, audience
from resolvers.gate import Receipt
from resolvers.persons import Erasure, desk_erase, desk_stop, erase, stop_everything
from tests.resolvers.scene import BENCHMARK, HARBOUR, LAKESIDE, OWN, RESEARCH, Scene, caller, recorded_in

A, B = "a@example.org", "b@example.org"
STAY_OUT, FORGET_ME = ErasureMode.STAY_OUT, ErasureMode.FORGET_ME
DESK = caller("lakeside-app")


def two(scene: Scene, *houses: PartyId) -> None:
    for house in houses or (LAKESIDE,):
        scene.bring(house, [{"identifier": A}, {"identifier": B}, {"identifier": A, "order_ref": "o9"}])


def at_the_desk(scene: Scene, email: str = A, mode: ErasureMode = STAY_OUT, key: str = "k") -> Erasure:
    with scene.inquiry(DESK) as ask:
        done = desk_erase(ask, LAKESIDE, email, mode=mode, key=key)
    assert isinstance(done, Erasure), done
    return done


def stop_at_the_desk(scene: Scene, email: str = A, key: str = "k") -> tuple[Receipt, ...]:
    with scene.inquiry(DESK) as ask:
        done = desk_stop(ask, LAKESIDE, email, key=key)
    assert not isinstance(done, Refusal), done
    return done


def person(scene: Scene, email: str = A, house: PartyId = LAKESIDE) -> PersonRef:
    found = scene.house.vault.find(house, email)
    assert found is not None
    return found


def visitor(scene: Scene, email: str = A, *, link: str = "link", may_only_stop: bool = False) -> Caller:
    references = frozenset(scene.house.vault.references(email))
    return admit_visitor(VerifiedLink(link, references, may_only_stop))


def figure(scene: Scene, name: str, purpose: Purpose = OWN, house: str = "lakeside-app") -> int:
    who = caller(house)
    with scene.inquiry(who) as ask:
        found = audience(ask, AudienceAsked(who.party, purpose, None, Criteria(), frozenset({name})))
    assert isinstance(found, ReleasedAudience)
    value = found.figures[name]
    assert isinstance(value, Figure)
    assert isinstance(value.value, int)
    return value.value


def lines(scene: Scene, house: PartyId = LAKESIDE) -> dict[str, tuple[bool, int]]:
    told = scene.rows("select order_ref, person, severed from ticket_line where institution = :it", it=house)
    return {order: (ref is not None, severed) for order, ref, severed in told}


def begin_again(scene: Scene) -> None:
    """As the house does at every start."""
    scene.restart()
    recorded = recorded_in(scene.house.engine)
    scene.house.vault.finish_erasures(recorded, older_than=timedelta(days=1))
    scene.house.vault.sweep(recorded, older_than=timedelta(days=1))


def code(act: Callable[[], object]) -> str:
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- its code says which
        act()
    problem = problem_of(raised.value)
    assert problem != INTERNAL, raised.value
    return problem.code


@pytest.mark.parametrize("mode", ErasureMode)
def test_the_person_goes_and_what_was_sold_stays(scene: Scene, mode: ErasureMode) -> None:
    two(scene)
    scene.consent("lakeside-app", A, OWN, ConsentAct.GRANTED)
    gone = person(scene)
    before = figure(scene, "tickets"), figure(scene, "bookers")
    at_the_desk(scene, mode=mode)
    assert (figure(scene, "tickets"), figure(scene, "bookers")) == (before[0], before[1] - 1)
    assert lines(scene) == {"o0": (False, 1), "o1": (True, 0), "o9": (False, 1)}
    assert scene.rows("select 1 from standing where person = :it", it=gone) == []
    assert scene.house.vault.find(LAKESIDE, A) is None
    assert scene.house.vault.gone(LAKESIDE, [gone]) == {gone}
    assert person(scene, B), "nobody else"


def test_what_stays_of_a_decision_is_proof_until_its_day_or_nothing(scene: Scene) -> None:
    two(scene)
    for email, mode in ((A, STAY_OUT), (B, FORGET_ME)):
        scene.consent("lakeside-app", email, OWN, ConsentAct.OBJECTED, key=f"of {email[0]}")
        at_the_desk(scene, email, mode, key=mode.value)
    kept = [entry.idem for entry in scene.of_type(EntryType.CONSENT_OBJECTED)]
    vault = scene.house.vault
    assert json.loads(vault.opening(kept[0], controller=LAKESIDE).payload)["act"] == "objected"
    assert vault.attributes(LAKESIDE, kept[0]) is None
    assert code(lambda: vault.opening(kept[1], controller=LAKESIDE)) == "NOTHING_SEALED"
    [erased, _] = scene.of_type(EntryType.SUBJECT_ERASED)
    day = scene.clock().date()
    assert vault.expire_evidence(day.replace(year=day.year + 5)) == 0, erased.rt
    assert vault.expire_evidence(day.replace(year=day.year + 5) + timedelta(days=1)) == 1
    assert code(lambda: vault.opening(kept[0], controller=LAKESIDE)) == "NOTHING_SEALED"


def test_stay_out_is_two_entries_that_only_their_place_tells_to_be_one_act(scene: Scene) -> None:
    two(scene)
    size = scene.size()
    done = at_the_desk(scene)
    erased, stopped = scene.entries(size)
    assert (erased.kind, stopped.kind) == (EntryType.SUBJECT_ERASED, EntryType.SUBJECT_STOPPED)
    assert [receipt.position for receipt in done.receipts] == [erased.seq, stopped.seq]
    assert erased.body["mode"] == "stay_out"
    assert erased.body["effective_by"] == done.effective_by.isoformat() if done.effective_by else False
    assert erased.body["request_sha256"] != stopped.body["request_sha256"]
    assert erased.idem != stopped.idem
    for entry in (erased, stopped):
        assert "example" not in entry.line.decode()


def test_under_stay_out_no_house_takes_the_person_in_again_and_under_forget_me_any_does(scene: Scene) -> None:
    two(scene)
    at_the_desk(scene, A, STAY_OUT, key="1")
    at_the_desk(scene, B, FORGET_ME, key="2")
    more = [{"identifier": A, "order_ref": "n1"}, {"identifier": B, "order_ref": "n2"}]
    for house in (LAKESIDE, HARBOUR):
        scene.bring(house, more)
        found = lines(scene, house)
        assert (found["n1"], found["n2"]) == ((False, 1), (True, 0))
        assert scene.house.vault.find(house, A) is None
        assert scene.house.vault.find(house, B) is not None


@pytest.mark.parametrize("mode", ErasureMode)
def test_that_a_link_was_sent_is_forgotten_with_the_person(scene: Scene, mode: ErasureMode) -> None:
    two(scene)
    vault = scene.house.vault
    assert [vault.may_send(A), vault.may_send(A), vault.may_send(B)] == [True, False, True]
    at_the_desk(scene, A, mode)
    assert vault.may_send(A), "as if none had been sent"
    assert not vault.may_send(B)


def test_a_repeat_gives_the_first_receipts_also_on_another_day(scene: Scene) -> None:
    two(scene)
    first = at_the_desk(scene)
    scene.clock.advance(timedelta(days=3))
    size = scene.size()
    again = at_the_desk(scene)
    assert [one.entry for one in again.receipts] == [one.entry for one in first.receipts]
    assert again.effective_by == first.effective_by
    assert scene.size() == size


@pytest.mark.parametrize("mode", ErasureMode)
def test_a_key_that_was_used_erases_nobody_else(scene: Scene, mode: ErasureMode) -> None:
    two(scene)
    at_the_desk(scene, A, mode)
    size = scene.size()
    assert code(lambda: at_the_desk(scene, B, mode)) == "IDEMPOTENCY_CONFLICT"
    other = FORGET_ME if mode is STAY_OUT else STAY_OUT
    assert code(lambda: at_the_desk(scene, A, other)) == "IDEMPOTENCY_CONFLICT"
    assert (scene.size(), lines(scene)["o1"]) == (size, (True, 0))


def test_two_who_ask_the_same_at_once_get_one_erasure(scene: Scene) -> None:
    two(scene)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: at_the_desk(scene), range(4)))
    assert len({one.receipts[0].entry for one in done}) == 1
    assert len(scene.of_type(EntryType.SUBJECT_ERASED)) == 1


def test_at_the_desk_nobody_can_be_forgotten_who_is_not_known_but_be_kept_out(scene: Scene) -> None:
    assert code(lambda: at_the_desk(scene, A, FORGET_ME)) == "PERSON_UNKNOWN"
    done = at_the_desk(scene, A, STAY_OUT)
    assert (len(done.receipts), done.effective_by) == (1, None)
    two(scene)
    assert scene.house.vault.find(LAKESIDE, A) is None
    assert at_the_desk(scene, A, STAY_OUT).receipts[0].entry == done.receipts[0].entry


def test_what_cannot_be_meant_is_refused_and_leaves_nothing(scene: Scene) -> None:
    two(scene)
    size = scene.size()
    assert code(lambda: at_the_desk(scene, "nobody")) == "NOT_AN_ADDRESS"
    assert code(lambda: at_the_desk(scene, key=f"erase {A}")) == "KEY_TELLS"
    assert code(lambda: stop_at_the_desk(scene, key=f"stop {A}")) == "KEY_TELLS"
    assert scene.size() == size


@pytest.mark.parametrize("act", ["erase", "stop"])
def test_only_the_houses_own_desk_and_only_with_the_scope(scene: Scene, act: str) -> None:
    two(scene)
    for who, reason in (
        (caller("harbour-app"), Reason.NO_AGREEMENT),
        (caller("lakeside-app", DESK.scopes - {Scope.CONSENT_WRITE}), Reason.INSUFFICIENT_SCOPE),
        (caller("bureau-app"), Reason.ROLE_FORBIDS),
        (visitor(scene), Reason.ROLE_FORBIDS),
    ):
        with scene.inquiry(who) as ask:
            done = (
                desk_erase(ask, LAKESIDE, A, mode=FORGET_ME, key="k")
                if act == "erase"
                else desk_stop(ask, LAKESIDE, A, key="k")
            )
        assert isinstance(done, Refusal)
        assert reason in {failing.reason for failing in done.failing}
    assert person(scene)


def test_a_visitor_erases_the_own_person_at_one_house_and_no_other_person(scene: Scene) -> None:
    two(scene, LAKESIDE, HARBOUR)
    other = person(scene, B)
    with scene.inquiry(visitor(scene)) as ask:
        permit = ask.ask(own_act_question(LAKESIDE, person(scene), Purpose.ACCOUNTABILITY))
        assert isinstance(permit, Permit)
        with pytest.raises(WrongPermit):
            erase(ask, permit, other, mode=FORGET_ME, key="k")
        assert code(lambda: erase(ask, permit, person(scene), mode=STAY_OUT, key="k")) == "IDENTIFIER_NEEDED"
        mine = person(scene)
        first = erase(ask, permit, mine, mode=STAY_OUT, key="k", identifier=A)
        assert erase(ask, permit, mine, mode=STAY_OUT, key="k", identifier=A) == first
        denied = ask.ask(own_act_question(LAKESIDE, other, Purpose.ACCOUNTABILITY))
    assert isinstance(denied, Refusal)
    assert (lines(scene)["o0"], lines(scene, HARBOUR)["o0"]) == ((False, 1), (True, 0))
    assert '"client":"visitor"' in first.entry


def test_two_visitors_who_use_the_same_key_are_two(scene: Scene) -> None:
    two(scene)
    receipts = []
    for email in (A, B):
        who = visitor(scene, email, link=f"link of {email[0]}")
        with scene.inquiry(who) as ask:
            receipts.append(stop_everything(ask, who.persons, identifier=email, key="1"))
    assert len(receipts[0]) == len(receipts[1]) == 4
    assert not {one.position for one in receipts[0]} & {one.position for one in receipts[1]}


@pytest.mark.parametrize("mode", ErasureMode)
def test_a_house_that_left_still_forgets(scene: Scene, mode: ErasureMode) -> None:
    two(scene)
    scene.say(EntryType.PARTY_CLOSED, {"party": LAKESIDE})
    who = visitor(scene)
    with scene.inquiry(who) as ask:
        stopped = stop_everything(ask, who.persons, identifier=A, key="k")
        permit = ask.ask(own_act_question(LAKESIDE, person(scene), Purpose.ACCOUNTABILITY))
        assert isinstance(permit, Permit)
        erase(ask, permit, person(scene), mode=mode, key="k", identifier=A)
    assert len(stopped) == 4
    assert lines(scene)["o0"] == (False, 1)


def test_one_act_stops_every_use_everywhere_at_once(scene: Scene) -> None:
    scene.basis(LAKESIDE, RESEARCH, LawfulBasis.CONSENT)
    two(scene, LAKESIDE, HARBOUR)
    scene.consent("lakeside-app", A, BENCHMARK, ConsentAct.OBJECTED)
    who, size = visitor(scene, may_only_stop=True), scene.size()
    with scene.inquiry(who) as ask:
        receipts = stop_everything(ask, who.persons, identifier=A, key="k")
    said = {
        (entry.body.get("controller"), entry.body.get("purpose"), entry.type) for entry in scene.entries(size)
    }
    assert said == {
        (LAKESIDE, "own_insight", "consent.objected"),
        (LAKESIDE, "research", "consent.withdrawn"),
        (HARBOUR, "own_insight", "consent.objected"),
        (HARBOUR, "research", "consent.objected"),
        (HARBOUR, "sector_benchmark", "consent.objected"),
        (None, None, "subject.stopped"),
    }, "an objection that stands is not said again"
    assert [receipt.position for receipt in receipts] == list(range(size, size + 6))
    assert figure(scene, "bookers") == figure(scene, "bookers", house="harbour-app") == 1
    with scene.inquiry(who) as ask:
        assert [one.entry for one in stop_everything(ask, who.persons, identifier=A, key="k")] == [
            one.entry for one in receipts
        ]
        assert stop_everything(ask, who.persons, identifier=A, key="another") == ()
    assert scene.size() == size + 6


def test_the_desk_stops_its_own_house_and_keeps_the_person_out_of_the_others(scene: Scene) -> None:
    two(scene, LAKESIDE, HARBOUR)
    receipts = stop_at_the_desk(scene)
    assert len(receipts) == 4
    assert (figure(scene, "bookers"), figure(scene, "bookers", house="harbour-app")) == (1, 2)
    scene.bring(HARBOUR, [{"identifier": A, "order_ref": "n1"}])
    assert lines(scene, HARBOUR)["n1"] == (False, 1)


def test_stopping_leaves_nothing_half_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    two(scene)
    size = scene.size()

    def dies(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("resolvers.stops.record", dies)
        with pytest.raises(RuntimeError):
            stop_at_the_desk(scene)
    assert scene.size() == size
    assert not scene.house.vault.stopped([A]), "what waits for an entry that never came keeps nobody out"
    scene.clock.advance(timedelta(days=2))
    assert len(stop_at_the_desk(scene)) == 4, "the same key goes on, also on another day"


WINDOWS: list[tuple[str, type, str, bool]] = [
    ("the plan", Vault, "stop", False),
    ("the register", Ledger, "append_all", False),
    ("the entries", Vault, "settle", True),
    ("the destruction", Vault, "_destroy", True),
    ("the traces", Vault, "_leave_no_trace", True),
]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("mode", ErasureMode)
@pytest.mark.parametrize(("step", "of", "name", "is_done"), WINDOWS, ids=[window[0] for window in WINDOWS])
def test_a_crash_is_finished_or_dropped_and_never_half(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    of: type,
    name: str,
    is_done: bool,
    mode: ErasureMode,
) -> None:
    if mode is FORGET_ME and step == "the plan":
        pytest.skip("nothing comes between the plan and the entry then")
    two(scene)
    mine, before = person(scene), lines(scene)

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(of, name, dies)
        with pytest.raises(Killed):
            at_the_desk(scene, mode=mode)
    # as the next reader finds it, before anything is made up for
    assert (lines(scene) == before) is not is_done
    assert bool(scene.house.vault.stopped([A])) is (is_done and mode is STAY_OUT)
    assert (scene.house.vault.find(LAKESIDE, A) is None) is is_done
    begin_again(scene)
    assert scene.house.vault.gone(LAKESIDE, [mine]) == ({mine} if is_done else set())
    assert len(at_the_desk(scene, mode=mode).receipts) == (2 if mode is STAY_OUT else 1)
    assert scene.house.vault.gone(LAKESIDE, [mine]) == {mine}
    assert len(scene.of_type(EntryType.SUBJECT_ERASED)) == 1
