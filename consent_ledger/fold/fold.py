"""One pass over entries, in index order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from consent_ledger.entry import DECIDING, Entry, EntryType
from consent_ledger.fold.errors import IllegalEntry, UnknownEntry
from consent_ledger.records import Ending, Party, day, instant
from consent_ledger.vocabulary import PLATFORM, PartyId, PartyKind

if TYPE_CHECKING:
    from consent_ledger.state import State  # the state folds itself

Take = Callable[["Fold", Entry], None]
"""What one type of entry changes. It looks at everything first, and changes only when nothing is wrong."""

TAKES: dict[EntryType, Take] = {}
"""By type of entry; each module of this package puts its own in."""


class Fold:
    """Entries on top of a state that stays as it was; copies a map only when the first entry touches it."""

    def __init__(self, base: State) -> None:
        self._base = base
        self._changes: dict[str, Any] = {}  # by the name of a field of the state
        self._own: set[str] = set()  # the maps that were copied
        self.size = base.size
        self.decision_position = base.decision_position

    def state(self) -> State:
        """The state after all entries taken so far. What is taken later does not change it."""
        self._own.clear()
        return replace(self._base, size=self.size, decision_position=self.decision_position, **self._changes)

    def take(self, entry: Entry) -> None:
        """Take the next entry. Raises `UnknownEntry` or `IllegalEntry`, and is as if it had not been asked."""
        if entry.seq != self.size:
            raise IllegalEntry("OUT_OF_ORDER", f"entry {entry.seq} does not follow {self.size - 1}")
        kind = entry.kind
        if kind is None:
            raise UnknownEntry(entry.seq)
        if (kind is EntryType.LEDGER_CREATED) != (entry.seq == 0):
            raise IllegalEntry("OUT_OF_ORDER", "a ledger is created by its first entry, and only there")
        if entry.actor.party != PLATFORM:
            self.open_party(entry.actor.party)
        TAKES[kind](self, entry)
        self.size += 1
        if kind in DECIDING:
            self.decision_position = entry.seq

    def see(self, name: str) -> Any:
        """A field of the state, changes of this pass included."""
        found = self._changes.get(name)
        return getattr(self._base, name) if found is None else found

    def put(self, name: str, key: object, value: object) -> None:
        """Change one item of a map."""
        if name not in self._own:
            self._changes[name] = dict(self.see(name))
            self._own.add(name)
        self._changes[name][key] = value

    def set(self, name: str, value: object) -> None:
        """Change a field."""
        self._changes[name] = value

    # what several nouns ask

    def known_party(self, party: object) -> Party:
        """The party of this id, closed or not."""
        found = self.see("parties").get(party)
        if not isinstance(found, Party):
            raise IllegalEntry("UNKNOWN_PARTY", "this organisation is not registered on the platform")
        return found

    def open_party(self, party: object) -> Party:
        """The party of this id, which has not left."""
        found = self.known_party(party)
        if not found.is_open:
            raise IllegalEntry("UNKNOWN_PARTY", "this organisation is not registered on the platform")
        return found


def speaks_for(entry: Entry, party: PartyId) -> None:
    """Nobody speaks in the name of another; the platform does, and is seen to."""
    if entry.actor.party not in {party, PLATFORM}:
        raise IllegalEntry("NOT_A_PARTY", "only the organisation itself can speak for itself")


def governs(fold: Fold, entry: Entry) -> None:
    """The common rules are the platform's, and those of an organisation that watches over them."""
    actor = entry.actor.party
    if actor != PLATFORM and fold.open_party(actor).kind is not PartyKind.STEWARD:
        raise IllegalEntry("NOT_A_PARTY", "only the platform and its stewards make the common rules")


def ending(entry: Entry) -> Ending:
    """That something ended by this entry."""
    return Ending(entry.seq, recorded_at(entry))


def recorded_on(entry: Entry) -> date:
    """The day of its recording."""
    return day(entry.rt)


def recorded_at(entry: Entry) -> datetime:
    """The moment of its recording; of an entry about a person, the midnight before."""
    return instant(entry.rt)
