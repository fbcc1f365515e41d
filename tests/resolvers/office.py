"""Applications that a scene does not begin with: a house's office, which may do everything a house may, and a steward."""

from __future__ import annotations

from consent_ledger.caller import Caller
from consent_ledger.closed import mint
from consent_ledger.entry import EntryType
from consent_ledger.steps import ROLE_MAY
from consent_ledger.vocabulary import ClientId, ClientKind, PartyId, PartyKind
from tests.resolvers.scene import LAKESIDE, Scene

STEWARD = PartyId("steward")


def office(scene: Scene, party: PartyId = LAKESIDE) -> Caller:
    """An application of this house with every scope that a house can have."""
    return _granted(scene, f"{party}-office", party, ClientKind.INSTITUTION_APP)


def steward(scene: Scene) -> Caller:
    """The application of the platform's steward."""
    scene.party(STEWARD, PartyKind.STEWARD)
    return _granted(scene, "steward-app", STEWARD, ClientKind.STEWARD)


def _granted(scene: Scene, name: str, party: PartyId, kind: ClientKind) -> Caller:
    scopes = ROLE_MAY[kind]
    scene.say(
        EntryType.SCOPE_GRANTED,
        {"client": name, "party": party, "kind": kind.value, "scopes": [*sorted(scopes)]},
    )
    return mint(
        Caller,
        client=ClientId(name),
        party=party,
        kind=kind,
        persons=frozenset(),
        scopes=scopes,
        token="t",
    )
