"""Documents of accountability say what the ledger says, of whom may know, and the same each time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from api.errors import problem_of
from consent_ledger.accounting.breach import Breach
from consent_ledger.accounting.essence import Essence
from consent_ledger.accounting.notice import Notice
from consent_ledger.accounting.record import Record
from consent_ledger.accounting.words import BASES, GRANULARITIES, GROUPS, PACKAGES, PURPOSES
from consent_ledger.agreements import Terms
from consent_ledger.entry import EntryType, Json, RowBucket
from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ClientId,
    ConsentAct,
    ControllerRole,
    FieldGroup,
    Granularity,
    LawfulBasis,
    Package,
    PartyId,
    PartyKind,
    Purpose,
    Reason,
    Scope,
)
from insight.criteria import Criteria
from resolvers import accountability as door
from resolvers.audiences import AudienceAsked, audience
from resolvers.gate import Receipt, as_platform
from resolvers.samples import open_sample
from schema.build import build
from schema.context import Context
from schema.ids import global_id
from tests.resolvers.scene import (
    AUDITOR,
    BENCHMARK,
    BUREAU,
    HARBOUR,
    LAKESIDE,
    OWN,
    RESEARCH,
    Scene,
    caller,
    research,
)

START = datetime(2026, 1, 6, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def pooled(house: PartyId) -> Terms:
    return Terms(
        package=Package.BENCHMARK_POOL,
        sources=frozenset({house}),
        recipients=frozenset({PLATFORM}),
        purposes=frozenset({BENCHMARK}),
        groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}),
        granularity=Granularity.STATISTIC,
        minimum_group=10,
        controller_role=ControllerRole.JOINT,
    )


@pytest.fixture
def shared(scene: Scene) -> Scene:
    """The bureau may see Lakeside's audience, in which twelve persons are; both houses joined the pool."""
    scene.bring(LAKESIDE, [{"identifier": f"p{number}@example.org"} for number in range(12)])
    for house in (LAKESIDE, HARBOUR):
        scene.attested(pooled(house), house, house, PLATFORM)
    scene.clock.advance(DAY)
    scene.agree(research(), "lakeside-app", "bureau-app")
    return scene


def ask(scene: Scene, *figures: str, name: str = "bureau-app") -> Receipt | None:
    wanted = AudienceAsked(LAKESIDE, RESEARCH, None, Criteria(), frozenset(figures or {"bookers"}))
    with scene.inquiry(caller(name)) as inquiry:
        audience(inquiry, wanted)
    return inquiry.receipt


def record(scene: Scene, name: str = "lakeside-app", party: PartyId | None = None) -> Record:
    return texts_of_record(scene, name, party)[0]


def texts_of_record(
    scene: Scene, name: str = "lakeside-app", party: PartyId | None = None
) -> tuple[Record, str, str]:
    with scene.inquiry(caller(name)) as inquiry:
        made = door.record(inquiry, party)
    assert not isinstance(made, Refusal), made
    return made.document, made.markdown(dutch=True), made.markdown(dutch=False)


def essence(scene: Scene, name: str = "lakeside-app") -> tuple[Essence, str, str]:
    with scene.inquiry(caller(name)) as inquiry:
        made = door.essence(inquiry)
    assert not isinstance(made, Refusal), made
    return made.document, made.markdown(dutch=True), made.markdown(dutch=False)


def notice(
    scene: Scene, agreement: AgreementId, name: str = "bureau-app", party: PartyId | None = None
) -> tuple[Notice, str, str] | None:
    with scene.inquiry(caller(name)) as inquiry:
        made = door.notice(inquiry, agreement, party)
    assert not isinstance(made, Refusal), made
    return None if made is None else (made.document, made.markdown(dutch=True), made.markdown(dutch=False))


def breach(
    scene: Scene,
    name: str = "audit",
    *,
    since: datetime = START - 30 * DAY,
    until: datetime = START + 365 * DAY,
    client: str | None = None,
    recipient: PartyId | None = None,
    controller: PartyId | None = None,
    aware: datetime | None = None,
) -> tuple[Breach, str, str]:
    with scene.inquiry(caller(name)) as inquiry:
        made = door.breach(
            inquiry,
            since=since,
            until=until,
            client=None if client is None else ClientId(client),
            recipient=recipient,
            controller=controller,
            aware=aware,
        )
    assert not isinstance(made, Refusal), made
    return made.document, made.markdown(dutch=True), made.markdown(dutch=False)


