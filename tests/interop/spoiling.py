"""
Lies in an export. Each is well-formed, so that the verifier must find it and not a parser.

Whoever reads the part in which a lie stands must refuse; otherwise its acceptance of the true export would
tell nothing. A lie gives the files that it changes, by their path in the export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from consent_ledger.checkpoint import Signer
from consent_ledger.note import COSIGNATURE, ED25519, Note, Signature, TreeHead, VerifierKey
from consent_ledger.tiles import bundled, bundles_of, tiles_of
from consent_ledger.tree import leaf_hash
from tests.consent_ledger.ledgers import ORIGIN, key
from tests.interop.exports import Proof, leaves, proofs, read_hash, written_hashes
from tests.interop.verifiers import Part

SIZE = 257
"""Entries of the export that is spoiled: two tiles at the lowest level, one above."""

Files = dict[str, bytes]

_SIGNER = Signer(ORIGIN, key())


@dataclass(frozen=True, slots=True)
class Lie:
    """What is changed, in which part it stands, and the change itself."""

    name: str
    part: Part
    tell: Callable[[Path], Files]

    @contextmanager
    def told_in(self, folder: Path) -> Iterator[None]:
        """The export with this lie, until it is left again."""
        with changed(folder, self.tell(folder)):
            yield


@contextmanager
def changed(folder: Path, files: Files) -> Iterator[None]:
    """The export with other bytes in these files; before it goes on, all is as it was."""
    true = {name: (folder / name).read_bytes() for name in files}
    if true == files:
        raise AssertionError("nothing would change")
    try:
        _write(folder, files)
        yield
    finally:
        _write(folder, true)


def a_byte_of_an_entry(folder: Path) -> Files:
    """In the lines and in their bundle."""
    lines = leaves(folder)
    lines[100] = _flipped(lines[100])
    return _with_leaves(lines)


def two_entries_swapped(folder: Path) -> Files:
    lines = leaves(folder)
    lines[7], lines[8] = lines[8], lines[7]
    return _with_leaves(lines)


def a_byte_of_the_signature(folder: Path) -> Files:
    note = _note(folder)
    (one,) = note.signatures
    return _with_note(folder, replace(note, signatures=(replace(one, value=_flipped(one.value)),)))


def the_signature_of_an_earlier_checkpoint(folder: Path) -> Files:
    before = Note.read((folder / "earlier" / "200").read_text())
    return _with_note(folder, replace(_note(folder), signatures=before.signatures))


def the_signature_of_another_key(folder: Path) -> Files:
    """Under our name and the id of our key."""
    note = _note(folder)
    value = key(2).sign(note.text.encode())
    return _with_note(folder, replace(note, signatures=(replace(note.signatures[0], value=value),)))


def the_name_of_another_key(folder: Path) -> Files:
    """Signed in order, by somebody else."""
    other = VerifierKey(ORIGIN, ED25519, key(2).public_key().public_bytes_raw())
    note = _note(folder)
    value = key(2).sign(note.text.encode())
    return _with_note(folder, replace(note, signatures=(Signature(ORIGIN, other.id, value),)))


def another_size_in_the_signed_text(folder: Path) -> Files:
    note = _note(folder)
    head = TreeHead.read(note.text)
    return _with_note(folder, replace(note, text=TreeHead(head.origin, head.size + 1, head.root).text))


def a_fork_signed_by_the_ledger(folder: Path) -> Files:
    """The operator signs another root: the signature holds, the entries do not give it."""
    return _with_note(folder, Note.read(_SIGNER.sign(SIZE, leaf_hash(b"another tree"))))


def a_hash_of_a_path(folder: Path) -> Files:
    proof = proofs(folder)[17]
    proof.hashes[3] = _flipped(proof.hashes[3])
    return _with_proof(17, proof)


def a_path_that_is_too_short(folder: Path) -> Files:
    proof = proofs(folder)[17]
    return _with_proof(17, replace(proof, hashes=proof.hashes[:-1]))


def a_path_that_is_too_long(folder: Path) -> Files:
    proof = proofs(folder)[17]
    return _with_proof(17, replace(proof, hashes=[*proof.hashes, leaf_hash(b"one more")]))


def the_index_of_the_neighbour(folder: Path) -> Files:
    return _with_proof(16, replace(proofs(folder)[16], index=17))


def an_index_beyond_the_tree(folder: Path) -> Files:
    return _with_proof(256, replace(proofs(folder)[256], index=257))


def the_proof_of_the_neighbour(folder: Path) -> Files:
    return _with_proof(16, proofs(folder)[17])


def an_earlier_fork_signed_by_the_ledger(folder: Path) -> Files:
    return {"earlier/200": _SIGNER.sign(200, leaf_hash(b"another tree")).encode()}


def a_hash_of_a_consistency_proof(folder: Path) -> Files:
    hashes = [read_hash(line) for line in (folder / "consistency" / "200").read_text().splitlines()]
    return {"consistency/200": written_hashes([_flipped(hashes[0]), *hashes[1:]]).encode()}


def a_byte_of_a_tile_of_leaves(folder: Path) -> Files:
    return _with_a_byte(folder, next(iter(tiles_of(SIZE))).path)


def a_byte_of_a_tile_above(folder: Path) -> Files:
    return _with_a_byte(folder, list(tiles_of(SIZE))[-1].path)


def a_byte_of_a_bundle(folder: Path) -> Files:
    return _with_a_byte(folder, next(iter(bundles_of(SIZE))).path)


LIES = [
    Lie(tell.__name__.replace("_", " "), part, tell)
    for part, found in {
        Part.LEAVES: [a_byte_of_an_entry, two_entries_swapped, a_fork_signed_by_the_ledger],
        Part.NOTE: [
            a_byte_of_the_signature,
            the_signature_of_an_earlier_checkpoint,
            the_signature_of_another_key,
            the_name_of_another_key,
            another_size_in_the_signed_text,
        ],
        Part.PATHS: [
            a_hash_of_a_path,
            a_path_that_is_too_short,
            a_path_that_is_too_long,
            the_index_of_the_neighbour,
            an_index_beyond_the_tree,
            the_proof_of_the_neighbour,
        ],
        Part.EARLIER: [an_earlier_fork_signed_by_the_ledger],
        Part.CONSISTENCY: [a_hash_of_a_consistency_proof],
        Part.TILES: [a_byte_of_a_tile_of_leaves, a_byte_of_a_tile_above],
        Part.BUNDLES: [a_byte_of_a_bundle],
    }.items()
    for tell in found
]


def cosigned(folder: Path) -> Files:
    """
    The line of a witness that nobody here knows, below the checkpoint (C2SP tlog-cosignature).

    That is no lie: readers ignore the signatures of keys they do not know.
    """
    note = _note(folder)
    time = 1_772_366_400
    witness = key(9)
    value = witness.sign(f"cosignature/v1\ntime {time}\n{note.text}".encode())
    known = VerifierKey("witness.example/one", COSIGNATURE, witness.public_key().public_bytes_raw())
    line = Signature(known.name, known.id, time.to_bytes(8, "big") + value)
    return _with_note(folder, note.with_signatures([line]))


def _note(folder: Path) -> Note:
    return Note.read((folder / "checkpoint").read_text())


def _with_note(folder: Path, note: Note) -> Files:
    """In the checkpoint and in every proof."""
    files = {"checkpoint": str(note).encode()}
    for seq, proof in enumerate(proofs(folder)):
        files |= _with_proof(seq, replace(proof, note=str(note)))
    return files


def _with_proof(seq: int, proof: Proof) -> Files:
    return {f"proof/{seq}": str(proof).encode()}


def _with_leaves(lines: list[bytes]) -> Files:
    files = {bundle.path: bundled(lines[bundle.start : bundle.stop]) for bundle in bundles_of(len(lines))}
    return {"export.jsonl": b"".join(line + b"\n" for line in lines)} | files


def _with_a_byte(folder: Path, name: str) -> Files:
    return {name: _flipped((folder / name).read_bytes())}


def _write(folder: Path, files: Files) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _flipped(data: bytes) -> bytes:
    """One bit in the middle changed; a letter stays a letter."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
