"""Pages of lists, as in the Relay specification: `first` 1 to 100, and opaque cursors."""

from __future__ import annotations

import strawberry

from schema.directives import OPEN
from schema.ids import global_id, local_id

MOST = 100


class PageRefused(ValueError):
    """`first` is out of bounds."""

    code = "BAD_USER_INPUT"
    sentence = f"`first` must be from 1 to {MOST}."
    next_step = "Ask for a page of that size."


@strawberry.type(description="Whether there is more, and from where.", directives=OPEN)
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether a next page exists.")
    end_cursor: str | None = strawberry.field(description="Give this as `after` for the next page.")


def page_size(first: int) -> int:
    """`first`, within bounds. Raises `PageRefused`."""
    if not 1 <= first <= MOST:
        raise PageRefused
    return first


def cursor(local: str) -> str:
    """The opaque place of this element in its list."""
    return global_id("cursor", local)


def after(given: str | None) -> str | None:
    """The element that a cursor names. Raises `UnknownId`."""
    return None if given is None else local_id("cursor", given)


def page_info(found: int, first: int, last: str | None) -> PageInfo:
    """Of a page that was read one element further than `first`."""
    return PageInfo(has_next_page=found > first, end_cursor=last)
