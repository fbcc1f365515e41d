"""The closed words of the house as GraphQL enums, each value described. They say nothing about anybody."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Annotated

import strawberry

from consent_ledger.reasons import EXPLAINED, Who
from consent_ledger.vocabulary import (
    ClientKind,
    ConsentAct,
    ConsentChannel,
    ControllerRole,
    ErasureMode,
    FieldGroup,
    Granularity,
    LawfulBasis,
    Package,
    PartyKind,
    Purpose,
    Reason,
)
from schema.directives import OPEN


def describe(kind: type[Enum], description: str, values: Mapping[Enum, str]) -> None:
    """Make an enum of the vocabulary an enum of the schema; a value without a description does not start."""
    made = strawberry.enum(kind, description=description, directives=OPEN)
    for value in made.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
        value.description = values[kind[value.name]]


class Language(StrEnum):
    """The languages of every sentence."""

    NL = "nl"
    EN = "en"


InLanguage = Annotated[Language, strawberry.argument(description="In which language.")]

describe(
    Language,
    "A language in which sentences are given.",
    {Language.NL: "Dutch (B1).", Language.EN: "English."},
)

describe(
    Purpose,
    "Why data are used. A question has exactly one purpose.",
    {
        Purpose.OWN_INSIGHT: "A house learns about its own audience.",
        Purpose.SECTOR_BENCHMARK: "Figures about groups of houses, from sealed releases.",
        Purpose.SEGMENTATION: "Placing visitors in segments.",
        Purpose.AUDIENCE_OVERLAP: "How many visitors houses have in common. High risk: needs an assessment.",
        Purpose.OWN_MARKETING: "The house's own mailings. Counts only who consented.",
        Purpose.PARTNER_MARKETING: "Mailings for a named partner. Counts only who consented.",
        Purpose.PERSONAL_RECOMMENDATION: "Advice to one visitor. Counts only who consented.",
        Purpose.WEB_LINK: "Linking visits to the website with tickets. Counts only who consented.",
        Purpose.RESEARCH: "Non-commercial research.",
        Purpose.ACCOUNTABILITY: "Accounting to funders and partners for what was done.",
        Purpose.OFFICIAL_STATISTICS: "Statistics by a statistical office.",
        Purpose.SERVICE_MESSAGE: "Messages about a visit that was booked.",
        Purpose.TICKET_FULFILMENT: "Delivering what was bought.",
    },
)
describe(
    FieldGroup,
    "Groups of fields: one vocabulary for scopes, agreements and figures.",
    {
        FieldGroup.BASE: "Numbers of bookers, tickets and visits.",
        FieldGroup.SPEND: "Money.",
        FieldGroup.PLACE: "Where visitors come from, down to the four-digit postcode.",
        FieldGroup.AGE: "Age bands.",
        FieldGroup.BOOKING: "When and how large bookings were.",
        FieldGroup.CHANNEL: "Through which channel was booked.",
        FieldGroup.SEGMENT: "Behaviour segments.",
        FieldGroup.REFERENCE: "The source system's own references.",
    },
)
describe(
    Granularity,
    "How fine data leave under an agreement, from coarse to fine.",
    {
        Granularity.STATISTIC: "Single totals.",
        Granularity.AGGREGATE: "Figures by criteria, never below the minimum group.",
        Granularity.PSEUDONYMOUS: "One row per person, without a name.",
        Granularity.REFERENCE: "The source's own references; the house itself mails.",
    },
)
describe(
    Package,
    "The six kinds of agreement people choose among.",
    {
        Package.OWN_APP: "An application of the house itself.",
        Package.BENCHMARK_POOL: "Joining the pool that releases sector figures.",
        Package.TOUR: "A maker sees its own shows at the houses it visits.",
        Package.CITY_PASS: "A pass and the houses that honour it.",
        Package.RESEARCH: "A research bureau or university.",
        Package.ACCOUNTABILITY: "A funder or municipality.",
    },
)
describe(
    PartyKind,
    "What an organisation is on the platform.",
    {
        PartyKind.INSTITUTION: "A theatre, museum, cinema, festival or arts centre.",
        PartyKind.PARTNER: "A maker, researcher, funder, municipality or pass issuer.",
        PartyKind.AUDITOR: "Checks the ledger; never sees audience data.",
        PartyKind.STEWARD: "Keeps vocabulary, thresholds and membership; has no data.",
        PartyKind.OPERATOR: "Runs the platform; has no data of its own.",
        PartyKind.VENDOR: "Sells ticketing systems.",
        PartyKind.PLATFORM: "The platform itself, for batch work.",
    },
)
describe(
    ClientKind,
    "The role in which an application acts.",
    {
        ClientKind.INSTITUTION_APP: "An application of one house.",
        ClientKind.CONNECTOR: "A ticketing vendor's connector.",
        ClientKind.PARTNER: "A partner's application.",
        ClientKind.AUDITOR: "An auditor's application.",
        ClientKind.STEWARD: "A steward's application.",
        ClientKind.VISITOR: "A visitor's own page.",
        ClientKind.PLATFORM: "The platform itself.",
    },
)
describe(
    ControllerRole,
    "The role of a party under the GDPR.",
    {
        ControllerRole.INDEPENDENT: "Decides for itself why and how data are used.",
        ControllerRole.JOINT: "Decides together with the others (article 26).",
        ControllerRole.PROCESSOR: "Acts on instruction (article 28).",
    },
)
describe(
    ConsentAct,
    "What a visitor decided about one purpose at one house.",
    {
        ConsentAct.GRANTED: "Consent was given.",
        ConsentAct.REFUSED: "Consent was refused.",
        ConsentAct.WITHDRAWN: "Consent was withdrawn; effective at once.",
        ConsentAct.RENEWED: "Consent was given again before it expired.",
        ConsentAct.OBJECTED: "The visitor objected (article 21); effective at once.",
        ConsentAct.RESTRICTED: "The visitor's data are frozen (article 18).",
        ConsentAct.LIFTED: "A restriction was lifted by the visitor; what was said before it stands again.",
    },
)
describe(
    LawfulBasis,
    "On what ground of GDPR article 6(1) data are used.",
    {
        LawfulBasis.CONSENT: "Consent (a).",
        LawfulBasis.CONTRACT: "A contract with the visitor (b).",
        LawfulBasis.LEGAL_OBLIGATION: "A legal obligation (c).",
        LawfulBasis.PUBLIC_TASK: "A public task (e).",
        LawfulBasis.LEGITIMATE_INTEREST: "A legitimate interest (f).",
    },
)
describe(
    ErasureMode,
    "What a visitor wants after being erased.",
    {
        ErasureMode.STAY_OUT: "To be kept out by every house, those of later too.",
        ErasureMode.FORGET_ME: "That nothing is kept; a later import may make the visitor known again.",
    },
)
describe(
    ConsentChannel,
    "Where a visitor said it.",
    {
        ConsentChannel.WEB: "On the house's own website.",
        ConsentChannel.PAGE: "On a page of this platform.",
        ConsentChannel.MAIL: "By mail.",
        ConsentChannel.PHONE: "By telephone.",
        ConsentChannel.BOX_OFFICE: "At the counter.",
        ConsentChannel.API: "Through an application.",
    },
)
describe(
    Who,
    "Who can change a refusal.",
    {
        Who.YOU: "Whoever asks, by asking differently.",
        Who.YOUR_INSTITUTION: "Somebody of the own institution.",
        Who.OTHER_INSTITUTION: "The other institution.",
        Who.STEWARD: "The steward of the platform.",
        Who.VISITOR: "The visitor alone.",
        Who.NOBODY: "Nobody.",
    },
)
describe(
    Reason,
    "Why something is refused or withheld. The list is closed.",
    {reason: explained.sentence.en for reason, explained in EXPLAINED.items()},
)
