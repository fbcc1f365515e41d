"""One range of bytes, asked for with `Range` (RFC 9110, 14): what takes a broken download up again."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from api.refusals import BadRequest

_ONE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class RangeRefused(BadRequest):
    """The range lies outside the file (RFC 9110, 15.5.17)."""

    code = "RANGE_REFUSED"
    sentence = "The range lies outside the file."
    next_step = "`Content-Range` says how long the file is."
    status = 416

    def __init__(self, length: int) -> None:
        super().__init__(self.sentence)
        self.headers = {"Content-Range": f"bytes */{length}"}


def part_of(headers: Headers, tag: str, length: int) -> tuple[int, int] | None:
    """
    First byte and the one after the last of what `Range` asks for; None when all is to be sent.

    All is sent for several ranges, for a `Range` that is none, and when `If-Range` names another file
    than `tag`: so the server may, and so a download never becomes a mixture. Raises `RangeRefused`.
    """
    asked = headers.getlist("range")
    found = _ONE.fullmatch(asked[0].strip()) if len(asked) == 1 else None
    if found is None or found[1] == found[2] == "" or headers.get("if-range", tag) != tag:
        return None
    first, last = found[1], found[2]
    if not first:  # the last so many
        start, stop = max(length - int(last), 0), length
    else:
        start, stop = int(first), min(int(last) + 1, length) if last else length
        if last and int(last) < int(first):
            return None
    if start >= length or start >= stop:
        raise RangeRefused(length)
    return start, stop
