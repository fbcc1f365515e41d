"""The inquiry: what leaves is recorded first, what cannot be recorded does not leave, and one moment for all."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Connection, event
from starlette.testclient import TestClient

from api.app import create_app
from api.assembly import Assembled
from api.errors import INTERNAL, problem_of
from consent_ledger.caller import Caller
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.entry import EntryType
from consent_ledger.follower import LedgerError
from consent_ledger.log import LedgerUnavailable
from consent_ledger.permit import Permit, PermitEnded, Refusal, decide
from consent_ledger.question import audience_question
from consent_ledger.vocabulary import ConsentAct, FieldGroup, PersonRef, ProductionRef, Purpose, Reason, Scope
from insight.criteria import Criteria
from insight.figures import Figure, ReleasedAudience
from insight.subjects import commit_to_subjects
from resolvers.audiences import AudienceAsked, audience
from resolvers.gate import Inquiry
from schema.ids import global_id
from tests.resolvers.scene import (
    BUREAU,
    LAKESIDE,
    OWN,
    RESEARCH,
    Scene,
    caller,
    research,
)

ROWS: list[dict[str, Any]] = [
    {"identifier": "a@example.org", "line_ref": "1", "order_ref": "o1", "gross": 2000},
    {"identifier": "a@example.org", "line_ref": "2", "order_ref": "o1", "gross": 2000},
    {"identifier": "b@example.org", "order_ref": "o2", "gross": 3000},
    {"identifier": "c@example.org", "order_ref": "o3", "gross": 500, "production_ref": "lear"},
    {"identifier": None, "order_ref": "o4", "gross": 700},
]


@pytest.fixture
def shared(scene: Scene) -> Scene:
    """Lakeside has sold tickets to three known visitors, and the bureau may study them."""
    scene.bring(LAKESIDE, ROWS)
    scene.agree(research(), "bureau-app", "lakeside-app")
    return scene


def asked(*figures: str, purpose: Purpose = RESEARCH, criteria: Criteria | None = None) -> AudienceAsked:
    return AudienceAsked(LAKESIDE, purpose, None, criteria or Criteria(), frozenset(figures))


def value(found: ReleasedAudience | Refusal, name: str) -> Any:
    assert isinstance(found, ReleasedAudience), found
    figure = found.figures[name]
    assert isinstance(figure, Figure), figure
    return figure.value


def ask_for(
    scene: Scene, who: Caller, *figures: str, **more: Any
) -> tuple[ReleasedAudience | Refusal, Inquiry]:
    with scene.inquiry(who) as ask:
        found = audience(ask, asked(*figures, **more))
    return found, ask


def bureau() -> Caller:
    return caller("bureau-app")


def tail(scene: Scene, since: int) -> list[str]:
    return [entry.type for entry in scene.entries(since)]


# what is recorded


def test_own_data_record_nothing(shared: Scene) -> None:
    size = shared.size()
    found, ask = ask_for(shared, caller("lakeside-app"), "bookers", "spend", "segments", purpose=OWN)
    assert value(found, "bookers") == 3
    assert ask.receipt is None
    assert shared.size() == size


def test_one_answer_is_one_entry_with_what_left(shared: Scene) -> None:
    size = shared.size()
    found, ask = ask_for(shared, bureau(), "bookers", "tickets", "spend", "segments")
    assert ask.receipt is not None
    [entry] = shared.entries(size)
    assert (entry.type, ask.receipt.entry) == ("disclosure.recorded", entry.line.decode())
    body = cast("dict[str, Any]", entry.body)
    assert value(found, "bookers") == 3
    assert body["persons"] == "r1_9", "an exact number would tell what a minimum group withholds"
    assert body["rows"] == "r1_9", "five lines were read, however many figures were counted of them"
    assert (body["recipient"], body["client"], body["controllers"]) == (BUREAU, "bureau-app", [LAKESIDE])
    assert body["groups"] == ["base", "segment", "spend"]
    assert body["basis"]["size"] == size
    assert body["basis"]["root"] == ask.snapshot.root.hex()
    used = {shared.entries()[seq].type for seq in body["basis"]["seqs"]}
    assert used == {
        "party.registered",
        "scope.granted",
        "basis.recorded",
        "notice.published",
        "agreement.proposed",
        "agreement.accepted",
    }


def test_the_figures_of_one_answer_rest_on_one_agreement(scene: Scene) -> None:
    scene.bring(LAKESIDE, ROWS)
    scene.agree(research(groups=frozenset({FieldGroup.BASE})), "bureau-app", "lakeside-app")
    two = scene.agree(
        research(groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}), minimum_group=2),
        "bureau-app",
        "lakeside-app",
    )
    size = scene.size()
    found, _ = ask_for(scene, bureau(), "bookers", "spend")
    [entry] = scene.entries(size)
    body = cast("dict[str, Any]", entry.body)
    assert body["agreements"] == [two], "the one that covers most of what was asked"
    assert value(found, "bookers") == 3


def test_nothing_selected_is_nothing_disclosed(shared: Scene) -> None:
    size = shared.size()
    _, ask = ask_for(shared, bureau())
    assert ask.receipt is None
    assert shared.size() == size


def test_a_refusal_under_an_agreement_is_an_entry(shared: Scene) -> None:
    size = shared.size()
    found, _ = ask_for(shared, bureau(), "bookers", purpose=Purpose.SECTOR_BENCHMARK)
    assert isinstance(found, Refusal)
    [entry] = shared.entries(size)
    body = cast("dict[str, Any]", entry.body)
    assert (entry.type, body["reasons"]) == ("refusal.recorded/2", ["PURPOSE_NOT_COVERED"])
    assert body["basis"]["size"] == size


def test_an_answer_in_part_is_a_disclosure_and_a_refusal(shared: Scene) -> None:
    size = shared.size()
    found, ask = ask_for(shared, bureau(), "bookers", "contexts")
    assert isinstance(found, ReleasedAudience)
    assert tail(shared, size) == ["disclosure.recorded", "refusal.recorded/2"]
    assert ask.receipt is not None
    body = cast("dict[str, Any]", shared.entries(size)[0].body)
    assert body["groups"] == ["base"], "what was refused is not told to have left"


def test_a_refusal_without_any_agreement_is_no_entry(scene: Scene) -> None:
    size = scene.size()
    found, _ = ask_for(scene, bureau(), "bookers")
    assert isinstance(found, Refusal)
    assert found.reason is Reason.NO_AGREEMENT
    assert scene.size() == size


def test_an_error_inside_records_nothing(shared: Scene) -> None:
    size = shared.size()
    with contextlib.suppress(ZeroDivisionError), shared.inquiry(bureau()) as ask:
        audience(ask, asked("bookers"))
        raise ZeroDivisionError
    assert shared.size() == size


# the commitment to the persons counted


def opened(persons: Sequence[str], nonce: bytes) -> str:
    """RFC 9162, 2.1.1 over the HMAC of each reference, written out apart from the product."""
    leaves = [
        hashlib.sha256(b"\0" + leaf).digest()
        for leaf in sorted(hmac.digest(nonce, person.encode(), "sha256") for person in persons)
    ]

    def root(some: list[bytes]) -> bytes:
        if len(some) < 2:
            return some[0] if some else hashlib.sha256(b"").digest()
        split = 1 << ((len(some) - 1).bit_length() - 1)
        return hashlib.sha256(b"\x01" + root(some[:split]) + root(some[split:])).digest()

    return root(leaves).hex()


def test_the_commitment_opens_to_the_persons_counted_and_no_other(shared: Scene) -> None:
    _, ask = ask_for(shared, bureau(), "bookers", criteria=Criteria(productions=frozenset({ref("hamlet")})))
    assert ask.receipt is not None
    body = cast("dict[str, Any]", shared.entries()[ask.receipt.position].body)
    [(nonce,)] = shared.rows(
        "select nonce from disclosure_secret where position = :at", at=ask.receipt.position
    )
    known = {name: shared.house.vault.find(LAKESIDE, f"{name}@example.org") for name in ("a", "b", "c")}
    counted = [person for name, person in known.items() if person is not None and name != "c"]
    assert len(counted) == 2
    assert body["subjects"] == opened(counted, bytes(nonce))
    assert known["c"] is not None
    assert body["subjects"] != opened([*counted, known["c"]], bytes(nonce))
    assert body["subjects"] != opened(counted, bytes(32))


def test_two_answers_about_the_same_persons_cannot_be_told_to_be(shared: Scene) -> None:
    positions = []
    for _ in range(2):
        _, ask = ask_for(shared, bureau(), "bookers")
        assert ask.receipt is not None
        positions.append(ask.receipt.position)
    one, two = (cast("Any", shared.entries()[at].body)["subjects"] for at in positions)
    assert one != two


def test_nobody_and_everybody_have_a_commitment() -> None:
    persons = [PersonRef(f"{number:032x}") for number in range(7)]
    for count in range(8):
        assert commit_to_subjects(persons[:count], b"n" * 32) == opened(list(persons[:count]), b"n" * 32)
    assert commit_to_subjects(reversed(persons), b"n" * 32) == commit_to_subjects(persons, b"n" * 32)


def ref(name: str) -> ProductionRef:
    return ProductionRef(name)


# what cannot be recorded does not leave


def broken(*_: Any, **__: Any) -> Any:
    raise LedgerUnavailable("LEDGER_UNAVAILABLE", "The database did not answer.")


def test_what_cannot_be_recorded_does_not_leave_the_door(
    shared: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.house.ledger, "append", broken)
    monkeypatch.setattr(shared.house.ledger, "append_all", broken)
    with pytest.raises(LedgerUnavailable):
        ask_for(shared, bureau(), "bookers")
    found, _ = ask_for(shared, caller("lakeside-app"), "bookers", purpose=OWN)
    assert value(found, "bookers") == 3, "own data need no entry"


def test_it_does_not_leave_when_the_nonce_cannot_be_kept(shared: Scene) -> None:
    """The real failure, at the last moment: the row beside the entry is refused."""

    def refuse(_: Connection, __: Any, statement: str, *___: Any) -> None:
        if "disclosure_secret" in statement:
            raise OSError("no space left on device")

    size = shared.size()
    event.listen(shared.house.engine, "before_cursor_execute", refuse)
    try:
        with pytest.raises(OSError, match="no space"):
            ask_for(shared, bureau(), "bookers")
    finally:
        event.remove(shared.house.engine, "before_cursor_execute", refuse)
    assert shared.size() == size


def test_a_client_whose_organisation_left_meanwhile_gets_nothing_and_a_sentence(shared: Scene) -> None:
    def leave() -> None:
        with shared.inquiry(bureau()) as ask:
            audience(ask, asked("bookers"))
            shared.say(EntryType.PARTY_CLOSED, {"party": BUREAU})

    with pytest.raises(LedgerError) as raised:
        leave()
    told = problem_of(raised.value)
    assert told is not INTERNAL
    assert "disclosure.recorded" not in tail(shared, 0)


class Door:
    """The HTTP application of a scene, in which a header names the application that asks."""

    def __init__(self, scene: Scene) -> None:
        oauth = SimpleNamespace(
            audience="http://testserver/graphql",
            credential=self._credential,
            admitted=lambda connection, authorization: (self._credential(connection, authorization), None),
            routes=list,
        )
        settings = SimpleNamespace(outbox=scene.folder / "outbox", base_url="http://testserver")
        parts = SimpleNamespace(house=scene.house, oauth=oauth, settings=settings, witnessing=None)
        self.http = TestClient(create_app(cast("Assembled", parts)), raise_server_exceptions=False)

    @staticmethod
    def _credential(_: Connection, authorization: str | None) -> Caller:
        return caller((authorization or "").removeprefix("Bearer "))

    def post(self, who: str, query: str, **variables: Any) -> tuple[int, dict[str, Any]]:
        answer = self.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {who}", "Accept": "application/graphql-response+json"},
        )
        return answer.status_code, answer.json()


BOOKERS = """query ($of: ID!) { audience(institution: $of, purpose: RESEARCH) {
    ... on Audience { bookers { ... on Count { value } } } } }"""


def test_over_http_an_answer_that_cannot_be_recorded_carries_no_data(
    shared: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, lakeside = Door(shared), global_id("Institution", LAKESIDE)
    status, answer = door.post("bureau-app", BOOKERS, of=lakeside)
    assert (status, answer["data"]["audience"]["bookers"]["value"]) == (200, 3)
    assert answer["extensions"]["receipt"]["position"] == shared.size() - 1
    monkeypatch.setattr(shared.house.ledger, "append", broken)
    monkeypatch.setattr(shared.house.ledger, "append_all", broken)
    status, answer = door.post("bureau-app", BOOKERS, of=lakeside)
    assert status >= 400
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == "LEDGER_UNAVAILABLE"


def test_an_unforeseen_failure_of_the_entry_is_masked_and_carries_no_data(
    shared: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a@example.org")

    monkeypatch.setattr(shared.house.ledger, "append", fails)
    monkeypatch.setattr(shared.house.ledger, "append_all", fails)
    status, answer = Door(shared).post("bureau-app", BOOKERS, of=global_id("Institution", LAKESIDE))
    assert (status, "data" in answer) == (500, False)
    assert "example.org" not in str(answer)


# one moment


def test_permits_die_with_the_inquiry(shared: Scene) -> None:
    with shared.inquiry(bureau()) as ask:
        permit = ask.ask(audience_question(LAKESIDE, RESEARCH, [FieldGroup.BASE]))
        assert isinstance(permit, Permit)
    with pytest.raises(PermitEnded):
        _ = permit.controller
    with contextlib.suppress(ZeroDivisionError), shared.inquiry(bureau()) as ask:
        permit = ask.ask(audience_question(LAKESIDE, RESEARCH, [FieldGroup.BASE]))
        raise ZeroDivisionError
    assert isinstance(permit, Permit)
    with pytest.raises(PermitEnded):
        _ = permit.size


def test_without_a_head_there_is_no_answer(shared: Scene) -> None:
    """The head's row is gone, as after a broken restore: nothing is decided, nothing is read."""
    owner = open_engine(shared.database.owner_url, Login.OWNER)
    shared.engines.append(owner)
    with writing(owner) as connection:
        connection.exec_driver_sql("alter table ledger_head rename to ledger_head_gone")
    status, answer = Door(shared).post("bureau-app", BOOKERS, of=global_id("Institution", LAKESIDE))
    assert (status >= 400, "data" in answer) == (True, False)
    with pytest.raises(LedgerError, match="head of the ledger cannot be read"), shared.inquiry(bureau()):
        raise AssertionError("the inquiry must not open")


