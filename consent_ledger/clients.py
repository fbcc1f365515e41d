"""
Applications: registered with a ceiling of scopes, blocked at once, known by secrets that nobody stores.

A secret is `cis_`, twelve hexadecimal digits that name its row, and 256 random bits, all from
[A-Za-z0-9_-], so that clients which form-encode it (RFC 6749, 2.3.1) and clients which do not send
the same. The row's name inside the secret keeps authentication at one look-up and one hash, however
many secrets an application has. The hash function comes in from outside: this package knows none.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from consent_ledger.entry import Actor, Draft, EntryType
from consent_ledger.parties import VISITOR
from consent_ledger.register import client as client_table
from consent_ledger.register import client_secret, revoked_token
from consent_ledger.vocabulary import PLATFORM, ClientId, ClientKind, PartyId, Position, Scope

if TYPE_CHECKING:
    from consent_ledger.log import Rider  # the log reads the register's words, never the other way round

AUTH_METHODS = ("client_secret_basic", "client_secret_post")
"""How an application may authenticate (RFC 6749, 2.3.1; names of RFC 7591): exactly the registered one."""

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SECRET = re.compile(r"cis_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)


class ClientRefused(Exception):
    """An application cannot be registered or changed like this. Carries a code and a plain sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Client:
    """One application as registered; `scopes` is its ceiling."""

    id: ClientId
    party: PartyId
    kind: ClientKind
    name: str
    auth_method: str
    scopes: frozenset[Scope]
    is_active: bool
    position: Position


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a presented secret is held against: the application, and the hash of the secret it names."""

    client: Client
    secret_id: str
    hash: str


def is_client_id(text: str) -> bool:
    """Whether `text` could be the id of an application at all."""
    return _CLIENT_ID.fullmatch(text) is not None


def secret_id(secret: str) -> str | None:
    """The row a secret names, or None when it is not of our making."""
    found = _SECRET.fullmatch(secret)
    return found[1] if found else None


def generate_secret() -> str:
    """A new secret of 256 random bits. It is shown once and stored nowhere."""
    return f"cis_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def register_client(
    *,
    id: ClientId,  # noqa: A002 -- the word of the register
    party: PartyId,
    kind: ClientKind,
    name: str,
    scopes: Iterable[Scope],
    actor: Actor,
    hashed: Callable[[str], str],
    now: datetime,
    auth_method: str = "client_secret_basic",
    idem: str | None = None,
) -> tuple[Draft, Rider, str]:
    """
    The entry `scope.granted`, the rider that writes the rows with it, and the application's secret.

    Append the two together; the secret works when the acknowledgement says that the entry is new.
    When it says `repeated`, the application stood already and this secret opens nothing.

    Raises `ClientRefused` for a malformed id, an unknown authentication method, no scopes, or the
    platform's own role, which no application can hold; the rider raises it for an id that was used.
    """
    ceiling = frozenset(Scope(scope) for scope in scopes)
    if not is_client_id(id) or id in {PLATFORM, VISITOR}:
        raise ClientRefused("CLIENT_ID", "an application's id has 1 to 64 letters, digits, _ or -")
    if kind in {ClientKind.PLATFORM, ClientKind.VISITOR} or party == PLATFORM:
        raise ClientRefused("CLIENT_KIND", "the platform and visitors act without an application")
    if auth_method not in AUTH_METHODS:
        raise ClientRefused(
            "CLIENT_AUTH_METHOD", f"an application authenticates by {' or '.join(AUTH_METHODS)}"
        )
    if not ceiling:
        raise ClientRefused("CLIENT_SCOPES", "an application without scopes can ask nothing")
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise ClientRefused("CLIENT_NAME", "an application's name has 1 to 200 printable characters")
    secret = generate_secret()
    secret_row = _secret_row(id, secret, hashed, now, None)
    words = sorted(ceiling)
    draft = Draft(
        type=EntryType.SCOPE_GRANTED,
        actor=actor,
        idem=idem or f"scope.granted:{id}",
        body={"client": id, "party": party, "kind": kind.value, "scopes": [scope.value for scope in words]},
    )

    def rider(connection: Connection, position: Position) -> None:
        if client(connection, id) is not None:  # blocked ones too: an id is used once
            raise ClientRefused("CLIENT_EXISTS", "an application with this id is registered already")
        connection.execute(
            insert(client_table).values(
                id=id,
                party=party,
                kind=kind.value,
                name=name,
                auth_method=auth_method,
                scopes=" ".join(words),
                status="active",
                position=position,
            )
        )
        connection.execute(insert(client_secret).values(secret_row))

    return draft, rider, secret


def block_client(client: Client, *, actor: Actor, idem: str | None = None) -> tuple[Draft, Rider]:
    """
    The entry `scope.revoked` and the rider that blocks the application with it.

    From the next request on its tokens open nothing, and no new ones are issued.
    """
    draft = Draft(
        type=EntryType.SCOPE_REVOKED,
        actor=actor,
        idem=idem or f"scope.revoked:{client.id}:{client.position}",
        body={"client": client.id, "party": client.party},
    )

    def rider(connection: Connection, position: Position) -> None:
        connection.execute(
            update(client_table)
            .where(client_table.c.id == client.id)
            .values(status="blocked", position=position)
        )

    return draft, rider


def add_secret(
    connection: Connection,
    client: ClientId,
    *,
    hashed: Callable[[str], str],
    now: datetime,
    expires: datetime | None = None,
) -> str:
    """One more secret, beside those that stand: an application changes over without a gap."""
    secret = generate_secret()
    connection.execute(insert(client_secret).values(_secret_row(client, secret, hashed, now, expires)))
    return secret


def expire_secret(connection: Connection, client: ClientId, secret_id: str, *, now: datetime) -> bool:
    """End one secret now; False when the application has no such secret. Tokens it fetched live on."""
    ended = connection.execute(
        update(client_secret)
        .where(client_secret.c.client == client, client_secret.c.id == secret_id)
        .values(expires_at=int(now.timestamp()))
    )
    return ended.rowcount == 1


def replace_hash(connection: Connection, secret_id: str, *, old: str, new: str) -> None:
    """Keep a secret under a newer hash, unless another process already did."""
    connection.execute(
        update(client_secret)
        .where(client_secret.c.id == secret_id, client_secret.c.hash == old)
        .values(hash=new)
    )


_BY_ID = select(client_table).where(client_table.c.id == bindparam("id"))

_CREDENTIALS = (
    select(client_table, client_secret.c.hash)
    .join(client_secret, client_secret.c.client == client_table.c.id)
    .where(
        client_table.c.id == bindparam("id"),
        client_secret.c.id == bindparam("secret"),
        or_(client_secret.c.expires_at.is_(None), client_secret.c.expires_at > bindparam("now")),
    )
)


def client(connection: Connection, id: ClientId) -> Client | None:  # noqa: A002
    """The application of this id, blocked ones too."""
    row = connection.execute(_BY_ID, {"id": id}).one_or_none()
    return None if row is None else _client(row)


def credentials(connection: Connection, id: ClientId, secret_id: str, *, now: datetime) -> Credentials | None:  # noqa: A002
    """The application with the secret of that name; None when either is unknown or the secret has ended."""
    asked = {"id": id, "secret": secret_id, "now": int(now.timestamp())}
    row = connection.execute(_CREDENTIALS, asked).one_or_none()
    if row is None:
        return None
    return Credentials(_client(row), secret_id, row.hash)


def revoke_token(
    connection: Connection, *, jti: str, client: ClientId, expires: datetime, now: datetime
) -> None:
    """
    Put a token on the list that `admit` reads with every request; repeatable.

    Entries of tokens that have expired leave the list: those are refused by their own date.
    """
    values = {
        "jti": jti,
        "client": client,
        "expires_at": int(expires.timestamp()),
        "revoked_at": int(now.timestamp()),
    }
    # two processes may revoke the same token at once: the second one finds it done
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(revoked_token).values(values).on_conflict_do_nothing())
    # a minute of grace, for a process whose clock is behind
    connection.execute(delete(revoked_token).where(revoked_token.c.expires_at < int(now.timestamp()) - 60))


def _secret_row(
    client: ClientId, secret: str, hashed: Callable[[str], str], now: datetime, expires: datetime | None
) -> dict[str, object]:
    name = secret_id(secret)
    assert name is not None
    return {
        "id": name,
        "client": client,
        "hash": hashed(secret),
        "created_at": int(now.timestamp()),
        "expires_at": None if expires is None else int(expires.timestamp()),
    }


def _client(row: Row[Any]) -> Client:
    return Client(
        ClientId(row.id),
        PartyId(row.party),
        ClientKind(row.kind),
        row.name,
        row.auth_method,
        frozenset(Scope(word) for word in row.scopes.split()),
        row.status == "active",
        Position(row.position),
    )
