"""The roots of consent: what visitors decided is recorded, alone or as a list, and where one stands is asked."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from resolvers.batches import record_consents
from resolvers.consent import record_consent
from resolvers.consent_state import consent_state
from schema.consent import (
    READ,
    WRITE,
    ConsentPayload,
    ConsentRecorded,
    ConsentsPayload,
    ConsentStanding,
    ConsentStateInput,
    RecordConsentInput,
    RecordConsentsInput,
    consent_standing,
    consents_recorded,
)
from schema.context import Asked
from schema.directives import OPEN
from schema.receipt import receipt
from schema.refused import RefusedWhole, refused


@strawberry.type(description="Questions about what visitors decided.", directives=OPEN)
class ConsentQueries:
    @strawberry.field(
        description=(
            "Where one visitor stands for one purpose at the own house: now, or as it was known at an earlier "
            "size of the ledger and valid at another day. Whom the house does not know never said anything."
        ),
        directives=READ,
    )
    def consent_state(
        self,
        info: Asked,
        input: Annotated[ConsentStateInput, strawberry.argument(description="Who, about what, when.")],
    ) -> ConsentStanding | None:
        found = consent_state(
            info.context.ask,
            input.email,
            input.purpose,
            as_known_at=input.as_known_at,
            valid_at=input.valid_at,
        )
        if isinstance(found, Refusal):
            raise RefusedWhole(found)
        return consent_standing(found)


@strawberry.type(description="Changes of what visitors decided.", directives=OPEN)
class ConsentMutations:
    @strawberry.mutation(
        description="Record what a visitor decided about one purpose at your own house.", directives=WRITE
    )
    def record_consent(
        self,
        info: Asked,
        input: Annotated[RecordConsentInput, strawberry.argument(description="What is to be done.")],
    ) -> ConsentPayload | None:
        ask = info.context.ask
        done = record_consent(ask, input.decision(ask.caller.party), key=input.idempotency_key)
        return (
            refused(done) if isinstance(done, Refusal) else ConsentRecorded(receipt=receipt(done), given=done)
        )

    @strawberry.mutation(
        description=(
            "Record a list of decisions that visitors of your own house made elsewhere, in one entry. An old yes "
            "never overwrites a newer no; rows that do not count are told by their number."
        ),
        directives=WRITE,
    )
    def record_consents(
        self,
        info: Asked,
        input: Annotated[RecordConsentsInput, strawberry.argument(description="What is to be done.")],
    ) -> ConsentsPayload | None:
        ask = info.context.ask
        given = input.listed(ask.caller.party)
        return consents_recorded(record_consents(ask, given, key=input.idempotency_key))
