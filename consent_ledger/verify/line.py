"""
One line: canonical JSON (RFC 8785) with the envelope's keys and no other, and a body as its type writes it.

A line is read in one of two ways, and gives the same entry. Most types say flat, closed things: for them
one pattern describes every canonical line, so a line that it matches needs no parser and no second look.
Every other line, and every line that does not match, is parsed, checked and written again.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

from consent_ledger.verify.bodies import BODIES, check_body, is_personal
from consent_ledger.verify.refused import Refused
from consent_ledger.verify.words import (
    DAY,
    MAX_INTEGER,
    NUMBERS,
    SECOND,
    TEXTS,
    fields,
    flat,
    is_day,
    is_moment,
    rule,
)

MAX_LINE = 65_535
MAX_DEPTH = 16
VERSION = "cultuurinzicht/entry/1"


class Entry(NamedTuple):
    """What one line says."""

    seq: int
    kind: str
    rt: str
    party: str
    client: str
    idem: str
    vf: str | None
    vt: str | None
    refs: list[int]
    body: dict[str, Any]


def read(line: bytes, seq: int) -> Entry:
    """The entry that stands in `line`, which is to be entry `seq`. Raises `Refused`."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Refused(f"Line {seq + 1} is not JSON as the ledger writes it.") from None
    # of a quick line the end is known; of any other, this is no type
    quick = _QUICK[text[text.rfind('"type":"') + 8 : -len(_END)]]
    entry = None if quick is None else quick(text)
    if entry is None:
        entry = _parsed(text, seq)
    if entry.seq != seq:
        raise Refused(f"Line {seq + 1} should be entry {seq}: one is missing, added or out of its place.")
    if entry.refs and entry.refs[-1] >= seq:
        raise Refused(f"Line {seq + 1} refers to something that is not an earlier entry.")
    return entry


# The quick way

_END = f'","v":"{VERSION}","vf":null,"vt":null}}'


def _quick(kind: str) -> Callable[[str], Entry | None] | None:
    """
    Reads a line of this type, or gives None; None itself for a type that no pattern describes.

    An interval (`vf`, `vt`) and a day that the calendar has not are left to the thorough way.
    """
    body = sorted(fields(BODIES[kind]).items())
    patterns = [flat(name) for _, name in body]
    if None in patterns:
        return None
    moment = DAY if is_personal(kind) else SECOND
    says = ",".join(f'"{name}":{pattern}' for (name, _), pattern in zip(body, patterns, strict=True))
    whole = (
        rf'\{{"actor":\{{"client":"({TEXTS["client"]})","party":"({TEXTS["party"]})"\}},"body":\{{{says}\}},'
        rf'"idem":"({TEXTS["idem"]})","refs":\[((?:0|[1-9][0-9]{{0,14}})?)\],"rt":"({moment})",'
        rf'"seq":(0|[1-9][0-9]{{0,14}}),"type":"{re.escape(kind)}{re.escape(_END)}'
    )
    fullmatch = re.compile(whole).fullmatch
    names = [name for name, _ in body]
    whole_numbers = [name for name, one in body if one.rstrip("?") in NUMBERS]
    flags = [name for name, one in body if one == "flag"]

    new = tuple.__new__  # what the constructor does, without its arguments by name

    def quick(text: str) -> Entry | None:
        found = fullmatch(text)
        if found is None:
            return None
        said = found.groups()
        idem, refs, rt, seq = said[-4:]
        if not is_moment(rt):
            return None
        body: dict[str, Any] = dict(zip(names, said[2:-4], strict=True))
        for name in whole_numbers:
            if body[name] is not None:
                body[name] = int(body[name])
        for name in flags:
            body[name] = body[name] == "true"
        told = [int(refs)] if refs else []
        return new(Entry, (int(seq), kind, rt, said[1], said[0], idem, None, None, told, body))

    return quick


class _Readers(dict[str, Callable[[str], Entry | None] | None]):
    """By type; made when the first line of a type comes, and none for a type that is not known."""

    def __missing__(self, kind: str) -> Callable[[str], Entry | None] | None:
        if kind not in BODIES:
            return None
        self[kind] = _quick(kind)
        return self[kind]


_QUICK = _Readers()


# The thorough way

_KEYS = frozenset({"v", "seq", "rt", "type", "actor", "idem", "vf", "vt", "refs", "body"})
_KEY = re.compile(r"[a-z0-9_]+")
_TIME = re.compile(f"{DAY}|{SECOND}")


def _no_float(_: str) -> Any:
    raise ValueError


_DECODE = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float).decode
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def canonical(value: Any) -> bytes:
    """The one way to write a value of the subset that `_check_value` takes."""
    return _ENCODE(value).encode()


def _check_value(value: Any, depth: int = 0) -> None:
    """The subset of RFC 8785 in which sorted JSON without spaces is canonical."""
    match value:
        case dict() | list() if depth == MAX_DEPTH:
            raise ValueError
        case dict():
            for name, item in value.items():
                if _KEY.fullmatch(name) is None:
                    raise ValueError
                _check_value(item, depth + 1)
        case list():
            for item in value:
                _check_value(item, depth + 1)
        case str():
            if not value.isascii() and not unicodedata.is_normalized("NFC", value):
                raise ValueError
        case int():
            if abs(value) > MAX_INTEGER:
                raise ValueError


def _parsed(text: str, seq: int) -> Entry:
    number = seq + 1
    try:
        value = _DECODE(text)
        _check_value(value)
        same = _ENCODE(value) == text
    except (ValueError, RecursionError):
        raise Refused(f"Line {number} is not JSON as the ledger writes it.") from None
    if not same:
        raise Refused(f"Line {number} is not in canonical form (RFC 8785).")
    if not isinstance(value, dict) or value.keys() != _KEYS:
        raise Refused(f"Line {number} has not exactly the keys of an entry.")
    if value["v"] != VERSION:
        raise Refused(f"Line {number} is of a version that is not known here.")
    if not rule("count")(value["seq"]):
        raise Refused(f"Line {number} should be entry {seq}: one is missing, added or out of its place.")
    if not all(rule(name)(value[name]) for name in ("type", "actor", "idem")):
        raise Refused(f"Line {number} is not formed like an entry.")
    if not rule("count*")(value["refs"]):
        raise Refused(f"Line {number} refers to something that is not an earlier entry.")
    kind, actor = value["type"], value["actor"]
    _check_times(value, kind, number)
    if kind in BODIES:
        check_body(kind, value["body"], seq)
    return Entry(
        seq=value["seq"],
        kind=kind,
        rt=value["rt"],
        party=actor["party"],
        client=actor["client"],
        idem=value["idem"],
        vf=value["vf"],
        vt=value["vt"],
        refs=value["refs"],
        body=value["body"],
    )


def _check_times(value: dict[str, Any], kind: str, number: int) -> None:
    for name in ("rt", "vf", "vt"):
        time = value[name]
        if time is None and name != "rt":
            continue
        if not isinstance(time, str) or _TIME.fullmatch(time) is None or not is_day(time[:10]):
            raise Refused(f"Line {number} has a {name} that is no time.")
        if kind in BODIES and is_personal(kind) != (len(time) == 10):
            raise Refused(f"Line {number} tells {name} more or less exactly than its type may.")
    if value["vf"] and value["vt"] and value["vf"] >= value["vt"]:
        raise Refused(f"Line {number} is valid until a time that does not come after its beginning.")
