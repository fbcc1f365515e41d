#!/usr/bin/env python3
"""
Check an export of a consent ledger, offline, without its operator. One file: Python and `cryptography`.

    python verify.py PATH_OR_URL [--key NAME+ID+KEY] [--token TOKEN]

PATH is a folder with `export.jsonl` and `checkpoint`, a zip with the same, or the `export.jsonl` itself.
What holds when this exits 0:

 1. every line is one entry in canonical JSON (RFC 8785), with the envelope's keys and no other;
 2. positions run from 0 without a gap, and recorded time never goes back;
 3. the lines, and only they, give the root in the checkpoint (RFC 9162, 2.1);
 4. the checkpoint is signed (C2SP signed-note, Ed25519) by the key given, or by the key that came along;
 5. what the entries say can be: nothing is accepted that was not proposed, every decision stands on a
    root that this ledger had.

What it cannot tell: whether somebody else was shown another ledger. Compare the size and root printed
here with a checkpoint that you, or anybody you trust, received earlier or elsewhere.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import json
import lzma
import re
import struct
import sys
import tempfile
import unicodedata
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_LINE = 65_535
MAX_NOTE = 64 * 1024
MAX_INTEGER = 2**53 - 1


class Refused(Exception):
    """What was given does not hold; the text is the plain reason."""


@dataclass(frozen=True)
class Report:
    """What holds."""

    origin: str
    size: int
    root: str
    recorded: str
    """Recorded time of the last entry."""
    is_sandbox: bool
    key_was_given: bool
    """Whether the signature was checked with a key from the caller; else only with the export's own."""
    unknown: int
    """Entries of types that this version does not know: their place is proven, their meaning was not checked."""

    def statement(self) -> str:
        """For people, a few lines."""
        said = [
            f"The ledger {self.origin} holds: {self.size} entries, in order, unchanged, and signed.",
            f"root      {self.root}",
            f"recorded  until {self.recorded}{', in a sandbox of invented data' if self.is_sandbox else ''}",
            "signature valid for the key you gave"
            if self.key_was_given
            else "signature valid, but only for the key that came with the export: this shows that nothing"
            " changed since it was signed, not who signed. Give --key with a key from elsewhere.",
        ]
        if self.unknown:
            said.append(
                f"note      {self.unknown} entries are of types that this version does not know;"
                " they are in place, but what they say was not checked"
            )
        return "\n".join(said)


def verify(path_or_url: str | Path, *, key: str | None = None, token: str | None = None) -> Report:
    """
    Check an export and return what holds.

    Raises `Refused` with one plain reason otherwise.
    """
    try:
        with tempfile.TemporaryDirectory() as scratch:
            address = str(path_or_url)
            if re.match(r"https?://", address, re.IGNORECASE):
                folder = Path(scratch)
                _fetch(address, token, folder)
                return _verify(_Folder(folder, "The server"), key)
            path = Path(path_or_url)
            if path.is_dir():
                return _verify(_Folder(path, "The folder"), key)
            if not path.is_file():
                raise Refused("There is no such file or folder.")
            if path.name.endswith(".jsonl"):
                return _verify(_Folder(path.parent, "The folder", path.name), key)
            with zipfile.ZipFile(path) as archive:
                return _verify(_Zip(archive), key)
    except zipfile.BadZipFile:
        raise Refused("The file is neither an export.jsonl nor a whole zip of one.") from None
    except _UNREADABLE as error:
        raise Refused(f"It cannot be read ({type(error).__name__}).") from None


_UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, OverflowError, struct.error),
    *(zlib.error, lzma.LZMAError, http.client.HTTPException),
)
"""What files, zips and servers raise when their bytes are not what they should be."""


# Where the three files come from


