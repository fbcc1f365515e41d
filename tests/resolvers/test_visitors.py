"""Visitors come in by a link, see nobody but themselves, and stop or leave in one step."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from graphql import execute_sync, parse

from consent_ledger.consent_states import ConsentState
from consent_ledger.database import reading
from consent_ledger.entry import EntryType
from consent_ledger.permit import Refusal
from consent_ledger.vault import Vault, VaultRefused
from consent_ledger.vocabulary import (
    ClientKind,
    ConsentAct,
    ErasureMode,
    LawfulBasis,
    PartyId,
    PartyKind,
    Purpose,
    Reason,
    Scope,
)
from insight.criteria import Criteria
from resolvers import own_records as record_door
from resolvers import visitors as door
from resolvers.audiences import AudienceAsked, audience
from resolvers.consent import ConsentNotRecorded
from resolvers.gate import Inquiry, Receipt, inquiry
from resolvers.own_records import Known, Use
from resolvers.visitors import Where
from schema.build import build
from schema.context import Context
from schema.scopes import core
from tests.resolvers.scene import (
    HARBOUR,
    LAKESIDE,
    OWN,
    RESEARCH,
    SHA,
    Scene,
    caller,
    research,
)

ADA, GRACE, NEW = "ada@example.org", "grace@example.org", "new@example.org"
MAIL = Purpose.OWN_MARKETING

ME = """
{ me { isKeptOut houses { institution name holds { tickets firstDay lastDay }
  purposes { purpose basis isUsed state isRestricted since notice noticeVersion positions }
  consentReceipts disclosures { sentence nodes { recipient purposes groups granularity on position } endCursor } } } meExport }
