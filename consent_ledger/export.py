"""
The export: every entry as one line, in order, the tree as tiles, and the checkpoint that commits to them.

    checkpoint             the signed note over their root
    key                    the verifier key, for who has no better source
    export.jsonl           the exact bytes of each leaf, each followed by a newline
    tile/0/000 …           the hashes of the tree (C2SP tlog-tiles)
    tile/entries/000 …     the same leaves once more, as a tile reader wants them

The paths are those of the addresses below `/ledger/`: a web server over such a folder is a mirror. Any
RFC 6962 implementation can rebuild the root from `export.jsonl` alone; the verifier does it with nothing
but Python.

Entries never change, so an export needs no long transaction: what it says ends at its checkpoint, and is
read in many short ones. (One that lasts an hour would keep SQLite from ever emptying its WAL.)
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Engine, select

from consent_ledger.checkpoint import read_note
from consent_ledger.database import reading
from consent_ledger.entry import Actor
from consent_ledger.follower import LedgerRefused, read_head
from consent_ledger.ledger_tables import ledger_entry
from consent_ledger.log import Ledger
from consent_ledger.tiles import Bundle, Tile, bundled, bundles_of, read_bundle, read_tile, tiles_of
from consent_ledger.tree import Frontier, leaf_hash

__all__ = [
    "CHECKPOINT",
    "EXPORT",
    "KEY",
    "archive",
    "bundle",
    "chunks",
    "is_recorded",
    "lines",
    "tile",
    "write",
]

EXPORT, CHECKPOINT, KEY = "export.jsonl", "checkpoint", "key"

_CHUNK = 512
"""Entries read in one transaction: 32 MB at the very most."""


def lines(connection: Connection, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """
    The lines of entries start .. stop-1 with their newlines, as this transaction sees them.

    Without `stop`, up to the head. Holds no more than some hundred lines at once.
    """
    size = read_head(connection).size
    end = size if stop is None else min(stop, size)
    for low in range(max(start, 0), end, _CHUNK):
        for line in _leaves(connection, low, min(low + _CHUNK, end)):
            yield line + b"\n"


def chunks(engine: Engine, start: int, stop: int) -> Iterator[list[bytes]]:
    """
    The leaves of entries start .. stop-1, some hundred at a time, each time in a transaction of its own.

    None is open while a chunk is being used. `stop` lies at or below a size that the caller has pinned.
    Raises `LedgerRefused` at a gap: an export is never shorter than it says.
    """
    for low in range(start, stop, _CHUNK):
        with reading(engine) as connection:
            chunk = _leaves(connection, low, min(low + _CHUNK, stop))
        yield chunk


def bundle(connection: Connection, wanted: Bundle) -> bytes:
    """The bytes of one bundle of entries (C2SP tlog-tiles), all of them below the head."""
    return bundled(_leaves(connection, wanted.start, wanted.stop))


def tile(ledger: Ledger, connection: Connection, wanted: Tile) -> bytes:
    """The hashes of one tile. Raises `NotRecorded` when this transaction sees a shorter tree."""
    return ledger.tile(connection, wanted.level, wanted.index, wanted.width)


def is_recorded(connection: Connection, actor: Actor, idem: str) -> bool:
    """Whether this transaction sees an entry of this actor under this key."""
    found = (
        select(ledger_entry.c.seq)
        .where(
            ledger_entry.c.actor_party == actor.party,
            ledger_entry.c.actor_client == actor.client,
            ledger_entry.c.idem == idem,
        )
        .limit(1)
    )
    return connection.execute(found).first() is not None


def write(ledger: Ledger, engine: Engine, folder: Path, *, note: str | None = None) -> int:
    """
    Write the ledger into `folder`, which is made when it is missing; on disk on return. Gives its size.

    `note` is a checkpoint of this ledger, and the export is of its size; without, the newest. The
    checkpoint comes last: a folder without it is an export that was interrupted. Tiles of an earlier
    export in the same folder that this one has no more are removed, nothing else is.

    Raises `OSError` when the folder does not take it, `LedgerRefused` when the rows are not what was signed,
    and `NoteRefused` for the checkpoint of another ledger.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    _folder_to_disk(folder)
    note, size, root = _noted(ledger, engine, note)
    with (folder / EXPORT).open("wb") as file:
        file.writelines(_held_to(root, chunks(engine, 0, size)))
        _to_disk(file)
    _remove_stale_tiles(folder, size)
    for path, data in _tiles(ledger, engine, size):
        _write(folder / path, data)
    _write(folder / KEY, f"{ledger.verifier_key}\n".encode())
    _folders_to_disk(folder)
    _write(folder / CHECKPOINT, note.encode())
    _folder_to_disk(folder)
    return size