def test_a_pinned_inquiry_keeps_its_moment_and_the_next_sees_the_withdrawal(shared: Scene) -> None:
    with shared.inquiry(caller("lakeside-app")) as before:
        shared.consent("lakeside-app", "a@example.org", OWN, ConsentAct.OBJECTED)
        with shared.inquiry(caller("lakeside-app")) as after:
            late = audience(after, asked("bookers", "spend", "tickets", purpose=OWN))
        early = audience(before, asked("bookers", "spend", "tickets", purpose=OWN))
    assert (value(early, "bookers"), value(late, "bookers")) == (3, 2)
    assert value(early, "spend") == value(late, "spend")
    assert value(early, "tickets") == value(late, "tickets") == 5


def test_an_agreement_that_ended_after_the_pin_still_answers_there_and_nowhere_else(shared: Scene) -> None:
    [agreement] = {
        cast("Any", entry.body)["agreement"] for entry in shared.of_type(EntryType.AGREEMENT_PROPOSED)
    }
    with shared.inquiry(bureau()) as before:
        shared.end(agreement, "lakeside-app")
        early = audience(before, asked("bookers"))
    late, _ = ask_for(shared, bureau(), "bookers")
    assert value(early, "bookers") == 3
    assert isinstance(late, Refusal)
    assert late.reason is Reason.AGREEMENT_ENDED
    entry = shared.of_type(EntryType.DISCLOSURE_RECORDED)[-1]
    ended = shared.of_type(EntryType.AGREEMENT_ENDED)[-1]
    assert cast("Any", entry.body)["basis"]["size"] <= ended.seq < entry.seq, (
        "an auditor sees what came between"
    )


