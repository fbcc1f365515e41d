"""Signing an agreement: what a party is shown, what it signs, and every way in which a signature is not one."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

import pytest
from sqlalchemy.exc import DBAPIError

from api.errors import INTERNAL, problem_of
from consent_ledger.agreements import Agreement, accept_signed
from consent_ledger.canonical import canonical, parse
from consent_ledger.database import writing
from consent_ledger.entry import Draft, EntryType
from consent_ledger.passkeys import Assertion, acceptance_challenge
from consent_ledger.permit import Permit, Refusal
from consent_ledger.question import audience_question
from consent_ledger.state import IllegalEntry
from consent_ledger.vocabulary import (
    AgreementId,
    Assurance,
    ConsentAct,
    FieldGroup,
    Granularity,
    KeyCause,
    LawfulBasis,
    PartyId,
    ProductionRef,
    Purpose,
    Reason,
    Scope,
)
from insight.criteria import EVERYBODY, Criteria
from insight.figures import Breakdown, Figure, Released, Withheld
from insight.previews import PreviewFigure, PreviewUse, read_preview
from resolvers import agreements as agreement_door
from resolvers import previews as preview_door
from resolvers import signing as signing_door
from resolvers.agreements import AgreementRefused
from resolvers.audiences import AudienceAsked, audience
from tests.consent_ledger.authenticator import Authenticator
from tests.resolvers.scene import (
    BUREAU,
    HARBOUR,
    LAKESIDE,
    OPERATOR,
    OWN,
    RESEARCH,
    Scene,
    caller,
    research,
)
from tests.resolvers.signer import Signer


@pytest.fixture
def lakeside(scene: Scene) -> Signer:
    return Signer(scene, "lakeside-app")


@pytest.fixture
def bureau(scene: Scene) -> Signer:
    return Signer(scene, "bureau-app")


def refusal(act: Callable[[], object]) -> str:
    """The code that a client is told of what `act` raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- what it must be is said by `problem_of`
        act()
    told = problem_of(raised.value)
    assert told is not INTERNAL, repr(raised.value)
    assert told.sentence
    return told.code


def accepted(scene: Scene, agreement: AgreementId, name: str = "bureau-app") -> dict[PartyId, str]:
    """By party how its acceptance is proven."""
    with scene.inquiry(caller(name)) as ask:
        found = agreement_door.agreement(ask, agreement)
        assert isinstance(found, Agreement)
        return {one.party: one.assurance.value for one in agreement_door.acceptances(ask, found)}


def may_read(scene: Scene) -> bool:
    with scene.inquiry(caller("bureau-app")) as ask:
        return isinstance(ask.ask(audience_question(LAKESIDE, RESEARCH, [FieldGroup.BASE])), Permit)


def use(scene: Scene, signer: Signer, agreement: AgreementId) -> PreviewUse:
    (found,) = signer.preview(agreement).preview.uses
    return found


def season(scene: Scene, number: int = 12) -> None:
    """So many visitors; each third from elsewhere, one with two tickets."""
    rows = [{"pc4": "3511" if n % 3 else "9711", "gross": 1000 + n} for n in range(number)]
    scene.bring(LAKESIDE, [*rows, {"identifier": "visitor0@example.org", "order_ref": "again"}])


# -- signing


def test_an_agreement_stands_by_two_signatures(scene: Scene, lakeside: Signer, bureau: Signer) -> None:
    season(scene)
    _, agreement = scene.proposed(research(), "bureau-app")
    for signer in (bureau, lakeside):
        assert not may_read(scene)
        signer.sign(agreement, signer.enrol())
    assert may_read(scene)
    assert accepted(scene, agreement) == {BUREAU: "passkey", LAKESIDE: "passkey"}
    assert len(scene.of_type(EntryType.AGREEMENT_SIGNED)) == 2
    assert scene.of_type(EntryType.AGREEMENT_ACCEPTED) == []
    scene.restart()
    assert accepted(scene, agreement) == {BUREAU: "passkey", LAKESIDE: "passkey"}
    assert may_read(scene)


