"""Media types of GraphQL over HTTP: what came in, and what the client would rather read."""

from __future__ import annotations

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"


def is_json_body(content_type: str) -> bool:
    """Whether a body of this `Content-Type` is JSON in UTF-8; form types are not, which is the CSRF rule."""
    media, parameters = _parsed(content_type)
    return media == JSON and parameters.get("charset", "utf-8").lower() in {"utf-8", "utf8"}


def negotiate(accept: str | None) -> str | None:
    """
    The media type of the answer, or None when the client reads neither of ours (RFC 9110, 12.5.1).

    A client that says nothing, or anything, reads `application/json` (GraphQL over HTTP, 6.1). At equal
    quality the exact name that stands first wins.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = [_parsed(part) for part in accept.split(",") if part.strip()]
    best: tuple[float, int, int, str] | None = None
    for offered in (JSON, GRAPHQL_RESPONSE):
        quality, specific, place = _quality(offered, ranges)
        if quality > 0 and (best is None or (quality, specific, -place) > best[:3]):
            best = (quality, specific, -place, offered)
    return best[3] if best is not None else None


def _quality(offered: str, ranges: list[tuple[str, dict[str, str]]]) -> tuple[float, int, int]:
    """Quality by the most specific range that matches, how specific that is, and where it stands."""
    found = (0.0, -1, 0)
    for place, (media, parameters) in enumerate(ranges):
        specific = {offered: 2, "application/*": 1, "*/*": 0}.get(media, -1)
        if specific <= found[1] or parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
            continue
        try:
            quality = float(parameters.get("q", "1"))
        except ValueError:
            quality = 0.0
        found = (quality if 0 <= quality <= 1 else 0.0, specific, place)
    return found


def _parsed(value: str) -> tuple[str, dict[str, str]]:
    media, *rest = value.split(";")
    parameters: dict[str, str] = {}
    for part in rest:
        name, _, text = part.partition("=")
        parameters[name.strip().lower()] = text.strip().strip('"')
    return media.strip().lower(), parameters
