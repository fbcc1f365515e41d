"""
The rules that a seeded platform begins with, as drafts of ledger entries.

First what the platform publishes: purposes with the lawful bases that are possible, definitions of
figures, the segment model, the release policy. Then what each house records for itself: the notice
to its visitors, and which lawful basis it takes for which purpose. A public authority takes public
task where others take legitimate interest (GDPR 6(1), last sentence).
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
from insight.policies import POLICIES, Policy
from insight.rules import ci_seg
from seeds.institutions import Institution

BY_PLATFORM: Final = Actor(PLATFORM, ClientId(PLATFORM))
"""Who stands in every seeded entry: the platform's own batch work, for whoever is named in the body."""

NOTICE: Final = "visitors"
NOTICE_VERSION: Final = 1
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

RECORDED: Final = (
    Purpose.ACCOUNTABILITY,
    Purpose.OWN_INSIGHT,
    Purpose.OWN_MARKETING,
    Purpose.PARTNER_MARKETING,
    Purpose.RESEARCH,
    Purpose.SECTOR_BENCHMARK,
    Purpose.SEGMENTATION,
    Purpose.SERVICE_MESSAGE,
    Purpose.TICKET_FULFILMENT,
)
"""What every seeded house does; its notice tells of all of it."""


def rulebook() -> list[Draft]:
    """What the platform publishes on its first day. Repeatable: the same drafts each time."""
    model = ci_seg()
    drafts = [_purpose(purpose) for purpose in sorted(POSSIBLE)]
    drafts += [
        _draft(
            EntryType.DEFINITION_PUBLISHED,
            f"{one.id}/{one.version}",
            {"definition": one.id, "version": one.version, "sha256": one.sha256},
        )
        for one in published()
    ]
    drafts.append(
        _draft(
            EntryType.SEGMENTS_PUBLISHED,
            f"{model.model}/{model.version}",
            {"model": model.model, "version": model.version, "sha256": model.sha256},
        )
    )
    drafts += [
        _draft(EntryType.POLICY_PUBLISHED, one.id, {"policy": one.id, "sha256": policy_sha256(one)})
        for one in POLICIES.values()
    ]
    return drafts


def house_rules(house: Institution) -> list[Draft]:
    """The notice of one house and the lawful bases it records, before its first ticket is on sale."""
    notice = _draft(
        EntryType.NOTICE_PUBLISHED,
        f"{house.id}:{NOTICE}/{NOTICE_VERSION}",
        {
            "controller": house.id,
            "notice": NOTICE,
            "version": NOTICE_VERSION,
            "text_sha256": _sha256(notice_text(house)),
            "purposes": [*sorted(purpose.value for purpose in RECORDED)],
        },
    )
    return [notice, *(_basis(house, purpose) for purpose in RECORDED)]


def notice_text(house: Institution) -> str:
    """What the house tells its visitors, in plain Dutch."""
    template = files("seeds").joinpath("data/notice.nl.txt").read_text(encoding="utf-8")
    return template.format(name=house.name, purposes=", ".join(sorted(RECORDED)))


def assessment_text(house: Institution, purpose: Purpose) -> str:
    """The seeded house's impact assessment, as short as an invented one can be."""
    return f"DPIA (verzonnen) van {house.name} voor {purpose.value}, versie {PURPOSE_VERSION}"


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


def _purpose(purpose: Purpose) -> Draft:
    return _draft(
        EntryType.PURPOSE_PUBLISHED,
        f"{purpose}/{PURPOSE_VERSION}",
        {
            "purpose": purpose.value,
            "version": PURPOSE_VERSION,
            "text_sha256": _sha256(purpose_text(purpose)),
            "bases": [*sorted(basis.value for basis in POSSIBLE[purpose])],
            "high_risk": purpose in HIGH_RISK,
        },
    )


def _basis(house: Institution, purpose: Purpose) -> Draft:
    possible = POSSIBLE[purpose]
    public = house.public_authority and LawfulBasis.LEGITIMATE_INTEREST in possible
    return _draft(
        EntryType.BASIS_RECORDED,
        f"{house.id}:{purpose}/{PURPOSE_VERSION}",
        {
            "controller": house.id,
            "purpose": purpose.value,
            "purpose_version": PURPOSE_VERSION,
            "basis": (LawfulBasis.PUBLIC_TASK if public else possible[0]).value,
            "dpia_sha256": _sha256(assessment_text(house, purpose)) if purpose in HIGH_RISK else None,
        },
    )


def _draft(kind: EntryType, key: str, body: dict[str, Json]) -> Draft:
    return Draft(kind, BY_PLATFORM, f"{kind.value}:{key}", body)


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("seeds").joinpath("data/purposes.toml").read_text(encoding="utf-8"))


def purpose_text(purpose: Purpose) -> str:
    """What the purpose means: Dutch, a newline, English."""
    told = _texts()[purpose.value]
    return f"{told['nl']}\n{told['en']}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
