"""The ledger through GraphQL: entries, proofs, cosigned checkpoints, decisions and disclosures, and who sees which."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import strawberry
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_ledger import pages
from consent_ledger.cosignatures import Cosignatures
from consent_ledger.cosigning import Cosigner, Policy, cosignatures
from consent_ledger.database import reading
from consent_ledger.entry import DECIDING, EntryType, Json
from consent_ledger.note import Note, TreeHead
from consent_ledger.past import RULING, recorded_until, ruling_state
from consent_ledger.records import instant
from consent_ledger.state import State
from consent_ledger.tree import leaf_hash, verify_inclusion
from consent_ledger.vocabulary import ConsentAct, Purpose, Scope
from insight.criteria import Criteria
from resolvers.audiences import AudienceAsked, audience
from resolvers.gate import Receipt
from schema.build import build
from schema.context import Context
from schema.ids import global_id
from tests.resolvers.scene import AUDITOR, BUREAU, HARBOUR, LAKESIDE, RESEARCH, Scene, caller, research

SCHEMA: strawberry.Schema = build()


def told(scene: Scene, name: str, query: str, **variables: Any) -> dict[str, Any]:
    """What the ledger answers to this application, which asks no more than its scopes."""
    with scene.inquiry(caller(name)) as ask:
        done = SCHEMA.execute_sync(query, variable_values=variables, context_value=Context(ask))
    assert done.errors is None, done.errors
    assert done.data is not None
    found: dict[str, Any] = done.data["ledger"]
    return found


def failed(scene: Scene, name: str, query: str, **variables: Any) -> str:
    with scene.inquiry(caller(name)) as ask:
        done = SCHEMA.execute_sync(query, variable_values=variables, context_value=Context(ask))
    assert done.errors is not None
    return str(getattr(done.errors[0].original_error, "code", ""))


def disclosed(
    scene: Scene, *figures: str, house: Any = LAKESIDE, purpose: Purpose = RESEARCH
) -> Receipt | None:
    wanted = AudienceAsked(house, purpose, None, Criteria(), frozenset(figures or {"bookers"}))
    with scene.inquiry(caller("bureau-app")) as ask:
        audience(ask, wanted)
    return ask.receipt


@pytest.fixture
def shared(scene: Scene) -> Scene:
    """The bureau may see the audiences of both houses; twelve persons came to each."""
    for house, name in ((LAKESIDE, "lakeside-app"), (HARBOUR, "harbour-app")):
        scene.bring(house, [{"identifier": f"p{number}@example.org"} for number in range(12)])
        scene.agree(research(sources=frozenset({house})), name, "bureau-app")
    return scene


def party(name: str) -> str:
    return global_id("Institution", name)


ENTRIES = """query E($first: Int!, $after: String, $types: [EntryType!], $party: ID) {
  ledger { entries(first: $first, after: $after, types: $types, party: $party) {
    edges { node { position type recordedAt actor client line proof } cursor }
    pageInfo { hasNextPage endCursor } } } }"""


def all_pages(scene: Scene, name: str, first: int, **asked: Any) -> tuple[list[dict[str, Any]], int]:
    """Every entry of all pages, and how many pages there were."""
    after, found, count = None, list[dict[str, Any]](), 0
    while True:
        page = told(scene, name, ENTRIES, first=first, after=after, **asked)["entries"]
        found += [edge["node"] for edge in page["edges"]]
        count += 1
        if not page["pageInfo"]["hasNextPage"]:
            return found, count
        assert after != page["pageInfo"]["endCursor"]
        after = page["pageInfo"]["endCursor"]


# entries


def test_an_auditor_sees_every_entry_as_it_is_with_its_proof(shared: Scene) -> None:
    size = shared.size()
    found = told(shared, "audit", ENTRIES, first=size)["entries"]["edges"]
    assert [edge["node"]["line"].encode() for edge in found] == [one.line for one in shared.entries()][:size]
    one = found[7]["node"]
    key = shared.house.ledger.verifier_key
    assert f"index {one['position']}\n" in one["proof"]
    assert key.split("+", maxsplit=1)[0] in one["proof"]
    assert one["recordedAt"] == json.loads(one["line"])["rt"]
    assert one["actor"] == party(json.loads(one["line"])["actor"]["party"])


def test_every_page_of_others_entries_is_an_export_that_is_told_before_it_leaves(shared: Scene) -> None:
    size = shared.size()
    page = told(shared, "audit", ENTRIES, first=5, after=None)["entries"]
    told(shared, "audit", ENTRIES, first=5, after=page["pageInfo"]["endCursor"])
    exports = [(one.seq, one.body) for one in shared.of_type(EntryType.EXPORT_ISSUED)]
    issued = {"recipient": AUDITOR, "client": "audit"}
    assert exports == [
        (size, {**issued, "start": 0, "stop": 5}),
        (size + 1, {**issued, "start": 5, "stop": 10}),
    ]


def test_two_pages_in_one_question_are_two_exports(shared: Scene) -> None:
    twice = "{ ledger { a: entries(first: 2) { edges { cursor } } b: entry(position: 9) { line } c: entry(position: 9) { line } } }"
    told(shared, "audit", twice)
    spans = [(one.body["start"], one.body["stop"]) for one in shared.of_type(EntryType.EXPORT_ISSUED)]
    assert spans == [(0, 2), (9, 10)]


def test_a_house_sees_the_entries_that_name_it_and_no_other(shared: Scene) -> None:
    shared.consent("harbour-app", "p1@example.org", RESEARCH, ConsentAct.OBJECTED)
    disclosed(shared)
    size = shared.size()
    found, _ = all_pages(shared, "lakeside-app", 100)
    assert shared.size() == size, "its own entries are no export"
    agreement = next(
        one.body["agreement"]
        for one in shared.entries()
        if b"lakeside" in one.line and "agreement" in one.body
    )
    expected = [
        one.seq
        for one in shared.entries()
        if b'"lakeside"' in one.line or one.body.get("agreement") == agreement
    ]
    assert [one["position"] for one in found] == expected
    assert {"AGREEMENT_ACCEPTED", "DISCLOSURE_RECORDED", "BASIS_RECORDED"} <= {one["type"] for one in found}
    assert not any("harbour" in one["line"] for one in found)


def test_the_other_partys_acceptance_is_an_entry_that_names_both(shared: Scene) -> None:
    accepted = next(one for one in shared.of_type(EntryType.AGREEMENT_ACCEPTED) if one.actor.party == BUREAU)
    assert b"lakeside" not in accepted.line
    ask = "query Q($at: Int!) { ledger { entry(position: $at) { line } } }"
    assert told(shared, "lakeside-app", ask, at=accepted.seq)["entry"]["line"] == accepted.line.decode()
    assert told(shared, "harbour-app", ask, at=accepted.seq)["entry"] is None


def test_one_entry_of_another_is_as_one_that_never_was(shared: Scene) -> None:
    ask = "query Q($at: Int!) { ledger { entry(position: $at) { line } proof(position: $at) } }"
    other = shared.of_type(EntryType.BASIS_RECORDED)[-1]
    assert other.body["controller"] == HARBOUR
    size = shared.size()
    for at in (other.seq, size, -1):
        assert told(shared, "lakeside-app", ask, at=at)["entry"] is None
    assert shared.size() == size
    assert told(shared, "audit", ask, at=other.seq)["entry"]["line"] == other.line.decode()
    assert told(shared, "audit", ask, at=shared.size() + 5) == {"entry": None, "proof": None}


@pytest.mark.parametrize("first", [1, 3, 100])
def test_pages_by_type_and_party_give_each_entry_once_in_order(shared: Scene, first: int) -> None:
    for types in (["AGREEMENT_PROPOSED", "AGREEMENT_ACCEPTED"], ["SCOPE_GRANTED"], ["RELEASE_SEALED"], []):
        found, _ = all_pages(shared, "audit", first, types=types)
        expected = [one.seq for one in shared.entries() if one.kind is not None and one.kind.name in types]
        assert [one["position"] for one in found] == expected
    found, _ = all_pages(shared, "audit", first, types=["BASIS_RECORDED"], party=party(HARBOUR))
    assert {json.loads(one["line"])["body"]["controller"] for one in found} == {HARBOUR}
    assert len(found) == 3


def test_a_page_looks_at_a_bounded_number_of_entries_and_says_where_to_go_on(
    shared: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = all_pages(shared, "harbour-app", 100)
    by_type, _ = all_pages(shared, "harbour-app", 100, types=["BASIS_RECORDED", "AGREEMENT_ACCEPTED"])
    monkeypatch.setattr(pages, "_BATCH", 3)
    monkeypatch.setattr(pages, "MOST", 6)
    found, count = all_pages(shared, "harbour-app", 100)
    assert found == whole
    assert count > shared.size() // 6
    again, _ = all_pages(shared, "harbour-app", 2, types=["BASIS_RECORDED", "AGREEMENT_ACCEPTED"])
    assert again == by_type


def test_many_types_are_looked_for_in_one_go(shared: Scene) -> None:
    types = [one.name for one in EntryType if one is not EntryType.SCOPE_GRANTED]
    found, _ = all_pages(shared, "audit", 100, types=types)
    assert "SCOPE_GRANTED" not in {one["type"] for one in found}
    assert len(found) >= shared.size() - len(shared.of_type(EntryType.SCOPE_GRANTED)) - 2


def test_a_cursor_of_nowhere_is_refused_or_ends_the_list(shared: Scene) -> None:
    for after in (
        global_id("cursor", "nine"),
        global_id("cursor", "9" * 400),
        "%%%",
        global_id("Agreement", "9"),
    ):
        assert failed(shared, "audit", ENTRIES, first=1, after=after) == "BAD_USER_INPUT"
    end = told(shared, "audit", ENTRIES, first=1, after=global_id("cursor", "9" * 15))["entries"]
    assert end == {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


def test_the_proof_that_was_asked_as_an_argument_of_the_ledger_is_still_given(shared: Scene) -> None:
    ask = "query Q($at: Int) { ledger(proofOf: $at) { proof other: proof(position: 2) root size origin verifierKey checkpoint } }"
    found = told(shared, "bureau-app", ask, at=3)
    assert "\nindex 3\n" in found["proof"]
    assert "\nindex 2\n" in found["other"]
    assert told(shared, "bureau-app", ask, at=None)["proof"] is None
    line = shared.entries()[3].line
    head = TreeHead.read(Note.read(found["checkpoint"]).text)
    assert (head.size, head.root.hex()) == (found["size"], found["root"])
    assert line in [one.line for one in shared.entries()]


# witnesses


def test_checkpoints_come_with_the_witnesses_that_saw_them_and_when(shared: Scene) -> None:
    ask = (
        "{ ledger { checkpoints(first: 2) { checkpoint size root witnesses { name verifierKey seenAt } } } }"
    )
    assert told(shared, "bureau-app", ask)["checkpoints"] == []
    cosigners = [Cosigner(f"{name}.example/w", Ed25519PrivateKey.generate()) for name in ("b", "a")]
    lines = [f"witness {name} {one.verifier_key}" for name, one in zip("ba", cosigners, strict=True)]
    policy = Policy.read("\n".join([*lines, "group g all a b", "quorum g", ""]).encode())
    kept = Cosignatures(shared.house.engine, policy)

    def signed(*times: int) -> str:
        with reading(shared.house.engine) as connection:
            note = Note.read(shared.house.ledger.checkpoint(connection))
        head = TreeHead.read(note.text)
        for cosigner, time in zip(cosigners, times, strict=False):
            more = note.with_signatures([cosigner.cosign(note.text, time=time)])
            kept.keep(head, cosignatures(more, policy.witness_keys))
        return note.text

    first = signed(1_800_000_000, 1_800_000_060)
    disclosed(shared)
    second = signed(1_800_000_700)
    newest, older = told(shared, "bureau-app", ask)["checkpoints"]
    assert [one["name"] for one in newest["witnesses"]] == ["b.example/w"]
    assert [(one["name"], one["seenAt"]) for one in older["witnesses"]] == [
        ("a.example/w", "2027-01-15T08:01:00+00:00"),
        ("b.example/w", "2027-01-15T08:00:00+00:00"),
    ]
    for found, text in ((newest, second), (older, first)):
        note = Note.read(found["checkpoint"])
        assert note.text == text
        keys = {str(one.witness) for one in cosignatures(note, policy.witness_keys)}
        assert keys == {one["verifierKey"] for one in found["witnesses"]}
        assert found["size"] == TreeHead.read(text).size


# decisions

DECISION = """fragment D on Decision { id position verdict recipient client controllers purposes groups granularity
  agreements { agreement positions } reasons { code who nl: sentence en: sentence(language: EN) fix }
  rows persons subjects basis { size root positions } toldAgain { holds findings untold } }"""
ONE = "query Q($id: ID!) { ledger { decision(id: $id) { ...D } } } " + DECISION
ALL = (
    """query Q($first: Int! = 100, $after: String, $verdict: Verdict, $recipient: ID, $controller: ID, $since: Date) {
  ledger { decisions(first: $first, after: $after, verdict: $verdict, recipient: $recipient,
    controller: $controller, since: $since) { edges { node { ...D } } pageInfo { hasNextPage endCursor } } } } """
    + DECISION
)


def test_a_disclosure_is_shown_with_what_it_rests_on_and_comes_out_again(shared: Scene) -> None:
    receipt = disclosed(shared, "bookers", "spend")
    assert receipt is not None
    body = json.loads(receipt.entry)["body"]
    found = told(shared, "lakeside-app", ONE, id=global_id("Decision", str(receipt.position)))["decision"]
    assert (found["verdict"], found["recipient"], found["client"]) == (
        "PERMITTED",
        party(BUREAU),
        "bureau-app",
    )
    assert (found["controllers"], found["purposes"]) == ([party(LAKESIDE)], ["RESEARCH"])
    assert (found["groups"], found["granularity"]) == (["BASE", "SPEND"], "AGGREGATE")
    assert (found["persons"], found["subjects"]) == ("TO_99", body["subjects"])
    assert found["basis"] == {
        "size": body["basis"]["size"],
        "root": body["basis"]["root"],
        "positions": body["basis"]["seqs"],
    }
    [under] = found["agreements"]
    kinds = [shared.entries()[at].type for at in under["positions"]]
    assert kinds == ["agreement.proposed", "agreement.accepted", "agreement.accepted"]
    assert found["reasons"] == []
    assert found["toldAgain"] == {"holds": True, "findings": [], "untold": []}


def test_a_refusal_is_explained_in_both_languages_with_who_can_change_it(shared: Scene) -> None:
    disclosed(shared, purpose=Purpose.SECTOR_BENCHMARK)
    [edge] = told(shared, "bureau-app", ALL, verdict="REFUSED")["decisions"]["edges"]
    found = edge["node"]
    assert (found["verdict"], found["rows"], found["persons"], found["subjects"]) == (
        "REFUSED",
        None,
        None,
        None,
    )
    [reason] = found["reasons"]
    assert (reason["code"], reason["who"]) == ("PURPOSE_NOT_COVERED", "OTHER_INSTITUTION")
    assert reason["nl"].startswith("Dit doel")
    assert reason["en"].startswith("This purpose")
    assert found["toldAgain"]["holds"] is True


def test_a_decision_is_seen_by_who_gave_or_asked_and_by_auditors_alone(shared: Scene) -> None:
    receipt = disclosed(shared)
    assert receipt is not None
    id_ = global_id("Decision", str(receipt.position))
    size = shared.size()
    for name in ("lakeside-app", "bureau-app", "audit"):
        assert told(shared, name, ONE, id=id_)["decision"]["position"] == receipt.position
    assert told(shared, "harbour-app", ONE, id=id_)["decision"] is None
    for other in (0, receipt.position - 1, 10**9):
        assert told(shared, "audit", ONE, id=global_id("Decision", str(other)))["decision"] is None
    for nothing in (global_id("Decision", "-1"), global_id("Decision", "²"), global_id("Import", "1"), "x"):
        assert failed(shared, "audit", ONE, id=nothing) == "BAD_USER_INPUT"
    assert shared.size() == size, "looking at decisions is told by their own entries"


def test_an_auditor_still_sees_the_decisions_of_a_house_that_left(shared: Scene) -> None:
    receipt = disclosed(shared)
    assert receipt is not None
    shared.say(EntryType.PARTY_CLOSED, {"party": LAKESIDE})
    id_ = global_id("Decision", str(receipt.position))
    assert told(shared, "audit", ONE, id=id_)["decision"]["toldAgain"]["holds"] is True


DISCLOSURES = """query Q($first: Int! = 100, $after: String, $recipient: ID, $controller: ID, $since: Date) {
  ledger { disclosures(first: $first, after: $after, recipient: $recipient, controller: $controller, since: $since) {
    edges { node { position } } pageInfo { hasNextPage endCursor } } } }"""


def positions(scene: Scene, name: str, **asked: Any) -> list[int]:
    edges = told(scene, name, DISCLOSURES, **asked)["disclosures"]["edges"]
    return [edge["node"]["position"] for edge in edges]


def test_disclosures_are_found_by_recipient_controller_and_day(shared: Scene) -> None:
    made = []
    for house in (LAKESIDE, HARBOUR, LAKESIDE):
        receipt = disclosed(shared, house=house)
        assert receipt is not None
        made.append(receipt.position)
        disclosed(shared, house=house, purpose=Purpose.SECTOR_BENCHMARK)  # refused: no disclosure
        shared.clock.advance(timedelta(days=1))
    first, second, third = made
    today = shared.clock().date()
    assert positions(shared, "audit") == made
    assert positions(shared, "bureau-app") == made
    assert positions(shared, "lakeside-app") == [first, third]
    assert positions(shared, "harbour-app") == [second]
    assert positions(shared, "lakeside-app", controller=party(HARBOUR)) == []
    assert positions(shared, "audit", recipient=party(BUREAU), controller=party(HARBOUR)) == [second]
    assert positions(shared, "audit", recipient=party(LAKESIDE)) == []
    for days, expected in ((4, made), (3, made), (2, [second, third]), (1, [third]), (0, []), (-1, [])):
        since = (today - timedelta(days=days)).isoformat()
        assert positions(shared, "audit", since=since) == expected, days
    page = told(shared, "audit", DISCLOSURES, first=2)["disclosures"]
    assert page["pageInfo"]["hasNextPage"] is True
    assert positions(shared, "audit", after=page["pageInfo"]["endCursor"]) == [third]


def test_a_decision_is_told_again_by_what_ruled_then_and_not_by_what_rules_now(shared: Scene) -> None:
    receipt = disclosed(shared)
    assert receipt is not None
    for agreement in [one.body["agreement"] for one in shared.of_type(EntryType.AGREEMENT_PROPOSED)]:
        shared.end(agreement, "bureau-app")  # type: ignore[arg-type]  # an id
    id_ = global_id("Decision", str(receipt.position))
    assert told(shared, "audit", ONE, id=id_)["decision"]["toldAgain"]["holds"] is True


def test_a_disclosure_that_no_verdict_allowed_is_found(shared: Scene) -> None:
    receipt = disclosed(shared)
    assert receipt is not None
    body: dict[str, Json] = json.loads(receipt.entry)["body"]
    # an application that may only read the ledger: the fold does not weigh scopes, the decision does
    less: dict[str, Json] = {
        "client": "bureau-app",
        "party": BUREAU,
        "kind": "partner",
        "scopes": ["ledger:read"],
    }
    shared.say(EntryType.SCOPE_GRANTED, less)
    with reading(shared.house.engine) as connection:
        size = shared.size()
        root = shared.house.ledger.root(connection, size).hex()
    basis = body["basis"]
    assert isinstance(basis, dict)
    forged = shared.say(
        EntryType.DISCLOSURE_RECORDED, {**body, "basis": {**basis, "size": size, "root": root}}
    )
    id_ = global_id("Decision", str(forged.position))
    again = told(shared, "audit", ONE, id=id_)["decision"]["toldAgain"]
    assert again["holds"] is False
    assert any("INSUFFICIENT_SCOPE" in one for one in again["findings"])


def test_what_ruled_at_any_size_is_what_the_whole_fold_says(shared: Scene) -> None:
    shared.consent("lakeside-app", "p1@example.org", RESEARCH, ConsentAct.OBJECTED)
    disclosed(shared)
    entries = shared.entries()
    state = State.start()
    with reading(shared.house.engine) as connection:
        for entry in entries:
            state = state.apply([entry])
            ruled = ruling_state(connection, state.size)
            for name in ("size", "parties", "clients", "keys", "purposes", "bases", "notices", "agreements"):
                assert getattr(ruled, name) == getattr(state, name), (entry.type, name)
            assert recorded_until(connection, state.size) == instant(entry.rt)
    assert RULING < DECIDING


def test_who_may_not_read_the_ledger_gets_nothing_of_it(shared: Scene) -> None:
    with shared.inquiry(caller("lakeside-app", {Scope.CATALOGUE_READ})) as ask:
        for query in ("{ ledger { size } }", "{ ledger { entries { edges { cursor } } } }"):
            done = SCHEMA.execute_sync(query, context_value=Context(ask))
            assert done.data == {"ledger": None}
            assert done.errors is not None


# samples

SAMPLE = """mutation Open($input: OpenSampleInput!) { openSample(input: $input) { __typename
  ... on SampleOpened { disclosure persons root receipt { position entry }
    opened { index leaf path said { position entry payload opening index path } } }
  ... on Refused { reasons { code } } } }"""


def test_an_auditor_opens_a_sample_that_proves_itself(shared: Scene) -> None:
    receipt = disclosed(shared)
    assert receipt is not None
    asked = {"position": receipt.position, "seed": "six dice", "number": 4}
    with shared.inquiry(caller("audit")) as ask:
        done = SCHEMA.execute_sync(SAMPLE, variable_values={"input": asked}, context_value=Context(ask))
    assert done.errors is None
    assert done.data is not None
    found = done.data["openSample"]
    root = bytes.fromhex(json.loads(receipt.entry)["body"]["subjects"])
    assert (found["disclosure"], found["persons"], found["root"]) == (receipt.position, 12, root.hex())
    assert found["opened"]
    for one in found["opened"]:
        path = [bytes.fromhex(step) for step in one["path"]]
        verify_inclusion(leaf_hash(bytes.fromhex(one["leaf"])), one["index"], 12, path, root)
    assert json.loads(found["receipt"]["entry"])["type"] == "sample.opened"
    assert not any("@" in json.dumps(one) for one in found["opened"])
    with shared.inquiry(caller("lakeside-app")) as ask:
        done = SCHEMA.execute_sync(SAMPLE, variable_values={"input": asked}, context_value=Context(ask))
    assert done.data is not None
    assert done.data["openSample"]["__typename"] == "Refused"
