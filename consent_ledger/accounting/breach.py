"""
What may have come out, when a client, a recipient or a house was breached (GDPR, articles 33 and 34).

From the entries of a window: which disclosures, to whom, whose data, which fields, how many persons
roughly, under which agreements; and who tells whom by when. What left no entry is named, too: a house's
own application reads the house's own data unrecorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consent_ledger.accounting.standing_at import StandingAt, in_order
from consent_ledger.entry import Entry, EntryType, RowBucket
from consent_ledger.reasons import Text
from consent_ledger.records import instant, texts
from consent_ledger.state import State
from consent_ledger.vocabulary import (
    AgreementId,
    ClientId,
    ClientKind,
    FieldGroup,
    Granularity,
    PartyId,
    Purpose,
    Scope,
)

WITHIN = timedelta(hours=72)
"""From the moment that a controller knows to its notification (article 33(1))."""

KINDS = frozenset({EntryType.DISCLOSURE_RECORDED, EntryType.EXPORT_ISSUED, EntryType.SAMPLE_OPENED})
"""The entries by which something left."""

_BUCKETS = tuple(RowBucket)
_OF_PERSONS = frozenset(scope for scope in Scope if scope.startswith("audiences:")) | {
    Scope.CONSENT_READ,
    Scope.OVERLAP_READ,
    Scope.REFERENCES_EXPORT,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """
    From `since` up to `until`, of one client, recipient or controller; `aware` is when the controllers knew.

    `seen_by` leaves out what is not that organisation's: neither its data nor received by it.
    """

    since: datetime
    until: datetime
    client: ClientId | None = None
    recipient: PartyId | None = None
    controller: PartyId | None = None
    aware: datetime | None = None
    seen_by: PartyId | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """What left alike: same recipient and client, same houses, agreements, purposes, fields and fineness."""

    recipient: PartyId
    client: ClientId
    controllers: tuple[PartyId, ...]
    agreements: tuple[AgreementId, ...]
    purposes: tuple[Purpose, ...]
    groups: tuple[FieldGroup, ...]
    granularity: Granularity


@dataclass(slots=True)
class Left:
    """How often it left, and the most persons that one of the answers counted; persons may recur."""

    lot: Lot
    first: datetime
    last: datetime
    persons: RowBucket
    positions: list[int] = field(default_factory=list)

    @property
    def is_of_one_person(self) -> bool:
        """Whether rows of single persons left, not figures on groups."""
        return self.lot.granularity in {Granularity.PSEUDONYMOUS, Granularity.REFERENCE}


@dataclass(frozen=True, slots=True)
class Taken:
    """Entries of the ledger that were exported, or a sample that was opened: no data that name anybody."""

    position: int
    at: datetime
    recipient: PartyId
    client: ClientId
    is_sample: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """An application that may read its own house's data: what it read of them left no entry."""

    client: ClientId
    party: PartyId
    scopes: tuple[Scope, ...]
    is_live: bool


@dataclass(frozen=True, slots=True)
class Duty:
    """Who tells whom, by when, and by which article; `by` None: without delay, or counted from an unknown hour."""

    who: tuple[PartyId, ...]
    who_said: Text
    whom: Text
    when: Text
    by: datetime | None
    article: str


@dataclass(frozen=True, slots=True)
class Breach:
    """The answer, as known at one size of the ledger."""

    stands: StandingAt
    asked: Asked
    left: tuple[Left, ...]
    taken: tuple[Taken, ...]
    reach: tuple[Reach, ...]
    controllers: tuple[PartyId, ...]
    recipients: tuple[PartyId, ...]
    duties: tuple[Duty, ...]

    @property
    def disclosures(self) -> int:
        """How many disclosures it concerns."""
        return sum(len(one.positions) for one in self.left)


CAUTION: tuple[Text, ...] = (
    Text(
        "Aantallen personen zijn ruw. Dezelfde persoon kan in meer antwoorden zitten: tel ze niet op.",
        "Numbers of persons are rough. The same person can be in several answers: do not add them up.",
    ),
    Text(
        "Wat een toepassing van een huis over dat huis zelf las, staat niet in het register. Ga ervan uit dat zij "
        "alles kan hebben gelezen wat haar toegang toeliet.",
        "What a house's application read of that house itself is not in the ledger. Assume that it may have read "
        "all that its access allowed.",
    ),
    Text(
        "Wie de schijf van het platform kan lezen, laat hier geen spoor na.",
        "Whoever can read the platform's disk leaves no trace here.",
    ),
)


