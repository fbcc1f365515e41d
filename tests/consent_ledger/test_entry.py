"""The envelope and the closed bodies: what is taken, and what is refused without repeating it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_ledger.bodies import CONSENT_ACTS
from consent_ledger.canonical import MAX_INTEGER
from consent_ledger.entry import (
    DECIDING,
    MAX_LINE,
    PERSON_LEVEL,
    Actor,
    Draft,
    EntryRefused,
    EntryType,
    RowBucket,
    canonical,
    intent,
    intent_of,
    read,
    seal,
    sealed,
)
from consent_ledger.vocabulary import ClientId, PartyId, Position

NOW = datetime(2026, 3, 1, 12, 30, 15, 500_000, tzinfo=UTC)
HASH = sha256(b"x").hexdigest()
ACTOR = Actor(PartyId("house-a"), ClientId("app_1"))
TERMS: dict[str, Any] = {
    "parties": [
        {"party": "a1", "role": "source", "controller_role": "joint"},
        {"party": "b1", "role": "recipient", "controller_role": "joint"},
    ],
    "purposes": ["own_insight", "research"],
    "groups": ["base", "place"],
    "granularity": "AGGREGATE",
    "productions": ["p-1", "q-2"],
    "period_start": "2026-01-01",
    "period_end": "2026-12-31",
    "minimum_group": 10,
    "onward": False,
}
BASIS: dict[str, Any] = {"size": 3, "root": HASH, "seqs": [0, 2]}
CONSENT: dict[str, Any] = {
    "controller": "house-a",
    "purpose": "research",
    "purpose_version": 2,
    "notice": "privacy",
    "notice_version": 1,
    "commitment": HASH,
}
ASSERTION = {
    "key": "key-0123456789abcdef",
    "authenticator_data": f"{HASH}0500000000",
    "client_data": HASH,
    "signature": HASH,
}
BODIES: dict[EntryType, dict[str, Any]] = {
    EntryType.LEDGER_CREATED: {"format": "cultuurinzicht/ledger/1", "origin": "a.example/l", "sandbox": True},
    EntryType.PARTY_REGISTERED: {
        "party": "a1",
        "kind": "institution",
        "organisation": "a1",
        "sandbox": False,
    },
    EntryType.PARTY_CLOSED: {"party": "a1"},
    EntryType.PURPOSE_PUBLISHED: {
        "purpose": "research",
        "version": 1,
        "text_sha256": HASH,
        "bases": ["eu-gdpr:A6-1-a", "eu-gdpr:A6-1-f"],
        "high_risk": True,
    },
    EntryType.BASIS_RECORDED: {
        "controller": "a1",
        "purpose": "research",
        "purpose_version": 1,
        "basis": "eu-gdpr:A6-1-e",
        "dpia_sha256": None,
    },
    EntryType.NOTICE_PUBLISHED: {
        "controller": "a1",
        "notice": "privacy",
        "version": 1,
        "text_sha256": HASH,
        "purposes": ["own_insight"],
    },
    EntryType.DEFINITION_PUBLISHED: {"definition": "average_price", "version": "1.0.2", "sha256": HASH},
    EntryType.SEGMENTS_PUBLISHED: {"model": "ci-seg", "version": "1.0.0", "sha256": HASH},
    EntryType.POLICY_PUBLISHED: {"policy": "unnoised-1", "sha256": HASH},
    EntryType.AGREEMENT_PROPOSED: {
        "agreement": "agr-0123456789abcdef",
        "package": "tour",
        "proposer": "b1",
        "terms_sha256": sha256(canonical(TERMS)).hexdigest(),
        "terms": TERMS,
    },
    EntryType.AGREEMENT_ACCEPTED: {
        "agreement": "agr-0123456789abcdef",
        "party": "a1",
        "assurance": "operator_attested",
        "terms_sha256": HASH,
    },
    EntryType.AGREEMENT_REFUSED: {"agreement": "agr-0123456789abcdef", "party": "a1"},
    EntryType.AGREEMENT_ENDED: {"agreement": "agr-0123456789abcdef", "party": "a1"},
    EntryType.SCOPE_GRANTED: {
        "client": "App-1",
        "party": "a1",
        "kind": "connector",
        "scopes": ["audiences:read", "audiences:read.age"],
    },
    EntryType.SCOPE_REVOKED: {"client": "App-1", "party": "a1"},
    **dict.fromkeys(CONSENT_ACTS, CONSENT),
    EntryType.KEY_REGISTERED: {
        "party": "a1",
        "key": "key-5b3f0c6a91d2e874",
        "algorithm": "ES256",
        "public_key": f"3059{HASH}",
        "rp_id": "cultuurinzicht.example",
        "possession": ASSERTION,
        "approval": None,
    },
    EntryType.KEY_RETIRED: {"party": "a1", "key": "key-5b3f0c6a91d2e874", "cause": "rotated"},
    EntryType.NOTICE_INVALIDATED: {"controller": "a1", "notice": "visitors", "version": 1},
    EntryType.AGREEMENT_SIGNED: {
        "agreement": "agr-5b82ac126296193c",
        "party": "a1",
        "terms_sha256": HASH,
        "preview_sha256": HASH,
        "assertion": ASSERTION,
    },
    EntryType.CONSENT_BATCH: {
        "controller": "a1",
        "purpose": "own_marketing",
        "purpose_version": 1,
        "notice": "visitors",
        "notice_version": 1,
        "granted": 1204,
        "refused": 311,
        "withdrawn": 8,
        "objected": 0,
        "root": HASH,
    },
    EntryType.REFUSAL_TOLD: {
        "request_sha256": HASH,
        "recipient": "b1",
        "client": "app",
        "controllers": ["a1"],
        "agreements": ["agr-5b82ac126296193c"],
        "reasons": ["FIELD_NOT_COVERED"],
        "basis": BASIS,
        "purposes": ["research"],
        "groups": ["base", "spend"],
        "granularity": "AGGREGATE",
    },
    EntryType.SAMPLE_OPENED: {
        "disclosure": 5121,
        "recipient": "auditor-de-tweede-blik",
        "client": "auditor-de-tweede-blik-app",
        "seed": HASH,
        "number": 5,
    },
    EntryType.SUBJECT_STOPPED: {"request_sha256": HASH},
    EntryType.RIGHT_REQUESTED: {
        "controller": "a1",
        "request_sha256": HASH,
        "right": "access",
        "due": "2027-07-28",
    },
    EntryType.RIGHT_EXTENDED: {"controller": "a1", "request_sha256": HASH, "due": "2027-09-20"},
    EntryType.RIGHT_ANSWERED: {"controller": "a1", "request_sha256": HASH, "outcome": "done"},
    EntryType.KEK_ROTATED: {"epoch": 2},
    EntryType.KEK_DESTROYED: {"epoch": 1},
    EntryType.IMPORT_ACCEPTED: {
        "import": "imp-0123456789abcdef",
        "institution": "a1",
        "unit": "tickets",
        "source": "pretix",
        "file_sha256": HASH,
        "report_sha256": HASH,
        "received": 656,
        "created": 656,
        "updated": 0,
        "unchanged": 0,
    },
    EntryType.RELEASE_SEALED: {
        "release": "rel-0123456789abcdef",
        "policy": "unnoised-1",
        "period_start": "2026-01",
        "period_end": "2026-01",
        "tables_sha256": HASH,
        "certificate_sha256": HASH,
        "input_sha256": HASH,
        "blocks": 12,
        "rho": "0.125",
    },
    EntryType.RELEASE_RETRACTED: {"release": "rel-0123456789abcdef"},
    EntryType.DISCLOSURE_RECORDED: {
        "request_sha256": HASH,
        "recipient": "b1",
        "client": "app",
        "controllers": ["a1"],
        "agreements": ["agr-0123456789abcdef"],
        "purposes": ["research"],
        "groups": ["base"],
        "granularity": "STATISTIC",
        "rows": "r10_99",
        "persons": "r10_99",
        "subjects": HASH,
        "basis": BASIS,
    },
    EntryType.REFUSAL_RECORDED: {
        "request_sha256": HASH,
        "recipient": "b1",
        "client": "app",
        "controllers": ["a1"],
        "agreements": [],
        "reasons": ["NO_AGREEMENT", "ROLE_FORBIDS"],
        "basis": BASIS,
    },
    EntryType.EXPORT_ISSUED: {"recipient": "b1", "client": "app", "start": 0, "stop": 10},
    EntryType.SUBJECT_ERASED: {
        "controller": "a1",
        "request_sha256": HASH,
        "mode": "stay_out",
        "effective_by": "2027-07-01",
    },
}


def draft(kind: EntryType, body: dict[str, Any] | None = None, **other: Any) -> Draft:
    return Draft(kind, ACTOR, other.pop("idem", "key-1"), BODIES[kind] if body is None else body, **other)


@pytest.mark.parametrize("kind", list(EntryType))
def test_every_type_is_written_and_read_back(kind: EntryType) -> None:
    line = seal(draft(kind, refs=(1, 3)), Position(7), NOW)
    entry = read(line)
    assert (entry.kind, entry.seq, entry.actor, entry.refs, entry.line) == (kind, 7, ACTOR, (1, 3), line)
    assert json.loads(line)["body"] == BODIES[kind] == entry.body
    assert entry.rt == ("2026-03-01" if kind in PERSON_LEVEL else "2026-03-01T12:30:15Z")


@pytest.mark.parametrize("kind", list(EntryType))
def test_no_body_takes_or_misses_a_field(kind: EntryType) -> None:
    for body in (
        {**BODIES[kind], "note": "hello"},
        *({k: v for k, v in BODIES[kind].items() if k != name} for name in BODIES[kind]),
    ):
        with pytest.raises(EntryRefused):
            seal(draft(kind, body), Position(7), NOW)


Place = tuple[Any, Any]


def places(value: Any) -> list[Place]:
    """Every single value in a body, as its container and its key there."""
    found: list[Place] = []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        found += places(item) if isinstance(item, dict | list) else [(value, key)]
    return found


@pytest.mark.parametrize("kind", list(EntryType))
def test_no_field_of_any_body_takes_free_text(kind: EntryType) -> None:
    secret = "Jan de Vries, jan@example.nl"
    wrongs: list[Any] = [secret, "", 1.5, {}, [[]], -1, MAX_INTEGER + 1]
    for place in range(len(places(BODIES[kind]))):
        for wrong in wrongs:
            body = json.loads(json.dumps(BODIES[kind]))
            container, key = places(body)[place]
            container[key] = wrong
            with pytest.raises(EntryRefused) as refused:
                seal(draft(kind, body), Position(7), NOW)
            assert "Jan" not in str(refused.value)
            assert "jan@" not in refused.value.sentence


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (EntryType.SCOPE_GRANTED, {"scopes": ["segments:read", "audiences:read"]}),
        (EntryType.SCOPE_GRANTED, {"scopes": ["audiences:read", "audiences:read"]}),
        (EntryType.PURPOSE_PUBLISHED, {"bases": []}),
        (EntryType.PURPOSE_PUBLISHED, {"version": 0}),
        (EntryType.PURPOSE_PUBLISHED, {"version": True}),
        (EntryType.PURPOSE_PUBLISHED, {"high_risk": 1}),
        (EntryType.AGREEMENT_PROPOSED, {"terms_sha256": HASH}),
        (EntryType.AGREEMENT_PROPOSED, {"terms": {**TERMS, "minimum_group": 9}}),
        (EntryType.EXPORT_ISSUED, {"start": 11}),
        (EntryType.RELEASE_SEALED, {"period_end": "2025-12"}),
        (EntryType.RELEASE_SEALED, {"period_end": "2026-13"}),
        (EntryType.RELEASE_SEALED, {"rho": "1e-3"}),
        (EntryType.DISCLOSURE_RECORDED, {"basis": {**BASIS, "seqs": [3]}}),
        (EntryType.DISCLOSURE_RECORDED, {"rows": "r7"}),
        (EntryType.LEDGER_CREATED, {"origin": "https://a.example"}),
        (EntryType.PARTY_CLOSED, {"party": "a1\n"}),
        (EntryType.PARTY_CLOSED, {"party": "ä1"}),
        (EntryType.DEFINITION_PUBLISHED, {"version": "1.0.0.0"}),
        (EntryType.DEFINITION_PUBLISHED, {"version": "01"}),
    ],
)
def test_lists_are_in_order_and_values_within_bounds(kind: EntryType, change: dict[str, Any]) -> None:
    with pytest.raises(EntryRefused):
        seal(draft(kind, {**BODIES[kind], **change}), Position(7), NOW)


def proposed(**change: Any) -> Draft:
    terms = {**TERMS, **change}
    return draft(
        EntryType.AGREEMENT_PROPOSED,
        {
            **BODIES[EntryType.AGREEMENT_PROPOSED],
            "terms": terms,
            "terms_sha256": sha256(canonical(terms)).hexdigest(),
        },
    )


@pytest.mark.parametrize(
    "change",
    [
        {"parties": []},
        {"parties": TERMS["parties"][::-1]},
        {"parties": [TERMS["parties"][0], TERMS["parties"][0]]},
        {"purposes": []},
        {"purposes": ["selling"]},
        {"period_end": "2026-01-01"},
        {"period_start": "2026-02-30"},
        {"productions": ["b", "a"]},
    ],
)
def test_terms_that_say_nothing_or_twice_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EntryRefused, match=r"body\.terms"):
        seal(proposed(**change), Position(7), NOW)


def test_open_terms_are_taken() -> None:
    open_terms = proposed(productions=None, period_start=None, period_end=None)
    assert read(seal(open_terms, Position(1), NOW)).kind is EntryType.AGREEMENT_PROPOSED


@pytest.mark.parametrize(
    "other",
    [
        {"idem": ""},
        {"idem": "jan@example.nl"},
        {"idem": "a b"},
        {"idem": "x" * 129},
        {"refs": (7,)},
        {"refs": (-1,)},
        {"refs": (2, 1)},
        {"refs": (1, 1)},
        {"vf": datetime(2026, 1, 1)},  # noqa: DTZ001 - a time without zone is what is refused
        {"vf": NOW, "vt": NOW},
        {"vf": NOW, "vt": NOW - timedelta(days=1)},
    ],
)
def test_an_envelope_that_is_none_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(EntryRefused):
        seal(draft(EntryType.PARTY_CLOSED, **other), Position(7), NOW)


@pytest.mark.parametrize("actor", [Actor(PartyId("A"), ClientId("x")), Actor(PartyId("ab"), ClientId("x y"))])
def test_an_actor_is_named_by_ids(actor: Actor) -> None:
    with pytest.raises(EntryRefused):
        seal(Draft(EntryType.PARTY_CLOSED, actor, "k", {"party": "a1"}), Position(0), NOW)


def test_times_are_told_in_utc_and_cut_to_the_day_for_persons() -> None:
    amsterdam = timezone(timedelta(hours=2))
    late = datetime(2026, 7, 1, 1, 30, tzinfo=amsterdam)
    entry = read(seal(draft(EntryType.PARTY_CLOSED, vf=late, vt=late + timedelta(days=1)), Position(7), late))
    assert (entry.rt, entry.vf, entry.vt) == (
        "2026-06-30T23:30:00Z",
        "2026-06-30T23:30:00Z",
        "2026-07-01T23:30:00Z",
    )
    person = read(seal(draft(EntryType.CONSENT_GRANTED, vf=late), Position(7), late))
    assert (person.rt, person.vf) == ("2026-06-30", "2026-06-30")


def test_an_entry_shares_nothing_with_its_draft() -> None:
    body = json.loads(json.dumps(BODIES[EntryType.SCOPE_GRANTED]))
    entry = sealed(draft(EntryType.SCOPE_GRANTED, body), Position(7), NOW)
    body["scopes"].append("ledger:export")
    assert entry.body == BODIES[EntryType.SCOPE_GRANTED]


@pytest.mark.parametrize("kind", list(EntryType))
def test_what_a_draft_says_can_be_told_from_its_entry(kind: EntryType) -> None:
    made = draft(kind, refs=(1,), vf=NOW)
    assert intent_of(sealed(made, Position(7), NOW)) == intent(made)
    assert intent_of(sealed(made, Position(9), NOW + timedelta(days=3))) == intent(made)
    assert intent(draft(kind, refs=(2,), vf=NOW)) != intent(made)


ENVELOPES = st.fixed_dictionaries(
    {
        "idem": st.from_regex(r"[A-Za-z0-9._:/-]{1,128}", fullmatch=True),
        "refs": st.sets(st.integers(0, 2**40), max_size=4).map(lambda refs: tuple(sorted(refs))),
        "vf": st.none() | st.datetimes(timezones=st.timezones()),
        "vt": st.none() | st.datetimes(timezones=st.timezones()),
    }
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(kind=st.sampled_from(EntryType), other=ENVELOPES, seq=st.integers(0, 2**53 - 1))
def test_what_is_written_is_what_a_reader_takes(kind: EntryType, other: dict[str, Any], seq: int) -> None:
    made = draft(kind, **other)
    try:
        entry = sealed(made, Position(seq), NOW)
    except EntryRefused:
        return
    assert read(entry.line) == entry
    assert type(entry.type) is str, "an entry that was just made is like one that was read"
    assert intent_of(entry) == intent(made)
    told = {"type": entry.type, "vf": entry.vf, "vt": entry.vt, "refs": entry.refs, "body": entry.body}
    assert intent(made) == canonical(told)


@given(kind=st.sampled_from(EntryType), data=st.data())
def test_a_body_that_is_taken_is_canonical_whatever_stands_in_it(
    kind: EntryType, data: st.DataObject
) -> None:
    body = json.loads(json.dumps(BODIES[kind]))
    container, key = data.draw(st.sampled_from(places(body)))
    container[key] = data.draw(VALUES)
    try:
        entry = sealed(draft(kind, body), Position(7), NOW)
    except EntryRefused:
        return
    assert read(entry.line) == entry
    assert canonical(entry.body) == canonical(body)


class Word(str, Enum):  # noqa: UP042 - a StrEnum formats itself as its value
    """Members that are written by their value and format themselves as their name."""

    PARTY = "house-a"
    CLIENT = "app_1"
    IDEM = "key-1"


class Number(IntEnum):
    ONE = 1


def test_members_of_enumerations_are_written_as_what_they_stand_for() -> None:
    actor = Actor(PartyId(Word.PARTY), ClientId(Word.CLIENT))
    made = Draft(EntryType.PARTY_CLOSED, actor, Word.IDEM, {"party": Word.PARTY}, refs=(Number.ONE,))
    plain = draft(EntryType.PARTY_CLOSED, {"party": "house-a"}, refs=(1,))
    assert sealed(made, Position(Number.ONE + 1), NOW) == sealed(plain, Position(2), NOW)
    assert read(seal(made, Position(2), NOW)).actor == ACTOR


def line(**change: Any) -> bytes:
    envelope = json.loads(seal(draft(EntryType.PARTY_CLOSED), Position(7), NOW))
    return canonical({**envelope, **change})


def test_an_unknown_type_is_read_and_flagged() -> None:
    entry = read(line(type="witness.changed", body={"anything": ["at all"]}))
    assert (entry.kind, entry.type) == (None, "witness.changed")
    assert read(line(type="party.closed/2", body={})).kind is None


@pytest.mark.parametrize(
    "change",
    [
        {"v": "cultuurinzicht/entry/2"},
        {"extra": 1},
        {"seq": -1},
        {"seq": True},
        {"seq": "7"},
        {"type": "Party Closed"},
        {"type": None},
        {"rt": None},
        {"rt": "2026-03-01"},
        {"rt": "2026-02-30T00:00:00Z"},
        {"rt": "2026-03-01T12:30:15.5Z"},
        {"rt": "2026-03-01T12:30:15+00:00"},
        {"vf": "soon"},
        {"actor": {"party": "a1"}},
        {"actor": {"party": "a1", "client": "x", "name": "Jan"}},
        {"actor": "a1"},
        {"refs": {}},
        {"refs": [True]},
        {"refs": [7]},
        {"body": []},
        {"body": {"party": "a1", "x": 1}},
        {"idem": 5},
    ],
)
def test_a_line_that_is_no_entry_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EntryRefused):
        read(line(**change))


def test_a_line_without_one_of_the_keys_is_refused() -> None:
    envelope = json.loads(line())
    for name in envelope:
        with pytest.raises(EntryRefused):
            read(canonical({key: value for key, value in envelope.items() if key != name}))
    with pytest.raises(EntryRefused):
        read(b"[]")


def test_an_entry_has_a_longest_length() -> None:
    with pytest.raises(EntryRefused, match="65535"):
        read(b'"' + b"a" * MAX_LINE + b'"')
    productions = sorted(f"{number:064d}" for number in range(1_200))
    with pytest.raises(EntryRefused) as refused:
        seal(proposed(productions=productions), Position(7), NOW)
    assert refused.value.code == "TOO_LONG"


def test_disclosures_refusals_and_exports_decide_nothing() -> None:
    assert set(EntryType) - DECIDING == {
        EntryType.DISCLOSURE_RECORDED,
        EntryType.REFUSAL_RECORDED,
        EntryType.REFUSAL_TOLD,
        EntryType.SAMPLE_OPENED,
        EntryType.EXPORT_ISSUED,
        EntryType.SUBJECT_STOPPED,
        EntryType.RIGHT_REQUESTED,
        EntryType.RIGHT_EXTENDED,
        EntryType.RIGHT_ANSWERED,
        EntryType.KEK_ROTATED,
        EntryType.KEK_DESTROYED,
    }
    assert len(CONSENT_ACTS) == 7
    assert {kind for kind in PERSON_LEVEL if not kind.startswith(("subject.", "right."))} == {
        *CONSENT_ACTS,
        EntryType.CONSENT_BATCH,
    }


@pytest.mark.parametrize(
    ("rows", "bucket"),
    [
        (0, "r0"),
        (1, "r1_9"),
        (9, "r1_9"),
        (10, "r10_99"),
        (999, "r100_999"),
        (1_000, "r1000_9999"),
        (10_000, "r10000_up"),
        (10**9, "r10000_up"),
    ],
)
def test_rows_are_told_roughly(rows: int, bucket: str) -> None:
    assert RowBucket.of(rows) == bucket
