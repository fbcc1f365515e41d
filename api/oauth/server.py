"""
Authlib's authorization server on our own requests, answers and clients.

Authlib's core is synchronous and knows no Starlette: a request is read first (`requests.receive`),
then one call here, in a worker thread and on one read transaction, gives the whole answer.
"""

from __future__ import annotations

import logging
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749 import UnsupportedGrantTypeError as _Unsupported
from sqlalchemy import Connection, Engine
from starlette.responses import JSONResponse, Response

from api.oauth.clients import ClientNotAuthenticated, RegisteredClient, authenticate
from api.oauth.grants import AppCredentialsGrant
from api.oauth.requests import Received, StarletteOAuth2Request
from api.oauth.revocation import TokenRevocation
from api.oauth.secrets import Secrets
from api.oauth.tokens import Tokens
from consent_ledger.clock import Clock

log = logging.getLogger("cultuurinzicht.oauth")


class UnsupportedGrantType(_Unsupported):  # type: ignore[misc]  # Authlib has no types
    """The same error with a constant text: Authlib's own copies the input into it."""

    def __init__(self) -> None:
        super().__init__(None)

    def get_error_description(self) -> str:
        return "This grant type is not supported."

    def get_body(self) -> list[tuple[str, str]]:
        return [("error", self.error), ("error_description", self.get_error_description())]


class CultuurAuthorizationServer(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """Tokens for registered applications, and their revocation. Safe between threads."""

    def __init__(
        self, *, engine: Engine, secrets: Secrets, tokens: Tokens, issuer: str, clock: Clock
    ) -> None:
        super().__init__()
        self.engine = engine
        self.secrets = secrets
        self.tokens = tokens
        self.issuer = issuer
        self.clock = clock
        self.register_grant(AppCredentialsGrant)
        self.register_endpoint(TokenRevocation)

    def token(self, connection: Connection, received: Received, verdict: tuple[str, bool] | None) -> Response:
        """The token endpoint (RFC 6749, 3.2). Raises `HashNeeded` when a secret must be hashed first."""
        return self._answer(self.create_token_response, connection, received, verdict)

    def revoke(
        self, connection: Connection, received: Received, verdict: tuple[str, bool] | None
    ) -> Response:
        """The revocation endpoint (RFC 7009, 2). Raises `HashNeeded` when a secret must be hashed first."""

        def respond(request: StarletteOAuth2Request) -> Response:
            answer = self.create_endpoint_response(TokenRevocation.ENDPOINT_NAME, request)
            assert isinstance(answer, Response)
            return answer

        return self._answer(respond, connection, received, verdict)

    def _answer(
        self,
        respond: Any,
        connection: Connection,
        received: Received,
        verdict: tuple[str, bool] | None,
    ) -> Response:
        request = StarletteOAuth2Request(received, issuer=self.issuer, connection=connection, verdict=verdict)
        answer = respond(request)
        assert isinstance(answer, Response)
        if request.client is not None:
            # the id of a client that proved itself; of others nothing is written down, it may be anything
            log.info(
                "oauth.answered",
                extra={"path": received.path, "client": request.client.row.id, "status": answer.status_code},
            )
        return answer

    def get_token_grant(self, request: StarletteOAuth2Request) -> Any:
        if request.payload.grant_type is None:
            raise InvalidRequestError("The grant_type parameter is missing.")
        try:
            return super().get_token_grant(request)
        except _Unsupported:
            raise UnsupportedGrantType from None

    def create_token_response(self, request: StarletteOAuth2Request) -> Response:
        try:
            grant = self.get_token_grant(request)
            grant.validate_token_request()
            answer: Response = self.handle_response(*grant.create_token_response())
        except OAuth2Error as error:
            answer = self.handle_error_response(request, error)
        return answer

    def authenticate_client(
        self, request: StarletteOAuth2Request, methods: list[str], endpoint: str = "token"
    ) -> RegisteredClient:
        """Replaces Authlib's: see `clients.authenticate` for what must hold."""
        try:
            return authenticate(request, self.secrets, self.clock, frozenset(methods))
        except ClientNotAuthenticated:
            log.warning("oauth.client_refused", extra={"endpoint": endpoint})
            raise

    def create_oauth2_request(self, request: StarletteOAuth2Request) -> StarletteOAuth2Request:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: what happened is in the log and in the tables."""

    def handle_response(self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]) -> Response:
        response = JSONResponse(body, status)
        for name, value in headers:
            response.headers[name] = value
        return response
