"""
Check an export of a consent ledger, offline, without its operator: Python and `cryptography`, nothing of ours.

    python -m consent_ledger.verify PATH_OR_URL [--key NAME+ID+KEY] [--policy FILE] [--since CHECKPOINT]

PATH is a folder or a zip with `checkpoint` and `export.jsonl`, or with tiles, or with both; or the
`export.jsonl` itself; or one entry's `.tlog-proof`, or receipts: of answers and acts as `.json`, of consents
as `.jsonld` (what is checked of those stands in `consent_receipt`). What holds of an export when this exits 0:

 1. every line is one entry in canonical JSON (RFC 8785), with the envelope's keys and no other    line
 2. positions run from 0 without a gap, recorded time never goes back, nobody uses a key twice     line, fold
 3. the lines, and only they, give the root in the checkpoint (RFC 9162, 2.1), and every tile      tree, tiles
 4. the checkpoint is signed (C2SP signed-note, Ed25519) by the key given, or the one that came    note
 5. every entry says exactly what its type may, in closed words: no free text, no unknown type     words, bodies
 6. what it says can be at its place: nothing is accepted that was not proposed, nobody speaks     fold and one
    for another (but the platform, which is seen), every disclosure stands on agreements that      module for
    stood, and every decision on a root that this ledger had                                       each noun
 7. an acceptance that a house signed is signed: by a key of that house that stood, over these     assertion,
    terms, this preview and this ledger, by a person who was present and verified                  members
 8. with a policy: a quorum of the witnesses that you believe saw this very checkpoint             policy
 9. with an older checkpoint: this ledger goes on from it, and nothing behind it changed           whole

What it cannot tell: whether an acceptance that the operator attests was the party's own, or whether a key
that the operator enrolled is the house's (both are counted and said); and, without a policy or an older
checkpoint, whether somebody else was shown another ledger. Compare the size and root printed here with a
checkpoint that you received earlier or elsewhere.
"""

from __future__ import annotations

from consent_ledger.verify.command import add_arguments, main, run
from consent_ledger.verify.policy import Policy, read_policy
from consent_ledger.verify.proof import Trust, check_proof, check_receipt
from consent_ledger.verify.refused import Refused, Unknown
from consent_ledger.verify.report import Proven, Report
from consent_ledger.verify.whole import checked, verify

__all__ = [
    "Policy",
    "Proven",
    "Refused",
    "Report",
    "Trust",
    "Unknown",
    "add_arguments",
    "check_proof",
    "check_receipt",
    "checked",
    "main",
    "read_policy",
    "run",
    "verify",
]
