"""Signed notes and the store of the last one."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consent_ledger.checkpoint import (
    CheckpointStore,
    NoteRefused,
    SignedCheckpoint,
    Signer,
    StoreRefused,
    read_note,
)
from tests.consent_ledger.ledgers import ORIGIN, key

SIGNER = Signer(ORIGIN, key())
ROOT = hashlib.sha256(b"root").digest()
NOTE = SIGNER.sign(7, ROOT)


def test_a_note_has_the_form_of_the_specification() -> None:
    lines = NOTE.split("\n")
    assert lines[:4] == [ORIGIN, "7", base64.b64encode(ROOT).decode(), ""]
    assert lines[4].startswith(f"— {ORIGIN} ")
    assert lines[5:] == [""]
    assert NOTE.count("\n\n") == 1


def test_the_verifier_key_has_the_id_of_the_specification() -> None:
    """SHA-256(name || 0x0A || 0x01 || public key), first four bytes."""
    name, key_id, blob = SIGNER.verifier_key.split("+", 2)
    public = key().public_key().public_bytes_raw()
    assert base64.b64decode(blob) == b"\x01" + public
    assert key_id == hashlib.sha256(name.encode() + b"\n\x01" + public).hexdigest()[:8]


def test_the_published_example_of_a_vkey_is_read() -> None:
    """The Go checksum database's own key, as every Go toolchain carries it: other people's format, not ours."""
    vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    with pytest.raises(NoteRefused, match="not signed"):
        read_note(NOTE, [vkey])


def test_a_note_is_read_back() -> None:
    assert read_note(NOTE, [SIGNER.verifier_key]) == SignedCheckpoint(ORIGIN, 7, ROOT, NOTE)
    assert SIGNER.name == ORIGIN


def test_unknown_signatures_are_passed_over_and_known_wrong_ones_refuse_all() -> None:
    witness = Signer("witness.example/w", key(9))
    cosigned = NOTE + witness.sign(7, ROOT).split("\n\n")[1]  # over another text, so wrong here
    assert read_note(cosigned, [SIGNER.verifier_key]).size == 7
    with pytest.raises(NoteRefused, match="does not fit"):
        read_note(cosigned, [SIGNER.verifier_key, witness.verifier_key])


def test_a_witness_alone_does_not_make_it_the_ledgers() -> None:
    witness = Signer("witness.example/w", key(9))
    text = NOTE.split("\n\n")[0] + "\n"
    blob = bytes.fromhex(witness.verifier_key.split("+")[1]) + key(9).sign(text.encode())
    cosigned = f"{text}\n— {witness.name} {base64.b64encode(blob).decode()}\n"
    with pytest.raises(NoteRefused, match="not signed by the key of this ledger"):
        read_note(cosigned, [SIGNER.verifier_key, witness.verifier_key])


@pytest.mark.parametrize("place", range(len(NOTE.encode())))
def test_every_changed_byte_is_found(place: int) -> None:
    changed = bytearray(NOTE.encode())
    changed[place] ^= 1 << place % 7
    with pytest.raises(NoteRefused):
        read_note(changed.decode("utf-8", "replace"), [SIGNER.verifier_key])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("\n7\n", "\n07\n"),
        NOTE.replace("\n7\n", "\n-7\n"),
        NOTE.replace("\n7\n", "\n７\n"),
        NOTE.replace("\n\n", "\nextension\n\n"),
        NOTE.replace("\n\n", "\n\n\n"),
        NOTE.replace("—", "-"),
        NOTE + "x" * 70_000,
        NOTE + "— w AAAA\n" * 40,
    ],
)
def test_what_is_no_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(NoteRefused):
        read_note(note, [SIGNER.verifier_key])


def test_a_root_of_another_length_is_refused_even_when_signed() -> None:
    with pytest.raises(NoteRefused):
        read_note(SIGNER.sign(7, b"short"), [SIGNER.verifier_key])


@pytest.mark.parametrize(
    "origin", ["", "https://x.example/l", "a b", "x+y", "x.example/", "X.example", "x\ny", "é.nl"]
)
def test_an_origin_is_plain(origin: str) -> None:
    with pytest.raises(NoteRefused):
        Signer(origin, key())


@pytest.mark.parametrize(
    "vkey", ["", "x", "a+b+c", SIGNER.verifier_key[:-4], SIGNER.verifier_key.replace("+", "+0", 1)]
)
def test_a_key_that_is_none_is_refused(vkey: str) -> None:
    with pytest.raises(NoteRefused):
        read_note(NOTE, [vkey])


# The store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CheckpointStore]:
    with closing(CheckpointStore(tmp_path / "store.db")) as made:
        yield made


def at(size: int, root: bytes = ROOT) -> SignedCheckpoint:
    return SignedCheckpoint(ORIGIN, size, root, SIGNER.sign(size, root))


def test_the_last_checkpoint_outlives_the_process(store: CheckpointStore, tmp_path: Path) -> None:
    assert store.last() is None
    assert store.advance(None, at(1))
    assert store.advance(at(1), at(5))
    with closing(CheckpointStore(tmp_path / "store.db")) as again:
        assert again.last() == at(5)


def test_only_who_knows_the_last_one_moves_it(store: CheckpointStore) -> None:
    assert store.advance(None, at(1))
    assert not store.advance(None, at(2))
    assert store.advance(at(1), at(2))
    assert not store.advance(at(1), at(3))
    assert not store.advance(at(2, hashlib.sha256(b"other").digest()), at(3))
    assert store.last() == at(2)


def test_it_never_goes_back(store: CheckpointStore) -> None:
    assert store.advance(None, at(5))
    for new in (at(4), at(5, hashlib.sha256(b"other").digest())):
        with pytest.raises(StoreRefused):
            store.advance(at(5), new)
    assert store.last() == at(5)


def test_of_many_who_move_it_at_once_one_wins(store: CheckpointStore, tmp_path: Path) -> None:
    assert store.advance(None, at(1))
    start, won = threading.Barrier(8), []

    def race(number: int) -> None:
        with closing(CheckpointStore(tmp_path / "store.db")) as own:
            start.wait()
            if own.advance(at(1), at(2 + number)):
                won.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.last() == at(2 + won[0])


def test_a_file_that_is_no_store_is_refused_plainly(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"not a database at all" * 100)
    for path in (tmp_path / "garbage", tmp_path / "absent" / "store.db", tmp_path):
        with pytest.raises(StoreRefused):
            CheckpointStore(path)