# words


@pytest.mark.parametrize("words", [PURPOSES, GROUPS, GRANULARITIES, BASES, PACKAGES])
def test_every_word_is_said_in_both_languages(words: dict[object, object]) -> None:
    [kind] = {type(word) for word in words}
    assert set(words) == set(kind)  # type: ignore[call-overload]  # an enum
    said = [text for one in words.values() for text in (one.nl, one.en)]  # type: ignore[attr-defined]
    assert all(said)
    assert len(set(said)) == len(said)


# article 30


def test_a_record_names_each_purpose_with_its_basis(shared: Scene) -> None:
    made = record(shared)
    assert [(one.purpose, one.basis) for one in made.activities] == [
        (purpose, LawfulBasis.LEGITIMATE_INTEREST) for purpose in sorted((OWN, RESEARCH, BENCHMARK))
    ]
    assert {one.since for one in made.activities} == {date(2026, 1, 5)}
    assert {one.purpose: one.told_since for one in made.activities} == {
        OWN: None,
        RESEARCH: date(2026, 1, 5),
        BENCHMARK: date(2026, 1, 5),
    }
    entries = {int(entry.seq): entry for entry in shared.entries()}
    for one in made.activities:
        assert entries[one.position].body["purpose"] == one.purpose
    assert (made.is_member, made.has_data) == (True, True)
    assert not record(shared, "harbour-app").has_data


def test_an_assessment_stands_by_its_hash_and_a_missing_one_is_said(shared: Scene) -> None:
    shared.purpose(Purpose.SEGMENTATION, high_risk=True)
    body: dict[str, Json] = {"controller": LAKESIDE, "purpose": "segmentation", "purpose_version": 1}
    body["basis"] = LawfulBasis.LEGITIMATE_INTEREST.value
    shared.say(EntryType.BASIS_RECORDED, {**body, "dpia_sha256": "ab" * 32})
    made, dutch, _ = texts_of_record(shared)
    found = next(one for one in made.activities if one.purpose is Purpose.SEGMENTATION)
    assert (found.dpia_sha256, found.needs_dpia) == ("ab" * 32, True)
    assert "ab" * 32 in dutch
    assert "ontbreekt" not in dutch
    shared.say(EntryType.BASIS_RECORDED, {**body, "dpia_sha256": None})
    _, dutch, english = texts_of_record(shared)
    assert "**ontbreekt**" in dutch
    assert "**missing**" in english


def test_a_record_tells_who_received_and_since_and_until_when(shared: Scene) -> None:
    made = record(shared)
    pool, studied = made.given
    assert (pool.package, pool.recipients, pool.since) == (
        Package.BENCHMARK_POOL,
        (PLATFORM,),
        date(2026, 1, 6),
    )
    assert (studied.recipients, studied.granularity, studied.minimum_group) == (
        (BUREAU,),
        Granularity.AGGREGATE,
        1,
    )
    assert (studied.since, studied.over, studied.status) == (date(2026, 1, 7), None, "active")
    shared.clock.advance(3 * DAY)
    shared.end(studied.id, "bureau-app")
    ended = record(shared).given[1]
    assert (ended.since, ended.over, ended.status) == (date(2026, 1, 7), date(2026, 1, 10), "ended")
    [received] = record(shared, "bureau-app").received
    assert received == ended


def test_what_nobody_accepted_is_in_no_record(shared: Scene) -> None:
    before = record(shared)
    shared.proposed(research(minimum_group=99), "bureau-app")
    after = record(shared)
    assert after.given == before.given
    assert after.stands.size == before.stands.size + 1


def test_who_decides_together_outside_the_pool_is_said(shared: Scene) -> None:
    assert record(shared).joint_with == ()
    both = research(
        sources=frozenset({LAKESIDE, HARBOUR}),
        recipients=frozenset({LAKESIDE, HARBOUR}),
        controller_role=ControllerRole.JOINT,
    )
    agreement = shared.agree(both, "lakeside-app", "harbour-app")
    assert record(shared).joint_with == (HARBOUR,)
    shared.end(agreement, "harbour-app")
    assert record(shared).joint_with == ()


