"""The record of processing activities of one controller (GDPR, article 30(1))."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from consent_ledger.accounting.standing_at import Agreed, StandingAt, agreed, needed
from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry
from consent_ledger.reasons import Text
from consent_ledger.records import RecordedBasis, day
from consent_ledger.state import State
from consent_ledger.vocabulary import (
    PLATFORM,
    ControllerRole,
    LawfulBasis,
    PartyId,
    PartyKind,
    Purpose,
)


@dataclass(frozen=True, slots=True)
class Activity:
    """One purpose for which the controller recorded a basis. `told_since`: its notice names it since that day."""

    purpose: Purpose
    version: int
    basis: LawfulBasis
    since: date
    dpia_sha256: str | None
    needs_dpia: bool
    told_since: date | None
    position: int


@dataclass(frozen=True, slots=True)
class Record:
    """What one controller does with persons' data, as known at one size of the ledger."""

    stands: StandingAt
    controller: PartyId
    is_member: bool
    has_data: bool
    activities: tuple[Activity, ...]
    given: tuple[Agreed, ...]
    received: tuple[Agreed, ...]
    joint_with: tuple[PartyId, ...]
    processors: tuple[PartyId, ...]
    retention: tuple[Text, ...]
    measures: tuple[Text, ...]


MISSING: tuple[Text, ...] = (
    Text(
        "naam, adres en contact van het huis en van zijn functionaris voor gegevensbescherming",
        "name, address and contact of the house and of its data protection officer",
    ),
    Text(
        "of een ontvanger buiten de EU werkt; het register kent geen doorgifte naar derde landen",
        "whether a recipient works outside the EU; the ledger knows no transfer to third countries",
    ),
    Text(
        "wat het huis buiten dit platform met gegevens doet",
        "what the house does with data outside this platform",
    ),
)
"""What article 30 asks and the ledger does not hold: the house adds it by hand."""


def wanted(state: State, controller: PartyId) -> frozenset[int]:
    """The positions of the entries from which `record` is made."""
    bases = {known.seq for key, known in state.bases.items() if key[0] == controller}
    return frozenset(bases.union(*map(needed, _stood(state, controller))))


def record(
    state: State,
    entries: Mapping[int, Entry],
    stands: StandingAt,
    controller: PartyId,
    *,
    evidence_years: int,
) -> Record:
    """The record of this controller; `entries` hold what `wanted` names."""
    party = state.parties.get(controller)
    stood = [agreed(one, entries, stands.at) for one in _stood(state, controller)]
    return Record(
        stands=stands,
        controller=controller,
        is_member=party is not None and party.is_open,
        has_data=state.data_position(controller) >= 0,
        activities=tuple(
            _activity(state, entries, controller, purpose, known)
            for (house, purpose), known in sorted(state.bases.items())
            if house == controller
        ),
        given=tuple(one for one in stood if controller in one.sources),
        received=tuple(one for one in stood if controller in one.recipients),
        joint_with=_joint_with(state, stands, controller),
        processors=tuple(
            sorted(
                id_ for id_, one in state.parties.items() if one.kind is PartyKind.OPERATOR and one.is_open
            )
        ),
        retention=retention(evidence_years),
        measures=measures(state),
    )


def _activity(
    state: State, entries: Mapping[int, Entry], controller: PartyId, purpose: Purpose, known: RecordedBasis
) -> Activity:
    dpia = entries[known.seq].body["dpia_sha256"]
    published, notice = state.purposes.get(purpose), state.notices.get((controller, purpose))
    return Activity(
        purpose=purpose,
        version=known.version,
        basis=known.basis,
        since=day(entries[known.seq].rt),
        dpia_sha256=None if dpia is None else str(dpia),
        needs_dpia=published is not None and published.is_high_risk,
        told_since=None if notice is None else notice.since,
        position=known.seq,
    )


def _stood(state: State, party: PartyId) -> list[Agreement]:
    """The agreements of this party that all accepted, in the order of their proposals."""
    known = map(state.agreements.__getitem__, state.agreements_of.get(party, ()))
    return [one for one in known if one.is_accepted]


def _joint_with(state: State, stands: StandingAt, controller: PartyId) -> tuple[PartyId, ...]:
    """Other organisations with which it decides together now: outside the pool, which has its own document."""
    return tuple(
        sorted(
            {
                party
                for one in _stood(state, controller)
                if one.is_active(stands.at) and one.roles.get(controller) is ControllerRole.JOINT
                for party in one.parties - {controller, PLATFORM}
                if one.roles.get(party) is ControllerRole.JOINT
            }
        )
    )


def retention(evidence_years: int) -> tuple[Text, ...]:
    """How long what is kept, by the settings in force."""
    return (
        Text(
            "Wie iemand is: tot die persoon gewist wordt; er loopt geen termijn vanzelf af. Wissen geldt meteen; "
            "kopieën zijn onleesbaar zodra de sleutel van de kluis daarna wisselt.",
            "Who somebody is: until that person is erased; no period ends by itself. Erasure holds at once; copies "
            "are unreadable once the vault's key changes after it.",
        ),
        Text(
            f"Het kleinste bewijs van wat een gewiste persoon had gezegd: {evidence_years} jaar na het wissen. "
            "Van wie helemaal vergeten wil zijn: niets.",
            f"The least proof of what an erased person had said: {evidence_years} years after the erasure. "
            "Of whoever wants to be forgotten wholly: nothing.",
        ),
        Text(
            "Kaartjes, bezoeken en bedragen, losgemaakt van de persoon: zolang het huis ze bewaart.",
            "Tickets, visits and amounts, severed from the person: as long as the house keeps them.",
        ),
        Text(
            "Het register zelf: blijvend. Er staan geen namen, adressen of nummers van personen in.",
            "The ledger itself: for good. It holds no names, addresses or numbers of persons.",
        ),
    )


def measures(state: State) -> tuple[Text, ...]:
    """What keeps the data safe (article 32), in words; what the ledger says of the vault's key stands with it."""
    return (
        Text(
            "Wie persoon is, ligt verzegeld in een aparte kluis, met een eigen sleutel per persoon. "
            f"De sleutel van de kluis is nummer {state.epoch}; vernietigd zijn er {len(state.destroyed_epochs)}.",
            "Who a person is lies sealed in a separate vault, under a key of its own. "
            f"The vault's key is number {state.epoch}; {len(state.destroyed_epochs)} were destroyed.",
        ),
        Text(
            "Een vraag krijgt antwoord als een afspraak, een grondslag en de toegang van de toepassing dat alle "
            "drie toestaan, en dat wordt bij elke vraag opnieuw bekeken.",
            "A question is answered when an agreement, a lawful basis and the application's access all allow it, "
            "and that is looked at anew with every question.",
        ),
        Text(
            "Wat naar een ander gaat, staat in het register voordat het gaat.",
            "What goes to others is in the ledger before it goes.",
        ),
        Text(
            "Het register kan niemand ongemerkt veranderen: het is een keten met handtekening die ieder kan nagaan.",
            "Nobody can change the ledger unseen: it is a signed tree that anybody can check.",
        ),
        Text(
            "Cijfers over te weinig mensen worden niet gegeven.",
            "Figures about too few people are not given.",
        ),
        Text(
            "In logboeken en foutmeldingen staat niets over personen.",
            "Logs and error messages say nothing about persons.",
        ),
    )
