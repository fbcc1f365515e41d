"""The rules door: versions by themselves, texts that give their checksum, and what a wrong notice takes back."""

from __future__ import annotations

import threading
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from consent_ledger.caller import Caller
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.entry import EntryType
from consent_ledger.log import IdempotencyConflict
from consent_ledger.permit import Refusal
from consent_ledger.state import IllegalEntry
from consent_ledger.vocabulary import ConsentAct, LawfulBasis, PartyId, Purpose, Reason
from insight.rulebook import purpose_words, text_sha256
from resolvers import rules
from resolvers.gate import Receipt
from resolvers.rules import Invalidated, Published, RuleRefused, Texts, publish_rulebook
from tests.conftest import Database
from tests.resolvers.office import office, steward
from tests.resolvers.scene import BENCHMARK, HARBOUR, LAKESIDE, OWN, RESEARCH, Scene, caller, open_scene

TOLD = Texts("Wij tellen bezoek.\nNiet meer.", "We count visits.\nNo more.")
A, B = "a@example.org", "b@example.org"


@pytest.fixture
def house(scene: Scene) -> Caller:
    return office(scene)


def publish(scene: Scene, who: Caller, told: Texts = TOLD, *, key: str | None = None, **more: Any) -> Any:
    given: dict[str, Any] = {"notice": "visitors", "purposes": [RESEARCH], "since": None, **more}
    with scene.inquiry(who) as ask:
        return rules.publish_notice(
            ask, given["notice"], told, given["purposes"], since=given["since"], key=key or scene.key()
        )


def wrong(scene: Scene, who: Caller, version: int = 1, *, notice: str = "visitors", key: str = "w") -> Any:
    with scene.inquiry(who) as ask:
        return rules.invalidate_notice(ask, notice, version, key=key)


def told(scene: Scene, who: Caller, institution: PartyId = LAKESIDE) -> list[rules.ToldNotice]:
    with scene.inquiry(who) as ask:
        return rules.notices(ask, institution)


def basis(scene: Scene, who: Caller, purpose: Purpose, lawful: LawfulBasis, **more: Any) -> Any:
    key = more.pop("key", None) or scene.key()
    with scene.inquiry(who) as ask:
        return rules.record_basis(ask, purpose, lawful, key=key, **more)


# notices


def test_versions_follow_by_themselves_and_the_text_stands_word_for_word(scene: Scene, house: Caller) -> None:
    first = publish(scene, house)
    second = publish(scene, house, Texts("Anders.", "Otherwise."))
    assert (first.version, second.version) == (1, 2)
    pool, one, two = told(scene, house)
    assert (pool.notice, pool.nl, pool.en) == ("pool", None, None), "of what was never kept there is no text"
    assert (one.nl, one.en, one.position) == (TOLD.nl, TOLD.en, first.receipt.position)
    assert (two.version, two.nl, two.text_sha256) == (
        2,
        "Anders.",
        sha256(b"Anders.\nOtherwise.").hexdigest(),
    )
    assert one.since == scene.clock().date()
    assert told(scene, caller("bureau-app")) == [pool, one, two], "notices are public"
    assert [one.notice for one in told(scene, house, HARBOUR)] == ["pool"]


def test_a_notice_begins_on_its_day_and_never_before_it_is_recorded(scene: Scene, house: Caller) -> None:
    today = scene.clock().date()
    publish(scene, house, since=today + timedelta(days=9))
    assert told(scene, house)[-1].since == today + timedelta(days=9)
    with pytest.raises(IllegalEntry) as refused:
        publish(scene, house, since=today - timedelta(days=1))
    assert refused.value.code == "BACK_DATED"


def test_a_repeat_is_the_same_version_also_after_others(scene: Scene, house: Caller) -> None:
    first = publish(scene, house, key="k")
    publish(scene, house, Texts("Anders.", "Otherwise."))
    scene.clock.advance(timedelta(days=5))
    again = publish(scene, house, key="k")
    assert (again.version, again.receipt.position) == (1, first.receipt.position)
    with pytest.raises(IdempotencyConflict):
        publish(scene, house, Texts("Nog anders.", "Another."), key="k")


