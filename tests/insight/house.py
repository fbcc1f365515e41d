"""An invented house with a few thousand ticket lines, and permits to read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import numpy as np
from sqlalchemy import Connection, create_engine, insert

from consent_ledger import standing
from consent_ledger.closed import mint
from consent_ledger.permit import Permit, PersonFilter, Read
from consent_ledger.question import Subject
from consent_ledger.snapshot import Life
from consent_ledger.standing import Said
from consent_ledger.vocabulary import (
    ConsentAct,
    FieldGroup,
    Granularity,
    PartyId,
    PersonRef,
    Position,
    Purpose,
)
from insight import tables
from insight.index import AudienceIndex, Indexes
from insight.tables import performance, production, ticket_line, visit_count

Row = dict[str, Any]

HOUSE, OTHER, TOURING = PartyId("house"), PartyId("other"), PartyId("touring")
TODAY = date(2026, 6, 30)
FIRST_DAY = date(2022, 1, 8)
KINDS = ("admission", "product", "gift_card", "donation", "fee")
GENRES = ("theatre", "dance", "opera", "music", "youth", "unknown")
PC4 = ("9711", "9712", "9713", "9714", "1011", "2611", "3991", "1852", "6525", "6421", "1099", None)


def permit(**changes: Any) -> Permit[Read]:
    """A permit for the house's own insight in all groups, but for these changes."""
    usual: dict[str, Any] = {
        "act": Read,
        "subject": Subject.AUDIENCE,
        "controller": HOUSE,
        "recipient": HOUSE,
        "purpose": Purpose.OWN_INSIGHT,
        "groups": frozenset(FieldGroup),
        "granularity": Granularity.AGGREGATE,
        "productions": None,
        "period": None,
        "person": None,
        "persons": PersonFilter.EVERYONE_NOT_OBJECTING,
        "sold_from": None,
        "agreement": None,
        "minimum_group": 1,
        "at": datetime(2027, 7, 1, tzinfo=UTC),
        "size": 100,
        "root": bytes(32),
        "basis": (),
        "data_position": 1,
        "standing_position": 1,
        "life": Life(),
    }
    return mint(Permit, **{f"_{name}": value for name, value in {**usual, **changes}.items()})


def person(number: int, house: PartyId = HOUSE) -> PersonRef:
    return PersonRef(sha256(f"{house} {number}".encode()).hexdigest()[:32])


def line(number: int, **changes: Any) -> Row:
    """One sold admission, but for these changes."""
    usual: Row = {
        "institution": HOUSE,
        "source": "test",
        "order_ref": f"o{number}",
        "line_ref": "1",
        "performance": "p1",
        "production": "hamlet",
        "day": "2026-03-01",
        "ordered_at": "2026-02-01T12:00:00Z",
        "ordered_day": "2026-02-01",
        "kind": "admission",
        "status": "sold",
        "price_type": "full",
        "gross": 2500,
        "currency": "EUR",
        "channel": "web",
        "pc4": "9711",
        "country": "NL",
        "attended_at": None,
        "person": person(number),
        "severed": 0,
        "content": b"",
        "import_id": "imp-0000000000000001",
    }
    return {**usual, **changes}