class _Folder:
    def __init__(self, folder: Path, name: str, export: str = "export.jsonl") -> None:
        self._folder, self._name, self._export = folder, name, export

    def export(self) -> IO[bytes]:
        return self._open(self._export)

    def small(self, name: str) -> str | None:
        if not (self._folder / name).is_file():
            return None
        with self._open(name) as file:
            return _text(file.read(MAX_NOTE + 1), name)

    def _open(self, name: str) -> IO[bytes]:
        try:
            return (self._folder / name).open("rb")
        except FileNotFoundError:
            raise Refused(f"{self._name} has no {name}.") from None


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = archive.namelist()
        for name in ("export.jsonl", "checkpoint", "key"):
            if names.count(name) > 1:
                raise Refused(f"The zip has {name} more than once.")
        self._names = frozenset(names)

    def export(self) -> IO[bytes]:
        if "export.jsonl" not in self._names:
            raise Refused("The zip has no export.jsonl.")
        return self._archive.open("export.jsonl")

    def small(self, name: str) -> str | None:
        if name not in self._names:
            return None
        with self._archive.open(name) as file:
            return _text(file.read(MAX_NOTE + 1), name)


def _text(data: bytes, name: str) -> str:
    if len(data) > MAX_NOTE:
        raise Refused(f"The {name} is too long.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused(f"The {name} is not text.") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to a place nobody named."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _fetch(address: str, token: str | None, folder: Path) -> None:
    """Checkpoint first, then exactly the entries it commits to: the ledger grows in between."""
    base = address.rstrip("/")
    opener = urllib.request.build_opener(_NoRedirect)

    def fetch(path: str) -> IO[bytes]:
        request = urllib.request.Request(f"{base}{path}")  # noqa: S310 - http or https, checked by the caller
        if token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        try:
            answer: IO[bytes] = opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            error.close()
            raise Refused(f"The server answered {error.code} for {path}.") from None
        except (OSError, ValueError, http.client.HTTPException):
            raise Refused("The server cannot be reached.") from None
        return answer

    with fetch("/ledger/checkpoint") as answer:
        note = answer.read(MAX_NOTE + 1)
    (folder / "checkpoint").write_bytes(note)
    size = _statement(_text(note, "checkpoint"))[1]
    try:
        with fetch("/ledger/key") as answer:
            (folder / "key").write_bytes(answer.read(MAX_NOTE + 1))
    except Refused:
        pass  # the caller may have a better one; without any, it is said further on
    try:
        with (
            fetch(f"/ledger/export.jsonl?start=0&stop={size}") as answer,
            (folder / "export.jsonl").open("wb") as file,
        ):
            for _ in range(size):
                line = answer.readline(MAX_LINE + 2)
                if not line:
                    break
                file.write(line)
    except (http.client.HTTPException, OSError):
        raise Refused("The server broke off in the middle of the export.") from None


# The steps


def _verify(source: _Folder | _Zip, key: str | None) -> Report:
    note = source.small("checkpoint")
    if note is None:
        raise Refused("There is no checkpoint beside the export; without it nothing is proven.")
    own_key = source.small("key")
    vkey = key if key is not None else own_key
    if vkey is None:
        raise Refused(
            "There is no verifier key: give --key, or put it as a file named key beside the export."
        )
    origin, size, root = _signed(note, vkey)
    fold = _Fold(origin)
    frontier: list[bytes] = []
    count = 0
    for line in _lines(source):
        if count == size:
            raise Refused(f"The export goes on after the {size} entries that the checkpoint commits to.")
        entry = _entry(line, count)
        fold.take(entry)
        _push(frontier, count, line)
        count += 1
    if count < size:
        raise Refused(f"The export ends after {count} entries; the checkpoint commits to {size}.")
    if count == 0:
        raise Refused("The export is empty; every ledger begins with the entry that created it.")
    if _root(frontier) != root:
        raise Refused("The entries do not give the root in the checkpoint: at least one is not what it was.")
    _check_bases(source, fold.bases)
    return Report(
        origin=origin,
        size=size,
        root=root.hex(),
        recorded=fold.recorded,
        is_sandbox=fold.is_sandbox,
        key_was_given=key is not None,
        unknown=fold.unknown,
    )


def _lines(source: _Folder | _Zip) -> Iterator[bytes]:
    with source.export() as file:
        number = 0
        while line := file.readline(MAX_LINE + 2):
            if not line.endswith(b"\n"):
                raise Refused(
                    f"Line {number + 1} is too long."
                    if len(line) > MAX_LINE
                    else f"The export breaks off in the middle of line {number + 1}."
                )
            yield line[:-1]
            number += 1


# 1 and 2: lines

_KEYS = frozenset({"v", "seq", "rt", "type", "actor", "idem", "vf", "vt", "refs", "body"})
_NAME = re.compile(r"[a-z0-9_]+")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")


def _no_float(_: str) -> Any:
    raise ValueError


def _check_value(value: Any) -> None:
    """The subset of RFC 8785 in which sorted JSON without spaces is canonical."""
    match value:
        case dict():
            for name, item in value.items():
                if _NAME.fullmatch(name) is None:
                    raise ValueError
                _check_value(item)
        case list():
            for item in value:
                _check_value(item)
        case str():
            if not value.isascii() and not unicodedata.is_normalized("NFC", value):
                raise ValueError
        case int():
            if abs(value) > MAX_INTEGER:
                raise ValueError


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _entry(line: bytes, seq: int) -> dict[str, Any]:
    number = seq + 1
    try:
        entry = json.loads(line.decode(), parse_float=_no_float, parse_constant=_no_float)
        _check_value(entry)
        same = _canonical(entry) == line
    except (ValueError, RecursionError):
        raise Refused(f"Line {number} is not JSON as the ledger writes it.") from None
    if not same:
        raise Refused(f"Line {number} is not in canonical form (RFC 8785).")
    if not isinstance(entry, dict) or entry.keys() != _KEYS:
        raise Refused(f"Line {number} has not exactly the keys of an entry.")
    if entry["v"] != "cultuurinzicht/entry/1":
        raise Refused(f"Line {number} is of a version that is not known here.")
    if entry["seq"] != seq or isinstance(entry["seq"], bool):
        raise Refused(f"Line {number} should be entry {seq}: one is missing, added or out of its place.")
    actor, body, refs = entry["actor"], entry["body"], entry["refs"]
    if (
        not isinstance(body, dict)
        or not isinstance(actor, dict)
        or actor.keys() != {"client", "party"}
        or not all(isinstance(text, str) for text in (entry["type"], entry["idem"], *actor.values()))
    ):
        raise Refused(f"Line {number} is not formed like an entry.")
    if not isinstance(refs, list) or not all(type(ref) is int and 0 <= ref < seq for ref in refs):
        raise Refused(f"Line {number} refers to something that is not an earlier entry.")
    for name in ("rt", "vf", "vt"):
        if name == "rt" or entry[name] is not None:
            _check_time(entry, name, number)
    return entry


def _check_time(entry: dict[str, Any], name: str, number: int) -> None:
    text = entry[name]
    if not isinstance(text, str) or _TIME.fullmatch(text) is None:
        raise Refused(f"Line {number} has a {name} that is no time.")
    if entry["type"].startswith("consent.") != (len(text) == 10):
        raise Refused(f"Line {number} tells {name} more or less exactly than its type may.")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"Line {number} has a {name} that is no time.") from None


