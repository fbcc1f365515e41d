"""
Reconciling: what a recipient was given, held against an export of the ledger.

Whoever gets data under an agreement gets a receipt with the answer: the entry that tells of it, and the proof
that it stood in the ledger. An operator who leaves a disclosure out of the ledger that he shows to others
cannot take the receipt back.

1. the receipt's proof leads from its entry to a checkpoint that the ledger's key signed;
2. the export reaches as far as that checkpoint, and had its root at its size;
3. the export holds that entry, at that position, byte for byte.

One receipt is for one answer: when two answers that differ came with the same one, the ledger tells of one
disclosure where there were two.

The other way round, disclosures to the recipient that no receipt is there for are listed: the answer may
have been lost on its way, or the receipt.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

from consent_ledger.checkpoint import NoteRefused, SignedCheckpoint, read_note
from consent_ledger.entry import EntryRefused, EntryType, read
from consent_ledger.tree import Frontier, ProofRefused, leaf_hash, verify_inclusion

_HEAD = re.compile(r"c2sp\.org/tlog-proof@v1\n(?:extra [^\n]*\n)?index (0|[1-9][0-9]{0,15})\n")
_HASH = re.compile(r"[A-Za-z0-9+/]{43}=")
_SURROGATE = re.compile("[\\ud800-\\udfff]")
"""Half a sign, which JSON can write and no bytes can."""
_MOST = 64 << 20


class ReceiptRefused(Exception):
    """A text is no receipt. Carries a code and a plain sentence."""

    code = "RECEIPT_REFUSED"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came with an answer."""

    position: int
    line: bytes
    path: tuple[bytes, ...]
    checkpoint: str
    answer: str | None = None
    """What tells the answer that it came with from another: a digest. None when it was kept alone."""

    @classmethod
    def of(cls, told: object, answer: str | None = None) -> Receipt:
        """A receipt as an answer gives it: `position`, `entry` and `proof`. Raises `ReceiptRefused`."""
        if not isinstance(told, Mapping):
            raise ReceiptRefused("A receipt is an object with position, entry and proof.")
        entry, proof = told.get("entry"), told.get("proof")
        if not isinstance(entry, str) or not isinstance(proof, str):
            raise ReceiptRefused("A receipt is an object with position, entry and proof.")
        if not entry.isascii() or _SURROGATE.search(proof):
            raise ReceiptRefused("A receipt is written in signs that no ledger writes.")
        found = _HEAD.match(proof)
        rest = "\n" + proof[found.end() :] if found else ""  # an entry alone in its tree has no path
        told_path, blank, checkpoint = rest.partition("\n\n")
        hashes = told_path.split("\n")[1:]
        if found is None or not blank or not all(map(_HASH.fullmatch, hashes)) or len(hashes) > 64:
            raise ReceiptRefused("The proof of a receipt is a C2SP tlog-proof.")
        try:
            path = tuple(base64.b64decode(one, validate=True) for one in hashes)
        except binascii.Error:
            raise ReceiptRefused("The proof of a receipt is a C2SP tlog-proof.") from None
        return cls(int(found[1]), entry.encode(), path, checkpoint, answer)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a recipient kept."""

    receipts: list[Receipt]
    without: tuple[str, ...]
    """Files with an answer's data and no receipt, once per answer. A house's own data need none."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the comparison found. `missing` say what the ledger owes an answer for; none: it kept its word."""

    receipts: int
    missing: tuple[str, ...]
    unreceipted: tuple[int, ...]
    """Positions of disclosures to the same recipients for which no receipt was given."""


def receipts(path: Path) -> list[Receipt]:
    """The receipts of `kept`."""
    return kept(path).receipts


