"""The one grant so far: an application asks for itself (RFC 6749, 4.4)."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from consent_ledger.clients import AUTH_METHODS


class AppCredentialsGrant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    """
    client_credentials for applications of institutions, partners and auditors.

    A scope that is not registered for the client is refused with `invalid_scope`; a scope left out
    means the client's whole ceiling, and the answer says which scopes that is. There is no refresh
    token (RFC 6749, 4.4.3): the secret fetches a new one.
    """

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_requested_scope(self) -> None:
        self.scopes = self.request.client.allowed(self.request.payload.scope)
        if self.scopes is None:
            raise InvalidScopeError("A requested scope is not registered for this client.")

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        # not the inherited method: that one writes the token itself to the log
        issued = self.server.tokens.mint(self.request.connection, self.client.row, self.scopes)
        body = {
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": issued.seconds,
            "scope": issued.scope,
        }
        return 200, body, self.TOKEN_RESPONSE_HEADER
