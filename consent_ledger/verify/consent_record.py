"""
One consent, written as ISO/IEC TS 27560:2023 asks: a record, and the receipt around it, in JSON-LD.

Field names and structure are those of the profile that the W3C Data Privacy Vocabularies group publishes
(https://w3id.org/dpv/guides/consent-27560, 15 February 2026), the words those of DPV 2.3. What is
written follows from proven entries and the opened payload alone, so that whoever checks a receipt writes
it again and compares. What no entry proves (where the house stores, how to reach it) is not told here: it
stands in the house's notice, and every such member points there.

What is written is final for `cultuurinzicht/consent-receipt/1`: a receipt of today must be written alike in
ten years. Another mapping or member is another version, beside this one.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from consent_ledger.verify.dpv import CONTEXT, EXERCISED, PERSONAL_DATA, PROOF, RIGHTS, STATES, USES

FORMAT = "cultuurinzicht/consent-receipt/1"
SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#"
PLATFORM = "platform"


class Notice(NamedTuple):
    """The text that the person had seen: by which name, from which day, and its hash."""

    id: str
    version: int
    since: str
    sha256: str


class Told(NamedTuple):
    """What is known of one consent from proven entries and the opened payload."""

    origin: str
    position: int
    place: int | None
    """Its place in the batch; None when the entry is of one person alone."""
    commitment: str
    recorded: str
    day: str
    controller: str
    purpose: str
    purpose_version: int
    act: str
    guardian: bool
    until: str | None
    channel: str | None
    notice: Notice | None
    basis: str | None

    @property
    def name(self) -> str:
        """The place in the ledger, as it stands in identifiers."""
        place = "" if self.place is None else f":{self.place}"
        return f"{_safe(self.origin)}:{self.position}{place}"

    def party(self, party: str) -> str:
        """The IRI of an organisation in this ledger."""
        return f"urn:cultuurinzicht:party:{_safe(self.origin)}:{party}"

    @property
    def notice_iri(self) -> str | None:
        """The IRI of the notice that the person had seen."""
        if self.notice is None:
            return None
        notice = f"{self.controller}:{self.notice.id}:{self.notice.version}"
        return f"urn:cultuurinzicht:notice:{_safe(self.origin)}:{notice}"


def receipt(told: Told, proof: dict[str, Any]) -> dict[str, Any]:
    """What the person gets: the record, and what proves it."""
    iri = f"urn:cultuurinzicht:receipt:{told.name}"
    return {
        "@context": CONTEXT,
        "@id": iri,
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": iri,
        "dpv:hasIdentifier": iri,
        **_conforms(told, "receipt-record"),
        "dct:created": told.recorded,
        "dct:publisher": told.party(told.controller),
        "schema:recipient": "dpv:DataSubject",
        "dpv:hasRecordOfActivity": record(told),
        PROOF: proof,
    }


def record(told: Told) -> dict[str, Any]:
    """What is kept of one consent. Names nobody: the person is whoever can open the commitment."""
    iri = f"urn:cultuurinzicht:record:{told.name}"
    controller, platform = told.party(told.controller), told.party(PLATFORM)
    at = told.notice_iri or controller
    return {
        "@id": iri,
        "@type": "dpv:ConsentRecord",
        "dct:identifier": iri,
        "dpv:hasIdentifier": iri,
        **_conforms(told, "record"),
        "dct:created": told.recorded,
        "dpv:hasDataSubject": {
            "@id": f"urn:cultuurinzicht:commitment:{told.commitment}",
            "@type": "dpv:Child" if told.guardian else "dpv:DataSubject",
        },
        "dpv:hasDataController": controller,
        "dpv:hasDataProcessor": platform,
        "dpv:hasJurisdiction": ["loc:EU", "loc:NL"],
        "dpv:hasApplicableLaw": "legal-eu:law-GDPR",
        **({} if told.basis is None else {"dpv:hasLegalBasis": told.basis}),
        "dpv:hasProcess": _process(told, at, [controller, platform]),
        "dpv:hasConsentControl": {
            "@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"],
            "dpv:isExercisedAt": at,
        },
        "dpv:hasRight": [
            {"@type": ["dpv:DataSubjectRight", right], "dpv:isExercisedAt": at} for right in RIGHTS
        ],
        **({} if told.notice is None else {"dpv:hasNotice": _notice(told, told.notice)}),
        "dpv:hasEntity": [_controller(told, controller), _processor(platform)],
        "dpv:hasConsentStatus": [_event(told)],
    }


def _conforms(told: Told, profile: str) -> dict[str, str]:
    """Without a notice a mandatory field is empty, and no conformance is claimed."""
    return {} if told.notice is None else {"dct:conformsTo": f"{SCHEMA}{profile}"}


def _process(told: Told, at: str, recipients: list[str]) -> dict[str, Any]:
    use = USES[told.purpose]
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@id": f"urn:cultuurinzicht:purpose:{_safe(told.origin)}:{told.purpose}:{told.purpose_version}",
            "@type": "dpv:Purpose",
            "skos:broader": use.broader,
            "dct:identifier": f"{told.purpose}@{told.purpose_version}",
        },
        "dpv:hasPersonalData": [
            {"@type": "dpv:PersonalData", "skos:broader": [*PERSONAL_DATA[one]], "dct:identifier": one}
            for one in use.data
        ],
        "dpv:hasProcessing": ["dpv:Collect", "dpv:Store", *use.processing],
        "dpv:hasDataSource": "dpv:DataSubjectDataSource",
        "dpv:hasStorageCondition": [
            {"@type": "dpv:StorageLocation", "dct:source": at},
            {
                "@type": "dpv:StorageDuration",
                "dpv:hasDuration": {"@type": "dpv:UntilEventDuration", "rdf:value": "erasure"},
                "dct:source": at,
            },
        ],
        "dpv:hasRecipient": recipients,
    }


def _notice(told: Told, notice: Notice) -> dict[str, Any]:
    return {
        "@id": told.notice_iri,
        "@type": "dpv:PrivacyNotice" if told.act in EXERCISED else "dpv:ConsentNotice",
        "dct:identifier": f"{notice.id}@{notice.version}",
        "dct:date": notice.since,
        "dct:language": "nl",  # every notice is published in Dutch, some in more languages under the same hash
        "ci:sha256": notice.sha256,
    }


def _controller(told: Told, iri: str) -> dict[str, Any]:
    reached = told.notice_iri
    return {
        "@id": iri,
        "@type": "dpv:DataController",
        "dpv:hasName": told.controller,
        "dpv:hasIdentifier": iri,
        **(
            {}
            if reached is None
            else {
                "schema:contactPoint": [
                    {"@type": "schema:ContactPoint", "schema:url": reached},
                    {"@type": "schema:PostalAddress", "schema:url": reached},
                ]
            }
        ),
    }


def _processor(iri: str) -> dict[str, Any]:
    return {"@id": iri, "@type": "dpv:DataProcessor", "dpv:hasName": PLATFORM, "dpv:hasIdentifier": iri}


def _event(told: Told) -> dict[str, Any]:
    if told.until is None:
        lasts = {"@type": "dpv:UntilEventDuration", "rdf:value": "a later decision"}
    else:
        lasts = {"@type": "dpv:UntilTimeDuration", "rdf:value": told.until}
    return {
        "@type": [*STATES[told.act]],
        "dpv:isIndicatedAtTime": told.day,
        "dpv:isIndicatedBy": "dpv:GuardianOfDataSubject" if told.guardian else "dpv:DataSubject",
        **({} if told.channel is None else {"dpv:hasIndicationMethod": told.channel}),
        "dpv:hasDuration": lasts,
        **({"dpv:hasRight": EXERCISED[told.act]} if told.act in EXERCISED else {}),
        "ci:act": told.act,
    }


def _safe(origin: str) -> str:
    """An origin as a part of a URN (RFC 8141); `:` is kept out of it, so that no two names are alike."""
    return quote(origin, safe="/.-_~")
