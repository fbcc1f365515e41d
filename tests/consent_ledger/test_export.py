"""Exports: the same leaves in every form, of exactly the checkpoint's size, in short transactions."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from consent_ledger import export, verify
from consent_ledger.checkpoint import NoteRefused, Signer, read_note
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.entry import Actor
from consent_ledger.follower import LedgerRefused
from consent_ledger.log import Ledger, NotRecorded
from consent_ledger.tiles import Bundle, Tile, bundles_of, tiles_of
from consent_ledger.tree import Frontier, leaf_hash
from consent_ledger.vocabulary import ClientId
from tests.consent_ledger.ledgers import OPERATOR, ORIGIN, Place, issued, key, registered, sqlite_place

SIZE = 700


@pytest.fixture
def place(tmp_path: Path, engine: Engine) -> Iterator[Place]:
    made = Place(tmp_path, engine)
    yield made
    made.close()


@pytest.fixture
def ledger(place: Place) -> Ledger:
    """Some hundred entries: two full tiles, a partial one, and one above."""
    made = place.create()
    made.append(registered("house-a"))
    made.append_all([(issued(f"export-{number}"), None) for number in range(SIZE - 2)])
    return made


def leaves(place: Place, stop: int = SIZE) -> list[bytes]:
    with reading(place.engine) as connection:
        return [line.removesuffix(b"\n") for line in export.lines(connection, stop=stop)]


def files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def unbundled(data: bytes) -> list[bytes]:
    found = []
    while data:
        length = int.from_bytes(data[:2], "big")
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found


def zipped(ledger: Ledger, place: Place, note: str | None = None) -> bytes:
    file = io.BytesIO()
    export.archive(ledger, place.engine, file, note=note)
    return file.getvalue()


# The same leaves everywhere


def test_every_form_holds_the_same_leaves(ledger: Ledger, place: Place, tmp_path: Path) -> None:
    said = leaves(place)
    assert export.write(ledger, place.engine, tmp_path / "export") == SIZE
    written = files(tmp_path / "export")
    assert written["export.jsonl"] == b"".join(line + b"\n" for line in said)
    bundles = [written[bundle.path] for bundle in bundles_of(SIZE)]
    assert [leaf for data in bundles for leaf in unbundled(data)] == said
    hashes = b"".join(written[tile.path] for tile in tiles_of(SIZE) if tile.level == 0)
    assert hashes == b"".join(hashlib.sha256(b"\x00" + leaf).digest() for leaf in said)
    again = ledger.append(registered("house-a"))
    assert again.repeated
    assert again.line == said[1], "and in the receipt"


def test_the_folder_holds_the_tiles_of_its_size_and_nothing_else(
    ledger: Ledger, place: Place, tmp_path: Path
) -> None:
    export.write(ledger, place.engine, tmp_path / "export")
    assert files(tmp_path / "export").keys() == {
        *("checkpoint", "key", "export.jsonl"),
        *("tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"),
        *("tile/entries/000", "tile/entries/001", "tile/entries/002.p/188"),
    }
    assert verify.verify(tmp_path / "export", key=ledger.verifier_key).size == SIZE


def test_the_zip_holds_the_same_files_as_the_folder(ledger: Ledger, place: Place, tmp_path: Path) -> None:
    export.write(ledger, place.engine, tmp_path / "export")
    with zipfile.ZipFile(io.BytesIO(zipped(ledger, place))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files(tmp_path / "export")


def test_a_later_export_leaves_no_tile_of_the_earlier_one(
    ledger: Ledger, place: Place, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    export.write(ledger, place.engine, folder)
    (folder / "tile" / "0" / "notes.txt").write_text("mine")
    (folder / "tile" / "7").mkdir()
    (folder / "tile" / "7" / "000").write_bytes(b"of another ledger")
    ledger.append(issued("more"))
    export.write(ledger, place.engine, folder)
    written = files(folder)
    assert written.pop("tile/0/notes.txt") == b"mine", "what is not ours stays"
    wanted = {one.path for one in tiles_of(SIZE + 1)} | {one.path for one in bundles_of(SIZE + 1)}
    assert written.keys() == wanted | {"checkpoint", "key", "export.jsonl"}


# Of one size


def test_an_export_of_an_earlier_size_is_byte_for_byte_what_it_was(ledger: Ledger, place: Place) -> None:
    before = zipped(ledger, place)
    with reading(place.engine) as connection:
        note = ledger.checkpoint(connection)
    ledger.append(issued("more"))
    assert zipped(ledger, place) != before
    assert zipped(ledger, place, note) == before
    with reading(place.engine) as connection:
        assert ledger.checkpoint_at(connection, SIZE) == note
    assert zipped(ledger, place, note) == before


def test_the_checkpoint_of_every_size_is_the_beginning_of_the_next(ledger: Ledger, place: Place) -> None:
    frontier = Frontier()
    with reading(place.engine) as connection:
        for leaf in leaves(place, 300):
            frontier.push(leaf_hash(leaf))
            signed = read_note(ledger.checkpoint_at(connection, frontier.size), [ledger.verifier_key])
            assert (signed.origin, signed.size, signed.root) == (ORIGIN, frontier.size, frontier.root())
        for size in (0, -1, SIZE + 1, 2**60):
            with pytest.raises(NotRecorded):
                ledger.checkpoint_at(connection, size)


def test_a_transaction_sees_no_tile_of_what_came_after_it(ledger: Ledger, place: Place) -> None:
    with reading(place.engine) as connection:
        before = ledger.pin(connection)
        ledger.append_all([(issued(f"more-{number}"), None) for number in range(300)])
        assert len(export.tile(ledger, connection, Tile(0, 2, 188))) == 188 * 32
        for beyond in (Tile(0, 2, 189), Tile(0, 2), Tile(1, 0, 3), Tile(2, 0, 1), Tile(63, 10**17, 256)):
            with pytest.raises(NotRecorded):
                export.tile(ledger, connection, beyond)
        before.end()
    with reading(place.engine) as connection:
        assert len(export.tile(ledger, connection, Tile(0, 2))) == 8192


def test_a_checkpoint_of_another_ledger_is_no_end_of_an_export(
    ledger: Ledger, place: Place, tmp_path: Path
) -> None:
    other = Signer(ORIGIN, key(2)).sign(SIZE, b"\x00" * 32)
    with pytest.raises(NoteRefused):
        export.write(ledger, place.engine, tmp_path / "export", note=other)
    assert not (tmp_path / "export" / "checkpoint").exists()


def test_an_export_that_does_not_give_its_root_has_no_checkpoint(
    ledger: Ledger, place: Place, tmp_path: Path
) -> None:
    lie = place.signer.sign(SIZE, b"\x00" * 32)
    folder = tmp_path / "export"
    export.write(ledger, place.engine, folder)
    with pytest.raises(LedgerRefused, match="do not give the root"):
        export.write(ledger, place.engine, folder, note=lie)
    assert not (folder / "checkpoint").exists()
    with pytest.raises(LedgerRefused, match="do not give the root"):
        zipped(ledger, place, lie)


def test_a_gap_breaks_an_export_off(ledger: Ledger, place: Place, owner_engine: Engine) -> None:
    taken = export.chunks(place.engine, 0, SIZE)
    first = next(taken)
    with writing(owner_engine) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER ledger_entry_delete")
        else:
            connection.exec_driver_sql("ALTER TABLE ledger_entry DISABLE TRIGGER ALL")
        connection.exec_driver_sql(f"DELETE FROM ledger_entry WHERE seq = {len(first) + 3}")
    with pytest.raises(LedgerRefused, match="missing"):
        next(taken)


# Short transactions


def test_no_transaction_is_open_while_a_chunk_is_being_used(ledger: Ledger, place: Place) -> None:
    begun = ended = 0

    def begins(_: object) -> None:
        nonlocal begun
        begun += 1

    def ends(_: object) -> None:
        nonlocal ended
        ended += 1

    event.listen(place.engine, "begin", begins)
    event.listen(place.engine, "commit", ends)
    event.listen(place.engine, "rollback", ends)
    seen: list[bytes] = []
    for chunk in export.chunks(place.engine, 0, SIZE):
        seen += chunk
        assert begun == ended > 0
    assert begun > 1
    assert seen == leaves(place)


def test_the_wal_is_emptied_while_an_export_is_under_way(tmp_path: Path) -> None:
    with sqlite_place(tmp_path) as place:
        ledger = place.create()
        ledger.append_all([(issued(f"export-{number}"), None) for number in range(SIZE)])
        taken = export.chunks(place.engine, 0, SIZE)
        next(taken)
        ledger.append(issued("meanwhile"))
        owner = open_engine(str(place.engine.url), Login.OWNER)
        with owner.connect() as connection:
            emptied = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        owner.dispose()
        assert tuple(emptied) == (0, 0, 0), "an open reader would keep it busy"
        assert sum(map(len, taken)) > 0


def test_a_range_is_the_same_leaves_as_in_the_whole(ledger: Ledger, place: Place) -> None:
    said = leaves(place)
    for start, stop in ((0, 1), (5, 7), (511, 513), (512, 512), (699, 700), (0, 700)):
        assert [leaf for chunk in export.chunks(place.engine, start, stop) for leaf in chunk] == said[
            start:stop
        ]
    with reading(place.engine) as connection:
        assert unbundled(export.bundle(connection, Bundle(1))) == said[256:512]
        assert unbundled(export.bundle(connection, Bundle(2, 3))) == said[512:515]


def test_a_key_is_known_once_its_entry_stands(ledger: Ledger, place: Place) -> None:
    with reading(place.engine) as connection:
        assert export.is_recorded(connection, OPERATOR, "export-5")
        assert not export.is_recorded(connection, OPERATOR, "export-5000")
        assert not export.is_recorded(connection, Actor(OPERATOR.party, ClientId("other")), "export-5")
    assert json.loads(leaves(place, 8)[7])["idem"] == "export-5"