def test_who_runs_the_platform_is_the_processor(shared: Scene) -> None:
    shared.party(PartyId("keeper"), PartyKind.OPERATOR)
    assert record(shared).processors == (PartyId("keeper"),)
    assert essence(shared)[0].processors == (PartyId("keeper"),)


def test_the_setting_of_evidence_is_the_one_in_force(shared: Scene) -> None:
    years = shared.house.evidence_years
    _, dutch, english = texts_of_record(shared)
    assert f"{years} jaar na het wissen" in dutch
    assert f"{years} years after the erasure" in english


def test_a_house_gets_its_own_record_and_an_auditor_every(shared: Scene) -> None:
    assert record(shared, "audit", LAKESIDE) == record(shared)
    for name, party, reason in (
        ("harbour-app", LAKESIDE, Reason.NO_AGREEMENT),
        ("bureau-app", LAKESIDE, Reason.NO_AGREEMENT),
        ("audit", PartyId("nobody"), Reason.NOT_MEMBER),
        ("audit", PartyId("\u0000"), Reason.NOT_MEMBER),
    ):
        with shared.inquiry(caller(name)) as inquiry:
            told = door.record(inquiry, party)
        assert isinstance(told, Refusal)
        assert told.reason is reason
    with shared.inquiry(caller("lakeside-app", {Scope.AUDIENCES_READ})) as inquiry:
        told = door.record(inquiry)
    assert isinstance(told, Refusal)
    assert told.reason is Reason.INSUFFICIENT_SCOPE


def test_a_document_is_the_same_for_the_same_position_and_day(shared: Scene) -> None:
    first, dutch, english = texts_of_record(shared)
    shared.clock.advance(timedelta(hours=5))
    again, dutch_again, english_again = texts_of_record(shared)
    assert (dutch_again, english_again) == (dutch, english)
    assert dutch != english
    assert (first.stands.size, first.stands.root) == (again.stands.size, again.stands.root)
    shared.restart()
    assert texts_of_record(shared)[1:] == (dutch, english)
    assert f"`{first.stands.root}`" in dutch
    assert f"{first.stands.size} entries" in english


def test_a_document_is_of_the_pinned_position(shared: Scene) -> None:
    with shared.inquiry(caller("lakeside-app")) as inquiry:
        shared.end(record(shared).given[1].id, "bureau-app")
        made = door.record(inquiry)
        assert not isinstance(made, Refusal)
        assert made.document.given[1].status == "active"
        assert made.document.stands.root == inquiry.snapshot.root.hex()
    assert record(shared).given[1].status == "ended"


def test_reading_documents_leaves_no_entry(shared: Scene) -> None:
    size = shared.size()
    record(shared)
    essence(shared)
    breach(shared, client="bureau-app")
    assert shared.size() == size


def test_a_name_of_the_register_means_nothing_to_markdown(shared: Scene) -> None:
    hostile = "Huis | <b>x</b> [a](http://x)\n# Kop"
    with shared.inquiry(caller("lakeside-app")) as inquiry:
        made = door.record(inquiry)
    assert not isinstance(made, Refusal)
    made.names[LAKESIDE] = hostile
    text = made.markdown(dutch=False)
    assert "<b>" not in text
    assert "\n# Kop" not in text
    assert r"Huis \| \<b\>" in text


# article 26


def test_the_essence_names_those_who_take_part_now(shared: Scene) -> None:
    made, dutch, english = essence(shared, "bureau-app")
    assert [(one.party, one.since) for one in made.members] == [
        (HARBOUR, date(2026, 1, 6)),
        (LAKESIDE, date(2026, 1, 6)),
    ]
    assert (made.purposes, made.groups) == ((BENCHMARK,), (FieldGroup.BASE, FieldGroup.SPEND))
    assert (made.granularities, made.minimum_group) == ((Granularity.STATISTIC,), 10)
    assert "bij elk van deze huizen" in dutch
    assert "at any of these houses" in english
    shared.end(next(one.agreement for one in made.members if one.party == HARBOUR), "harbour-app")
    assert [one.party for one in essence(shared)[0].members] == [LAKESIDE]


def test_a_pool_of_nobody_is_said_to_be_one(scene: Scene) -> None:
    made, dutch, english = essence(scene)
    assert (made.members, made.minimum_group) == ((), None)
    assert "Er doet nu geen huis mee." in dutch
    assert "No house takes part now." in english


