"""Revocation (RFC 7009): a client ends its own token, and the next request with it is refused."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint

from api.oauth.clients import RegisteredClient
from api.oauth.requests import StarletteOAuth2Request
from api.oauth.tokens import TokenRefused
from consent_ledger.clients import AUTH_METHODS, revoke_token
from consent_ledger.database import writing
from consent_ledger.parties import VerifiedToken


class TokenRevocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """
    On its answer 200 the revocation is durable, and every process refuses the token.

    A token that is unknown, malformed or over counts as revoked (RFC 7009, 2.2). Another client's
    token is refused with `invalid_grant`, and stays as it is (2.1). Hints are not needed: all are
    ignored, the unknown ones too (2.1).
    """

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def authenticate_token(
        self, request: StarletteOAuth2Request, client: RegisteredClient
    ) -> VerifiedToken | None:
        if "token" not in request.form:
            raise InvalidRequestError("The token parameter is missing.")
        try:
            token = self.server.tokens.read(request.connection, request.form["token"])
        except TokenRefused:
            return None
        assert isinstance(token, VerifiedToken)
        if token.client_id != client.row.id:
            raise InvalidGrantError("The token was issued to another client.")
        return token if token.expires > self.server.clock() else None

    def revoke_token(self, token: VerifiedToken, request: StarletteOAuth2Request) -> None:  # noqa: ARG002
        with writing(self.server.engine) as connection:
            revoke_token(
                connection,
                jti=token.jti,
                client=token.client_id,
                expires=token.expires,
                now=self.server.clock(),
            )
