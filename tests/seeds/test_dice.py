"""Draws are exact and repeatable."""

from __future__ import annotations

import numpy as np

from seeds.dice import Dice, edges_of

KNOWN = [853, 530, 720, 431, 281, 692]


def test_the_same_noun_throws_the_same_numbers() -> None:
    assert Dice(7, "visits").below(10**6, 5).tolist() == Dice(7, "visits").below(10**6, 5).tolist()


def test_another_noun_or_seed_throws_other_numbers() -> None:
    first = Dice(7, "visits").below(2**31, 4).tolist()
    assert first != Dice(7, "tickets").below(2**31, 4).tolist()
    assert first != Dice(8, "visits").below(2**31, 4).tolist()


def test_the_first_numbers_are_those_of_the_algorithm() -> None:
    """Written down: a numpy that throws otherwise must be noticed."""
    assert Dice(1, "known").below(1000, 6).tolist() == KNOWN


def test_a_weight_of_nothing_is_never_drawn() -> None:
    drawn = Dice(1, "weights").weighted((0, 3, 0, 1), 4000)
    assert set(drawn.tolist()) == {1, 3}
    assert 2800 < int((drawn == 1).sum()) < 3200


def test_a_draw_stays_within_its_segment() -> None:
    weights = np.array([5, 0, 1, 7, 0, 2], dtype=np.int64)
    first, last = np.array([0, 2, 3] * 500), np.array([2, 3, 6] * 500)
    drawn = Dice(1, "segments").within(edges_of(weights), first, last)
    assert ((drawn >= first) & (drawn < last)).all()
    assert set(drawn.tolist()) == {0, 2, 3, 5}


def test_bounds_are_kept_at_both_ends() -> None:
    assert set(Dice(1, "ends").between(3, 5, 200).tolist()) == {3, 4, 5}
