"""The roots of the desk: what a house does for a visitor who asks for it there."""

from __future__ import annotations

from typing import Annotated

import strawberry

from resolvers import persons as person_door
from resolvers import rights as right_door
from schema.context import Asked
from schema.directives import OPEN
from schema.person import (
    DESK,
    ErasePersonInput,
    ErasePersonPayload,
    StopPersonInput,
    StopPersonPayload,
    person_erased,
    person_stopped,
)


@strawberry.type(description="What the desk of a house changes about a visitor.", directives=OPEN)
class PersonMutations:
    @strawberry.mutation(
        description=(
            "Erase a visitor of your own house who asked for it at your desk. Visits and euros stay; who came goes."
        ),
        directives=DESK,
    )
    def erase_person(
        self,
        info: Asked,
        input: Annotated[ErasePersonInput, strawberry.argument(description="What is to be done.")],
    ) -> ErasePersonPayload | None:
        ask = info.context.ask
        email, mode, key = input.email, input.mode, input.idempotency_key
        if input.answers is None:
            return person_erased(person_door.desk_erase(ask, ask.caller.party, email, mode=mode, key=key))
        return person_erased(right_door.erase_as_asked(ask, input.answers, email, mode=mode, key=key))

    @strawberry.mutation(
        description=(
            "Stop every use of a visitor's data at your own house, and let no house take the address in from now on."
        ),
        directives=DESK,
    )
    def stop_person(
        self,
        info: Asked,
        input: Annotated[StopPersonInput, strawberry.argument(description="What is to be done.")],
    ) -> StopPersonPayload | None:
        ask = info.context.ask
        return person_stopped(
            person_door.desk_stop(ask, ask.caller.party, input.email, key=input.idempotency_key)
        )
