"""What others wrote reads our exports: pymerkle and sigstore-python. `make interop` adds Go and npm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.exports import SIZES
from tests.interop.pymerkle_reads import Pymerkle
from tests.interop.sigstore_reads import SigstorePython
from tests.interop.spoiling import LIES, SIZE, Lie, changed, cosigned
from tests.interop.verifiers import Part, Refused, Verifier

READERS: list[Verifier] = [Pymerkle(), SigstorePython()]
SEEN = [
    pytest.param(reader, lie, id=f"{reader.name}: {lie.name}")
    for reader in READERS
    for lie in LIES
    if lie.part in reader.reads
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reader", READERS, ids=lambda one: str(one.name))
def test_an_export_of_any_size_is_accepted(reader: Verifier, size: int, exports: dict[int, Path]) -> None:
    counted = reader.check(exports[size])
    assert counted.inclusions == size
    assert counted.notes == (size if Part.NOTE in reader.reads else 0)
    assert counted.consistencies == (size - 1 if Part.EARLIER in reader.reads else 0)


@pytest.mark.parametrize(("reader", "lie"), SEEN)
def test_a_lie_is_refused_by_who_reads_its_part(reader: Verifier, lie: Lie, exports: dict[int, Path]) -> None:
    with lie.told_in(exports[SIZE]), pytest.raises(Refused):
        reader.check(exports[SIZE])


@pytest.mark.parametrize("reader", READERS, ids=lambda one: str(one.name))
def test_the_signature_of_a_witness_disturbs_nobody(reader: Verifier, exports: dict[int, Path]) -> None:
    with changed(exports[SIZE], cosigned(exports[SIZE])):
        assert reader.check(exports[SIZE]).inclusions == SIZE
