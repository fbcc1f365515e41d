"""Agreements as values: their terms, their state at a moment, and terms that cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from consent_ledger.agreements import Agreement, TermsRefused, end, new_id, propose, proposed
from consent_ledger.entry import Draft, EntryRefused, EntryType, sealed
from consent_ledger.permit import Permit, Refusal, decide
from consent_ledger.question import audience_question
from consent_ledger.vocabulary import (
    ClientKind,
    ControllerRole,
    FieldGroup,
    Position,
    ProductionRef,
    Purpose,
    Reason,
)
from tests.consent_ledger.world import (
    AGREEMENT,
    AUDIENCE,
    BUREAU,
    HOUSE,
    OPERATOR,
    OTHER,
    START,
    caller,
    terms,
    usual_world,
)


def drafted(**changes: Any) -> Draft:
    times = {name: changes.pop(name) for name in ("valid_from", "valid_until") if name in changes}
    return propose(terms(**changes), agreement=AGREEMENT, proposer=HOUSE, actor=OPERATOR, idem="p", **times)


def standing(**changes: Any) -> Agreement:
    return proposed(sealed(drafted(**changes), Position(7), START))


def test_what_was_proposed_comes_back_from_its_entry() -> None:
    given = terms(
        sources=frozenset({HOUSE, OTHER}),
        recipients=frozenset({BUREAU, OTHER}),
        productions=frozenset({ProductionRef("b"), ProductionRef("a")}),
        period_start=date(2026, 1, 1),
        minimum_group=15,
        controller_role=ControllerRole.JOINT,
    )
    draft = propose(given, agreement=AGREEMENT, proposer=HOUSE, actor=OPERATOR, idem="p")
    back = proposed(sealed(draft, Position(7), START))
    for name in (
        "sources",
        "recipients",
        "purposes",
        "groups",
        "granularity",
        "productions",
        "minimum_group",
    ):
        assert getattr(back, name) == getattr(given, name)
    assert (back.period_start, back.period_end) == (date(2026, 1, 1), None)
    assert back.terms_sha256 == given.sha256()
    assert set(back.roles.values()) == {ControllerRole.JOINT}
    assert back.parties == {HOUSE, OTHER, BUREAU}
    assert (back.seqs, back.accepted) == ((7,), frozenset())


def test_the_hash_is_of_the_terms_whatever_their_order() -> None:
    one = terms(groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}))
    two = terms(groups=frozenset({FieldGroup.SPEND, FieldGroup.BASE}))
    assert one.sha256() == two.sha256() != terms(minimum_group=11).sha256()


def test_its_status_follows_from_acts_and_time_alone() -> None:
    begins, ends = START + timedelta(days=1), START + timedelta(days=2)
    one = standing(valid_from=begins, valid_until=ends)
    all_of = replace(one, accepted=one.parties)
    half = replace(one, accepted=frozenset({HOUSE}))
    at = [START, begins, ends - timedelta(seconds=1), ends]
    assert [all_of.status(moment) for moment in at] == ["proposed", "active", "active", "expired"]
    assert [all_of.is_active(moment) for moment in at] == [False, True, True, False]
    assert [half.status(moment) for moment in at] == ["proposed", "proposed", "proposed", "expired"]
    assert replace(all_of, ended_by=HOUSE).status(begins) == "ended"
    assert replace(half, refused_by=HOUSE).status(begins) == "refused"
    assert not replace(all_of, ended_by=HOUSE).is_active(begins)


def test_ending_is_refusing_while_it_is_only_proposed() -> None:
    one = standing()
    told = [
        end(known, HOUSE, actor=OPERATOR, idem="e").type
        for known in (one, replace(one, accepted=frozenset({HOUSE})), replace(one, accepted=one.parties))
    ]
    assert told == [EntryType.AGREEMENT_REFUSED, EntryType.AGREEMENT_REFUSED, EntryType.AGREEMENT_ENDED]


def test_an_agreement_that_has_not_begun_is_as_none_and_not_as_ended() -> None:
    world = usual_world()
    world.take(drafted(valid_from=world.now + timedelta(days=1)))
    for party in (HOUSE, BUREAU):
        world.accept(AGREEMENT, party)
    bureau = caller("bureau-app", BUREAU, ClientKind.PARTNER, *AUDIENCE)
    question = audience_question(HOUSE, Purpose.RESEARCH, [FieldGroup.BASE])
    answer = decide(world.pin(), bureau, question)
    assert isinstance(answer, Refusal)
    assert (answer.reason, answer.agreements) == (Reason.NO_AGREEMENT, ())
    world.client("later", OTHER, ClientKind.INSTITUTION_APP)
    snapshot = replace_time(world, days=2)
    assert isinstance(decide(snapshot, bureau, question), Permit)


def replace_time(world: Any, *, days: int) -> Any:
    from consent_ledger.snapshot import pin_snapshot

    at = world.now + timedelta(days=days)
    return pin_snapshot(size=len(world.entries), root=bytes(32), at=at, state=world.state)


def test_the_id_follows_from_the_key() -> None:
    assert new_id("a") == new_id("a") != new_id("b")


@pytest.mark.parametrize(
    "changes",
    [
        {"purposes": frozenset()},
        {"groups": frozenset()},
        {"productions": frozenset()},
        {"minimum_group": 0},
        {"minimum_group": -1},
        {"minimum_group": 1_000_001},
        {"period_start": date(2026, 2, 1), "period_end": date(2026, 2, 1)},
        {"valid_until": datetime(2030, 1, 1)},  # noqa: DTZ001 -- that is the point
        {"valid_until": datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))},
    ],
)
def test_terms_that_cannot_be_are_refused_before_they_are_drafted(changes: dict[str, Any]) -> None:
    with pytest.raises(TermsRefused) as refused:
        drafted(**changes)
    assert (refused.value.code, refused.value.sentence[-1]) == ("TERMS_REFUSED", ".")


def test_free_text_is_refused_by_the_entry_and_not_repeated() -> None:
    draft = drafted(productions=frozenset({ProductionRef("a play about a@example.org")}))
    with pytest.raises(EntryRefused) as refused:
        sealed(draft, Position(7), datetime(2026, 1, 1, tzinfo=UTC))
    assert "example" not in refused.value.sentence
