"""The roots of the rules: what houses tell their visitors, on which basis they act, and what purposes mean."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import PartyId
from resolvers import rules as rule_door
from schema.context import Asked
from schema.directives import OPEN
from schema.ids import local_id
from schema.receipt import receipt
from schema.refused import RefusedWhole, refused
from schema.rules import (
    ACCOUNT,
    GOVERN,
    MANAGE,
    Basis,
    BasisPayload,
    BasisRecorded,
    InvalidateNoticeInput,
    InvalidNoticePayload,
    Notice,
    NoticePayload,
    PublishNoticeInput,
    PublishPurposeInput,
    PurposePayload,
    RecordBasisInput,
    notice_invalidated,
    notice_published,
    purpose_published,
    told_basis,
    told_notice,
)
from schema.viewer import INSTITUTION

House = Annotated[
    strawberry.ID | None, strawberry.argument(description="Global id of the house; none: your own.")
]


def _house(info: Asked, institution: strawberry.ID | None) -> PartyId:
    own = info.context.ask.caller.party
    return own if institution is None else PartyId(local_id(INSTITUTION, institution))


@strawberry.type(description="Questions about the rules of the house.", directives=OPEN)
class RuleQueries:
    @strawberry.field(
        description="What a house told and tells its visitors, word for word, in the order of publication.",
        directives=OPEN,
    )
    def notices(self, info: Asked, institution: House = None) -> list[Notice]:
        return [told_notice(one) for one in rule_door.notices(info.context.ask, _house(info, institution))]

    @strawberry.field(
        description="The lawful bases of the own house; an auditor sees those of every house.",
        directives=ACCOUNT,
    )
    def bases(self, info: Asked, institution: House = None) -> list[Basis] | None:
        found = rule_door.bases(info.context.ask, _house(info, institution))
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        return [told_basis(one) for one in found]


@strawberry.type(description="Changes of the rules of the house.", directives=OPEN)
class RuleMutations:
    @strawberry.mutation(
        description="Tell the visitors of your own house, in the next version of a notice.", directives=MANAGE
    )
    def publish_notice(
        self,
        info: Asked,
        input: Annotated[PublishNoticeInput, strawberry.argument(description="What is to be done.")],
    ) -> NoticePayload | None:
        done = rule_door.publish_notice(
            info.context.ask,
            input.notice,
            input.text.texts(),
            input.purposes,
            since=input.since,
            key=input.idempotency_key,
        )
        return notice_published(done)

    @strawberry.mutation(
        description=(
            "Say that a notice of your own house was wrong: consent that was given under it no longer counts, "
            "at once. What was refused or withdrawn under it stays so."
        ),
        directives=MANAGE,
    )
    def invalidate_notice(
        self,
        info: Asked,
        input: Annotated[InvalidateNoticeInput, strawberry.argument(description="What is to be done.")],
    ) -> InvalidNoticePayload | None:
        ask, key = info.context.ask, input.idempotency_key
        return notice_invalidated(rule_door.invalidate_notice(ask, input.notice, input.version, key=key))

    @strawberry.mutation(
        description=(
            "Record on which lawful basis your own house acts for a purpose. One of high risk needs an impact "
            "assessment first."
        ),
        directives=MANAGE,
    )
    def record_basis(
        self,
        info: Asked,
        input: Annotated[RecordBasisInput, strawberry.argument(description="What is to be done.")],
    ) -> BasisPayload | None:
        done = rule_door.record_basis(
            info.context.ask,
            input.purpose,
            input.basis,
            assessment=input.assessment,
            assessment_sha256=input.assessment_sha256,
            key=input.idempotency_key,
        )
        return refused(done) if isinstance(done, Refusal) else BasisRecorded(receipt=receipt(done))

    @strawberry.mutation(
        description="Say what a purpose means on this platform, in its next version; the steward alone.",
        directives=GOVERN,
    )
    def publish_purpose(
        self,
        info: Asked,
        input: Annotated[PublishPurposeInput, strawberry.argument(description="What is to be done.")],
    ) -> PurposePayload | None:
        done = rule_door.publish_purpose(
            info.context.ask,
            input.purpose,
            input.bases,
            input.text.texts(),
            is_high_risk=input.is_high_risk,
            key=input.idempotency_key,
        )
        return purpose_published(done)
