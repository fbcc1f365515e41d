"""kill -9 of a process that appends: what was acknowledged is there, once, with the rows that belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.consent_ledger.faults.account import Account, Broken, Standing
from tests.consent_ledger.faults.appender import Wrong
from tests.consent_ledger.faults.kills import Tally, many, on_two_lanes


def check(tally: Tally, rounds: int) -> None:
    """The rounds were what they are meant to be: most of the dead were in the middle of appending."""
    assert tally.rounds == rounds
    assert tally.acknowledged > rounds
    assert tally.while_opening < rounds / 2


def test_nothing_acknowledged_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    check(many(tmp_path, 6, seed=3), 6)


@pytest.mark.long
def test_nothing_acknowledged_is_lost_or_doubled_by_hundreds_of_kills(tmp_path: Path) -> None:
    tally = on_two_lanes(tmp_path, 240, seed=20)
    check(tally, 240)
    assert tally.while_opening > 0
    assert tally.recorded_in_the_dark > 0, "some died between commit and answer"
    assert tally.in_the_dark > tally.recorded_in_the_dark, "and some before the commit"
    print(f"\n{tally}")


@pytest.mark.parametrize(
    ("wrong", "found"),
    [("acknowledges early", "lost"), ("forgets keys", "doubled"), ("writes riders apart", "apart")],
)
def test_a_wrong_appender_is_found_out(tmp_path: Path, wrong: Wrong, found: str) -> None:
    with pytest.raises(Broken, match=f"^{found}: "):
        many(tmp_path, 25, seed=4, wrong=wrong)


@pytest.mark.parametrize(
    ("spoiled", "found"),
    [
        (Standing({0: "ledger.created"}, [], 1), "lost"),
        (Standing({0: "ledger.created", 1: "a", 2: "a"}, [("a", 1), ("a", 2)], 3), "doubled"),
        (Standing({0: "ledger.created", 1: "a", 2: "a"}, [("a", 1)], 3), "doubled"),
        (Standing({0: "ledger.created", 1: "b", 2: "a"}, [("b", 1), ("a", 2)], 3), "moved"),
        (Standing({0: "ledger.created", 1: "a"}, [], 2), "apart"),
        (Standing({0: "ledger.created", 1: "a"}, [("a", 1), ("b", 2)], 2), "apart"),
        (Standing({0: "ledger.created", 1: "a", 3: "b"}, [("a", 1), ("b", 3)], 4), "a gap"),
        (Standing({0: "ledger.created", 1: "a"}, [("a", 1)], 1), "a gap"),
        (Standing({0: "ledger.created", 1: "a", 2: "c"}, [("a", 1), ("c", 2)], 3), "invented"),
    ],
)
def test_the_account_finds_each_breach(spoiled: Standing, found: str) -> None:
    account = Account()
    for line in ("ready", "open", "? a", "! a 1", "? b"):
        account.hear(line)
    account.hold(Standing({0: "ledger.created", 1: "a"}, [("a", 1)], 2))
    account.hold(Standing({0: "ledger.created", 1: "a", 2: "b"}, [("a", 1), ("b", 2)], 3))
    with pytest.raises(Broken, match=f"^{found}"):
        account.hold(spoiled)


def test_the_account_finds_a_key_that_is_told_two_places_and_a_refusal_without_sentence() -> None:
    account = Account()
    account.hear("! a 1")
    account.hear("! a 1")
    for line in ("! a 2", "- LEDGER_UNAVAILABLE no full stop", "Traceback (most recent call last):"):
        with pytest.raises(Broken):
            account.hear(line)
