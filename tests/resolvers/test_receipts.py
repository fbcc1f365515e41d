"""Consent records of the own house, receipts that verify offline, and that both end with the person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest

from consent_ledger.caller import Caller
from consent_ledger.closed import mint
from consent_ledger.entry import EntryType
from consent_ledger.parties import VerifiedLink, admit_visitor
from consent_ledger.permit import Permit, Refusal
from consent_ledger.question import consent_question, own_record_question
from consent_ledger.verify import Refused, Trust
from consent_ledger.verify.consent_receipt import VERBS
from consent_ledger.verify.note import read_key
from consent_ledger.verify.receipts import check_receipts
from consent_ledger.vocabulary import (
    ClientId,
    ClientKind,
    ConsentAct,
    ErasureMode,
    LawfulBasis,
    PartyId,
    Reason,
    Scope,
)
from resolvers.batches import BatchRecorded, List, Row, record_consents
from resolvers.gate import Inquiry, Receipt
from resolvers.persons import Erasure, desk_erase
from resolvers.receipts import (
    START,
    Place,
    Record,
    given_receipt,
    house_receipt,
    own_receipts,
    record_at,
    records,
)
from tests.resolvers.scene import HARBOUR, LAKESIDE, OWN, RESEARCH, Scene, caller, research

A, B = "a@example.org", "b@example.org"
POOL: dict[str, Any] = {"notice": "pool", "notice_version": 1}
DPV = "dpv:hasRecordOfActivity"


@contextmanager
def reading(scene: Scene, house: PartyId = LAKESIDE) -> Iterator[Inquiry]:
    """The application with which a house reads its records."""
    name = f"{house}-records"
    scopes = frozenset({Scope.CONSENT_READ})
    if name not in {str(one.body["client"]) for one in scene.of_type(EntryType.SCOPE_GRANTED)}:
        kind = ClientKind.INSTITUTION_APP
        scene.say(
            EntryType.SCOPE_GRANTED,
            {"client": name, "party": house, "kind": kind, "scopes": [*sorted(scopes)]},
        )
    who = mint(
        Caller,
        client=ClientId(name),
        party=house,
        kind=ClientKind.INSTITUTION_APP,
        persons=frozenset(),
        scopes=scopes,
        token="t",
    )
    with scene.inquiry(who) as ask:
        yield ask


def kept(scene: Scene, house: PartyId = LAKESIDE, **more: Any) -> list[Record]:
    """The records of a house."""
    with reading(scene, house) as ask:
        found = records(ask, first=more.pop("first", 1_000), **more)
    assert isinstance(found, list), found
    return found


def given(scene: Scene, said: Receipt) -> str | None:
    """The consent receipt that comes with what was just recorded."""
    with scene.inquiry(caller("lakeside-app")) as ask:
        return house_receipt(ask, said)


def own(scene: Scene, email: str = A, house: PartyId = LAKESIDE) -> list[str]:
    """The receipts that the visitor gets in a session of the own."""
    references = frozenset(scene.house.vault.references(email))
    with scene.inquiry(admit_visitor(VerifiedLink("link", references, False))) as ask:
        person = next((ref for at, ref in references if at == house), None)
        if person is None:
            return []
        permit = ask.ask(own_record_question(house, person))
        assert isinstance(permit, Permit), permit
        return own_receipts(ask, permit)


def checked(scene: Scene, text: str) -> str:
    """What an offline verifier says of it. Raises `Refused`."""
    trust = Trust(read_key(scene.house.ledger.verifier_key), None, None, 0.0)
    [proven] = check_receipts(text.encode(), trust)
    return str(proven.consent)


def erase(scene: Scene, email: str = A, mode: ErasureMode = ErasureMode.FORGET_ME) -> None:
    with scene.inquiry(caller("lakeside-app")) as ask:
        assert isinstance(desk_erase(ask, LAKESIDE, email, mode=mode, key=scene.key()), Erasure)


def listed(scene: Scene, *rows: tuple[str, ConsentAct], **more: Any) -> BatchRecorded:
    """A list that the house brought along."""
    told = [Row(email, act, date(2025, 6, 1)) for email, act in rows]
    with scene.inquiry(caller("lakeside-app")) as ask:
        done = record_consents(ask, List(LAKESIDE, RESEARCH, told, **more), key=scene.key())
    assert isinstance(done, BatchRecorded), done
    return done


# receipts


def test_what_was_recorded_comes_with_a_receipt_that_verifies_offline(scene: Scene) -> None:
    for act in (ConsentAct.GRANTED, ConsentAct.RENEWED, ConsentAct.OBJECTED, ConsentAct.RESTRICTED):
        text = given(scene, scene.consent("lakeside-app", A, RESEARCH, act, **POOL))
        assert text is not None
        said = f"the person {VERBS[act.value]} research (version 1) at lakeside, under notice pool version 1."
        assert checked(scene, text) == f"It says: on 2026-01-06 {said}"
        assert A not in text
        assert str(scene.house.vault.find(LAKESIDE, A)) not in text


def test_a_repeat_gives_the_same_receipt(scene: Scene) -> None:
    said = scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED, key="same")
    first = given(scene, said)
    assert first is not None
    scene.consent("lakeside-app", B, OWN, ConsentAct.OBJECTED)
    scene.basis(LAKESIDE, OWN, LawfulBasis.CONSENT)
    again = given(scene, scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED, key="same"))
    assert again is not None
    assert json.loads(again)[DPV] == json.loads(first)[DPV]
    assert checked(scene, again) == checked(scene, first)


def test_a_receipt_tells_the_basis_and_the_notice_of_its_day(scene: Scene) -> None:
    before = scene.consent("lakeside-app", A, RESEARCH, ConsentAct.GRANTED, **POOL)
    scene.clock.advance(timedelta(days=10))
    scene.basis(LAKESIDE, RESEARCH, LawfulBasis.CONSENT)
    scene.notice(LAKESIDE, RESEARCH, version=2)
    after = scene.consent("lakeside-app", A, RESEARCH, ConsentAct.GRANTED, notice="pool", notice_version=2)
    told = [json.loads(text)[DPV] for text in own(scene)]
    assert [one["dpv:hasLegalBasis"] for one in told] == ["eu-gdpr:A6-1-f", "eu-gdpr:A6-1-a"]
    assert [one["dpv:hasNotice"]["dct:identifier"] for one in told] == ["pool@1", "pool@2"]
    assert [one["dpv:hasNotice"]["dct:date"] for one in told] == ["2026-01-05", "2026-01-16"]
    assert [one["@id"].rpartition(":")[2] for one in told] == [str(before.position), str(after.position)]


def test_a_visitor_gets_the_own_receipts_and_nobody_elses(scene: Scene) -> None:
    scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED)
    scene.consent("lakeside-app", B, RESEARCH, ConsentAct.GRANTED)
    listed(scene, (B, ConsentAct.REFUSED), (A, ConsentAct.GRANTED), **POOL)
    said = [checked(scene, text) for text in own(scene)]
    assert len(said) == 2
    assert "objected to own_insight" in said[0]
    assert said[1].startswith("It says: on 2025-06-01 the person granted research")
    assert len(own(scene, B)) == 2
    assert own(scene, A, HARBOUR) == own(scene, "nobody@example.org") == []
    with scene.inquiry(caller("lakeside-app")) as ask:
        permit = ask.ask(consent_question(LAKESIDE, OWN))
        assert isinstance(permit, Permit)
        other = scene.consent("lakeside-app", B, RESEARCH, ConsentAct.WITHDRAWN)
        assert given_receipt(ask, permit, other) is None  # of another purpose than the permit's


def test_a_guardians_receipt_tells_so(scene: Scene) -> None:
    said = scene.consent(
        "lakeside-app",
        A,
        RESEARCH,
        ConsentAct.GRANTED,
        until=date(2029, 5, 1),
        is_under_16=True,
        by_guardian=True,
        **POOL,
    )
    text = given(scene, said)
    assert text is not None
    assert "a guardian granted research" in checked(scene, text)
    assert checked(scene, text).endswith("until 2029-05-01.")


def test_each_of_a_list_has_a_receipt_and_a_record(scene: Scene) -> None:
    people = [(f"p{number}@example.org", ConsentAct.GRANTED) for number in range(5)]
    done = listed(scene, *people, **POOL)
    assert done.receipt is not None
    for email, _ in people:
        [text] = own(scene, email)
        assert "the person granted research" in checked(scene, text)
    found = kept(scene)
    position = done.receipt.position
    assert [one.place for one in found] == [Place(position, index) for index in range(5)]
    for one in found:
        with reading(scene) as ask:
            assert record_at(ask, one.place) == one
    with reading(scene) as ask:
        assert record_at(ask, Place(position)) is record_at(ask, Place(position, 5)) is None


# records


def test_a_house_reads_its_own_records_in_order_page_by_page(scene: Scene) -> None:
    scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED)
    listed(scene, (A, ConsentAct.GRANTED), (B, ConsentAct.GRANTED), ("c@example.org", ConsentAct.WITHDRAWN))
    scene.consent("harbour-app", A, OWN, ConsentAct.OBJECTED)
    scene.consent("lakeside-app", B, RESEARCH, ConsentAct.WITHDRAWN)
    whole = kept(scene)
    assert len(whole) == 5
    assert [one.place for one in whole] == sorted(one.place for one in whole)
    assert len({one.text for one in whole}) == 5
    for size in (1, 2, 3):
        pages, after = [], START
        while page := kept(scene, first=size, after=after):
            pages += page
            after = page[-1].place
        assert pages == whole
    assert [one.place for one in kept(scene, purpose=RESEARCH)] == [one.place for one in whole[1:]]
    assert len(kept(scene, HARBOUR)) == 1
    with reading(scene, HARBOUR) as ask:
        assert [record_at(ask, one.place) for one in whole] == [None] * 5
    with reading(scene) as ask:
        for place in (Place(-1), Place(0), Place(10**9), Place(whole[0].place.position, 0), Place(3, -7)):
            assert record_at(ask, place) is None


def test_a_record_tells_name_channel_and_who_received_under_agreements(scene: Scene) -> None:
    before = scene.consent("lakeside-app", A, RESEARCH, ConsentAct.GRANTED, **POOL)
    agreement = scene.agree(research(), "bureau-app", "lakeside-app")
    during = scene.consent("lakeside-app", B, RESEARCH, ConsentAct.GRANTED, **POOL)
    other = scene.consent("lakeside-app", B, OWN, ConsentAct.OBJECTED)
    scene.end(agreement, "lakeside-app")
    after = scene.consent("lakeside-app", A, RESEARCH, ConsentAct.WITHDRAWN)
    told = {one.place.position: json.loads(one.text) for one in kept(scene)}
    received = {
        at: [entity["dpv:hasName"] for entity in one["dpv:hasEntity"][2:]] for at, one in told.items()
    }
    assert received == {
        before.position: [],
        during.position: ["bureau"],
        other.position: [],
        after.position: [],
    }
    [event] = told[during.position]["dpv:hasConsentStatus"]
    assert event["dpv:hasIndicationMethod"] == "web"
    assert told[during.position]["dpv:hasEntity"][0]["dpv:hasName"] == "Lakeside"


def test_records_name_nobody_and_hold_no_secret(scene: Scene) -> None:
    for email in (A, B):
        said = scene.consent("lakeside-app", email, OWN, ConsentAct.OBJECTED)
        text = given(scene, said)
        assert text is not None
        opening = json.loads(text)["ci:proof"]["opening"]
        [one] = [one for one in kept(scene) if one.place.position == said.position]
        for secret in (email, opening, str(scene.house.vault.find(LAKESIDE, email))):
            assert secret not in one.text
    subjects = {json.loads(one.text)["dpv:hasDataSubject"]["@id"] for one in kept(scene)}
    assert len(subjects) == 2


def test_only_who_may_read_consents_sees_records(scene: Scene) -> None:
    scene.consent("lakeside-app", A, OWN, ConsentAct.OBJECTED)
    for name in ("lakeside-app", "bureau-app", "audit"):
        with scene.inquiry(caller(name)) as ask:
            for found in (records(ask, first=5), record_at(ask, Place(1))):
                assert isinstance(found, Refusal)
                assert found.reason in {Reason.INSUFFICIENT_SCOPE, Reason.ROLE_FORBIDS}


# erasure


@pytest.mark.parametrize("mode", ErasureMode)
def test_an_erased_person_is_in_no_record_and_the_receipt_given_before_still_verifies(
    scene: Scene, mode: ErasureMode
) -> None:
    said = scene.consent("lakeside-app", A, RESEARCH, ConsentAct.GRANTED, key="same", **POOL)
    text = given(scene, said)
    listed(scene, (A, ConsentAct.GRANTED), (B, ConsentAct.GRANTED), **POOL)
    scene.consent("lakeside-app", B, OWN, ConsentAct.OBJECTED)
    [batch_receipt] = own(scene)[1:]
    before = kept(scene)
    erase(scene, mode=mode)
    after = kept(scene)
    assert [one.place for one in after] == [before[2].place, before[3].place]
    with reading(scene) as ask:
        assert record_at(ask, before[0].place) is record_at(ask, before[1].place) is None
    assert own(scene) == []
    assert given(scene, said) is None
    assert text is not None
    for one in (text, batch_receipt):
        assert "the person granted research" in checked(scene, one)
    assert len(own(scene, B)) == 2


def test_a_receipt_that_was_changed_is_refused_whoever_holds_it(scene: Scene) -> None:
    text = given(scene, scene.consent("lakeside-app", A, RESEARCH, ConsentAct.REFUSED, **POOL))
    assert text is not None
    for old, new in (
        ("dpv:ConsentRefused", "dpv:ConsentGiven"),
        ("research@1", "own_marketing@1"),
        ("2026-01-06", "2026-01-05"),
        ('"lakeside"', '"harbour"'),
        ("pool@1", "pool@2"),
        ("A6-1-f", "A6-1-a"),
    ):
        assert old in text
        with pytest.raises(Refused):
            checked(scene, text.replace(old, new, 1))
