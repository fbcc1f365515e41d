"""An exported folder, held to the entries of the ledger while they pass: nothing of it is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from consent_ledger.checkpoint import NoteRefused, read_note
from consent_ledger.export import CHECKPOINT, EXPORT, KEY
from consent_ledger.finding import CannotLook, Finding
from consent_ledger.tiles import WIDTH, Bundle, Tiling, bundled

_MAX_NOTE = 64 * 1024


class ExportedFolder:
    """
    One export. `size` and `root` are those of its checkpoint; `opening` is what is wrong before any entry.

    Give it every entry below `size` in order, then `end` it. Files that are no part of an export of this
    size are not looked at. Raises `CannotLook` when there is no finished export.
    """

    def __init__(self, folder: Path, verifier_key: str) -> None:
        self._folder = folder
        self._tiling = Tiling()
        self._lines: list[bytes] = []
        self._bundle = 0
        self._files = ExitStack()
        self._export: BinaryIO | None = None
        self.opening: list[Finding] = []
        self.size, self.root = 0, b""
        if not folder.is_dir():
            raise CannotLook("There is no such folder to compare with.")
        note = self._small(CHECKPOINT)
        if note is None:
            raise CannotLook("The folder has no checkpoint: it is no export, or one that was interrupted.")
        if (self._small(KEY) or "").strip() != verifier_key:
            self.opening.append(Finding("EXPORT_KEY", "The key in the export is not the key of this ledger."))
        try:
            signed = read_note(note, [verifier_key])
        except NoteRefused:
            self.opening.append(
                Finding("EXPORT_CHECKPOINT", "The checkpoint of the export is not signed by this ledger.")
            )
        else:
            self.size, self.root = signed.size, signed.root

    def __enter__(self) -> Self:
        try:
            if (self._folder / EXPORT).is_file():
                self._export = self._files.enter_context((self._folder / EXPORT).open("rb"))
        except OSError:
            self._export = None
        if self._export is None and self.size:
            self.opening.append(_missing(EXPORT))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def take(self, line: bytes, leaf: bytes) -> Iterator[Finding]:
        """Compare what stands for the next entry, and each file that it completes."""
        if self._export is not None and self._next(len(line) + 1) != line + b"\n":
            seq = self._bundle * WIDTH + len(self._lines)
            yield Finding("EXPORT_LINES", f"{EXPORT} says something else from entry {seq} on.")
            self._export = None
        for tile, data in self._tiling.push(leaf):
            yield from self._compared(tile.path, data)
        self._lines.append(line)
        if len(self._lines) == WIDTH:
            yield from self._compared(Bundle(self._bundle).path, bundled(self._lines))
            self._lines.clear()
            self._bundle += 1

    def end(self) -> Iterator[Finding]:
        """Compare the partial tiles, and that nothing follows the last line."""
        for tile, data in self._tiling.rest():
            yield from self._compared(tile.path, data)
        if self._lines:
            path = Bundle(self._bundle, len(self._lines)).path
            yield from self._compared(path, bundled(self._lines))
        if self._export is not None and self._next(1) != b"":
            yield Finding("EXPORT_LINES", f"{EXPORT} goes on after its last entry.")

    def _next(self, length: int) -> bytes | None:
        assert self._export is not None
        try:
            return self._export.read(length)
        except OSError:
            return None

    def _compared(self, path: str, data: bytes) -> Iterator[Finding]:
        file = self._folder / path
        try:
            if not file.is_file():
                yield _missing(path)
                return
            with file.open("rb") as opened:
                same = opened.read(len(data) + 1) == data
        except OSError:
            same = False
        if not same:
            yield Finding("EXPORT_TILE", f"{path} of the export is not what the entries give.")

    def _small(self, name: str) -> str | None:
        file = self._folder / name
        try:
            if not file.is_file():
                return None
            with file.open("rb") as opened:
                return opened.read(_MAX_NOTE + 1).decode(errors="replace")
        except OSError:
            raise CannotLook(f"The {name} of the export cannot be read.") from None


def _missing(path: str) -> Finding:
    return Finding("EXPORT_MISSING", f"{path} is missing from the export.")