def archive(ledger: Ledger, engine: Engine, file: BinaryIO, *, note: str | None = None) -> int:
    """
    Write the same as one zip into `file`, and give its size in entries.

    The same checkpoint gives the same bytes. Hashes are stored as they are, for they cannot be packed.
    """
    note, size, root = _noted(ledger, engine, note)
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(_member(CHECKPOINT, zipfile.ZIP_STORED), note)
        made.writestr(_member(KEY, zipfile.ZIP_STORED), f"{ledger.verifier_key}\n")
        with made.open(_member(EXPORT, zipfile.ZIP_DEFLATED), "w", force_zip64=True) as member:
            for part in _held_to(root, chunks(engine, 0, size)):
                member.write(part)
        for path, data in _tiles(ledger, engine, size):
            packed = zipfile.ZIP_DEFLATED if path.startswith("tile/entries/") else zipfile.ZIP_STORED
            made.writestr(_member(path, packed), data)
    return size


def _leaves(connection: Connection, start: int, stop: int) -> list[bytes]:
    found = connection.execute(
        select(ledger_entry.c.line)
        .where(ledger_entry.c.seq >= start, ledger_entry.c.seq < stop)
        .order_by(ledger_entry.c.seq)
    ).scalars()
    leaves = [bytes(line) for line in found]
    if len(leaves) != stop - start:
        raise LedgerRefused("LEDGER_DAMAGED", "Entries of the ledger are missing from the database.")
    return leaves


def _noted(ledger: Ledger, engine: Engine, note: str | None) -> tuple[str, int, bytes]:
    if note is None:
        with reading(engine) as connection:
            note = ledger.checkpoint(connection)
    signed = read_note(note, [ledger.verifier_key])
    return note, signed.size, signed.root


def _held_to(root: bytes, read: Iterator[list[bytes]]) -> Iterator[bytes]:
    """The lines as they pass; in the end, they must have given the root."""
    frontier = Frontier()
    for chunk in read:
        for leaf in chunk:
            frontier.push(leaf_hash(leaf))
        yield b"".join(leaf + b"\n" for leaf in chunk)
    if frontier.root() != root:
        raise LedgerRefused("LEDGER_DAMAGED", "The entries of the ledger do not give the root in its head.")


def _tiles(ledger: Ledger, engine: Engine, size: int) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of every tile and bundle of this size, tiles first."""
    for wanted in tiles_of(size):
        with reading(engine) as connection:
            data = tile(ledger, connection, wanted)
        yield wanted.path, data
    for wanted_entries in bundles_of(size):
        with reading(engine) as connection:
            data = bundle(connection, wanted_entries)
        yield wanted_entries.path, data


def _remove_stale_tiles(folder: Path, size: int) -> None:
    """Remove what bears a tile's name and is no tile of this size: it could be taken for a part of the export."""
    for file in sorted((folder / "tile").rglob("*")):
        path = file.relative_to(folder / "tile").as_posix()
        found = read_tile(path) or read_bundle(path.removeprefix("entries/"))
        if found is not None and not found.is_of(size) and file.is_file():
            file.unlink()
            with suppress(OSError):  # other widths may still lie there
                file.parent.rmdir()


def _member(name: str, packed: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # dated 1980: the time of writing is no part of the ledger
    member.compress_type = packed
    member.create_system = 3  # the bytes are the same wherever they are written
    member.external_attr = 0o644 << 16
    return member


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        _to_disk(file)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folders_to_disk(folder: Path) -> None:
    """The names of the files too, before the checkpoint says that they are there."""
    for below in (folder / "tile").rglob("*"):
        if below.is_dir():
            _folder_to_disk(below)
    _folder_to_disk(folder / "tile")
    _folder_to_disk(folder)


def _folder_to_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
