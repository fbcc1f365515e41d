"""Who asks: a closed value that only the credential check of `parties` makes."""

from __future__ import annotations

from typing import Never, final

from consent_ledger.closed import Closed
from consent_ledger.vocabulary import ClientId, ClientKind, PartyId, PersonRef, Scope


@final
class Caller(Closed):
    """
    Who asks: made by the credential check in `parties` alone.

    `persons` are a visitor's own references at the houses that know the visitor; nobody else has any.
    """

    __slots__ = ("client", "kind", "party", "persons", "scopes", "token")

    client: ClientId
    party: PartyId
    kind: ClientKind
    persons: frozenset[tuple[PartyId, PersonRef]]
    scopes: frozenset[Scope]
    token: str

    def __init__(self, forbidden: Never, /) -> None:
        super().__init__(forbidden)
