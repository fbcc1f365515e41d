"""
Sold lines (admissions, and what was bought with them) and productions of the permit's controller, as columns.

The statements go to the driver as they are: an index of ten million lines is built from them, and
an object per row would cost more than everything else together. Values are always parameters.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject
from consent_ledger.vocabulary import PersonRef, ProductionRef
from insight.store import require

CHUNK: Final = 20_000
"""Rows taken from the driver at once: memory stays at the columns, whatever the number of lines."""


@dataclass(frozen=True, slots=True)
class Production:
    """A production of the house, under the house's own reference."""

    ref: ProductionRef
    title: str
    genre: str


@dataclass(frozen=True, slots=True)
class TicketColumns:
    """
    One row per sold line of one kind, in order of performance day.

    Codes are positions in the tuple of the same noun; -1 stands for none. A day is its proleptic
    Gregorian ordinal. `pc4` is the postcode area as a number, 0 for unknown or foreign.
    """

    day: NDArray[np.int32]  # local day of the performance
    ordered: NDArray[np.int32]  # local day of the order
    order: NDArray[np.int32]
    performance: NDArray[np.int32]
    production: NDArray[np.int32]
    person: NDArray[np.int32]  # -1: unidentified, or severed by erasure
    pc4: NDArray[np.int16]
    gross: NDArray[np.int64]  # cents
    currency: NDArray[np.int8]
    attended: NDArray[np.bool_]
    youth: NDArray[np.bool_]  # sold at a youth price
    school: NDArray[np.bool_]  # ordered by a school
    abroad: NDArray[np.bool_]
    persons: tuple[PersonRef, ...]
    productions: tuple[ProductionRef, ...]
    currencies: tuple[str, ...]
    orders: int
    performances: int

    def __len__(self) -> int:
        return len(self.day)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        found = (getattr(self, name) for name in self.__slots__)
        return tuple(column for column in found if isinstance(column, np.ndarray))

    def part(self, rows: slice) -> TicketColumns:
        """Some of the rows, as views, under the same codes."""
        held: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        views: dict[str, Any] = {
            name: column[rows] for name, column in held.items() if isinstance(column, np.ndarray)
        }
        return replace(self, **views)


@dataclass(frozen=True, slots=True)
class SoldLines:
    """
    Sold lines of a house, under one set of codes: a person has one number in both, and may be known
    from products alone.
    """

    admissions: TicketColumns
    products: TicketColumns  # what was bought with them, such as a drink for the interval


_LINES: Final = """
select day, ordered_day, source, order_ref, performance, production,
       case when severed = 0 then person end,
       case when country is null or country = 'NL' then pc4 end,
       gross, currency,
       case when attended_at is null then 0 else 1 end
       + case when price_type = 'youth' then 2 else 0 end
       + case when channel = 'school' then 4 else 0 end
       + case when country is null or country = 'NL' then 0 else 8 end
       + case when kind = 'product' then 16 else 0 end
  from ticket_line
 where institution = {mark} and kind in ('admission', 'product') and status = 'sold'
"""
_ATTENDED, _YOUTH, _SCHOOL, _ABROAD, _PRODUCT = (1 << bit for bit in range(5))
_AFTER_EVERY_DAY: Final = 1 << 22
"""More than the ordinal of the last day there is: sorts products behind all admissions."""


def lines(permit: Permit[Read], connection: Connection) -> SoldLines:
    """
    Every sold line of a performance that exists for this permit, on any day; gift cards, donations,
    memberships and fees are no such lines.

    The permit's period bounds what is counted, not what is loaded here: who came for the first time,
    and in which segment somebody is, follows from the history before it. Productions and the day
    of sale from which lines may be used do bound it: other lines do not exist for this permit.
    """
    require(permit, Subject.AUDIENCE)
    mark = _mark(connection)
    statement, values = _LINES.format(mark=mark), [str(permit.controller)]
    if permit.sold_from is not None:
        statement += f" and ordered_day >= {mark}"
        values.append(permit.sold_from.isoformat())
    if permit.productions is not None:
        statement += f" and production in ({_among(mark, permit.productions)})"
        values.extend(sorted(permit.productions))
    gathering = _Gathering()
    result = connection.exec_driver_sql(
        statement, tuple(values), execution_options={"stream_results": True, "max_row_buffer": CHUNK}
    )
    while rows := result.fetchmany(CHUNK):
        gathering.take(rows)
    return gathering.sold()


