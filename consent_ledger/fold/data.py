"""Data that came in, and releases that went out."""

from __future__ import annotations

from dataclasses import replace

from consent_ledger.entry import Entry, EntryType
from consent_ledger.fold.errors import IllegalEntry
from consent_ledger.fold.fold import TAKES, Fold, speaks_for
from consent_ledger.records import SealedRelease
from consent_ledger.vocabulary import PLATFORM, PartyId


def import_accepted(fold: Fold, entry: Entry) -> None:
    institution = PartyId(str(entry.body["institution"]))
    fold.open_party(institution)
    speaks_for(entry, institution)
    fold.put("data_positions", institution, entry.seq)


def release_sealed(fold: Fold, entry: Entry) -> None:
    release = str(entry.body["release"])
    speaks_for(entry, PLATFORM)
    if release in fold.see("releases"):
        raise IllegalEntry("ALREADY_SEALED", "this release was sealed already")
    sealed = SealedRelease(release, str(entry.body["policy"]), is_retracted=False, seq=entry.seq)
    fold.put("releases", release, sealed)


def release_retracted(fold: Fold, entry: Entry) -> None:
    speaks_for(entry, PLATFORM)
    known = fold.see("releases").get(str(entry.body["release"]))
    if not isinstance(known, SealedRelease):
        raise IllegalEntry("UNKNOWN_RELEASE", "no such release was sealed")
    fold.put("releases", known.id, replace(known, is_retracted=True))


TAKES.update(
    {
        EntryType.IMPORT_ACCEPTED: import_accepted,
        EntryType.RELEASE_SEALED: release_sealed,
        EntryType.RELEASE_RETRACTED: release_retracted,
    }
)
