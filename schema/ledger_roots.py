"""The roots of the ledger: what it holds, and samples that auditors open."""

from __future__ import annotations

from typing import Annotated

import strawberry

from consent_ledger.permit import Refusal
from consent_ledger.vocabulary import Scope
from resolvers import ledger as ledger_door
from resolvers.samples import open_sample
from schema.context import Asked
from schema.directives import OPEN, requires
from schema.ledger import Ledger
from schema.refused import RefusedWhole
from schema.sample import OpenSampleInput, OpenSamplePayload, sample_opened


@strawberry.type(description="What can be asked of the ledger itself.", directives=OPEN)
class LedgerQueries:
    @strawberry.field(
        description="The ledger: its position, proofs and entries, and the decisions that it tells of.",
        directives=requires(Scope.LEDGER_READ),
    )
    def ledger(
        self,
        info: Asked,
        proof_of: Annotated[
            int | None, strawberry.argument(description="Position of the entry that `proof` is of.")
        ] = None,
    ) -> Ledger | None:
        ask = info.context.ask
        signed = ledger_door.checkpoint(ask)
        if isinstance(signed, Refusal):
            raise RefusedWhole(signed)
        return Ledger(
            origin=ask.house.ledger.origin,
            size=ask.snapshot.size,
            root=ask.snapshot.root.hex(),
            checkpoint=signed,
            verifier_key=ask.house.ledger.verifier_key,
            proof_of=proof_of,
        )


@strawberry.type(description="What auditors open.", directives=OPEN)
class LedgerMutations:
    @strawberry.mutation(
        description=(
            "Draw persons whom a disclosure counted, by a random text of your own, and open on what each was "
            "counted. Recorded before anything is opened; the same text draws the same persons."
        ),
        directives=requires(Scope.LEDGER_EXPORT),
    )
    def open_sample(
        self,
        info: Asked,
        input: Annotated[OpenSampleInput, strawberry.argument(description="What is to be done.")],
    ) -> OpenSamplePayload | None:
        done = open_sample(info.context.ask, input.position, seed=input.seed, number=input.number)
        return sample_opened(done)