def productions(permit: Permit[Read], connection: Connection) -> list[Production]:
    """The productions that exist for this permit, by reference."""
    require(permit, Subject.AUDIENCE, Subject.CATALOGUE)
    mark = _mark(connection)
    statement, values = f"select ref, title, genre from production where institution = {mark}", []  # noqa: S608
    values.append(str(permit.controller))
    if permit.productions is not None:
        statement += f" and ref in ({_among(mark, permit.productions)})"
        values.extend(sorted(permit.productions))
    rows = connection.exec_driver_sql(statement, tuple(values))
    found = (Production(ProductionRef(ref), title, genre) for ref, title, genre in rows)
    return sorted(found, key=lambda production: production.ref)


def _mark(connection: Connection) -> str:
    """The driver's parameter mark."""
    return "%s" if connection.dialect.name == "postgresql" else "?"


def _among(mark: str, productions: frozenset[ProductionRef]) -> str:
    """
    Parameter marks for these productions; for none, what no reference equals.

    Not SQLite's `json_each`: the application's login may not construct a virtual table.
    """
    return ", ".join(mark for _ in productions) or "null"


class _Codes(dict[Hashable, int]):
    """Numbers values by first sight; a missing value (None) is -1."""

    def __init__(self) -> None:
        super().__init__({None: -1})

    def __missing__(self, value: Hashable) -> int:
        code = self[value] = len(self) - 1
        return code

    def encode(self, values: Iterable[Hashable], count: int) -> NDArray[np.int32]:
        return np.fromiter(map(self.__getitem__, values), np.int32, count)

    @property
    def seen(self) -> tuple[Any, ...]:
        return tuple(self)[1:]


class _Gathering:
    """Turns the driver's rows into columns, chunk by chunk."""

    def __init__(self) -> None:
        self._days, self._orders, self._performances = _Codes(), _Codes(), _Codes()
        self._productions, self._persons, self._areas = _Codes(), _Codes(), _Codes()
        self._currencies = _Codes()
        self._chunks: list[tuple[NDArray[Any], ...]] = []

    def take(self, rows: Iterable[Any]) -> None:
        day, ordered, source, order, performance, production, person, pc4, gross, currency, flags = zip(
            *rows, strict=True
        )
        count = len(day)
        self._chunks.append(
            (
                self._days.encode(day, count),
                self._days.encode(ordered, count),
                self._orders.encode(zip(source, order, strict=True), count),
                self._performances.encode(performance, count),
                self._productions.encode(production, count),
                self._persons.encode(person, count),
                self._areas.encode(pc4, count),
                np.fromiter(gross, np.int64, count),
                self._currencies.encode(currency, count).astype(np.int8),
                np.fromiter(flags, np.int8, count),
            )
        )

    def sold(self) -> SoldLines:
        ordinals = np.array([date.fromisoformat(day).toordinal() for day in self._days.seen] or [0], np.int32)
        areas = np.array([_area(pc4) for pc4 in self._areas.seen] + [0], np.int16)  # code -1 is the last
        day = ordinals[self._column(0, np.int32)]
        flags = self._column(9, np.int8)
        is_product = (flags & _PRODUCT) != 0
        by_day = np.argsort(day + is_product * np.int32(_AFTER_EVERY_DAY), kind="stable")
        flags = flags[by_day]

        def column(number: int, dtype: type[np.generic]) -> NDArray[Any]:
            return self._column(number, dtype)[by_day]

        every = TicketColumns(
            day=day[by_day],
            ordered=ordinals[column(1, np.int32)],
            order=column(2, np.int32),
            performance=column(3, np.int32),
            production=column(4, np.int32),
            person=column(5, np.int32),
            pc4=areas[column(6, np.int32)],
            gross=column(7, np.int64),
            currency=column(8, np.int8),
            attended=(flags & _ATTENDED) != 0,
            youth=(flags & _YOUTH) != 0,
            school=(flags & _SCHOOL) != 0,
            abroad=(flags & _ABROAD) != 0,
            persons=self._persons.seen,
            productions=self._productions.seen,
            currencies=self._currencies.seen,
            orders=len(self._orders.seen),
            performances=len(self._performances.seen),
        )
        admissions = len(every) - int(np.count_nonzero(is_product))
        return SoldLines(every.part(slice(admissions)), every.part(slice(admissions, None)))

    def _column(self, number: int, dtype: type[np.generic]) -> NDArray[Any]:
        if not self._chunks:
            return np.empty(0, dtype)
        return np.concatenate([chunk[number] for chunk in self._chunks])


def _area(pc4: str) -> int:
    return int(pc4) if len(pc4) == 4 and pc4.isascii() and pc4.isdigit() else 0
