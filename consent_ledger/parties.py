"""
Parties of the platform, and the credential check that makes a `Caller`.

`admit` and `platform_caller` are the only makers of a `Caller`. `admit` asks live state on the
caller's own connection with every request, so that a blocked application, a revoked token or a
withdrawn signing key is refused at the very next one; nothing here is cached.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, bindparam, insert, select

from consent_ledger.caller import Caller
from consent_ledger.closed import mint
from consent_ledger.entry import Actor, Draft, EntryType
from consent_ledger.reasons import Text
from consent_ledger.register import client as client_table
from consent_ledger.register import metadata, revoked_token, signing_key
from consent_ledger.register import party as party_table
from consent_ledger.vocabulary import (
    AUDIENCE_SCOPE,
    PLATFORM,
    ClientId,
    ClientKind,
    FieldGroup,
    PartyId,
    PartyKind,
    PersonRef,
    Position,
    Scope,
)

if TYPE_CHECKING:
    from consent_ledger.log import Rider

__all__ = [
    "CredentialRefused",
    "Party",
    "PartyRefused",
    "VerifiedLink",
    "VerifiedToken",
    "admit",
    "admit_visitor",
    "metadata",
    "names",
    "parties",
    "party",
    "platform_caller",
    "register_party",
]

_PARTY_ID = re.compile(r"[a-z0-9-]{2,40}", re.ASCII)

VISITOR = ClientId("visitor")
"""The name under which visitors act in entries; no application can be registered under it."""

UNITS = ("tickets", "counts")
"""What a house counts its visits by."""

PLATFORM_SCOPES: frozenset[Scope] = frozenset(
    {
        Scope.TICKETS_WRITE,
        Scope.CONSENT_WRITE,
        Scope.BENCHMARKS_READ,
        Scope.LEDGER_EXPORT,
        Scope.LEDGER_READ,
        *(scope for group, scope in AUDIENCE_SCOPE.items() if group is not FieldGroup.REFERENCE),
    }
)
"""What the platform's own batch work may ask at most: imports, withdrawals, releases, exports."""


class PartyRefused(Exception):
    """A party cannot be registered like this. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class CredentialRefused(Exception):
    """The credential opens nothing. Carries a code, and a plain sentence in Dutch and English."""

    def __init__(self, code: str, sentence: Text) -> None:
        super().__init__(sentence.en)
        self.code = code
        self.sentence = sentence


def _unauthenticated(nl: str, en: str) -> CredentialRefused:
    return CredentialRefused("UNAUTHENTICATED", Text(nl, en))


@dataclass(frozen=True, slots=True)
class Party:
    """One organisation as registered; `organisation` is the one that controls it, often itself."""

    id: PartyId
    kind: PartyKind
    name: str
    organisation: PartyId
    discipline: str | None = None
    province: str | None = None
    municipality: str | None = None
    region: str | None = None
    band: int | None = None
    unit: str = "tickets"
    public_figures: bool = False
    zone: str = "Europe/Amsterdam"
    sandbox: bool = False
    invented: bool = False
    position: Position | None = None  # None until it is recorded


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What an access token says, after its signature, issuer, audience and dates were checked."""

    jti: str
    client_id: ClientId
    party: PartyId
    scopes: frozenset[Scope]
    issued: datetime
    expires: datetime
    kid: str


@dataclass(frozen=True, slots=True)
class VerifiedLink:
    """
    What a visitor's link opened, after the vault found it whole, valid and unused.

    `may_only_stop`: a link from a ticket mail, which whoever reads the mail holds too.
    """

    id: str
    persons: frozenset[tuple[PartyId, PersonRef]]
    may_only_stop: bool


def register_party(new: Party, *, actor: Actor, idem: str | None = None) -> tuple[Draft, Rider]:
    """
    The entry `party.registered` and the rider that writes the row with it.

    Raises `PartyRefused` for a malformed id, name, unit, band or time zone, and for the platform,
    which is nobody's organisation.
    """
    for id_ in (new.id, new.organisation):
        if not _PARTY_ID.fullmatch(id_) or id_ == PLATFORM:
            raise PartyRefused("PARTY_ID", "a party's id has 2 to 40 small letters, digits or hyphens")
    if new.kind is PartyKind.PLATFORM:
        raise PartyRefused("PARTY_KIND", "the platform is not a party that can be registered")
    short = (new.discipline, new.province, new.region)
    bounded = [(new.name, 200), (new.municipality, 80), *((text, 40) for text in short)]
    if not new.name.strip() or any(
        len(text) > most or not text.isprintable() for text, most in bounded if text is not None
    ):
        raise PartyRefused("PARTY_NAME", "a name of a party is too long, empty, or not printable")
    if new.unit not in UNITS:
        raise PartyRefused("PARTY_UNIT", f"visits are counted by {' or '.join(UNITS)}")
    if new.band is not None and not 0 <= new.band < 2**31:
        raise PartyRefused("PARTY_BAND", "a declared band is a whole number from 0")
    try:
        ZoneInfo(new.zone)
    except (KeyError, ValueError, OSError):  # unknown is a KeyError
        raise PartyRefused("PARTY_ZONE", "the time zone is none that IANA knows") from None
    draft = Draft(
        type=EntryType.PARTY_REGISTERED,
        actor=actor,
        idem=idem or f"party.registered:{new.id}",
        body={
            "party": new.id,
            "kind": new.kind.value,
            "organisation": new.organisation,
            "sandbox": new.sandbox,
        },
    )

    def rider(connection: Connection, position: Position) -> None:
        connection.execute(
            insert(party_table).values(
                id=new.id,
                kind=new.kind.value,
                name=new.name,
                organisation=new.organisation,
                discipline=new.discipline,
                province=new.province,
                municipality=new.municipality,
                region=new.region,
                band=new.band,
                unit=new.unit,
                public_figures=int(new.public_figures),
                zone=new.zone,
                sandbox=int(new.sandbox),
                invented=int(new.invented),
                position=position,
            )
        )

    return draft, rider


