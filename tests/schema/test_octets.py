"""Bytes in GraphQL: one writing each, and a sentence for everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.octets import OctetsRefused, octet_text, octets


@given(st.binary(max_size=1_024))
def test_bytes_come_back_as_they_were_written(value: bytes) -> None:
    assert octets(octet_text(value)) == value


@pytest.mark.parametrize("text", ["A", "AB", "AA==", "A+/A", "AÀ", "AAAA\n", " ", "A" * 1_367])
def test_what_is_no_base64url_is_refused(text: str) -> None:
    with pytest.raises(OctetsRefused):
        octets(text)
