"""
Persons: what they said, that they were erased or stopped, which rights they exercised, and the vault's epochs.

What limits the use of somebody's data is taken at a house that has left, too: a withdrawal is effective
at its index, unconditionally.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from consent_ledger.entry import Entry, EntryType
from consent_ledger.fold.errors import IllegalEntry
from consent_ledger.fold.fold import TAKES, Fold, recorded_on, speaks_for
from consent_ledger.fold.rules import published_purpose, told_version
from consent_ledger.records import RequestedRight, day, number
from consent_ledger.vocabulary import PLATFORM, PartyId, Purpose, Right, RightOutcome

_GIVING = frozenset({EntryType.CONSENT_GRANTED, EntryType.CONSENT_RENEWED})

A_MONTH = timedelta(days=31)
"""Within which a request is answered (GDPR 12(3))."""

THREE_MONTHS = timedelta(days=92)
"""Within which it is answered at the latest, when it was extended (the same)."""


def consented(fold: Fold, entry: Entry) -> None:
    _said(fold, entry, gives=entry.kind in _GIVING)


def batch_consented(fold: Fold, entry: Entry) -> None:
    _said(fold, entry, gives=bool(entry.body["granted"]))


def _said(fold: Fold, entry: Entry, *, gives: bool) -> None:
    controller = PartyId(str(entry.body["controller"]))
    if gives:
        fold.open_party(controller)
    else:
        fold.known_party(controller)
    speaks_for(entry, controller)
    published = published_purpose(fold, Purpose(str(entry.body["purpose"])))
    if number(entry.body["purpose_version"]) > published.version:
        raise IllegalEntry("VERSION", "this version of the purpose has not been published")
    if (notice := entry.body["notice"]) is not None:
        version = number(entry.body["notice_version"] or 0)
        if not 1 <= version <= told_version(fold, controller, notice):
            raise IllegalEntry("UNKNOWN_NOTICE", "this house published no such notice in this version")
        if gives and (controller, notice, version) in fold.see("wrong_notices"):
            raise IllegalEntry("WRONG_NOTICE", "this notice was found wrong: nothing can be given under it")
    fold.put("standing_positions", controller, entry.seq)


def subject_erased(fold: Fold, entry: Entry) -> None:
    controller = PartyId(str(entry.body["controller"]))
    fold.known_party(controller)
    speaks_for(entry, controller)
    if day(entry.body["effective_by"]) < recorded_on(entry):
        raise IllegalEntry("BACK_DATED", "an erasure cannot have been effective before it is recorded")
    fold.put("standing_positions", controller, entry.seq)
    fold.put("data_positions", controller, entry.seq)


def subject_stopped(fold: Fold, entry: Entry) -> None:
    """Whoever is in the stop register comes in as nobody from now on; what stood was ended by other entries."""


def right_requested(fold: Fold, entry: Entry) -> None:
    key = _request(entry)
    fold.known_party(key[0])
    speaks_for(entry, key[0])
    if key in fold.see("rights"):
        raise IllegalEntry("ALREADY_REQUESTED", "this request was recorded already")
    asked, due = recorded_on(entry), day(entry.body["due"])
    if not asked <= due <= asked + A_MONTH:
        raise IllegalEntry("DUE", "a request is answered within a month")
    fold.put("rights", key, RequestedRight(Right(str(entry.body["right"])), asked, due, None, entry.seq))


def right_extended(fold: Fold, entry: Entry) -> None:
    key, known = _open_request(fold, entry)
    due = day(entry.body["due"])
    if not known.due < due <= known.requested + THREE_MONTHS:
        raise IllegalEntry("DUE", "a request is answered within three months at the latest")
    fold.put("rights", key, replace(known, due=due))


def right_answered(fold: Fold, entry: Entry) -> None:
    key, known = _open_request(fold, entry)
    fold.put("rights", key, replace(known, outcome=RightOutcome(str(entry.body["outcome"]))))


def _request(entry: Entry) -> tuple[PartyId, str]:
    return PartyId(str(entry.body["controller"])), str(entry.body["request_sha256"])


def _open_request(fold: Fold, entry: Entry) -> tuple[tuple[PartyId, str], RequestedRight]:
    key = _request(entry)
    speaks_for(entry, key[0])
    known = fold.see("rights").get(key)
    if not isinstance(known, RequestedRight) or known.outcome is not None:
        raise IllegalEntry("UNKNOWN_REQUEST", "this house has no such request that is open")
    return key, known


def kek_rotated(fold: Fold, entry: Entry) -> None:
    speaks_for(entry, PLATFORM)
    if entry.body["epoch"] != fold.see("epoch") + 1:
        raise IllegalEntry("EPOCH", "epochs of the vault follow each other")
    fold.set("epoch", entry.body["epoch"])


def kek_destroyed(fold: Fold, entry: Entry) -> None:
    speaks_for(entry, PLATFORM)
    epoch = number(entry.body["epoch"])
    if epoch >= fold.see("epoch") or epoch in fold.see("destroyed_epochs"):
        raise IllegalEntry("EPOCH", "only the key of an earlier epoch is destroyed, and once")
    fold.set("destroyed_epochs", fold.see("destroyed_epochs") | {epoch})


TAKES.update(
    {
        EntryType.CONSENT_GRANTED: consented,
        EntryType.CONSENT_REFUSED: consented,
        EntryType.CONSENT_WITHDRAWN: consented,
        EntryType.CONSENT_RENEWED: consented,
        EntryType.CONSENT_OBJECTED: consented,
        EntryType.CONSENT_RESTRICTED: consented,
        EntryType.CONSENT_LIFTED: consented,
        EntryType.CONSENT_BATCH: batch_consented,
        EntryType.SUBJECT_ERASED: subject_erased,
        EntryType.SUBJECT_STOPPED: subject_stopped,
        EntryType.RIGHT_REQUESTED: right_requested,
        EntryType.RIGHT_EXTENDED: right_extended,
        EntryType.RIGHT_ANSWERED: right_answered,
        EntryType.KEK_ROTATED: kek_rotated,
        EntryType.KEK_DESTROYED: kek_destroyed,
    }
)