def test_two_at_once_get_two_versions(scene: Scene, house: Caller) -> None:
    done: list[Any] = []

    def one(number: int) -> None:
        done.append(publish(scene, house, Texts(f"Tekst {number}.", f"Text {number}."), key=f"r{number}"))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.version for one in done) == [1, 2, 3, 4]
    shown = {one.version: one.nl for one in told(scene, house) if one.notice == "visitors"}
    assert sorted(shown) == [1, 2, 3, 4]
    assert None not in shown.values()


def test_a_text_that_was_changed_beside_the_ledger_is_not_shown(scene: Scene, house: Caller) -> None:
    publish(scene, house)
    with (
        pytest.raises(Exception, match=r"permission|authorized|prohibited"),
        writing(scene.house.engine) as served,
    ):
        served.execute(text("UPDATE published_text SET text = 'iets anders'"))
    engine = open_engine(scene.database.owner_url, Login.OWNER)
    scene.engines.append(engine)
    with writing(engine) as owner:
        owner.execute(text("UPDATE published_text SET text = 'iets anders' WHERE language = 'nl'"))
    assert [(one.nl, one.en) for one in told(scene, house)] == [(None, None)] * 2


@pytest.mark.parametrize(
    "words", [("", "x"), ("x", " \n"), ("x" * 20_001, "x"), ("x", "\ud800"), ("a\u202eb", "x"), ("a\0b", "x")]
)
def test_a_text_that_nobody_can_read_is_refused(scene: Scene, house: Caller, words: tuple[str, str]) -> None:
    size = scene.size()
    with pytest.raises(RuleRefused, match="text"):
        publish(scene, house, Texts(*words))
    assert scene.size() == size


def test_nobody_speaks_for_a_house_without_its_scope(scene: Scene, house: Caller) -> None:
    size = scene.size()
    for who in ("lakeside-app", "bureau-app"):
        refused = publish(scene, caller(who))
        assert isinstance(refused, Refusal)
        assert refused.reason in {Reason.INSUFFICIENT_SCOPE, Reason.ROLE_FORBIDS}
        assert isinstance(wrong(scene, caller(who), notice="pool"), Refusal)
        assert isinstance(basis(scene, caller(who), OWN, LawfulBasis.CONSENT), Refusal)
    assert scene.size() == size


# a notice that was wrong


def test_what_was_given_under_a_wrong_notice_no_longer_counts_and_the_answer_says_of_how_many(
    scene: Scene, house: Caller
) -> None:
    publish(scene, house)
    publish(scene, house)
    under: dict[str, Any] = {"notice": "visitors", "notice_version": 1}
    said: list[tuple[str, ConsentAct, dict[str, Any]]] = [
        ("a", ConsentAct.GRANTED, under),
        ("b", ConsentAct.GRANTED, under),
        ("c", ConsentAct.REFUSED, under),
        ("d", ConsentAct.GRANTED, under),
        ("d", ConsentAct.WITHDRAWN, {}),
        ("e", ConsentAct.GRANTED, under),
        ("e", ConsentAct.RENEWED, {"notice": "visitors", "notice_version": 2}),
        ("f", ConsentAct.GRANTED, {}),
    ]
    for who, act, more in said:
        scene.consent("lakeside-app", f"{who}@example.org", RESEARCH, act, **more)
    scene.consent("lakeside-app", A, BENCHMARK, ConsentAct.GRANTED, **under)
    done = wrong(scene, house)
    assert isinstance(done, Invalidated)
    assert done.persons == 2, "a, for two purposes, and b"
    acts = "select person, purpose, position from standing where act = 'invalidated' order by purpose, person"
    assert len(scene.rows(acts)) == 3
    assert {row[2] for row in scene.rows(acts)} == {done.receipt.position}
    again = wrong(scene, house)
    assert (again.persons, again.receipt.position) == (2, done.receipt.position)
    assert len(scene.rows(acts)) == 3, "a repeat takes nothing back again"
    assert [one.is_wrong for one in told(scene, house)] == [False, True, False]
    with pytest.raises(Exception, match="wrong"):
        scene.consent("lakeside-app", "g@example.org", RESEARCH, ConsentAct.GRANTED, **under)
    scene.consent("lakeside-app", "g@example.org", RESEARCH, ConsentAct.WITHDRAWN, **under)


def test_a_notice_that_was_never_published_cannot_be_wrong_nor_twice(scene: Scene, house: Caller) -> None:
    for version, code in ((2, "UNKNOWN_NOTICE"), (1, "ALREADY_INVALID")):
        if version == 1:
            wrong(scene, house, 1, notice="pool")
        with pytest.raises(IllegalEntry) as refused:
            wrong(scene, house, version, notice="pool", key="again")
        assert refused.value.code == code


