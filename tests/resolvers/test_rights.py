"""The queue of rights: recorded, due by the calendar, extended once and in time, answered; nothing of anybody."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest

from api.errors import INTERNAL, problem_of
from consent_ledger.entry import EntryType
from consent_ledger.log import IdempotencyConflict
from consent_ledger.permit import Refusal
from consent_ledger.question import consents_question
from consent_ledger.right_requests import (
    RequestState,
    RightRefused,
    RightRequest,
    Secret,
    months_after,
)
from consent_ledger.state import State
from consent_ledger.vocabulary import ErasureMode, PartyId, Reason, Right, RightOutcome, Scope
from resolvers import rights as door
from resolvers.gate import Inquiry, Receipt
from resolvers.rights import (
    RightChanged,
    answer_right_request,
    erase_as_asked,
    extend_right_request,
    record_right_request,
    right_requests,
)
from schema.build import build
from schema.context import Context
from schema.ids import global_id
from tests.resolvers.scene import APPLICATIONS, LAKESIDE, Scene, caller

TODAY = date(2026, 1, 6)
DESK = APPLICATIONS["lakeside-app"][2] | {Scope.CONSENT_READ, Scope.CONSENT_WRITE}


@pytest.fixture
def desk(scene: Scene) -> Scene:
    """Both houses have a desk that may see its queue."""
    for name in ("lakeside-app", "harbour-app"):
        party, kind, scopes = APPLICATIONS[name]
        widest = [*sorted(scopes | {Scope.CONSENT_READ})]
        scene.say(
            EntryType.SCOPE_GRANTED, {"client": name, "party": party, "kind": kind, "scopes": [*widest]}
        )
    return scene


@contextmanager
def at_desk(scene: Scene, name: str = "lakeside-app") -> Iterator[Inquiry]:
    with scene.inquiry(caller(name, DESK)) as ask:
        yield ask


def record(
    scene: Scene,
    right: Right = Right.ACCESS,
    received: date = TODAY,
    *,
    key: str | None = None,
    name: str = "lakeside-app",
) -> RightChanged:
    with at_desk(scene, name) as ask:
        done = record_right_request(ask, right, received, key=key or scene.key())
    assert isinstance(done, RightChanged), done
    return done


def extend(scene: Scene, reference: str, *, key: str = "e") -> RightChanged:
    with at_desk(scene) as ask:
        done = extend_right_request(ask, reference, key=key)
    assert isinstance(done, RightChanged), done
    return done


def answer(scene: Scene, reference: str, outcome: RightOutcome, *, key: str = "a") -> RightChanged:
    with at_desk(scene) as ask:
        done = answer_right_request(ask, reference, outcome, key=key)
    assert isinstance(done, RightChanged), done
    return done


def queue(scene: Scene, name: str = "lakeside-app", **more: Any) -> list[RightRequest]:
    asked: dict[str, Any] = {"state": None, "after": None, "first": 100, **more}
    with at_desk(scene, name) as ask:
        found = right_requests(ask, **asked)
    assert not isinstance(found, Refusal), found
    return found


def code(raised: pytest.ExceptionInfo[Exception]) -> str:
    told = problem_of(raised.value)
    assert told is not INTERNAL, repr(raised.value)
    return told.code


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 1, 6), 1, date(2026, 2, 6)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 7, 1), 3, date(2026, 10, 1)),
    ],
)
def test_a_month_is_one_of_the_calendar(start: date, months: int, end: date) -> None:
    assert months_after(start, months) == end


def test_the_calendar_never_gives_more_than_the_fold_takes() -> None:
    days = [date(2024, 1, 1) + timedelta(number) for number in range(366 * 4)]
    assert max((months_after(day, 1) - day).days for day in days) == 31
    assert max((months_after(day, 3) - day).days for day in days) == 92


def test_a_request_gets_a_number_and_its_day(desk: Scene) -> None:
    done = record(desk, Right.ERASURE, date(2026, 1, 2))
    [entry] = desk.of_type(EntryType.RIGHT_REQUESTED)
    assert entry.seq == done.receipt.position == done.request.position
    assert entry.body == {
        "controller": LAKESIDE,
        "request_sha256": done.request.request_sha256,
        "right": "erasure",
        "due": "2026-02-02",
    }
    assert entry.rt == "2026-01-06", "the day, not the time"
    assert done.request.reference.startswith("R-")
    assert done.request.reference not in done.receipt.entry
    assert (done.request.due, done.request.days_left(TODAY)) == (date(2026, 2, 2), 27)
    assert queue(desk) == [done.request]


def test_nobody_finds_the_entry_of_a_number_without_its_nonce() -> None:
    one = Secret.new()
    other = Secret(one.number, bytes(32))
    assert one.request_sha256(LAKESIDE) == Secret(one.number, one.nonce).request_sha256(LAKESIDE)
    assert one.request_sha256(LAKESIDE) != other.request_sha256(LAKESIDE)
    assert one.request_sha256(LAKESIDE) != one.request_sha256(PartyId("harbour"))


def test_the_same_key_is_the_same_request_and_another_content_a_conflict(desk: Scene) -> None:
    first = record(desk, Right.ACCESS, key="k")
    size = desk.size()
    desk.clock.advance(timedelta(days=3))
    again = record(desk, Right.ACCESS, key="k")
    assert (again.request, again.receipt.position) == (first.request, first.receipt.position)
    for right, received in ((Right.ERASURE, TODAY), (Right.ACCESS, date(2026, 1, 5))):
        with pytest.raises(IdempotencyConflict):
            record(desk, right, received, key="k")
    assert desk.size() == size
    assert len(queue(desk)) == 1


def test_two_desks_that_ask_at_once_with_one_key_record_one_request(desk: Scene) -> None:
    start, found = threading.Barrier(4), []

    def ask_once() -> None:
        with at_desk(desk) as ask:
            start.wait(10)  # all have pinned the ledger before anyone writes
            found.append(record_right_request(ask, Right.ACCESS, TODAY, key="k"))

    threads = [threading.Thread(target=ask_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert all(isinstance(one, RightChanged) for one in found)
    assert {one.request.reference for one in found if isinstance(one, RightChanged)} == {
        queue(desk)[0].reference
    }
    assert len(desk.of_type(EntryType.RIGHT_REQUESTED)) == 1


@pytest.mark.parametrize("received", [date(2026, 1, 7), date(2024, 12, 31)])
def test_a_day_of_receipt_that_cannot_be_is_refused(desk: Scene, received: date) -> None:
    size = desk.size()
    with pytest.raises(RightRefused) as raised:
        record(desk, received=received)
    assert code(raised) == "RECEIVED_ON"
    assert desk.size() == size


def test_a_request_that_was_left_lying_is_overdue_at_once(desk: Scene) -> None:
    done = record(desk, received=date(2025, 11, 20), key="k")
    assert done.request.due == date(2025, 12, 20)
    assert done.request.is_overdue(TODAY)
    assert done.request.days_left(TODAY) == -17
    [entry] = desk.of_type(EntryType.RIGHT_REQUESTED)
    assert entry.body["due"] == "2026-01-06", "the ledger takes no day that has passed"
    desk.clock.advance(timedelta(days=1))
    assert record(desk, received=date(2025, 11, 20), key="k").receipt.position == entry.seq
    with pytest.raises(RightRefused) as raised:
        extend(desk, done.request.reference)
    assert code(raised) == "TOO_LATE_TO_EXTEND"
    assert not desk.of_type(EntryType.RIGHT_EXTENDED)
    assert answer(desk, done.request.reference, RightOutcome.DONE).request.state is RequestState.ANSWERED


def test_a_request_is_extended_once_to_three_months_and_within_its_month(desk: Scene) -> None:
    first, second = record(desk), record(desk)
    done = extend(desk, first.request.reference)
    assert (done.request.due, done.request.is_extended) == (date(2026, 4, 6), True)
    assert extend(desk, first.request.reference).receipt.position == done.receipt.position, "repeated"
    with pytest.raises(RightRefused) as raised:
        extend(desk, first.request.reference, key="again")
    assert code(raised) == "ALREADY_EXTENDED"
    desk.clock.advance(timedelta(days=31))
    extended = extend(desk, second.request.reference, key="last day")
    assert extended.request.due == date(2026, 4, 6)
    desk.clock.advance(timedelta(days=1))
    third = record(desk, received=date(2026, 1, 8))
    desk.clock.advance(timedelta(days=2))
    with pytest.raises(RightRefused) as raised:
        extend(desk, third.request.reference, key="late")
    assert code(raised) == "TOO_LATE_TO_EXTEND"
    assert extend(desk, second.request.reference, key="last day").request == extended.request


def test_an_answer_takes_it_off_the_queue_once(desk: Scene) -> None:
    done = record(desk)
    reference = done.request.reference
    answered = answer(desk, f" {reference.lower()} ", RightOutcome.PARTLY)
    assert (answered.request.outcome, answered.request.answered) == (RightOutcome.PARTLY, TODAY)
    assert answered.request.days_left(TODAY) is None
    assert not answered.request.is_overdue(date(2030, 1, 1))
    assert answer(desk, reference, RightOutcome.PARTLY).receipt.position == answered.receipt.position
    with pytest.raises(RightRefused) as raised:
        answer(desk, reference, RightOutcome.DONE, key="other")
    assert code(raised) == "ALREADY_ANSWERED"
    with pytest.raises(RightRefused) as raised:
        extend(desk, reference)
    assert code(raised) == "ALREADY_ANSWERED"
    assert queue(desk, state=RequestState.OPEN) == []
    assert queue(desk, state=RequestState.ANSWERED) == [answered.request]


def test_the_queue_is_in_the_order_of_its_days_and_in_pages(desk: Scene) -> None:
    days = [date(2026, 1, 5), date(2026, 1, 2), date(2026, 1, 5), date(2025, 12, 30), date(2026, 1, 6)]
    made = [record(desk, received=day).request for day in days]
    expected = sorted(made, key=lambda one: (one.due, one.position))
    assert queue(desk) == expected
    paged: list[RightRequest] = []
    while page := queue(desk, first=2, after=(paged[-1].due, paged[-1].position) if paged else None):
        paged += page
    assert paged == expected


def test_a_house_sees_and_changes_its_own_requests_alone(desk: Scene) -> None:
    done = record(desk)
    assert queue(desk, "harbour-app") == []
    reference = done.request.reference
    with pytest.raises(RightRefused) as raised, at_desk(desk, "harbour-app") as ask:
        extend_right_request(ask, reference, key="x")
    assert code(raised) == "UNKNOWN_REQUEST"
    with pytest.raises(RightRefused) as raised, at_desk(desk, "harbour-app") as ask:
        answer_right_request(ask, reference, RightOutcome.DONE, key="x")
    assert code(raised) == "UNKNOWN_REQUEST"
    for reference in ("R-2222-2222", "", "R-\u0000", "'; drop table right_request"):
        with pytest.raises(RightRefused) as raised:
            answer(desk, reference, RightOutcome.DONE)
        assert code(raised) == "UNKNOWN_REQUEST"


def test_who_has_no_desk_sees_no_queue_and_writes_none(desk: Scene) -> None:
    size = desk.size()
    for name, scopes, reason in (
        ("bureau-app", None, Reason.ROLE_FORBIDS),
        ("audit", None, Reason.ROLE_FORBIDS),
        ("lakeside-app", {Scope.LEDGER_READ}, Reason.INSUFFICIENT_SCOPE),
    ):
        with desk.inquiry(caller(name, scopes)) as ask:
            for told in (
                right_requests(ask, state=None, after=None, first=1),
                record_right_request(ask, Right.ACCESS, TODAY, key="x"),
                extend_right_request(ask, "R-2222-2222", key="x"),
                answer_right_request(ask, "R-2222-2222", RightOutcome.DONE, key="x"),
            ):
                assert isinstance(told, Refusal)
                assert told.reason is reason
    assert desk.size() == size


def test_a_request_recorded_after_the_pin_is_not_seen_under_it(desk: Scene) -> None:
    with at_desk(desk) as ask:
        before = ask.ask(consents_question(LAKESIDE))
        record(desk)
        assert not isinstance(before, Refusal)
        assert right_requests(ask, state=None, after=None, first=10) == []
    assert len(queue(desk)) == 1


def test_the_queue_says_what_the_ledger_says(desk: Scene) -> None:
    made = [record(desk, right) for right in Right]
    extend(desk, made[0].request.reference)
    answer(desk, made[1].request.reference, RightOutcome.REFUSED)
    desk.restart()
    state = State.start().apply(desk.entries())
    rows = {(LAKESIDE, one.request_sha256): one for one in queue(desk)}
    assert rows.keys() == state.rights.keys()
    for key, known in state.rights.items():
        row = rows[key]
        assert (row.right, row.due, row.outcome, row.position) == (
            known.right,
            known.due,
            known.outcome,
            known.seq,
        )


def test_an_entry_that_is_not_recorded_leaves_no_row(desk: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any, **__: Any) -> Any:
        raise OSError

    with monkeypatch.context() as crash:
        crash.setattr(desk.house.ledger, "append", dies)
        with pytest.raises(OSError):  # noqa: PT011 -- as the disk would say it
            record(desk, key="k")
    assert queue(desk) == []
    assert record(desk, key="k").request == queue(desk)[0]


# an erasure that was asked for


def erase(
    scene: Scene, reference: str, email: str = "p1@example.org", *, key: str = "erase"
) -> tuple[Receipt, ...]:
    with at_desk(scene) as ask:
        done = erase_as_asked(ask, reference, email, mode=ErasureMode.FORGET_ME, key=key)
    assert not isinstance(done, Refusal), done
    return done.receipts


def test_an_erasure_answers_the_request_that_asked_for_it(desk: Scene) -> None:
    desk.bring(LAKESIDE, [{"identifier": f"p{number}@example.org"} for number in range(3)])
    asked = record(desk, Right.ERASURE).request
    done = erase(desk, asked.reference)
    assert [entry.type for entry in desk.entries()[-2:]] == ["subject.erased", "right.answered"]
    assert [one.position for one in done] == [entry.seq for entry in desk.entries()[-2:]]
    assert queue(desk)[0].outcome is RightOutcome.DONE
    size = desk.size()
    assert [one.position for one in erase(desk, asked.reference)] == [one.position for one in done]
    assert desk.size() == size
    with pytest.raises(RightRefused) as raised:
        erase(desk, asked.reference, "p2@example.org", key="other")
    assert code(raised) == "ALREADY_ANSWERED"
    assert desk.house.vault.find(LAKESIDE, "p2@example.org") is not None, "nobody was erased by it"


def test_nobody_is_erased_by_a_request_for_something_else(desk: Scene) -> None:
    desk.bring(LAKESIDE, [{"identifier": "p1@example.org"}])
    size = desk.size()
    asked = record(desk, Right.ACCESS).request
    for reference in (asked.reference, "R-2222-2222", "none"):
        with pytest.raises(RightRefused) as raised:
            erase(desk, reference)
        assert code(raised) == "UNKNOWN_REQUEST"
    assert desk.size() == size + 1
    assert desk.house.vault.find(LAKESIDE, "p1@example.org") is not None


def test_a_crash_between_erasure_and_answer_is_made_good_by_the_same_key(
    desk: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.bring(LAKESIDE, [{"identifier": "p1@example.org"}])
    asked = record(desk, Right.ERASURE).request

    def dies(*_: Any, **__: Any) -> Any:
        raise OSError

    with monkeypatch.context() as crash:
        crash.setattr(door, "answer_right_request", dies)
        with pytest.raises(OSError):  # noqa: PT011 -- as the disk would say it
            erase(desk, asked.reference)
    assert desk.house.vault.find(LAKESIDE, "p1@example.org") is None
    assert queue(desk)[0].state is RequestState.OPEN
    erase(desk, asked.reference)
    assert queue(desk)[0].outcome is RightOutcome.DONE
    assert len(desk.of_type(EntryType.SUBJECT_ERASED)) == 1


# through GraphQL

SCHEMA = build()


def told(scene: Scene, query: str, **variables: Any) -> dict[str, Any]:
    with at_desk(scene) as ask:
        done = SCHEMA.execute_sync(query, variable_values=variables, context_value=Context(ask))
    assert done.errors is None, done.errors
    assert done.data is not None
    return done.data


REQUEST = "reference right receivedOn dueOn daysLeft isOverdue isExtended state outcome answeredOn position"


def test_a_desk_works_its_queue_over_graphql(desk: Scene) -> None:
    recorded = told(
        desk,
        "mutation R($input: RecordRightRequestInput!) { recordRightRequest(input: $input) {"
        f" ... on RightRequestChanged {{ request {{ {REQUEST} }} receipt {{ position proof }} }} }} }}",
        input={"idempotencyKey": "g", "right": "ACCESS", "receivedOn": "2026-01-05"},
    )["recordRightRequest"]
    reference = recorded["request"]["reference"]
    assert recorded["request"] == {
        "reference": reference,
        "right": "ACCESS",
        "receivedOn": "2026-01-05",
        "dueOn": "2026-02-05",
        "daysLeft": 30,
        "isOverdue": False,
        "isExtended": False,
        "state": "OPEN",
        "outcome": None,
        "answeredOn": None,
        "position": recorded["receipt"]["position"],
    }
    extended = told(
        desk,
        "mutation E($input: ExtendRightRequestInput!) { extendRightRequest(input: $input) {"
        " ... on RightRequestChanged { request { dueOn isExtended } } } }",
        input={"idempotencyKey": "g", "reference": reference},
    )["extendRightRequest"]
    assert extended == {"request": {"dueOn": "2026-04-05", "isExtended": True}}
    other = record(desk).request
    first = told(
        desk, "{ rightRequests(first: 1) { edges { cursor node { reference } } pageInfo { hasNextPage } } }"
    )
    [edge] = first["rightRequests"]["edges"]
    assert edge["node"]["reference"] == other.reference, "it is due before the one that was extended"
    assert first["rightRequests"]["pageInfo"]["hasNextPage"]
    after = told(
        desk,
        "query Q($after: String) { rightRequests(after: $after, state: OPEN) { edges { node { reference } } } }",
        after=edge["cursor"],
    )
    assert after["rightRequests"]["edges"] == [{"node": {"reference": reference}}]
    answered = told(
        desk,
        "mutation A($input: AnswerRightRequestInput!) { answerRightRequest(input: $input) {"
        " ... on RightRequestChanged { request { state outcome daysLeft } } } }",
        input={"idempotencyKey": "g", "reference": reference, "outcome": "REFUSED"},
    )["answerRightRequest"]
    assert answered == {"request": {"state": "ANSWERED", "outcome": "REFUSED", "daysLeft": None}}


def test_a_desk_erases_as_it_was_asked_over_graphql(desk: Scene) -> None:
    desk.bring(LAKESIDE, [{"identifier": "p1@example.org"}])
    reference = record(desk, Right.ERASURE).request.reference
    done = told(
        desk,
        "mutation E($input: ErasePersonInput!) { erasePerson(input: $input) {"
        " ... on PersonErased { receipts { entry } effectiveBy } } }",
        input={"idempotencyKey": "g", "email": "p1@example.org", "mode": "FORGET_ME", "answers": reference},
    )["erasePerson"]
    assert [json.loads(one["entry"])["type"] for one in done["receipts"]] == [
        "subject.erased",
        "right.answered",
    ]
    assert queue(desk)[0].outcome is RightOutcome.DONE


@pytest.mark.parametrize("cursor", ["2026-02-30/3", "2026-02-05", "x/1", "2026-02-05/-1"])
def test_a_cursor_that_is_none_is_refused_in_words(desk: Scene, cursor: str) -> None:
    given = global_id("cursor", cursor)
    with at_desk(desk) as ask:
        done = SCHEMA.execute_sync(
            "query Q($after: String) { rightRequests(after: $after) { edges { cursor } } }",
            variable_values={"after": given},
            context_value=Context(ask),
        )
    assert done.errors is not None
    assert getattr(done.errors[0].original_error, "code", "") == "BAD_USER_INPUT"
