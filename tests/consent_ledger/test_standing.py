"""Who is out and who agreed, below the size that a reader pinned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import IntegrityError

from consent_ledger import standing
from consent_ledger.consent_states import ConsentState
from consent_ledger.database import reading, writing
from consent_ledger.permit import Permit, Read
from consent_ledger.standing import (
    Said,
    barred,
    consenting,
    forget,
    invalidate,
    own_acts,
    rebuild,
    record,
    stand,
)
from consent_ledger.vocabulary import ConsentAct, PartyId, PersonRef, Position, Purpose
from tests.insight.house import permit

THEA, MUSE = PartyId("thea"), PartyId("muse")
ADA, BEN = PersonRef("a" * 32), PersonRef("b" * 32)
OWN, STUDY = Purpose.OWN_INSIGHT, Purpose.RESEARCH
ACT = ConsentAct


Act = tuple[PartyId, PersonRef, Purpose, ConsentAct, Position]
DAY = date(2026, 5, 1)


def said(act: Act, *, until: date | None = None, notice: tuple[str, int] | None = None) -> Said:
    return Said(*act, DAY, until, notice)


def asks(purpose: Purpose = OWN, size: int = 100, controller: PartyId = THEA) -> Permit[Read]:
    return permit(controller=controller, purpose=purpose, size=size)


def keep(engine: Engine, *acts: tuple[PersonRef, Purpose, ConsentAct]) -> None:
    """Acts at THEA, at positions 0, 1, 2, ..."""
    with writing(engine) as connection:
        for position, (person, purpose, act) in enumerate(acts):
            record(connection, [said((THEA, person, purpose, act, Position(position)))])


def out(engine: Engine, asked: Permit[Read]) -> frozenset[PersonRef]:
    with reading(engine) as connection:
        return barred(asked, connection)


def agreed(engine: Engine, asked: Permit[Read]) -> frozenset[PersonRef]:
    with reading(engine) as connection:
        return consenting(asked, connection)


@pytest.mark.parametrize("act", [ACT.OBJECTED, ACT.WITHDRAWN, ACT.REFUSED, ACT.RESTRICTED])
def test_who_says_no_is_out(engine: Engine, act: ConsentAct) -> None:
    keep(engine, (ADA, OWN, ACT.GRANTED), (BEN, OWN, ACT.GRANTED), (ADA, OWN, act))
    assert out(engine, asks()) == {ADA}
    assert agreed(engine, asks()) == {BEN}


@pytest.mark.parametrize("act", [ACT.GRANTED, ACT.RENEWED])
def test_who_says_yes_after_no_is_in_again(engine: Engine, act: ConsentAct) -> None:
    keep(engine, (ADA, OWN, ACT.WITHDRAWN), (ADA, OWN, act))
    assert out(engine, asks()) == frozenset()
    assert agreed(engine, asks()) == {ADA}


def test_who_said_nothing_is_neither_out_nor_consenting(engine: Engine) -> None:
    with reading(engine) as connection:
        assert barred(asks(), connection) == consenting(asks(), connection) == frozenset()


def test_an_act_counts_only_below_the_pinned_size(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.GRANTED), (ADA, OWN, ACT.WITHDRAWN), (ADA, OWN, ACT.RENEWED))
    assert [sorted(out(engine, asks(size=size))) for size in range(4)] == [[], [], [ADA], []]
    assert [sorted(agreed(engine, asks(size=size))) for size in range(4)] == [[], [ADA], [], [ADA]]


def test_an_objection_to_one_purpose_leaves_the_others(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.GRANTED), (ADA, STUDY, ACT.OBJECTED))
    assert out(engine, asks(STUDY)) == {ADA}
    assert out(engine, asks(OWN)) == frozenset()
    assert agreed(engine, asks(OWN)) == {ADA}


def test_an_objection_at_one_house_says_nothing_at_another(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.OBJECTED))
    assert out(engine, asks(controller=MUSE)) == frozenset()


def test_a_restriction_bars_every_purpose_until_it_is_lifted(engine: Engine) -> None:
    keep(engine, (ADA, STUDY, ACT.GRANTED), (ADA, OWN, ACT.RESTRICTED), (ADA, OWN, ACT.LIFTED))
    assert out(engine, asks(STUDY, 2)) == out(engine, asks(OWN, 2)) == {ADA}
    assert agreed(engine, asks(STUDY, 2)) == frozenset()
    assert out(engine, asks(STUDY)) == out(engine, asks(OWN)) == frozenset()
    assert agreed(engine, asks(STUDY)) == {ADA}


def test_a_grant_does_not_lift_a_restriction(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.RESTRICTED), (ADA, OWN, ACT.GRANTED))
    assert out(engine, asks()) == {ADA}
    assert agreed(engine, asks()) == frozenset()


def test_lifting_one_restriction_leaves_another(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.RESTRICTED), (ADA, STUDY, ACT.RESTRICTED), (ADA, OWN, ACT.LIFTED))
    assert out(engine, asks(OWN)) == out(engine, asks(STUDY)) == {ADA}


def test_lifting_a_restriction_brings_back_what_stood_before(engine: Engine) -> None:
    keep(
        engine,
        (ADA, OWN, ACT.OBJECTED),
        (BEN, OWN, ACT.GRANTED),
        (ADA, OWN, ACT.RESTRICTED),
        (BEN, OWN, ACT.RESTRICTED),
        (ADA, OWN, ACT.LIFTED),
        (BEN, OWN, ACT.LIFTED),
    )
    assert out(engine, asks()) == {ADA}
    assert agreed(engine, asks()) == {BEN}


def test_an_act_is_kept_with_its_entry_or_not_at_all(engine: Engine) -> None:
    with pytest.raises(RuntimeError), writing(engine) as connection:  # noqa: PT012 - the transaction is what fails
        record(connection, [said((THEA, ADA, OWN, ACT.OBJECTED, Position(0)))])
        raise RuntimeError
    assert out(engine, asks()) == frozenset()


def test_one_entry_cannot_say_two_things_about_one_purpose(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.OBJECTED))
    with pytest.raises(IntegrityError), writing(engine) as connection:
        record(connection, [said((THEA, ADA, OWN, ACT.GRANTED, Position(0)))])


def test_a_rebuild_gives_what_was_recorded_and_nothing_else(engine: Engine) -> None:
    rows: list[Act] = [
        (
            THEA,
            PersonRef(f"{number:032x}"),
            OWN,
            ACT.OBJECTED if number % 3 else ACT.GRANTED,
            Position(number),
        )
        for number in range(300)
    ]
    keep(engine, (BEN, OWN, ACT.OBJECTED))
    with writing(engine) as connection:
        assert rebuild(connection, map(said, rows)) == 300
    assert out(engine, asks(size=1000)) == {row[1] for row in rows if row[3] is ACT.OBJECTED}
    assert agreed(engine, asks(size=1000)) == {row[1] for row in rows if row[3] is ACT.GRANTED}


def test_a_rebuild_that_fails_leaves_what_was_there(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.OBJECTED))
    twice: list[Act] = [(THEA, BEN, OWN, ACT.GRANTED, Position(1))] * 2
    with pytest.raises(IntegrityError), writing(engine) as connection:
        rebuild(connection, map(said, twice))
    assert out(engine, asks()) == {ADA}


def test_consent_holds_until_its_day_and_not_on_it(engine: Engine) -> None:
    with writing(engine) as connection:
        record(connection, [said((THEA, ADA, OWN, ACT.GRANTED, Position(1)), until=date(2027, 7, 1))])
    assert agreed(engine, permit(controller=THEA, at=datetime(2027, 6, 30, 23, 59, tzinfo=UTC))) == {ADA}
    assert agreed(engine, permit(controller=THEA, at=datetime(2027, 7, 1, tzinfo=UTC))) == frozenset()
    with reading(engine) as connection:
        assert stand(asks(), connection, ADA).state is ConsentState.EXPIRED
        before = permit(controller=THEA, at=datetime(2027, 6, 30, tzinfo=UTC))
        assert stand(before, connection, ADA).state is ConsentState.GIVEN


def test_what_was_given_under_a_wrong_notice_is_as_if_it_never_was(engine: Engine) -> None:
    wrong, right = ("visitors", 1), ("visitors", 2)
    with writing(engine) as connection:
        record(
            connection,
            [
                said((THEA, ADA, OWN, ACT.GRANTED, Position(1)), notice=wrong),
                said((THEA, BEN, OWN, ACT.GRANTED, Position(2)), notice=wrong),
                said((THEA, BEN, OWN, ACT.RENEWED, Position(3)), notice=right),
                said((THEA, PersonRef("c" * 32), OWN, ACT.OBJECTED, Position(4)), notice=wrong),
                said((MUSE, ADA, OWN, ACT.GRANTED, Position(5)), notice=wrong),
            ],
        )
        invalidate(connection, THEA, "visitors", 1, Position(10), DAY)
    assert agreed(engine, asks(size=10)) == {ADA, BEN}
    assert agreed(engine, asks(size=11)) == {BEN}
    assert out(engine, asks(size=11)) == {"c" * 32}
    assert agreed(engine, asks(size=11, controller=MUSE)) == {ADA}
    with reading(engine) as connection:
        assert stand(asks(), connection, ADA).state is ConsentState.INVALIDATED


def test_an_objection_stands_again_when_what_was_given_after_it_no_longer_holds(engine: Engine) -> None:
    with writing(engine) as connection:
        record(
            connection,
            [
                said((THEA, ADA, OWN, ACT.OBJECTED, Position(1))),
                said((THEA, ADA, OWN, ACT.GRANTED, Position(2)), notice=("visitors", 1)),
                said((THEA, BEN, OWN, ACT.OBJECTED, Position(3))),
                said((THEA, BEN, OWN, ACT.GRANTED, Position(4)), until=date(2027, 7, 1)),
            ],
        )
        invalidate(connection, THEA, "visitors", 1, Position(10), DAY)
    before = permit(controller=THEA, at=datetime(2027, 6, 30, tzinfo=UTC), size=10)
    assert out(engine, before) == frozenset()
    assert out(engine, permit(controller=THEA, at=datetime(2027, 6, 30, tzinfo=UTC), size=11)) == {ADA}
    assert out(engine, permit(controller=THEA, at=datetime(2027, 7, 1, tzinfo=UTC), size=11)) == {ADA, BEN}


def test_an_erased_person_leaves_no_row(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.OBJECTED), (BEN, OWN, ACT.OBJECTED), (ADA, STUDY, ACT.GRANTED))
    with writing(engine) as connection:
        forget(connection, THEA, ADA)
    assert out(engine, asks()) == {BEN}
    with reading(engine) as connection:
        assert own_acts(permit(controller=THEA, person=ADA), connection) == []


def test_a_record_is_read_for_the_person_of_the_permit_and_no_other(engine: Engine) -> None:
    keep(engine, (ADA, OWN, ACT.OBJECTED), (BEN, OWN, ACT.OBJECTED), (ADA, STUDY, ACT.GRANTED))
    with reading(engine) as connection:
        own = own_acts(permit(controller=THEA, person=ADA), connection)
        assert [(row.purpose, row.act) for row in own] == [(OWN, ACT.OBJECTED), (STUDY, ACT.GRANTED)]
        assert own_acts(permit(controller=THEA), connection) == []
        assert own_acts(permit(controller=MUSE, person=ADA), connection) == []


# against a naive reading of the acts, as of every size


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('standing')}/s.db")
    standing.metadata.create_all(engine)
    engine.dispose()
    return engine


def naive(acts: Sequence[Act], asked: Permit[Read]) -> dict[PersonRef, ConsentAct]:
    """Person by person, act by act: the act that decides."""
    decided = {}
    for person in {row[1] for row in acts}:
        own: ConsentAct | None = None
        restricted: set[Purpose] = set()
        for controller, who, purpose, act, position in sorted(acts, key=lambda row: row[4]):
            if (controller, who) != (asked.controller, person) or position >= asked.size:
                continue
            if act is ACT.RESTRICTED:
                restricted.add(purpose)
            elif act is ACT.LIFTED:
                restricted.discard(purpose)
            elif purpose is asked.purpose:
                own = act
        if restricted:
            decided[person] = ACT.RESTRICTED
        elif own is not None:
            decided[person] = own
    return decided


ACTS = st.lists(
    st.tuples(
        st.sampled_from([THEA, MUSE]),
        st.sampled_from([ADA, BEN, PersonRef("c" * 32)]),
        st.sampled_from([OWN, STUDY]),
        st.sampled_from(list(ConsentAct)),
    ),
    max_size=25,
)


@given(told=ACTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_standing_equals_a_naive_reading_at_every_size(
    plain: Engine, told: list[tuple[PartyId, PersonRef, Purpose, ConsentAct]]
) -> None:
    acts: list[Act] = [(*each, Position(position)) for position, each in enumerate(told)]
    with plain.begin() as connection:
        rebuild(connection, map(said, acts))
        for size in range(0, len(acts) + 1, 3):
            for purpose in (OWN, STUDY):
                check(connection, acts, asks(purpose, size))
    plain.dispose()


def check(connection: Connection, acts: list[Act], asked: Permit[Read]) -> None:
    decided = naive(acts, asked)
    no = {ACT.OBJECTED, ACT.WITHDRAWN, ACT.REFUSED, ACT.RESTRICTED}
    assert barred(asked, connection) == {person for person, act in decided.items() if act in no}
    assert consenting(asked, connection) == {person for person, act in decided.items() if act not in no}