def breach(state: State, entries: Iterable[Entry], stands: StandingAt, asked: Asked) -> Breach:
    """The answer; `entries` are those of `KINDS` in the window or around it, in the order of the ledger."""
    lots: dict[Lot, Left] = {}
    taken: list[Taken] = []
    for entry in concerning(entries, asked):
        at = instant(entry.rt)
        recipient, client = PartyId(str(entry.body["recipient"])), ClientId(str(entry.body["client"]))
        if entry.kind is not EntryType.DISCLOSURE_RECORDED:
            taken.append(
                Taken(entry.seq, at, recipient, client, is_sample=entry.kind is EntryType.SAMPLE_OPENED)
            )
            continue
        lot = _lot(entry, recipient, client)
        persons = RowBucket(str(entry.body["persons"]))
        left = lots.setdefault(lot, Left(lot, at, at, persons))
        left.last = at
        left.persons = max(left.persons, persons, key=_BUCKETS.index)
        left.positions.append(entry.seq)
    found = tuple(lots.values())
    reach = _reach(state, asked)
    controllers = {party for one in found for party in one.lot.controllers} | {one.party for one in reach}
    return Breach(
        stands=stands,
        asked=asked,
        left=found,
        taken=tuple(taken),
        reach=reach,
        controllers=tuple(sorted(controllers)),
        recipients=tuple(sorted({one.lot.recipient for one in found})),
        duties=_duties(found, tuple(sorted(controllers)), asked),
    )


def concerning(entries: Iterable[Entry], asked: Asked) -> Iterator[Entry]:
    """Those of the entries that fall in the window and are of whom was asked."""
    for entry in entries:
        body = entry.body
        controllers = (
            texts(body["controllers"]) if entry.kind is EntryType.DISCLOSURE_RECORDED else list[str]()
        )
        if (
            asked.since <= instant(entry.rt) < asked.until
            and (asked.client is None or body["client"] == asked.client)
            and (asked.recipient is None or body["recipient"] == asked.recipient)
            and (asked.controller is None or asked.controller in controllers)
            and (asked.seen_by is None or asked.seen_by in controllers or body["recipient"] == asked.seen_by)
        ):
            yield entry


def _lot(entry: Entry, recipient: PartyId, client: ClientId) -> Lot:
    body = entry.body
    return Lot(
        recipient=recipient,
        client=client,
        controllers=tuple(map(PartyId, texts(body["controllers"]))),
        agreements=tuple(map(AgreementId, texts(body["agreements"]))),
        purposes=tuple(map(Purpose, texts(body["purposes"]))),
        groups=in_order(frozenset(map(FieldGroup, texts(body["groups"])))),
        granularity=Granularity(str(body["granularity"])),
    )


def _reach(state: State, asked: Asked) -> tuple[Reach, ...]:
    """The applications concerned that may read their own house's data, as their last grant stands."""
    concerned = {asked.recipient, asked.controller} - {None}
    return tuple(
        Reach(client, known.party, tuple(sorted(known.scopes & _OF_PERSONS)), known.is_live)
        for client, known in sorted(state.clients.items())
        if (known.party in concerned if asked.client is None else client == asked.client)
        and known.kind is ClientKind.INSTITUTION_APP
        and asked.seen_by in {None, known.party}
        and known.scopes & _OF_PERSONS
    )


_PLATFORM = Text("wie het platform beheert, als verwerker", "whoever runs the platform, as processor")
_HOUSES = Text("elk huis van wie gegevens geraakt zijn", "each house whose data are concerned")
_RECIPIENTS = Text("wie gegevens ontving", "whoever received data")
_AUTHORITY = Text("de Autoriteit Persoonsgegevens", "the Autoriteit Persoonsgegevens")
_PERSONS = Text("de bezoekers", "the visitors")


def _duties(left: tuple[Left, ...], controllers: tuple[PartyId, ...], asked: Asked) -> tuple[Duty, ...]:
    if not controllers:
        return ()
    by = None if asked.aware is None else asked.aware + WITHIN
    fine = sorted({party for one in left if one.is_of_one_person for party in one.lot.controllers})
    at_once = Text("zonder uitstel", "without undue delay")
    duties = [
        Duty((), _PLATFORM, _HOUSES, at_once, None, "33(2)"),
        Duty(
            controllers,
            _HOUSES,
            _AUTHORITY,
            Text(
                "binnen 72 uur nadat het huis het weet, tenzij er waarschijnlijk geen risico is",
                "within 72 hours after the house knows, unless a risk is unlikely",
            ),
            by,
            "33(1)",
        ),
        Duty(
            tuple(fine) or controllers,
            _HOUSES,
            _PERSONS,
            Text(
                "zonder uitstel als het risico hoog is; hier gingen regels van losse personen"
                if fine
                else "zonder uitstel als het risico hoog is",
                "without undue delay when the risk is high; here rows of single persons left"
                if fine
                else "without undue delay when the risk is high",
            ),
            None,
            "34(1)",
        ),
    ]
    recipients = tuple(sorted({one.lot.recipient for one in left}))
    if recipients:
        duties.append(
            Duty(
                recipients,
                _RECIPIENTS,
                Text(
                    "de Autoriteit Persoonsgegevens, en de huizen die gaven",
                    "the Autoriteit Persoonsgegevens, and the houses that gave",
                ),
                Text(
                    "als het bij de ontvanger misging: binnen 72 uur; de huizen zonder uitstel",
                    "when it went wrong at the recipient: within 72 hours; the houses without undue delay",
                ),
                by,
                "33(1)",
            )
        )
    duties.append(
        Duty(
            controllers,
            _HOUSES,
            Text("het eigen register van datalekken", "its own register of breaches"),
            Text("altijd, ook zonder melding", "always, also without notification"),
            None,
            "33(5)",
        )
    )
    return tuple(duties)
