"""The types of entries, and how roughly numbers are told in them, as GraphQL enums."""

from __future__ import annotations

from consent_ledger.entry import EntryType, RowBucket
from schema.words import describe

__all__ = ["EntryType", "RowBucket"]

describe(
    RowBucket,
    "How many, told roughly: an exact number would tell what a minimum group withholds.",
    {
        RowBucket.NONE: "None.",
        RowBucket.TO_9: "1 to 9.",
        RowBucket.TO_99: "10 to 99.",
        RowBucket.TO_999: "100 to 999.",
        RowBucket.TO_9999: "1,000 to 9,999.",
        RowBucket.MORE: "10,000 or more.",
    },
)
describe(
    EntryType,
    "What an entry of the ledger tells. The list is closed; the entry's own bytes name the type in small letters.",
    {
        EntryType.LEDGER_CREATED: "The ledger began: its format, its origin, and whether it is a sandbox.",
        EntryType.PARTY_REGISTERED: "An organisation joined.",
        EntryType.PARTY_CLOSED: "An organisation left.",
        EntryType.KEY_REGISTERED: "A house got a key with which it signs.",
        EntryType.KEY_RETIRED: "A key of a house signs no more.",
        EntryType.PURPOSE_PUBLISHED: "A version of a purpose, with the lawful bases that are possible.",
        EntryType.BASIS_RECORDED: "The lawful basis of one house for one purpose.",
        EntryType.NOTICE_PUBLISHED: "A house told its visitors of purposes, in a notice.",
        EntryType.NOTICE_INVALIDATED: "A notice proved wrong; what was said under it no longer stands.",
        EntryType.DEFINITION_PUBLISHED: "What a figure means.",
        EntryType.SEGMENTS_PUBLISHED: "A version of a segment model.",
        EntryType.POLICY_PUBLISHED: "A policy under which sector figures are released.",
        EntryType.AGREEMENT_PROPOSED: "An agreement was put on the table, with its terms.",
        EntryType.AGREEMENT_ACCEPTED: "A party accepted, on the operator's word.",
        EntryType.AGREEMENT_SIGNED: "A party accepted by its own signature.",
        EntryType.AGREEMENT_REFUSED: "A party refused what was proposed.",
        EntryType.AGREEMENT_ENDED: "A party ended an agreement.",
        EntryType.SCOPE_GRANTED: "An application may ask at most these scopes.",
        EntryType.SCOPE_REVOKED: "An application may ask nothing any more.",
        EntryType.CONSENT_GRANTED: "A visitor gave consent, behind a commitment.",
        EntryType.CONSENT_REFUSED: "A visitor refused consent, behind a commitment.",
        EntryType.CONSENT_WITHDRAWN: "A visitor withdrew consent, behind a commitment.",
        EntryType.CONSENT_RENEWED: "A visitor gave consent again, behind a commitment.",
        EntryType.CONSENT_OBJECTED: "A visitor objected, behind a commitment.",
        EntryType.CONSENT_RESTRICTED: "A visitor's data are frozen, behind a commitment.",
        EntryType.CONSENT_LIFTED: "A visitor lifted a restriction, behind a commitment.",
        EntryType.CONSENT_BATCH: "What many visitors had said elsewhere, under one root.",
        EntryType.IMPORT_ACCEPTED: "Tickets or visits came in.",
        EntryType.RELEASE_SEALED: "Sector figures were sealed.",
        EntryType.RELEASE_RETRACTED: "A release was taken back.",
        EntryType.DISCLOSURE_RECORDED: "Data of one organisation left to another, under agreements.",
        EntryType.REFUSAL_RECORDED: "Data were refused under an agreement; the first form, until November 2026.",
        EntryType.REFUSAL_TOLD: "Data were refused under an agreement, with what had been asked.",
        EntryType.SAMPLE_OPENED: "An auditor drew and opened persons whom a disclosure counted.",
        EntryType.EXPORT_ISSUED: "Entries left to an auditor.",
        EntryType.SUBJECT_ERASED: "A person's data were erased at one house.",
        EntryType.SUBJECT_STOPPED: "Somebody is kept out, everywhere and for good.",
        EntryType.RIGHT_REQUESTED: "Somebody exercised a right at one house.",
        EntryType.RIGHT_EXTENDED: "The answer to a request got a later day.",
        EntryType.RIGHT_ANSWERED: "A request was answered.",
        EntryType.KEK_ROTATED: "The vault's wrapping key was changed.",
        EntryType.KEK_DESTROYED: "An old wrapping key was destroyed, and with it what it wrapped.",
    },
)
