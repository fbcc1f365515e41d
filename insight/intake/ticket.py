"""
The canonical ticket line: the one form in which every door delivers tickets.

A pandas frame with the columns below. Text is pandas' `str`, instants are in UTC, money is whole
cents. `identifier` is the direct identifier (an e-mail address); it goes to the vault and no
further. Columns are only added, at the end, with a default.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

import numpy as np
import pandas as pd

from insight.intake import moments
from insight.intake.refusals import IntakeRefused

_INSTANT: Final = "datetime64[us, UTC]"

SCHEMA: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "order_ref": "str",
        "line_ref": "str",
        "production_ref": "str",
        "production_title": "str",
        "genre": "str",
        "starts_at": _INSTANT,
        "zone": "str",
        "ordered_at": _INSTANT,
        "kind": "str",
        "status": "str",
        "price_type": "str",
        "gross": "int64",
        "currency": "str",
        "channel": "str",
        "pc4": "str",
        "country": "str",
        "attended_at": _INSTANT,
        "identifier": "str",
    }
)
"""Column and dtype. `pc4`, `country`, `attended_at` and `identifier` may be missing in a row."""

NULLABLE: Final = frozenset({"pc4", "country", "attended_at", "identifier"})

KINDS: Final = frozenset({"admission", "product", "gift_card", "donation", "membership", "fee"})
STATUSES: Final = frozenset({"reserved", "sold", "cancelled", "refunded", "expired"})
PRICE_TYPES: Final = frozenset({"full", "reduced", "youth", "social", "subscription", "complimentary"})
CHANNELS: Final = frozenset({"web", "box_office", "phone", "reseller", "school", "other"})

CONTENT: Final = tuple(name for name in SCHEMA if name != "identifier")
"""What the content hash covers, in this order: everything but the person."""

_CONTENT_FORM: Final = b"ticket/1"
_SEPARATOR: Final = "\x1f"  # texts with control characters are refused, so it stands between fields alone


Columns: TypeAlias = dict[str, list[Any]]
"""Canonical values by column: text, whole cents, instants as `2026-09-12T18:15:00Z`; None for nothing."""


def ticket_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """The canonical frame of these columns."""
    return pd.DataFrame(
        {
            name: pd.to_datetime(pd.Series(columns[name], dtype="str"), utc=True, format="ISO8601").astype(
                dtype
            )
            if dtype == _INSTANT
            else pd.Series(columns[name], dtype=dtype)
            for name, dtype in SCHEMA.items()
        }
    )


def columns_of(frame: pd.DataFrame) -> Columns:
    """
    The canonical columns of a frame; instants are cut to the second.

    Raises `IntakeRefused` (NOT_A_TICKET_FRAME) when a column is missing or cannot be of its dtype.
    """
    missing = [name for name in SCHEMA if name not in frame.columns]
    if missing:
        raise _not_a_frame(f"it has no column {', '.join(missing)}")
    columns: Columns = {}
    for name, dtype in SCHEMA.items():
        try:
            columns[name] = _READ[dtype](frame[name])
        except (TypeError, ValueError, OverflowError):
            raise _not_a_frame(f"its column {name} cannot be read as {dtype}") from None
    return columns


def _cents(column: pd.Series) -> list[Any]:
    if not pd.api.types.is_integer_dtype(column.dtype):
        raise TypeError("money that is not whole cents")
    return column.astype("int64").tolist()


def _instants(column: pd.Series) -> list[Any]:
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        if not column.isna().all() and column.dtype != object:
            raise TypeError("an instant without a zone")
        column = pd.to_datetime(column, utc=True)
    seconds = column.to_numpy(dtype="datetime64[s]")
    texts = np.datetime_as_string(seconds, unit="s").tolist()
    return [None if text == "NaT" else f"{text}Z" for text in texts]


def texts(column: pd.Series) -> list[str | None]:
    """The texts of a column, None for a missing or an empty one."""
    told = column if column.dtype == "str" else column.astype("str")
    return [text or None for text in told.to_numpy(dtype=object, na_value=cast("Any", None)).tolist()]


_READ: Final[dict[str, Callable[[pd.Series], list[Any]]]] = {
    "str": texts,
    "int64": _cents,
    _INSTANT: _instants,
}


def _not_a_frame(why: str) -> IntakeRefused:
    return IntakeRefused(
        "NOT_A_TICKET_FRAME",
        f"This is not a frame of ticket lines: {why}.",
        "Give the columns of the canonical ticket line.",
    )


@lru_cache(maxsize=4096)
def slug(title: str) -> str:
    """
    The title as a reference: `[a-z0-9-]`, at most 64 signs, the same for the same title always.

    A title that is cut, or has no Latin letter at all, ends in eight digits of its hash, so that two
    long titles do not become one production.
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if words and len(words) <= 64:
        return words
    mark = hashlib.sha256(unicodedata.normalize("NFC", title).encode()).hexdigest()[:8]
    return f"{words[:55].rstrip('-') or 'title'}-{mark}"


def performance_ref(production: str, starts_at: str) -> str:
    """`<production>@<start in UTC>`; `starts_at` as `2026-09-12T18:15:00Z`."""
    return f"{production}@{starts_at[:16].replace('-', '').replace(':', '')}Z"


def local_days(instants: Sequence[str], zones: Sequence[str]) -> list[str]:
    """The calendar day of each instant in the zone of its row."""
    days: dict[tuple[str, str], str] = {}
    for pair in dict.fromkeys(zip(instants, zones, strict=True)):
        days[pair] = datetime.fromisoformat(pair[0]).astimezone(moments.zone(pair[1])).date().isoformat()
    return [days[pair] for pair in zip(instants, zones, strict=True)]


def content_hash(row: Sequence[object]) -> bytes:
    """SHA-256 over the values of `CONTENT` as text. No person field: an erasure changes no hash."""
    told = _SEPARATOR.join(["" if value is None else str(value) for value in row])
    return hashlib.sha256(_CONTENT_FORM + told.encode()).digest()


def canonical_sha256(frame: pd.DataFrame) -> str:
    """What stands for a file's hash when a frame is delivered: over all rows, without person fields."""
    columns = columns_of(frame)
    whole = hashlib.sha256()
    for row in zip(*(columns[name] for name in CONTENT), strict=True):
        whole.update(content_hash(row))
    return whole.hexdigest()