def invented(seed: int, count: int = 2500, house: PartyId = HOUSE) -> list[Row]:
    """
    Lines of a house over four and a half years: returning visitors, groups, schools, refunds, erasures,
    drinks, and some who only ever bought a drink.
    """
    dice = np.random.default_rng(seed)
    performances = _performances(dice)
    rows: list[Row] = []
    weights = np.arange(1, 501) ** -0.9
    order = 0
    while len(rows) < count:
        order += 1
        ref, of, day, is_scanned = performances[int(dice.integers(len(performances)))]
        buyer = int(dice.choice(500, p=weights / weights.sum()))
        size = 18 if dice.random() < 0.003 else int(dice.integers(1, 5))
        is_thirst = dice.random() < 0.03
        buyer += 500 if is_thirst else 0  # somebody who never buys a ticket
        ordered = max(day - timedelta(days=int(dice.integers(0, 120))), FIRST_DAY)
        common: Row = {
            "institution": house,
            "order_ref": f"o{order}",
            "performance": ref,
            "production": of,
            "day": day.isoformat(),
            "ordered_at": f"{ordered.isoformat()}T12:00:00Z",
            "ordered_day": ordered.isoformat(),
            "channel": str(dice.choice(["web", "box_office", "school"], p=[0.8, 0.196, 0.004])),
            "pc4": PC4[buyer % len(PC4)],
            "country": "BE" if buyer % 17 == 0 else None if buyer % 5 == 0 else "NL",
        }
        is_known = dice.random() < 0.85
        for number in range(size):
            price = str(dice.choice(["full", "youth", "complimentary"], p=[0.8, 0.1, 0.1]))
            rows.append(
                line(
                    0,
                    **common,
                    line_ref=str(number + 1),
                    kind="product" if is_thirst else str(dice.choice(KINDS, p=[0.9, 0.07, 0.01, 0.01, 0.01])),
                    status=str(
                        dice.choice(["sold", "cancelled", "refunded", "reserved"], p=[0.9, 0.05, 0.03, 0.02])
                    ),
                    price_type=price,
                    gross=0 if price == "complimentary" else int(dice.integers(500, 6000)),
                    attended_at="2026-01-01T19:00:00Z" if is_scanned and dice.random() < 0.9 else None,
                    person=person(buyer, house) if is_known else None,
                    severed=int(is_known and dice.random() < 0.02),
                )
            )
    return rows


def _performances(dice: np.random.Generator) -> list[tuple[str, str, date, bool]]:
    span = (TODAY - FIRST_DAY).days + 40  # some are still to come
    return [
        (
            f"p{n}",
            f"production-{n % 14}",
            FIRST_DAY + timedelta(days=int(dice.integers(span))),
            bool(dice.random() < 0.4),
        )
        for n in range(120)
    ]


def genre_of(ref: str) -> str:
    return GENRES[int(ref.rpartition("-")[2] or 0) % len(GENRES)] if "-" in ref else "theatre"


def fill(
    connection: Connection,
    rows: Iterable[Row],
    counts: Iterable[Row] = (),
    *,
    titles: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write lines, with the productions and performances that they name, and visit counts."""
    rows = list(rows)
    plays = {(row["institution"], row["production"]) for row in rows}
    shows = {(row["institution"], row["performance"]): row for row in rows}
    for house, ref in sorted(plays):
        title = titles.get(ref, ref.title())
        values = {"institution": house, "ref": ref, "title": title, "genre": genre_of(ref)}
        connection.execute(insert(production).values(values))
    for (house, ref), row in sorted(shows.items()):
        values = {
            "institution": house,
            "ref": ref,
            "production": row["production"],
            "starts_at": f"{row['day']}T19:00:00Z",
            "day": row["day"],
            "zone": "Europe/Amsterdam",
        }
        connection.execute(insert(performance).values(values))
    if rows:
        connection.execute(insert(ticket_line), rows)
    for count in counts:
        connection.execute(insert(visit_count).values({"import_id": "imp-0000000000000001", **count}))


@contextmanager
def database(rows: Iterable[Row], counts: Iterable[Row] = ()) -> Iterator[Connection]:
    """A database of its own, in memory, that holds these rows."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        standing.metadata.create_all(connection)
        fill(connection, rows, counts)
        yield connection
    engine.dispose()


def index_of(rows: Iterable[Row], asked: Permit[Read] | None = None) -> AudienceIndex:
    """What an index holds of these rows, for a permit (the house's own when none is named)."""
    with database(rows) as connection:
        return Indexes().of(asked or permit(), connection)


def said(
    who: PersonRef, purpose: Purpose, act: ConsentAct, position: int, *, house: PartyId = HOUSE
) -> list[Said]:
    """One act of one person, as standing keeps it."""
    return [Said(house, who, purpose, act, Position(position), date(2026, 1, 1))]
