"""A receipt as GraphQL shows it: an entry of the ledger, and the proof that it is there."""

from __future__ import annotations

import strawberry

from resolvers import gate
from schema.directives import OPEN


@strawberry.type(
    description="An entry and its proof; check it with any C2SP tool. Names no person.", directives=OPEN
)
class Receipt:
    position: int = strawberry.field(description="Index of the entry.")
    entry: str = strawberry.field(description="The exact bytes of the entry.")
    proof: str = strawberry.field(description="C2SP tlog-proof: index, hashes and signed checkpoint.")


def receipt(given: gate.Receipt) -> Receipt:
    """A receipt as GraphQL shows it."""
    return Receipt(position=given.position, entry=given.entry, proof=given.proof)
