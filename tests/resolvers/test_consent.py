"""What a visitor decided: recorded once, for the next request, also for a visitor whom nobody knew."""

from __future__ import annotations

from typing import Any

import pytest

from api.errors import INTERNAL, problem_of
from consent_ledger.entry import EntryType
from consent_ledger.log import LedgerUnavailable
from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import ConsentAct, ConsentChannel, Purpose, Reason
from insight.criteria import Criteria
from insight.figures import Figure, ReleasedAudience
from resolvers.audiences import AudienceAsked, audience
from resolvers.consent import Decision, record_consent
from tests.resolvers.scene import HARBOUR, LAKESIDE, OWN, RESEARCH, Scene, caller

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
