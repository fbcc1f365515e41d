"""Canonical bytes: equal to RFC 8785 on the subset, refused outside it, and only they are read."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_ledger.canonical import MAX_DEPTH, MAX_INTEGER, EntryRefused, Json, canonical, parse

KEYS = st.text("abcxyz_0129", min_size=1, max_size=8)
TEXTS = st.text(max_size=12).map(lambda text: unicodedata.normalize("NFC", text))
SCALARS = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def lists(value: Json) -> Any:
    """With tuples as lists, as they come back."""
    if isinstance(value, Mapping):
        return {key: lists(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [lists(item) for item in value]
    return value


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_our_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)
    assert parse(canonical(value)) == lists(value)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_written_in_any_other_way_it_is_not_read(value: Any) -> None:
    line = canonical(value)
    for other in (
        json.dumps(value).encode(),
        json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode(),
        json.dumps(value, separators=(",", ":")).encode(),
        line + b"\n",
        b" " + line,
        b"\xef\xbb\xbf" + line,
    ):
        if other != line:
            with pytest.raises(EntryRefused):
                parse(other)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_bytes_are_either_canonical_or_refused(line: bytes) -> None:
    try:
        value = parse(line)
    except EntryRefused:
        return
    assert rfc8785.dumps(lists(value)) == line


@settings(max_examples=300, deadline=None)
@given(VALUES, st.data())
def test_one_changed_byte_is_another_value_or_refused(value: Any, data: st.DataObject) -> None:
    line = bytearray(canonical(value))
    line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    try:
        other = parse(bytes(line))
    except EntryRefused:
        return
    assert (canonical(other) == canonical(value)) == (bytes(line) == canonical(value))


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        float("inf"),
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        "e\u0301",  # e and a combining accent: one sign in NFC
        "\ud800",
        {"Key": 1},
        {"kéy": 1},
        {"a-b": 1},
        {"": 1},
        {1: 1},
        b"bytes",
        {1, 2},
        [object()],
        nested(MAX_DEPTH),
    ],
    ids=repr,
)
def test_what_lies_outside_the_subset_is_refused(value: Any) -> None:
    with pytest.raises(EntryRefused) as refused:
        canonical(value)
    assert refused.value.code == "NOT_CANONICAL"


def test_the_deepest_that_is_taken() -> None:
    assert parse(canonical(nested(MAX_DEPTH - 1))) == nested(MAX_DEPTH - 1)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nul",
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":1}',
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b'"\\u0041"',
        b'"\\/"',
        b'"\\ud800"',
        b"9007199254740992",
        b"9" * 5_000,
        b"[" * 50_000,
        b"\xff\xfe1\x00",
        "[1]".encode("utf-16"),
    ],
    ids=lambda line: repr(line[:20]),
)
def test_what_is_not_canonical_is_not_read(line: bytes) -> None:
    with pytest.raises(EntryRefused):
        parse(line)
