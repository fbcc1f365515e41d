"""
A form request as OAuth wants it read: bounded, each parameter once, nothing guessed.

The body is read to its limit before anything looks at it. What cannot be read is refused in the error
shape of RFC 6749, 5.2, with constant texts: no input is ever copied into an answer.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import anyio
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Payload, OAuth2Request
from sqlalchemy import Connection
from starlette.requests import Request

from api.oauth.secrets import MAX_SECRET

MAX_BODY = 65_536
"""Bytes of a request's body at most."""

BODY_SECONDS = 15
"""How long a request's body may take to arrive."""

_MAX_PARAMETERS = 32
_MAX_ID = 64
_SENSITIVE = frozenset(
    {"client_id", "client_secret", "client_assertion", "grant_type", "scope", "token", "token_type_hint"}
)


class BodyTooLarge(InvalidRequestError):  # type: ignore[misc]  # Authlib has no types
    """More bytes than any request of this protocol has."""

    status_code = 413
    description = "The request body is larger than 64 KiB."


@dataclass(frozen=True, slots=True)
class Received:
    """What came in over HTTP, read and bounded, before anything is known of who sent it."""

    path: str
    form: Mapping[str, str]
    authorization: str | None


async def receive(request: Request) -> Received:
    """
    Read a form request. Raises an error of RFC 6749, 5.2, or `BodyTooLarge`.

    Refused: another content type than a form (RFC 6749, 3.2), parameters of the protocol in the query
    (2.3.1), a parameter twice or text that is not UTF-8 (3.2, appendix B), two Authorization headers.
    A parameter without a value counts as left out (3.2).
    """
    try:
        with anyio.fail_after(BODY_SECONDS):
            body = await _body(request)
    except TimeoutError:
        raise InvalidRequestError("The body did not arrive in time.") from None
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidRequestError("The content type must be application/x-www-form-urlencoded.")
    authorization = request.headers.getlist("authorization")
    if len(authorization) > 1:
        raise InvalidRequestError("The Authorization header must not be repeated.")
    if _SENSITIVE & request.query_params.keys():
        raise InvalidRequestError("Parameters belong in the request body, never in the address.")
    return Received(request.url.path, _form(body), authorization[0] if authorization else None)


async def _body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:12]) > MAX_BODY:
        raise BodyTooLarge
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise BodyTooLarge
        parts.append(part)
    return b"".join(parts)


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise InvalidRequestError("The request body is not a form in UTF-8.") from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise InvalidRequestError("A parameter must not be repeated.")
        form[name] = value
    return {name: value for name, value in form.items() if value}


@dataclass(frozen=True, slots=True)
class Presented:
    """By what means a client says who it is, and with what secret. Nothing of it is checked yet."""

    method: str
    client_id: str
    secret: str = field(repr=False)


class NotPresented(Exception):
    """The request holds no client authentication that could be right."""


def presented(received: Received) -> Presented:
    """
    The one client authentication of a request (RFC 6749, 2.3).

    Raises `NotPresented` when there is none, or none that can be read, and `InvalidRequestError` when
    there is more than one, which RFC 6749, 2.3 forbids.
    """
    form = received.form
    in_body = "client_secret" in form or "client_assertion" in form or "client_assertion_type" in form
    if received.authorization is not None:
        if in_body:
            raise InvalidRequestError("A client authenticates by one method per request.")
        basic = _basic(received.authorization)
        if form.get("client_id", basic.client_id) != basic.client_id:
            raise InvalidRequestError("The client_id parameter names another client.")
        return basic
    if "client_secret" in form and ("client_assertion" in form or "client_assertion_type" in form):
        raise InvalidRequestError("A client authenticates by one method per request.")
    if "client_id" not in form or "client_secret" not in form:
        raise NotPresented
    return _bounded(Presented("client_secret_post", form["client_id"], form["client_secret"]))


def _basic(authorization: str) -> Presented:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or not encoded.isascii():
        raise NotPresented
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
        name, colon, secret = pair.partition(":")
        # RFC 6749, 2.3.1: both are form-encoded first. Clients differ in whether they do it; our ids
        # and secrets read the same either way.
        client_id, secret = (unquote_plus(text, errors="strict") for text in (name, secret))
    except (binascii.Error, ValueError):
        raise NotPresented from None
    if not colon or not client_id or not secret:
        raise NotPresented
    return _bounded(Presented("client_secret_basic", client_id, secret))


def _bounded(found: Presented) -> Presented:
    """Too long for ours, and then not worth a hash; characters that UTF-8 lacks cannot come this far."""
    if len(found.client_id) > _MAX_ID or len(found.secret.encode()) > MAX_SECRET:
        raise NotPresented
    return found


class FormPayload(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    """The parameters, as Authlib asks for them."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = dict(form)

    @property
    def data(self) -> dict[str, str]:
        return self._form

    @property
    def datalist(self) -> dict[str, list[str]]:
        return {name: [value] for name, value in self._form.items()}


class StarletteOAuth2Request(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """
    One request on one read transaction.

    Its address is made from the configured issuer, never from the Host header, which is the sender's.
    `verdict` is what a hash that this request needed was found to say: the stored hash, and whether
    the secret matched it.
    """

    def __init__(
        self,
        received: Received,
        *,
        issuer: str,
        connection: Connection,
        verdict: tuple[str, bool] | None,
    ) -> None:
        headers = {} if received.authorization is None else {"Authorization": received.authorization}
        super().__init__("POST", f"{issuer}{received.path}", headers=headers)
        self.payload = FormPayload(received.form)
        self.received = received
        self.connection = connection
        self.verdict = verdict

    @property
    def args(self) -> dict[str, Any]:
        return {}

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data
