"""
Visit counts: how many came to a place on a day, without knowing who.

Natural key: institution, place, day, kind. Counts are never summed with tickets here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple, TypeAlias

import pandas as pd
from sqlalchemy import Connection, and_, bindparam, insert, select, update

from consent_ledger.vocabulary import PartyId
from insight.intake.delivery import Delivery, Fault, checked, errors_of, faults_in, is_text
from insight.intake.files import named
from insight.intake.mapping import Mapping
from insight.intake.reading import MOST_VISITS, Reading, read
from insight.intake.refusals import IntakeRefused
from insight.intake.report import PlaceTotal
from insight.intake.ticket import texts
from insight.tables import visit_count

COLUMNS: Final = ("place", "day", "kind", "number", "revenue")
"""A visit frame: place (str), day (`YYYY-MM-DD`, local), kind (str), number (int), revenue (int, cents)."""

KINDS: Final = frozenset({"counter", "pass", "school", "free"})

CountKey: TypeAlias = tuple[str, str, str]


class Count(NamedTuple):
    place: str
    day: str
    kind: str
    number: int
    revenue: int

    @property
    def key(self) -> CountKey:
        return (self.place, self.day, self.kind)


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """All counts of one delivery, each key once."""

    counts: list[Count]
    totals: tuple[PlaceTotal, ...]
    duplicates: int


def visits_from_file(data: bytes, mapping: Mapping) -> Delivery:
    """The file's rows as visit counts; raises `FileRefused` when it is no such table."""
    reading = read(data, mapping)
    reading.columns["day"] = [None if day is None else day.isoformat() for day in reading.columns["day"]]
    reading.columns.setdefault("revenue", [0] * len(reading.lines))
    return _checked(reading)


def visits_from_frame(frame: pd.DataFrame) -> Delivery:
    """The frame's rows as visit counts; line 2 is its first row, as in a file with a header."""
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing or not all(pd.api.types.is_integer_dtype(frame[name].dtype) for name in ("number", "revenue")):
        raise IntakeRefused(
            "NOT_A_VISIT_FRAME",
            "This is not a frame of visit counts: a column is missing, or numbers are not whole.",
            f"Give the columns {', '.join(COLUMNS)}; revenue in cents.",
        )
    columns: dict[str, list[Any]] = {
        name: frame[name].tolist() if name in {"number", "revenue"} else texts(frame[name])
        for name in COLUMNS
    }
    ignored = tuple(named(str(name)) for name in frame.columns if name not in COLUMNS)
    reading = Reading(columns, list(range(2, len(frame) + 2)), COLUMNS, ignored)
    for name in ("place", "day", "kind"):
        reading.faults += [
            (row, name, "MISSING_VALUE") for row, cell in enumerate(columns[name]) if cell is None
        ]
    return _checked(reading)


def _checked(reading: Reading) -> Delivery:
    columns = reading.columns
    return checked(
        reading,
        [
            *faults_in("place", columns["place"], "BAD_TEXT", is_text),
            *faults_in("day", columns["day"], "BAD_DAY", _is_day),
            *faults_in("kind", columns["kind"], "BAD_VALUE", KINDS.__contains__),
            *faults_in("number", columns["number"], "BAD_NUMBER", lambda number: 0 <= number <= MOST_VISITS),
            *faults_in("revenue", columns["revenue"], "NEGATIVE_AMOUNT", lambda cents: cents >= 0),
        ],
    )


def _is_day(cell: str) -> bool:
    try:
        return date.fromisoformat(cell).isoformat() == cell
    except ValueError:
        return False


def visit_counts(delivery: Delivery) -> VisitCounts:
    """The delivery's good rows, each key once; adds conflicts to the delivery's errors."""
    rows = [Count(*row) for row in zip(*(delivery.columns[name] for name in COLUMNS), strict=True)]
    first: dict[CountKey, int] = {}
    kept: list[Count] = []
    conflicts: list[Fault] = []
    duplicates = 0
    for row, count in enumerate(rows):
        earlier = first.setdefault(count.key, row)
        if earlier == row:
            kept.append(count)
        elif rows[earlier] == count:
            duplicates += 1
        else:
            conflicts += [(earlier, "number", "CONFLICTING_ROWS"), (row, "number", "CONFLICTING_ROWS")]
    delivery.errors += errors_of(conflicts, delivery.lines, delivery.columns)
    delivery.errors.sort(key=lambda error: (error.line, error.field, error.code))
    numbers: Counter[str] = Counter()
    takings: Counter[str] = Counter()
    for count in kept:
        numbers[count.place] += count.number
        takings[count.place] += count.revenue
    totals = tuple(PlaceTotal(place, numbers[place], takings[place]) for place in sorted(numbers))
    return VisitCounts(kept, totals, duplicates)


@dataclass(frozen=True, slots=True)
class VisitPlan:
    """What one import will do."""

    institution: PartyId
    new: list[Count]
    changed: list[Count]
    unchanged: int
    relinked: int = field(default=0, init=False)
    kept_out: int = field(default=0, init=False)

    @property
    def created(self) -> int:
        return len(self.new)

    @property
    def updated(self) -> int:
        return len(self.changed)

    def write(self, connection: Connection, import_id: str) -> bool:
        """Write the plan on the entry's connection; all or nothing with the entry."""
        shared = {"institution": self.institution, "import_id": import_id}
        if self.new:
            connection.execute(insert(visit_count), [count._asdict() | shared for count in self.new])
        if self.changed:
            values: dict[str, Any] = {
                name: bindparam(f"_{name}") for name in ("number", "revenue", "import_id")
            }
            connection.execute(
                update(visit_count).where(_KEY).values(values),
                [
                    {f"_{name}": value for name, value in (count._asdict() | shared).items()}
                    for count in self.changed
                ],
            )
        return True


_KEY = and_(
    visit_count.c.institution == bindparam("_institution"),
    visit_count.c.place == bindparam("_place"),
    visit_count.c.day == bindparam("_day"),
    visit_count.c.kind == bindparam("_kind"),
)


def plan_visits(
    connection: Connection,
    institution: PartyId,
    told: VisitCounts,
    foreseen: dict[tuple[PartyId, CountKey], Count],
) -> VisitPlan:
    """What storing these counts will do, given what is stored and `foreseen`, which it adds to."""
    stored = _stored(connection, institution, told.counts)
    new: list[Count] = []
    changed: list[Count] = []
    unchanged = 0
    for count in told.counts:
        known = foreseen.get((institution, count.key)) or stored.get(count.key)
        if known is None:
            new.append(count)
        elif known == count:
            unchanged += 1
        else:
            changed.append(count)
        foreseen[institution, count.key] = count
    return VisitPlan(institution, new, changed, unchanged)


def _stored(connection: Connection, institution: PartyId, counts: Sequence[Count]) -> dict[CountKey, Count]:
    """The stored counts of the places and the span of days that are told."""
    if not counts:
        return {}
    row = visit_count.c
    found: dict[CountKey, Count] = {}
    for place in dict.fromkeys(count.place for count in counts):
        days = [count.day for count in counts if count.place == place]
        asked = select(row.place, row.day, row.kind, row.number, row.revenue).where(
            row.institution == institution, row.place == place, row.day.between(min(days), max(days))
        )
        for told in connection.execute(asked):
            count = Count(*told)
            found[count.key] = count
    return found