@pytest.mark.parametrize("warm", [False, True], ids=["index built after", "index built before"])
def test_lines_imported_after_the_pin_are_not_seen(shared: Scene, warm: bool) -> None:
    if warm:
        ask_for(shared, caller("lakeside-app"), "bookers", purpose=OWN)
    with shared.inquiry(caller("lakeside-app")) as before:
        shared.bring(LAKESIDE, [{"identifier": "d@example.org", "order_ref": "o9"}])
        with shared.inquiry(caller("lakeside-app")) as after:
            late = audience(after, asked("bookers", "tickets", purpose=OWN))
        early = audience(before, asked("bookers", "tickets", purpose=OWN))
        rows = before.connection.exec_driver_sql("select count(*) from ticket_line").scalar_one()
    assert (value(early, "bookers"), value(early, "tickets"), rows) == (3, 5, 5)
    assert (value(late, "bookers"), value(late, "tickets")) == (4, 6)
    again, _ = ask_for(shared, caller("lakeside-app"), "tickets", purpose=OWN)
    assert value(again, "tickets") == 6, "the older index did not push out the newer one"


def test_another_process_sees_it_at_its_next_question(shared: Scene) -> None:
    beside = shared.beside()
    shared.consent("lakeside-app", "b@example.org", RESEARCH, ConsentAct.OBJECTED)
    with reading(shared.house.engine) as connection:
        snapshot = beside.pin(connection)
        assert snapshot.size == shared.size()
        snapshot.end()
    beside.close()


