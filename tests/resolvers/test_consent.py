"""What a visitor decided: recorded once, for the next request, also for a visitor whom nobody knew."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from api.errors import INTERNAL, problem_of
from consent_ledger.caller import Caller
from consent_ledger.entry import EntryType
from consent_ledger.log import IdempotencyConflict, LedgerUnavailable, NotRecorded
from consent_ledger.permit import Permit, PermitEnded, Refusal
from consent_ledger.question import consents_question
from consent_ledger.standing import Stand
from consent_ledger.vocabulary import ConsentAct, ConsentChannel, Purpose, Reason
from insight.criteria import Criteria
from insight.figures import Figure, ReleasedAudience
from resolvers.agreements import agreements, status
from resolvers.audiences import AudienceAsked, audience
from resolvers.consent import ConsentNotRecorded, Decision, record_consent
from resolvers.consent_state import consent_state
from resolvers.gate import NotAskableThen
from tests.resolvers.office import office
from tests.resolvers.scene import HARBOUR, LAKESIDE, OWN, RESEARCH, SHA, Scene, caller, research

A = "a@example.org"


def bookers(scene: Scene, house: str = "lakeside-app") -> int:
    who = caller(house)
    with scene.inquiry(who) as ask:
        found = audience(ask, AudienceAsked(who.party, OWN, None, Criteria(), frozenset({"bookers"})))
    assert isinstance(found, ReleasedAudience)
    figure = found.figures["bookers"]
    assert isinstance(figure, Figure)
    assert isinstance(figure.value, int)
    return figure.value


def persons(scene: Scene) -> list[Any]:
    return [scene.house.vault.find(LAKESIDE, f"{name}@example.org") for name in "abc"]


def test_it_holds_for_the_next_request_and_can_be_taken_back(scene: Scene) -> None:
    scene.bring(
        LAKESIDE, [{"identifier": A, "order_ref": "o1"}, {"identifier": "b@example.org", "order_ref": "o2"}]
    )
    counted = [bookers(scene)]
    for act in (ConsentAct.OBJECTED, ConsentAct.GRANTED, ConsentAct.RESTRICTED, ConsentAct.LIFTED):
        scene.consent("lakeside-app", A, OWN, act)
        counted.append(bookers(scene))
    assert counted == [2, 1, 2, 1, 2]


def test_a_stranger_who_objected_is_left_out_when_a_later_import_brings_the_name(scene: Scene) -> None:
    scene.consent("lakeside-app", " A@EXAMPLE.org", OWN, ConsentAct.OBJECTED)
    scene.bring(
        LAKESIDE, [{"identifier": A, "order_ref": "o1"}, {"identifier": "b@example.org", "order_ref": "o2"}]
    )
    assert bookers(scene) == 1


def test_what_is_said_at_one_house_holds_at_no_other(scene: Scene) -> None:
    for house in (LAKESIDE, HARBOUR):
        scene.bring(house, [{"identifier": A, "order_ref": "o1"}])
    scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED)
    assert (bookers(scene), bookers(scene, "harbour-app")) == (0, 1)


def test_the_entry_names_nobody(scene: Scene) -> None:
    receipt = scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED)
    person = scene.house.vault.find(LAKESIDE, A)
    assert person is not None
    assert person not in receipt.entry
    assert "example.org" not in receipt.entry
    assert '"rt":"2026-01-06"' in receipt.entry, "the day, not the time"


def test_the_same_key_is_the_same_entry_and_another_content_a_conflict(scene: Scene) -> None:
    first = scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED, key="k")
    size = scene.size()
    assert scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED, key="k").position == first.position
    for email, act in ((A, ConsentAct.GRANTED), ("b@example.org", ConsentAct.OBJECTED)):
        with pytest.raises(Exception) as raised:  # noqa: PT011 -- its code says which
            scene.consent("lakeside-app", email, OWN, act, key="k")
        assert problem_of(raised.value).code == "IDEMPOTENCY_CONFLICT"
    assert scene.size() == size
    assert persons(scene)[1] is None, "a conflict makes nobody"


def test_a_retry_after_the_purpose_was_published_anew_is_still_the_first(scene: Scene) -> None:
    first = scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED, key="k")
    scene.purpose(OWN, version=2)
    assert scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED, key="k").position == first.position
    scene.consent("lakeside-app", A, OWN, ConsentAct.GRANTED, key="l")
    assert scene.entries()[-1].body["purpose_version"] == 2


def test_a_crash_between_vault_and_entry_leaves_one_entry_after_the_retry(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("LEDGER_UNAVAILABLE", "The database did not answer.")

    with monkeypatch.context() as crash:
        crash.setattr(scene.house.ledger, "append", dies)
        with pytest.raises(LedgerUnavailable):
            scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED, key="k")
    first = persons(scene)[0]
    assert first is not None
    scene.restart()
    scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED, key="k")
    assert persons(scene)[0] == first
    assert len(scene.of_type(EntryType.CONSENT_OBJECTED)) == 1
    assert scene.rows("select count(*) from standing") == [(1,)]


def test_what_never_got_its_entry_is_forgotten_at_the_next_start(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(scene.house.ledger, "append", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED)
    known = {entry.idem for entry in scene.entries()}
    assert scene.house.vault.sweep(lambda under: under in known) == 2, "the person and what was said"
    assert persons(scene)[0] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"identifier": ""},
        {"identifier": "   "},
        {"identifier": "\ud800@example.org"},
        {"identifier": "a@b@example.org"},
        {"identifier": "no at"},
        {"identifier": "a\u0000b@example.org"},
        {"notice": "pool", "notice_version": 9},
        {"notice": "No such form!", "notice_version": 1},
        {"notice": "pool", "notice_version": 0},
        {"purpose": Purpose.WEB_LINK},
    ],
    ids=[
        "no address",
        "spaces",
        "half a sign",
        "two ats",
        "no at",
        "a zero byte",
        "a notice never published",
        "free text",
        "version 0",
        "purpose",
    ],
)
def test_what_cannot_be_recorded_is_refused_in_words(scene: Scene, wrong: dict[str, Any]) -> None:
    usual: dict[str, Any] = {
        "controller": LAKESIDE,
        "purpose": OWN,
        "act": ConsentAct.OBJECTED,
        "identifier": A,
        "channel": ConsentChannel.WEB,
    }
    size = scene.size()
    with pytest.raises(Exception) as raised, scene.inquiry(caller("lakeside-app")) as ask:  # noqa: PT011
        record_consent(ask, Decision(**{**usual, **wrong}), key="k")
    told = problem_of(raised.value)
    assert told is not INTERNAL, repr(raised.value)
    assert told.sentence
    assert scene.size() == size


def test_nobody_records_for_another_house_or_without_scope(scene: Scene) -> None:
    for who, reason in (("harbour-app", Reason.NO_AGREEMENT), ("bureau-app", Reason.ROLE_FORBIDS)):
        with scene.inquiry(caller(who)) as ask:
            told = record_consent(
                ask, Decision(LAKESIDE, RESEARCH, ConsentAct.OBJECTED, A, ConsentChannel.WEB), key="k"
            )
        assert isinstance(told, Refusal)
        assert told.reason is reason
    assert persons(scene) == [None, None, None]


# guardians, days, renewals


def decide(scene: Scene, act: ConsentAct, *, key: str | None = None, email: str = A, **more: Any) -> Any:
    decision = Decision(LAKESIDE, RESEARCH, act, email, ConsentChannel.PHONE, **more)
    with scene.inquiry(caller("lakeside-app")) as ask:
        return record_consent(ask, decision, key=key or scene.key())


def code(scene: Scene, act: ConsentAct, **more: Any) -> str:
    with pytest.raises(ConsentNotRecorded) as refused:
        decide(scene, act, **more)
    return refused.value.code


def test_under_16_a_guardian_gives_it_and_says_until_when(scene: Scene) -> None:
    size = scene.size()
    alone = decide(scene, ConsentAct.GRANTED, is_under_16=True)
    assert isinstance(alone, Refusal)
    assert alone.reason is Reason.GUARDIAN_NEEDED
    guardian: dict[str, Any] = {"is_under_16": True, "by_guardian": True}
    assert code(scene, ConsentAct.GRANTED, **guardian) == "UNTIL_NEEDED"
    assert code(scene, ConsentAct.GRANTED, until=date(2042, 1, 8), **guardian) == "UNTIL_TOO_FAR"
    assert (scene.size(), persons(scene)[0]) == (size, None)
    receipt = decide(scene, ConsentAct.GRANTED, until=date(2030, 1, 1), **guardian)
    assert '"vt":"2030-01-01"' in receipt.entry
    decide(scene, ConsentAct.WITHDRAWN, is_under_16=True)  # a child stops it alone


def test_a_last_day_belongs_to_what_is_given_and_lies_ahead(scene: Scene) -> None:
    assert code(scene, ConsentAct.WITHDRAWN, until=date(2030, 1, 1)) == "NO_UNTIL"
    assert code(scene, ConsentAct.GRANTED, until=scene.clock().date()) == "UNTIL_PAST"


def test_only_what_was_given_is_renewed_and_the_refused_key_can_be_used_again(scene: Scene) -> None:
    assert code(scene, ConsentAct.RENEWED, key="k") == "STEP_REFUSED"
    assert persons(scene)[0] is None, "nobody is made for what is refused"
    decide(scene, ConsentAct.GRANTED, key="k")
    decide(scene, ConsentAct.RENEWED)
    decide(scene, ConsentAct.WITHDRAWN)
    assert code(scene, ConsentAct.RENEWED) == "STEP_REFUSED"


def test_a_retry_after_its_last_day_is_still_the_first(scene: Scene) -> None:
    given: dict[str, Any] = {"key": "k", "until": scene.clock().date() + timedelta(days=2)}
    first = decide(scene, ConsentAct.GRANTED, **given)
    scene.clock.advance(timedelta(days=9))
    assert decide(scene, ConsentAct.GRANTED, **given).position == first.position


def test_evidence_is_the_day_and_what_else_is_known_goes_at_erasure(scene: Scene) -> None:
    receipt = decide(scene, ConsentAct.GRANTED, key="k")
    under, vault = json.loads(receipt.entry)["idem"], scene.house.vault
    payload = json.loads(vault.opening(under, controller=LAKESIDE).payload)
    assert payload == {
        "act": "granted",
        "day": "2026-01-06",
        "guardian": False,
        "notice": None,
        "notice_version": None,
        "purpose": "research",
        "until": None,
    }
    assert vault.attributes(LAKESIDE, under) == {"at": "2026-01-06T09:00:00Z", "channel": "phone"}
    vault.erase(LAKESIDE, persons(scene)[0], request_sha256=SHA, evidence_until=date(2031, 1, 1))
    assert vault.attributes(LAKESIDE, under) is None
    assert json.loads(vault.opening(under, controller=LAKESIDE).payload) == payload


def test_a_retry_makes_nobody_again_who_was_erased(scene: Scene) -> None:
    decide(scene, ConsentAct.GRANTED, key="k")
    scene.house.vault.erase(LAKESIDE, persons(scene)[0], request_sha256=SHA)
    with pytest.raises(IdempotencyConflict):
        decide(scene, ConsentAct.GRANTED, key="k")
    assert persons(scene)[0] is None


def test_a_key_names_nobody(scene: Scene) -> None:
    assert code(scene, ConsentAct.GRANTED, key=A) == "KEY_IS_AN_ADDRESS"


def test_a_house_that_left_records_nothing_any_more(scene: Scene) -> None:
    scene.say(EntryType.PARTY_CLOSED, {"party": LAKESIDE})
    told = decide(scene, ConsentAct.WITHDRAWN)
    assert isinstance(told, Refusal)
    assert told.reason is Reason.NOT_MEMBER


# as known at, valid at


def state(scene: Scene, who: Caller, size: int | None = None, day: date | None = None) -> tuple[str, bool]:
    with scene.inquiry(who) as ask:
        found = consent_state(ask, A, RESEARCH, as_known_at=size, valid_at=day)
    assert isinstance(found, Stand), found
    return found.state.value, found.is_restricted


def test_consent_is_told_as_it_was_known_and_valid(scene: Scene) -> None:
    who = office(scene)
    monday = scene.clock().date()
    before = scene.size()
    decide(scene, ConsentAct.GRANTED, until=monday + timedelta(days=30))
    given = scene.size()
    scene.clock.advance(timedelta(days=10))
    decide(scene, ConsentAct.RESTRICTED)
    decide(scene, ConsentAct.WITHDRAWN)
    assert state(scene, who) == ("ConsentWithdrawn", True)
    assert state(scene, who, before) == ("ConsentUnknown", False)
    assert state(scene, who, given) == ("ConsentGiven", False)
    assert state(scene, who, given, monday + timedelta(days=30)) == ("ConsentExpired", False)
    assert state(scene, who, None, monday) == ("ConsentGiven", False), "what was said later was not said yet"
    assert state(scene, who, None, monday - timedelta(days=1)) == ("ConsentUnknown", False)


def test_the_past_is_asked_by_who_may_ask_now_and_could_then(scene: Scene) -> None:
    size = scene.size()
    who = office(scene)
    for known in (0, -1, scene.size() + 1):
        with pytest.raises(NotRecorded):
            state(scene, who, known)
    with pytest.raises(NotAskableThen):
        state(scene, who, size)
    granted = scene.size()
    scene.say(EntryType.SCOPE_REVOKED, {"client": who.client, "party": LAKESIDE})
    with scene.inquiry(who) as ask:
        assert isinstance(consent_state(ask, A, RESEARCH, as_known_at=granted), Refusal)
    with scene.inquiry(caller("harbour-app")) as ask:
        assert isinstance(consent_state(ask, A, RESEARCH), Refusal)


def test_a_permit_for_the_past_dies_with_its_request(scene: Scene) -> None:
    who = office(scene)
    with scene.inquiry(who) as ask:
        known = ask.as_known_at(scene.size(), None)
        permit = ask.ask(consents_question(LAKESIDE, RESEARCH), known=known)
        assert isinstance(permit, Permit)
        assert permit.size == scene.size()
    with pytest.raises(PermitEnded):
        assert permit.size


def test_agreements_are_told_as_they_stood(scene: Scene) -> None:
    who = office(scene)
    _, name = scene.proposed(research(), "lakeside-app")
    proposed = scene.size()
    for party in ("lakeside-app", "bureau-app"):
        scene.accept(name, party)
    accepted = scene.size()
    scene.end(name, "bureau-app")
    told = []
    for size in (proposed - 1, proposed, accepted, None):
        with scene.inquiry(who) as ask:
            known = ask.as_known_at(size, None)
            found = agreements(ask, after=None, first=5, known=known)
            assert not isinstance(found, Refusal)
            told.append([status(ask, one, known) for one in found])
    assert told == [[], ["proposed"], ["active"], ["ended"]]
