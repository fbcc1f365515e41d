from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest

import insight.blocks
from consent_ledger.vocabulary import PartyId
from insight.blocks import COUNTS, Block, NoLawfulBlock, Partition, Rules, judge, kept, partition
from insight.policies import UNNOISED_1, PolicyRefused, allowed
from tests.insight.sector import member


def formed(found: Partition | NoLawfulBlock) -> Partition:
    assert isinstance(found, Partition)
    return found


def unknown(*figures: int) -> list[tuple[int, bool]]:
    return [(figure, False) for figure in figures]


def test_a_balanced_block_of_six_passes_every_rule() -> None:
    assert judge(unknown(30, 24, 20, 18, 12, 10), UNNOISED_1) == Rules(
        organisations=True, unknown=True, share=True, remainder=True
    )


def test_one_house_with_sixty_percent_fails_by_its_share_alone() -> None:
    assert judge(unknown(90, 20, 15, 10, 8, 7), UNNOISED_1) == Rules(
        organisations=True, unknown=True, share=False, remainder=True
    )


def test_two_public_figures_leave_four_unknown_and_fail() -> None:
    figures = [(50, False), (40, True), (30, True), (12, False), (9, False), (6, False)]
    found = judge(figures, UNNOISED_1)
    assert found.organisations
    assert not found.unknown
    assert not found.hold


def test_five_organisations_are_too_few() -> None:
    assert not judge(unknown(20, 20, 20, 20, 20), UNNOISED_1).organisations


def test_a_largest_of_exactly_a_third_passes_and_one_more_visit_fails() -> None:
    assert judge(unknown(50, 20, 20, 20, 20, 20), UNNOISED_1).share
    assert not judge(unknown(51, 20, 20, 20, 20, 20), UNNOISED_1).share


def test_what_two_readers_cannot_subtract_must_be_a_quarter_of_the_largest() -> None:
    assert judge(unknown(20, 20, 20, 2, 2, 1), UNNOISED_1).remainder  # 5 is a quarter of 20
    assert not judge(unknown(20, 20, 20, 2, 1, 1), UNNOISED_1).remainder


def test_a_house_that_was_closed_hides_nobody() -> None:
    assert judge(unknown(20, 20, 20, 20, 20, 0), UNNOISED_1).hold
    assert not judge(unknown(20, 20, 20, 20, 0, 0, 0, 0), UNNOISED_1).unknown


def test_an_empty_cell_is_never_safe() -> None:
    assert not judge(unknown(0, 0, 0, 0, 0, 0, 0), UNNOISED_1).share


def test_the_policy_says_its_figures() -> None:
    assert UNNOISED_1.organisations == 6
    assert UNNOISED_1.unknown == 5
    assert (UNNOISED_1.share, UNNOISED_1.p, UNNOISED_1.coalition) == (Fraction(1, 3), Fraction(1, 4), 2)


def test_an_exact_policy_is_refused_where_no_sandbox_was_created() -> None:
    assert allowed("unnoised-1", sandbox=True) is UNNOISED_1
    with pytest.raises(PolicyRefused) as refused:
        allowed("unnoised-1", sandbox=False)
    assert refused.value.code == "POLICY_NEEDS_SANDBOX"
    with pytest.raises(PolicyRefused, match="unnoised-1"):
        allowed("unnoised-2", sandbox=True)


def test_the_first_example_becomes_one_block() -> None:
    sizes = (30_000, 24_000, 20_000, 18_000, 12_000, 10_000)
    found = formed(partition([member(n, size) for n, size in enumerate(sizes)], UNNOISED_1))
    assert [len(block.members) for block in found.blocks] == [6]
    assert found.blocks[0].magnitudes == ("visits", "revenue")
    assert found.waiting == ()


def test_the_second_example_is_no_block_at_all() -> None:
    sizes = (90_000, 20_000, 15_000, 10_000, 8_000, 7_000)
    found = partition([member(n, size) for n, size in enumerate(sizes)], UNNOISED_1)
    assert isinstance(found, NoLawfulBlock)
    assert "90" not in found.sentence


def test_a_house_larger_than_all_others_waits_and_the_others_are_published() -> None:
    houses = [member(n, 1000 + n) for n in range(14)] + [member(99, 50_000)]
    found = formed(partition(houses, UNNOISED_1))
    assert found.waiting == ((PartyId("org-099"), "tickets"),)
    assert sum(len(block.members) for block in found.blocks) == 14


def test_disciplines_stay_apart_where_each_has_enough_houses() -> None:
    theatres = [member(n, 1000 + n) for n in range(8)]
    cinemas = [member(50 + n, 1000 + n, discipline="cinema") for n in range(8)]
    found = formed(partition(theatres + cinemas, UNNOISED_1))
    names = {frozenset(int(name[4:]) >= 50 for name in block.members) for block in found.blocks}
    assert names == {frozenset({True}), frozenset({False})}


