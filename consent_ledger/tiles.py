"""
Tiles: the tree and its entries as files that never change (C2SP tlog-tiles).

    tile/0/x001/x234/067      256 leaf hashes, 8,192 bytes
    tile/1/004.p/17           17 hashes, each the root of a full tile of the level below
    tile/entries/003.p/112    112 entries, each after its length as two bytes, big-endian

A tile covers a subtree of height 8. All that a width promises lies below it in the tree, so a partial
tile of a given width never changes either: the next entry makes a wider one, under another path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from consent_ledger.tree import HASH_SIZE, Frontier

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 63

_INDEX = r"(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
_TILE = re.compile(rf"(?P<level>0|[1-9][0-9]?)/{_INDEX}")
_BUNDLE = re.compile(_INDEX)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Hashes index * 256 up to index * 256 + width of one level; each is the root of 256**level entries."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it is served and kept, as `tile/0/x001/067.p/8`."""
        return f"tile/{self.level}/{_written(self.index, self.width)}"

    @property
    def stop(self) -> int:
        """How many entries a tree has at least that has this tile."""
        return (self.index * WIDTH + self.width) << (HEIGHT * self.level)

    def is_of(self, size: int) -> bool:
        """Whether it is one of the tiles of a tree of `size` entries, no wider and no narrower."""
        return _is_of(size >> (HEIGHT * self.level), self.index, self.width)


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """Entries index * 256 up to index * 256 + width: what the level 0 tile of this name hashes."""

    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it is served and kept, as `tile/entries/x001/067.p/8`."""
        return f"tile/entries/{_written(self.index, self.width)}"

    @property
    def start(self) -> int:
        """The first entry in it."""
        return self.index * WIDTH

    @property
    def stop(self) -> int:
        """The first entry after it; a tree with this bundle has at least so many."""
        return self.start + self.width

    def is_of(self, size: int) -> bool:
        """Whether it is one of the bundles of a tree of `size` entries, no wider and no narrower."""
        return _is_of(size, self.index, self.width)


def read_tile(path: str) -> Tile | None:
    """
    The tile that stands at `path` below `tile/`, as in `0/x001/067.p/8`.

    None for any other writing: a tile has one path, or caches would hold it twice.
    """
    found = _TILE.fullmatch(path)
    if found is None or int(found["level"]) > MAX_LEVEL or (read := _read(found)) is None:
        return None
    return Tile(int(found["level"]), *read)


def read_bundle(path: str) -> Bundle | None:
    """The bundle that stands at `path` below `tile/entries/`; None for any other writing."""
    found = _BUNDLE.fullmatch(path)
    read = None if found is None else _read(found)
    return None if read is None else Bundle(*read)


def tiles_of(size: int) -> Iterator[Tile]:
    """All tiles of a tree of `size` entries: the full ones, and at most one partial at the end of each level."""
    for level in range(MAX_LEVEL + 1):
        full, rest = divmod(size >> (HEIGHT * level), WIDTH)
        yield from (Tile(level, index) for index in range(full))
        if rest:
            yield Tile(level, full, rest)
        if not full:
            return


def bundles_of(size: int) -> Iterator[Bundle]:
    """All bundles of a tree of `size` entries, in order."""
    full, rest = divmod(size, WIDTH)
    yield from (Bundle(index) for index in range(full))
    if rest:
        yield Bundle(full, rest)


def bundled(lines: Iterable[bytes]) -> bytes:
    """The bytes of a bundle of these entries, each of at most 65,535 bytes."""
    return b"".join(len(line).to_bytes(2, "big") + line for line in lines)


class Tiling:
    """
    The tiles of a tree that is read once, leaf by leaf: holds one unfinished tile a level and no more.

    Nothing is taken from a `Tree`, so that the two can be held to each other.
    """

    def __init__(self) -> None:
        self._open: list[bytearray] = []
        self._done: list[int] = []  # full tiles, by level

    def push(self, leaf: bytes) -> list[tuple[Tile, bytes]]:
        """Add one leaf hash; the tiles that it filled, lowest first."""
        filled: list[tuple[Tile, bytes]] = []
        level, node = 0, leaf
        while True:
            if level == len(self._open):
                self._open.append(bytearray())
                self._done.append(0)
            held = self._open[level]
            held += node
            if len(held) < WIDTH * HASH_SIZE:
                return filled
            whole = bytes(held)
            filled.append((Tile(level, self._done[level]), whole))
            self._done[level] += 1
            held.clear()
            node = _root(whole)
            level += 1

    def rest(self) -> list[tuple[Tile, bytes]]:
        """The partial tiles at this size, lowest first."""
        return [
            (Tile(level, self._done[level], len(held) // HASH_SIZE), bytes(held))
            for level, held in enumerate(self._open)
            if held
        ]


def _root(hashes: bytes) -> bytes:
    frontier = Frontier()
    for start in range(0, len(hashes), HASH_SIZE):
        frontier.push(hashes[start : start + HASH_SIZE])
    return frontier.root()


def _is_of(nodes: int, index: int, width: int) -> bool:
    end = index * WIDTH + width
    return end <= nodes if width == WIDTH else end == nodes


def _written(index: int, width: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    path = "/".join(reversed(groups))
    return path if width == WIDTH else f"{path}.p/{width}"


def _read(found: re.Match[str]) -> tuple[int, int] | None:
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = WIDTH if found["width"] is None else int(found["width"])
    if width > WIDTH or (width == WIDTH and found["width"] is not None):
        return None
    path = found["index"] if width == WIDTH else f"{found['index']}.p/{width}"
    return (index, width) if _written(index, width) == path else None  # no group of zeros in front
