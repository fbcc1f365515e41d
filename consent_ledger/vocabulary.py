"""
The closed words of the house: scopes, purposes, field groups, granularities, reasons and kinds.

Every other module imports its words from here; a word that is not here cannot be stored, asked
or granted. Values are what stands in ledger entries and tokens, so they never change; a word
that falls out of use stays readable.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

Position = NewType("Position", int)
"""Index of an entry in the ledger, from 0; also a tree size where a size is meant."""

PartyId = NewType("PartyId", str)
"""Id of an institution or another organisation: `[a-z0-9-]{2,40}`, fixed for good."""

ClientId = NewType("ClientId", str)
"""Id of an OAuth client: `[A-Za-z0-9_-]{1,64}`."""

AgreementId = NewType("AgreementId", str)
"""Id of an agreement: `agr-` and 16 hexadecimal digits."""

PersonRef = NewType("PersonRef", str)
"""The vault's random reference to one person at one controller: 32 hexadecimal digits."""

ProductionRef = NewType("ProductionRef", str)
"""An institution's own reference to one of its productions."""

PLATFORM = PartyId("platform")
"""The named actor that does batch work: imports by command line, releases, seeding."""


class Scope(StrEnum):
    """What an application may ask at most. A scope is a ceiling, never a permission by itself."""

    CATALOGUE_READ = "catalogue:read"
    AUDIENCES_READ = "audiences:read"
    AUDIENCES_READ_SPEND = "audiences:read.spend"
    AUDIENCES_READ_PLACE = "audiences:read.place"
    AUDIENCES_READ_AGE = "audiences:read.age"
    AUDIENCES_READ_BOOKING = "audiences:read.booking"
    AUDIENCES_READ_CHANNEL = "audiences:read.channel"
    AUDIENCES_READ_SEGMENT = "audiences:read.segment"
    SEGMENTS_READ = "segments:read"
    SEGMENTS_WRITE = "segments:write"
    BENCHMARKS_READ = "benchmarks:read"
    OVERLAP_READ = "overlap:read"
    REFERENCES_EXPORT = "references:export"
    TICKETS_WRITE = "tickets:write"
    IMPORTS_READ = "imports:read"
    CONSENT_READ = "consent:read"
    CONSENT_WRITE = "consent:write"
    AGREEMENTS_READ = "agreements:read"
    AGREEMENTS_WRITE = "agreements:write"
    AGREEMENTS_SIGN = "agreements:sign"
    LEDGER_READ = "ledger:read"
    LEDGER_EXPORT = "ledger:export"
    INSTITUTION_MANAGE = "institution:manage"
    CLIENTS_MANAGE = "clients:manage"
    GOVERNANCE_WRITE = "governance:write"
    ME_READ = "me:read"
    ME_CONSENT = "me:consent"
    OFFLINE_ACCESS = "offline_access"


class FieldGroup(StrEnum):
    """One vocabulary for scope suffix, agreement term and sensitivity of a metric."""

    BASE = "base"
    SPEND = "spend"
    PLACE = "place"
    AGE = "age"
    BOOKING = "booking"
    CHANNEL = "channel"
    SEGMENT = "segment"
    REFERENCE = "reference"


AUDIENCE_SCOPE: dict[FieldGroup, Scope] = {
    FieldGroup.BASE: Scope.AUDIENCES_READ,
    FieldGroup.SPEND: Scope.AUDIENCES_READ_SPEND,
    FieldGroup.PLACE: Scope.AUDIENCES_READ_PLACE,
    FieldGroup.AGE: Scope.AUDIENCES_READ_AGE,
    FieldGroup.BOOKING: Scope.AUDIENCES_READ_BOOKING,
    FieldGroup.CHANNEL: Scope.AUDIENCES_READ_CHANNEL,
    FieldGroup.SEGMENT: Scope.AUDIENCES_READ_SEGMENT,
    FieldGroup.REFERENCE: Scope.REFERENCES_EXPORT,
}
"""The scope that opens each field group of an audience."""


class Purpose(StrEnum):
    """Why data are used. Selling data and targeted advertising cannot be said."""

    OWN_INSIGHT = "own_insight"
    SECTOR_BENCHMARK = "sector_benchmark"
    SEGMENTATION = "segmentation"
    AUDIENCE_OVERLAP = "audience_overlap"
    OWN_MARKETING = "own_marketing"
    PARTNER_MARKETING = "partner_marketing"
    PERSONAL_RECOMMENDATION = "personal_recommendation"
    WEB_LINK = "web_link"
    RESEARCH = "research"
    ACCOUNTABILITY = "accountability"
    OFFICIAL_STATISTICS = "official_statistics"
    SERVICE_MESSAGE = "service_message"
    TICKET_FULFILMENT = "ticket_fulfilment"


class LawfulBasis(StrEnum):
    """GDPR article 6(1), as named in the W3C Data Privacy Vocabulary."""

    CONSENT = "eu-gdpr:A6-1-a"
    CONTRACT = "eu-gdpr:A6-1-b"
    LEGAL_OBLIGATION = "eu-gdpr:A6-1-c"
    PUBLIC_TASK = "eu-gdpr:A6-1-e"
    LEGITIMATE_INTEREST = "eu-gdpr:A6-1-f"


class Granularity(StrEnum):
    """How fine data leave under an agreement, from coarse to fine."""

    STATISTIC = "STATISTIC"
    AGGREGATE = "AGGREGATE"
    PSEUDONYMOUS = "PSEUDONYMOUS"
    REFERENCE = "REFERENCE"


