"""Global ids: opaque to clients, `base64(Type:id)` inside, as in the Relay specification."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


class UnknownId(ValueError):
    """An id that is not one of ours, or names another kind of thing."""

    code = "BAD_USER_INPUT"
    sentence = "This id is not one of this platform, or names another kind of thing."
    next_step = "Use an id that this platform gave you."


def global_id(kind: str, local: str) -> str:
    """The id under which clients know this thing."""
    return urlsafe_b64encode(f"{kind}:{local}".encode()).decode()


def local_id(kind: str, given: str) -> str:
    """What the id names. Raises `UnknownId`."""
    try:
        found, _, local = urlsafe_b64decode(given.encode()).decode().partition(":")
    except ValueError:
        raise UnknownId from None
    if found != kind or not local or global_id(kind, local) != given:
        raise UnknownId
    return local
