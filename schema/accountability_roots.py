"""The root under which a house accounts for itself: documents made from the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import AgreementId, ClientId, PartyId, Scope
from resolvers import accountability as door
from schema.accountability import (
    READ,
    BreachReport,
    PoolEssence,
    ProcessingRecord,
    RecipientNotice,
)
from schema.agreement import AGREEMENT
from schema.context import Asked
from schema.directives import OPEN, requires
from schema.ids import local_id
from schema.refused import RefusedWhole
from schema.viewer import INSTITUTION

OfWhom = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Global id of an organisation; none: your own. For auditors, any."),
]


@strawberry.input(
    description="A window, and exactly one of client, recipient and controller.", directives=OPEN
)
class BreachInput:
    since: datetime = strawberry.field(description="From this moment.")
    until: datetime = strawberry.field(description="Up to this moment.")
    client: strawberry.ID | None = strawberry.field(default=None, description="The application breached.")
    recipient: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the recipient breached."
    )
    controller: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the house whose data are concerned."
    )
    aware: datetime | None = strawberry.field(
        default=None, description="When the houses knew: 72 hours are counted from it."
    )


@strawberry.type(
    description="Documents by which organisations account for themselves, made from the ledger alone.",
    directives=READ,
)
class Accountability:
    @strawberry.field(description="The record of processing activities of a controller (GDPR, article 30).")
    def record(self, info: Asked, institution: OfWhom = None) -> ProcessingRecord | None:
        made = door.record(info.context.ask, _own_or(institution))
        if isinstance(made, Refusal):
            raise RefusedWhole(made)
        return ProcessingRecord(account=made, record=made.document)

    @strawberry.field(description="What visitors are told of the joint control of the pool (article 26).")
    def essence(self, info: Asked) -> PoolEssence | None:
        made = door.essence(info.context.ask)
        if isinstance(made, Refusal):
            raise RefusedWhole(made)
        return PoolEssence(account=made, essence=made.document)

    @strawberry.field(
        description=(
            "The notice that a recipient owes under one agreement (article 14); null when it receives nothing "
            "under it, as for one that never was."
        )
    )
    def notice(
        self,
        info: Asked,
        agreement: Annotated[strawberry.ID, strawberry.argument(description="Global id of the agreement.")],
        recipient: OfWhom = None,
    ) -> RecipientNotice | None:
        wanted = AgreementId(local_id(AGREEMENT, agreement))
        made = door.notice(info.context.ask, wanted, _own_or(recipient))
        if isinstance(made, Refusal):
            raise RefusedWhole(made)
        return None if made is None else RecipientNotice(account=made, notice=made.document)

    @strawberry.field(
        description=(
            "What left in a window, and who must be told (articles 33 and 34). A house sees what was its own or "
            "came to it, an auditor all."
        )
    )
    def breach(
        self,
        info: Asked,
        input: Annotated[BreachInput, strawberry.argument(description="What was breached, and when.")],
    ) -> BreachReport | None:
        made = door.breach(
            info.context.ask,
            since=input.since,
            until=input.until,
            client=None if input.client is None else ClientId(input.client),
            recipient=_own_or(input.recipient),
            controller=_own_or(input.controller),
            aware=input.aware,
        )
        if isinstance(made, Refusal):
            raise RefusedWhole(made)
        return BreachReport(account=made, breach=made.document)


@strawberry.type(description="Questions of accountability.", directives=OPEN)
class AccountabilityQueries:
    @strawberry.field(
        description="How organisations account for what they do: documents made from the ledger alone.",
        directives=requires(Scope.LEDGER_READ),
    )
    def accountability(self) -> Accountability | None:
        return Accountability()


def _own_or(given: strawberry.ID | None) -> PartyId | None:
    return None if given is None else PartyId(local_id(INSTITUTION, given))
