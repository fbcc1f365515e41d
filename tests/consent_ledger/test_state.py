"""The fold: what stands at any size, what moves the positions, and what is refused before it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.errors import INTERNAL, problem_of
from consent_ledger.agreements import Agreement, accept, end, propose
from consent_ledger.entry import Actor, Draft, Entry, EntryType, Json
from consent_ledger.question import Question, Read, audience_question
from consent_ledger.state import IllegalEntry, State, UnknownEntry
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    Assurance,
    ClientId,
    ClientKind,
    FieldGroup,
    LawfulBasis,
    PartyId,
    Position,
    Purpose,
    Scope,
)
from tests.consent_ledger.world import (
    AGREEMENT,
    BUREAU,
    HOUSE,
    OPERATOR,
    OTHER,
    SHA,
    World,
    terms,
    usual_world,
)

ATTESTED = Assurance.OPERATOR_ATTESTED
BY_HOUSE, BY_OTHER = Actor(HOUSE, ClientId("house-app")), Actor(OTHER, ClientId("other-app"))


def consent(controller: PartyId = HOUSE, **changes: Json) -> dict[str, Json]:
    return {
        "controller": controller,
        "purpose": "research",
        "purpose_version": 1,
        "notice": None,
        "notice_version": None,
        "commitment": SHA,
        **changes,
    }


def refused(world: World, act: Callable[[], object]) -> str:
    """The code under which `act` is refused; it leaves no trace and can be told in words."""
    before = world.state
    with pytest.raises(IllegalEntry) as raised:
        act()
    assert world.state is before
    assert problem_of(raised.value) is not INTERNAL
    return raised.value.code


def test_an_earlier_state_never_changes() -> None:
    world = usual_world()
    world.agree(terms())
    states = [State.start()]
    for entry in world.entries:
        states.append(states[-1].apply([entry]))
    for size, state in enumerate(states):
        assert state == State.start().apply(world.entries[:size])
        assert state.size == size


def test_in_one_pass_or_entry_by_entry_the_state_is_the_same() -> None:
    world = usual_world()
    world.agree(terms())
    world.end(AGREEMENT, HOUSE)
    for cut in range(len(world.entries)):
        state = State.start().apply(world.entries[:cut]).apply(world.entries[cut:])
        assert state == world.state


def test_a_refused_entry_leaves_the_state_as_it_was() -> None:
    world = usual_world()
    assert refused(world, lambda: world.party(HOUSE)) == "ALREADY_REGISTERED"


def test_entries_out_of_order_are_refused() -> None:
    world = usual_world()
    for entries in ([world.entries[1]], [world.entries[0], world.entries[2]], [world.entries[0]] * 2):
        with pytest.raises(IllegalEntry, match=r"follow|created"):
            State.start().apply(entries)


def test_the_first_entry_creates_and_no_later_one_does() -> None:
    world = World()
    created: dict[str, Json] = {"format": "cultuurinzicht/ledger/1", "origin": "x.example/y", "sandbox": True}
    assert refused(world, lambda: world.say(EntryType.LEDGER_CREATED, created)) == "OUT_OF_ORDER"


def test_an_entry_of_a_later_version_stops_the_fold() -> None:
    world = usual_world()
    future = replace(world.entries[-1], seq=Position(world.state.size), type="consent.inherited")
    with pytest.raises(UnknownEntry):
        world.state.apply([future])


# positions


def test_only_what_can_change_a_verdict_moves_the_decision_position() -> None:
    world = usual_world()
    at = world.state.decision_position
    assert at == world.state.size - 1
    issued: dict[str, Json] = {"recipient": BUREAU, "client": "bureau-app", "start": 0, "stop": 1}
    world.say(EntryType.EXPORT_ISSUED, issued)
    assert world.state.decision_position == at
    world.say(EntryType.CONSENT_OBJECTED, consent())
    assert world.state.decision_position == world.state.size - 1


def test_standing_and_data_have_positions_of_their_own_per_house() -> None:
    world = usual_world()
    seen = []
    brought: dict[str, Json] = {
        "import": "imp-0000000000000001",
        "institution": HOUSE,
        "unit": "tickets",
        "source": "test",
        "file_sha256": SHA,
        "report_sha256": SHA,
        "received": 1,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
    }
    for kind, body in (
        (EntryType.CONSENT_OBJECTED, consent()),
        (EntryType.IMPORT_ACCEPTED, brought),
        (
            EntryType.SUBJECT_ERASED,
            {"controller": HOUSE, "request_sha256": SHA, "mode": "stay_out", "effective_by": "2027-07-01"},
        ),
    ):
        at = world.say(kind, body).seq
        seen.append((world.state.standing_position(HOUSE) == at, world.state.data_position(HOUSE) == at))
    assert seen == [(True, False), (False, True), (True, True)]
    assert (world.state.standing_position(OTHER), world.state.data_position(OTHER)) == (-1, -1)


# what cannot be said


def test_a_consent_needs_a_member_and_a_published_purpose() -> None:
    world = usual_world()
    objected = EntryType.CONSENT_OBJECTED
    assert refused(world, lambda: world.say(objected, consent(PartyId("nobody")))) == "UNKNOWN_PARTY"
    assert refused(world, lambda: world.say(objected, consent(purpose="web_link"))) == "UNKNOWN_PURPOSE"
    assert refused(world, lambda: world.say(objected, consent(purpose_version=2))) == "VERSION"


def test_an_application_stays_with_its_organisation() -> None:
    world = usual_world()
    taken = refused(world, lambda: world.client("house-app", OTHER, ClientKind.INSTITUTION_APP))
    assert taken == "FOREIGN_CLIENT"
    revoked: dict[str, Json] = {"client": "house-app", "party": OTHER}
    assert refused(world, lambda: world.say(EntryType.SCOPE_REVOKED, revoked)) == "UNKNOWN_CLIENT"


def test_a_blocked_application_holds_no_scope_until_it_is_granted_again() -> None:
    world = usual_world()
    world.say(EntryType.SCOPE_REVOKED, {"client": "house-app", "party": HOUSE})
    blocked = world.state.clients[ClientId("house-app")]
    assert (blocked.is_live, blocked.scopes) == (False, frozenset())
    world.client("house-app", HOUSE, ClientKind.INSTITUTION_APP, Scope.CATALOGUE_READ)
    again = world.state.clients[ClientId("house-app")]
    assert (again.is_live, again.scopes) == (True, frozenset({Scope.CATALOGUE_READ}))


def test_versions_follow_each_other() -> None:
    world = usual_world()
    assert refused(world, lambda: world.purpose(Purpose.RESEARCH, LawfulBasis.CONSENT)) == "VERSION"
    assert refused(world, lambda: world.notice(HOUSE, Purpose.RESEARCH, version=3)) == "VERSION"


def test_a_basis_must_be_possible_for_the_purpose() -> None:
    world = usual_world()
    told = refused(world, lambda: world.basis(HOUSE, Purpose.RESEARCH, LawfulBasis.PUBLIC_TASK))
    assert told == "BASIS"


def test_a_later_notice_does_not_move_the_day_of_the_first() -> None:
    world = usual_world()
    first = world.state.notices[HOUSE, Purpose.RESEARCH]
    world.notice(HOUSE, Purpose.RESEARCH, Purpose.OWN_INSIGHT, version=2)
    assert world.state.notices[HOUSE, Purpose.RESEARCH] == first
    assert world.state.notices[HOUSE, Purpose.OWN_INSIGHT].seq == world.state.size - 1


def test_who_left_says_nothing_more() -> None:
    world = usual_world()
    world.say(EntryType.PARTY_CLOSED, {"party": HOUSE})
    spoken = Draft(EntryType.CONSENT_OBJECTED, Actor(HOUSE, ClientId("house-app")), "k", consent())
    assert refused(world, lambda: world.take(spoken)) == "UNKNOWN_PARTY"


# agreements


def proposed(world: World, actor: Actor = OPERATOR, *, refs: tuple[int, ...] = (), **changes: Any) -> Entry:
    named = AgreementId(f"agr-{len(world.entries):016x}")
    times = {name: changes.pop(name) for name in ("valid_from", "valid_until") if name in changes}
    draft = propose(terms(**changes), agreement=named, proposer=HOUSE, actor=actor, idem=f"p{named}", **times)
    return world.take(replace(draft, refs=refs))


def on_the_table(world: World, actor: Actor = OPERATOR) -> Agreement:
    name = AgreementId(str(proposed(world, actor).body["agreement"]))
    return world.state.agreements[name]


def test_nobody_proposes_accepts_or_ends_in_anothers_name() -> None:
    world = usual_world()
    assert refused(world, lambda: proposed(world, BY_OTHER)) == "NOT_A_PARTY"
    known = on_the_table(world, BY_HOUSE)
    for draft in (
        accept(known, BUREAU, actor=BY_HOUSE, idem="a", assurance=ATTESTED),
        end(known, BUREAU, actor=BY_HOUSE, idem="e"),
    ):
        assert refused(world, lambda: world.take(draft)) == "NOT_A_PARTY"  # noqa: B023 -- called at once


def test_a_stranger_is_told_that_there_is_no_such_agreement() -> None:
    world = usual_world()
    known = on_the_table(world)
    stranger = accept(known, OTHER, actor=OPERATOR, idem="a", assurance=ATTESTED)
    never = replace(stranger, body={**stranger.body, "agreement": "agr-ffffffffffffffff", "party": OTHER})
    assert refused(world, lambda: world.take(stranger)) == "UNKNOWN_AGREEMENT"
    assert refused(world, lambda: world.take(never)) == "UNKNOWN_AGREEMENT"


def test_what_is_accepted_is_what_was_proposed() -> None:
    world = usual_world()
    known = on_the_table(world)
    draft = accept(known, HOUSE, actor=OPERATOR, idem="a", assurance=ATTESTED)
    other = replace(draft, body={**draft.body, "terms_sha256": SHA})
    assert refused(world, lambda: world.take(other)) == "OTHER_TERMS"
    elsewhere = replace(draft, refs=(1,))
    assert refused(world, lambda: world.take(elsewhere)) == "REFS"


def test_what_has_ended_stays_ended() -> None:
    world = usual_world()
    world.agree(terms())
    world.end(AGREEMENT, BUREAU)
    known = world.state.agreements[AGREEMENT]
    for draft in (
        accept(known, HOUSE, actor=OPERATOR, idem="x", assurance=ATTESTED),
        end(known, HOUSE, actor=OPERATOR, idem="y"),
    ):
        assert refused(world, lambda: world.take(draft)) == "AGREEMENT_ENDED"  # noqa: B023 -- called at once


def test_no_agreement_begins_or_ends_before_it_is_recorded() -> None:
    world = usual_world()
    past = world.now - timedelta(seconds=1)
    assert refused(world, lambda: proposed(world, valid_from=past)) == "BACK_DATED"
    assert refused(world, lambda: proposed(world, valid_until=world.now)) == "AGREEMENT_EXPIRED"
    proposed(world, valid_from=world.now, valid_until=world.now + timedelta(seconds=1))


def test_a_counter_answers_a_proposal_to_the_same_party() -> None:
    world = usual_world()
    first = proposed(world)
    assert proposed(world, refs=(first.seq,)).refs == (first.seq,)
    assert refused(world, lambda: proposed(world, refs=(1,))) == "UNKNOWN_AGREEMENT"


def test_an_agreement_has_two_sides() -> None:
    world = usual_world()
    assert refused(world, lambda: proposed(world, recipients=frozenset())) == "ONE_SIDED"
    strangers: dict[str, Any] = {"sources": frozenset({OTHER}), "recipients": frozenset({BUREAU})}
    assert refused(world, lambda: proposed(world, **strangers)) == "NOT_A_PARTY"
    assert PLATFORM not in world.state.parties


def test_an_answer_names_its_proposal_and_claims_no_signature() -> None:
    world = usual_world()
    proposed(world)
    (known,) = world.state.agreements.values()
    body: dict[str, Json] = {
        "agreement": known.id,
        "party": HOUSE,
        "assurance": "operator_attested",
        "terms_sha256": known.terms_sha256,
    }

    def said(refs: tuple[int, ...], **changes: Json) -> Callable[[], object]:
        draft = Draft(EntryType.AGREEMENT_ACCEPTED, OPERATOR, "a", {**body, **changes}, refs)
        return lambda: world.take(draft)

    assert refused(world, said(())) == "REFS"
    assert refused(world, said(known.seqs[:1], assurance="passkey")) == "ASSURANCE"
    said(known.seqs[:1])()


def test_nobody_agrees_with_itself_and_the_platform_gives_nothing() -> None:
    world = usual_world()
    alone: dict[str, Any] = {"sources": frozenset({HOUSE}), "recipients": frozenset({HOUSE})}
    assert refused(world, lambda: proposed(world, **alone)) == "ONE_SIDED"
    platform: dict[str, Any] = {"sources": frozenset({PLATFORM}), "recipients": frozenset({BUREAU})}
    assert refused(world, lambda: proposed(world, **platform)) == "ONE_SIDED"


def test_a_consent_names_a_notice_that_its_house_published() -> None:
    world = usual_world()
    world.say(EntryType.CONSENT_GRANTED, consent(notice="pool", notice_version=1))
    for notice, version in (("pool", 2), ("another", 1), ("pool", None)):
        unknown = consent(notice=notice, notice_version=version)
        assert refused(world, lambda: world.say(EntryType.CONSENT_GRANTED, unknown)) == "UNKNOWN_NOTICE"  # noqa: B023
    elsewhere = consent(OTHER, notice="pool", notice_version=1)
    assert refused(world, lambda: world.say(EntryType.CONSENT_GRANTED, elsewhere)) == "UNKNOWN_NOTICE"


def test_a_notice_is_not_back_dated() -> None:
    world = usual_world()
    body: dict[str, Json] = {
        "controller": HOUSE,
        "notice": "pool",
        "version": 2,
        "text_sha256": SHA,
        "purposes": ["own_marketing"],
    }
    day = world.now - timedelta(days=1)
    assert refused(world, lambda: world.say(EntryType.NOTICE_PUBLISHED, body, vf=day)) == "BACK_DATED"


# questions, as decisions remember them


def test_equal_questions_are_one_and_any_difference_is_another() -> None:
    usual = audience_question(HOUSE, Purpose.RESEARCH, [FieldGroup.BASE])
    same = audience_question(HOUSE, Purpose.RESEARCH, (FieldGroup.BASE, FieldGroup.BASE))
    assert (usual, hash(usual)) == (same, hash(same))
    others: list[Question[Read]] = [
        audience_question(OTHER, Purpose.RESEARCH, [FieldGroup.BASE]),
        audience_question(HOUSE, Purpose.OWN_INSIGHT, [FieldGroup.BASE]),
        audience_question(HOUSE, Purpose.RESEARCH, [FieldGroup.SPEND]),
        audience_question(HOUSE, Purpose.RESEARCH, [FieldGroup.BASE], productions=frozenset()),
        replace(usual, needs=frozenset()),
    ]
    assert len({usual, same, *others}) == len(others) + 1
    assert hash(others[-1]) != hash(usual), "a changed question gets a hash of its own"
