"""Who the caller is, and the public register of organisations."""

from __future__ import annotations

import strawberry

from consent_ledger.caller import Caller
from consent_ledger.parties import Party
from consent_ledger.vocabulary import ClientKind, PartyKind, Scope
from schema.directives import OPEN, ScopeName, requires
from schema.ids import global_id
from schema.paging import PageInfo

INSTITUTION = "Institution"


@strawberry.type(
    description="Who asks: the application itself. It learns nothing about anybody else.", directives=OPEN
)
class Viewer:
    client: strawberry.ID = strawberry.field(description="The application's id.")
    institution: strawberry.ID = strawberry.field(description="Global id of the organisation it acts for.")
    kind: ClientKind = strawberry.field(description="The role in which it acts.")
    scopes: list[ScopeName] = strawberry.field(
        description="The scopes of this token, as far as they still stand."
    )


def viewer(caller: Caller) -> Viewer:
    """The caller as GraphQL shows it."""
    return Viewer(
        client=strawberry.ID(caller.client),
        institution=strawberry.ID(global_id(INSTITUTION, caller.party)),
        kind=caller.kind,
        scopes=[ScopeName(scope) for scope in sorted(caller.scopes)],
    )


@strawberry.type(
    description="An organisation as the public register knows it.", directives=requires(Scope.CATALOGUE_READ)
)
class Institution:
    id: strawberry.ID = strawberry.field(description="Global id.")
    name: str = strawberry.field(description="Its name.")
    kind: PartyKind = strawberry.field(description="What it is on the platform.")
    discipline: str | None = strawberry.field(description="Theatre, museum, cinema, festival, …")
    municipality: str | None = strawberry.field(description="Where it stands.")
    province: str | None = strawberry.field(description="Its province.")
    band: int | None = strawberry.field(description="The size band it declared: floor(log2(yearly visits)).")
    is_invented: bool = strawberry.field(description="True for every organisation that was made up.")


def institution(found: Party) -> Institution:
    """A party as GraphQL shows it."""
    return Institution(
        id=strawberry.ID(global_id(INSTITUTION, found.id)),
        name=found.name,
        kind=found.kind,
        discipline=found.discipline,
        municipality=found.municipality,
        province=found.province,
        band=found.band,
        is_invented=bool(found.invented),
    )


@strawberry.type(description="One organisation in a list.", directives=requires(Scope.CATALOGUE_READ))
class InstitutionEdge:
    node: Institution = strawberry.field(description="The organisation.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(description="A page of the register.", directives=requires(Scope.CATALOGUE_READ))
class InstitutionConnection:
    edges: list[InstitutionEdge] = strawberry.field(description="The organisations of this page, by id.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")
