"""
A file of receipts: of answers that disclosed, of whatever else was recorded, and of consents.

JSON: one receipt, or a list of such. A name that stands twice in an object is refused: people read the
first, and programs the last.
"""

from __future__ import annotations

import json
from typing import Any

from consent_ledger.verify.consent_receipt import check_consent_receipt, is_consent_receipt
from consent_ledger.verify.proof import Trust, check_receipt
from consent_ledger.verify.refused import Refused
from consent_ledger.verify.report import Proven

MAX_RECEIPTS = 64 * 1024 * 1024
"""Bytes of a file of receipts at most."""


def check_receipts(data: bytes, trust: Trust) -> list[Proven]:
    """What each receipt in a file proves. Raises `Refused`, naming the first that proves nothing."""
    if len(data) > MAX_RECEIPTS:
        raise Refused("The receipts are too long; check them in parts.")
    try:
        told = json.loads(data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Refused("The receipt is not JSON.") from None
    receipts = told if isinstance(told, list) else [told]
    proven = []
    for number, receipt in enumerate(receipts, 1):
        if not isinstance(receipt, dict):
            raise Refused(f"Receipt {number} is no object with an entry and a proof.")
        check = check_consent_receipt if is_consent_receipt(receipt) else check_receipt
        try:
            proven.append(check(receipt, trust)[1])
        except Refused as refused:
            raise Refused(f"Receipt {number} of {len(receipts)}: {refused}") from None
    if not proven:
        raise Refused("There is no receipt in the file.")
    return proven


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise Refused("A receipt says two things under one name.")
    return told
