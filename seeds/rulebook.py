"""
What each seeded house records for itself, as drafts of ledger entries.

The notice to its visitors, and which lawful basis it takes for which purpose. A public authority takes
public task where others take legitimate interest (GDPR 6(1), last sentence). What the platform itself
publishes before that stands in `insight.rulebook`.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

from consent_ledger.entry import Draft, EntryType
from consent_ledger.vocabulary import LawfulBasis, Purpose
from insight.rulebook import HIGH_RISK, POSSIBLE, PURPOSE_VERSION, by_platform, text_sha256
from seeds.institutions import Institution

NOTICE: Final = "visitors"
NOTICE_VERSION: Final = 1

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


def house_rules(house: Institution) -> list[Draft]:
    """The notice of one house and the lawful bases it records, before its first ticket is on sale."""
    notice = by_platform(
        EntryType.NOTICE_PUBLISHED,
        f"{house.id}:{NOTICE}/{NOTICE_VERSION}",
        {
            "controller": house.id,
            "notice": NOTICE,
            "version": NOTICE_VERSION,
            "text_sha256": text_sha256(notice_text(house), None),
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


def _basis(house: Institution, purpose: Purpose) -> Draft:
    possible = POSSIBLE[purpose]
    public = house.public_authority and LawfulBasis.LEGITIMATE_INTEREST in possible
    return by_platform(
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


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
