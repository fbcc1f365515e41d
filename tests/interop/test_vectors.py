"""The public test vectors of transparency-dev/merkle, against both of our implementations of RFC 9162."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.ours import IMPLEMENTATIONS, Ours

STRICTER = {"consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"}
"""Accepted by theirs, which compares two roots of 12 bytes; ours takes no root but of 32."""


def vectors(kind: str) -> Iterator[dict[str, Any]]:
    for line in (Path(__file__).with_name("vectors") / f"{kind}.jsonl").read_text().splitlines():
        yield json.loads(line)


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=str)
def test_every_inclusion_vector_is_judged_as_its_authors_say(ours: Ours) -> None:
    judged = [
        ours.includes(
            data(vector["leafHash"]),
            vector["leafIdx"],
            vector["treeSize"],
            path(vector),
            data(vector["root"]),
        )
        is not vector["wantErr"]
        for vector in vectors("inclusion")
    ]
    assert judged == [True] * 98


@pytest.mark.parametrize("ours", IMPLEMENTATIONS, ids=str)
def test_every_consistency_vector_is_judged_as_its_authors_say(ours: Ours) -> None:
    seen = list(vectors("consistency"))
    otherwise = {
        vector["file"]
        for vector in seen
        if ours.is_consistent(
            vector["size1"], vector["size2"], path(vector), data(vector["root1"]), data(vector["root2"])
        )
        is vector["wantErr"]
    }
    assert len(seen) == 98
    assert otherwise == STRICTER


def path(vector: dict[str, Any]) -> list[bytes]:
    return [data(one) for one in vector["proof"] or []]


def data(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
