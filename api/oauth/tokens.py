"""
Access tokens: JWTs of type `at+jwt` (RFC 9068), ES256, for one audience, of at most ten minutes.

A token says who may ask and what at most. It carries no consent and no agreement: these are read
live. Its signature is verified once; what it says is then remembered under SHA-256 of the token,
its dates are looked at again with every request, and live state is asked by `parties.admit`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, GuestProtocol
from sqlalchemy import Connection

from api.oauth.keys import ALGORITHM, TOKEN_SECONDS, SigningKeys
from consent_ledger.clients import Client, is_client_id
from consent_ledger.clock import Clock
from consent_ledger.parties import VerifiedToken
from consent_ledger.vocabulary import ClientId, PartyId, Scope

TYPE = "at+jwt"
MAX_TOKEN = 8192
"""Bytes of a presented token at most."""

SUBJECT_PREFIX = "app:"
"""Sets an application acting for itself apart from any person (RFC 9700, 4.15)."""

_SKEW = timedelta(seconds=5)
"""How far another process's clock may be ahead."""

_REMEMBERED = 4096
_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_PARTY = re.compile(r"[a-z0-9-]{2,40}", re.ASCII)
_HEADER = frozenset({"alg", "typ", "kid"})
_WORDS = {scope.value: scope for scope in Scope}


class TokenRefused(Exception):
    """The token is none of ours, or not for here and now. The text is ASCII and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh token, and what the token endpoint says of it."""

    token: str
    seconds: int
    scope: str


class Tokens:
    """Mints and verifies for one issuer and one audience. Safe between threads."""

    def __init__(self, keys: SigningKeys, *, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._lock = threading.Lock()
        self._verified: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    def mint(self, connection: Connection, client: Client, scopes: Iterable[Scope]) -> Issued:
        """A token for `client`, acting for the party on its row, with these scopes."""
        kid, key = self._keys.active(connection)
        now = int(self._clock().timestamp())
        scope = " ".join(sorted(scopes))
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": f"{SUBJECT_PREFIX}{client.id}",
            "client_id": client.id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "scope": scope,
            "inst": client.party,
        }
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": kid}
        return Issued(jwt.encode(header, claims, key, algorithms=[ALGORITHM]), TOKEN_SECONDS, scope)

    def verify(self, connection: Connection, presented: str) -> VerifiedToken:
        """
        What a token says, when it is ours, for here and for now.

        1. at most 8 KiB of plain characters;
        2. header: ES256, type at+jwt, a kid of ours, and nothing else (RFC 8725, 3.1 and 3.11);
        3. the signature;
        4. issuer and audience exactly ours, every claim there and of its kind (RFC 9068, 4);
        5. issued, not longer than ten minutes before its end, and not ended.
        The caller asks `parties.admit` next: this function does not know who was blocked.

        Raises `TokenRefused`.
        """
        token = self.read(connection, presented)
        now = self._clock()
        if token.issued > now + _SKEW:
            raise TokenRefused("The access token is not valid yet.")
        if token.expires <= now:
            raise TokenRefused("The access token has expired.")
        return token

    def read(self, connection: Connection, presented: str) -> VerifiedToken:
        """Like `verify`, whatever the time: a token that has ended can still be named. Raises `TokenRefused`."""
        if len(presented) > MAX_TOKEN or not presented.isascii():
            raise TokenRefused("The access token is malformed.")
        raw = presented.encode()
        if not _COMPACT.fullmatch(raw):
            raise TokenRefused("The access token is malformed.")
        mark = hashlib.sha256(raw).digest()
        with self._lock:
            known = self._verified.get(mark)
        if known is None:
            known = self._check(connection, raw)
            with self._lock:
                self._verified[mark] = known
                if len(self._verified) > _REMEMBERED:
                    self._verified.popitem(last=False)
        return known

    def _check(self, connection: Connection, raw: bytes) -> VerifiedToken:
        def signer(guest: GuestProtocol) -> ECKey:
            header = guest.headers()
            kid = header.get("kid")
            # RFC 9068, 4: the type keeps other JWTs of the same key (assertions, receipts) out
            if header.keys() != _HEADER or header["typ"] not in {TYPE, f"application/{TYPE}"}:
                raise TokenRefused("The token is not an access token.")
            if header["alg"] != ALGORITHM or not isinstance(kid, str) or not _ID.fullmatch(kid):
                raise TokenRefused("The access token is not signed by this server.")
            key = self._keys.public(connection, kid)
            if key is None:
                raise TokenRefused("The access token is not signed by this server.")
            return key

        try:
            token = jwt.decode(raw, signer, algorithms=[ALGORITHM])
        except TokenRefused:
            raise
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            # whatever a library says of forged bytes is of no use to whoever forged them
            raise TokenRefused("The access token is malformed, or not signed by this server.") from None
        return self._claims(token.claims, str(token.header["kid"]))

    def _claims(self, claims: dict[str, Any], kid: str) -> VerifiedToken:
        if claims.get("iss") != self._issuer:
            raise TokenRefused("The access token comes from another issuer.")
        if claims.get("aud") != self._audience:
            raise TokenRefused("The access token is meant for another service.")
        texts = {name: claims.get(name) for name in ("jti", "client_id", "sub", "scope", "inst")}
        times = {name: claims.get(name) for name in ("iat", "exp")}
        if not all(isinstance(text, str) for text in texts.values()) or not all(
            isinstance(time, int) and not isinstance(time, bool) and 0 <= time < 2**37
            for time in times.values()
        ):
            raise TokenRefused("The access token lacks a claim.")
        client, issued, expires = str(texts["client_id"]), int(str(times["iat"])), int(str(times["exp"]))
        if (
            not is_client_id(client)
            or texts["sub"] != f"{SUBJECT_PREFIX}{client}"
            or not _ID.fullmatch(str(texts["jti"]))
            or not _PARTY.fullmatch(str(texts["inst"]))
            or not 0 < expires - issued <= TOKEN_SECONDS
            or claims.get("nbf", issued) != issued
        ):
            raise TokenRefused("The access token has a claim that cannot be.")
        return VerifiedToken(
            jti=str(texts["jti"]),
            client_id=ClientId(client),
            party=PartyId(str(texts["inst"])),
            # a word that fell out of the vocabulary opens nothing
            scopes=frozenset(_WORDS[word] for word in str(texts["scope"]).split() if word in _WORDS),
            issued=datetime.fromtimestamp(issued, UTC),
            expires=datetime.fromtimestamp(expires, UTC),
            kid=kid,
        )