def party(connection: Connection, id: PartyId) -> Party | None:  # noqa: A002 -- the word of the register
    """The party of this id."""
    row = connection.execute(select(party_table).where(party_table.c.id == id)).one_or_none()
    return None if row is None else _party(row)


def parties(connection: Connection, after: PartyId | None, first: int) -> list[Party]:
    """At most `first` parties whose ids come after `after`, in the order of their ids."""
    page = select(party_table).order_by(party_table.c.id).limit(first)
    if after is not None:
        page = page.where(party_table.c.id > after)
    return [_party(row) for row in connection.execute(page)]


def names(connection: Connection, wanted: Iterable[PartyId]) -> dict[PartyId, str]:
    """What the register calls these parties, by id; those that it does not know are left out."""
    some = select(party_table.c.id, party_table.c.name).where(party_table.c.id.in_(sorted(set(wanted))))
    return {PartyId(row.id): row.name for row in connection.execute(some)}


def platform_caller() -> Caller:
    """The named actor of batch work: imports by command line, releases, seeding. It holds no token."""
    return mint(
        Caller,
        client=ClientId(PLATFORM),
        party=PLATFORM,
        kind=ClientKind.PLATFORM,
        persons=frozenset(),
        scopes=PLATFORM_SCOPES,
        token="",
    )


def admit_visitor(link: VerifiedLink) -> Caller:
    """
    The visitor whom a link stands for: the own records, at the houses that know the visitor.

    A link that may only stop does not read. It is no application, so nothing is looked up here: the link
    was checked by whoever opened it, on the vault, in this same request.
    """
    scopes = {Scope.ME_CONSENT} if link.may_only_stop else {Scope.ME_READ, Scope.ME_CONSENT}
    return mint(
        Caller,
        client=VISITOR,
        party=PLATFORM,
        kind=ClientKind.VISITOR,
        persons=link.persons,
        scopes=frozenset(scopes),
        token=link.id,
    )


_LIVE = select(
    client_table.c.party,
    client_table.c.kind,
    client_table.c.scopes,
    client_table.c.status,
    select(revoked_token.c.jti)
    .where(revoked_token.c.jti == bindparam("jti"))
    .scalar_subquery()
    .label("revoked"),
    select(signing_key.c.state).where(signing_key.c.kid == bindparam("kid")).scalar_subquery().label("key"),
).where(client_table.c.id == bindparam("id"))
"""All that can end a token before its time, in one round trip."""


def admit(connection: Connection, token: VerifiedToken) -> Caller:
    """
    The caller that a verified token stands for, by what is recorded as `connection` sees it.

    The party and the role come from the application's row, never from the token; the scopes are
    those of the token that the application's ceiling still holds.

    Raises `CredentialRefused`:
     1. the application is unknown, or belongs to another party than when the token was issued;
     2. the application is blocked;
     3. the token was revoked;
     4. the key that signed it was withdrawn.
    Its dates are the reader's to check: this function does not know what time it is.
    """
    row = connection.execute(_LIVE, {"jti": token.jti, "kid": token.kid, "id": token.client_id}).one_or_none()
    if row is None or row.party != token.party or row.kind == ClientKind.PLATFORM:
        raise _unauthenticated(
            "De toepassing van dit token is hier niet (meer) geregistreerd.",
            "The application of this token is not registered here (any more).",
        )
    if row.status != "active":
        raise _unauthenticated(
            "De toepassing van dit token is geblokkeerd; de organisatie kan bij het platform vragen waarom.",
            "The application of this token is blocked; its organisation can ask the platform why.",
        )
    if row.revoked is not None:
        raise _unauthenticated(
            "Dit token is ingetrokken; haal een nieuw token op.",
            "This token was revoked; fetch a new one.",
        )
    if row.key not in {"active", "retired"}:
        raise _unauthenticated(
            "De sleutel waarmee dit token is ondertekend is niet meer in gebruik; haal een nieuw token op.",
            "The key that signed this token is no longer in use; fetch a new token.",
        )
    ceiling = frozenset(Scope(word) for word in row.scopes.split())
    return mint(
        Caller,
        client=token.client_id,
        party=PartyId(row.party),
        kind=ClientKind(row.kind),
        persons=frozenset(),
        scopes=token.scopes & ceiling,
        token=token.jti,
    )


def _party(row: Row[Any]) -> Party:
    return Party(
        PartyId(row.id),
        PartyKind(row.kind),
        row.name,
        PartyId(row.organisation),
        row.discipline,
        row.province,
        row.municipality,
        row.region,
        row.band,
        row.unit,
        bool(row.public_figures),
        row.zone,
        bool(row.sandbox),
        bool(row.invented),
        Position(row.position),
    )