def test_every_reader_sees_who_signed_and_who_is_taken_at_the_operators_word(
    scene: Scene, lakeside: Signer
) -> None:
    season(scene)
    _, agreement = scene.proposed(research(), "bureau-app")
    first = lakeside.enrol()
    key = lakeside.enrol(approved_by=first)
    scene.accept(agreement, "bureau-app")
    position = lakeside.sign(agreement, key).receipt.position
    with scene.inquiry(caller("bureau-app")) as ask:
        found = agreement_door.agreement(ask, agreement)
        assert isinstance(found, Agreement)
        attested, signed = agreement_door.acceptances(ask, found)
    assert (attested.party, attested.assurance, attested.key) == (BUREAU, Assurance.OPERATOR_ATTESTED, None)
    assert (signed.party, signed.assurance, signed.key) == (LAKESIDE, Assurance.PASSKEY, key)
    assert signed.key_enrolled_by_operator is False
    assert signed.position == position


def test_each_algorithm_signs(scene: Scene, bureau: Signer) -> None:
    key = bureau.enrol()
    for algorithm in ("EdDSA", "RS256", "ES256"):
        key = bureau.enrol(Authenticator.make(algorithm), approved_by=key)
        _, agreement = scene.proposed(research(), "bureau-app")
        bureau.sign(agreement, key)
        assert accepted(scene, agreement) == {BUREAU: "passkey"}


def test_a_preview_that_is_asked_by_several_at_once_is_kept_once(scene: Scene, lakeside: Signer) -> None:
    season(scene)
    _, agreement = scene.proposed(research(), "bureau-app")
    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(lambda _: lakeside.preview(agreement).sha256, range(8)))
    assert len(set(shown)) == 1
    assert scene.rows("select count(*) from agreement_preview") == [(1,)]


def test_signing_is_repeatable_under_its_key_also_after_the_key_was_lost(
    scene: Scene, bureau: Signer
) -> None:
    _, agreement = scene.proposed(research(), "bureau-app")
    key = bureau.enrol()
    shown = bureau.preview(agreement)
    made = bureau.devices[key].sign(shown.challenge, key=key)
    once = bureau.accept(agreement, shown.sha256, made, key="a")
    bureau.retire(key, KeyCause.LOST)
    assert bureau.accept(agreement, shown.sha256, made, key="a").receipt.position == once.receipt.position
    assert accepted(scene, agreement) == {BUREAU: "passkey"}, "it was signed while the key stood"
    assert refusal(lambda: bureau.accept(agreement, shown.sha256, made)) in {
        "UNKNOWN_KEY",
        "ALREADY_ACCEPTED",
    }


def test_a_lost_key_signs_nothing_new_and_the_next_first_one_is_shown_as_such(
    scene: Scene, bureau: Signer
) -> None:
    _, agreement = scene.proposed(research(), "bureau-app")
    lost = bureau.enrol()
    bureau.retire(lost, KeyCause.LOST)
    assert refusal(lambda: bureau.sign(agreement, lost)) == "UNKNOWN_KEY"
    bureau.sign(agreement, bureau.enrol())
    with scene.inquiry(caller("lakeside-app")) as ask:
        found = agreement_door.agreement(ask, agreement)
        assert isinstance(found, Agreement)
        (signed,) = agreement_door.acceptances(ask, found)
    assert (signed.assurance, signed.key_enrolled_by_operator) == (Assurance.PASSKEY, True)


def test_a_signature_is_for_one_agreement_of_one_house_over_one_preview(
    scene: Scene, lakeside: Signer, bureau: Signer
) -> None:
    season(scene)
    _, agreement = scene.proposed(research(), "bureau-app")
    _, other = scene.proposed(research(minimum_group=2), "bureau-app")
    key = bureau.enrol()
    device = bureau.devices[key]
    shown, shown_other = bureau.preview(agreement), bureau.preview(other)
    made = device.sign(shown.challenge, key=key)
    assert refusal(lambda: bureau.accept(other, shown_other.sha256, made)) == "ASSERTION_CHALLENGE"
    assert refusal(lambda: bureau.accept(other, shown.sha256, made)) == "PREVIEW_UNKNOWN"
    assert refusal(lambda: bureau.accept(agreement, "0" * 64, made)) == "PREVIEW_UNKNOWN"
    theirs = lakeside.preview(agreement)
    signed_theirs = device.sign(theirs.challenge, key=key)
    assert refusal(lambda: bureau.accept(agreement, theirs.sha256, signed_theirs)) == "PREVIEW_UNKNOWN"
    assert refusal(lambda: lakeside.accept(agreement, theirs.sha256, signed_theirs)) == "UNKNOWN_KEY"
    assert scene.of_type(EntryType.AGREEMENT_SIGNED) == []


