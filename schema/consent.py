"""Recording what a visitor decided."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.vocabulary import ConsentAct, ConsentChannel, Purpose, Scope
from schema.directives import OPEN, requires
from schema.receipt import Receipt
from schema.refused import Refused


@strawberry.input(description="What a visitor decided about one purpose at your house.", directives=OPEN)
class RecordConsentInput:
    idempotency_key: str = strawberry.field(description="Your own key; repeating it changes nothing.")
    email: str = strawberry.field(
        description="The visitor's e-mail address. Kept in the vault, and nowhere else."
    )
    purpose: Purpose = strawberry.field(description="The purpose that the visitor decided about.")
    act: ConsentAct = strawberry.field(description="What the visitor decided.")
    channel: ConsentChannel = strawberry.field(default=ConsentChannel.API, description="Where it was said.")
    notice: str | None = strawberry.field(default=None, description="Id of the notice that the visitor saw.")
    notice_version: int | None = strawberry.field(default=None, description="Version of that notice.")


@strawberry.type(
    description="The decision is recorded and holds from the next request on.",
    directives=requires(Scope.CONSENT_WRITE),
)
class ConsentRecorded:
    receipt: Receipt = strawberry.field(description="The entry, and the proof that it is in the ledger.")


ConsentPayload = Annotated[
    ConsentRecorded | Refused,
    strawberry.union("ConsentPayload", description="The receipt, or why it was refused."),
]
