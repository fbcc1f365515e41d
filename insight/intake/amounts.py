"""An amount in a file becomes whole cents, or is refused. Never a float."""

from __future__ import annotations

import re
from decimal import Decimal

from insight.intake.faults import Unreadable

_COMMA = re.compile(r"-?(\d{1,9}|\d{1,3}(\.\d{3}){1,2}(?=,))(,\d{1,20})?\Z", re.ASCII)
_POINT = re.compile(r"-?(\d{1,9}|\d{1,3}(,\d{3}){1,2}(?=\.))(\.\d{1,20})?\Z", re.ASCII)

MOST = 10_000_000_00
"""Ten million euros on one line is a misread column, not a ticket."""


def cents(told: str, mark: str) -> int:
    """
    The amount in cents; `mark` is the decimal mark of the file.

    `1.234,50` is read under a comma; `1.234` is not: it may mean two things. A tail of zeros after
    the cents is read (pretix writes `44,96000000000000`); a broken cent is refused.

    Raises `Unreadable`: BAD_AMOUNT, AMBIGUOUS_AMOUNT, BROKEN_CENT, NEGATIVE_AMOUNT, AMOUNT_TOO_LARGE.
    """
    bare = told.strip().removeprefix("€").strip()
    grouping = "." if mark == "," else ","
    if not (_COMMA if mark == "," else _POINT).match(bare):
        other = _POINT if mark == "," else _COMMA
        raise Unreadable("AMBIGUOUS_AMOUNT" if other.match(bare) else "BAD_AMOUNT")
    exact = Decimal(bare.replace(grouping, "").replace(mark, ".")) * 100
    if exact != exact.to_integral_value():
        raise Unreadable("BROKEN_CENT")
    if exact < 0:
        raise Unreadable("NEGATIVE_AMOUNT")
    if exact > MOST:
        raise Unreadable("AMOUNT_TOO_LARGE")
    return int(exact)
