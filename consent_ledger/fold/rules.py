"""The rules of the house: purposes, lawful bases, notices, definitions, segment models, policies."""

from __future__ import annotations

from consent_ledger.entry import Entry, EntryType
from consent_ledger.fold.errors import IllegalEntry
from consent_ledger.fold.fold import TAKES, Fold, governs, recorded_on, speaks_for
from consent_ledger.records import Notice, PublishedPurpose, RecordedBasis, day, number, texts
from consent_ledger.vocabulary import LawfulBasis, PartyId, Purpose


def purpose_published(fold: Fold, entry: Entry) -> None:
    purpose, version = Purpose(str(entry.body["purpose"])), number(entry.body["version"])
    governs(fold, entry)
    known = fold.see("purposes").get(purpose)
    if version != (known.version + 1 if isinstance(known, PublishedPurpose) else 1):
        raise IllegalEntry("VERSION", "versions of a purpose follow each other, from 1")
    published = PublishedPurpose(
        version,
        frozenset(LawfulBasis(basis) for basis in texts(entry.body["bases"])),
        is_high_risk=bool(entry.body["high_risk"]),
        seq=entry.seq,
    )
    fold.put("purposes", purpose, published)


def basis_recorded(fold: Fold, entry: Entry) -> None:
    controller, purpose = PartyId(str(entry.body["controller"])), Purpose(str(entry.body["purpose"]))
    fold.open_party(controller)
    speaks_for(entry, controller)
    published = published_purpose(fold, purpose)
    basis = LawfulBasis(str(entry.body["basis"]))
    if entry.body["purpose_version"] != published.version or basis not in published.bases:
        raise IllegalEntry("BASIS", "this lawful basis is not possible for this version of the purpose")
    has_dpia = entry.body["dpia_sha256"] is not None
    recorded = RecordedBasis(basis, published.version, has_dpia=has_dpia, seq=entry.seq)
    fold.put("bases", (controller, purpose), recorded)


def published_purpose(fold: Fold, purpose: Purpose) -> PublishedPurpose:
    """The purpose as published last."""
    published = fold.see("purposes").get(purpose)
    if not isinstance(published, PublishedPurpose):
        raise IllegalEntry("UNKNOWN_PURPOSE", "this purpose has not been published")
    return published


def notice_published(fold: Fold, entry: Entry) -> None:
    controller, notice = PartyId(str(entry.body["controller"])), str(entry.body["notice"])
    fold.open_party(controller)
    speaks_for(entry, controller)
    version = number(entry.body["version"])
    if version != told_version(fold, controller, notice) + 1:
        raise IllegalEntry("VERSION", "versions of a notice follow each other, from 1")
    since = day(entry.vf or entry.rt)
    if since < recorded_on(entry):
        raise IllegalEntry("BACK_DATED", "a notice cannot have told visitors before it is recorded")
    fold.put("notice_versions", (controller, notice), version)
    for name in texts(entry.body["purposes"]):
        key = (controller, Purpose(name))
        if key not in fold.see("notices"):
            fold.put("notices", key, Notice(since, entry.seq))


def notice_invalidated(fold: Fold, entry: Entry) -> None:
    """What was given under a notice that proves wrong was never given; what was refused stays refused."""
    controller, notice = PartyId(str(entry.body["controller"])), str(entry.body["notice"])
    version = number(entry.body["version"])
    fold.open_party(controller)
    speaks_for(entry, controller)
    if version > told_version(fold, controller, notice):
        raise IllegalEntry("UNKNOWN_NOTICE", "this house published no such notice in this version")
    if (controller, notice, version) in fold.see("wrong_notices"):
        raise IllegalEntry("ALREADY_INVALID", "this version of the notice was found wrong already")
    fold.put("wrong_notices", (controller, notice, version), entry.seq)
    fold.put("standing_positions", controller, entry.seq)


def told_version(fold: Fold, controller: PartyId, notice: object) -> int:
    """The last version of this notice of this house; 0 when there is none."""
    return number(fold.see("notice_versions").get((controller, notice), 0))


def definition_published(fold: Fold, entry: Entry) -> None:
    governs(fold, entry)
    name = str(entry.body["definition"]), str(entry.body["version"])
    fold.put("definitions", name, str(entry.body["sha256"]))


def segments_published(fold: Fold, entry: Entry) -> None:
    governs(fold, entry)
    name = str(entry.body["model"]), str(entry.body["version"])
    fold.put("segment_models", name, str(entry.body["sha256"]))


def policy_published(fold: Fold, entry: Entry) -> None:
    governs(fold, entry)
    fold.put("policies", str(entry.body["policy"]), str(entry.body["sha256"]))


TAKES.update(
    {
        EntryType.PURPOSE_PUBLISHED: purpose_published,
        EntryType.BASIS_RECORDED: basis_recorded,
        EntryType.NOTICE_PUBLISHED: notice_published,
        EntryType.NOTICE_INVALIDATED: notice_invalidated,
        EntryType.DEFINITION_PUBLISHED: definition_published,
        EntryType.SEGMENTS_PUBLISHED: segments_published,
        EntryType.POLICY_PUBLISHED: policy_published,
    }
)