# 3: tree


def _push(frontier: list[bytes], index: int, line: bytes) -> None:
    node = hashlib.sha256(b"\x00" + line).digest()
    while index & 1:
        node = hashlib.sha256(b"\x01" + frontier.pop() + node).digest()
        index >>= 1
    frontier.append(node)


def _root(frontier: list[bytes]) -> bytes:
    if not frontier:
        return hashlib.sha256(b"").digest()
    root = frontier[-1]
    for left in reversed(frontier[:-1]):
        root = hashlib.sha256(b"\x01" + left + root).digest()
    return root


# 4: signature

_VKEY = re.compile(r"([!-*,-~]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/=]+)")


def _unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        raise Refused("The checkpoint or the key has a part that is not base64.")
    return data


def _statement(note: str) -> tuple[str, int, bytes, str, list[str]]:
    """Origin, size, root, signed text and signature lines of a checkpoint."""
    text, blank, tail = note.partition("\n\n")
    lines = text.split("\n")
    if not blank or len(lines) != 3 or not tail.endswith("\n"):
        raise Refused("The checkpoint is not three lines, a blank one and signatures.")
    if re.fullmatch(r"0|[1-9][0-9]{0,15}", lines[1]) is None:
        raise Refused("The checkpoint does not tell the number of entries.")
    root = _unbase64(lines[2])
    if len(root) != 32:
        raise Refused("The checkpoint does not tell the root.")
    return lines[0], int(lines[1]), root, text + "\n", tail[:-1].split("\n")


