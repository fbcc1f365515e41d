#!/usr/bin/env python3
"""
Check an export of a consent ledger, offline, without its operator. One file: Python and `cryptography`.

    python verify.py PATH_OR_URL [--key NAME+ID+KEY] [--token TOKEN]

PATH is a folder with `export.jsonl` and `checkpoint`, a zip with the same, or the `export.jsonl` itself.
What holds when this exits 0:

 1. every line is one entry in canonical JSON (RFC 8785), with the envelope's keys and no other;
 2. positions run from 0 without a gap, recorded time never goes back, nobody uses a key twice;
 3. the lines, and only they, give the root in the checkpoint (RFC 9162, 2.1);
 4. the checkpoint is signed (C2SP signed-note, Ed25519) by the key given, or by the key that came along;
 5. every entry says exactly what its type may, in closed words: no free text, no type unknown here;
 6. what it says can be at its place: nothing is accepted that was not proposed, nobody speaks for another
    (but the platform, which is seen), every disclosure stands on agreements that stood, and every decision
    on a root that this ledger had.

What it cannot tell: whether an acceptance attested by the operator was the party's own (no entry claims
more than that yet, and one that does is refused), or whether somebody else was shown another ledger.
Compare the size and root printed here with a checkpoint that you received earlier or elsewhere.
"""

from __future__ import annotations

import argparse
import base64
import functools
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
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_LINE = 65_535
MAX_NOTE = 64 * 1024
MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 16
PLATFORM = "platform"


class Refused(Exception):
    """What was given does not hold; the text is the plain reason."""

    verdict = "does not hold"


class Unknown(Refused):
    """Lines, root and signature hold, but an entry is of a later version: what stands cannot be told."""

    verdict = "cannot be told"


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
        return "\n".join(said)