def test_an_assertion_that_proves_nothing_is_refused_before_it_is_recorded(
    scene: Scene, bureau: Signer
) -> None:
    _, agreement = scene.proposed(research(), "bureau-app")
    key = bureau.enrol()
    device, shown = bureau.devices[key], bureau.preview(agreement)
    made = device.sign(shown.challenge, key=key)
    size = scene.size()
    lies: dict[str, Assertion] = {
        "ASSERTION_USER": device.sign(shown.challenge, key=key, flags=0x01),
        "ASSERTION_ORIGIN": device.sign(shown.challenge, key=key, members={"origin": "https://evil.example"}),
        "ASSERTION_RP": device.sign(shown.challenge, key=key, rp_id="evil.example"),
        "ASSERTION_SIGNATURE": Authenticator.make().sign(shown.challenge, key=key),
        "ASSERTION_TYPE": device.sign(shown.challenge, key=key, members={"type": "webauthn.create"}),
        "UNKNOWN_KEY": replace(made, key="key-0000000000000000"),
    }
    for code, lie in lies.items():
        assert refusal(lambda: bureau.accept(agreement, shown.sha256, lie)) == code  # noqa: B023  # at once
    assert scene.size() == size
    bureau.accept(agreement, shown.sha256, made)


def test_what_is_over_or_accepted_cannot_be_signed(scene: Scene, lakeside: Signer, bureau: Signer) -> None:
    season(scene)
    until = scene.clock() + timedelta(minutes=30)
    key = bureau.enrol()
    agreements = [scene.proposed(research(), "bureau-app", valid_until=until)[1] for _ in range(2)]
    bureau.sign(agreements[0], key)
    assert refusal(lambda: bureau.sign(agreements[0], key)) == "ALREADY_ACCEPTED"
    scene.end(agreements[0], "lakeside-app")
    assert refusal(lambda: lakeside.sign(agreements[0], lakeside.enrol())) == "AGREEMENT_ENDED"
    scene.clock.advance(timedelta(minutes=30))
    assert refusal(lambda: bureau.sign(agreements[1], key)) == "AGREEMENT_EXPIRED"


def test_the_scope_to_write_does_not_sign_and_the_scope_to_sign_does_not_attest(
    scene: Scene, bureau: Signer
) -> None:
    _, agreement = scene.proposed(research(), "bureau-app")
    key = bureau.enrol()
    shown = bureau.preview(agreement)
    made = bureau.devices[key].sign(shown.challenge, key=key)
    size = scene.size()
    with scene.inquiry(caller("bureau-app", {Scope.AGREEMENTS_READ, Scope.AGREEMENTS_WRITE})) as ask:
        answers = [
            signing_door.sign_agreement(ask, agreement, preview_sha256=shown.sha256, assertion=made, key="a"),
            preview_door.make_preview(ask, agreement),
        ]
    with scene.inquiry(caller("bureau-app", {Scope.AGREEMENTS_READ, Scope.AGREEMENTS_SIGN})) as ask:
        answers.append(agreement_door.accept_agreement(ask, agreement, key="b"))
    for answer in answers:
        assert isinstance(answer, Refusal)
        assert answer.reason is Reason.INSUFFICIENT_SCOPE
    assert scene.size() == size


# -- what an operator could try


def standing(scene: Scene, agreement: AgreementId) -> Agreement:
    with scene.inquiry(caller("bureau-app")) as ask:
        return ask.snapshot.state.agreements[agreement]


def forged(scene: Scene, agreement: AgreementId, device: Authenticator, key: str) -> Draft:
    """An acceptance for Lakeside that Lakeside knows nothing of."""
    known = standing(scene, agreement)
    challenge = acceptance_challenge(
        ledger=scene.house.ledger.origin,
        party=LAKESIDE,
        agreement=agreement,
        terms_sha256=known.terms_sha256,
        preview_sha256="0" * 64,
    )
    made = device.sign(challenge, key=key)
    return accept_signed(
        known, LAKESIDE, preview_sha256="0" * 64, assertion=made, actor=OPERATOR, idem=scene.key()
    )


