"""
The words of a consent record: what our closed words mean in the W3C Data Privacy Vocabulary, 2.3.

Final for `cultuurinzicht/consent-receipt/1`, as all that is written with them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

PROOF = "ci:proof"
"""The member of ours that holds what proves a receipt."""

_PREFIXES = {
    "ci": "urn:cultuurinzicht:terms:",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "legal-eu": "https://w3id.org/dpv/legal/eu#",
    "loc": "https://w3id.org/dpv/loc#",
    "pd": "https://w3id.org/dpv/pd#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_LINKS = (
    "dct:conformsTo",
    "dct:publisher",
    "dct:source",
    "dpv:hasApplicableLaw",
    "dpv:hasDataController",
    "dpv:hasDataProcessor",
    "dpv:hasDataSource",
    "dpv:hasJurisdiction",
    "dpv:hasLegalBasis",
    "dpv:hasProcessing",
    "dpv:hasRecipient",
    "dpv:hasRight",
    "dpv:isExercisedAt",
    "dpv:isIndicatedBy",
    "schema:recipient",
    "schema:url",
    "skos:broader",
)
_DAYS = ("dct:created", "dct:date", "dpv:isIndicatedAtTime")
CONTEXT: dict[str, Any] = {
    "@version": 1.1,
    **_PREFIXES,
    **{name: {"@type": "@id"} for name in _LINKS},
    **{name: {"@type": "xsd:date"} for name in _DAYS},
    PROOF: {"@type": "@json"},
}
"""Written out, so that nothing has to be fetched to read it: without it, `dpv:…` as a value is mere text."""

STATES = {
    "granted": ("dpv:ConsentGiven", "dpv:ExpressedConsent"),
    "renewed": ("dpv:RenewedConsentGiven", "dpv:ExpressedConsent"),
    "refused": ("dpv:ConsentRefused",),
    "withdrawn": ("dpv:ConsentWithdrawn",),
    "objected": ("dpv:ConsentWithdrawn", "dpv:RightExerciseActivity"),
    "restricted": ("dpv:ConsentUnknown", "dpv:RightExerciseActivity"),
    "lifted": ("dpv:ConsentUnknown", "dpv:RightExerciseActivity"),
}
"""What each act makes of consent. A restriction, and its end, say nothing of consent."""

EXERCISED = {"objected": "eu-gdpr:A21", "restricted": "eu-gdpr:A18", "lifted": "eu-gdpr:A18"}
"""The right that an act exercises."""

RIGHTS = (
    "eu-gdpr:A7-3",
    "eu-gdpr:A15",
    "eu-gdpr:A16",
    "eu-gdpr:A17",
    "eu-gdpr:A18",
    "eu-gdpr:A20",
    "eu-gdpr:A21",
)
"""What everybody may ask of every house: the rights that the platform serves."""

PERSONAL_DATA = {
    "base": ("pd:ServiceConsumptionBehaviour",),
    "spend": ("pd:Purchase",),
    "place": ("pd:PostalCode", "pd:Country"),
    "age": ("pd:AgeRange",),
    "booking": ("pd:Transaction",),
    "channel": ("pd:Interaction",),
    "segment": ("pd:GroupProfile",),
    "reference": ("pd:Identifier",),
    "address": ("pd:EmailAddress",),
    "web": ("pd:BrowsingBehaviour",),
}
"""Our field groups; and two that are no group, because no figure shows them: the address, the visit to a website."""

_FIGURES = ("base", "spend", "place", "age", "booking", "channel")
_MESSAGE = ("address",)


class Use(NamedTuple):
    """What a purpose means in the vocabulary: its category, which data, and what is done beside storing."""

    broader: str
    data: tuple[str, ...]
    processing: tuple[str, ...] = ("dpv:Use",)


USES = {
    "own_insight": Use("dpv:ServiceUsageAnalytics", (*_FIGURES, "segment"), ("dpv:Analyse",)),
    "sector_benchmark": Use("dpv:OptimisationForController", _FIGURES, ("dpv:Aggregate",)),
    "segmentation": Use("dpv:CustomerRelationshipManagement", (*_FIGURES, "segment"), ("dpv:Profiling",)),
    "audience_overlap": Use(
        "dpv:ServiceUsageAnalytics", ("base", "address"), ("dpv:Match", "dpv:Pseudonymise")
    ),
    "own_marketing": Use("dpv:DirectMarketing", _MESSAGE),
    "partner_marketing": Use("dpv:DirectMarketing", _MESSAGE),
    "personal_recommendation": Use(
        "dpv:ProvideEventRecommendations", ("base", "segment", "address"), ("dpv:Profiling",)
    ),
    "web_link": Use("dpv:ServiceUsageAnalytics", ("base", "reference", "web"), ("dpv:Match",)),
    "research": Use("dpv:ResearchAndDevelopment", (*_FIGURES, "segment"), ("dpv:Analyse",)),
    "accountability": Use("dpv:OrganisationGovernance", _FIGURES, ("dpv:Aggregate", "dpv:Disclose")),
    "official_statistics": Use("dpv:ProvideOfficialStatistics", _FIGURES, ("dpv:Aggregate", "dpv:Disclose")),
    "service_message": Use("dpv:CommunicationForCustomerCare", ("base", "address")),
    "ticket_fulfilment": Use(
        "dpv:CustomerOrderManagement", ("base", "spend", "booking", "reference", "address")
    ),
}
"""All purposes there are; the finer word of our own comes along as the identifier."""
