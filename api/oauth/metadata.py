"""What the server says of itself: RFC 8414 (authorization server), RFC 9728 (protected resource)."""

from __future__ import annotations

from urllib.parse import urlsplit

from authlib.common.security import is_secure_transport

from api.oauth.clients import GRANT_TYPES
from consent_ledger.clients import AUTH_METHODS
from consent_ledger.vocabulary import Scope

TOKEN_PATH = "/oauth/token"
REVOCATION_PATH = "/oauth/revoke"
JWKS_PATH = "/oauth/jwks.json"
SERVER_METADATA_PATH = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA_PREFIX = "/.well-known/oauth-protected-resource"


class OAuthSettingsRefused(ValueError):
    """The configured issuer or audience cannot be one. `code` for programs, the text is one sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def checked_issuer(issuer: str) -> str:
    """
    The issuer, when it can be one: scheme and host, as RFC 8414, 2 wants it.

    Plain HTTP is for loopback addresses alone. A path is refused, because the well-known address would
    then be another one (RFC 8414, 3). Raises `OAuthSettingsRefused`.
    """
    parts = urlsplit(issuer)
    if not is_secure_transport(issuer) or parts.username is not None or parts.password is not None:
        raise OAuthSettingsRefused(
            "ISSUER", "The issuer must be an https address, or http on a loopback address."
        )
    if issuer != f"{parts.scheme}://{parts.netloc}":
        raise OAuthSettingsRefused(
            "ISSUER", "The issuer must be scheme and host alone, without a final slash."
        )
    return issuer


def checked_audience(audience: str) -> str:
    """The address of the protected resource, when it can be one. Raises `OAuthSettingsRefused`."""
    parts = urlsplit(audience)
    if not is_secure_transport(audience) or not parts.path.strip("/") or parts.query or parts.fragment:
        raise OAuthSettingsRefused(
            "AUDIENCE", "The audience must be the https address of the GraphQL endpoint, without query."
        )
    return audience


def server_metadata(issuer: str) -> dict[str, object]:
    """RFC 8414, 2."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}{TOKEN_PATH}",
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint": f"{issuer}{REVOCATION_PATH}",
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "jwks_uri": f"{issuer}{JWKS_PATH}",
        "grant_types_supported": list(GRANT_TYPES),
        # required, and not empty; `none` (OAuth 2.0 Multiple Response Types, 4) promises nothing
        "response_types_supported": ["none"],
        "scopes_supported": [scope.value for scope in Scope],
        "ui_locales_supported": ["nl", "en"],
    }


def resource_metadata(issuer: str, audience: str) -> dict[str, object]:
    """RFC 9728, 2."""
    return {
        "resource": audience,
        "authorization_servers": [issuer],
        "scopes_supported": [scope.value for scope in Scope],
        "bearer_methods_supported": ["header"],
        "resource_name": "Cultuurinzicht",
    }


def resource_metadata_path(audience: str) -> str:
    """Where the resource's metadata stands: the well-known part goes before its path (RFC 9728, 3.1)."""
    return f"{RESOURCE_METADATA_PREFIX}{urlsplit(audience).path}"


def resource_metadata_address(audience: str) -> str:
    """The full address of the resource's metadata."""
    parts = urlsplit(audience)
    return f"{parts.scheme}://{parts.netloc}{resource_metadata_path(audience)}"
