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

from sqlalchemy import Connection, and_, bindparam, func, insert, literal, select, update

from consent_ledger.vocabulary import PartyId, PersonRef
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
    performances: dict[tuple[PartyId, str], Performance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TicketPlan:
    """What one import will do. Counts are exact for the state it was planned on."""

    institution: PartyId
    source: str
    new: list[tuple[Line, PersonRef | None]]
    changed: list[tuple[Line, tuple[str, ...]]]
    linked: list[tuple[Key, PersonRef]]
    unchanged: int
    productions: list[Production]
    performances: list[Performance]

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
                update(ticket_line)
                .where(_KEY, ticket_line.c.severed == 0)
                .values(person=bindparam("_person")),
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
        for table, rows in ((production, self.productions), (performance, self.performances)):
            if not rows:
                continue
            refs = [row.ref for row in rows]
            stored = _stored_refs(connection, table, self.institution, refs)
            told = [row._asdict() | {"institution": self.institution} for row in rows]
            if fresh := [row for row in told if row["ref"] not in stored]:
                connection.execute(insert(table), fresh)
            if known := [row for row in told if row["ref"] in stored]:
                values: dict[str, Any] = {
                    name: bindparam(f"_{name}") for name in rows[0]._fields if name != "ref"
                }
                connection.execute(
                    update(table)
                    .where(table.c.institution == bindparam("_institution"), table.c.ref == bindparam("_ref"))
                    .values(values),
                    [{f"_{name}": value for name, value in row.items()} for row in known],
                )

    def _write_new(self, connection: Connection, import_id: str) -> None:
        # ids only grow, on both databases, so the new lines are those above the highest seen now
        before = connection.scalar(select(func.coalesce(func.max(ticket_line.c.id), 0)))
        shared = {
            "institution": self.institution,
            "source": self.source,
            "severed": 0,
            "import_id": import_id,
        }
        names = Line._fields
        rows = [dict(zip(names, line, strict=True), person=person, **shared) for line, person in self.new]
        connection.execute(insert(ticket_line), rows)
        mine = and_(ticket_line.c.id > before, ticket_line.c.import_id == import_id)
        _append_events(connection, import_id, mine, ticket_line.c.status)
        if any(line.attended_at for line, _ in self.new):
            _append_events(
                connection, import_id, and_(mine, ticket_line.c.attended_at.is_not(None)), literal("attended")
            )

    def _write_changed(self, connection: Connection, import_id: str) -> None:
        connection.execute(
            update(ticket_line)
            .where(_KEY)
            .values({name: bindparam(f"new_{name}") for name in (*_CHANGED, "import_id")}),
            [
                self._key(line.key)
                | {f"new_{name}": getattr(line, name) for name in _CHANGED}
                | {"new_import_id": import_id}
                for line, _ in self.changed
            ],
        )
        line = ticket_line.c
        told = select(
            line.id, line.institution, bindparam("_event"), bindparam("_import"), line.gross, line.performance
        ).where(_KEY)
        connection.execute(
            insert(ticket_event).from_select(_EVENT, told),
            [
                self._key(changed.key) | {"_event": event, "_import": import_id}
                for changed, events in self.changed
                for event in events
            ],
        )


_EVENT = ["line", "institution", "event", "import_id", "gross", "performance"]


def _append_events(connection: Connection, import_id: str, which: Any, event: Any) -> None:
    line = ticket_line.c
    told = select(line.id, line.institution, event, literal(import_id), line.gross, line.performance)
    connection.execute(insert(ticket_event).from_select(_EVENT, told.where(which).order_by(line.id)))


def plan_tickets(
    connection: Connection,
    institution: PartyId,
    source: str,
    *,
    told: TicketLines,
    persons: Sequence[PersonRef | None],
    foreseen: Foreseen,
) -> TicketPlan:
    """
    What storing these lines will do, given what is stored and `foreseen`, which it adds to.

    A line that comes without an identifier keeps the person it has; one that comes with another
    takes that; a severed line takes none.
    """
    stored = stored_lines(connection, institution, source, [line.key for line in told.lines])
    new: list[tuple[Line, PersonRef | None]] = []
    changed: list[tuple[Line, tuple[str, ...]]] = []
    linked: list[tuple[Key, PersonRef]] = []
    unchanged = 0
    seen = foreseen.lines
    for line, person in zip(told.lines, persons, strict=True):
        key = line.key
        known = seen.get((institution, source, key)) or stored.get(key)
        held = person
        if known is None:
            new.append((line, person))
        else:
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
            severed=known is not None and known.severed,
        )
    return TicketPlan(
        institution,
        source,
        new,
        changed,
        linked,
        unchanged,
        _fresh_productions(connection, institution, told.productions, foreseen),
        _fresh_performances(connection, institution, told.performances, foreseen),
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
    line = ticket_line.c
    own = and_(line.institution == institution, line.source == source)
    if connection.scalar(select(line.id).where(own).limit(1)) is None:
        return {}
    asked = select(
        line.order_ref,
        line.line_ref,
        line.content,
        line.status,
        line.performance,
        line.attended_at,
        line.person,
        line.severed,
    ).where(own)
    found: dict[Key, Known] = {}
    for orders in _chunks(dict.fromkeys(order for order, _ in keys)):
        for row in connection.execute(asked.where(line.order_ref.in_(orders))):
            order, ref, content, status, shown, attended, person, severed = row
            found[order, ref] = Known(bytes(content), status, shown, attended, person, severed=bool(severed))
    return found


def _fresh_productions(
    connection: Connection, institution: PartyId, told: Sequence[Production], foreseen: Foreseen
) -> list[Production]:
    refs = [one.ref for one in told]
    stored = {
        row.ref: Production(row.ref, row.title, row.genre)
        for row in _stored_rows(connection, production, institution, refs)
    }
    fresh = []
    for one in told:
        known = foreseen.productions.get((institution, one.ref)) or stored.get(one.ref)
        # a file that does not know the genre takes none away
        wanted = one._replace(genre=known.genre) if known and one.genre == "unknown" else one
        if wanted != known:
            fresh.append(wanted)
        foreseen.productions[institution, one.ref] = wanted
    return fresh


def _fresh_performances(
    connection: Connection, institution: PartyId, told: Sequence[Performance], foreseen: Foreseen
) -> list[Performance]:
    refs = [one.ref for one in told]
    stored = {
        row.ref: Performance(row.ref, row.production, row.starts_at, row.day, row.zone)
        for row in _stored_rows(connection, performance, institution, refs)
    }
    fresh = []
    for one in told:
        if one != (foreseen.performances.get((institution, one.ref)) or stored.get(one.ref)):
            fresh.append(one)
        foreseen.performances[institution, one.ref] = one
    return fresh


def _stored_rows(
    connection: Connection, table: Any, institution: PartyId, refs: Sequence[str]
) -> Iterator[Any]:
    for some in _chunks(refs):
        yield from connection.execute(
            select(table).where(table.c.institution == institution, table.c.ref.in_(some))
        )


def _stored_refs(connection: Connection, table: Any, institution: PartyId, refs: Sequence[str]) -> set[str]:
    return {row.ref for row in _stored_rows(connection, table, institution, refs)}


T = TypeVar("T")


def _chunks(items: Any) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, _CHUNK)):
        yield some