def kept(path: Path) -> Kept:
    """
    The receipts in a file (JSON: one, or a list; or one in each line) or in every file of a folder.

    Answers are taken as they came, too: a receipt is found wherever an object has its three fields.
    Raises `ReceiptRefused`.
    """
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    found: list[Receipt] = []
    without: list[str] = []
    for file in files:
        try:
            if file.stat().st_size > _MOST:
                raise ReceiptRefused(f"{file.name} is too long for receipts.")
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise ReceiptRefused(f"{file.name} cannot be read.") from None
        try:
            values = [json.loads(text)]
        except (ValueError, RecursionError):
            try:
                values = [json.loads(line) for line in text.split("\n") if line.strip()]
            except (ValueError, RecursionError):
                raise ReceiptRefused(f"{file.name} is not JSON.") from None
        for value in chain.from_iterable(one if isinstance(one, list) else [one] for one in values):
            here = [Receipt.of(one, _digest(value)) for one in _within(value)]
            found += here
            if not here and isinstance(value, dict) and value.get("data") is not None:
                without.append(file.name)
    if not found:
        raise ReceiptRefused("There is no receipt in what was given.")
    return Kept(found, tuple(without))


def _digest(value: object) -> str | None:
    """Of an answer as GraphQL gives it, all but its extensions, in which the receipt stands."""
    if not isinstance(value, dict) or "data" not in value:
        return None
    said = {name: one for name, one in value.items() if name != "extensions"}
    try:
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    except RecursionError:
        raise ReceiptRefused("An answer is nested too deeply.") from None


def _within(value: object) -> Iterable[object]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if {"entry", "proof"} <= one.keys():
                yield one
            else:
                waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def reconcile(given: list[Receipt], lines: Callable[[], Iterable[bytes]], vkey: str) -> Reconciled:
    """
    Hold these receipts against the lines of an export, checked with the ledger's verifier key.

    `lines` gives the export from its first line. The export itself is the verifier's to check.
    """
    missing: list[str] = []
    wanted: dict[int, list[Receipt]] = {}
    roots: dict[int, list[tuple[Receipt, SignedCheckpoint]]] = {}
    recipients = set[str]()
    for one in given:
        try:
            signed = _proven(one, vkey)
        except (NoteRefused, ProofRefused, EntryRefused) as refused:
            missing.append(f"The receipt of entry {one.position} proves nothing: {refused}.")
            continue
        wanted.setdefault(one.position, []).append(one)
        roots.setdefault(signed.size, []).append((one, signed))
        if recipient := _recipient(one.line):
            recipients.add(recipient)
    missing += _shared(wanted)
    unreceipted: list[int] = []
    frontier = Frontier()
    for line in lines():
        at = frontier.size
        missing += [
            f"Entry {at} of the export is not the one in the receipt."
            for one in wanted.get(at, [])
            if one.line != line
        ]
        if b'"disclosure.recorded"' in line and at not in wanted and _recipient(line) in recipients:
            unreceipted.append(at)
        frontier.push(leaf_hash(line))
        for one, signed in roots.get(frontier.size, []):
            if signed.root != frontier.root():
                missing.append(f"The checkpoint in the receipt of entry {one.position} is of another ledger.")
    for position in sorted(position for position in wanted if position >= frontier.size):
        missing.append(f"Entry {position} of the receipts is not in the export, which ends before it.")
    for one, signed in chain.from_iterable(roots.values()):
        if one.position < frontier.size < signed.size:
            missing.append(
                f"The receipt of entry {one.position} was signed at {signed.size} entries, and the export has"
                f" {frontier.size}: ask for a newer export, which must go on from the receipt."
            )
    return Reconciled(len(given), tuple(dict.fromkeys(missing)), tuple(unreceipted))


def _shared(wanted: Mapping[int, list[Receipt]]) -> Iterable[str]:
    for position, those in sorted(wanted.items()):
        answers = {one.answer for one in those if one.answer is not None}
        if len(answers) > 1:
            yield f"The receipt of entry {position} is given for {len(answers)} different answers."


def _proven(one: Receipt, vkey: str) -> SignedCheckpoint:
    signed = read_note(one.checkpoint, [vkey])
    entry = read(one.line)
    if entry.seq != one.position:
        raise EntryRefused("OTHER_PLACE", "its entry stands at another position")
    verify_inclusion(leaf_hash(one.line), one.position, signed.size, one.path, signed.root)
    return signed


def _recipient(line: bytes) -> str:
    try:
        entry = read(line)
    except EntryRefused:
        return ""
    return str(entry.body["recipient"]) if entry.kind is EntryType.DISCLOSURE_RECORDED else ""