def test_an_acceptance_forged_by_the_operator_is_refused(
    scene: Scene, lakeside: Signer, bureau: Signer
) -> None:
    _, agreement = scene.proposed(research(), "bureau-app")
    real, strange, own = lakeside.enrol(), bureau.enrol(), Authenticator.make()
    attempts = {
        "SIGNATURE_REFUSED": forged(scene, agreement, own, real),
        "UNKNOWN_KEY": forged(scene, agreement, own, "key-ffffffffffffffff"),
        "UNKNOWN_KEY ": forged(scene, agreement, bureau.devices[strange], strange),
    }
    size = scene.size()
    for code, draft in attempts.items():
        with pytest.raises(IllegalEntry) as raised:
            scene.house.ledger.append(draft)
        assert raised.value.code == code.strip()
    assert scene.size() == size
    assert not may_read(scene)


def test_a_signature_cannot_be_claimed_without_one(scene: Scene) -> None:
    _, agreement = scene.proposed(research(), "bureau-app")
    known = standing(scene, agreement)
    body = {
        "agreement": agreement,
        "party": "lakeside",
        "assurance": "passkey",
        "terms_sha256": known.terms_sha256,
    }
    with pytest.raises(IllegalEntry) as raised:
        scene.house.ledger.append(
            Draft(EntryType.AGREEMENT_ACCEPTED, OPERATOR, "claim", body, refs=known.seqs[:1])
        )
    assert raised.value.code == "ASSURANCE"


# -- previews


def test_a_source_sees_its_own_figures_and_a_recipient_none(
    scene: Scene, lakeside: Signer, bureau: Signer
) -> None:
    season(scene)
    _, agreement = scene.proposed(research(minimum_group=5), "bureau-app")
    gives, gets = lakeside.preview(agreement).preview, bureau.preview(agreement).preview
    assert (gives.recipients, gives.sources) == ((BUREAU,), ())
    assert [one.purpose for one in gives.uses] == [RESEARCH]
    figures = {one.figure: one for one in gives.uses[0].figures}
    assert figures["tickets"].value == "13"
    assert figures["bookers"].value == "12"
    assert "contexts" not in figures, "places are not agreed"
    assert (gets.sources, gets.recipients, gets.uses) == ((LAKESIDE,), (), ())
    body = json.loads(bureau.preview(agreement).body)
    assert body["uses"] == []
    assert '"13"' in lakeside.preview(agreement).body
    assert '"13"' not in bureau.preview(agreement).body
    assert gets.purposes == (RESEARCH,)
    assert gets.groups == (FieldGroup.BASE, FieldGroup.SEGMENT, FieldGroup.SPEND)


def test_what_the_preview_showed_is_what_the_recipient_then_gets(
    scene: Scene, lakeside: Signer, bureau: Signer
) -> None:
    season(scene, 40)
    scene.consent("lakeside-app", "visitor7@example.org", RESEARCH, ConsentAct.OBJECTED)
    scene.bring(
        LAKESIDE,
        [
            {"production_ref": "othello", "production_title": "Othello", "order_ref": f"x{n}"}
            for n in range(9)
        ],
        idem="more",
    )
    terms = research(
        minimum_group=10,
        groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND, FieldGroup.PLACE, FieldGroup.SEGMENT}),
        productions=frozenset({ProductionRef("hamlet")}),
        period_start=date(2026, 1, 1),
    )
    _, agreement = scene.proposed(terms, "bureau-app")
    for signer in (lakeside, bureau):
        signer.sign(agreement, signer.enrol())
    shown = {one.figure: one for one in use(scene, lakeside, agreement).figures}
    with scene.inquiry(caller("bureau-app")) as ask:
        asked = AudienceAsked(LAKESIDE, RESEARCH, None, EVERYBODY, frozenset(shown))
        got = audience(ask, asked)
    assert not isinstance(got, Refusal)
    assert {name: told(figure) for name, figure in got.figures.items()} == {
        name: previewed(figure) for name, figure in shown.items()
    }
    assert shown["bookers"].value == "39", "nobody who objected"
    assert shown["counted_visits"].withheld is Reason.COMBINATION_NOT_OFFERED
    assert any(part.value is not None for part in shown["contexts"].parts)