def verify(path_or_url: str | Path, *, key: str | None = None, token: str | None = None) -> Report:
    """
    Check an export and return what holds.

    Raises `Refused` with one plain reason otherwise, and `Unknown` when only a newer version can tell.
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
    if fold.unknown:
        raise Unknown(
            f"{count} lines, their root and its signature hold, but {fold.unknown}, a type that this version"
            " does not know: from there on it cannot say what stands. Use the version that wrote it."
        )
    return Report(
        origin=origin,
        size=size,
        root=root.hex(),
        recorded=fold.recorded,
        is_sandbox=fold.is_sandbox,
        key_was_given=key is not None,
    )


def _lines(source: _Folder | _Zip) -> Iterator[bytes]:
    with source.export() as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
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
_KEY = re.compile(r"[a-z0-9_]+")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")


def _no_float(_: str) -> Any:
    raise ValueError


def _check_value(value: Any, depth: int = 0) -> None:
    """The subset of RFC 8785 in which sorted JSON without spaces is canonical."""
    match value:
        case dict() | list() if depth == MAX_DEPTH:
            raise ValueError
        case dict():
            for name, item in value.items():
                if _KEY.fullmatch(name) is None:
                    raise ValueError
                _check_value(item, depth + 1)
        case list():
            for item in value:
                _check_value(item, depth + 1)
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
    if not all(_rule(name)(entry[name]) for name in ("type", "actor", "idem")):
        raise Refused(f"Line {number} is not formed like an entry.")
    if not _rule("count*")(entry["refs"]) or any(ref >= seq for ref in entry["refs"]):
        raise Refused(f"Line {number} refers to something that is not an earlier entry.")
    _check_times(entry, number)
    return entry


def _check_times(entry: dict[str, Any], number: int) -> None:
    for name in ("rt", "vf", "vt"):
        time = entry[name]
        if time is None and name != "rt":
            continue
        if not isinstance(time, str) or _TIME.fullmatch(time) is None or not _is_of_the_calendar(time):
            raise Refused(f"Line {number} has a {name} that is no time.")
        if entry["type"] in _BODIES and (entry["type"] in _CONSENT) != (len(time) == 10):
            raise Refused(f"Line {number} tells {name} more or less exactly than its type may.")
    if entry["vf"] and entry["vt"] and entry["vf"] >= entry["vt"]:
        raise Refused(f"Line {number} is valid until a time that does not come after its beginning.")


def _is_of_the_calendar(time: str) -> bool:
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True


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


# 5: what an entry may say. Written `name=rule`, or `name` alone where the rule is called the same. Behind a
# rule `?` means or null, `*` a list in ascending order without repetition, `+` such a list, not empty.

_TEXTS = {
    "type": r"[a-z_]{1,32}(\.[a-z_]{1,32}){1,3}(/[0-9]{1,3})?",
    "idem": r"[A-Za-z0-9._:/-]{1,128}",
    "origin": r"[a-z0-9][a-z0-9.-]{0,127}(/[A-Za-z0-9._-]{1,64}){0,8}",
    "party": r"[a-z0-9-]{2,40}",
    "client": r"[A-Za-z0-9_-]{1,64}",
    "agreement": r"agr-[0-9a-f]{16}",
    "import": r"imp-[0-9a-f]{16}",
    "release": r"rel-[0-9a-f]{16}",
    "production": r"[a-z0-9-]{1,64}",
    "name": r"[a-z0-9][a-z0-9._-]{1,63}",
    "version": r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,2}",
    "sha256": r"[0-9a-f]{64}",
    "day": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "month": r"[0-9]{4}-(0[1-9]|1[0-2])",
    "decimal": r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,18})?",
    # closed words
    "format": "cultuurinzicht/ledger/1",
    "party_kind": "institution|partner|auditor|steward|operator|vendor|platform",
    "client_kind": "institution_app|connector|partner|auditor|steward|visitor|platform",
    "purpose": "own_insight|sector_benchmark|segmentation|audience_overlap|own_marketing|partner_marketing"
    "|personal_recommendation|web_link|research|accountability|official_statistics|service_message"
    "|ticket_fulfilment",
    "basis": "eu-gdpr:A6-1-[abcef]",
    "package": "own_app|benchmark_pool|tour|city_pass|research|accountability",
    "group": "base|spend|place|age|booking|channel|segment|reference",
    "granularity": "STATISTIC|AGGREGATE|PSEUDONYMOUS|REFERENCE",  # from coarse to fine
    "role": "source|recipient|both",
    "controller_role": "independent|joint|processor",
    "assurance": "operator_attested|passkey",
    "scope": r"audiences:read(\.(spend|place|age|booking|channel|segment))?|(catalogue|benchmarks|overlap)"
    r":read|imports:read|(segments|consent|agreements):(read|write)|agreements:sign|references:export"
    r"|tickets:write|ledger:(read|export)|(institution|clients):manage|governance:write|me:(read|consent)"
    r"|offline_access",
    "unit": "tickets|visits",
    "bucket": "r0|r1_9|r10_99|r100_999|r1000_9999|r10000_up",
    "reason": "CLIENT_SUSPENDED|ROLE_FORBIDS|INSUFFICIENT_SCOPE|NOT_MEMBER|DPIA_MISSING|NO_AGREEMENT"
    "|AGREEMENT_ENDED|(PURPOSE|FIELD|GRANULARITY)_NOT_COVERED|CONSENT_(UNKNOWN|REFUSED|WITHDRAWN|EXPIRED)"
    "|OBJECTION|RESTRICTED|ERASED|GUARDIAN_NEEDED|BELOW_(K|DENOMINATOR)|TOO_FEW_PEERS|DOMINANCE"
    "|COMPLEMENTARY|BUDGET_SPENT|NOT_RECIPROCAL|HISTORY_TOO_SHORT|DEFINITION_MISMATCH"
    "|NO_SAFE_PEER_GROUP_NEAR_CRITERIA|(COMBINATION|STATISTIC)_NOT_OFFERED|PERIOD_FINER_THAN_PUBLISHED"
    "|MARGIN_TOO_WIDE|NOT_YET_PUBLISHED|NO_CONSENT",
}
_NUMBERS = {"count": range(MAX_INTEGER + 1), "number": range(1, 1_000_001), "blocks": range(1_000_001)}
_OBJECTS = {
    "actor": "client party",
    "state": "size=count root=sha256 seqs=count*",
    "part": "party role controller_role",
    "terms": "parties=part+ purposes=purpose+ groups=group* granularity productions=production*?"
    " period_start=day? period_end=day? minimum_group=number onward=flag",
}
_CONSENT = [
    f"consent.{act}"
    for act in ("granted", "refused", "withdrawn", "renewed", "objected", "restricted", "lifted")
]
_BODIES = dict.fromkeys(
    _CONSENT,
    "controller=party purpose purpose_version=number notice=name? notice_version=number? commitment=sha256",
) | {
    "ledger.created": "format origin sandbox=flag",
    "party.registered": "party kind=party_kind organisation=party sandbox=flag",
    "party.closed": "party",
    "purpose.published": "purpose version=number text_sha256=sha256 bases=basis+ high_risk=flag",
    "basis.recorded": "controller=party purpose purpose_version=number basis dpia_sha256=sha256?",
    "notice.published": "controller=party notice=name version=number text_sha256=sha256 purposes=purpose+",
    "definition.published": "definition=name version sha256",
    "segments.published": "model=name version sha256",
    "policy.published": "policy=name sha256",
    "agreement.proposed": "agreement package proposer=party terms terms_sha256=sha256",
    "agreement.accepted": "agreement party assurance terms_sha256=sha256",
    "agreement.refused": "agreement party",
    "agreement.ended": "agreement party",
    "scope.granted": "client party kind=client_kind scopes=scope*",
    "scope.revoked": "client party",
    "import.accepted": "import institution=party unit source=party file_sha256=sha256 report_sha256=sha256"
    " received=count created=count updated=count unchanged=count",
    "release.sealed": "release policy=name period_start=month period_end=month tables_sha256=sha256"
    " certificate_sha256=sha256 input_sha256=sha256 blocks rho=decimal",
    "release.retracted": "release",
    "disclosure.recorded": "request_sha256=sha256 recipient=party client controllers=party+ agreements=agreement+"
    " purposes=purpose+ groups=group+ granularity rows=bucket persons=bucket subjects=sha256 basis=state",
    "refusal.recorded": "request_sha256=sha256 recipient=party client controllers=party* agreements=agreement*"
    " reasons=reason* basis=state",
    "export.issued": "recipient=party client start=count stop=count",
    "subject.erased": "controller=party request_sha256=sha256",
}


@functools.cache
def _fields(said: str) -> dict[str, Callable[[Any], bool]]:
    """The rule of each field, from how the tables write it."""
    return {name: _rule(rule or name) for name, _, rule in (one.partition("=") for one in said.split())}


@functools.cache
def _rule(name: str) -> Callable[[Any], bool]:
    """Whether a value may stand where the tables say `name`."""
    if name == "flag":
        return lambda value: isinstance(value, bool)
    if name in _NUMBERS:
        return lambda value: type(value) is int and value in _NUMBERS[name]
    if name in _OBJECTS:
        fields = _fields(_OBJECTS[name])
        return lambda value: (
            isinstance(value, dict)
            and value.keys() == fields.keys()
            and all(rule(value[field]) for field, rule in fields.items())
        )
    if name in _TEXTS:
        fits = re.compile(_TEXTS[name]).fullmatch
        return lambda value: (
            isinstance(value, str) and bool(fits(value)) and (name != "day" or _is_of_the_calendar(value))
        )
    rule, least = _rule(name[:-1]), int(name.endswith("+"))
    if name.endswith("?"):
        return lambda value: value is None or rule(value)
    return lambda value: (
        isinstance(value, list) and len(value) >= least and all(map(rule, value)) and _ascends(value)
    )


def _ascends(values: list[Any]) -> bool:
    order = [one["party"] if isinstance(one, dict) else one for one in values]
    return all(one < two for one, two in pairwise(order))


def _check_body(kind: str, body: Any, seq: int) -> None:
    fields = _fields(_BODIES[kind])
    if not isinstance(body, dict) or body.keys() != fields.keys():
        raise Refused(f"Entry {seq} says more or less than its type may.")
    for name, rule in fields.items():
        if not rule(body[name]):
            raise Refused(f"Entry {seq} says something as its {name} that cannot stand there.")


# 6: what an entry can say at its place

_Object = dict[str, Any]
_Rules = Iterator[tuple[bool, str]]
"""What must hold, and what is said when it does not, one after the other; what follows the last, stands."""


@dataclass
class _Agreement:
    seq: int
    terms: dict[str, Any]
    digest: str
    until: str | None
    accepted: dict[str, int] = field(default_factory=dict)  # party: position
    over: int | None = None

    def parties(self, *roles: str) -> set[str]:
        """Its parties; with `roles`, those that have one of them."""
        return {part["party"] for part in self.terms["parties"] if not roles or part["role"] in roles}

    def stood(self, size: int) -> bool:
        """Whether every party had accepted it, and none had ended it, within the first `size` entries."""
        is_accepted = all(self.accepted.get(party, size) < size for party in self.parties())
        return is_accepted and (self.over is None or self.over >= size)


class _Fold:
    """What stands, entry by entry: enough to see that nothing is said of what never was."""

    def __init__(self, origin: str) -> None:
        self.recorded = ""
        self.is_sandbox = False
        self.unknown = ""  # the first entry of an unknown type, in words: behind it nothing is followed
        self.bases: dict[int, list[tuple[str, int]]] = {}
        self._origin = origin
        self._last_time = ""
        self._keys: dict[tuple[str, str], set[str]] = {}  # by actor
        self._parties = {PLATFORM: False}  # id: is an open member
        self._clients: dict[str, str] = {}  # id: whose
        self._purposes: dict[str, tuple[int, list[str]]] = {}  # version, possible bases
        self._notices: dict[tuple[str, str], int] = {}  # version
        self._agreements: dict[str, _Agreement] = {}
        self._releases: set[str] = set()

    def take(self, entry: dict[str, Any]) -> None:
        seq, kind, rt, body = entry["seq"], entry["type"], entry["rt"], entry["body"]
        if rt[:10] < self.recorded[:10] or (len(rt) > 10 and rt < self._last_time):
            raise Refused(f"Entry {seq} was recorded before the one that precedes it.")
        self.recorded, self._last_time = rt, rt if len(rt) > 10 else self._last_time
        keys = self._keys.setdefault((entry["actor"]["party"], entry["actor"]["client"]), set())
        if entry["idem"] in keys:
            raise Refused(f"Entry {seq} has a key that the same application had used before.")
        keys.add(entry["idem"])
        if (kind == "ledger.created") != (seq == 0):
            raise Refused("A ledger is created by its first entry, and only there.")
        if kind in _BODIES:
            _check_body(kind, body, seq)
        else:
            self.unknown = self.unknown or f"entry {seq} is of {kind}"
        if not self.unknown:
            for holds, otherwise in self._rules(kind, body, entry):
                if not holds:
                    raise Refused(f"Entry {seq} cannot be: {otherwise}.")

    def _rules(self, kind: str, body: _Object, entry: _Object) -> _Rules:
        actor = entry["actor"]["party"]
        yield actor == PLATFORM or self._is_member(actor), "who acts is no member of the platform"
        if kind in _MEMBER:
            yield self._is_member(body[_MEMBER[kind]]), "it is about no member of the platform"
        if kind in _SPEAKER:
            yield actor in {body[_SPEAKER[kind]], PLATFORM}, "it was said in the name of another"
        noun = kind.partition(".")[0]
        if noun in _STEPS:
            yield from _STEPS[noun](self, kind, body, entry)

    def _is_member(self, party: str) -> bool:
        return self._parties.get(party) is True

    def of_members(self, kind: str, body: _Object, _: _Object) -> _Rules:
        match kind:
            case "ledger.created":
                yield body["origin"] == self._origin, "the ledger was created under another origin"
                self.is_sandbox = body["sandbox"]
            case "party.registered":
                yield body["party"] not in self._parties, "this organisation is registered already"
                self._parties[body["party"]] = True
            case "party.closed":
                self._parties[body["party"]] = False
            case "scope.granted":
                owner = self._clients.setdefault(body["client"], body["party"])
                yield owner == body["party"], "this application belongs to another organisation"
            case "scope.revoked":
                owner = self._clients.get(body["client"], "")
                yield owner == body["party"], "no such application was registered"

    def of_purposes(self, kind: str, body: _Object, entry: _Object) -> _Rules:
        if kind == "notice.published":
            told = self._notices.get((body["controller"], body["notice"]), 0)
            yield body["version"] == told + 1, "versions of a notice follow each other, from 1"
            yield (entry["vf"] or entry["rt"])[:10] >= entry["rt"][:10], "the notice is back-dated"
            self._notices[body["controller"], body["notice"]] = body["version"]
            return
        version, bases = self._purposes.get(body["purpose"], (0, []))
        if kind == "purpose.published":
            yield body["version"] == version + 1, "versions of a purpose follow each other, from 1"
            self._purposes[body["purpose"]] = body["version"], body["bases"]
        elif kind == "basis.recorded":
            yield body["purpose_version"] == version, "not this version of the purpose was published last"
            yield body["basis"] in bases, "this lawful basis is not possible for the purpose"
        else:
            yield body["purpose_version"] <= version, "this version of the purpose was not published"
            told = self._notices.get((body["controller"], body["notice"]), 0)
            is_told = body["notice"] is None or 0 < (body["notice_version"] or 0) <= told
            yield is_told, "this version of the notice was not published"

    def of_proposals(self, body: _Object, entry: _Object) -> _Rules:
        terms, rt = body["terms"], entry["rt"]
        made = _Agreement(entry["seq"], terms, body["terms_sha256"], entry["vt"])
        gives, parties = made.parties("source", "both"), made.parties()
        begins, ends = terms["period_start"], terms["period_end"]
        answered = {one.seq for one in self._agreements.values() if body["proposer"] in one.parties()}
        yield hashlib.sha256(_canonical(terms)).hexdigest() == made.digest, "the terms are not those hashed"
        yield body["agreement"] not in self._agreements, "this agreement was proposed already"
        yield all(map(self._is_member, parties - {PLATFORM})), "one of its parties is no member"
        yield bool(gives and made.parties("recipient", "both")), "nobody gives, or nobody receives"
        yield len(parties) > 1 and PLATFORM not in gives, "it has one party, or the platform gives"
        yield body["proposer"] in {*parties, PLATFORM}, "its proposer is no party to it"
        yield begins is None or ends is None or begins < ends, "its period ends before it begins"
        yield entry["vf"] is None or entry["vf"] >= rt, "the agreement is back-dated"
        yield made.until is None or made.until > rt, "it ended before it was recorded"
        yield answered.issuperset(entry["refs"]), "it answers no proposal to its proposer"
        self._agreements[body["agreement"]] = made

    def of_agreements(self, kind: str, body: _Object, entry: _Object) -> _Rules:
        if kind == "agreement.proposed":
            yield from self.of_proposals(body, entry)
            return
        seq, party, known = entry["seq"], body["party"], self._agreements.get(body["agreement"])
        yield known is not None, "nobody proposed this agreement"
        assert known is not None
        yield party in known.parties(), "this organisation is no party to the agreement"
        yield entry["refs"] == [known.seq], "it does not refer to the proposal, and to that alone"
        yield known.over is None, "this agreement had ended"
        if kind == "agreement.accepted":
            yield body["terms_sha256"] == known.digest, "what was accepted is not what was proposed"
            yield known.until is None or known.until > entry["rt"], "the proposal had expired"
            yield party not in known.accepted, "this organisation accepted already"
            yield body["assurance"] == "operator_attested", "its assurance is not provable by this version"
            known.accepted[party] = seq
            return
        is_refusal = kind == "agreement.refused"
        yield not (is_refusal and known.stood(seq)), "an agreement that stands is ended, not refused"
        known.over = seq

    def of_releases(self, kind: str, body: _Object, _: _Object) -> _Rules:
        match kind:
            case "release.sealed":
                yield body["period_start"] <= body["period_end"], "its period ends before it begins"
                yield body["release"] not in self._releases, "this release was sealed already"
                self._releases.add(body["release"])
            case "release.retracted":
                yield body["release"] in self._releases, "no such release was sealed"
            case "export.issued":
                yield body["start"] <= body["stop"], "it ends before it begins"

    def of_decisions(self, kind: str, body: _Object, entry: _Object) -> _Rules:
        """A decision stands on what was there before it; data move under agreements that stood, as agreed."""
        size, root, seqs = (body["basis"][name] for name in ("size", "root", "seqs"))
        yield 0 < size <= entry["seq"], "it stands on entries that came later"
        yield all(seq < size for seq in seqs), "it names entries that lie beyond its basis"
        yield body["recipient"] in self._parties, "its recipient is not registered"
        yield self._parties.keys() >= set(body["controllers"]), "a controller that it names is not registered"
        yield self._agreements.keys() >= set(body["agreements"]), "it names an unknown agreement"
        self.bases.setdefault(size, []).append((root, entry["seq"]))
        if kind == "refusal.recorded":
            return
        under, recipient = [self._agreements[name] for name in body["agreements"]], body["recipient"]
        gives = {party for one in under for party in one.parties("source", "both")}
        gets = all(recipient in one.parties("recipient", "both") for one in under)
        fineness = _TEXTS["granularity"].split("|").index
        finest = max(fineness(one.terms["granularity"]) for one in under)
        yield bool(seqs), "it names no entry that it stands on"
        yield recipient in {PLATFORM, self._clients.get(body["client"])}, "its application is another's"
        yield all(one.stood(size) for one in under), "an agreement that it names did not stand then"
        yield gets, "an agreement that it names gives its recipient nothing"
        yield gives >= set(body["controllers"]), "a controller that it names was to give nothing"
        for name in ("purposes", "groups"):
            agreed = {word for one in under for word in one.terms[name]}
            yield agreed >= set(body[name]), f"its {name} were not agreed"
        yield fineness(body["granularity"]) <= finest, "it is finer than was agreed"


_MEMBER = {
    **dict.fromkeys(("basis.recorded", "notice.published", "subject.erased", *_CONSENT), "controller"),
    **dict.fromkeys(("party.closed", "scope.granted"), "party"),
    "import.accepted": "institution",
}
"""The field that names an open member."""
_SPEAKER = {
    **dict.fromkeys(("agreement.accepted", "agreement.refused", "agreement.ended"), "party"),
    **dict.fromkeys(("disclosure.recorded", "refusal.recorded"), "recipient"),
    "agreement.proposed": "proposer",
}
"""The field that names who says it: that organisation or the platform must have said it."""
_STEPS: dict[str, Callable[[_Fold, str, _Object, _Object], _Rules]] = {
    **dict.fromkeys(("ledger", "party", "scope"), _Fold.of_members),
    **dict.fromkeys(("purpose", "basis", "notice", "consent"), _Fold.of_purposes),
    "agreement": _Fold.of_agreements,
    **dict.fromkeys(("release", "export"), _Fold.of_releases),
    **dict.fromkeys(("disclosure", "refusal"), _Fold.of_decisions),
}


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
        sys.stdout.write(f"{refused.verdict}: {refused}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - whatever the bytes are, an auditor gets a reason, not a traceback
        sys.stdout.write(f"does not hold: it cannot be read ({type(error).__name__}).\n")
        return 1
    sys.stdout.write(f"{report.statement()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