def test_who_came_back_takes_part_since_the_agreement_that_stands(shared: Scene) -> None:
    made = essence(shared)[0]
    shared.end(made.members[1].agreement, "lakeside-app")
    shared.clock.advance(5 * DAY)
    shared.attested(pooled(LAKESIDE), LAKESIDE, LAKESIDE, PLATFORM)
    [_, lakeside] = essence(shared)[0].members
    assert lakeside.since == date(2026, 1, 12)
    shared.clock.advance(DAY)
    shared.attested(pooled(LAKESIDE), LAKESIDE, LAKESIDE, PLATFORM)
    assert essence(shared)[0].members[1] == lakeside, "a second agreement makes nobody a newcomer"


# article 14


def test_a_notice_is_owed_for_what_can_be_of_one_person(shared: Scene) -> None:
    for granularity, minimum_group, is_owed in (
        (Granularity.AGGREGATE, 10, False),
        (Granularity.STATISTIC, 10, False),
        (Granularity.AGGREGATE, 9, True),
        (Granularity.PSEUDONYMOUS, 10, True),
        (Granularity.REFERENCE, 100, True),
    ):
        terms = research(granularity=granularity, minimum_group=minimum_group)
        found = notice(shared, shared.agree(terms, "lakeside-app", "bureau-app"))
        assert found is not None
        made, dutch, english = found
        assert made.is_owed is is_owed, granularity
        assert ("u bent deze uitleg verplicht" in dutch) is is_owed
        assert ("you owe this notice" in english) is is_owed


def test_a_notice_tells_sources_data_purposes_and_bases(shared: Scene) -> None:
    agreement = shared.agree(research(), "lakeside-app", "bureau-app")
    found = notice(shared, agreement)
    assert found is not None
    made, _, english = found
    assert (made.recipient, made.agreement.sources) == (BUREAU, (LAKESIDE,))
    [why] = made.why
    assert (why.purpose, why.recipient) == (RESEARCH, None)
    assert why.sources == {LAKESIDE: LawfulBasis.LEGITIMATE_INTEREST}
    assert "not recorded: add it" in english
    shared.basis(BUREAU, RESEARCH, LawfulBasis.CONSENT)
    found = notice(shared, agreement)
    assert found is not None
    assert found[0].why[0].recipient is LawfulBasis.CONSENT
    assert "consent (article 6(1)(a))" in found[2]


def test_a_notice_is_for_the_recipient_alone(shared: Scene) -> None:
    agreement = shared.agree(research(), "lakeside-app", "bureau-app")
    assert notice(shared, agreement, "lakeside-app") is None, "it gives, and receives nothing"
    assert notice(shared, agreement, "harbour-app") is None
    assert notice(shared, AgreementId("agr-0000000000000000")) is None
    _, proposed = shared.proposed(research(minimum_group=3), "bureau-app")
    assert notice(shared, proposed) is None, "nothing was agreed"
    assert notice(shared, agreement, "audit", BUREAU) == notice(shared, agreement)
    with shared.inquiry(caller("lakeside-app")) as inquiry:
        assert isinstance(door.notice(inquiry, agreement, BUREAU), Refusal)


# articles 33 and 34


def test_a_breach_names_what_left_to_whom_and_under_what(shared: Scene) -> None:
    first, second = ask(shared), ask(shared, "spend")
    shared.clock.advance(DAY)
    third = ask(shared)
    assert first and second and third  # noqa: PT018 -- each is a receipt
    made, _, english = breach(shared, client="bureau-app")
    assert made.disclosures == 3
    assert (made.controllers, made.recipients) == ((LAKESIDE,), (BUREAU,))
    told = {one.lot.groups: one for one in made.left}
    base = told[(FieldGroup.BASE,)]
    assert (base.positions, base.persons) == ([first.position, third.position], RowBucket.TO_99)
    assert (base.first, base.last) == (START + DAY, START + 2 * DAY)
    [entry] = [one for one in shared.entries() if one.seq == first.position]
    assert base.lot.agreements == tuple(entry.body["agreements"])  # type: ignore[arg-type]
    assert base.lot.purposes == (RESEARCH,)
    assert "10 to 99" in english
    assert "example.org" not in english