def told(figure: Released) -> dict[str, str | None]:
    """A released figure as texts."""
    match figure:
        case Withheld():
            return {"withheld": figure.reason.value}
        case Figure():
            parts = {name: str(value) for name, value in figure.parts.items()}
            return {"value": str(figure.value), "currency": figure.currency, **parts}
        case Breakdown():
            return {
                name: cell.reason.value if isinstance(cell, Withheld) else str(cell)
                for name, cell in figure.cells.items()
            }


def previewed(figure: PreviewFigure) -> dict[str, str | None]:
    """A previewed figure as texts."""
    if figure.withheld is not None:
        return {"withheld": figure.withheld.value}
    parts = {one.part: one.withheld.value if one.withheld else one.value for one in figure.parts}
    if figure.value is None:
        return parts
    return {"value": figure.value, "currency": figure.currency, **parts}


def test_what_the_minimum_group_withholds_is_withheld_in_the_preview(scene: Scene, lakeside: Signer) -> None:
    season(scene, 8)
    _, agreement = scene.proposed(research(minimum_group=9), "bureau-app")
    shown = {one.figure: one for one in use(scene, lakeside, agreement).figures}
    assert shown["bookers"].withheld is Reason.BELOW_K
    assert shown["spend"].withheld is Reason.BELOW_K
    _, other = scene.proposed(research(minimum_group=8), "bureau-app")
    assert {one.figure: one.value for one in use(scene, lakeside, other).figures}["bookers"] == "8"


def test_a_purpose_without_basis_or_notice_lets_nothing_leave_and_the_preview_says_so(
    scene: Scene, lakeside: Signer
) -> None:
    season(scene)
    scene.purpose(Purpose.OFFICIAL_STATISTICS)
    purposes = frozenset({RESEARCH, Purpose.OFFICIAL_STATISTICS})
    _, agreement = scene.proposed(research(purposes=purposes), "bureau-app")
    shown = {one.purpose: one for one in lakeside.preview(agreement).preview.uses}
    assert shown[Purpose.OFFICIAL_STATISTICS].refused is Reason.PURPOSE_NOT_COVERED
    assert shown[Purpose.OFFICIAL_STATISTICS].figures == ()
    assert shown[RESEARCH].refused is None
    scene.clock.advance(timedelta(days=60))
    scene.basis(LAKESIDE, Purpose.OFFICIAL_STATISTICS, LawfulBasis.LEGITIMATE_INTEREST)
    scene.notice(LAKESIDE, Purpose.OFFICIAL_STATISTICS, version=2)
    shown = {one.purpose: one for one in lakeside.preview(agreement).preview.uses}
    later = {one.figure: one.value for one in shown[Purpose.OFFICIAL_STATISTICS].figures}
    assert later["tickets"] is None, "what was sold before the notice does not leave"


def test_what_a_house_alone_may_see_is_not_in_the_preview_of_what_it_shares(
    scene: Scene, lakeside: Signer, bureau: Signer
) -> None:
    """For its own insight a house reads what it sold before its notice; others do not, for the same purpose."""
    season(scene)
    terms = research(purposes=frozenset({OWN}))
    _, agreement = scene.proposed(terms, "bureau-app")
    assert use(scene, lakeside, agreement).refused is Reason.PURPOSE_NOT_COVERED, "visitors were told nothing"
    scene.clock.advance(timedelta(days=60))
    scene.notice(LAKESIDE, OWN, version=2)
    scene.bring(LAKESIDE, [{"order_ref": "later", "ordered_at": "2026-04-01T12:00:00Z"}], idem="later")
    for signer in (lakeside, bureau):
        signer.sign(agreement, signer.enrol())
    asked = AudienceAsked(LAKESIDE, OWN, None, EVERYBODY, frozenset({"tickets"}))
    answers = []
    for name in ("lakeside-app", "bureau-app"):
        with scene.inquiry(caller(name)) as ask:
            answers.append(audience(ask, asked))
    own, shared = answers
    assert not isinstance(own, Refusal)
    assert not isinstance(shared, Refusal)
    shown = {one.figure: previewed(one) for one in use(scene, lakeside, agreement).figures}
    assert told(own.figures["tickets"])["value"] == "14"
    assert shown["tickets"] == told(shared.figures["tickets"])
    assert shown["tickets"]["value"] == "1"


