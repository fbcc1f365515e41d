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
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np
import pandas as pd

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


def ticket_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """A canonical frame of these columns; `production_ref` is the slug of the title where it is not given."""
    told = dict(columns)
    titles = told["production_title"]
    given = told.get("production_ref") or [None] * len(titles)
    told["production_ref"] = [ref or slug(title) for ref, title in zip(given, titles, strict=True)]
    for name in NULLABLE - told.keys():
        told[name] = [None] * len(titles)
    return conform(pd.DataFrame({name: pd.Series(told[name], dtype=dtype) for name, dtype in SCHEMA.items()}))


def conform(frame: pd.DataFrame) -> pd.DataFrame:
    """
    The frame with exactly the canonical columns and dtypes, a fresh index, and instants to the second.

    Raises `IntakeRefused` (NOT_A_TICKET_FRAME) when a column is missing or cannot be of its dtype.
    """
    missing = [name for name in SCHEMA if name not in frame.columns]
    if missing:
        raise _not_a_frame(f"it has no column {', '.join(missing)}")
    conformed: dict[str, pd.Series] = {}
    for name, dtype in SCHEMA.items():
        column = frame[name]
        try:
            if str(column.dtype) != dtype:
                column = _cast(column, dtype)
        except (TypeError, ValueError, OverflowError):
            raise _not_a_frame(f"its column {name} cannot be read as {dtype}") from None
        if name not in NULLABLE and dtype != "int64" and column.hasnans:
            raise _not_a_frame(f"its column {name} has rows without a value")
        conformed[name] = column
    return pd.DataFrame(conformed).reset_index(drop=True)


def _cast(column: Any, dtype: Any) -> Any:
    if dtype == _INSTANT:
        if column.isna().all():
            return pd.Series(pd.NaT, index=column.index, dtype=dtype)
        if not isinstance(column.dtype, pd.DatetimeTZDtype) and column.dtype != object:
            raise TypeError("an instant without a zone")
        return pd.to_datetime(column, utc=True).astype(dtype)
    if dtype == "int64" and not pd.api.types.is_integer_dtype(column.dtype):
        raise TypeError("money that is not whole cents")
    return column.astype(dtype)


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


def instants(column: pd.Series) -> list[str | None]:
    """Instants as `2026-09-12T18:15:00Z`, None where there is none."""
    seconds = column.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return _told(np.datetime_as_string(seconds, unit="s"), np.isnat(seconds), "Z")


def local_days(column: pd.Series, zones: Sequence[str]) -> list[str | None]:
    """The calendar day of each instant in the zone of its row."""
    found: list[str | None] = [None] * len(column)
    by_zone = {zone: np.flatnonzero(np.array(zones, dtype=object) == zone) for zone in dict.fromkeys(zones)}
    for zone, rows in by_zone.items():
        local = column.iloc[rows].dt.tz_convert(zone).dt.tz_localize(None).to_numpy().astype("datetime64[D]")
        days = _told(np.datetime_as_string(local, unit="D"), np.isnat(local), "")
        for row, day in zip(rows.tolist(), days, strict=True):
            found[row] = day
    return found


def _told(texts: Any, nothing: Any, end: str) -> list[str | None]:
    return [
        None if is_none else text + end
        for text, is_none in zip(texts.tolist(), nothing.tolist(), strict=True)
    ]


def texts(column: pd.Series) -> list[str | None]:
    """The texts of a column, None for a missing or an empty one."""
    return [text or None for text in column.to_numpy(dtype=object, na_value=cast("Any", None)).tolist()]


def content_hash(row: Sequence[object]) -> bytes:
    """SHA-256 over the values of `CONTENT` as text. No person field: an erasure changes no hash."""
    told = _SEPARATOR.join(["" if value is None else str(value) for value in row])
    return hashlib.sha256(_CONTENT_FORM + told.encode()).digest()


def canonical_sha256(frame: pd.DataFrame) -> str:
    """What stands for the file's hash when a frame is delivered: over all rows, without person fields."""
    columns: list[Sequence[object]] = []
    for name in CONTENT:
        column = frame[name]
        is_instant, is_money = SCHEMA[name] == _INSTANT, SCHEMA[name] == "int64"
        columns.append(instants(column) if is_instant else column.tolist() if is_money else texts(column))
    whole = hashlib.sha256()
    for row in zip(*columns, strict=True):
        whole.update(content_hash(row))
    return whole.hexdigest()
