"""The smaller doors: the ledger itself, the register, imports; and that every refusal of a change has words."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from api.errors import INTERNAL, problem_of
from consent_ledger.entry import EntryType
from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import PartyId, PartyKind, Reason
from resolvers import imports as import_door
from resolvers import institutions as register_door
from resolvers import ledger as ledger_door
from schema.ids import global_id
from tests.resolvers.scene import HARBOUR, LAKESIDE, Scene, caller
from tests.resolvers.test_gate import Door

# the ledger


def test_an_export_is_an_entry_after_what_it_may_hold(scene: Scene) -> None:
    size = scene.size()
    with scene.inquiry(caller("audit")) as ask:
        found = ledger_door.export(ask, 0, None)
    assert found == ledger_door.Export(0, size)
    [entry] = scene.entries(size)
    assert entry.kind is EntryType.EXPORT_ISSUED
    assert (entry.body["recipient"], entry.body["start"], entry.body["stop"]) == ("auditor", 0, size)


@pytest.mark.parametrize(
    ("start", "stop", "given"),
    [(5, 9, (5, 9)), (-3, 4, (0, 4)), (9, 4, (4, 4)), (0, -1, (0, 0)), (10**9, None, None), (0, 10**9, None)],
)
def test_an_export_never_reaches_beyond_what_is_pinned(
    scene: Scene, start: int, stop: int | None, given: tuple[int, int] | None
) -> None:
    size = scene.size()
    with scene.inquiry(caller("audit")) as ask:
        found = ledger_door.export(ask, start, stop)
    assert isinstance(found, ledger_door.Export)
    assert (found.start, found.stop) == (given or (min(start, size), size))


def test_only_who_may_export_does(scene: Scene) -> None:
    size = scene.size()
    with scene.inquiry(caller("lakeside-app")) as ask:
        found = ledger_door.export(ask, 0, None)
        signed = ledger_door.checkpoint(ask)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.ROLE_FORBIDS
    assert isinstance(signed, str)
    assert scene.size() == size


def test_a_proof_is_of_what_is_pinned(scene: Scene) -> None:
    with scene.inquiry(caller("audit")) as ask:
        last = int(ask.snapshot.size) - 1
        proof = ledger_door.proof(ask, last)
        assert isinstance(proof, str)
        assert proof.startswith(f"c2sp.org/tlog-proof@v1\nindex {last}\n")
        scene.party(PartyId("later"), PartyKind.INSTITUTION)
        assert ledger_door.proof(ask, last + 1) is None
        assert ledger_door.proof(ask, -1) is None


# the register, and what was brought in


def test_the_register_is_paged_by_id(scene: Scene) -> None:
    with scene.inquiry(caller("lakeside-app")) as ask:
        first = register_door.institutions(ask, after=None, first=2)
        rest = register_door.institutions(ask, after=first[-1].id, first=10)
        assert register_door.institution(ask, PartyId("nobody")) is None
        assert register_door.institution(ask, PartyId("lake\0side")) is None
        assert register_door.institutions(ask, after=PartyId("\0"), first=2) == first
    assert [one.id for one in (*first, *rest)] == ["auditor", "bureau", "harbour", "lakeside"]


def test_a_house_sees_its_own_imports_and_productions_alone(scene: Scene) -> None:
    for house in (LAKESIDE, HARBOUR, LAKESIDE):
        scene.bring(house, [{"order_ref": f"o{scene.size()}", "production_ref": f"of-{house}"}])
    told = {}
    for name in ("lakeside-app", "harbour-app"):
        with scene.inquiry(caller(name)) as ask:
            imports = import_door.own_imports(ask, after=None, first=10)
            productions = register_door.own_productions(ask)
        assert isinstance(imports, list)
        assert isinstance(productions, list)
        told[name] = ([one.position for one in imports], [one.ref for one in productions])
    size = scene.size()
    assert told == {
        "lakeside-app": ([size - 1, size - 3], ["of-lakeside"]),
        "harbour-app": ([size - 2], ["of-harbour"]),
    }


def test_imports_go_on_before_a_cursor_and_any_number_is_one(scene: Scene) -> None:
    for number in range(3):
        scene.bring(LAKESIDE, [{"order_ref": f"o{number}"}])
    with scene.inquiry(caller("lakeside-app")) as ask:
        pages = [
            import_door.own_imports(ask, after=after, first=2)
            for after in (None, scene.size() - 2, 10**30, 0, -(10**30))
        ]
    assert [len(page) for page in pages if isinstance(page, list)] == [2, 1, 2, 0, 0]


def test_an_import_after_the_pin_is_not_in_the_list(scene: Scene) -> None:
    with scene.inquiry(caller("lakeside-app")) as ask:
        scene.bring(LAKESIDE, [{"order_ref": "o1"}])
        assert import_door.own_imports(ask, after=None, first=10) == []


# every refusal of a change has words

PROPOSE = """mutation ($terms: TermsInput!, $key: String!, $until: DateTime) {
  proposeAgreement(input: {idempotencyKey: $key, terms: $terms, validUntil: $until}) {
    ... on AgreementChanged { agreement } ... on Refused { reasons { code } } } }"""
ACCEPT = """mutation ($id: ID!, $key: String!) { acceptAgreement(input: {idempotencyKey: $key, agreement: $id}) {
    ... on AgreementChanged { agreement receipt { position } } } }"""
CONSENT = """mutation ($email: String!, $key: String!, $act: ConsentAct!, $notice: String) {
  recordConsent(input: {idempotencyKey: $key, email: $email, purpose: OWN_INSIGHT, act: $act, notice: $notice}) {
    ... on ConsentRecorded { receipt { position } } } }"""


def institution(id_: str) -> str:
    return global_id("Institution", id_)


def terms(**changes: Any) -> dict[str, Any]:
    return {
        "package": "RESEARCH",
        "sources": [institution(LAKESIDE)],
        "recipients": [institution("bureau")],
        "purposes": ["RESEARCH"],
        "groups": ["BASE"],
        **changes,
    }


def code(answer: dict[str, Any]) -> str:
    """The one error of the answer, which must be told in words and in the one shape."""
    [error] = answer["errors"]
    shape = error["extensions"]
    assert {"code", "sentence", "nextStep", "requestId", "ledgerPosition"} <= shape.keys()
    assert shape["code"] != "INTERNAL", error
    assert shape["sentence"] == error["message"] != ""
    return str(shape["code"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sources": [institution("nobody")]}, "UNKNOWN_PARTY"),  # IllegalEntry
        ({"sources": [institution("no body\0")]}, "BODY_REFUSED"),  # EntryRefused
        ({"sources": []}, "ONE_SIDED"),
        ({"groups": []}, "TERMS_REFUSED"),
        ({"minimumGroup": 0}, "TERMS_REFUSED"),
        ({"productions": ["Hamlet, the whole of it"]}, "BODY_REFUSED"),
        ({"sources": ["lakeside"]}, "BAD_USER_INPUT"),
        ({"recipients": [institution(HARBOUR)]}, "NOT_A_PARTY"),
    ],
)
def test_over_http_terms_that_cannot_be_have_a_code(
    scene: Scene, changes: dict[str, Any], expected: str
) -> None:
    size = scene.size()
    status, answer = Door(scene).post("bureau-app", PROPOSE, terms=terms(**changes), key="k")
    assert (status, code(answer)) == (200, expected)
    assert answer["data"] == {"proposeAgreement": None}
    assert scene.size() == size


@pytest.mark.parametrize(
    "until", ["2030-01-01T00:00:00", "9999-12-31T23:59:59-11:00", "2020-01-01T00:00:00Z"]
)
def test_over_http_an_end_that_cannot_be_has_a_code(scene: Scene, until: str) -> None:
    _, answer = Door(scene).post("bureau-app", PROPOSE, terms=terms(), key="k", until=until)
    assert code(answer) in {"TERMS_REFUSED", "AGREEMENT_EXPIRED"}


def test_over_http_the_ledgers_refusals_have_a_code(scene: Scene) -> None:
    door = Door(scene)
    _, answer = door.post("bureau-app", PROPOSE, terms=terms(), key="k")
    agreement = answer["data"]["proposeAgreement"]["agreement"]
    _, answer = door.post("bureau-app", PROPOSE, terms=terms(minimumGroup=20), key="k")
    assert code(answer) == "IDEMPOTENCY_CONFLICT"
    assert "errors" not in door.post("bureau-app", ACCEPT, id=agreement, key="a")[1]
    assert code(door.post("bureau-app", ACCEPT, id=agreement, key="b")[1]) == "ALREADY_ACCEPTED"
    assert code(door.post("harbour-app", ACCEPT, id=agreement, key="c")[1]) == "UNKNOWN_AGREEMENT"
    odd = base64.urlsafe_b64encode(b"Agreement:\0").decode()
    assert code(door.post("bureau-app", ACCEPT, id=odd, key="d")[1]) == "UNKNOWN_AGREEMENT"


def test_over_http_a_consent_that_cannot_be_has_a_code_and_names_nobody(scene: Scene) -> None:
    door = Door(scene)
    first = {"email": "a@example.org", "key": "k", "act": "OBJECTED"}
    assert "errors" not in door.post("lakeside-app", CONSENT, **first)[1]
    told = {
        "IDEMPOTENCY_CONFLICT": [{**first, "act": "GRANTED"}, {**first, "email": "b@example.org"}],
        "NOT_AN_ADDRESS": [{**first, "email": " ", "key": "l"}],
        "UNKNOWN_NOTICE": [{**first, "notice": "a@example.org", "key": "m"}],
    }
    for expected, given in told.items():
        for variables in given:
            _, answer = door.post("lakeside-app", CONSENT, **variables)
            assert code(answer) == expected
            assert "example.org" not in str(answer)


def test_every_refusal_of_the_fold_can_be_told(scene: Scene) -> None:
    """What the operator's own commands meet: refused before it has a place, with a code and a sentence."""
    acts: list[tuple[EntryType, dict[str, Any]]] = [
        (
            EntryType.PARTY_REGISTERED,
            {"party": LAKESIDE, "kind": "institution", "organisation": LAKESIDE, "sandbox": True},
        ),
        (EntryType.PARTY_CLOSED, {"party": "nobody"}),
        (
            EntryType.SCOPE_GRANTED,
            {"client": "lakeside-app", "party": HARBOUR, "kind": "partner", "scopes": []},
        ),
        (EntryType.SCOPE_REVOKED, {"client": "never", "party": HARBOUR}),
        (EntryType.RELEASE_RETRACTED, {"release": "rel-0000000000000000"}),
        (EntryType.AGREEMENT_ENDED, {"agreement": "agr-0000000000000000", "party": LAKESIDE}),
        (
            EntryType.PURPOSE_PUBLISHED,
            {
                "purpose": "research",
                "version": 5,
                "text_sha256": "0" * 64,
                "bases": ["eu-gdpr:A6-1-a"],
                "high_risk": False,
            },
        ),
        (
            EntryType.NOTICE_PUBLISHED,
            {
                "controller": LAKESIDE,
                "notice": "pool",
                "version": 1,
                "text_sha256": "0" * 64,
                "purposes": ["research"],
            },
        ),
        (
            EntryType.BASIS_RECORDED,
            {
                "controller": LAKESIDE,
                "purpose": "research",
                "purpose_version": 2,
                "basis": "eu-gdpr:A6-1-a",
                "dpia_sha256": None,
            },
        ),
    ]
    size = scene.size()
    for kind, body in acts:
        with pytest.raises(Exception) as raised:  # noqa: PT011 -- its code says which
            scene.say(kind, body)
        told = problem_of(raised.value)
        assert told is not INTERNAL, (kind, raised.value)
        assert told.sentence
    assert scene.size() == size