def test_tickets_and_counted_visits_never_share_a_block() -> None:
    sold = [member(n, 1000) for n in range(8)]
    counted = [member(50 + n, 1000, unit=COUNTS) for n in range(8)]
    found = formed(partition(sold + counted, UNNOISED_1))
    assert sorted(block.unit for block in found.blocks) == ["counts", "tickets"]
    assert isinstance(partition(sold[:3] + counted[:3], UNNOISED_1), NoLawfulBlock)


def test_counters_that_are_silent_about_money_publish_visits_alone() -> None:
    counted = [member(n, 1000, unit=COUNTS, revenue=0 if n == 3 else 9000) for n in range(7)]
    (block,) = formed(partition(counted, UNNOISED_1)).blocks
    assert block.magnitudes == ("visits",)


@pytest.mark.parametrize(("more", "is_fine"), [(0, False), (insight.blocks.MORE_AT_MOST, True)])
def test_a_block_takes_a_few_more_where_that_lets_it_publish_a_month(
    monkeypatch: pytest.MonkeyPatch, more: int, is_fine: bool
) -> None:
    monkeypatch.setattr(insight.blocks, "MORE_AT_MOST", more)
    # the first two were closed in that month, so six houses of which they are two hide too few
    houses = [member(n, 1000, spans=((0, 0) if n < 2 else (80, 80_000),)) for n in range(18)]
    found = formed(partition(houses, UNNOISED_1))
    (first,) = [block for block in found.blocks if "org-000" in block.members]
    month = [(one.spans[0][0], False) for one in houses if one.organisation in first.members]
    assert judge(month, UNNOISED_1).hold is is_fine


def test_a_house_without_any_visit_is_in_no_block() -> None:
    found = formed(partition([*(member(n, 1000) for n in range(7)), member(7, 0)], UNNOISED_1))
    assert PartyId("org-007") not in found.blocks[0].members


def before(found: Partition) -> list[tuple[str, frozenset[PartyId]]]:
    return [(block.unit, frozenset(block.members)) for block in found.blocks]


def memberships(found: Partition) -> set[tuple[str, ...]]:
    return {block.members for block in found.blocks}


def test_blocks_are_kept_though_figures_change() -> None:
    dice = np.random.default_rng(3)
    houses = [member(n, int(size)) for n, size in enumerate(dice.lognormal(8, 0.6, 40))]
    first = formed(partition(houses, UNNOISED_1))
    later = [member(n, int(one.visits * 1.1)) for n, one in enumerate(houses)]
    assert memberships(formed(kept(before(first), later, UNNOISED_1))) == memberships(first)


def test_the_block_that_somebody_leaves_is_merged_with_its_nearest() -> None:
    houses = [member(n, 1000 + 7 * n, province=f"p{n // 8}") for n in range(24)]
    first = formed(partition(houses, UNNOISED_1))
    leaver = first.blocks[0].members[0]
    second = formed(kept(before(first), [one for one in houses if one.organisation != leaver], UNNOISED_1))
    assert len(second.blocks) == len(first.blocks) - 1
    rest = set(first.blocks[0].members) - {leaver}
    (merged,) = [set(block.members) for block in second.blocks if rest <= set(block.members)]
    assert merged > rest


def test_a_newcomer_waits_for_the_next_drawing() -> None:
    houses = [member(n, 1000) for n in range(12)]
    first = formed(partition(houses, UNNOISED_1))
    second = formed(kept(before(first), [*houses, member(77, 1000)], UNNOISED_1))
    assert memberships(second) == memberships(first)
    assert second.waiting == ((PartyId("org-077"), "tickets"),)


def test_a_block_tells_no_margin() -> None:
    (block,) = formed(partition([member(n, 1000) for n in range(6)], UNNOISED_1)).blocks
    assert isinstance(block, Block)
    assert all(
        isinstance(getattr(rules, name), bool)
        for rules in block.rules.values()
        for name in ("organisations", "unknown", "share", "remainder")
    )
    assert "1000" not in repr(member(1, 1000))


def test_three_hundred_institutions_are_parted_in_a_second() -> None:
    dice = np.random.default_rng(9)
    houses = [
        member(
            n,
            int(size),
            discipline=f"d{dice.integers(5)}",
            province=f"p{dice.integers(12)}",
            region=f"r{dice.integers(4)}",
            is_known=bool(dice.random() < 0.3),
        )
        for n, size in enumerate(dice.lognormal(9, 1.3, 300))
    ]
    began = time.perf_counter()
    found = formed(partition(houses, UNNOISED_1))
    assert time.perf_counter() - began < 1
    assert len(found.blocks) >= 20
    assert len(found.waiting) <= 3