def test_a_window_begins_with_its_first_moment_and_ends_before_its_last(shared: Scene) -> None:
    ask(shared)
    shared.clock.advance(DAY)
    shared.consent("lakeside-app", "p1@example.org", RESEARCH, ConsentAct.OBJECTED)  # tells its day alone
    ask(shared)
    second = timedelta(seconds=1)
    for since, until, times in (
        (START + DAY, START + DAY + second, 1),
        (START + DAY + second, START + 2 * DAY, 0),
        (START, START + DAY, 0),
        (START + 2 * DAY, datetime.max.replace(tzinfo=UTC), 1),
        (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), 2),
    ):
        found = breach(shared, client="bureau-app", since=since, until=until)[0]
        assert found.disclosures == times, (since, until)


def test_who_must_be_told_and_by_when(shared: Scene) -> None:
    ask(shared)
    aware = datetime(2026, 1, 8, 12, tzinfo=UTC)
    made, dutch, _ = breach(shared, recipient=BUREAU, aware=aware)
    by = {duty.article: duty.by for duty in made.duties if duty.who == (LAKESIDE,)}
    assert by["33(1)"] == aware + timedelta(hours=72)
    assert (by["34(1)"], by["33(5)"]) == (None, None)
    assert {duty.article for duty in made.duties} == {"33(1)", "33(2)", "33(5)", "34(1)"}
    assert any(duty.who == (BUREAU,) and duty.by == aware + timedelta(hours=72) for duty in made.duties)
    assert "2026-01-11 12:00:00 UTC" in dutch
    unaware = breach(shared, recipient=BUREAU)[0]
    assert all(duty.by is None for duty in unaware.duties)


def test_nothing_found_is_nothing_to_tell(shared: Scene) -> None:
    made, dutch, english = breach(shared, client="bureau-app")
    assert (made.left, made.duties, made.reach) == ((), (), ())
    assert "Er is niets gevonden dat te melden is." in dutch
    assert "Nothing was found that is to be reported." in english


def test_an_application_of_a_house_reads_without_a_trace_and_that_is_said(shared: Scene) -> None:
    made, _, english = breach(shared, client="lakeside-app")
    [reach] = made.reach
    assert (reach.client, reach.party) == ("lakeside-app", LAKESIDE)
    assert Scope.AUDIENCES_READ in reach.scopes
    assert Scope.LEDGER_READ not in reach.scopes
    assert made.controllers == (LAKESIDE,)
    assert any(duty.article == "33(1)" for duty in made.duties)
    assert "What left no trace" in english
    assert breach(shared, client="bureau-app")[0].reach == ()


def test_what_an_auditor_took_is_told_apart(shared: Scene) -> None:
    given = ask(shared)
    assert given is not None
    with shared.inquiry(caller("audit")) as inquiry:
        open_sample(inquiry, given.position, seed="s", number=3)
    made, _, _ = breach(shared, client="audit")
    [taken] = made.taken
    assert (taken.recipient, taken.is_sample) == (AUDITOR, True)
    assert made.left == ()


def test_a_house_sees_what_was_its_own_or_came_to_it(shared: Scene) -> None:
    ask(shared)
    assert breach(shared, "lakeside-app", client="bureau-app")[0].disclosures == 1
    assert breach(shared, "bureau-app", client="bureau-app")[0].disclosures == 1
    strange, _, text = breach(shared, "harbour-app", client="bureau-app")
    assert (strange.left, strange.reach, strange.duties) == ((), (), ())
    assert LAKESIDE not in text
    assert breach(shared, "harbour-app", client="lakeside-app")[0].reach == ()
    assert breach(shared, "lakeside-app", client="lakeside-app")[0].reach != ()
    with as_platform(shared.house) as inquiry:
        made = door.breach(
            inquiry,
            since=START,
            until=START + 9 * DAY,
            client=ClientId("bureau-app"),
            institution=HARBOUR,
        )
    assert not isinstance(made, Refusal)
    assert made.document.left == ()


