"""
What each type of entry may say: one closed schema per body, with no room for free text.

Every text has a pattern or a closed list of words, every number has bounds, no object takes another
key than those named. Evolution: a body never changes. What is new is a new type, or the same name
with `/2`; a reader that does not know a type reads the entry, and its fold stops there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import cast

from consent_ledger.canonical import MAX_INTEGER, EntryRefused, Json, canonical
from consent_ledger.vocabulary import (
    Assurance,
    ClientKind,
    ControllerRole,
    FieldGroup,
    Granularity,
    LawfulBasis,
    Package,
    PartyKind,
    Purpose,
    Reason,
    Scope,
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
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,18})?")


class EntryType(StrEnum):
    """Everything that can be recorded."""

    LEDGER_CREATED = "ledger.created"
    PARTY_REGISTERED = "party.registered"
    PARTY_CLOSED = "party.closed"
    PURPOSE_PUBLISHED = "purpose.published"
    BASIS_RECORDED = "basis.recorded"
    NOTICE_PUBLISHED = "notice.published"
    DEFINITION_PUBLISHED = "definition.published"
    SEGMENTS_PUBLISHED = "segments.published"
    POLICY_PUBLISHED = "policy.published"
    AGREEMENT_PROPOSED = "agreement.proposed"
    AGREEMENT_ACCEPTED = "agreement.accepted"
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
    IMPORT_ACCEPTED = "import.accepted"
    RELEASE_SEALED = "release.sealed"
    RELEASE_RETRACTED = "release.retracted"
    DISCLOSURE_RECORDED = "disclosure.recorded"
    REFUSAL_RECORDED = "refusal.recorded"
    EXPORT_ISSUED = "export.issued"
    SUBJECT_ERASED = "subject.erased"


PERSON_LEVEL: frozenset[EntryType] = frozenset(one for one in EntryType if one.startswith("consent."))
"""Entries about one person: they carry the day, never the time."""

DECIDING: frozenset[EntryType] = frozenset(EntryType) - {
    EntryType.DISCLOSURE_RECORDED,
    EntryType.REFUSAL_RECORDED,
    EntryType.EXPORT_ISSUED,
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


Check = Callable[[Json, str], None]
"""Returns when the value is right; otherwise raises `EntryRefused` naming the place, not the value."""


def check_body(kind: EntryType, body: Json) -> None:
    """
    Return when `body` is what an entry of this type says.

    Raises `EntryRefused`.
    """
    _BODIES[kind](body, "body")


def _refuse(place: str, should: str) -> EntryRefused:
    return EntryRefused("BODY_REFUSED", f"{place} {should}")


def _text(pattern: re.Pattern[str]) -> Check:
    def check(value: Json, place: str) -> None:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise _refuse(place, "is not written as it should be")

    return check


def _word(*words: str) -> Check:
    allowed = frozenset(map(str, words))

    def check(value: Json, place: str) -> None:
        if not isinstance(value, str) or value not in allowed:
            raise _refuse(place, "is none of the words that can stand there")

    return check


def _number(least: int = 0, most: int = MAX_INTEGER) -> Check:
    def check(value: Json, place: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _refuse(place, f"is not a whole number from {least} to {most}")

    return check


def _flag(value: Json, place: str) -> None:
    if not isinstance(value, bool):
        raise _refuse(place, "is neither true nor false")


def _day(value: Json, place: str) -> None:
    _text(_DAY)(value, place)
    try:
        date.fromisoformat(str(value))
    except ValueError:
        raise _refuse(place, "is no day of the calendar") from None


def _or_null(check: Check) -> Check:
    return lambda value, place: None if value is None else check(value, place)


def _sorted(item: Check, *, least: int = 0, by: str | None = None) -> Check:
    """A list in ascending order without repetition; objects are ordered by their key `by`."""

    def check(value: Json, place: str) -> None:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise _refuse(place, f"is not a list of {least} or more")
        for one in value:
            item(one, f"{place}[]")
        order = value if by is None else [cast("Mapping[str, Json]", one)[by] for one in value]
        if any(not cast("str", one) < cast("str", two) for one, two in pairwise(order)):
            raise _refuse(place, "is not in order, or holds something twice")

    return check


def _object(
    fields: Mapping[str, Check], rule: Callable[[Mapping[str, Json], str], None] | None = None
) -> Check:
    names = frozenset(fields)

    def check(value: Json, place: str) -> None:
        if not isinstance(value, dict):
            raise _refuse(place, "is not an object")
        if value.keys() != names:
            absent = sorted(names - value.keys())
            raise _refuse(place, f"lacks {', '.join(absent)}" if absent else "has a field that is not known")
        for name, field in fields.items():
            field(value[name], f"{place}.{name}")
        if rule is not None:
            rule(value, place)

    return check


def _in_order(first: str, second: str, *, may_equal: bool) -> Callable[[Mapping[str, Json], str], None]:
    def rule(value: Mapping[str, Json], place: str) -> None:
        low, high = value[first], value[second]
        if low is None or high is None:
            return
        if cast("str", low) > cast("str", high) or (low == high and not may_equal):
            raise _refuse(f"{place}.{second}", f"lies before {first}")

    return rule


def _terms_are_hashed(body: Mapping[str, Json], place: str) -> None:
    if hashlib.sha256(canonical(body["terms"])).hexdigest() != body["terms_sha256"]:
        raise _refuse(f"{place}.terms_sha256", "is not the SHA-256 of the terms")


def _seqs_below_size(basis: Mapping[str, Json], place: str) -> None:
    seqs = cast("list[int]", basis["seqs"])
    if seqs and seqs[-1] >= cast("int", basis["size"]):
        raise _refuse(f"{place}.seqs", "names an entry at or above size")


_PARTY = _text(PARTY)
_CLIENT = _text(CLIENT)
_SHA256 = _text(_HASH)
_NAMED = _text(_NAME)
_SEMVER = _text(_VERSION)
_PURPOSE = _word(*Purpose)
_AGREEMENT = _text(re.compile(r"agr-[0-9a-f]{16}"))
_IMPORT = _text(re.compile(r"imp-[0-9a-f]{16}"))
_RELEASE = _text(re.compile(r"rel-[0-9a-f]{16}"))
_INT_VERSION = _number(1, 1_000_000)
_GROUPS = _sorted(_word(*FieldGroup))

_BASIS = _object(
    {"size": _number(), "root": _SHA256, "seqs": _sorted(_number())},
    _seqs_below_size,
)
_TERMS = _object(
    {
        "parties": _sorted(
            _object(
                {
                    "party": _PARTY,
                    "role": _word("source", "recipient", "both"),
                    "controller_role": _word(*ControllerRole),
                }
            ),
            least=1,
            by="party",
        ),
        "purposes": _sorted(_PURPOSE, least=1),
        "groups": _GROUPS,
        "granularity": _word(*Granularity),
        "productions": _or_null(_sorted(_text(_PRODUCTION))),
        "period_start": _or_null(_day),
        "period_end": _or_null(_day),
        "minimum_group": _number(1, 1_000_000),
        "onward": _flag,
    },
    _in_order("period_start", "period_end", may_equal=False),
)
_CONSENT = _object(
    {
        "controller": _PARTY,
        "purpose": _PURPOSE,
        "purpose_version": _INT_VERSION,
        "notice": _or_null(_NAMED),
        "notice_version": _or_null(_INT_VERSION),
        "commitment": _SHA256,
    }
)
_AGREEMENT_AND_PARTY = _object({"agreement": _AGREEMENT, "party": _PARTY})

_BODIES: Mapping[EntryType, Check] = {
    EntryType.LEDGER_CREATED: _object(
        {"format": _word(LEDGER_FORMAT), "origin": _text(ORIGIN), "sandbox": _flag}
    ),
    EntryType.PARTY_REGISTERED: _object(
        {"party": _PARTY, "kind": _word(*PartyKind), "organisation": _PARTY, "sandbox": _flag}
    ),
    EntryType.PARTY_CLOSED: _object({"party": _PARTY}),
    EntryType.PURPOSE_PUBLISHED: _object(
        {
            "purpose": _PURPOSE,
            "version": _INT_VERSION,
            "text_sha256": _SHA256,
            "bases": _sorted(_word(*LawfulBasis), least=1),
            "high_risk": _flag,
        }
    ),
    EntryType.BASIS_RECORDED: _object(
        {
            "controller": _PARTY,
            "purpose": _PURPOSE,
            "purpose_version": _INT_VERSION,
            "basis": _word(*LawfulBasis),
            "dpia_sha256": _or_null(_SHA256),
        }
    ),
    EntryType.NOTICE_PUBLISHED: _object(
        {
            "controller": _PARTY,
            "notice": _NAMED,
            "version": _INT_VERSION,
            "text_sha256": _SHA256,
            "purposes": _sorted(_PURPOSE, least=1),
        }
    ),
    EntryType.DEFINITION_PUBLISHED: _object({"definition": _NAMED, "version": _SEMVER, "sha256": _SHA256}),
    EntryType.SEGMENTS_PUBLISHED: _object({"model": _NAMED, "version": _SEMVER, "sha256": _SHA256}),
    EntryType.POLICY_PUBLISHED: _object({"policy": _NAMED, "sha256": _SHA256}),
    EntryType.AGREEMENT_PROPOSED: _object(
        {
            "agreement": _AGREEMENT,
            "package": _word(*Package),
            "proposer": _PARTY,
            "terms_sha256": _SHA256,
            "terms": _TERMS,
        },
        _terms_are_hashed,
    ),
    EntryType.AGREEMENT_ACCEPTED: _object(
        {
            "agreement": _AGREEMENT,
            "party": _PARTY,
            "assurance": _word(*Assurance),
            "terms_sha256": _SHA256,
        }
    ),
    EntryType.AGREEMENT_REFUSED: _AGREEMENT_AND_PARTY,
    EntryType.AGREEMENT_ENDED: _AGREEMENT_AND_PARTY,
    EntryType.SCOPE_GRANTED: _object(
        {"client": _CLIENT, "party": _PARTY, "kind": _word(*ClientKind), "scopes": _sorted(_word(*Scope))}
    ),
    EntryType.SCOPE_REVOKED: _object({"client": _CLIENT, "party": _PARTY}),
    **dict.fromkeys(PERSON_LEVEL, _CONSENT),
    EntryType.IMPORT_ACCEPTED: _object(
        {
            "import": _IMPORT,
            "institution": _PARTY,
            "unit": _word("tickets", "visits"),
            "source": _PARTY,  # same signs and length
            "file_sha256": _SHA256,
            "report_sha256": _SHA256,
            "received": _number(),
            "created": _number(),
            "updated": _number(),
            "unchanged": _number(),
        }
    ),
    EntryType.RELEASE_SEALED: _object(
        {
            "release": _RELEASE,
            "policy": _NAMED,
            "period_start": _text(_MONTH),
            "period_end": _text(_MONTH),
            "tables_sha256": _SHA256,
            "certificate_sha256": _SHA256,
            "input_sha256": _SHA256,
            "blocks": _number(0, 1_000_000),
            "rho": _text(_DECIMAL),
        },
        _in_order("period_start", "period_end", may_equal=True),
    ),
    EntryType.RELEASE_RETRACTED: _object({"release": _RELEASE}),
    EntryType.DISCLOSURE_RECORDED: _object(
        {
            "request_sha256": _SHA256,
            "recipient": _PARTY,
            "client": _CLIENT,
            "controllers": _sorted(_PARTY),
            "agreements": _sorted(_AGREEMENT),
            "purposes": _sorted(_PURPOSE),
            "groups": _GROUPS,
            "granularity": _word(*Granularity),
            "rows": _word(*RowBucket),
            "persons": _word(*RowBucket),
            "subjects": _SHA256,
            "basis": _BASIS,
        }
    ),
    EntryType.REFUSAL_RECORDED: _object(
        {
            "request_sha256": _SHA256,
            "recipient": _PARTY,
            "client": _CLIENT,
            "controllers": _sorted(_PARTY),
            "agreements": _sorted(_AGREEMENT),
            "reasons": _sorted(_word(*Reason)),
            "basis": _BASIS,
        }
    ),
    EntryType.EXPORT_ISSUED: _object(
        {"recipient": _PARTY, "client": _CLIENT, "start": _number(), "stop": _number()},
        _in_order("start", "stop", may_equal=True),
    ),
    EntryType.SUBJECT_ERASED: _object({"controller": _PARTY, "request_sha256": _SHA256}),
}