# the same question, another asker


def test_an_answer_is_never_given_to_another_caller(shared: Scene) -> None:
    question = audience_question(LAKESIDE, RESEARCH, [FieldGroup.SPEND])
    with shared.inquiry(bureau()) as ask:
        wide = ask.ask(question)
        narrow = caller("bureau-app", {Scope.AUDIENCES_READ})
        assert isinstance(wide, Permit)
        for other in (narrow, caller("harbour-app"), caller("audit")):
            answer = decide(ask.snapshot, other, question)
            assert isinstance(answer, Refusal), other.client
        assert ask.ask(audience_question(LAKESIDE, RESEARCH, [FieldGroup.SPEND])) is wide


def test_an_answer_of_which_nothing_leaves_is_a_refusal_and_gives_no_receipt(scene: Scene) -> None:
    scene.bring(LAKESIDE, ROWS)
    scene.agree(research(minimum_group=100), "bureau-app", "lakeside-app")
    size = scene.size()
    _, ask = ask_for(scene, bureau(), "bookers", "tickets")
    assert ask.receipt is None, "a receipt would tell how many persons were withheld"
    [entry] = scene.entries(size)
    body = cast("dict[str, Any]", entry.body)
    assert (entry.type, body["reasons"]) == ("refusal.recorded/2", ["BELOW_K"])


