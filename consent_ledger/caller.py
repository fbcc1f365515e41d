"""Who asks: a closed value that only the credential check of `parties` makes."""

from __future__ import annotations

from typing import Never, final

from consent_ledger.closed import Closed
from consent_ledger.vocabulary import ClientId, ClientKind, PartyId, Scope


@final
class Caller(Closed):
    """Who asks: made by the credential check in `parties` alone."""

    __slots__ = ("client", "kind", "party", "scopes", "token")

    client: ClientId
    party: PartyId
    kind: ClientKind
    scopes: frozenset[Scope]
    token: str

    def __init__(self, forbidden: Never, /) -> None:
        super().__init__(forbidden)
