"""
Where an export comes from: a folder, a zip, or a server. The layout is the same everywhere.

    checkpoint              the signed note
    key                     the verifier key, for who has no better source
    export.jsonl            every entry as one line, and/or
    tile/entries/<N>        the same bytes as C2SP tlog-tiles bundles
    tile/<L>/<N>            the hashes of the tree
"""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from consent_ledger.verify.line import MAX_LINE
from consent_ledger.verify.note import MAX_NOTE, read_checkpoint
from consent_ledger.verify.refused import Refused

EXPORT, CHECKPOINT, KEY = "export.jsonl", "checkpoint", "key"

_CHUNK = 1 << 20


class Source(Protocol):
    """The files of one export."""

    def names(self) -> frozenset[str]:
        """Every file that is there, as the layout above writes them."""

    def open(self, name: str) -> IO[bytes]:
        """The bytes of one of them."""


class Folder:
    """An export in a folder; `export` is the name of its lines."""

    def __init__(self, folder: Path, export: str = EXPORT) -> None:
        self._folder, self._export = folder, export
        names = {name for name in (EXPORT, CHECKPOINT, KEY) if self._path(name).is_file()}
        for place, _, files in os.walk(folder / "tile"):
            within = Path(place).relative_to(folder).as_posix()
            names |= {f"{within}/{name}" for name in files if (Path(place) / name).is_file()}
        self._names = frozenset(names)

    def names(self) -> frozenset[str]:
        return self._names

    def open(self, name: str) -> IO[bytes]:
        return self._path(name).open("rb")

    def _path(self, name: str) -> Path:
        return self._folder / (self._export if name == EXPORT else name)


class Zip:
    """An export in a zip, which may name no file twice: readers would differ in what they find."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = archive.namelist()
        self._names = frozenset(names)
        if len(self._names) < len(names):
            twice = next((name for name in (EXPORT, CHECKPOINT, KEY) if names.count(name) > 1), "a file")
            raise Refused(f"The zip has {twice} more than once.")

    def names(self) -> frozenset[str]:
        return self._names

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


def small(source: Source, name: str) -> str | None:
    """A file that is short text; None when there is none. Raises `Refused`."""
    if name not in source.names():
        return None
    with source.open(name) as file:
        return text(file.read(MAX_NOTE + 1), name)


def text(data: bytes, name: str) -> str:
    """Bytes that are short text. Raises `Refused`."""
    if len(data) > MAX_NOTE:
        raise Refused(f"The {name} is too long.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused(f"The {name} is not text.") from None


def lines(source: Source) -> Iterator[list[bytes]]:
    """The lines of `export.jsonl` without their newlines, some thousand at a time. Raises `Refused`."""
    with source.open(EXPORT) as file:
        rest, number = b"", 0
        while chunk := file.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            number += len(whole)
            if len(rest) > MAX_LINE or max(map(len, whole), default=0) > MAX_LINE:
                long = next((at for at, line in enumerate(whole) if len(line) > MAX_LINE), len(whole))
                yield whole[:long]
                raise Refused(f"Line {number - len(whole) + long + 1} is too long.")
            yield whole
        if rest:
            raise Refused(f"The export breaks off in the middle of line {number + 1}.")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to a place nobody named."""

    def redirect_request(self, *_: Any) -> None:
        return None


def is_address(path_or_url: str) -> bool:
    """Whether this is the address of a server."""
    return re.match(r"https?://", path_or_url, re.IGNORECASE) is not None


def fetch(address: str, token: str | None, folder: Path, *, cosigned: bool) -> Folder:
    """
    Bring an export from a server into `folder`. Raises `Refused`.

    The checkpoint first, then exactly the entries it commits to: the ledger grows in between. A co-signed
    checkpoint may be older than the last one, because answers never wait for witnesses.
    """
    base = address.rstrip("/")
    opener = urllib.request.build_opener(_NoRedirect)

    def asked(path: str) -> IO[bytes]:
        request = urllib.request.Request(f"{base}{path}")  # noqa: S310 - http or https, checked by the caller
        if token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        try:
            answer: IO[bytes] = opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            error.close()
            raise Refused(_why(error.code, path, token)) from None
        except (OSError, ValueError, http.client.HTTPException):
            raise Refused("The server cannot be reached.") from None
        return answer

    with asked("/ledger/checkpoint/cosigned" if cosigned else "/ledger/checkpoint") as answer:
        note = answer.read(MAX_NOTE + 1)
    (folder / CHECKPOINT).write_bytes(note)
    size = read_checkpoint(text(note, CHECKPOINT)).size
    try:
        with asked("/ledger/key") as answer:
            (folder / KEY).write_bytes(answer.read(MAX_NOTE + 1))
    except Refused:
        pass  # the caller may have a better one; without any, it is said further on
    try:
        with (
            asked(f"/ledger/export.jsonl?start=0&stop={size}") as answer,
            (folder / EXPORT).open("wb") as file,
        ):
            for _ in range(size):
                line = answer.readline(MAX_LINE + 2)
                if not line:
                    break
                file.write(line)
    except (http.client.HTTPException, OSError):
        raise Refused("The server broke off in the middle of the export.") from None
    return Folder(folder)


def _why(status: int, path: str, token: str | None) -> str:
    if status == 401:
        return (
            "The server asks who you are (401): give --token-file, or CULTUURINZICHT_TOKEN, with a token that has the"
            " scope ledger:export."
            if token is None
            else "The server does not take this token (401); it may have expired. Ask for a new one."
        )
    if status == 403:
        return f"The server answered 403 for {path}: this token has not the scope ledger:export."
    return f"The server answered {status} for {path}."