def test_over_http_a_field_asked_in_two_places_is_one_selection(shared: Scene) -> None:
    lakeside = global_id("Institution", LAKESIDE)
    twice = """query ($of: ID!) {
      audience(institution: $of, purpose: RESEARCH) { ... on Audience { bookers { __typename } } }
      ...more
    }
    fragment more on Query {
      audience(institution: $of, purpose: RESEARCH) { ... on Audience { tickets { __typename } } }
    }"""
    found = Door(shared).post("bureau-app", twice, of=lakeside)[1]["data"]["audience"]
    assert found == {"bookers": {"__typename": "Count"}, "tickets": {"__typename": "Count"}}


def test_over_http_the_last_day_of_the_calendar_is_a_day(shared: Scene) -> None:
    query = """query ($of: ID!) { audience(institution: $of, purpose: RESEARCH,
        criteria: {period: {firstDay: "2026-01-01", lastDay: "9999-12-31"}}) { __typename } }"""
    answer = Door(shared).post("bureau-app", query, of=global_id("Institution", LAKESIDE))[1]
    assert "errors" not in answer


def test_over_http_nothing_is_redirected_by_the_host_that_was_said(shared: Scene) -> None:
    answer = Door(shared).http.post("/graphql/", headers={"Host": "evil.example"}, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers
