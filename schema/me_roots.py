"""The roots of a visitor's own records and acts, and of the links in ticket mails."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.vocabulary import PartyId
from resolvers import own_records as record_door
from resolvers import visitors as visitor_door
from schema.context import Asked
from schema.directives import OPEN
from schema.ids import local_id
from schema.me import (
    ACT,
    READ,
    WRITE,
    CreateVisitorLinksInput,
    CreateVisitorLinksPayload,
    DecideInput,
    DecidePayload,
    EraseMeInput,
    EraseMePayload,
    Me,
    StopEverythingInput,
    StopEverythingPayload,
    decided,
    erased,
    links,
    my_house,
    stopped,
)
from schema.viewer import INSTITUTION


@strawberry.type(description="What a visitor can ask.", directives=OPEN)
class MeQueries:
    @strawberry.field(description="What is known of you, the visitor of this session.", directives=READ)
    def me(self, info: Asked) -> Me | None:
        ask = info.context.ask
        return Me(
            is_kept_out=record_door.is_kept_out(ask),
            houses=[my_house(known) for known in record_door.own_houses(ask)],
        )

    @strawberry.field(
        description="Everything that houses hold of you, as a JSON text to take with you.", directives=READ
    )
    def me_export(self, info: Asked) -> str | None:
        return record_door.export(info.context.ask)


@strawberry.type(description="What a visitor can do.", directives=OPEN)
class MeMutations:
    @strawberry.mutation(
        description="Decide about one purpose at one house that knows you. Taking back is one request, as giving is.",
        directives=ACT,
    )
    def decide(
        self,
        info: Asked,
        input: Annotated[DecideInput, strawberry.argument(description="What is to be done.")],
    ) -> DecidePayload | None:
        house = PartyId(local_id(INSTITUTION, input.institution))
        return decided(
            visitor_door.decide_own(
                info.context.ask, house, input.purpose, input.act, key=input.idempotency_key
            )
        )

    @strawberry.mutation(
        description=(
            "Stop every use of your data at every house, and be taken in by none from now on, those of later "
            "neither."
        ),
        directives=ACT,
    )
    def stop_everything(
        self,
        info: Asked,
        input: Annotated[StopEverythingInput, strawberry.argument(description="What is to be done.")],
    ) -> StopEverythingPayload | None:
        return stopped(visitor_door.stop_all(info.context.ask, key=input.idempotency_key))

    @strawberry.mutation(
        description="Be erased at one house or at all of them. Visits and euros stay; who came goes.",
        directives=ACT,
    )
    def erase_me(
        self,
        info: Asked,
        input: Annotated[EraseMeInput, strawberry.argument(description="What is to be done.")],
    ) -> EraseMePayload | None:
        house = None if input.institution is None else PartyId(local_id(INSTITUTION, input.institution))
        return erased(
            visitor_door.erase_own(info.context.ask, house, mode=input.mode, key=input.idempotency_key)
        )

    @strawberry.mutation(
        description="Make a stop link for each address, for your own ticket mails.", directives=WRITE
    )
    def create_visitor_links(
        self,
        info: Asked,
        input: Annotated[CreateVisitorLinksInput, strawberry.argument(description="For whom.")],
    ) -> CreateVisitorLinksPayload | None:
        return links(visitor_door.create_links(info.context.ask, input.emails))
