"""
Canonical bytes: RFC 8785 (JCS) on the subset that the ledger uses.

The subset: null, true, false, whole numbers up to 2^53 - 1 either way, strings in Unicode NFC, arrays,
and objects whose keys are `[a-z0-9_]+`. No floats. Everything else is refused, never repaired. On the
subset Python's sorted JSON without spaces is byte for byte what RFC 8785 says: such keys sort alike by
code point and by UTF-16 unit, and there is no number to format in two ways.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Never, TypeAlias

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_INTEGER = 2**53 - 1
"""The largest whole number every JSON reader gives back unchanged (RFC 8785, 3.2.2.3; RFC 7493, 2.2)."""

MAX_DEPTH = 16

_KEY = re.compile(r"[a-z0-9_]+")


class EntryRefused(Exception):
    """
    Something is no entry, or not one that this version can write.

    Carries a code and a plain sentence. The sentence names the field, never its value.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def canonical(value: Json) -> bytes:
    """
    The one way to write `value`.

    Raises `EntryRefused` for a value outside the subset.
    """
    _check(value, 0)
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise EntryRefused("NOT_CANONICAL", "a text holds half of a surrogate pair") from None


def encoded(value: Json) -> str | None:
    """
    The text that is the one way to write `value` if it lies in the subset, which is not looked at here.

    None when it cannot be written at all. For values that something else holds to the subset.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return None


def parse(line: bytes) -> Json:
    """
    The value written as `line`, which must be its canonical bytes to the last one.

    Duplicate keys, floats, spaces, escapes that need not be and texts outside NFC are all refused,
    because writing the value again gives other bytes.

    Raises `EntryRefused`.
    """
    try:
        value: Json = _DECODER.decode(line.decode())
    except EntryRefused:
        raise
    except (ValueError, RecursionError):  # bytes that are no UTF-8, text that is no JSON, a number too long
        raise EntryRefused("NOT_JSON", "the line is not JSON") from None
    if canonical(value) != line:
        raise EntryRefused("NOT_CANONICAL", "the line is not written in canonical form (RFC 8785)")
    return value


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        if not value.isascii() and not unicodedata.is_normalized("NFC", value):
            raise EntryRefused("NOT_CANONICAL", "a text is not in Unicode normal form C")
    elif value is None or isinstance(value, bool):
        pass
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise EntryRefused("NOT_CANONICAL", "a number lies beyond 2^53 - 1")
    elif depth == MAX_DEPTH:
        raise EntryRefused("NOT_CANONICAL", "the value is nested too deeply")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or _KEY.fullmatch(key) is None:
                raise EntryRefused("NOT_CANONICAL", "a key has other signs than a-z, 0-9 and _")
            _check(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    else:
        raise EntryRefused(
            "NOT_CANONICAL", "a value is neither null, flag, whole number, text, list nor object"
        )


def _no_float(_: str) -> Never:
    raise EntryRefused("NOT_CANONICAL", "a number is not whole")


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False
)
_DECODER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)
