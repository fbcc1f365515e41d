"""PostgreSQL: clients and servers are killed while three processes append. Nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from tests.consent_ledger.faults.servers import Victim, moments, sessions

ROUNDS = 24


@pytest.mark.long
def test_nothing_acknowledged_is_lost_or_doubled_when_servers_and_clients_are_killed(tmp_path: Path) -> None:
    victims: tuple[Victim, ...] = get_args(Victim)
    with sessions(tmp_path) as running:
        for number, after in zip(range(ROUNDS), moments(seed=7), strict=False):
            running.round(victims[number % len(victims)], after=after)
        account, in_the_dark = running.account, len(running.account.open)
        size = running.finish()
    refused = dict(account.refused)
    print(f"\n{ROUNDS} rounds, {size} entries, {in_the_dark} wishes in the dark at last, refusals {refused}")
    assert len(account.told) > 20 * ROUNDS
    assert size == len(account.begun) + 1
    assert account.refused["LEDGER_UNAVAILABLE"] > 0, "a server died under somebody's hands"
