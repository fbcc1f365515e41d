"""
A postcode becomes its four digits at the door; a place abroad becomes its country.

The letters of a Dutch postcode (PC6) name a few houses, so they are cut before anything is kept.
"""

from __future__ import annotations

import re
from functools import cache

from insight import contexts
from insight.intake.faults import Unreadable

_DUTCH = re.compile(r"([1-9][0-9]{3})\s*([A-Za-z]{2})?\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")

HOME = "NL"


def country(value: str) -> str | None:
    """The ISO 3166-1 code, upper case; nothing for an empty value."""
    told = value.strip().upper()
    if not told:
        return None
    if not _COUNTRY.match(told):
        raise Unreadable("BAD_COUNTRY")
    return told


def pc4(postcode: str, *, of: str | None = None) -> str | None:
    """
    The four digits of a Dutch postcode, when they are a known area; nothing for one abroad.

    `of` is the country beside it. `1234 AB`, `1234ab` and `1234` are read alike.

    Raises `Unreadable` when it does not look like a Dutch postcode, or no such area exists.
    """
    told = postcode.strip()
    if not told or (of is not None and of != HOME):
        return None
    found = _DUTCH.match(told)
    if found is None:
        raise Unreadable("NOT_A_POSTCODE")
    if found[1] not in known():
        raise Unreadable("UNKNOWN_POSTCODE")
    return found[1]


@cache
def known() -> frozenset[str]:
    """The areas of the postcode table that the figures use."""
    return frozenset(area.pc4 for area in contexts.places().areas)