def _signed(note: str, vkey: str) -> tuple[str, int, bytes]:
    found = _VKEY.fullmatch(vkey.strip())
    if found is None:
        raise Refused("The verifier key is not written NAME+ID+KEY.")
    name, key = found[1], _unbase64(found[3])
    if len(key) != 33 or key[:1] != b"\x01":
        raise Refused("The verifier key is no Ed25519 key.")
    key_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if key_id.hex() != found[2]:
        raise Refused("The verifier key does not fit its id.")
    origin, size, root, text, signatures = _statement(note)
    if origin != name:
        raise Refused(f"The checkpoint is of another ledger than the key, which is for {name}.")
    for line in signatures:
        signature = _SIGNATURE.fullmatch(line)
        if signature is None:
            raise Refused("The checkpoint has a line that is no signature.")
        blob = _unbase64(signature[2])
        if signature[1] != name or blob[:4] != key_id:
            continue  # a witness, or a key that we do not know
        try:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text.encode())
        except InvalidSignature:
            raise Refused("The signature does not fit the checkpoint.") from None
        return origin, size, root
    raise Refused("The checkpoint is not signed by this key.")


# 5: what the entries say

_BODIES = {
    "ledger.created": "format origin sandbox",
    "party.registered": "kind organisation party sandbox",
    "party.closed": "party",
    "purpose.published": "bases high_risk purpose text_sha256 version",
    "basis.recorded": "basis controller dpia_sha256 purpose purpose_version",
    "notice.published": "controller notice purposes text_sha256 version",
    "definition.published": "definition sha256 version",
    "segments.published": "model sha256 version",
    "policy.published": "policy sha256",
    "agreement.proposed": "agreement package proposer terms terms_sha256",
    "agreement.accepted": "agreement assurance party terms_sha256",
    "agreement.refused": "agreement party",
    "agreement.ended": "agreement party",
    "scope.granted": "client kind party scopes",
    "scope.revoked": "client party",
    "import.accepted": "created file_sha256 import institution received report_sha256 source unchanged unit updated",
    "release.sealed": "blocks certificate_sha256 input_sha256 period_end period_start policy release rho tables_sha256",
    "release.retracted": "release",
    "disclosure.recorded": "agreements basis client controllers granularity groups persons purposes recipient"
    " request_sha256 rows subjects",
    "refusal.recorded": "agreements basis client controllers reasons recipient request_sha256",
    "export.issued": "client recipient start stop",
    "subject.erased": "controller request_sha256",
} | {
    f"consent.{act}": "commitment controller notice notice_version purpose purpose_version"
    for act in ("granted", "refused", "withdrawn", "renewed", "objected", "restricted", "lifted")
}


@dataclass
class _Agreement:
    terms: str
    parties: frozenset[str]
    accepted: set[str] = field(default_factory=set)
    is_over: bool = False


