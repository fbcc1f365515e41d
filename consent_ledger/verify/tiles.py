"""
The same log as C2SP tlog-tiles: bundles of 256 entries, and tiles of 256 hashes for every eighth level.

    tile/entries/x001/234          entries 315904..316159, each behind its length in two bytes
    tile/entries/x001/235.p/17     the last bundle, of 17 entries
    tile/0/x001/234                the hashes of the same leaves
    tile/1/004.p/210               hashes of whole tiles of the level below
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from consent_ledger.verify.line import MAX_LINE
from consent_ledger.verify.refused import Refused
from consent_ledger.verify.source import Source

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


def entries(source: Source, size: int) -> Iterator[bytes]:
    """The entries of the bundles, in order. Raises `Refused`."""
    names = source.names()
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        name = path(_ENTRIES, index, width)
        if name not in names:
            raise Refused(f"There is no {name}.")
        with source.open(name) as file:
            for _ in range(width):
                length = int.from_bytes(head, "big") if len(head := file.read(2)) == 2 else -1
                line = file.read(max(length, 0))
                if len(line) != length:
                    raise Refused(f"The entries of {name} break off.")
                yield line
            if file.read(1):
                raise Refused(f"There is more in {name} than its {width} entries.")


def check(source: Source, lines: Iterable[bytes], size: int) -> None:
    """
    Return when every tile and bundle there is says the same as these lines, and none of a kind is missing.

    A narrower tile of an earlier size may still lie there, when it is the beginning of the one there is now.
    Raises `Refused`.
    """
    there = _Widths(source)
    if not there.files:
        return
    levels: list[list[bytes]] = [[]]
    indexes = [0]
    bundle: list[bytes] = []
    for line in lines:
        if len(line) > MAX_LINE:
            raise Refused("An entry is too long for a bundle.")
        bundle.append(len(line).to_bytes(2, "big") + line)
        levels[0].append(sha256(b"\x00" + line).digest())
        if len(bundle) == WIDTH:
            there.compare(_ENTRIES, indexes[0], bundle)
            bundle = []
        level = 0
        while len(levels[level]) == WIDTH:
            there.compare(level, indexes[level], levels[level])
            above = _whole(levels[level])
            levels[level] = []
            indexes[level] += 1
            level += 1
            if level == len(levels):
                levels.append([])
                indexes.append(0)
            levels[level].append(above)
    there.compare(_ENTRIES, indexes[0], bundle)
    for level, hashes in enumerate(levels):
        there.compare(level, indexes[level], hashes)
    there.nothing_left(size)


class _Widths:
    """The files of the layout, each to be compared once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.files: dict[tuple[int, int], list[int]] = {}
        for name in source.names():
            found = _NAME.fullmatch(name)
            if found is None:
                continue  # what no reader of tiles would look for
            level = _ENTRIES if found[1] == "entries" else int(found[1])
            index, width = int(re.sub(r"[x/]", "", found[2])), int(found[3] or WIDTH)
            if width > WIDTH or (width == WIDTH and found[3]) or path(level, index, width) != name:
                continue
            self.files.setdefault((level, index), []).append(width)
        self._has_bundles = any(level == _ENTRIES for level, _ in self.files)
        self._has_hashes = any(level != _ENTRIES for level, _ in self.files)

    def compare(self, level: int, index: int, parts: list[bytes]) -> None:
        """Compare every file for this tile with what it should hold."""
        widths = self.files.pop((level, index), [])
        if not parts:
            if widths:
                raise Refused(
                    f"There is a {path(level, index, widths[0])} that the checkpoint does not commit to."
                )
            return
        asked = self._has_bundles if level == _ENTRIES else self._has_hashes
        if asked and len(parts) not in widths:
            raise Refused(f"There is no {path(level, index, len(parts))}.")
        for width in widths:
            name = path(level, index, width)
            should = b"".join(parts[:width])
            with self._source.open(name) as file:
                if width > len(parts) or file.read(len(should) + 1) != should:
                    raise Refused(f"What stands in {name} is not what the entries give.")

    def nothing_left(self, size: int) -> None:
        """Return when every file was compared."""
        for level, index in self.files:
            name = path(level, index, self.files[level, index][0])
            raise Refused(f"There is a {name}, and the checkpoint commits to {size} entries only.")


def _whole(hashes: list[bytes]) -> bytes:
    """The root of a whole tile."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]