"""


@pytest.fixture
def known(scene: Scene) -> Scene:
    """Ada bought at both houses, Grace at one of them; marketing rests on consent."""
    scene.purpose(MAIL)
    for house in (LAKESIDE, HARBOUR):
        scene.basis(house, MAIL, LawfulBasis.CONSENT)
        scene.notice(house, MAIL, version=2)
    scene.bring(
        LAKESIDE, [{"identifier": ADA, "order_ref": "ada-1"}, {"identifier": GRACE, "order_ref": "grace-1"}]
    )
    scene.bring(HARBOUR, [{"identifier": ADA, "order_ref": "ada-2", "starts_at": "2026-04-02T19:00:00Z"}])
    return scene


@contextmanager
def in_session(scene: Scene, token: str) -> Iterator[Inquiry]:
    """One request of the visitor of this session."""
    visitor = door.in_session(scene.house.vault, token)
    assert visitor is not None
    with (
        reading(scene.house.engine) as connection,
        inquiry(
            scene.house,
            visitor.caller,
            connection,
            request_sha256=SHA,
            request_id=secrets.token_hex(16),
            identifier=visitor.identifier,
        ) as ask,
    ):
        yield ask


def session(scene: Scene, email: str) -> str:
    """A session as the one-time link in a mail opens it."""
    link = door.one_time_link(scene.house, email)
    assert link is not None
    token = door.begin_session(scene.house, link.rpartition("/")[2])
    assert token is not None
    return token


def asked(scene: Scene, token: str, query: str = ME) -> dict[str, Any]:
    with in_session(scene, token) as ask:
        found = execute_sync(core(build()), parse(query), context_value=Context(ask))
        assert not found.errors, found.errors
        assert found.data is not None
        return found.data


def houses(scene: Scene, token: str) -> dict[PartyId, Known]:
    with in_session(scene, token) as ask:
        return {known.party.id: known for known in record_door.own_houses(ask)}


def use(scene: Scene, token: str, house: PartyId, purpose: Purpose) -> Use:
    return next(one for one in houses(scene, token)[house].uses if one.purpose is purpose)


def decide(scene: Scene, token: str, purpose: Purpose, act: ConsentAct, *, key: str | None = None) -> Receipt:
    with in_session(scene, token) as ask:
        done = door.decide_own(ask, LAKESIDE, purpose, act, key=key or scene.key())
    assert isinstance(done, Receipt), done
    return done


def stop_link(scene: Scene, email: str, house: str = "lakeside-app") -> str:
    with scene.inquiry(caller(house)) as ask:
        made = door.create_links(ask, [email])
    assert isinstance(made, list)
    [link] = made
    assert link is not None
    return link.rpartition("/")[2]


def stop(scene: Scene, token: str, where: Where) -> door.LinkUsed:
    return door.stop_by_link(scene.house, token, where, request_id=secrets.token_hex(16))


# links


def test_links_are_made_for_addresses_and_for_nothing_else(known: Scene) -> None:
    size = known.size()
    with known.inquiry(caller("lakeside-app")) as ask:
        made = door.create_links(ask, [ADA, "no address", NEW, ADA])
    assert isinstance(made, list)
    assert [one is None for one in made] == [False, True, False, False]
    assert made[0] != made[3], "two mails to one address cannot be told to be one's"
    assert all(
        one is None or ("ada" not in one and one.startswith("http://127.0.0.1:8000/v/")) for one in made
    )
    assert known.size() == size
    assert known.house.vault.find(LAKESIDE, NEW) is None


@pytest.mark.parametrize(
    ("who", "reason"), [("bureau-app", Reason.ROLE_FORBIDS), ("audit", Reason.ROLE_FORBIDS)]
)
def test_nobody_but_a_house_makes_links(known: Scene, who: str, reason: Reason) -> None:
    with known.inquiry(caller(who)) as ask:
        told = door.create_links(ask, [ADA])
    assert isinstance(told, Refusal)
    assert told.reason is reason


def test_a_house_makes_a_thousand_links_at_once_and_no_more(known: Scene) -> None:
    with known.inquiry(caller("lakeside-app")) as ask:
        assert len(door.create_links(ask, [ADA] * 1_000)) == 1_000  # type: ignore[arg-type]
        with pytest.raises(door.VisitorRefused, match="1000"):
            door.create_links(ask, [ADA] * 1_001)


def test_a_one_time_link_opens_one_session(known: Scene) -> None:
    link = door.one_time_link(known.house, ADA)
    assert link is not None
    token = link.rpartition("/")[2]
    assert door.begin_session(known.house, token) is not None
    assert door.begin_session(known.house, token) is None


def test_an_address_that_nobody_knows_gets_a_link_too_and_an_empty_record(known: Scene) -> None:
    token = session(known, NEW)
    assert asked(known, token)["me"] == {"isKeptOut": False, "houses": []}
    assert json.loads(asked(known, token)["meExport"])["houses"] == []


def test_a_stop_link_opens_no_session_and_a_one_time_link_stops_nothing(known: Scene) -> None:
    assert door.begin_session(known.house, stop_link(known, ADA)) is None
    link = door.one_time_link(known.house, ADA)
    assert link is not None
    with pytest.raises(VaultRefused):
        stop(known, link.rpartition("/")[2], Where.HERE)


# the own record


def test_a_visitor_sees_what_each_house_knows(known: Scene) -> None:
    told = asked(known, session(known, ADA))["me"]["houses"]
    assert [one["name"] for one in told] == ["Harbour", "Lakeside"]
    assert [one["holds"]["tickets"] for one in told] == [1, 1]
    assert told[0]["holds"] == {"tickets": 1, "firstDay": "2026-04-02", "lastDay": "2026-04-02"}
    by_purpose = {one["purpose"]: one for one in told[1]["purposes"]}
    assert by_purpose["OWN_INSIGHT"]["isUsed"]
    assert not by_purpose["OWN_MARKETING"]["isUsed"], "it rests on consent, and none was given"
    assert (by_purpose["RESEARCH"]["notice"], by_purpose["RESEARCH"]["noticeVersion"]) == ("pool", 1)


def test_no_field_of_a_session_tells_of_anybody_else(known: Scene) -> None:
    ada, grace = session(known, ADA), session(known, GRACE)
    before = asked(known, ada)
    known.consent("lakeside-app", GRACE, MAIL, ConsentAct.GRANTED)
    known.bring(LAKESIDE, [{"identifier": GRACE, "order_ref": "grace-2", "gross": 7777, "pc4": "9711"}])
    after = asked(known, ada)
    assert after["me"] == before["me"]
    ours = json.loads(after["meExport"]) | {"ledger": None}
    assert ours == json.loads(before["meExport"]) | {"ledger": None}
    assert "grace" not in after["meExport"]
    assert "7777" not in after["meExport"]
    hers = asked(known, grace)
    assert "grace-2" in hers["meExport"]
    assert "ada" not in hers["meExport"]
    references = {ref for email in (ADA, GRACE) for _, ref in known.house.vault.references(email)}
    assert len(references) == 3
    assert not any(ref in json.dumps([after, hers]) for ref in references), "no reference of the vault leaves"


def test_a_visitor_acts_for_nobody_else(known: Scene) -> None:
    with in_session(known, session(known, GRACE)) as ask:
        for done in (
            door.decide_own(ask, HARBOUR, RESEARCH, ConsentAct.OBJECTED, key="k"),
            door.erase_own(ask, HARBOUR, mode=ErasureMode.FORGET_ME, key="k"),
        ):
            assert isinstance(done, Refusal)
            assert done.reason is Reason.ROLE_FORBIDS
    assert use(known, session_again(known, ADA), HARBOUR, RESEARCH).is_used


def session_again(scene: Scene, email: str) -> str:
    """A session although a link was asked a moment ago."""
    return scene.house.vault.begin_session(email, door.SESSION_MINUTES)


def test_an_application_has_no_record_of_its_own(known: Scene) -> None:
    every = [*caller("lakeside-app").scopes, Scope.ME_READ, Scope.ME_CONSENT]
    with known.inquiry(caller("lakeside-app", every)) as ask:
        assert record_door.own_houses(ask) == []
        assert json.loads(record_door.export(ask))["houses"] == []
        with pytest.raises(door.VisitorRefused):
            door.stop_all(ask, key="k")
        assert isinstance(door.decide_own(ask, LAKESIDE, OWN, ConsentAct.OBJECTED, key="k"), Refusal)


def test_the_export_holds_every_line_and_every_word(known: Scene) -> None:
    token = session(known, ADA)
    granted = decide(known, token, MAIL, ConsentAct.GRANTED)
    told = json.loads(asked(known, token)["meExport"])
    assert [house["institution"] for house in told["houses"]] == [HARBOUR, LAKESIDE]
    lakeside = told["houses"][1]
    [line] = lakeside["tickets"]
    assert (line["order_ref"], line["production"], line["gross"]) == ("ada-1", "Hamlet", 2500)
    [said] = lakeside["said"]
    assert (said["position"], said["act"], said["purpose"]) == (granted.position, "granted", "own_marketing")
    [sealed] = said["sealed"]
    assert (sealed["notice"], sealed["notice_version"], sealed["channel"]) == ("pool", 2, "page")


def test_a_visitor_takes_receipts_along(known: Scene) -> None:
    token = session(known, ADA)
    granted = decide(known, token, MAIL, ConsentAct.GRANTED)
    harbour, lakeside = asked(known, token)["me"]["houses"]
    assert harbour["consentReceipts"] == []
    [receipt] = lakeside["consentReceipts"]
    assert json.dumps(granted.entry)[1:-1] in json.dumps(json.loads(receipt)), "the very bytes of the entry"
    assert asked(known, session(known, GRACE))["me"]["houses"][0]["consentReceipts"] == []


def test_what_left_is_told_of_the_house_and_not_of_the_person(known: Scene) -> None:
    known.agree(research(), "bureau-app", "lakeside-app")
    with known.inquiry(caller("bureau-app")) as ask:
        audience(ask, AudienceAsked(LAKESIDE, RESEARCH, None, Criteria(), frozenset({"bookers"})))
    ada, grace = asked(known, session(known, ADA)), asked(known, session(known, GRACE))
    harbour, lakeside = ada["me"]["houses"]
    assert harbour["disclosures"]["nodes"] == []
    [left] = lakeside["disclosures"]["nodes"]
    assert left["purposes"] == ["RESEARCH"]
    assert "per persoon" in lakeside["disclosures"]["sentence"]
    assert grace["me"]["houses"][0]["disclosures"]["nodes"] == [left]


# deciding


def test_taking_back_takes_as_many_steps_as_giving(known: Scene) -> None:
    token = session(known, ADA)
    size = known.size()
    decide(known, token, MAIL, ConsentAct.GRANTED)
    given = known.size() - size
    assert use(known, token, LAKESIDE, MAIL).is_used
    decide(known, token, MAIL, ConsentAct.WITHDRAWN)
    assert known.size() - size - given == given == 1
    assert use(known, token, LAKESIDE, MAIL).stand.state is ConsentState.WITHDRAWN
    mutations = core(build()).mutation_type
    assert mutations is not None
    [granting] = [field for name, field in mutations.fields.items() if name == "decide"]
    assert granting.args.keys() == {"input"}, "one request, the same, for both"


def test_a_decision_is_repeatable_and_two_visitors_keys_are_their_own(known: Scene) -> None:
    ada, grace = session(known, ADA), session(known, GRACE)
    first = decide(known, ada, RESEARCH, ConsentAct.OBJECTED, key="same")
    assert decide(known, ada, RESEARCH, ConsentAct.OBJECTED, key="same").position == first.position
    assert decide(known, grace, RESEARCH, ConsentAct.OBJECTED, key="same").position != first.position
    [one, other] = known.of_type(EntryType.CONSENT_OBJECTED)
    assert {(one.actor.party, one.actor.client), (other.actor.party, other.actor.client)} == {
        ("platform", "visitor")
    }


def test_a_withdrawal_is_taken_at_a_house_that_left(known: Scene) -> None:
    token = session(known, ADA)
    decide(known, token, MAIL, ConsentAct.GRANTED)
    known.say(EntryType.PARTY_CLOSED, {"party": LAKESIDE})
    decide(known, token, MAIL, ConsentAct.WITHDRAWN)
    assert not use(known, token, LAKESIDE, MAIL).is_used


def test_what_is_given_is_given_under_the_notice_published_last_that_is_not_wrong(known: Scene) -> None:
    token = session(known, ADA)
    known.notice(LAKESIDE, RESEARCH, version=3)

    def given(key: str) -> int:
        return int(
            json.loads(decide(known, token, RESEARCH, ConsentAct.GRANTED, key=key).entry)["body"][
                "notice_version"
            ]
        )

    assert given("a") == 3
    found_wrong(known, 3)
    assert given("b") == 1, "the second tells of another purpose"
    told = use(known, token, LAKESIDE, RESEARCH).told
    assert told is not None
    assert (told.notice, told.version) == ("pool", 1)
    known.notice(LAKESIDE, RESEARCH, version=4)
    assert given("c") == 4
    assert given("b") == 1, "a repeated request is the first one"
    for version in (1, 4):
        found_wrong(known, version)
    size = known.size()
    with pytest.raises(ConsentNotRecorded, match="found wrong"):
        given("d")
    assert known.size() == size


def found_wrong(scene: Scene, version: int) -> None:
    scene.say(EntryType.NOTICE_INVALIDATED, {"controller": LAKESIDE, "notice": "pool", "version": version})


def test_a_child_gives_nothing_itself_until_the_day_that_its_guardian_said(known: Scene) -> None:
    until = known.clock().date() + timedelta(days=30)
    known.consent(
        "lakeside-app", ADA, MAIL, ConsentAct.GRANTED, is_under_16=True, by_guardian=True, until=until
    )
    token = session(known, ADA)

    def tried(act: ConsentAct) -> Reason | None:
        with in_session(known, token) as ask:
            done = door.decide_own(ask, LAKESIDE, MAIL, act, key=known.key())
        return done.reason if isinstance(done, Refusal) else None

    giving = (ConsentAct.GRANTED, ConsentAct.RENEWED)
    assert [tried(act) for act in giving] == [Reason.GUARDIAN_NEEDED] * 2
    assert tried(ConsentAct.WITHDRAWN) is None, "taken back at any time"
    assert [tried(act) for act in giving] == [Reason.GUARDIAN_NEEDED] * 2, "and then not given again alone"
    known.clock.advance(timedelta(days=30))
    assert tried(ConsentAct.GRANTED) is None


# stopping


def test_a_stop_link_stops_at_its_house_alone(known: Scene) -> None:
    done = stop(known, stop_link(known, ADA), Where.HERE)
    assert not done.is_news
    token = session(known, ADA)
    assert not asked(known, token)["me"]["isKeptOut"]
    assert not any(one.is_used for one in houses(known, token)[LAKESIDE].uses)
    assert use(known, token, HARBOUR, RESEARCH).is_used
    assert known.of_type(EntryType.SUBJECT_STOPPED) == []
    grace = session(known, GRACE)
    assert use(known, grace, LAKESIDE, RESEARCH).is_used


def test_a_stop_link_that_is_clicked_twice_is_one_act(known: Scene) -> None:
    token = stop_link(known, ADA)
    before = known.size()
    first = stop(known, token, Where.HERE)
    size = known.size()
    assert size == before + 4
    assert stop(known, token, Where.HERE) == first
    assert known.size() == size


def test_what_a_link_did_is_news_once_and_the_notice_opens_the_persons_own_records(known: Scene) -> None:
    token = stop_link(known, ADA, "harbour-app")
    done = stop(known, token, Where.EVERYWHERE)
    assert done.is_news
    notice = door.stop_notice(known.house, done.link)
    assert (notice.identifier, notice.house) == (ADA, "Harbour")
    assert ADA not in repr((done, notice))
    begun = door.begin_session(known.house, notice.link.rpartition("/")[2])
    assert begun is not None
    assert asked(known, begun)["me"]["isKeptOut"]
    assert not stop(known, token, Where.EVERYWHERE).is_news
    decide(known, begun, MAIL, ConsentAct.GRANTED)
    assert stop(known, token, Where.EVERYWHERE).is_news, "it ended something, though the register was full"


def test_what_is_sealed_says_whose_link_stopped_it(known: Scene) -> None:
    stop(known, stop_link(known, ADA, "harbour-app"), Where.EVERYWHERE)
    told = json.loads(asked(known, session(known, ADA))["meExport"])["houses"]
    said = [sealed for house in told for one in house["said"] for sealed in one["sealed"]]
    assert len(said) == 8
    assert {one["link_of"] for one in said} == {HARBOUR}


def test_an_old_link_stops_again_what_was_given_since(known: Scene) -> None:
    token, mail = session(known, ADA), stop_link(known, ADA)
    stop(known, mail, Where.HERE)
    decide(known, token, MAIL, ConsentAct.GRANTED)
    assert use(known, token, LAKESIDE, MAIL).is_used
    stop(known, mail, Where.HERE)
    assert not use(known, token, LAKESIDE, MAIL).is_used


def test_a_stop_at_a_house_that_does_not_know_the_person_yet_holds_when_it_does(known: Scene) -> None:
    stop(known, stop_link(known, NEW), Where.HERE)
    known.house.vault.sweep(lambda under: is_recorded(known, under))
    known.bring(LAKESIDE, [{"identifier": NEW, "order_ref": "new-1"}])
    token = session(known, NEW)
    assert houses(known, token)[LAKESIDE].held.tickets == 1
    assert not any(one.is_used for one in houses(known, token)[LAKESIDE].uses)


def is_recorded(scene: Scene, under: str) -> bool:
    return bool(scene.rows("select 1 from ledger_entry where idem = :under", under=under))


def test_who_stops_everything_is_taken_in_by_no_later_house(known: Scene) -> None:
    done = stop(known, stop_link(known, ADA), Where.EVERYWHERE)
    assert done.is_news
    token = session(known, ADA)
    assert not any(one.is_used for house in houses(known, token).values() for one in house.uses)
    later = PartyId("later")
    known.party(later, PartyKind.INSTITUTION)
    known.bring(later, [{"identifier": ADA}, {"identifier": NEW}])
    assert known.house.vault.find(later, ADA) is None
    assert known.house.vault.find(later, NEW) is not None
    told = asked(known, token)["me"]
    assert told["isKeptOut"]
    assert "Later" not in {one["name"] for one in told["houses"]}


def test_stopping_everything_in_a_session_is_repeatable(known: Scene) -> None:
    token = session(known, ADA)
    with in_session(known, token) as ask:
        first = door.stop_all(ask, key="k")
    size = known.size()
    with in_session(known, token) as ask:
        again = door.stop_all(ask, key="k")
    assert [one.position for one in again.receipts] == [one.position for one in first.receipts]
    assert known.size() == size
    assert len(first.receipts) == 4 + 4 + 1


def test_who_nobody_knows_can_be_kept_out_too(known: Scene) -> None:
    with in_session(known, session(known, NEW)) as ask:
        [receipt] = door.stop_all(ask, key="k").receipts
    assert '"subject.stopped"' in receipt.entry
    known.bring(LAKESIDE, [{"identifier": NEW, "order_ref": "new-1"}])
    assert known.house.vault.find(LAKESIDE, NEW) is None


def test_a_link_that_can_only_stop_reads_erases_and_gives_nothing(known: Scene) -> None:
    token = stop_link(known, ADA)
    persons = known.house.vault.references(ADA)
    visitor = door._visitor(token, ADA, persons, may_only_stop=True)  # as the door admits it, and no further
    assert visitor.caller.kind is ClientKind.VISITOR
    with (
        reading(known.house.engine) as connection,
        inquiry(
            known.house, visitor.caller, connection, request_sha256=SHA, request_id="r", identifier=ADA
        ) as ask,
    ):
        assert record_door.own_houses(ask) == []
        assert not record_door.is_kept_out(ask)
        for house in (LAKESIDE, None):
            told = door.erase_own(ask, house, mode=ErasureMode.FORGET_ME, key="k")
            assert isinstance(told, Refusal)
            assert told.reason is Reason.INSUFFICIENT_SCOPE
        for act in set(ConsentAct) - {ConsentAct.WITHDRAWN, ConsentAct.OBJECTED, ConsentAct.REFUSED}:
            assert isinstance(door.decide_own(ask, LAKESIDE, MAIL, act, key="k"), Refusal)
        assert isinstance(door.decide_own(ask, LAKESIDE, MAIL, ConsentAct.WITHDRAWN, key="k"), Receipt)


# being forgotten


@pytest.mark.parametrize("mode", ErasureMode)
def test_an_erased_visitors_session_sees_nothing(known: Scene, mode: ErasureMode) -> None:
    token, other = session(known, ADA), session_again(known, ADA)
    with in_session(known, token) as ask:
        done = door.erase_own(ask, None, mode=mode, key="k")
    assert isinstance(done, door.Forgotten)
    assert len(done.receipts) == 2 + (mode is ErasureMode.STAY_OUT)
    assert done.effective_by is not None
    for one in (token, other):
        told = asked(known, one)
        assert told["me"] == {"isKeptOut": mode is ErasureMode.STAY_OUT, "houses": []}
        assert "ada" not in told["meExport"]
    assert known.rows("select count(*) from ticket_line where person is not null") == [(1,)]


def test_erasing_again_under_the_same_key_changes_nothing(known: Scene) -> None:
    token = session(known, ADA)
    for _ in range(2):
        with in_session(known, token) as ask:
            done = door.erase_own(ask, None, mode=ErasureMode.STAY_OUT, key="k")
        assert isinstance(done, door.Forgotten)
    assert len(known.of_type(EntryType.SUBJECT_ERASED)) == 2
    assert len(known.of_type(EntryType.SUBJECT_STOPPED)) == 1


def test_an_erasure_at_one_house_leaves_the_other(known: Scene) -> None:
    token = session(known, ADA)
    with in_session(known, token) as ask:
        done = door.erase_own(ask, LAKESIDE, mode=ErasureMode.FORGET_ME, key="k")
    assert isinstance(done, door.Forgotten)
    assert houses(known, token).keys() == {HARBOUR}


def test_an_ended_session_admits_nobody(known: Scene) -> None:
    vault: Vault = known.house.vault
    token = session(known, ADA)
    assert door.in_session(vault, token) is not None
    vault.end_session(token)
    assert door.in_session(vault, token) is None