# lawful bases


def test_a_purpose_of_high_risk_needs_its_assessment(scene: Scene, house: Caller) -> None:
    scene.purpose(Purpose.SEGMENTATION, high_risk=True)
    refused = basis(scene, house, Purpose.SEGMENTATION, LawfulBasis.LEGITIMATE_INTEREST)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.DPIA_MISSING
    assert isinstance(
        basis(
            scene, house, Purpose.SEGMENTATION, LawfulBasis.LEGITIMATE_INTEREST, assessment="Wij zagen dit."
        ),
        Receipt,
    )
    [entry] = [e for e in scene.of_type(EntryType.BASIS_RECORDED) if e.body["purpose"] == "segmentation"]
    assert entry.body["dpia_sha256"] == sha256(b"Wij zagen dit.").hexdigest()
    assert scene.rows("select count(*) from published_text") == [(0,)], "an assessment is no public text"


def test_a_basis_is_of_the_newest_purpose_and_its_repeat_of_the_first(scene: Scene, house: Caller) -> None:
    first = basis(scene, house, RESEARCH, LawfulBasis.CONSENT, key="k")
    scene.purpose(RESEARCH, version=2)
    assert basis(scene, house, RESEARCH, LawfulBasis.CONSENT, key="k").position == first.position
    basis(scene, house, RESEARCH, LawfulBasis.CONSENT)
    assert scene.entries()[-1].body["purpose_version"] == 2
    with scene.inquiry(house) as ask:
        found = rules.bases(ask, LAKESIDE)
    assert not isinstance(found, Refusal)
    assert {one.purpose: (one.recorded.basis, one.recorded.version) for one in found}[RESEARCH] == (
        LawfulBasis.CONSENT,
        2,
    )


def test_a_basis_that_is_not_possible_is_refused(scene: Scene, house: Caller) -> None:
    with pytest.raises(IllegalEntry) as refused:
        basis(scene, house, RESEARCH, LawfulBasis.CONTRACT)
    assert refused.value.code == "BASIS"
    with pytest.raises(RuleRefused, match="not been published"):
        basis(scene, house, Purpose.WEB_LINK, LawfulBasis.CONSENT)
    with pytest.raises(RuleRefused, match="not both"):
        basis(scene, house, RESEARCH, LawfulBasis.CONSENT, assessment="x", assessment_sha256="0" * 64)


def test_bases_are_shown_to_the_house_and_to_who_audits(scene: Scene, house: Caller) -> None:
    for who, may in ((house, True), (caller("audit"), True), (caller("harbour-app"), False)):
        with scene.inquiry(who) as ask:
            assert isinstance(rules.bases(ask, LAKESIDE), list) == may


# purposes


def test_the_steward_says_what_a_purpose_means_and_nobody_else(scene: Scene, house: Caller) -> None:
    def say(who: Caller, key: str) -> Any:
        with scene.inquiry(who) as ask:
            return rules.publish_purpose(
                ask, RESEARCH, [LawfulBasis.PUBLIC_TASK], TOLD, is_high_risk=True, key=key
            )

    assert isinstance(say(house, "h"), Refusal)
    governor = steward(scene)
    done, again, next_one = say(governor, "k"), say(governor, "k"), say(governor, "l")
    assert isinstance(done, Published)
    assert (done.version, again.version, next_one.version) == (2, 2, 3)
    assert again.receipt.position == done.receipt.position
    with scene.inquiry(house) as ask:
        assert rules.kept_text(ask.connection, TOLD.sha256) == (TOLD.nl, TOLD.en)


def test_the_platform_publishes_its_rulebook_once(database: Database, tmp_path: Path) -> None:
    scene = open_scene(database, tmp_path / "beside", sandbox=False)
    try:
        new = publish_rulebook(scene.house)
        assert new == scene.size() - 1
        assert publish_rulebook(scene.house) == 0
        assert not scene.of_type(EntryType.POLICY_PUBLISHED), "exact totals are for sandboxes"
        with reading(scene.house.engine) as connection:
            for purpose in Purpose:
                words = purpose_words(purpose)
                assert rules.kept_text(connection, text_sha256(*words)) == words
    finally:
        scene.close()
