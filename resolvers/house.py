"""The parts of one running house, assembled by `api` and handed to every door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.engine import Engine

from consent_ledger.clock import Clock
from consent_ledger.log import Ledger
from consent_ledger.rule_entries import RuleEntries
from consent_ledger.vault import Vault
from insight.index import Indexes
from insight.intake.pipeline import Intake


@dataclass(frozen=True, slots=True)
class House:
    """
    What a request needs.

    `engine` is the application's login; `releases` is a login that can read released figures and the
    public register, nothing else. `today` is the day that figures call today: fixed in a sandbox.
    `rp_id` is the host to which the passkeys of houses are bound: that of the platform's own address.
    `evidence_years`: how long after an erasure it can still be shown that, when and under which notice
    the person spoke, unless the person asked that nothing be kept. `base_url` is where links lead.
    `entry_secret` keeps the keys of entries from telling what callers chose theirs of.
    """

    engine: Engine
    releases: Engine
    ledger: Ledger
    vault: Vault
    intake: Intake
    indexes: Indexes
    clock: Clock
    today: Callable[[], date]
    rp_id: str
    entry_secret: bytes = field(repr=False)
    evidence_years: int = 5
    base_url: str = "http://127.0.0.1:8000"
    rules: RuleEntries = field(default_factory=RuleEntries)
