"""
The rulebook of the platform, as drafts of ledger entries: what it publishes before any house can join.

Purposes with the lawful bases that are possible, definitions of figures, the segment model, the policies
of releases. Each draft has a key of its own with its version in it, so publishing again adds only what is
new, and what stands never changes.
"""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

from consent_ledger.entry import Actor, Draft, EntryType, Json, canonical
from consent_ledger.vocabulary import PLATFORM, ClientId, LawfulBasis, Purpose
from insight.definitions import published
from insight.policies import POLICIES, policy_sha256
from insight.rules import ci_seg

BY_PLATFORM: Final = Actor(PLATFORM, ClientId(PLATFORM))
"""Who stands in the entries of the platform's own batch work, for whoever is named in the body."""

PURPOSE_VERSION: Final = 1

_CONSENT: Final = (LawfulBasis.CONSENT,)
_INTEREST: Final = (LawfulBasis.LEGITIMATE_INTEREST, LawfulBasis.PUBLIC_TASK)
POSSIBLE: Final[dict[Purpose, tuple[LawfulBasis, ...]]] = {
    Purpose.OWN_INSIGHT: _INTEREST,
    Purpose.SECTOR_BENCHMARK: _INTEREST,
    Purpose.SEGMENTATION: _INTEREST,
    Purpose.AUDIENCE_OVERLAP: (*_CONSENT, LawfulBasis.LEGITIMATE_INTEREST),
    Purpose.OWN_MARKETING: _CONSENT,
    Purpose.PARTNER_MARKETING: _CONSENT,
    Purpose.PERSONAL_RECOMMENDATION: _CONSENT,
    Purpose.WEB_LINK: _CONSENT,
    Purpose.RESEARCH: (*_CONSENT, LawfulBasis.PUBLIC_TASK),
    Purpose.ACCOUNTABILITY: (*_INTEREST, LawfulBasis.LEGAL_OBLIGATION),
    Purpose.OFFICIAL_STATISTICS: (LawfulBasis.LEGAL_OBLIGATION,),
    Purpose.SERVICE_MESSAGE: (LawfulBasis.CONTRACT,),
    Purpose.TICKET_FULFILMENT: (LawfulBasis.CONTRACT,),
}
"""Which lawful bases each purpose allows; the first is what a house takes that is no public authority."""

HIGH_RISK: Final = frozenset({Purpose.SEGMENTATION, Purpose.AUDIENCE_OVERLAP})
"""Profiling and matching: each controller records an impact assessment first (GDPR 35)."""


def rulebook(*, sandbox: bool) -> list[Draft]:
    """
    What the platform publishes on its first day. Repeatable: the same drafts each time.

    A policy of exact totals is published on a sandbox alone, as it can be used there alone.
    """
    model = ci_seg()
    drafts = [_purpose(purpose) for purpose in sorted(POSSIBLE)]
    drafts += [
        by_platform(
            EntryType.DEFINITION_PUBLISHED,
            f"{one.id}/{one.version}",
            {"definition": one.id, "version": one.version, "sha256": one.sha256},
        )
        for one in published()
    ]
    drafts.append(
        by_platform(
            EntryType.SEGMENTS_PUBLISHED,
            f"{model.model}/{model.version}",
            {"model": model.model, "version": model.version, "sha256": model.sha256},
        )
    )
    drafts += [
        by_platform(EntryType.POLICY_PUBLISHED, one.id, {"policy": one.id, "sha256": policy_sha256(one)})
        for one in POLICIES.values()
        if sandbox or not one.sandbox_only
    ]
    return drafts


def _purpose(purpose: Purpose) -> Draft:
    return by_platform(
        EntryType.PURPOSE_PUBLISHED,
        f"{purpose}/{PURPOSE_VERSION}",
        {
            "purpose": purpose.value,
            "version": PURPOSE_VERSION,
            "text_sha256": text_sha256(*purpose_words(purpose)),
            "bases": [*sorted(basis.value for basis in POSSIBLE[purpose])],
            "high_risk": purpose in HIGH_RISK,
        },
    )


def by_platform(kind: EntryType, key: str, body: dict[str, Json]) -> Draft:
    """An entry of the platform's own, under a key that says what it is about."""
    return Draft(kind, BY_PLATFORM, f"{kind.value}:{key}", body)


def purpose_words(purpose: Purpose) -> tuple[str, str]:
    """What the purpose means: in Dutch, and in English."""
    told = _texts()[purpose.value]
    return told["nl"], told["en"]


def text_sha256(dutch: str, english: str | None) -> str:
    """
    How an entry names a text, by SHA-256 over its words in UTF-8.

    Of two single lines over the Dutch, a newline and the English. Of longer ones over RFC 8785 JSON with the
    keys `en` and `nl`, so that nobody can move the border between both. Where there is no English, over the
    Dutch alone.
    """
    if english is None:
        told = dutch.encode()
    elif "\n" in dutch or "\n" in english:
        told = canonical({"en": english, "nl": dutch})
    else:
        told = f"{dutch}\n{english}".encode()
    return hashlib.sha256(told).hexdigest()


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("insight").joinpath("data/purposes.toml").read_text(encoding="utf-8"))
