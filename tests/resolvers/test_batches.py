"""A list of decisions in one entry: who counts, who is left out and why, and that a repeat changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from consent_ledger.database import reading
from consent_ledger.entry import EntryType
from consent_ledger.log import IdempotencyConflict, LedgerUnavailable
from consent_ledger.permit import Permit, Refusal
from consent_ledger.question import consent_question
from consent_ledger.standing import stand
from consent_ledger.tree import leaf_hash, verify_inclusion
from consent_ledger.vault import Vault
from consent_ledger.vocabulary import ConsentAct, ConsentChannel, Purpose, Reason
from resolvers import batches
from resolvers.batches import MOST, BatchRecorded, LeftOut, List, Row, record_consents
from resolvers.consent import ConsentNotRecorded, Decision, record_consent
from resolvers.gate import Receipt
from resolvers.persons import desk_stop
from tests.resolvers.scene import HARBOUR, LAKESIDE, OWN, RESEARCH, SHA, Scene, caller

YES, NO = ConsentAct.GRANTED, ConsentAct.WITHDRAWN
LONG_AGO = date(2025, 6, 1)


def row(who: str, act: ConsentAct = YES, said_on: date = LONG_AGO, **more: Any) -> Row:
    return Row(f"{who}@example.org" if who.isalnum() else who, act, said_on, **more)


def bring(scene: Scene, rows: Sequence[Row], *, key: str | None = None, **more: Any) -> BatchRecorded:
    with scene.inquiry(caller("lakeside-app")) as ask:
        done = record_consents(ask, List(LAKESIDE, RESEARCH, rows, **more), key=key or scene.key())
    assert isinstance(done, BatchRecorded), done
    return done


def state(scene: Scene, who: str) -> str:
    """Where this person stands, as the next request sees it; `nobody` for whom the house does not know."""
    person = scene.house.vault.find(LAKESIDE, f"{who}@example.org")
    if person is None:
        return "nobody"
    with scene.inquiry(caller("lakeside-app")) as ask:
        permit = ask.ask(consent_question(LAKESIDE, RESEARCH))
        assert isinstance(permit, Permit)
        return stand(permit, ask.connection, person).state.value


def test_a_list_is_one_entry_and_holds_for_the_next_request(scene: Scene) -> None:
    done = bring(scene, [row("a"), row("b", NO), row("c", ConsentAct.REFUSED), row("d", ConsentAct.OBJECTED)])
    assert done.receipt is not None
    assert [done.counts[act] for act in batches.COUNTED] == [1, 1, 1, 1]
    assert (done.received, done.left_out) == (4, ())
    [entry] = scene.of_type(EntryType.CONSENT_BATCH)
    assert (entry.seq, entry.line.decode()) == (done.receipt.position, done.receipt.entry)
    assert [state(scene, who) for who in "abcd"] == [
        "ConsentGiven",
        "ConsentWithdrawn",
        "ConsentRefused",
        "ConsentWithdrawn",
    ]
    assert "example.org" not in done.receipt.entry
    assert all(
        (scene.house.vault.find(LAKESIDE, f"{who}@example.org") or "?") not in entry.line.decode()
        for who in "abcd"
    )


def test_each_row_can_be_shown_alone(scene: Scene) -> None:
    bring(scene, [row("a"), row("b", NO), row("c")])
    [entry] = scene.of_type(EntryType.CONSENT_BATCH)
    vault, under = scene.house.vault, entry.idem
    opening = vault.opening(f"{under}#1", controller=LAKESIDE)
    commitment, path = vault.batch_proof(LAKESIDE, under, 1)
    assert Vault.opens(commitment, opening.payload, opening.opening)
    root = bytes.fromhex(str(entry.body["root"]))
    verify_inclusion(leaf_hash(bytes.fromhex(commitment)), 1, 3, path, root)
    assert b'"act":"withdrawn"' in opening.payload
    assert b'"day":"2025-06-01"' in opening.payload, "the day on which it was said is proven"
    assert b"channel" not in opening.payload
    assert (vault.attributes(LAKESIDE, f"{under}#1") or {})["channel"] == "api"


def test_an_old_yes_never_overwrites_a_no(scene: Scene) -> None:
    today = scene.clock().date()
    for who, act in (("a", NO), ("b", ConsentAct.OBJECTED), ("c", ConsentAct.REFUSED)):
        scene.consent("lakeside-app", f"{who}@example.org", RESEARCH, act)
    scene.clock.advance(timedelta(days=3))
    done = bring(
        scene, [row("a"), row("b", said_on=today), row("c", said_on=today + timedelta(days=1)), row("d")]
    )
    assert done.left_out == ((0, LeftOut.SAID_NO_SINCE), (1, LeftOut.SAID_NO_SINCE))
    assert [state(scene, who) for who in "abcd"] == [
        "ConsentWithdrawn",
        "ConsentWithdrawn",
        "ConsentGiven",
        "ConsentGiven",
    ]


def test_a_no_for_another_purpose_bars_nothing_here(scene: Scene) -> None:
    scene.consent("lakeside-app", "a@example.org", OWN, NO)
    assert bring(scene, [row("a")]).left_out == ()


def test_a_no_that_came_in_a_list_counts_by_the_day_on_which_it_was_said(scene: Scene) -> None:
    bring(scene, [row("a", NO, date(2024, 1, 1)), row("b", NO, date(2025, 7, 1))])
    done = bring(scene, [row("a"), row("b")])
    assert done.left_out == ((1, LeftOut.SAID_NO_SINCE),)


def test_what_limits_is_always_taken(scene: Scene) -> None:
    scene.consent("lakeside-app", "a@example.org", RESEARCH, YES)
    assert bring(scene, [row("a", NO)]).left_out == ()
    assert state(scene, "a") == "ConsentWithdrawn"


def test_of_two_rows_about_one_person_the_last_counts_and_on_one_day_the_no(scene: Scene) -> None:
    done = bring(
        scene,
        [
            row("a", YES, date(2025, 6, 2)),
            row("a", NO),
            row("b", NO),
            row(" B@EXAMPLE.ORG ", YES),
        ],
    )
    assert done.left_out == ((1, LeftOut.SAID_AGAIN), (3, LeftOut.SAID_AGAIN))
    assert (state(scene, "a"), state(scene, "b")) == ("ConsentGiven", "ConsentWithdrawn")


def test_rows_that_cannot_count_are_told_by_their_number_alone(scene: Scene) -> None:
    tomorrow = scene.clock().date() + timedelta(days=1)
    rows = [
        row("not an address"),
        row("a", ConsentAct.RENEWED),
        row("b", said_on=tomorrow),
        row("c", is_under_16=True),
        row("d", by_guardian=True),
        row("e", until=date(2025, 12, 1)),
        row("f", NO, until=date(2027, 1, 1)),
        row("g", by_guardian=True, until=date(2060, 1, 1)),
        row("h", is_under_16=True, by_guardian=True, until=date(2030, 1, 1)),
        row("i", NO, is_under_16=True),
    ]
    done = bring(scene, rows)
    assert [why for _, why in done.left_out] == [
        LeftOut.NOT_AN_ADDRESS,
        LeftOut.ACT,
        LeftOut.DAY_AHEAD,
        LeftOut.GUARDIAN_NEEDED,
        LeftOut.UNTIL_NEEDED,
        LeftOut.UNTIL_PAST,
        LeftOut.NO_UNTIL,
        LeftOut.UNTIL_TOO_FAR,
    ]
    assert [number for number, _ in done.left_out] == list(range(8))
    assert sum(done.counts.values()) == 2
    assert "example.org" not in repr(List(LAKESIDE, RESEARCH, rows))
    assert [state(scene, who) for who in "abcd"] == ["nobody"] * 4, (
        "nobody is made for a row that does not count"
    )


def test_a_guardians_day_ends_what_was_given(scene: Scene) -> None:
    bring(scene, [row("a", is_under_16=True, by_guardian=True, until=date(2026, 3, 1))])
    assert state(scene, "a") == "ConsentGiven"
    scene.clock.advance(timedelta(days=100))
    assert state(scene, "a") == "ConsentExpired"


def test_a_list_in_which_nothing_counts_leaves_no_entry(scene: Scene) -> None:
    done = bring(scene, [row("no address")])
    assert (done.receipt, done.received) == (None, 1)
    assert scene.of_type(EntryType.CONSENT_BATCH) == []


def test_a_repeat_is_answered_as_the_first_time(scene: Scene) -> None:
    scene.consent("lakeside-app", "b@example.org", RESEARCH, NO)
    rows = [row("a"), row("b"), row("no address"), row("d", NO)]
    first = bring(scene, rows, key="k")
    scene.consent("lakeside-app", "a@example.org", RESEARCH, NO)
    scene.purpose(RESEARCH, version=2)
    scene.restart()
    scene.clock.advance(timedelta(days=40))
    again = bring(scene, rows, key="k")
    assert first.receipt is not None
    assert again.receipt is not None
    assert (again.receipt.position, again.receipt.entry) == (first.receipt.position, first.receipt.entry)
    assert (again.received, again.counts, again.left_out) == (first.received, first.counts, first.left_out)
    assert len(scene.of_type(EntryType.CONSENT_BATCH)) == 1
    assert state(scene, "a") == "ConsentWithdrawn", "a repeat does not give again what was taken back since"


@pytest.mark.parametrize(
    "other",
    [
        [row("a"), row("c", NO)],
        [row("a"), row("b")],
        [row("a")],
        [row("a"), row("b", NO, date(2025, 6, 2))],
    ],
    ids=["another person", "another act", "fewer", "another day"],
)
def test_another_list_under_the_same_key_is_a_conflict(scene: Scene, other: list[Row]) -> None:
    bring(scene, [row("c", NO)])
    bring(scene, [row("a"), row("b", NO)], key="k")
    size = scene.size()
    with pytest.raises(IdempotencyConflict):
        bring(scene, other, key="k")
    assert scene.size() == size


def test_whoever_was_erased_is_not_made_again_by_a_repeat(scene: Scene) -> None:
    rows = [row("a"), row("b")]
    first = bring(scene, rows, key="k")
    person = scene.house.vault.find(LAKESIDE, "a@example.org")
    assert person is not None
    scene.house.vault.erase(LAKESIDE, person, request_sha256=SHA)
    again = bring(scene, rows, key="k")
    assert (again.counts, again.left_out) == (first.counts, first.left_out)
    assert state(scene, "a") == "nobody"


def test_a_crash_between_vault_and_entry_is_taken_up_by_the_repeat(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("LEDGER_UNAVAILABLE", "The database did not answer.")

    with monkeypatch.context() as crash:
        crash.setattr(scene.house.ledger, "append", dies)
        with pytest.raises(LedgerUnavailable):
            bring(scene, [row("a"), row("b")], key="k")
    assert state(scene, "a") == "ConsentUnknown"
    scene.consent("lakeside-app", "b@example.org", RESEARCH, NO)  # so the repeat leaves somebody out
    done = bring(scene, [row("a"), row("b")], key="k")
    assert done.left_out == ((1, LeftOut.SAID_NO_SINCE),)
    assert len(scene.of_type(EntryType.CONSENT_BATCH)) == 1
    known = {entry.idem for entry in scene.entries()}
    scene.house.vault.sweep(lambda under: under in known)
    assert state(scene, "a") == "ConsentGiven"


def test_a_no_between_looking_and_writing_is_not_overwritten(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, late = scene.house.ledger.append, [True]

    def raced(draft: Any, **more: Any) -> Any:
        if draft.type is EntryType.CONSENT_BATCH and late.pop():
            late.append(False)
            scene.consent("lakeside-app", "a@example.org", RESEARCH, NO)
        return append(draft, **more)

    monkeypatch.setattr(scene.house.ledger, "append", raced)
    done = bring(scene, [row("a"), row("b")])
    assert done.left_out == ((0, LeftOut.SAID_NO_SINCE),)
    assert (state(scene, "a"), state(scene, "b")) == ("ConsentWithdrawn", "ConsentGiven")


def test_a_list_that_is_too_long_or_empty_is_refused(scene: Scene) -> None:
    for rows in ([], [row("a")] * (MOST + 1)):
        with pytest.raises(ConsentNotRecorded, match="1 to 5000"):
            bring(scene, rows)


def test_a_notice_that_was_never_published_or_found_wrong_is_refused_before_anybody_is_made(
    scene: Scene,
) -> None:
    with pytest.raises(ConsentNotRecorded) as refused:
        bring(scene, [row("a")], key="k", notice="pool", notice_version=9)
    assert refused.value.code == "UNKNOWN_NOTICE"
    scene.say(EntryType.NOTICE_INVALIDATED, {"controller": LAKESIDE, "notice": "pool", "version": 1})
    with pytest.raises(ConsentNotRecorded) as refused:
        bring(scene, [row("a")], key="k", notice="pool", notice_version=1)
    assert refused.value.code == "WRONG_NOTICE"
    assert state(scene, "a") == "nobody"
    assert bring(scene, [row("a", NO)], key="k", notice="pool", notice_version=1).counts[NO] == 1


def test_a_purpose_that_was_never_published_and_another_house_are_refused(scene: Scene) -> None:
    with pytest.raises(ConsentNotRecorded), scene.inquiry(caller("lakeside-app")) as ask:
        record_consents(ask, List(LAKESIDE, Purpose.WEB_LINK, [row("a")]), key="k")
    with scene.inquiry(caller("harbour-app")) as ask:
        told = record_consents(ask, List(LAKESIDE, RESEARCH, [row("a")]), key="k")
    assert isinstance(told, Refusal)
    assert told.reason is Reason.NO_AGREEMENT
    assert state(scene, "a") == "nobody"


def test_nothing_kept_of_a_list_tells_whom_it_was_about(scene: Scene) -> None:
    bring(scene, [row("a"), row("no address")])
    [kept] = scene.rows("select key, position, received, told_sha256, left_out from consent_batch")
    for name in ("a@example.org", "no address"):
        assert name not in str(kept)
        assert hashlib.sha256(name.encode()).hexdigest() not in str(kept)
    with reading(scene.house.engine):
        pass


def test_five_thousand_rows_are_one_entry(scene: Scene) -> None:
    rows = [row(f"p{number}", NO if number % 3 == 0 else YES) for number in range(MOST)]
    done = bring(scene, rows)
    assert (done.counts[YES], done.counts[NO]) == (3333, 1667)
    assert scene.rows("select count(*) from standing") == [(MOST,)]


def test_who_asked_to_stay_out_is_made_known_by_no_list_and_no_house(scene: Scene) -> None:
    scene.bring(LAKESIDE, [{"identifier": "d@example.org"}])
    with scene.inquiry(caller("harbour-app")) as ask:
        desk_stop(ask, HARBOUR, "d@example.org", key=scene.key())
    done = bring(scene, [row("D@Example.org"), row("e")])
    assert done.left_out == ((0, LeftOut.KEPT_OUT),)
    for act in (ConsentAct.GRANTED, ConsentAct.OBJECTED):
        decision = Decision(HARBOUR, RESEARCH, act, "d@example.org", ConsentChannel.WEB)
        with pytest.raises(ConsentNotRecorded) as refused, scene.inquiry(caller("harbour-app")) as ask:
            record_consent(ask, decision, key=scene.key())
        assert refused.value.code == "KEPT_OUT"
    assert scene.house.vault.find(HARBOUR, "d@example.org") is None
    limiting = Decision(LAKESIDE, RESEARCH, ConsentAct.OBJECTED, "d@example.org", ConsentChannel.WEB)
    with scene.inquiry(caller("lakeside-app")) as ask:
        done_so = record_consent(ask, limiting, key=scene.key())
    assert isinstance(done_so, Receipt), "at a house that knows the person, a no always counts"
