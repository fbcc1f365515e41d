"""What houses tell their visitors, and on which lawful basis they act, as GraphQL takes it and shows it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import LawfulBasis, Purpose, Scope
from resolvers import rules as rule_door
from schema.directives import OPEN, requires
from schema.receipt import Receipt, receipt
from schema.refused import Refused, refused

MANAGE = requires(Scope.INSTITUTION_MANAGE)
GOVERN = requires(Scope.GOVERNANCE_WRITE)
ACCOUNT = requires(Scope.LEDGER_READ)


@strawberry.input(description="The same text in Dutch and in English.", directives=OPEN)
class TextInput:
    nl: str = strawberry.field(description="In Dutch (B1).")
    en: str = strawberry.field(description="In English.")

    def texts(self) -> rule_door.Texts:
        """The text as the door takes it."""
        return rule_door.Texts(self.nl, self.en)


@strawberry.input(description="What your house tells its visitors.", directives=OPEN)
class PublishNoticeInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    notice: str = strawberry.field(
        description="Id of the notice, such as `visitors`; its next version comes by itself."
    )
    text: TextInput = strawberry.field(description="The text, word for word; it is public.")
    purposes: list[Purpose] = strawberry.field(description="Of which purposes it tells.")
    since: date | None = strawberry.field(
        default=None,
        description="From which day visitors are told; none: today. Never a day that has passed.",
    )


@strawberry.input(description="Which version of a notice was wrong.", directives=OPEN)
class InvalidateNoticeInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    notice: str = strawberry.field(description="Id of the notice.")
    version: int = strawberry.field(description="The version that was wrong.")


@strawberry.input(description="On which lawful basis your house acts for a purpose.", directives=OPEN)
class RecordBasisInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    purpose: Purpose = strawberry.field(description="The purpose.")
    basis: LawfulBasis = strawberry.field(
        description="The lawful basis; it must be possible for the purpose."
    )
    assessment: str | None = strawberry.field(
        default=None,
        description="The impact assessment (DPIA): its checksum is recorded, and the text is not kept.",
    )
    assessment_sha256: str | None = strawberry.field(
        default=None, name="assessmentSha256", description="Or its SHA-256, in hexadecimal."
    )


@strawberry.input(description="What a purpose means from now on.", directives=OPEN)
class PublishPurposeInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    purpose: Purpose = strawberry.field(description="The purpose; its next version comes by itself.")
    text: TextInput = strawberry.field(description="What it means, word for word.")
    bases: list[LawfulBasis] = strawberry.field(description="The lawful bases that are possible.")
    is_high_risk: bool = strawberry.field(description="Whether each house must have assessed it (DPIA).")


@strawberry.type(description="It is published, and holds from the next request on.", directives=MANAGE)
class NoticePublished:
    version: int = strawberry.field(description="Which version this is.")
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


@strawberry.type(description="The notice counts as wrong from the next request on.", directives=MANAGE)
class NoticeInvalidated:
    persons: int = strawberry.field(
        description="How many persons had given consent under it and not decided anew: it no longer counts."
    )
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


@strawberry.type(
    description="The lawful basis is recorded, and holds from the next request on.", directives=MANAGE
)
class BasisRecorded:
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


@strawberry.type(description="It is published, and holds from the next request on.", directives=GOVERN)
class PurposePublished:
    version: int = strawberry.field(description="Which version this is.")
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


@strawberry.type(description="A version of what a house tells its visitors. Public.", directives=OPEN)
class Notice:
    notice: str = strawberry.field(description="Id of the notice.")
    version: int = strawberry.field(description="Its version, from 1.")
    purposes: list[Purpose] = strawberry.field(description="Of which purposes it tells.")
    since: date = strawberry.field(description="From which day visitors are told.")
    is_wrong: bool = strawberry.field(
        description="Whether it was found wrong: what was given under it does not count."
    )
    text_sha256: str = strawberry.field(
        name="textSha256", description="Checksum of the text, as in the ledger."
    )
    text_nl: str | None = strawberry.field(description="The Dutch text; null when it was not kept.")
    text_en: str | None = strawberry.field(description="The English text; null when there is none.")
    position: int = strawberry.field(description="Its entry in the ledger.")


@strawberry.type(description="The lawful basis of a house for one purpose.", directives=ACCOUNT)
class Basis:
    purpose: Purpose = strawberry.field(description="The purpose.")
    purpose_version: int = strawberry.field(
        description="The version of the purpose for which it was recorded."
    )
    basis: LawfulBasis = strawberry.field(description="The lawful basis.")
    has_assessment: bool = strawberry.field(description="Whether an impact assessment is recorded.")
    position: int = strawberry.field(description="Its entry in the ledger.")


NoticePayload = Annotated[
    NoticePublished | Refused,
    strawberry.union("NoticePayload", description="The version, or why it was refused."),
]
InvalidNoticePayload = Annotated[
    NoticeInvalidated | Refused,
    strawberry.union("InvalidNoticePayload", description="What it came to, or why it was refused."),
]
BasisPayload = Annotated[
    BasisRecorded | Refused,
    strawberry.union("BasisPayload", description="The receipt, or why it was refused."),
]
PurposePayload = Annotated[
    PurposePublished | Refused,
    strawberry.union("PurposePayload", description="The version, or why it was refused."),
]


def notice_published(done: rule_door.Published | Refusal) -> NoticePublished | Refused:
    """A notice that was published, as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return NoticePublished(version=done.version, receipt=receipt(done.receipt))


def purpose_published(done: rule_door.Published | Refusal) -> PurposePublished | Refused:
    """A purpose that was published, as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return PurposePublished(version=done.version, receipt=receipt(done.receipt))


def notice_invalidated(done: rule_door.Invalidated | Refusal) -> NoticeInvalidated | Refused:
    """A notice that was found wrong, as GraphQL shows it."""
    if isinstance(done, Refusal):
        return refused(done)
    return NoticeInvalidated(persons=done.persons, receipt=receipt(done.receipt))


def told_notice(found: rule_door.ToldNotice) -> Notice:
    """A notice, as GraphQL shows it."""
    return Notice(
        notice=found.notice,
        version=found.version,
        purposes=list(found.purposes),
        since=found.since,
        is_wrong=found.is_wrong,
        text_sha256=found.text_sha256,
        text_nl=found.nl,
        text_en=found.en,
        position=found.position,
    )


def told_basis(found: rule_door.Basis) -> Basis:
    """A lawful basis, as GraphQL shows it."""
    return Basis(
        purpose=found.purpose,
        purpose_version=found.recorded.version,
        basis=found.recorded.basis,
        has_assessment=found.recorded.has_dpia,
        position=found.recorded.seq,
    )
