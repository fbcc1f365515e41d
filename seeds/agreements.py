"""
What the houses agreed: the pool that nearly all join, a tour, a city pass, a study, a return.

Terms are those of the ledger's agreements; ids follow from the names, so that every sector has
the same. Agreements that stand have no end; one has been ended, so that an ended one can be seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from consent_ledger.agreements import Terms
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ControllerRole,
    FieldGroup,
    Granularity,
    Package,
    PartyId,
    ProductionRef,
    Purpose,
)
from seeds.institutions import (
    PASS_CINEMA,
    PASS_MUSEUM,
    RECORDED_HOUSE,
    RESEARCH_HOUSE,
    TOUR_HOUSE,
    Institution,
)
from seeds.names import slug
from seeds.partners import FUNDER, PASS_ISSUER, RESEARCH_BUREAU, TOURING_COMPANY
from seeds.programme import TOUR_TITLE

TOUR_PRODUCTION: Final = ProductionRef(slug(TOUR_TITLE))


@dataclass(frozen=True, slots=True)
class SeedAgreement:
    """One agreement: proposed, accepted by all its parties a little later, perhaps ended."""

    id: AgreementId
    terms: Terms
    proposer: PartyId
    at: datetime  # proposed
    accepted_at: datetime  # by the last party
    ended_by: PartyId | None = None
    ended_at: datetime | None = None

    @property
    def idem(self) -> str:
        return f"agreement:{self.id}"


def agreement_id(name: str) -> AgreementId:
    """The id of a seeded agreement, from its name."""
    return AgreementId(f"agr-{hashlib.sha256(name.encode()).hexdigest()[:16]}")


def pool(house: Institution) -> SeedAgreement:
    """The house joins the benchmark pool on the day it registers: joint control (GDPR 26)."""
    terms = Terms(
        package=Package.BENCHMARK_POOL,
        sources=frozenset({house.id}),
        recipients=frozenset({PLATFORM}),
        purposes=frozenset({Purpose.SECTOR_BENCHMARK}),
        groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}),
        granularity=Granularity.STATISTIC,
        minimum_group=10,
        controller_role=ControllerRole.JOINT,
    )
    at = house.registered_at + timedelta(minutes=10)
    return SeedAgreement(agreement_id(f"pool/{house.id}"), terms, house.id, at, at + timedelta(minutes=10))


def agreements(houses: list[Institution]) -> list[SeedAgreement]:
    """All but the pool's, in time order. Every party of them stands in the smallest sector too."""
    known = {house.id for house in houses}
    found = [
        *_tour(),
        _city_pass(PASS_MUSEUM, 9),
        _city_pass(PASS_CINEMA, 10),
        _study(),
        _return(),
        _old_tour(),
    ]
    assert all((one.terms.sources | one.terms.recipients) & known for one in found)
    return sorted(found, key=lambda one: (one.at, one.id))


def _agreed(name: str, terms: Terms, proposer: PartyId, at: datetime, days: int) -> SeedAgreement:
    return SeedAgreement(agreement_id(name), terms, proposer, at, at + timedelta(days=days))


def _tour() -> list[SeedAgreement]:
    """The touring company sees who came to its own play at the two theatres that received it."""
    return [
        _agreed(
            f"tour/{house}",
            Terms(
                package=Package.TOUR,
                sources=frozenset({house}),
                recipients=frozenset({TOURING_COMPANY}),
                purposes=frozenset({Purpose.OWN_INSIGHT}),
                groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND, FieldGroup.PLACE}),
                granularity=Granularity.AGGREGATE,
                productions=frozenset({TOUR_PRODUCTION}),
                minimum_group=10,
            ),
            TOURING_COMPANY,
            datetime(2026, 3, 16, 10 + order, 0, tzinfo=UTC),
            days=5,
        )
        for order, house in enumerate((RECORDED_HOUSE, TOUR_HOUSE))
    ]


def _city_pass(house: PartyId, hour: int) -> SeedAgreement:
    terms = Terms(
        package=Package.CITY_PASS,
        sources=frozenset({house}),
        recipients=frozenset({PASS_ISSUER}),
        purposes=frozenset({Purpose.ACCOUNTABILITY}),
        groups=frozenset({FieldGroup.BASE, FieldGroup.PLACE}),
        granularity=Granularity.AGGREGATE,
        period_start=date(2024, 9, 1),
        minimum_group=10,
    )
    return _agreed(f"pass/{house}", terms, PASS_ISSUER, datetime(2024, 8, 20, hour, 0, tzinfo=UTC), days=3)


def _study() -> SeedAgreement:
    """A bureau studies those who consented to research."""
    terms = Terms(
        package=Package.RESEARCH,
        sources=frozenset({RESEARCH_HOUSE, TOUR_HOUSE}),
        recipients=frozenset({RESEARCH_BUREAU}),
        purposes=frozenset({Purpose.RESEARCH}),
        groups=frozenset({FieldGroup.BASE, FieldGroup.PLACE, FieldGroup.BOOKING, FieldGroup.SEGMENT}),
        granularity=Granularity.AGGREGATE,
        period_start=date(2023, 9, 1),
        minimum_group=15,
    )
    return _agreed("study/2024", terms, RESEARCH_BUREAU, datetime(2024, 2, 5, 9, 30, tzinfo=UTC), days=9)


def _return() -> SeedAgreement:
    """A subsidised house accounts to its fund."""
    terms = Terms(
        package=Package.ACCOUNTABILITY,
        sources=frozenset({RESEARCH_HOUSE}),
        recipients=frozenset({FUNDER}),
        purposes=frozenset({Purpose.ACCOUNTABILITY}),
        groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}),
        granularity=Granularity.STATISTIC,
        minimum_group=10,
    )
    return _agreed("return/2025", terms, RESEARCH_HOUSE, datetime(2025, 1, 13, 13, 0, tzinfo=UTC), days=2)


def _old_tour() -> SeedAgreement:
    """An earlier tour that the theatre ended: its partner is refused now."""
    terms = Terms(
        package=Package.TOUR,
        sources=frozenset({PASS_CINEMA}),
        recipients=frozenset({TOURING_COMPANY}),
        purposes=frozenset({Purpose.OWN_INSIGHT}),
        groups=frozenset({FieldGroup.BASE}),
        granularity=Granularity.AGGREGATE,
        minimum_group=10,
    )
    at = datetime(2024, 10, 7, 9, 0, tzinfo=UTC)
    return SeedAgreement(
        agreement_id("tour/2024"),
        terms,
        TOURING_COMPANY,
        at,
        at + timedelta(days=4),
        ended_by=PASS_CINEMA,
        ended_at=datetime(2025, 9, 1, 8, 0, tzinfo=UTC),
    )
