"""
One entry, shown to be in the ledger without the ledger: C2SP tlog-proof, and the receipts that hold one.

    c2sp.org/tlog-proof@v1
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
    …

    cultuurinzicht.example/ledger
    109482
    sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

    — cultuurinzicht.example/ledger Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO…

A receipt is JSON: `{"position": 73894, "entry": "{…}", "proof": "c2sp.org/tlog-proof@v1…"}`, or a list of
such. Other members are passed over; what they claim is checked by who knows them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consent_ledger.verify.line import MAX_LINE, Entry, read
from consent_ledger.verify.note import MAX_NOTE, Checkpoint, Key, check_signed, read_checkpoint, unbase64
from consent_ledger.verify.policy import Policy
from consent_ledger.verify.refused import Refused
from consent_ledger.verify.report import Proven
from consent_ledger.verify.tree import check_inclusion, leaf_hash

HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class Trust:
    """What the caller believes: a key of the log, or a policy that names it; and how old is too old."""

    key: Key | None
    policy: Policy | None
    max_age: float | None
    now: float

    @property
    def knows_a_log(self) -> bool:
        """Whether the caller says whose signature is believed."""
        return self.key is not None or (self.policy is not None and bool(self.policy.logs))

    def signed(self, checkpoint: Checkpoint) -> None:
        """Return when every key that is believed, and one log of the policy, signed it. Raises `Refused`."""
        if not self.knows_a_log:
            raise Refused("There is no verifier key: give --key, or a policy that names the log.")
        if self.key is not None:
            check_signed(checkpoint, self.key)
        if self.policy is not None:
            self.policy.check_log(checkpoint)

    def check(self, checkpoint: Checkpoint) -> tuple[tuple[str, ...] | None, int | None]:
        """By whom it is co-signed and when, once it is signed by who is believed. Raises `Refused`."""
        self.signed(checkpoint)
        if self.policy is None:
            if self.max_age is not None:
                raise Refused("How old a cosignature may be is asked of a policy: give one.")
            return None, None
        cosigned = self.policy.check(checkpoint, self.now, self.max_age)
        return cosigned.witnesses, cosigned.time


def check_proof(proof: str, line: bytes, trust: Trust) -> tuple[Entry, Proven]:
    """The entry in `line`, when `proof` shows that it is in the ledger. Raises `Refused`."""
    index, hashes, checkpoint = _read(proof)
    witnesses, cosigned = trust.check(checkpoint)
    check_inclusion(leaf_hash(line), index, checkpoint.size, hashes, checkpoint.root)
    entry = read(line, index)
    proven = Proven(
        origin=checkpoint.origin,
        position=index,
        kind=entry.kind,
        recorded=entry.rt,
        size=checkpoint.size,
        witnesses=witnesses,
        cosigned=cosigned,
    )
    return entry, proven


def check_receipt(receipt: Mapping[str, Any], trust: Trust) -> tuple[Entry, Proven]:
    """The entry that a receipt tells of, when its own proof shows that it is in the ledger. Raises `Refused`."""
    line, proof, position = (receipt.get(name) for name in ("entry", "proof", "position"))
    if not isinstance(line, str) or not isinstance(proof, str):
        raise Refused("A receipt has an entry and a proof, both as text.")
    try:
        said = line.encode()
    except UnicodeEncodeError:
        raise Refused("The entry of a receipt is no text.") from None
    entry, proven = check_proof(proof, said, trust)
    if position is not None and (type(position) is not int or position != proven.position):
        raise Refused("The receipt tells another position than its proof.")
    return entry, proven


def check_proof_file(data: bytes, entry: bytes, trust: Trust) -> Proven:
    """What a `.tlog-proof` file proves of an entry, which may end with its newline. Raises `Refused`."""
    if len(data) > 2 * MAX_NOTE or len(entry) > MAX_LINE + 1:
        raise Refused("The proof or the entry is too long.")
    try:
        proof = data.decode()
    except UnicodeDecodeError:
        raise Refused("The proof is not text.") from None
    return check_proof(proof, entry.removesuffix(b"\n"), trust)[1]


def _read(proof: str) -> tuple[int, list[bytes], Checkpoint]:
    head, blank, note = proof.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != HEADER or not blank:
        raise Refused(f"The proof does not begin with {HEADER}, and go on to a checkpoint.")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]  # proven by nothing, so it is not read
    found = re.fullmatch(r"index (0|[1-9][0-9]{0,15})", lines[1]) if len(lines) > 1 else None
    if found is None:
        raise Refused("The proof does not tell the index of the entry.")
    if len(lines) > 2 + 63:
        raise Refused("The proof is too long.")
    return int(found[1]), [unbase64(line) for line in lines[2:]], read_checkpoint(note)
