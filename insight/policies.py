"""
Under which rules a release may be computed: policies as data, and where each is allowed.

A policy never changes once a release was sealed under it: a stricter or looser rule is a new
policy with a new id. Where `noise` is `none` the totals are exact, and such a policy is refused
on every platform that was not created as a sandbox (design 9).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from consent_ledger.canonical import Json, canonical


class PolicyRefused(Exception):
    """A release was asked for under a policy that does not exist, or not on this platform."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The four rules of a block (reference: statistical offices use 3 to 10 units, a share of 40 to
    50 %, a coalition of one and a p of 10 to 15 %; these are stricter), and the noise.
    """

    id: str
    organisations: int  # n: organisations with a figure in the cell, at least
    unknown: int  # of these, at least so many whose own figure no reader knows
    share: Fraction  # the largest organisation's part of the total, at most
    p: Fraction  # what is left after the coalition and the largest, as part of the largest, at least
    coalition: int  # c: readers who may put their own figures together
    noise: str
    sandbox_only: bool


UNNOISED_1: Final = Policy(
    id="unnoised-1",
    organisations=6,
    unknown=5,
    share=Fraction(1, 3),
    p=Fraction(1, 4),
    coalition=2,
    noise="none",
    sandbox_only=True,
)

POLICIES: Final = MappingProxyType({UNNOISED_1.id: UNNOISED_1})


def policy_sha256(policy: Policy) -> str:
    """SHA-256 over the canonical rules of a release policy; fractions as `1/3`."""
    rules: dict[str, Json] = {
        "id": policy.id,
        "organisations": policy.organisations,
        "unknown": policy.unknown,
        "share": str(policy.share),
        "p": str(policy.p),
        "coalition": policy.coalition,
        "noise": policy.noise,
        "sandbox_only": policy.sandbox_only,
    }
    return hashlib.sha256(canonical(rules)).hexdigest()


def allowed(policy: str, *, sandbox: bool) -> Policy:
    """
    The policy of this id, if a platform of this kind may release under it.

    `sandbox` is what the platform was created as (entry 0 of its ledger), not a setting.
    Raises `PolicyRefused`.
    """
    found = POLICIES.get(policy)
    if found is None:
        raise PolicyRefused(
            "POLICY_UNKNOWN",
            f"There is no release policy of this name; known: {', '.join(sorted(POLICIES))}.",
        )
    if found.sandbox_only and not sandbox:
        raise PolicyRefused(
            "POLICY_NEEDS_SANDBOX",
            f"Policy {found.id} publishes exact totals, so it is refused on a platform that was not"
            " created as a sandbox.",
        )
    return found
