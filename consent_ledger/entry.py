"""
One entry of the ledger: envelope, canonical bytes, reading and writing.

An entry is one line of RFC 8785 JSON with the keys `v seq rt type actor idem vf vt refs body`; these
bytes are the leaf of the tree and the line of the export. The envelope is final: it takes no further
key, and what is new comes as a new type or as `cultuurinzicht/entry/2`. Index order is the only order;
`rt` is told by the sequencer and never goes back (compared by day where one of two is a day).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import cast

from consent_ledger.bodies import (
    CLIENT,
    DECIDING,
    LEDGER_FORMAT,
    PARTY,
    PERSON_LEVEL,
    EntryType,
    RowBucket,
    check_body,
)
from consent_ledger.canonical import MAX_INTEGER, EntryRefused, Json, canonical, encoded, parse
from consent_ledger.vocabulary import ClientId, PartyId, Position

__all__ = [
    "DECIDING",
    "ENTRY_VERSION",
    "LEDGER_FORMAT",
    "MAX_LINE",
    "PERSON_LEVEL",
    "Actor",
    "Draft",
    "Entry",
    "EntryRefused",
    "EntryType",
    "Json",
    "Prepared",
    "RowBucket",
    "Stamp",
    "canonical",
    "intent",
    "intent_of",
    "prepared",
    "read",
    "seal",
    "sealed",
]

ENTRY_VERSION = "cultuurinzicht/entry/1"

MAX_LINE = 65_535
"""Bytes of one entry at most: a C2SP tlog-tiles bundle tells lengths in 16 bits."""

_KEYS = frozenset({"v", "seq", "rt", "type", "actor", "idem", "vf", "vt", "refs", "body"})
_ACTOR_KEYS = frozenset({"client", "party"})
_TYPE = re.compile(r"[a-z_]{1,32}(\.[a-z_]{1,32}){1,3}(/[0-9]{1,3})?")
_IDEM = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_KNOWN = frozenset(EntryType)
_DAY, _SECOND = "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an organisation through one of its applications."""

    party: PartyId
    client: ClientId


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What someone wants recorded, before it has a place and a time.

    `idem` makes it repeatable: the same actor, key and content give the first position again.
    """

    type: EntryType
    actor: Actor
    idem: str
    body: Mapping[str, Json]
    refs: tuple[int, ...] = ()
    vf: datetime | None = None
    vt: datetime | None = None


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


@dataclass(frozen=True, slots=True)
class Stamp:
    """One moment of recording, as entries tell it: by the day about persons, else by the second."""

    day: str
    second: str

    @classmethod
    def of(cls, moment: datetime) -> Stamp:
        """The stamp of this moment; `EntryRefused` for a time without zone."""
        return cls(_written(moment, _DAY), _written(moment, _SECOND))


@dataclass(frozen=True, slots=True)
class Prepared:
    """
    A draft that was held to all that can be told before it has a place and a time.

    Made by `prepared` alone; shares nothing with the draft. `intent` are the bytes that must be equal
    when the key is used again.
    """

    type: str
    actor: Actor
    idem: str
    vf: str | None
    vt: str | None
    refs: tuple[int, ...]
    body: Mapping[str, Json]
    intent: bytes
    is_of_a_person: bool
    before: str  # the line up to its time
    after: str  # the line from its type

    def at(self, seq: Position, stamp: Stamp) -> Entry:
        """
        The entry that records this at position `seq`.

        Raises `EntryRefused` when it refers to something that is not earlier, or is too long.
        """
        if not _is_position(seq):
            raise EntryRefused("ENVELOPE", "seq is not a position")
        if self.refs and self.refs[-1] >= seq:
            raise _not_earlier()
        rt = stamp.day if self.is_of_a_person else stamp.second
        line = f'{self.before}{rt}","seq":{int(seq)}{self.after}'.encode()
        if len(line) > MAX_LINE:
            raise _too_long()
        return Entry(seq, rt, self.type, self.actor, self.idem, self.vf, self.vt, self.refs, self.body, line)


def prepared(draft: Draft) -> Prepared:
    """
    `draft`, held to everything but its place and time; its body is written and checked once, here.

    Raises `EntryRefused`.
    """
    if not isinstance(draft.type, EntryType):
        raise EntryRefused("TYPE_UNKNOWN", "the type is none that can be recorded")
    kind = draft.type.value
    is_of_a_person = draft.type in PERSON_LEVEL
    form = _DAY if is_of_a_person else _SECOND
    vf = None if draft.vf is None else _written(draft.vf, form)
    vt = None if draft.vt is None else _written(draft.vt, form)
    if vf is not None and vt is not None and not vf < vt:
        raise _ends_early()
    refs = tuple(draft.refs)
    _check_refs(refs)
    refs = tuple(map(int, refs))
    # What we write is held to what we accept: the body is checked as a reader will read it.
    written, body = _body(draft)
    actor = Actor(
        party=PartyId(_matched(draft.actor.party, PARTY, "actor.party")),
        client=ClientId(_matched(draft.actor.client, CLIENT, "actor.client")),
    )
    idem = _matched(draft.idem, _IDEM, "idem")
    told = _listed(refs)
    return Prepared(
        type=kind,
        actor=actor,
        idem=idem,
        vf=vf,
        vt=vt,
        refs=refs,
        body=body,
        intent=_intent(kind, vf, vt, told, written).encode(),
        is_of_a_person=is_of_a_person,
        before=f"{_start(actor)}{written}{_middle(idem, told)}",
        after=_end(kind, vf, vt),
    )


def _body(draft: Draft) -> tuple[str, dict[str, Json]]:
    """The body as canonical text, and read back from it."""
    given = dict(draft.body)
    text = encoded(given)
    if text is None or not text.isascii():
        text = canonical(given).decode()
    # The schemas are closed, and know no value outside the canonical subset but texts in other than
    # plain signs, which were looked at above: what they take needs no second walk.
    body = json.loads(text)
    try:
        check_body(draft.type, body)
    except EntryRefused:
        canonical(given)  # tells the deeper cause when there is one
        raise
    return text, body


def seal(draft: Draft, seq: Position, recorded: datetime) -> bytes:
    """
    The line that records `draft` at position `seq` and time `recorded`.

    Raises `EntryRefused`.
    """
    return sealed(draft, seq, recorded).line


def sealed(draft: Draft, seq: Position, recorded: datetime) -> Entry:
    """
    The entry that records `draft` at position `seq` and time `recorded`. It shares nothing with the draft.

    Raises `EntryRefused`.
    """
    return prepared(draft).at(seq, Stamp.of(recorded))


def intent(draft: Draft) -> bytes:
    """
    Canonical bytes of all that the caller says: what must be equal when a key is used again.

    Times are taken as they are recorded, so that it can be told from the entry again.
    """
    return prepared(draft).intent


def intent_of(entry: Entry) -> bytes:
    """The `intent` of the draft that became this entry: cut from its line, which is canonical."""
    refs = _listed(entry.refs)
    start = _start(entry.actor)
    rest = f'{_middle(entry.idem, refs)}{entry.rt}","seq":{entry.seq}{_end(entry.type, entry.vf, entry.vt)}'
    body = entry.line[len(start) : len(entry.line) - len(rest)].decode()
    return _intent(entry.type, entry.vf, entry.vt, refs, body).encode()


# A line in parts, its keys in the order of RFC 8785. Every text in it was held to a pattern of signs that
# need no escape.


def _start(actor: Actor) -> str:
    return f'{{"actor":{{"client":"{actor.client}","party":"{actor.party}"}},"body":'


def _middle(idem: str, refs: str) -> str:
    return f',"idem":"{idem}","refs":{refs},"rt":"'


def _end(kind: str, vf: str | None, vt: str | None) -> str:
    return f',"type":"{kind}","v":"{ENTRY_VERSION}","vf":{_or_null(vf)},"vt":{_or_null(vt)}}}'


def _intent(kind: str, vf: str | None, vt: str | None, refs: str, body: str) -> str:
    return f'{{"body":{body},"refs":{refs},"type":"{kind}","vf":{_or_null(vf)},"vt":{_or_null(vt)}}}'


def _listed(refs: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, refs))}]"


def _or_null(moment: str | None) -> str:
    return "null" if moment is None else f'"{moment}"'


def read(line: bytes) -> Entry:
    """
    The entry that stands in `line`.

    An entry of a type that is not known is read, and has no `kind`; its body is then only held to the
    canonical form.

    Raises `EntryRefused` for anything but the canonical bytes of a whole, well-formed entry.
    """
    if len(line) > MAX_LINE:
        raise _too_long()
    return _formed(line, parse(line))


def _formed(line: bytes, value: Json) -> Entry:
    if not isinstance(value, dict) or value.keys() != _KEYS:
        raise EntryRefused("ENVELOPE", f"an entry has exactly the keys {', '.join(sorted(_KEYS))}")
    if value["v"] != ENTRY_VERSION:
        raise EntryRefused("VERSION", "the entry is of a version that is not known here")
    seq = value["seq"]
    if not _is_position(seq):
        raise EntryRefused("ENVELOPE", "seq is not a position")
    kind = _matched(value["type"], _TYPE, "type")
    _check_times(value, kind)
    actor = value["actor"]
    if not isinstance(actor, dict) or actor.keys() != _ACTOR_KEYS:
        raise EntryRefused("ENVELOPE", "actor has exactly the keys client and party")
    refs = value["refs"]
    if not isinstance(refs, list):
        raise _not_earlier()
    _check_refs(refs)
    if refs and cast("int", refs[-1]) >= cast("int", seq):
        raise _not_earlier()
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
            party=PartyId(_matched(actor["party"], PARTY, "actor.party")),
            client=ClientId(_matched(actor["client"], CLIENT, "actor.client")),
        ),
        idem=_matched(value["idem"], _IDEM, "idem"),
        vf=cast("str | None", value["vf"]),
        vt=cast("str | None", value["vt"]),
        refs=cast("tuple[int, ...]", tuple(refs)),
        body=body,
        line=line,
    )


def _too_long() -> EntryRefused:
    return EntryRefused("TOO_LONG", f"an entry has at most {MAX_LINE} bytes")


def _check_refs(refs: Sequence[Json]) -> None:
    if not all(map(_is_position, refs)):
        raise _not_earlier()
    if any(one >= two for one, two in pairwise(cast("Sequence[int]", refs))):
        raise EntryRefused("REFS", "refs is not in order, or names an entry twice")


def _not_earlier() -> EntryRefused:
    return EntryRefused("REFS", "refs names something that is not an earlier entry")


def _ends_early() -> EntryRefused:
    return EntryRefused("TIME", "vt does not lie after vf")


def _check_times(value: Mapping[str, Json], kind: str) -> None:
    for name in ("rt", "vf", "vt"):
        time = value[name]
        if time is None and name != "rt":
            continue
        text = _matched(time, _MOMENT, name)
        form = _DAY if len(text) == len("2026-01-01") else _SECOND
        if kind in _KNOWN and (form is _DAY) != (kind in PERSON_LEVEL):
            raise EntryRefused("TIME", f"{name} is a day on entries about a person, and a time on all others")
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise EntryRefused("TIME", f"{name} is no time of the calendar") from None
    vf, vt = value["vf"], value["vt"]
    if vf is not None and vt is not None and not cast("str", vf) < cast("str", vt):
        raise _ends_early()


def _matched(value: Json, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise EntryRefused("ENVELOPE", f"{name} is not written as it should be")
    return str.__str__(value)  # of a member of an enumeration: the text it stands for


def _is_position(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER


def _written(moment: datetime, form: str) -> str:
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise EntryRefused("TIME", "a time without zone is not a time")
    utc = moment.astimezone(UTC)
    # strftime writes years before 1000 without their zeros on some platforms
    return f"{utc.year:04d}{utc.strftime(form[2:])}"
