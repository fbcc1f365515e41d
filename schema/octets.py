"""Bytes as GraphQL takes and shows them: base64url without padding (RFC 4648, 5), as browsers write passkeys."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

MOST = 1_366
"""The longest text that is read: 1,024 bytes."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


class OctetsRefused(ValueError):
    """A text that is no base64url, or is too long."""

    code = "BAD_USER_INPUT"
    sentence = "Bytes are written in base64url without padding, at most 1,024 of them."
    next_step = "Write them as the browser's `toJSON()` of a credential does."


def octets(text: str) -> bytes:
    """The bytes that `text` writes. Raises `OctetsRefused`."""
    if len(text) > MOST or _BASE64URL.fullmatch(text) is None or len(text) % 4 == 1:
        raise OctetsRefused
    found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if octet_text(found) != text:
        raise OctetsRefused  # bits that belong to no byte: two texts would write the same
    return found


def octet_text(value: bytes) -> str:
    """How these bytes are written."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()