GRANULARITY_ORDER: tuple[Granularity, ...] = tuple(Granularity)
"""Coarse to fine: an agreement on one granularity also covers all before it."""


class PartyKind(StrEnum):
    """What an organisation is on the platform."""

    INSTITUTION = "institution"
    PARTNER = "partner"
    AUDITOR = "auditor"
    STEWARD = "steward"
    OPERATOR = "operator"
    VENDOR = "vendor"
    PLATFORM = "platform"


class ClientKind(StrEnum):
    """The role in which an application acts."""

    INSTITUTION_APP = "institution_app"
    CONNECTOR = "connector"
    PARTNER = "partner"
    AUDITOR = "auditor"
    STEWARD = "steward"
    VISITOR = "visitor"
    PLATFORM = "platform"


class ConsentAct(StrEnum):
    """What a person did, or what was done for the person, about one purpose at one controller."""

    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    RENEWED = "renewed"
    OBJECTED = "objected"
    RESTRICTED = "restricted"
    LIFTED = "lifted"


class ConsentChannel(StrEnum):
    """Where a person said it."""

    WEB = "web"
    PAGE = "page"
    MAIL = "mail"
    PHONE = "phone"
    BOX_OFFICE = "box_office"
    API = "api"


class Assurance(StrEnum):
    """How an acceptance of an agreement is proven."""

    OPERATOR_ATTESTED = "operator_attested"
    PASSKEY = "passkey"


class SigningAlgorithm(StrEnum):
    """How a house's key signs, by the names of RFC 7518 and RFC 8037."""

    ES256 = "ES256"
    EDDSA = "EdDSA"
    RS256 = "RS256"


class KeyCause(StrEnum):
    """Why a house's key no longer signs."""

    ROTATED = "rotated"
    LOST = "lost"
    LEFT = "left"


class ErasureMode(StrEnum):
    """What a person wants after being erased: kept out for good, or nothing kept at all."""

    STAY_OUT = "stay_out"
    FORGET_ME = "forget_me"


class Right(StrEnum):
    """A right that a person exercises at one controller (GDPR, articles 15 to 21)."""

    ACCESS = "access"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    PORTABILITY = "portability"
    OBJECTION = "objection"


class RightOutcome(StrEnum):
    """How a request was answered."""

    DONE = "done"
    PARTLY = "partly"
    REFUSED = "refused"


class ControllerRole(StrEnum):
    """GDPR role of a party under an agreement."""

    INDEPENDENT = "independent"
    JOINT = "joint"
    PROCESSOR = "processor"


class Package(StrEnum):
    """The six named packages people choose among."""

    OWN_APP = "own_app"
    BENCHMARK_POOL = "benchmark_pool"
    TOUR = "tour"
    CITY_PASS = "city_pass"
    RESEARCH = "research"
    ACCOUNTABILITY = "accountability"


class Reason(StrEnum):
    """Why something is refused or withheld: closed, in the order in which decisions ask."""

    # the decision (mission 7.3)
    CLIENT_SUSPENDED = "CLIENT_SUSPENDED"
    ROLE_FORBIDS = "ROLE_FORBIDS"
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    NOT_MEMBER = "NOT_MEMBER"
    DPIA_MISSING = "DPIA_MISSING"
    NO_AGREEMENT = "NO_AGREEMENT"
    AGREEMENT_ENDED = "AGREEMENT_ENDED"
    PURPOSE_NOT_COVERED = "PURPOSE_NOT_COVERED"
    FIELD_NOT_COVERED = "FIELD_NOT_COVERED"
    GRANULARITY_NOT_COVERED = "GRANULARITY_NOT_COVERED"
    CONSENT_UNKNOWN = "CONSENT_UNKNOWN"
    CONSENT_REFUSED = "CONSENT_REFUSED"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    CONSENT_EXPIRED = "CONSENT_EXPIRED"
    OBJECTION = "OBJECTION"
    RESTRICTED = "RESTRICTED"
    ERASED = "ERASED"
    GUARDIAN_NEEDED = "GUARDIAN_NEEDED"
    # disclosure control
    BELOW_K = "BELOW_K"
    BELOW_DENOMINATOR = "BELOW_DENOMINATOR"
    TOO_FEW_PEERS = "TOO_FEW_PEERS"
    DOMINANCE = "DOMINANCE"
    COMPLEMENTARY = "COMPLEMENTARY"
    BUDGET_SPENT = "BUDGET_SPENT"
    NOT_RECIPROCAL = "NOT_RECIPROCAL"
    HISTORY_TOO_SHORT = "HISTORY_TOO_SHORT"
    DEFINITION_MISMATCH = "DEFINITION_MISMATCH"
    # releases (privacy 2.6)
    NO_SAFE_PEER_GROUP_NEAR_CRITERIA = "NO_SAFE_PEER_GROUP_NEAR_CRITERIA"
    COMBINATION_NOT_OFFERED = "COMBINATION_NOT_OFFERED"
    STATISTIC_NOT_OFFERED = "STATISTIC_NOT_OFFERED"
    PERIOD_FINER_THAN_PUBLISHED = "PERIOD_FINER_THAN_PUBLISHED"
    MARGIN_TOO_WIDE = "MARGIN_TOO_WIDE"
    NOT_YET_PUBLISHED = "NOT_YET_PUBLISHED"
    NO_CONSENT = "NO_CONSENT"
