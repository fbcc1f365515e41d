"""The essence of the arrangement between joint controllers of the pool (GDPR, article 26(2))."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from consent_ledger.accounting.standing_at import StandingAt, agreed, in_order, needed
from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry
from consent_ledger.reasons import Text
from consent_ledger.state import State
from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ControllerRole,
    FieldGroup,
    Granularity,
    Package,
    PartyId,
    PartyKind,
    Purpose,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One house that takes part now; since when, and under which agreement."""

    party: PartyId
    since: date
    agreement: AgreementId


@dataclass(frozen=True, slots=True)
class Essence:
    """Who are joint controllers of the pool now, for what, and how the duties are divided."""

    stands: StandingAt
    members: tuple[Member, ...]
    purposes: tuple[Purpose, ...]
    groups: tuple[FieldGroup, ...]
    granularities: tuple[Granularity, ...]
    minimum_group: int | None
    processors: tuple[PartyId, ...]
    division: tuple[Text, ...]


DIVISION: tuple[Text, ...] = (
    Text(
        "De huizen beslissen samen waarvoor en hoe de sectorcijfers gemaakt worden. Elk huis blijft zelf "
        "verantwoordelijk voor zijn eigen bezoekers.",
        "The houses decide together for what and how the sector figures are made. Each house remains responsible "
        "for its own visitors.",
    ),
    Text(
        "U kunt met elke vraag en elk recht terecht bij elk van deze huizen, ook bij een huis waar u nooit kwam. "
        "Dat huis zorgt dat uw vraag aankomt waar die hoort.",
        "You can exercise every right at any of these houses, also at one that you never visited. That house sees "
        "to it that your request arrives where it belongs.",
    ),
    Text(
        "Elk huis is het contactpunt voor zijn eigen bezoekers: het vertelt hun over de pool voordat hun bezoek "
        "meetelt, en antwoordt binnen een maand.",
        "Each house is the contact point for its own visitors: it tells them of the pool before their visits "
        "count, and answers within a month.",
    ),
    Text(
        "Maakt u bezwaar, dan telt u vanaf dat moment niet meer mee in nieuwe cijfers.",
        "If you object, you no longer count in new figures from then on.",
    ),
    Text(
        "Gaat er iets mis met gegevens, dan meldt het huis van wie de gegevens zijn dat; de andere huizen en het "
        "platform helpen meteen.",
        "When something goes wrong with data, the house whose data they are reports it; the other houses and the "
        "platform help at once.",
    ),
    Text(
        "Huizen zien elkaars gegevens niet. Alleen totalen over genoeg huizen en mensen worden gegeven.",
        "Houses do not see each other's data. Only totals over enough houses and people are given.",
    ),
)


def wanted(state: State, stands: StandingAt) -> frozenset[int]:
    """The positions of the entries from which `essence` is made."""
    return frozenset[int]().union(*map(needed, _pool(state, stands)))


def essence(state: State, entries: Mapping[int, Entry], stands: StandingAt) -> Essence:
    """The essence as it stands; `entries` hold what `wanted` names."""
    pool = _pool(state, stands)
    members = {
        party: Member(party, agreed(one, entries, stands.at).since, one.id)
        for one in reversed(pool)  # under several agreements: since the first of them
        for party in one.sources
        if one.roles.get(party) is ControllerRole.JOINT
    }
    return Essence(
        stands=stands,
        members=tuple(members[party] for party in sorted(members)),
        purposes=tuple(sorted({purpose for one in pool for purpose in one.purposes})),
        groups=in_order(frozenset(group for one in pool for group in one.groups)),
        granularities=tuple(word for word in Granularity if any(word is one.granularity for one in pool)),
        minimum_group=min((one.minimum_group for one in pool), default=None),
        processors=tuple(
            sorted(
                id_ for id_, one in state.parties.items() if one.kind is PartyKind.OPERATOR and one.is_open
            )
        ),
        division=DIVISION,
    )


def _pool(state: State, stands: StandingAt) -> list[Agreement]:
    """The agreements by which houses take part now, in the order of their proposals."""
    return [
        one
        for one in map(state.agreements.__getitem__, state.agreements_of.get(PLATFORM, ()))
        if one.package is Package.BENCHMARK_POOL and one.is_active(stands.at)
    ]