def test_a_breach_is_asked_of_exactly_one_and_of_a_window(shared: Scene) -> None:
    east = timezone(timedelta(hours=9))
    asked: list[tuple[str, dict[str, Any]]] = [
        ("ONE_OF_THREE", {}),
        ("ONE_OF_THREE", {"client": "audit", "recipient": LAKESIDE}),
        ("ONE_OF_THREE", {"client": "audit", "recipient": LAKESIDE, "controller": LAKESIDE}),
        ("WINDOW", {"client": "audit", "since": START, "until": START}),
        ("WINDOW", {"client": "audit", "since": datetime.min.replace(tzinfo=east), "until": START}),
        ("TIME_ZONE", {"client": "audit", "since": START.replace(tzinfo=None)}),
    ]
    for code, wrong in asked:
        with pytest.raises(door.AccountRefused) as raised:
            breach(shared, **wrong)
        assert problem_of(raised.value).code == code


# through GraphQL

SCHEMA = build()

AGREED = """{ agreement package status sources recipients purposes groups granularity minimumGroup productions
  periodStart periodEnd onward since until over positions }"""
DOCUMENTS = (
    """query Documents($agreement: ID!, $breach: BreachInput!) { accountability {
  record { size root day markdown controller isMember hasData retention measures(language: EN) missing
    activities { purpose purposeVersion basis since toldSince needsDpia dpiaSha256 position }
    given AGREED received AGREED jointWith processors }
  essence { size markdown(language: EN) members { institution since agreement } purposes groups minimumGroup
    division rights }
  notice(agreement: $agreement) { markdown recipient role isOwed agreement AGREED when rights missing
    purposes { purpose recipientBasis sourceBases { institution basis } } }
  breach(input: $breach) { markdown disclosures controllers
    lots { recipient client controllers agreements purposes groups granularity isOfOnePerson times firstAt lastAt
      persons(language: EN) positions later: positions(after: 1000000) }
    taken { position at recipient client isSample } unrecorded { client institution scopes isLive }
    duties { who whom(language: EN) when institutions by article } } } }"""
).replace("AGREED", AGREED)


def told(scene: Scene, name: str, agreement: AgreementId) -> dict[str, Any]:
    """Every field of every document, as this application gets them."""
    window = {"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00+01:00", "client": "bureau-app"}
    variables = {"agreement": global_id("Agreement", agreement), "breach": window}
    with scene.inquiry(caller(name)) as inquiry:
        done = SCHEMA.execute_sync(DOCUMENTS, variable_values=variables, context_value=Context(inquiry))
    assert done.errors is None, done.errors
    assert done.data is not None
    found: dict[str, Any] = done.data["accountability"]
    return found


def test_every_document_is_asked_over_graphql(shared: Scene) -> None:
    given = ask(shared)
    assert given is not None
    studied = record(shared).given[1]
    bureau = told(shared, "bureau-app", studied.id)
    assert bureau["record"]["received"] == told(shared, "lakeside-app", studied.id)["record"]["given"][1:]
    assert bureau["notice"]["agreement"]["agreement"] == global_id("Agreement", studied.id)
    [lot] = bureau["breach"]["lots"]
    assert (lot["positions"], lot["later"], lot["times"]) == ([given.position], [], 1)
    assert lot["persons"] == "10 to 99"
    assert lot["controllers"] == [global_id("Institution", LAKESIDE)]
    assert [one["institution"] for one in bureau["essence"]["members"]] == [
        global_id("Institution", HARBOUR),
        global_id("Institution", LAKESIDE),
    ]
    house = told(shared, "lakeside-app", studied.id)
    assert house["notice"] is None
    assert house["record"]["markdown"] == texts_of_record(shared)[1]
    assert house["record"]["root"] == shared.rows("select root from ledger_head")[0][0].hex()
    assert {one["purpose"] for one in house["record"]["activities"]} == {
        "OWN_INSIGHT",
        "RESEARCH",
        "SECTOR_BENCHMARK",
    }
    auditor = told(shared, "audit", studied.id)
    assert auditor["breach"]["disclosures"] == 1


def test_without_the_scope_there_is_no_document(shared: Scene) -> None:
    query = "{ accountability { record { size } essence { size } } }"
    with shared.inquiry(caller("lakeside-app", {Scope.CATALOGUE_READ})) as inquiry:
        done = SCHEMA.execute_sync(query, context_value=Context(inquiry))
    assert done.data == {"accountability": {"record": None, "essence": None}}
    assert done.errors is not None
    assert {getattr(error.original_error, "code", "") for error in done.errors} == {"INSUFFICIENT_SCOPE"}