class _Fold:
    """A light fold: enough to see that nothing is said of what never was."""

    def __init__(self, origin: str) -> None:
        self.recorded = ""
        self.is_sandbox = False
        self.unknown = 0
        self.bases: dict[int, list[tuple[str, int]]] = {}
        self._origin = origin
        self._last_time = ""
        self._parties = {"platform": True}  # id: is open
        self._clients: dict[str, str] = {}
        self._agreements: dict[str, _Agreement] = {}
        self._releases: set[str] = set()

    def take(self, entry: dict[str, Any]) -> None:
        seq, kind, body, rt = entry["seq"], entry["type"], entry["body"], entry["rt"]
        if rt[:10] < self.recorded[:10] or (len(rt) > 10 and rt < self._last_time):
            raise Refused(f"Entry {seq} was recorded before the one that precedes it.")
        self.recorded = rt
        self._last_time = rt if len(rt) > 10 else self._last_time
        if (kind == "ledger.created") != (seq == 0):
            raise Refused("A ledger is created by its first entry, and only there.")
        keys = _BODIES.get(kind)
        if keys is None:
            self.unknown += 1
            return
        if " ".join(sorted(body)) != keys:
            raise Refused(f"Entry {seq} says more or less than its type may.")
        actor = entry["actor"]["party"]
        self._need(self._parties.get(actor) is True, seq, "who acts is no member of the platform")
        step = _STEPS.get(kind)
        if step is not None:
            try:
                step(self, body, seq)
            except (TypeError, KeyError, AttributeError):
                raise Refused(f"Entry {seq} is not formed as its type must be.") from None

    @staticmethod
    def _need(holds: bool, seq: int, else_what: str) -> None:  # noqa: FBT001 - reads as a sentence
        if not holds:
            raise Refused(f"Entry {seq} cannot be: {else_what}.")

    def created(self, body: dict[str, Any], seq: int) -> None:
        self._need(body["origin"] == self._origin, seq, "the ledger was created under another origin")
        self.is_sandbox = body["sandbox"] is True

    def registered(self, body: dict[str, Any], seq: int) -> None:
        self._need(body["party"] not in self._parties, seq, "this organisation is registered already")
        self._parties[body["party"]] = True

    def closed(self, body: dict[str, Any], seq: int) -> None:
        self._need(self._parties.get(body["party"]) is True, seq, "this organisation is not open")
        self._parties[body["party"]] = False

    def proposed(self, body: dict[str, Any], seq: int) -> None:
        parties = frozenset(part["party"] for part in body["terms"]["parties"])
        self._need(body["agreement"] not in self._agreements, seq, "this agreement was proposed already")
        self._need(parties <= self._parties.keys(), seq, "a party of this agreement is not registered")
        digest = hashlib.sha256(_canonical(body["terms"])).hexdigest()
        self._need(digest == body["terms_sha256"], seq, "the terms are not those that were hashed")
        self._agreements[body["agreement"]] = _Agreement(digest, parties)

    def _agreement(self, body: dict[str, Any], seq: int) -> _Agreement:
        found = self._agreements.get(body["agreement"])
        self._need(found is not None, seq, "nobody proposed this agreement")
        assert found is not None
        self._need(body["party"] in found.parties, seq, "this organisation is no party to the agreement")
        self._need(not found.is_over, seq, "this agreement had ended")
        return found

    def accepted(self, body: dict[str, Any], seq: int) -> None:
        agreement = self._agreement(body, seq)
        self._need(body["terms_sha256"] == agreement.terms, seq, "what was accepted is not what was proposed")
        self._need(body["party"] not in agreement.accepted, seq, "this organisation accepted already")
        agreement.accepted.add(body["party"])

    def ended(self, body: dict[str, Any], seq: int) -> None:
        self._agreement(body, seq).is_over = True

    def granted(self, body: dict[str, Any], seq: int) -> None:
        self._need(body["party"] in self._parties, seq, "this organisation is not registered")
        party = self._clients.setdefault(body["client"], body["party"])
        self._need(party == body["party"], seq, "this application belongs to another organisation")

    def revoked(self, body: dict[str, Any], seq: int) -> None:
        self._need(
            self._clients.get(body["client"]) == body["party"], seq, "no such application was registered"
        )

    def of_controller(self, body: dict[str, Any], seq: int) -> None:
        self._need(body["controller"] in self._parties, seq, "this controller is not registered")

    def imported(self, body: dict[str, Any], seq: int) -> None:
        self._need(body["institution"] in self._parties, seq, "this organisation is not registered")

    def sealed(self, body: dict[str, Any], seq: int) -> None:
        self._need(body["release"] not in self._releases, seq, "this release was sealed already")
        self._releases.add(body["release"])

    def retracted(self, body: dict[str, Any], seq: int) -> None:
        self._need(body["release"] in self._releases, seq, "no such release was sealed")

    def decided(self, body: dict[str, Any], seq: int) -> None:
        size, root, seqs = (body["basis"][name] for name in ("size", "root", "seqs"))
        self._need(type(size) is int and 0 < size <= seq, seq, "it stands on entries that came later")
        self._need(all(type(one) is int and 0 <= one < size for one in seqs), seq, "it names later entries")
        self._need(set(body["agreements"]) <= self._agreements.keys(), seq, "it names an unknown agreement")
        self.bases.setdefault(size, []).append((root, seq))


