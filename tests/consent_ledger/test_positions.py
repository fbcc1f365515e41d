"""Positions grow without changing what was seen before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consent_ledger.positions import Positions


def test_what_is_added_is_there_and_was_not_before() -> None:
    none = Positions()
    one = none.plus(3)
    two = one.plus(7)
    assert (3 in none, 3 in one, 7 in one, 7 in two, 5 in two) == (False, True, False, True, False)
    assert [len(each) for each in (none, one, two)] == [0, 1, 2]


def test_two_that_go_on_from_one_do_not_see_each_other() -> None:
    one = Positions().plus(3)
    left, right = one.plus(5), one.plus(6)
    assert (5 in left, 6 in left, 5 in right, 6 in right) == (True, False, False, True)
    assert left.plus(9) != right.plus(9)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), max_size=40))
def test_positions_are_those_of_plain_tuples(steps: list[tuple[int, int]]) -> None:
    grown: list[tuple[Positions, tuple[int, ...]]] = [(Positions(), ())]
    for chosen, step in steps:
        held, plain = grown[chosen % len(grown)]
        last = plain[-1] if plain else 0
        grown.append((held.plus(last + step), (*plain, last + step)))
    for held, plain in grown:
        assert len(held) == len(plain)
        assert [at for at in range(250) if at in held] == list(plain)
