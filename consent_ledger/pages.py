"""
Pages of entries: of some types, naming some parties, from some position on.

A page looks at a bounded number of entries, however long the ledger: who is named in few of many gets a
page that may hold less than was asked, and the position from which to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain

from sqlalchemy import ColumnElement, Connection, LargeBinary, func, literal, or_, select

from consent_ledger.agreements import Agreement
from consent_ledger.entry import Entry, EntryType
from consent_ledger.follower import entry_of
from consent_ledger.ledger_tables import ledger_entry
from consent_ledger.records import items, texts
from consent_ledger.state import State
from consent_ledger.vocabulary import AgreementId, PartyId

_BATCH = 2_000
_FEW = 8  # types that are looked up one by one; more than that are not rare
MOST = 40_000
"""Entries that one page looks at, at most."""

_ONE = ("party", "proposer", "organisation", "controller", "recipient", "institution")
"""Keys of a body under which one organisation stands."""


def named(entry: Entry, agreements: Mapping[AgreementId, Agreement]) -> frozenset[PartyId]:
    """The organisations that this entry is of, or about: who acts, and each party of an agreement it names."""
    body, found = entry.body, {entry.actor.party}
    found |= {PartyId(str(body[key])) for key in _ONE if key in body}
    found |= {PartyId(one) for one in texts(body.get("controllers", ()))}
    terms = body.get("terms")
    if isinstance(terms, Mapping):
        found |= {PartyId(str(one["party"])) for one in items(terms["parties"])}
    about = agreements.get(AgreementId(str(body.get("agreement"))))
    return frozenset(found if about is None else found | about.parties)


def _everything(_: Entry) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of one of `types` (none: of any), naming all of `parties`, of which `holds` is true."""

    types: frozenset[EntryType] | None = None
    parties: frozenset[PartyId] = frozenset()
    holds: Callable[[Entry], bool] = _everything


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in order; `last` is the position that was looked at last, after which the next page begins."""

    entries: tuple[Entry, ...]
    has_more: bool
    last: int | None


def page(connection: Connection, state: State, wanted: Wanted, *, after: int, first: int) -> Page:
    """
    The next `first` of the entries that are wanted, below the size of `state`, after position `after`.

    Fewer, perhaps none, when `MOST` were looked at; then `has_more` is true and `last` says how far.
    """
    found: list[Entry] = []
    last, looked = after, 0
    while looked < MOST:
        stop, many = _window(connection, wanted, last + 1, state.size)
        if not many:
            return Page(tuple(found), has_more=False, last=found[-1].seq if found else None)
        with closing(_candidates(connection, state, wanted, last + 1, stop)) as candidates:
            for entry in candidates:
                if not wanted.parties <= named(entry, state.agreements) or not wanted.holds(entry):
                    continue
                if len(found) == first:
                    return Page(tuple(found), has_more=True, last=found[-1].seq)
                found.append(entry)
        last, looked = stop - 1, looked + many
    return Page(tuple(found), has_more=last < state.size - 1, last=last)


def _window(connection: Connection, wanted: Wanted, start: int, size: int) -> tuple[int, int]:
    """Where the next batch ends that is to be looked at, and how many entries it holds."""
    if wanted.types is None or len(wanted.types) > _FEW:
        stop = min(start + _BATCH, size)
        return stop, max(stop - start, 0)
    seq = ledger_entry.c.seq
    of_each = (  # one by one, for the index on type and position gives each in order
        connection.execute(
            select(seq)
            .where(ledger_entry.c.type == kind, seq >= start, seq < size)
            .order_by(seq)
            .limit(_BATCH)
        ).scalars()
        for kind in sorted(wanted.types)
    )
    some = nsmallest(_BATCH, chain.from_iterable(of_each))
    return (some[-1] + 1 if len(some) == _BATCH else size), len(some)


def _candidates(
    connection: Connection, state: State, wanted: Wanted, start: int, stop: int
) -> Generator[Entry]:
    """The entries of these types, from `start` up to `stop`, whose bytes may name the parties."""
    seq = ledger_entry.c.seq
    asked = select(ledger_entry).where(seq >= start, seq < stop).order_by(seq)
    if wanted.types is not None:
        asked = asked.where(ledger_entry.c.type.in_(sorted(wanted.types)))
    for party in sorted(wanted.parties):
        own = {at for one in state.agreements_of.get(party, ()) for at in state.agreements[one].seqs}
        spoken = ledger_entry.c.actor_party == party
        told = seq.in_(sorted(at for at in own if start <= at < stop))
        asked = asked.where(or_(spoken, told, _holds(connection, f'"{party}"'.encode())))
    for row in connection.execute(asked).yield_per(128):
        yield entry_of(row, row.seq)


def _holds(connection: Connection, needle: bytes) -> ColumnElement[bool]:
    """Whether the line holds these bytes: quick, and never less than what `named` then finds."""
    sought = literal(needle, LargeBinary)
    if connection.dialect.name == "postgresql":
        return func.position(sought.op("IN")(ledger_entry.c.line)) > 0
    return func.instr(ledger_entry.c.line, sought) > 0