_STEPS: dict[str, Callable[[_Fold, dict[str, Any], int], None]] = {
    "ledger.created": _Fold.created,
    "party.registered": _Fold.registered,
    "party.closed": _Fold.closed,
    "basis.recorded": _Fold.of_controller,
    "notice.published": _Fold.of_controller,
    "agreement.proposed": _Fold.proposed,
    "agreement.accepted": _Fold.accepted,
    "agreement.refused": _Fold.ended,
    "agreement.ended": _Fold.ended,
    "scope.granted": _Fold.granted,
    "scope.revoked": _Fold.revoked,
    "import.accepted": _Fold.imported,
    "release.sealed": _Fold.sealed,
    "release.retracted": _Fold.retracted,
    "disclosure.recorded": _Fold.decided,
    "refusal.recorded": _Fold.decided,
    "subject.erased": _Fold.of_controller,
} | {kind: _Fold.of_controller for kind in _BODIES if kind.startswith("consent.")}


def _check_bases(source: _Folder | _Zip, bases: dict[int, list[tuple[str, int]]]) -> None:
    """Every decision was made on a root that this ledger had at that size. A second pass, so memory stays small."""
    if not bases:
        return
    frontier: list[bytes] = []
    for index, line in enumerate(_lines(source)):
        _push(frontier, index, line)
        for root, seq in bases.get(index + 1, ()):
            if _root(frontier).hex() != root:
                raise Refused(f"Entry {seq} cannot be: it stands on a root that this ledger never had.")


def main(argv: list[str] | None = None) -> int:
    """Say what holds and return 0, or one plain reason and 1."""
    parser = argparse.ArgumentParser(prog="verify", description="Check an export of a consent ledger.")
    parser.add_argument("path_or_url", help="folder, zip, export.jsonl, or the address of a server")
    parser.add_argument("--key", help="verifier key NAME+ID+KEY, from another source than the export")
    parser.add_argument("--token", help="bearer token, when the export is fetched from a server")
    given = parser.parse_args(argv)
    try:
        report = verify(given.path_or_url, key=given.key, token=given.token)
    except Refused as refused:
        sys.stdout.write(f"does not hold: {refused}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - whatever the bytes are, an auditor gets a reason, not a traceback
        sys.stdout.write(f"does not hold: it cannot be read ({type(error).__name__}).\n")
        return 1
    sys.stdout.write(f"{report.statement()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
