"""
One entry of the ledger: envelope, canonical bytes, reading and writing.

An entry is one line of RFC 8785 JSON with the keys `v seq rt type actor idem vf vt refs body`; these
bytes are the leaf of the tree and the line of the export. The envelope is final: it takes no further
key, and what is new comes as a new type or as `cultuurinzicht/entry/2`. Index order is the only order;
`rt` is told by the sequencer and never goes back (compared by day where one of two is a day).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

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
from consent_ledger.canonical import EntryRefused, Json, canonical, encoded
from consent_ledger.envelope import (
    DAY,
    ENTRY_VERSION,
    IDEM,
    MAX_LINE,
    SECOND,
    Actor,
    Entry,
    check_refs,
    ends_early,
    is_position,
    matched,
    not_earlier,
    read,
    too_long,
)
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
class Stamp:
    """One moment of recording, as entries tell it: by the day about persons, else by the second."""

    day: str
    second: str

    @classmethod
    def of(cls, moment: datetime) -> Stamp:
        """The stamp of this moment; `EntryRefused` for a time without zone."""
        return cls(_written(moment, DAY), _written(moment, SECOND))


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
        if not is_position(seq):
            raise EntryRefused("ENVELOPE", "seq is not a position")
        if self.refs and self.refs[-1] >= seq:
            raise not_earlier()
        rt = stamp.day if self.is_of_a_person else stamp.second
        line = f'{self.before}{rt}","seq":{int(seq)}{self.after}'.encode()
        if len(line) > MAX_LINE:
            raise too_long()
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
    form = DAY if is_of_a_person else SECOND
    vf = None if draft.vf is None else _written(draft.vf, form)
    vt = None if draft.vt is None else _written(draft.vt, form)
    if vf is not None and vt is not None and not vf < vt:
        raise ends_early()
    refs = tuple(draft.refs)
    check_refs(refs)
    refs = tuple(map(int, refs))
    # What we write is held to what we accept: the body is checked as a reader will read it.
    written, body = _body(draft)
    actor = Actor(
        party=PartyId(matched(draft.actor.party, PARTY, "actor.party")),
        client=ClientId(matched(draft.actor.client, CLIENT, "actor.client")),
    )
    idem = matched(draft.idem, IDEM, "idem")
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


def _written(moment: datetime, form: str) -> str:
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise EntryRefused("TIME", "a time without zone is not a time")
    utc = moment.astimezone(UTC)
    # strftime writes years before 1000 without their zeros on some platforms
    return f"{utc.year:04d}{utc.strftime(form[2:])}"
