"""
The same log as C2SP tlog-tiles: bundles of 256 entries, and tiles of 256 hashes for every eighth level.

    tile/entries/x001/234          entries 315904..316159, each behind its length in two bytes
    tile/entries/x001/235.p/17     the last bundle, of 17 entries
    tile/0/x001/234                the hashes of the same leaves
    tile/1/004.p/210               hashes of whole tiles of the level below
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

from consent_ledger.verify.refused import Refused
from consent_ledger.verify.source import Source
from consent_ledger.verify.tree import root_of, whole

WIDTH = 256
_ENTRIES = -1
"""Where bundles stand among the levels."""
_NAME = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


def path(level: int, index: int, width: int = WIDTH) -> str:
    """The name of a tile, or of a bundle at level -1."""
    rest, last = divmod(index, 1_000)
    steps = [f"{last:03d}"]
    while rest:
        rest, step = divmod(rest, 1_000)
        steps.insert(0, f"x{step:03d}")
    where = "entries" if level == _ENTRIES else level
    return f"tile/{where}/{'/'.join(steps)}" + (f".p/{width}" if width < WIDTH else "")


def has_entries(source: Source) -> bool:
    """Whether bundles of entries came along."""
    return any(name.startswith("tile/entries/") for name in source.names())


def entries(source: Source, size: int) -> Iterator[list[bytes]]:
    """The entries of the bundles, in order, a bundle at a time. Raises `Refused`."""
    names = source.names()
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        name = path(_ENTRIES, index, width)
        if name not in names:
            raise Refused(f"There is no {name}.")
        told = []
        with source.open(name) as file:
            for _ in range(width):
                length = int.from_bytes(head, "big") if len(head := file.read(2)) == 2 else -1
                line = file.read(max(length, 0))
                if len(line) != length:
                    raise Refused(f"The entries of {name} break off.")
                told.append(line)
            if file.read(1):
                raise Refused(f"There is more in {name} than its {width} entries.")
        yield told


class Tiled:
    """
    The tree over lines as they come, tile by tile, beside the tiles and bundles that came along.

    Memory: the tiles at the right edge, and 256 lines.
    """

    def __init__(self, source: Source) -> None:
        self.size = 0
        self._levels: list[list[bytes]] = [[]]
        self._wrong = (
            ""  # the first thing that is found; told when the lines themselves are known to be right
        )
        self._source = source
        self._files = _files(source)
        self._has_bundles = any(level == _ENTRIES for level, _ in self._files)
        self._has_hashes = any(level != _ENTRIES for level, _ in self._files)

    def add(self, lines: list[bytes]) -> None:
        """Take the next 256 lines; fewer only at the end."""
        index, sha = self.size // WIDTH, sha256
        if self._has_bundles:
            self._compare(_ENTRIES, index, [len(line).to_bytes(2, "big") + line for line in lines])
        self._levels[0] = [sha(b"\x00" + line).digest() for line in lines]
        self.size += len(lines)
        level = 0
        while len(self._levels[level]) == WIDTH:
            self._compare(level, index, self._levels[level])
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(whole(self._levels[level]))
            self._levels[level] = []
            level, index = level + 1, index // WIDTH

    def root(self) -> bytes:
        """Root of all lines so far."""
        return root_of([one for hashes in reversed(self._levels) for one in _side_by_side(hashes)])

    def check(self) -> None:
        """
        Return when every tile and bundle there says the same as the lines, and none of a kind is missing.

        A narrower tile of an earlier size may still lie there, when it is the beginning of the one there
        is now. Raises `Refused`.
        """
        for level, hashes in enumerate(self._levels):
            if hashes:
                self._compare(level, self.size // WIDTH ** (level + 1), hashes)
        for (level, index), widths in self._files.items():
            name = path(level, index, widths[0])
            self._wrong = self._wrong or (
                f"There is a {name}, and the checkpoint commits to {self.size} entries only."
            )
        if self._wrong:
            raise Refused(self._wrong)

    def _compare(self, level: int, index: int, parts: list[bytes]) -> None:
        """Hold every file for this tile to what it should say."""
        widths = self._files.pop((level, index), [])
        is_asked = self._has_bundles if level == _ENTRIES else self._has_hashes
        if is_asked and len(parts) not in widths:
            self._wrong = self._wrong or f"There is no {path(level, index, len(parts))}."
        for width in widths:
            should = b"".join(parts[:width])
            with self._source.open(path(level, index, width)) as file:
                if width > len(parts) or file.read(len(should) + 1) != should:
                    name = path(level, index, width)
                    self._wrong = self._wrong or f"What stands in {name} is not what the entries give."


def _files(source: Source) -> dict[tuple[int, int], list[int]]:
    """The widths that are there, by level and index."""
    files: dict[tuple[int, int], list[int]] = {}
    for name in source.names():
        found = _NAME.fullmatch(name)
        if found is None:
            continue  # what no reader of tiles would look for
        level = _ENTRIES if found[1] == "entries" else int(found[1])
        index, width = int(re.sub(r"[x/]", "", found[2])), int(found[3] or WIDTH)
        if width < WIDTH + (not found[3]) and path(level, index, width) == name:
            files.setdefault((level, index), []).append(width)
    return files


def _side_by_side(hashes: list[bytes]) -> list[bytes]:
    """The complete subtrees over so many hashes, largest first."""
    subtrees, start = [], 0
    for bit in reversed(range(len(hashes).bit_length())):
        if len(hashes) >> bit & 1:
            subtrees.append(whole(hashes[start : start + (1 << bit)]))
            start += 1 << bit
    return subtrees
