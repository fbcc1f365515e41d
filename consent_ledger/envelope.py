"""
The envelope of an entry and its reading: what is refused before any type is asked what its body says.

An entry is one line of RFC 8785 JSON with the keys `v seq rt type actor idem vf vt refs body`. How it is
written stands in `consent_ledger.entry`, which is what everybody imports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import cast

from consent_ledger.bodies import CLIENT, PARTY, PERSON_LEVEL, EntryType, check_body
from consent_ledger.canonical import MAX_INTEGER, EntryRefused, Json, parse
from consent_ledger.vocabulary import ClientId, PartyId, Position

ENTRY_VERSION = "cultuurinzicht/entry/1"

MAX_LINE = 65_535
"""Bytes of one entry at most: a C2SP tlog-tiles bundle tells lengths in 16 bits."""

_KEYS = frozenset({"v", "seq", "rt", "type", "actor", "idem", "vf", "vt", "refs", "body"})
_ACTOR_KEYS = frozenset({"client", "party"})
_TYPE = re.compile(r"[a-z_]{1,32}(\.[a-z_]{1,32}){1,3}(/[0-9]{1,3})?")
IDEM = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_KNOWN = frozenset(EntryType)
DAY, SECOND = "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an organisation through one of its applications."""

    party: PartyId
    client: ClientId


@dataclass(frozen=True, slots=True)
class Entry:
    """What was recorded. `line` is the leaf: the exact bytes, without newline."""

    seq: Position
    rt: str
    type: str
    actor: Actor
    idem: str
    vf: str | None
    vt: str | None
    refs: tuple[int, ...]
    body: Mapping[str, Json]
    line: bytes

    @property
    def kind(self) -> EntryType | None:
        """The type, or None when this version does not know it: then no state can be told beyond it."""
        return EntryType(self.type) if self.type in _KNOWN else None


def read(line: bytes) -> Entry:
    """
    The entry that stands in `line`.

    An entry of a type that is not known is read, and has no `kind`; its body is then only held to the
    canonical form.

    Raises `EntryRefused` for anything but the canonical bytes of a whole, well-formed entry.
    """
    if len(line) > MAX_LINE:
        raise too_long()
    return _formed(line, parse(line))


def _formed(line: bytes, value: Json) -> Entry:
    if not isinstance(value, dict) or value.keys() != _KEYS:
        raise EntryRefused("ENVELOPE", f"an entry has exactly the keys {', '.join(sorted(_KEYS))}")
    if value["v"] != ENTRY_VERSION:
        raise EntryRefused("VERSION", "the entry is of a version that is not known here")
    seq = value["seq"]
    if not is_position(seq):
        raise EntryRefused("ENVELOPE", "seq is not a position")
    kind = matched(value["type"], _TYPE, "type")
    _check_times(value, kind)
    actor = value["actor"]
    if not isinstance(actor, dict) or actor.keys() != _ACTOR_KEYS:
        raise EntryRefused("ENVELOPE", "actor has exactly the keys client and party")
    refs = value["refs"]
    if not isinstance(refs, list):
        raise not_earlier()
    check_refs(refs)
    if refs and cast("int", refs[-1]) >= cast("int", seq):
        raise not_earlier()
    body = value["body"]
    if not isinstance(body, dict):
        raise EntryRefused("ENVELOPE", "body is not an object")
    if kind in _KNOWN:
        check_body(EntryType(kind), body)
    return Entry(
        seq=Position(seq),
        rt=cast("str", value["rt"]),
        type=kind,
        actor=Actor(
            party=PartyId(matched(actor["party"], PARTY, "actor.party")),
            client=ClientId(matched(actor["client"], CLIENT, "actor.client")),
        ),
        idem=matched(value["idem"], IDEM, "idem"),
        vf=cast("str | None", value["vf"]),
        vt=cast("str | None", value["vt"]),
        refs=cast("tuple[int, ...]", tuple(refs)),
        body=body,
        line=line,
    )


def too_long() -> EntryRefused:
    return EntryRefused("TOO_LONG", f"an entry has at most {MAX_LINE} bytes")


def check_refs(refs: Sequence[Json]) -> None:
    if not all(map(is_position, refs)):
        raise not_earlier()
    if any(one >= two for one, two in pairwise(cast("Sequence[int]", refs))):
        raise EntryRefused("REFS", "refs is not in order, or names an entry twice")


def not_earlier() -> EntryRefused:
    return EntryRefused("REFS", "refs names something that is not an earlier entry")


def ends_early() -> EntryRefused:
    return EntryRefused("TIME", "vt does not lie after vf")


def _check_times(value: Mapping[str, Json], kind: str) -> None:
    for name in ("rt", "vf", "vt"):
        time = value[name]
        if time is None and name != "rt":
            continue
        text = matched(time, _MOMENT, name)
        form = DAY if len(text) == len("2026-01-01") else SECOND
        if kind in _KNOWN and (form is DAY) != (kind in PERSON_LEVEL):
            raise EntryRefused("TIME", f"{name} is a day on entries about a person, and a time on all others")
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise EntryRefused("TIME", f"{name} is no time of the calendar") from None
    vf, vt = value["vf"], value["vt"]
    if vf is not None and vt is not None and not cast("str", vf) < cast("str", vt):
        raise ends_early()


def matched(value: Json, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise EntryRefused("ENVELOPE", f"{name} is not written as it should be")
    return str.__str__(value)  # of a member of an enumeration: the text it stands for


def is_position(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER
