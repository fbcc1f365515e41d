"""Erasures, the stop register, the rights that people exercise, and the vault's keys."""

from __future__ import annotations

from datetime import date

from consent_ledger.verify.line import Entry
from consent_ledger.verify.standing import Right, Rules, Standing

_MONTH, _THREE_MONTHS = 31, 92
"""Days within which a request is answered, and at the latest when that was extended (GDPR 12(3))."""


def erasures(_: Standing, entry: Entry) -> Rules:
    if entry.kind == "subject.erased":
        yield entry.body["effective_by"] >= entry.rt[:10], "the erasure is back-dated"


def rights(standing: Standing, entry: Entry) -> Rules:
    body, today = entry.body, entry.rt[:10]
    request = body["controller"], body["request_sha256"]
    known = standing.rights.get(request)
    if entry.kind == "right.requested":
        yield known is None, "this request was recorded already"
        yield 0 <= _days(today, body["due"]) <= _MONTH, "a request is answered within a month"
        standing.rights[request] = Right(today, body["due"])
        return
    yield known is not None and not known.is_answered, "no such request is open at this house"
    assert known is not None
    if entry.kind == "right.answered":
        known.is_answered = True
        return
    is_in_time = known.due < body["due"] and _days(known.asked, body["due"]) <= _THREE_MONTHS
    yield is_in_time, "a request is answered within three months at the latest, and extended to a later day"
    known.due = body["due"]


def _days(since: str, until: str) -> int:
    return (date.fromisoformat(until) - date.fromisoformat(since)).days


def epochs(standing: Standing, entry: Entry) -> Rules:
    epoch = entry.body["epoch"]
    if entry.kind == "vault.kek_rotated":
        yield epoch == standing.epoch + 1, "epochs of the vault follow each other"
        standing.epoch = epoch
    else:
        is_past = epoch < standing.epoch and epoch not in standing.destroyed_epochs
        yield is_past, "only the key of an earlier epoch is destroyed, and once"
        standing.destroyed_epochs.add(epoch)
