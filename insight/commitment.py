"""
What went into a release, committed to so that each member can open its own row and no other.

Figures are guessable: whoever knows all contributions but one could find the last by trying. So a
row is committed to with a key of its own (HMAC-SHA-256, RFC 2104), derived from the release's secret
nonce and the institution's id. The certificate lists the commitments, ordered by themselves; the
ledger holds the hash of that list. A member given its key recomputes its row and finds it there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from consent_ledger.canonical import Json, canonical
from consent_ledger.vocabulary import PartyId
from insight.months import Month

NONCE_BYTES: Final = 32

Row = Mapping[Month, tuple[int, int]]
"""Visits and cents of one institution per month."""


def row_key(nonce: bytes, institution: PartyId) -> bytes:
    """The key that opens this institution's row, for that institution alone."""
    return hmac.digest(nonce, b"cultuurinzicht/release-row\0" + institution.encode(), "sha256")


def commitment(key: bytes, institution: PartyId, row: Row) -> str:
    """The commitment to what this institution contributed."""
    months: list[Json] = [[month, *row[month]] for month in sorted(row)]
    return hmac.new(key, canonical({"institution": institution, "months": months}), "sha256").hexdigest()


def commitments(nonce: bytes, rows: Mapping[PartyId, Row]) -> list[str]:
    """One commitment per institution, in an order that says nothing."""
    return sorted(
        commitment(row_key(nonce, institution), institution, row) for institution, row in rows.items()
    )


def input_sha256(committed: Iterable[str]) -> str:
    """The hash that the ledger holds of all commitments."""
    return hashlib.sha256(canonical(sorted(committed))).hexdigest()


def opens(committed: Iterable[str], key: bytes, institution: PartyId, row: Row) -> bool:
    """Whether these commitments hold this row of this institution."""
    own = commitment(key, institution, row)
    return any(hmac.compare_digest(own, other) for other in committed)
