"""Whatever the sector looks like, every block is lawful, apart from the others, and tells its members alike."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from consent_ledger.vocabulary import PartyId
from insight.blocks import (
    MAGNITUDES,
    REQUIRED,
    Member,
    NoLawfulBlock,
    Partition,
    judge,
    judged,
    kept,
    partition,
)
from insight.policies import UNNOISED_1

Houses = st.SearchStrategy[list[Member]]


def houses_of(sizes: st.SearchStrategy[int], prices: st.SearchStrategy[int], least: int) -> Houses:
    house = st.builds(
        lambda place, band, is_known, size, price: Member(
            organisation=PartyId("org"),
            unit="counts" if place[0] == "museum" else "tickets",
            discipline=place[0],
            province=place[1],
            region="West" if place[1] == "Utrecht" else "Noord",
            band=band,
            is_known=is_known < 2,
            visits=size,
            revenue=size * price,
        ),
        st.sampled_from(
            [(of, at) for of in ("theatre", "cinema", "museum") for at in ("Utrecht", "Drenthe")]
        ),
        st.integers(4, 14),
        st.integers(0, 9),
        sizes,
        prices,
    )
    return st.lists(house, min_size=least, max_size=28).map(
        lambda houses: [
            replace(one, organisation=PartyId(f"org-{number:03d}")) for number, one in enumerate(houses)
        ]
    )


ANY = houses_of(st.one_of(st.integers(50, 900), st.integers(0, 60_000)), st.integers(0, 2000), 0)
ALIKE = houses_of(st.integers(200, 900), st.integers(500, 1000), 14)
"""Houses of one size and price class: most of these sectors have blocks."""


def by_name(given_members: list[Member]) -> dict[tuple[PartyId, str], Member]:
    return {(one.organisation, one.unit): one for one in given_members}


def check(found: Partition, given_members: list[Member]) -> None:
    known = by_name(given_members)
    seen: list[tuple[PartyId, str]] = []
    for block in found.blocks:
        inside = [known[name, block.unit] for name in block.members]
        assert len(inside) >= UNNOISED_1.organisations
        assert set(REQUIRED[block.unit]) <= set(block.magnitudes) <= set(MAGNITUDES)
        for magnitude in block.magnitudes:
            figures = [one.figure(magnitude) for one in inside]
            hidden = sorted((one.figure(magnitude) for one in inside if not one.is_known), reverse=True)
            assert len(figures) >= 6
            assert sum(figure > 0 for figure in hidden) >= 5
            assert 3 * max(figures) <= sum(figures)
            assert 4 * sum(hidden[3:]) >= hidden[0]
        seen += [(name, block.unit) for name in block.members]
    seen += found.waiting
    assert len(seen) == len(set(seen))
    assert set(seen) == {name for name, one in known.items() if one.visits > 0}


@given(ANY)
@settings(max_examples=100, deadline=None)
def test_every_block_satisfies_every_rule_and_nobody_stands_in_two(houses: list[Member]) -> None:
    found = partition(houses, UNNOISED_1)
    if isinstance(found, Partition):
        check(found, houses)


@given(ANY | ALIKE, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_in_which_houses_are_named_changes_nothing(houses: list[Member], dice: object) -> None:
    shuffled = list(houses)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert partition(shuffled, UNNOISED_1) == partition(houses, UNNOISED_1)


@given(ALIKE, st.data())
@settings(max_examples=60, deadline=None)
def test_kept_blocks_are_lawful_too_after_houses_left(houses: list[Member], data: st.DataObject) -> None:
    first = partition(houses, UNNOISED_1)
    assume(not isinstance(first, NoLawfulBlock))
    assert isinstance(first, Partition)
    left = data.draw(st.sets(st.sampled_from([one.organisation for one in houses]), max_size=3))
    remaining = [one for one in houses if one.organisation not in left]
    before = [(block.unit, frozenset(block.members)) for block in first.blocks]
    second = kept(before, remaining, UNNOISED_1)
    if isinstance(second, Partition):
        check(second, remaining)
        # nobody new came in beside an old member, unless a whole block came with it
        for block in second.blocks:
            for unit, names in before:
                touched = names & set(block.members) if unit == block.unit else frozenset()
                assert touched in (frozenset(), names - left)


@given(ALIKE, st.data())
@settings(max_examples=60, deadline=None)
def test_two_members_that_change_places_leave_every_verdict_of_their_block(
    houses: list[Member], data: st.DataObject
) -> None:
    found = partition(houses, UNNOISED_1)
    assume(not isinstance(found, NoLawfulBlock))
    assert isinstance(found, Partition)
    block = data.draw(st.sampled_from(found.blocks))
    inside = [by_name(houses)[name, block.unit] for name in block.members]
    one, other = data.draw(st.sampled_from(inside)), data.draw(st.sampled_from(inside))
    swapped = [
        replace(this, visits=that.visits, revenue=that.revenue, is_known=that.is_known)
        for this in inside
        for that in [other if this is one else one if this is other else this]
    ]
    for magnitude in MAGNITUDES:
        assert judged(swapped, UNNOISED_1, magnitude) == judged(inside, UNNOISED_1, magnitude)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), max_size=12), st.integers(2, 50))
def test_the_rules_do_not_depend_on_the_size_of_the_unit(figures: list[tuple[int, bool]], by: int) -> None:
    in_cents = [(figure * by, known) for figure, known in figures]
    assert judge(in_cents, UNNOISED_1) == judge(figures, UNNOISED_1)
