"""Clients as Authlib asks for them, and their authentication: one method, one look-up, one hash, one answer."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError

from api.oauth.requests import NotPresented, StarletteOAuth2Request, presented
from api.oauth.secrets import HashNeeded, Secrets
from consent_ledger.clients import Client, credentials, is_client_id, secret_id
from consent_ledger.clock import Clock
from consent_ledger.vocabulary import ClientId, Scope

GRANT_TYPES = ("client_credentials",)

_WORDS = {scope.value: scope for scope in Scope}


class ClientNotAuthenticated(InvalidClientError):  # type: ignore[misc]  # Authlib has no types
    """
    One answer for an unknown client, a wrong secret, another method and a blocked client.

    401 with a Basic challenge (RFC 6749, 5.2; RFC 9110, 15.5.2).
    """

    status_code = 401
    description = "The client could not be authenticated."

    def get_headers(self) -> list[tuple[str, str]]:
        headers = [header for header in super().get_headers() if header[0] != "WWW-Authenticate"]
        return [*headers, ("WWW-Authenticate", 'Basic realm="cultuurinzicht", charset="UTF-8"')]


class RegisteredClient(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """An application of the register. `find` of its secret was done; see `authenticate`."""

    def __init__(self, row: Client) -> None:
        self.row = row

    @property
    def client_id(self) -> str:
        return self.row.id

    def get_client_id(self) -> str:
        return self.row.id

    def get_default_redirect_uri(self) -> None:
        return None

    def check_redirect_uri(self, redirect_uri: str) -> bool:  # noqa: ARG002 -- Authlib's signature
        return False

    def check_response_type(self, response_type: str) -> bool:  # noqa: ARG002
        return False

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANT_TYPES

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002
        """The registered method, and no other, at every endpoint."""
        return method == self.row.auth_method

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """
        The scopes asked for, all of them or None: a request is never silently made smaller.

        Nothing asked (RFC 6749, 3.3) means the whole ceiling of the client.
        """
        allowed = self.allowed(scope)
        return None if allowed is None else " ".join(sorted(allowed))

    def allowed(self, scope: str | None) -> frozenset[Scope] | None:
        """`get_allowed_scope`, as words of the vocabulary."""
        if scope is None or not scope.strip(" "):
            return self.row.scopes
        words = scope.split(" ")
        asked = frozenset(_WORDS[word] for word in words if word in _WORDS)
        if any(word and word not in _WORDS for word in words) or not asked <= self.row.scopes:
            return None
        return asked


def authenticate(
    request: StarletteOAuth2Request, secrets: Secrets, clock: Clock, methods: frozenset[str]
) -> RegisteredClient:
    """
    The client that this request proves to be.

    1. exactly one authentication is presented, and it can be read;
    2. one look-up by client and by the secret's own name;
    3. one hash, also when nothing was found;
    4. only then: is the client active, and is this the method it registered?

    Raises `HashNeeded` for step 3, `InvalidRequestError` for two methods, and `ClientNotAuthenticated`
    for all else.
    """
    try:
        found = presented(request.received)
    except NotPresented:
        raise ClientNotAuthenticated from None
    named = secret_id(found.secret)
    stored = None
    if named is not None and is_client_id(found.client_id):
        stored = credentials(request.connection, ClientId(found.client_id), named, now=clock())
    hash_ = None if stored is None else stored.hash
    if request.verdict is not None and request.verdict[0] == (hash_ or secrets.dummy):
        holds = request.verdict[1]
    else:
        holds = secrets.holds(hash_, found.secret)
    if stored is None or not holds:
        raise ClientNotAuthenticated
    client = RegisteredClient(stored.client)
    if not stored.client.is_active or found.method not in methods:
        raise ClientNotAuthenticated
    if not client.check_endpoint_auth_method(found.method, "any"):
        raise ClientNotAuthenticated
    request.auth_method = found.method
    return client


__all__ = ["GRANT_TYPES", "ClientNotAuthenticated", "HashNeeded", "RegisteredClient", "authenticate"]
