"""
Ticket lines meet what is stored: what is new, what changed, what is the same; and the writing of it.

Planning reads; writing happens inside the ledger entry's own transaction. A plan rests on the
institution's latest import; if another import came between, the writing is refused (`Outdated`)
and planned again, so that the counts in the entry are those of the rows it carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    update,
)

from consent_ledger.vocabulary import PartyId, PersonRef
from insight.intake.bulk import insert_rows
from insight.intake.buyers import Buyers
from insight.intake.lines import Key, Line, Performance, Production, TicketLines
from insight.tables import performance, production, ticket_event, ticket_line

_CHUNK = 400  # look-ups per statement: far below SQLite's 32,766 variables

_KEY = and_(
    ticket_line.c.institution == bindparam("_institution"),
    ticket_line.c.source == bindparam("_source"),
    ticket_line.c.order_ref == bindparam("_order"),
    ticket_line.c.line_ref == bindparam("_line"),
)
_CHANGED = tuple(name for name in Line._fields if name not in {"order_ref", "line_ref"})

_CHANGE_LINE = (
    update(ticket_line)
    .where(_KEY)
    .values({name: bindparam(f"new_{name}") for name in (*_CHANGED, "import_id")})
)
_LINK = update(ticket_line).where(_KEY, ticket_line.c.severed == 0).values(person=bindparam("_person"))
_CHANGE_PRODUCTION = (
    update(production)
    .where(production.c.institution == bindparam("_institution"), production.c.ref == bindparam("_ref"))
    .values(title=bindparam("title"), genre=bindparam("genre"))
)
_HIGHEST = select(func.coalesce(func.max(ticket_line.c.id), 0))


def _event(event: ColumnElement[str], *which: ColumnElement[bool]) -> Insert:
    """One event row per line, told by the database from the lines themselves."""
    line = ticket_line.c
    told = select(
        line.id, line.institution, event, bindparam("_import", type_=Text), line.gross, line.performance
    )
    names = ["line", "institution", "event", "import_id", "gross", "performance"]
    return insert(ticket_event).from_select(names, told.where(*which).order_by(line.id))


_MINE = (ticket_line.c.id > bindparam("_before"), ticket_line.c.import_id == bindparam("_import"))
_NEW_EVENTS = _event(ticket_line.c.status, *_MINE)
_NEW_ENTRIES = _event(literal_column("'attended'"), *_MINE, ticket_line.c.attended_at.is_not(None))
_CHANGE_EVENT = _event(bindparam("_event", type_=Text), _KEY)


class Known(NamedTuple):
    """What a plan must know of a stored line."""

    content: bytes
    status: str
    performance: str
    attended_at: str | None
    person: PersonRef | None
    severed: bool


@dataclass(slots=True)
class Foreseen:
    """
    What earlier plans of the same transaction will have written when the next one runs.

    Several imports may share one transaction; each is planned on the rows of those before it.
    """

    lines: dict[tuple[PartyId, str, Key], Known] = field(default_factory=dict)
    productions: dict[tuple[PartyId, str], Production] = field(default_factory=dict)
    performances: set[tuple[PartyId, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class TicketPlan:
    """What one import will do. Counts are exact for the state it was planned on."""

    institution: PartyId
    source: str
    new: list[tuple[Line, PersonRef | None, int]]  # the last is 1 when it is severed from the start
    changed: list[tuple[Line, tuple[str, ...]]]
    linked: list[tuple[Key, PersonRef]]
    unchanged: int
    kept_out: int
    new_productions: list[Production]
    changed_productions: list[Production]
    new_performances: list[Performance]

    @property
    def created(self) -> int:
        return len(self.new)

    @property
    def updated(self) -> int:
        return len(self.changed)

    @property
    def relinked(self) -> int:
        return len(self.linked)

    def write(self, connection: Connection, import_id: str) -> bool:
        """
        Write the plan on the entry's connection; False when a line to be linked was severed meanwhile.

        All or nothing with the entry: a crash or an error in here leaves neither rows nor entry.
        """
        if not self._links_hold(connection):
            return False
        self._write_programme(connection)
        if self.new:
            self._write_new(connection, import_id)
        if self.changed:
            self._write_changed(connection, import_id)
        if self.linked:
            # an erasure may never be undone from here, whatever the plan says
            connection.execute(
                _LINK,
                [self._key(key) | {"_person": person} for key, person in self.linked],
            )
        return True

    def _key(self, key: Key) -> dict[str, Any]:
        return {"_institution": self.institution, "_source": self.source, "_order": key[0], "_line": key[1]}

    def _links_hold(self, connection: Connection) -> bool:
        if not self.linked:
            return True
        keys = [key for key, _ in self.linked]
        stored = stored_lines(connection, self.institution, self.source, keys)
        return not any(known.severed for known in stored.values())

    def _write_programme(self, connection: Connection) -> None:
        for table, rows in ((production, self.new_productions), (performance, self.new_performances)):
            names = ("institution", *rows[0]._fields) if rows else ()
            insert_rows(connection, table, names, [(self.institution, *row) for row in rows])
        if self.changed_productions:
            connection.execute(
                _CHANGE_PRODUCTION,
                [
                    {
                        "_institution": self.institution,
                        "_ref": row.ref,
                        "title": row.title,
                        "genre": row.genre,
                    }
                    for row in self.changed_productions
                ],
            )

    def _write_new(self, connection: Connection, import_id: str) -> None:
        # ids only grow, on both databases, so the new lines are those above the highest seen now
        before = connection.scalar(_HIGHEST)
        shared = (self.institution, self.source, import_id)
        insert_rows(
            connection,
            ticket_line,
            (*Line._fields, "person", "severed", "institution", "source", "import_id"),
            [(*line, person, severed, *shared) for line, person, severed in self.new],
        )
        told = {"_before": before, "_import": import_id}
        connection.execute(_NEW_EVENTS, told)
        if any(line.attended_at for line, _, _ in self.new):
            connection.execute(_NEW_ENTRIES, told)

    def _write_changed(self, connection: Connection, import_id: str) -> None:
        connection.execute(
            _CHANGE_LINE,
            [
                self._key(line.key)
                | {f"new_{name}": getattr(line, name) for name in _CHANGED}
                | {"new_import_id": import_id}
                for line, _ in self.changed
            ],
        )
        connection.execute(
            _CHANGE_EVENT,
            [
                self._key(changed.key) | {"_event": event, "_import": import_id}
                for changed, events in self.changed
                for event in events
            ],
        )


def plan_tickets(
    connection: Connection,
    institution: PartyId,
    source: str,
    *,
    told: TicketLines,
    buyers: Buyers,
    foreseen: Foreseen,
) -> TicketPlan:
    """
    What storing these lines will do, given what is stored and `foreseen`, which it adds to.

    A line that comes without an identifier keeps the person it has; one that comes with another
    takes that; a severed line takes none. A new line of somebody who is kept out is severed from the
    start; a known one stays as it is: what a stop ends is the use, and only an erasure severs.
    """
    stored = stored_lines(connection, institution, source, [line.key for line in told.lines])
    new: list[tuple[Line, PersonRef | None, int]] = []
    changed: list[tuple[Line, tuple[str, ...]]] = []
    linked: list[tuple[Key, PersonRef]] = []
    unchanged = 0
    seen = foreseen.lines
    for at, (line, person) in enumerate(zip(told.lines, buyers.persons, strict=True)):
        key = line.key
        known = seen.get((institution, source, key)) or stored.get(key)
        held, severed = person, at in buyers.kept_out
        if known is None:
            new.append((line, person, int(severed)))
        else:
            severed = known.severed
            if known.content == line.content:
                unchanged += 1
            else:
                changed.append((line, _events(known, line)))
            held = None if known.severed else person or known.person
            if held is not None and held != known.person:
                linked.append((key, held))
        seen[institution, source, key] = Known(
            line.content,
            line.status,
            line.performance,
            line.attended_at,
            held,
            severed=severed,
        )
    return TicketPlan(
        institution,
        source,
        new,
        changed,
        linked,
        unchanged,
        len(buyers.kept_out),
        *_productions(connection, institution, told.productions, foreseen),
        _performances(connection, institution, told.performances, foreseen),
    )


def _events(known: Known, line: Line) -> tuple[str, ...]:
    """What happened to a line whose content changed."""
    told = [
        event
        for event, holds in (
            ("moved", line.performance != known.performance),
            (line.status, line.status != known.status),
            ("attended", line.attended_at is not None and known.attended_at is None),
        )
        if holds
    ]
    return tuple(told) or ("corrected",)


def stored_lines(
    connection: Connection, institution: PartyId, source: str, keys: Sequence[Key]
) -> dict[Key, Known]:
    """The stored lines of the orders that `keys` name."""
    own = {"_institution": institution, "_source": source}
    if connection.scalar(_ANY, own) is None:
        return {}
    found: dict[Key, Known] = {}
    for orders in _chunks(dict.fromkeys(order for order, _ in keys)):
        for row in connection.execute(_OF_ORDERS, {**own, "_orders": orders}):
            order, ref, content, status, shown, attended, person, severed = row
            found[order, ref] = Known(bytes(content), status, shown, attended, person, severed=bool(severed))
    return found


_OWN = and_(
    ticket_line.c.institution == bindparam("_institution"), ticket_line.c.source == bindparam("_source")
)
_ANY = select(ticket_line.c.id).where(_OWN).limit(1)
_OF_ORDERS = select(
    ticket_line.c.order_ref,
    ticket_line.c.line_ref,
    ticket_line.c.content,
    ticket_line.c.status,
    ticket_line.c.performance,
    ticket_line.c.attended_at,
    ticket_line.c.person,
    ticket_line.c.severed,
).where(_OWN, ticket_line.c.order_ref.in_(bindparam("_orders", expanding=True)))


def _productions(
    connection: Connection, institution: PartyId, told: Sequence[Production], foreseen: Foreseen
) -> tuple[list[Production], list[Production]]:
    """Those that are new, and those whose title or genre changed."""
    stored = {
        ref: Production(ref, title, genre)
        for _, ref, title, genre in _stored(connection, _PRODUCTIONS, institution, [one.ref for one in told])
    }
    new, changed = [], []
    for one in told:
        known = foreseen.productions.get((institution, one.ref)) or stored.get(one.ref)
        # a file that does not know the genre takes none away
        wanted = one._replace(genre=known.genre) if known and one.genre == "unknown" else one
        if known is None:
            new.append(wanted)
        elif wanted != known:
            changed.append(wanted)
        foreseen.productions[institution, one.ref] = wanted
    return new, changed


def _performances(
    connection: Connection, institution: PartyId, told: Sequence[Performance], foreseen: Foreseen
) -> list[Performance]:
    """Those that are new. A reference holds production and start, so a known one never changes."""
    refs = [one.ref for one in told]
    known = {row[1] for row in _stored(connection, _PERFORMANCES, institution, refs)}
    new = [
        one for one in told if one.ref not in known and (institution, one.ref) not in foreseen.performances
    ]
    foreseen.performances.update((institution, ref) for ref in refs)
    return new


def _among(table: Table) -> Select[Any]:
    return select(table).where(
        table.c.institution == bindparam("_institution"),
        table.c.ref.in_(bindparam("_refs", expanding=True)),
    )


_PRODUCTIONS = _among(production)
_PERFORMANCES = _among(performance)


def _stored(
    connection: Connection, asked: Select[Any], institution: PartyId, refs: Sequence[str]
) -> Iterator[Any]:
    for some in _chunks(refs):
        yield from connection.execute(asked, {"_institution": institution, "_refs": some})


T = TypeVar("T")


def _chunks(items: Any) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, _CHUNK)):
        yield some
