"""The whole of OAuth for the assembly: routes to mount, and the credential check for every door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyio import to_thread
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.oauth import metadata
from api.oauth.endpoints import FormEndpoint, Pools, busy
from api.oauth.keys import JWKS_SECONDS, SigningKeys, ensure_active
from api.oauth.secrets import Secrets
from api.oauth.server import CultuurAuthorizationServer
from api.oauth.tokens import TokenRefused, Tokens
from consent_ledger.caller import Caller
from consent_ledger.clock import Clock
from consent_ledger.database import DatabaseRefused, reading
from consent_ledger.keyring import Keyring
from consent_ledger.parties import CredentialRefused, admit
from consent_ledger.reasons import Text
from consent_ledger.vault import SESSION
from resolvers.visitors import Visitor

Sessions = Callable[[str], Visitor | None]
"""The visitor of a session's token, by what is known at this moment."""

_PUBLIC = {"Cache-Control": f"public, max-age={JWKS_SECONDS}", "Access-Control-Allow-Origin": "*"}


class BearerRefused(CredentialRefused):
    """
    A request without a credential that opens something: 401, with what to answer in the header.

    `www_authenticate` follows RFC 6750, 3 and RFC 9728, 5.1.
    """

    def __init__(self, sentence: Text, www_authenticate: str) -> None:
        super().__init__("UNAUTHENTICATED", sentence)
        self.www_authenticate = www_authenticate


class OAuth:
    """
    The authorization server and the check of its tokens, for one issuer and one protected resource.

    Both addresses are settings, never read from a request. At construction a signing key is made when
    there is none. Raises `OAuthSettingsRefused` and `SigningKeyRefused`.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        keyring: Keyring,
        issuer: str,
        audience: str,
        clock: Clock,
        sessions: Sessions | None = None,
    ) -> None:
        self.issuer = metadata.checked_issuer(issuer)
        self.audience = metadata.checked_audience(audience)
        self._engine = engine
        self._clock = clock
        self._sessions = sessions
        ensure_active(engine, keyring, clock)
        self._keys = SigningKeys(keyring)
        self._tokens = Tokens(self._keys, issuer=issuer, audience=audience, clock=clock)
        self._secrets = Secrets()
        self._server = CultuurAuthorizationServer(
            engine=engine, secrets=self._secrets, tokens=self._tokens, issuer=issuer, clock=clock
        )
        self._pools = Pools()
        self._challenge = f'resource_metadata="{metadata.resource_metadata_address(audience)}"'

    def routes(self) -> list[Route]:
        """Token, revocation, JWKS and both metadata documents."""
        server = metadata.server_metadata(self.issuer)
        resource = metadata.resource_metadata(self.issuer, self.audience)
        shared: dict[str, Any] = {"engine": self._engine, "secrets": self._secrets, "pools": self._pools}
        return [
            Route(metadata.TOKEN_PATH, FormEndpoint(self._server.token, **shared)),
            Route(metadata.REVOCATION_PATH, FormEndpoint(self._server.revoke, **shared)),
            Route(metadata.JWKS_PATH, self._jwks),
            Route(metadata.SERVER_METADATA_PATH, _document(server)),
            Route(metadata.resource_metadata_path(self.audience), _document(resource)),
        ]

    def credential(self, connection: Connection, authorization: str | None) -> Caller:
        """
        The caller that an Authorization header stands for, by what `connection` sees now.

        Ask once per request, on the read transaction in which the request is answered: a block, a
        revocation or a withdrawn key that was committed before it began refuses here.

        Raises `BearerRefused`: without `error` when there is no Bearer token, with `invalid_token` when
        there is one that opens nothing (RFC 6750, 3.1).
        """
        caller, _ = self.admitted(connection, authorization)
        return caller

    def admitted(self, connection: Connection, authorization: str | None) -> tuple[Caller, str | None]:
        """The same, with a visitor's own address beside it: who comes by session has no application."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip(" "):
            raise BearerRefused(
                Text(
                    "Voor deze vraag is een toegangstoken nodig.",
                    "This question needs an access token.",
                ),
                f"Bearer {self._challenge}",
            )
        if self._sessions is not None and token.strip(" ").startswith(SESSION):
            return self._visiting(self._sessions(token.strip(" ")))
        try:
            verified = self._tokens.verify(connection, token.strip(" "))
            return admit(connection, verified), None
        except TokenRefused as refused:
            raise self._invalid(
                Text("Het toegangstoken is niet geldig; haal een nieuw token op.", str(refused)),
                str(refused),
            ) from None
        except CredentialRefused as refused:
            raise self._invalid(refused.sentence, refused.sentence.en) from None

    def _visiting(self, visitor: Visitor | None) -> tuple[Caller, str]:
        if visitor is None:
            sentence = Text(
                "Deze sessie is voorbij; vraag een nieuwe link aan.",
                "This session is over; ask for a new link.",
            )
            raise self._invalid(sentence, sentence.en)
        return visitor.caller, visitor.identifier

    def _invalid(self, sentence: Text, description: str) -> BearerRefused:
        return BearerRefused(
            sentence,
            f'Bearer error="invalid_token", error_description="{description}", {self._challenge}',
        )

    async def _jwks(self, _: Request) -> Response:
        def published() -> list[dict[str, str]]:
            with reading(self._engine) as connection:
                return self._keys.published(connection, self._clock())

        try:
            return JSONResponse({"keys": await to_thread.run_sync(published)}, headers=_PUBLIC)
        except (DatabaseRefused, OperationalError):
            return busy()


def _document(content: dict[str, object]) -> Any:
    response = JSONResponse(content, headers=_PUBLIC)
    body, headers = response.body, dict(response.headers)

    async def answer(_: Request) -> Response:
        return Response(body, headers=headers)

    return answer