def test_terms_without_the_base_let_nothing_leave(scene: Scene, lakeside: Signer) -> None:
    season(scene)
    _, agreement = scene.proposed(research(groups=frozenset({FieldGroup.SPEND})), "bureau-app")
    assert use(scene, lakeside, agreement).refused is Reason.FIELD_NOT_COVERED


def test_a_signer_who_may_not_see_the_figures_gets_no_preview_of_less(scene: Scene, lakeside: Signer) -> None:
    season(scene)
    _, agreement = scene.proposed(research(), "bureau-app")
    weak = caller("lakeside-app", {Scope.AGREEMENTS_READ, Scope.AGREEMENTS_SIGN, Scope.AUDIENCES_READ})
    with scene.inquiry(weak) as ask:
        answer = preview_door.make_preview(ask, agreement)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.INSUFFICIENT_SCOPE
    assert scene.rows("select count(*) from agreement_preview") == [(0,)]


def test_a_preview_is_canonical_and_can_be_read_again_to_the_byte(scene: Scene, lakeside: Signer) -> None:
    season(scene)
    terms = research(productions=frozenset({ProductionRef("hamlet")}), granularity=Granularity.STATISTIC)
    _, agreement = scene.proposed(terms, "bureau-app")
    shown = lakeside.preview(agreement)
    body = shown.body.encode()
    assert sha256(body).hexdigest() == shown.sha256
    said = parse(body)
    assert canonical(said) == body
    assert isinstance(said, dict)
    assert read_preview(said).body == body
    scene.bring(LAKESIDE, [{"order_ref": "later"}], idem="later")
    assert lakeside.preview(agreement).sha256 != shown.sha256
    with scene.inquiry(caller("lakeside-app")) as ask:
        again = preview_door.preview(ask, shown.sha256)
    assert isinstance(again, preview_door.Shown)
    assert (again.body, again.challenge) == (shown.body, shown.challenge)


def test_the_same_preview_is_kept_once_and_never_changed(scene: Scene, lakeside: Signer) -> None:
    season(scene)
    _, agreement = scene.proposed(research(), "bureau-app")
    once = lakeside.preview(agreement)
    kept = scene.rows("select * from agreement_preview")
    scene.accept(agreement, "bureau-app")
    assert lakeside.preview(agreement).sha256 == once.sha256
    assert scene.rows("select * from agreement_preview") == kept
    assert len(kept) == 1
    for change in ("update agreement_preview set body = ''", "delete from agreement_preview"):
        with pytest.raises(DBAPIError), writing(scene.house.engine) as connection:
            connection.exec_driver_sql(change)


def test_nobody_reads_the_preview_of_another(scene: Scene, lakeside: Signer) -> None:
    season(scene)
    _, agreement = scene.proposed(research(), "bureau-app")
    shown = lakeside.preview(agreement)
    for name in ("bureau-app", "harbour-app"):
        with scene.inquiry(caller(name)) as ask:
            assert preview_door.preview(ask, shown.sha256) is None
    with pytest.raises(AgreementRefused), scene.inquiry(caller("harbour-app")) as ask:
        preview_door.make_preview(ask, agreement)


def test_a_house_that_gives_and_receives_sees_both_sides(scene: Scene, lakeside: Signer) -> None:
    season(scene)
    both = frozenset({LAKESIDE, HARBOUR})
    _, agreement = scene.proposed(research(sources=both, recipients=both), "lakeside-app")
    shown = lakeside.preview(agreement).preview
    assert (shown.sources, shown.recipients) == ((HARBOUR,), (HARBOUR,))
    assert len(shown.uses) == 1


def test_looking_at_a_preview_discloses_nothing_to_anybody(scene: Scene, lakeside: Signer) -> None:
    season(scene)
    _, agreement = scene.proposed(research(), "bureau-app")
    size = scene.size()
    lakeside.preview(agreement)
    assert scene.size() == size, "own data need no entry, and the preview is none"
    with scene.inquiry(caller("lakeside-app")) as ask:
        own = audience(ask, AudienceAsked(LAKESIDE, OWN, None, Criteria(), frozenset({"tickets"})))
    assert not isinstance(own, Refusal)
