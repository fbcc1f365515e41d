"""
What each type of entry may say: one closed schema per body, with no room for free text.

Every text has a pattern or a closed list of words, every number has bounds, no object takes another
key than those named. Evolution: a body never changes. What is new is a new type, or the same name
with `/2`; a reader that does not know a type reads the entry, and its fold stops there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import cast

from consent_ledger.canonical import Json, canonical
from consent_ledger.forms import (
    Check,
    ascending,
    day,
    exactly,
    flag,
    in_order,
    number,
    octets,
    or_null,
    refused,
    text,
    word,
)
from consent_ledger.vocabulary import (
    Assurance,
    ClientKind,
    ControllerRole,
    ErasureMode,
    FieldGroup,
    Granularity,
    KeyCause,
    LawfulBasis,
    Package,
    PartyKind,
    Purpose,
    Reason,
    Right,
    RightOutcome,
    Scope,
    SigningAlgorithm,
)

LEDGER_FORMAT = "cultuurinzicht/ledger/1"

PARTY = re.compile(r"[a-z0-9-]{2,40}")
CLIENT = re.compile(r"[A-Za-z0-9_-]{1,64}")
ORIGIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}(/[A-Za-z0-9._-]{1,64}){0,8}")
"""Host and path in plain signs, without scheme: some verifiers read the name as a regular expression."""

_HASH = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,2}")
_PRODUCTION = re.compile(r"[a-z0-9-]{1,64}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,18})?")


class EntryType(StrEnum):
    """Everything that can be recorded."""

    LEDGER_CREATED = "ledger.created"
    PARTY_REGISTERED = "party.registered"
    PARTY_CLOSED = "party.closed"
    KEY_REGISTERED = "key.registered"
    KEY_RETIRED = "key.retired"
    PURPOSE_PUBLISHED = "purpose.published"
    BASIS_RECORDED = "basis.recorded"
    NOTICE_PUBLISHED = "notice.published"
    NOTICE_INVALIDATED = "notice.invalidated"
    DEFINITION_PUBLISHED = "definition.published"
    SEGMENTS_PUBLISHED = "segments.published"
    POLICY_PUBLISHED = "policy.published"
    AGREEMENT_PROPOSED = "agreement.proposed"
    AGREEMENT_ACCEPTED = "agreement.accepted"
    AGREEMENT_SIGNED = "agreement.accepted/2"
    AGREEMENT_REFUSED = "agreement.refused"
    AGREEMENT_ENDED = "agreement.ended"
    SCOPE_GRANTED = "scope.granted"
    SCOPE_REVOKED = "scope.revoked"
    CONSENT_GRANTED = "consent.granted"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENT_RENEWED = "consent.renewed"
    CONSENT_OBJECTED = "consent.objected"
    CONSENT_RESTRICTED = "consent.restricted"
    CONSENT_LIFTED = "consent.lifted"
    CONSENT_BATCH = "consent.batch"
    IMPORT_ACCEPTED = "import.accepted"
    RELEASE_SEALED = "release.sealed"
    RELEASE_RETRACTED = "release.retracted"
    DISCLOSURE_RECORDED = "disclosure.recorded"
    REFUSAL_RECORDED = "refusal.recorded"
    REFUSAL_TOLD = "refusal.recorded/2"
    SAMPLE_OPENED = "sample.opened"
    EXPORT_ISSUED = "export.issued"
    SUBJECT_ERASED = "subject.erased"
    SUBJECT_STOPPED = "subject.stopped"
    RIGHT_REQUESTED = "right.requested"
    RIGHT_EXTENDED = "right.extended"
    RIGHT_ANSWERED = "right.answered"
    KEK_ROTATED = "vault.kek_rotated"
    KEK_DESTROYED = "vault.kek_destroyed"


PERSON_LEVEL: frozenset[EntryType] = frozenset(
    one for one in EntryType if one.startswith(("consent.", "subject.", "right."))
)
"""Entries about one person, or a batch of them: they carry the day, never the time."""

CONSENT_ACTS: frozenset[EntryType] = frozenset(one for one in EntryType if one.startswith("consent.")) - {
    EntryType.CONSENT_BATCH
}
"""What one person said about one purpose at one controller."""

DECIDING: frozenset[EntryType] = frozenset(EntryType) - {
    EntryType.DISCLOSURE_RECORDED,
    EntryType.REFUSAL_RECORDED,
    EntryType.REFUSAL_TOLD,
    EntryType.SAMPLE_OPENED,
    EntryType.EXPORT_ISSUED,
    EntryType.SUBJECT_STOPPED,
    EntryType.RIGHT_REQUESTED,
    EntryType.RIGHT_EXTENDED,
    EntryType.RIGHT_ANSWERED,
    EntryType.KEK_ROTATED,
    EntryType.KEK_DESTROYED,
}
"""Entries that can change a verdict or a figure; the others only tell what happened."""


class RowBucket(StrEnum):
    """How many rows or persons, told roughly: an exact number would tell what a minimum group withholds."""

    NONE = "r0"
    TO_9 = "r1_9"
    TO_99 = "r10_99"
    TO_999 = "r100_999"
    TO_9999 = "r1000_9999"
    MORE = "r10000_up"

    @classmethod
    def of(cls, rows: int) -> RowBucket:
        """The bucket of this many rows."""
        return tuple(cls)[min(len(str(rows)), 5) if rows > 0 else 0]


def check_body(kind: EntryType, body: Json) -> None:
    """
    Return when `body` is what an entry of this type says.

    Raises `EntryRefused`.
    """
    _BODIES[kind](body, "body")


def _terms_are_hashed(body: Mapping[str, Json], place: str) -> None:
    if hashlib.sha256(canonical(body["terms"])).hexdigest() != body["terms_sha256"]:
        raise refused(f"{place}.terms_sha256", "is not the SHA-256 of the terms")


def _seqs_below_size(basis: Mapping[str, Json], place: str) -> None:
    seqs = cast("list[int]", basis["seqs"])
    if seqs and seqs[-1] >= cast("int", basis["size"]):
        raise refused(f"{place}.seqs", "names an entry at or above size")


def _somebody_spoke(batch: Mapping[str, Json], place: str) -> None:
    if not any(batch[act] for act in ("granted", "refused", "withdrawn", "objected")):
        raise refused(place, "tells of nobody")


_PARTY = text(PARTY)
_CLIENT = text(CLIENT)
_SHA256 = text(_HASH)
_NAMED = text(_NAME)
_SEMVER = text(_VERSION)
_PURPOSE = word(*Purpose)
_AGREEMENT = text(re.compile(r"agr-[0-9a-f]{16}"))
_IMPORT = text(re.compile(r"imp-[0-9a-f]{16}"))
_RELEASE = text(re.compile(r"rel-[0-9a-f]{16}"))
_INT_VERSION = number(1, 1_000_000)
_KEY = text(re.compile(r"key-[0-9a-f]{16}"))
_GROUPS = ascending(word(*FieldGroup))

_BASIS = exactly(
    {"size": number(), "root": _SHA256, "seqs": ascending(number())},
    _seqs_below_size,
)
_TERMS = exactly(
    {
        "parties": ascending(
            exactly(
                {
                    "party": _PARTY,
                    "role": word("source", "recipient", "both"),
                    "controller_role": word(*ControllerRole),
                }
            ),
            least=1,
            by="party",
        ),
        "purposes": ascending(_PURPOSE, least=1),
        "groups": _GROUPS,
        "granularity": word(*Granularity),
        "productions": or_null(ascending(text(_PRODUCTION))),
        "period_start": or_null(day),
        "period_end": or_null(day),
        "minimum_group": number(1, 1_000_000),
        "onward": flag,
    },
    in_order("period_start", "period_end", may_equal=False),
)
_CONSENT = exactly(
    {
        "controller": _PARTY,
        "purpose": _PURPOSE,
        "purpose_version": _INT_VERSION,
        "notice": or_null(_NAMED),
        "notice_version": or_null(_INT_VERSION),
        "commitment": _SHA256,
    }
)
_ASSERTION = exactly(
    {
        "key": _KEY,
        "authenticator_data": octets(37, 37),
        "client_data": octets(1, 1_024),
        "signature": octets(1, 1_024),
    }
)
_REQUEST = {"controller": _PARTY, "request_sha256": _SHA256}
_DECIDED: dict[str, Check] = {
    "request_sha256": _SHA256,
    "recipient": _PARTY,
    "client": _CLIENT,
    "controllers": ascending(_PARTY),
    "agreements": ascending(_AGREEMENT),
    "reasons": ascending(word(*Reason)),
    "basis": _BASIS,
}
_AGREEMENT_AND_PARTY = exactly({"agreement": _AGREEMENT, "party": _PARTY})

_BODIES: Mapping[EntryType, Check] = {
    EntryType.LEDGER_CREATED: exactly(
        {"format": word(LEDGER_FORMAT), "origin": text(ORIGIN), "sandbox": flag}
    ),
    EntryType.PARTY_REGISTERED: exactly(
        {"party": _PARTY, "kind": word(*PartyKind), "organisation": _PARTY, "sandbox": flag}
    ),
    EntryType.PARTY_CLOSED: exactly({"party": _PARTY}),
    EntryType.KEY_REGISTERED: exactly(
        {
            "party": _PARTY,
            "key": _KEY,
            "algorithm": word(*SigningAlgorithm),
            "public_key": octets(32, 1_024),
            "rp_id": text(_HOST),
            "possession": _ASSERTION,
            "approval": or_null(_ASSERTION),
        }
    ),
    EntryType.KEY_RETIRED: exactly({"party": _PARTY, "key": _KEY, "cause": word(*KeyCause)}),
    EntryType.PURPOSE_PUBLISHED: exactly(
        {
            "purpose": _PURPOSE,
            "version": _INT_VERSION,
            "text_sha256": _SHA256,
            "bases": ascending(word(*LawfulBasis), least=1),
            "high_risk": flag,
        }
    ),
    EntryType.BASIS_RECORDED: exactly(
        {
            "controller": _PARTY,
            "purpose": _PURPOSE,
            "purpose_version": _INT_VERSION,
            "basis": word(*LawfulBasis),
            "dpia_sha256": or_null(_SHA256),
        }
    ),
    EntryType.NOTICE_PUBLISHED: exactly(
        {
            "controller": _PARTY,
            "notice": _NAMED,
            "version": _INT_VERSION,
            "text_sha256": _SHA256,
            "purposes": ascending(_PURPOSE, least=1),
        }
    ),
    EntryType.NOTICE_INVALIDATED: exactly({"controller": _PARTY, "notice": _NAMED, "version": _INT_VERSION}),
    EntryType.DEFINITION_PUBLISHED: exactly({"definition": _NAMED, "version": _SEMVER, "sha256": _SHA256}),
    EntryType.SEGMENTS_PUBLISHED: exactly({"model": _NAMED, "version": _SEMVER, "sha256": _SHA256}),
    EntryType.POLICY_PUBLISHED: exactly({"policy": _NAMED, "sha256": _SHA256}),
    EntryType.AGREEMENT_PROPOSED: exactly(
        {
            "agreement": _AGREEMENT,
            "package": word(*Package),
            "proposer": _PARTY,
            "terms_sha256": _SHA256,
            "terms": _TERMS,
        },
        _terms_are_hashed,
    ),
    EntryType.AGREEMENT_ACCEPTED: exactly(
        {
            "agreement": _AGREEMENT,
            "party": _PARTY,
            "assurance": word(*Assurance),
            "terms_sha256": _SHA256,
        }
    ),
    EntryType.AGREEMENT_SIGNED: exactly(
        {
            "agreement": _AGREEMENT,
            "party": _PARTY,
            "terms_sha256": _SHA256,
            "preview_sha256": _SHA256,
            "assertion": _ASSERTION,
        }
    ),
    EntryType.AGREEMENT_REFUSED: _AGREEMENT_AND_PARTY,
    EntryType.AGREEMENT_ENDED: _AGREEMENT_AND_PARTY,
    EntryType.SCOPE_GRANTED: exactly(
        {"client": _CLIENT, "party": _PARTY, "kind": word(*ClientKind), "scopes": ascending(word(*Scope))}
    ),
    EntryType.SCOPE_REVOKED: exactly({"client": _CLIENT, "party": _PARTY}),
    **dict.fromkeys(CONSENT_ACTS, _CONSENT),
    EntryType.CONSENT_BATCH: exactly(
        {
            "controller": _PARTY,
            "purpose": _PURPOSE,
            "purpose_version": _INT_VERSION,
            "notice": or_null(_NAMED),
            "notice_version": or_null(_INT_VERSION),
            "granted": number(),
            "refused": number(),
            "withdrawn": number(),
            "objected": number(),
            "root": _SHA256,
        },
        _somebody_spoke,
    ),
    EntryType.IMPORT_ACCEPTED: exactly(
        {
            "import": _IMPORT,
            "institution": _PARTY,
            "unit": word("tickets", "visits"),
            "source": _PARTY,  # same signs and length
            "file_sha256": _SHA256,
            "report_sha256": _SHA256,
            "received": number(),
            "created": number(),
            "updated": number(),
            "unchanged": number(),
        }
    ),
    EntryType.RELEASE_SEALED: exactly(
        {
            "release": _RELEASE,
            "policy": _NAMED,
            "period_start": text(_MONTH),
            "period_end": text(_MONTH),
            "tables_sha256": _SHA256,
            "certificate_sha256": _SHA256,
            "input_sha256": _SHA256,
            "blocks": number(0, 1_000_000),
            "rho": text(_DECIMAL),
        },
        in_order("period_start", "period_end", may_equal=True),
    ),
    EntryType.RELEASE_RETRACTED: exactly({"release": _RELEASE}),
    EntryType.DISCLOSURE_RECORDED: exactly(
        {
            "request_sha256": _SHA256,
            "recipient": _PARTY,
            "client": _CLIENT,
            "controllers": ascending(_PARTY),
            "agreements": ascending(_AGREEMENT),
            "purposes": ascending(_PURPOSE),
            "groups": _GROUPS,
            "granularity": word(*Granularity),
            "rows": word(*RowBucket),
            "persons": word(*RowBucket),
            "subjects": _SHA256,
            "basis": _BASIS,
        }
    ),
    EntryType.REFUSAL_RECORDED: exactly(_DECIDED),
    EntryType.REFUSAL_TOLD: exactly(
        {
            **_DECIDED,
            "purposes": ascending(_PURPOSE, least=1),
            "groups": _GROUPS,
            "granularity": word(*Granularity),
        }
    ),
    EntryType.SAMPLE_OPENED: exactly(
        {
            "disclosure": number(),
            "recipient": _PARTY,
            "client": _CLIENT,
            "seed": _SHA256,
            "number": number(1, 1_000),
        }
    ),
    EntryType.EXPORT_ISSUED: exactly(
        {"recipient": _PARTY, "client": _CLIENT, "start": number(), "stop": number()},
        in_order("start", "stop", may_equal=True),
    ),
    EntryType.SUBJECT_ERASED: exactly({**_REQUEST, "mode": word(*ErasureMode), "effective_by": day}),
    EntryType.SUBJECT_STOPPED: exactly({"request_sha256": _SHA256}),
    EntryType.RIGHT_REQUESTED: exactly({**_REQUEST, "right": word(*Right), "due": day}),
    EntryType.RIGHT_EXTENDED: exactly({**_REQUEST, "due": day}),
    EntryType.RIGHT_ANSWERED: exactly({**_REQUEST, "outcome": word(*RightOutcome)}),
    EntryType.KEK_ROTATED: exactly({"epoch": number(2, 1_000_000)}),
    EntryType.KEK_DESTROYED: exactly({"epoch": number(1, 1_000_000)}),
}
