"""The roots of every change. Each is recorded before it is answered, and holds from the next request on."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import AgreementId, Scope
from resolvers import agreements as agreement_door
from resolvers.consent import Decision, record_consent
from schema.agreement import AGREEMENT, AgreementInput, AgreementPayload, ProposeAgreementInput, changed
from schema.consent import ConsentPayload, ConsentRecorded, RecordConsentInput
from schema.context import Asked
from schema.directives import OPEN, requires
from schema.ids import local_id
from schema.receipt import receipt
from schema.refused import refused

WRITE = requires(Scope.AGREEMENTS_WRITE)


@strawberry.type(description="Everything that can be changed.", directives=OPEN)
class Mutation:
    @strawberry.mutation(
        description="Propose an agreement to which you are a party; it stands when every party accepted.",
        directives=WRITE,
    )
    def propose_agreement(
        self,
        info: Asked,
        input: Annotated[ProposeAgreementInput, strawberry.argument(description="What is to be done.")],
    ) -> AgreementPayload | None:
        counters = None if input.counters is None else AgreementId(local_id(AGREEMENT, input.counters))
        done = agreement_door.propose_agreement(
            info.context.ask,
            input.terms.terms(),
            key=input.idempotency_key,
            valid_until=input.valid_until,
            counters=counters,
        )
        return changed(done)

    @strawberry.mutation(
        description="Accept an agreement for your own organisation. Recorded as attested by the operator.",
        directives=WRITE,
    )
    def accept_agreement(
        self,
        info: Asked,
        input: Annotated[AgreementInput, strawberry.argument(description="What is to be done.")],
    ) -> AgreementPayload | None:
        wanted = AgreementId(local_id(AGREEMENT, input.agreement))
        return changed(agreement_door.accept_agreement(info.context.ask, wanted, key=input.idempotency_key))

    @strawberry.mutation(
        description="End an agreement, alone and at once; one that is only proposed is refused by it.",
        directives=WRITE,
    )
    def end_agreement(
        self,
        info: Asked,
        input: Annotated[AgreementInput, strawberry.argument(description="What is to be done.")],
    ) -> AgreementPayload | None:
        wanted = AgreementId(local_id(AGREEMENT, input.agreement))
        return changed(agreement_door.end_agreement(info.context.ask, wanted, key=input.idempotency_key))

    @strawberry.mutation(
        description="Record what a visitor decided about one purpose at your own house.",
        directives=requires(Scope.CONSENT_WRITE),
    )
    def record_consent(
        self,
        info: Asked,
        input: Annotated[RecordConsentInput, strawberry.argument(description="What is to be done.")],
    ) -> ConsentPayload | None:
        ask = info.context.ask
        decision = Decision(
            controller=ask.caller.party,
            purpose=input.purpose,
            act=input.act,
            identifier=input.email,
            channel=input.channel,
            notice=input.notice,
            notice_version=input.notice_version,
        )
        done = record_consent(ask, decision, key=input.idempotency_key)
        return refused(done) if isinstance(done, Refusal) else ConsentRecorded(receipt=receipt(done))
