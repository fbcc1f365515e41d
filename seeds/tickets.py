"""
What was sold: the canonical ticket lines of every house and season.

Three kinds of orders: of visitors with an address, of groups and schools, and sales at the
counter of which nobody knows who came. Columns, units and words are those of the intake's
canonical ticket; the frame of one house and season is one import.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from seeds import seasons
from seeds.batch import Batch
from seeds.dice import Dice, Flags, Ints, edges_of
from seeds.institutions import Institution
from seeds.names import address, group_address
from seeds.places import netherlands
from seeds.programme import GENRES, Programme, instants, programme
from seeds.visitors import FAMILY, SENIOR, STUDENT, Visitors, bookings, visitors

COLUMNS: Final = (
    "order_ref",
    "line_ref",
    "production_ref",
    "production_title",
    "genre",
    "starts_at",
    "zone",
    "ordered_at",
    "kind",
    "status",
    "price_type",
    "gross",
    "currency",
    "channel",
    "pc4",
    "country",
    "attended_at",
    "identifier",
)
KINDS: Final = ("admission", "product", "gift_card", "donation", "membership", "fee")
STATUSES: Final = ("sold", "cancelled", "refunded", "reserved", "expired")
PRICE_TYPES: Final = ("full", "reduced", "youth", "social", "subscription", "complimentary")
CHANNELS: Final = ("web", "box_office", "phone", "reseller", "school", "other")

_PERCENT: Final = (100, 85, 60, 45, 80, 0)  # of the full price, per price type
_STATUS_WEIGHTS: Final = (938, 24, 20, 9, 9)
_CHANNEL_WEIGHTS: Final = (740, 130, 60, 50, 0, 20)
_LEAD_DAYS: Final = ((0, 0), (1, 3), (4, 14), (15, 45), (46, 110), (111, 240))
_LEAD_WEIGHTS: Final = (12, 18, 27, 24, 13, 6)
_HOURS: Final = (2, 3, 6, 8, 9, 8, 8, 8, 8, 7, 6, 6, 9, 11, 10, 5)  # 07:00 to 22:00 UTC
_ABROAD: Final = ("BE", "DE", "GB", "FR")


class _Orders(NamedTuple):
    """Orders as columns, before they become lines."""

    performance: Ints
    party: Ints
    person: Ints  # row of the visitors; -1: nobody known; below -1: group number, as -2 - number
    household: Ints
    area: Ints
    channel: Ints
    lead: Ints  # class of lead time


def ticket_seasons(houses: list[Institution], seed: int) -> list[Batch]:
    """All canonical lines, by house and season, each frame in order of sale."""
    plays = programme(houses, seed)
    people, start, stay = visitors(houses, seed)
    booked = bookings(people, start, stay, plays, seed)
    dice = Dice(seed, "orders")
    orders = _concatenated(
        [
            _visitor_orders(dice, people, booked.visitor, booked.performance, booked.party),
            _counter_orders(dice, houses, plays),
            _group_orders(dice, houses, plays),
        ]
    )
    return _cut(_lines(Dice(seed, "lines"), orders, people, plays, houses))


def _concatenated(parts: list[_Orders]) -> _Orders:
    return _Orders(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _visitor_orders(dice: Dice, people: Visitors, visitor: Ints, performance: Ints, party: Ints) -> _Orders:
    count = len(visitor)
    return _Orders(
        performance,
        party,
        visitor,
        people.household[visitor],
        people.area[visitor],
        dice.weighted(_CHANNEL_WEIGHTS, count),
        dice.weighted(_LEAD_WEIGHTS, count),
    )


def _runs(houses: list[Institution], plays: Programme, per_season: list[int]) -> Ints:
    """A run (house and season) for each of `per_season[h]` orders in the seasons the house plays."""
    run = np.arange(len(houses) * seasons.SEASONS, dtype=np.int64)
    played = plays.season_first[run + 1] > plays.season_first[run]
    times = np.array(per_season, dtype=np.int64)[run // seasons.SEASONS] * played
    return np.repeat(run, times)


def _counter_orders(dice: Dice, houses: list[Institution], plays: Programme) -> _Orders:
    """Sales at the counter, on the day or shortly before: one line in seven, nobody known."""
    sells = [house.yearly * 150 // (1000 * 2) if _sells(house) else 0 for house in houses]
    run = _runs(houses, plays, sells)
    count = len(run)
    performance = dice.within(edges_of(plays.weight), plays.season_first[run], plays.season_first[run + 1])
    return _Orders(
        performance,
        dice.weighted((32, 46, 10, 12), count) + 1,
        np.full(count, -1, dtype=np.int64),
        dice.weighted((60, 10, 20, 10), count),
        np.full(count, -1, dtype=np.int64),
        np.full(count, CHANNELS.index("box_office"), dtype=np.int64),
        dice.weighted((70, 30), count),
    )


def _group_orders(dice: Dice, houses: list[Institution], plays: Programme) -> _Orders:
    """Schools and groups, one line in fifteen: a few at each house come back every season."""
    luck = dice.below(22_000, len(houses))  # a small house has one, or none
    sells = [
        (house.yearly * 70 + int(throw)) // 22_000 if _sells(house) else 0
        for house, throw in zip(houses, luck, strict=True)
    ]
    run = _runs(houses, plays, sells)
    count = len(run)
    house = run // seasons.SEASONS
    school = dice.happens(600, count)
    number = house * 8 + dice.below(4, count) * 2 + school
    performance = dice.within(edges_of(plays.weight), plays.season_first[run], plays.season_first[run + 1])
    centre = np.array([item.centre for item in houses], dtype=np.int64)
    return _Orders(
        performance,
        dice.between(15, 29, count),
        -2 - number,
        np.where(school, FAMILY, SENIOR).astype(np.int64),
        centre[house],
        np.where(school, CHANNELS.index("school"), CHANNELS.index("phone")).astype(np.int64),
        np.full(count, 3, dtype=np.int64),
    )


def _sells(house: Institution) -> bool:
    return house.unit == "tickets" and not house.recorded


def _lines(
    dice: Dice, orders: _Orders, people: Visitors, plays: Programme, houses: list[Institution]
) -> pd.DataFrame:
    """The lines of all orders, ordered by house, season, time of sale, order and line."""
    count = len(orders.performance)
    starts = plays.starts[orders.performance]
    ordered = _ordered(dice, orders.lead, starts, plays.season[orders.performance])
    run = plays.house[orders.performance] * seasons.SEASONS + plays.season[orders.performance]
    by_sale = np.lexsort((np.arange(count), ordered, run))
    orders = _Orders(*(column[by_sale] for column in orders))
    starts, ordered, run = starts[by_sale], ordered[by_sale], run[by_sale]
    number = np.arange(count) - np.searchsorted(run, run)  # from 0 within its run

    extra = dice.happens(65, count)  # something beside the seats: a drink, a card, a gift
    lines = orders.party + extra
    order = np.repeat(np.arange(count), lines)
    position = np.arange(len(order)) - np.repeat(np.cumsum(lines) - lines, lines)
    seat = position < orders.party[order]
    kind = np.where(seat, 0, dice.weighted((0, 80, 6, 10, 4, 0), len(order)))
    price_type = _price_types(dice, orders, order, position)
    price_type[~seat] = 0
    full = plays.price[orders.performance][order]
    gross = full * np.array(_PERCENT, dtype=np.int64)[price_type] // 500 * 5
    gross = np.where(seat, gross, dice.between(8, 60, len(order)) * 50)
    status = dice.weighted(_STATUS_WEIGHTS, count)[order]
    alone = dice.happens(8, len(order)) & (status == 0) & (orders.party[order] > 1)
    status[alone] = STATUSES.index("cancelled")

    scans = dice.happens(620, len(houses))[run // seasons.SEASONS]
    entered = scans[order] & (status == 0) & seat & dice.happens(925, len(order))
    attended = instants(starts[order] - dice.between(4, 45, len(order)))
    return pd.DataFrame(
        {
            "run": run[order],
            "order_ref": _order_refs(run, number)[order],
            "line_ref": np.array([str(n) for n in range(1, 40)], dtype=object)[position],
            "production_ref": np.array(plays.refs, dtype=object)[plays.title[orders.performance]][order],
            "production_title": np.array(plays.titles, dtype=object)[plays.title[orders.performance]][order],
            "genre": np.array(GENRES, dtype=object)[plays.genre[orders.performance]][order],
            "starts_at": instants(starts[order]),
            "zone": seasons.ZONE,
            "ordered_at": instants(ordered[order]),
            "kind": np.array(KINDS, dtype=object)[kind],
            "status": np.array(STATUSES, dtype=object)[status],
            "price_type": np.array(PRICE_TYPES, dtype=object)[price_type],
            "gross": gross,
            "currency": "EUR",
            "channel": np.array(CHANNELS, dtype=object)[orders.channel[order]],
            "pc4": _postcodes(orders.area)[order],
            "country": _countries(orders)[order],
            "attended_at": attended.where(entered),
            "identifier": _identifiers(orders.person, people)[order],
        }
    )


def _ordered(dice: Dice, lead: Ints, starts: Ints, season: Ints) -> Ints:
    """When each order was placed: before the performance, never before the season went on sale."""
    count = len(lead)
    low = np.array([days[0] for days in _LEAD_DAYS], dtype=np.int64)[lead]
    high = np.array([days[1] for days in _LEAD_DAYS], dtype=np.int64)[lead]
    day = starts // 1440 - low - dice.below(high - low + 1, count)
    minute = (dice.weighted(_HOURS, count) + 7) * 60 + dice.below(60, count)
    ordered = day * 1440 + minute
    on_the_day = starts - dice.between(12, 300, count)
    ordered = np.where(lead == 0, on_the_day, ordered)
    opening = np.array(
        [int(seasons.on_sale(s).timestamp()) // 60 for s in range(seasons.SEASONS)], dtype=np.int64
    )[season]
    early = ordered < opening
    ordered = np.where(early, opening + dice.below(18, count) * 1440 + minute % 840, ordered)
    return np.minimum(ordered, starts - 10)


def _price_types(dice: Dice, orders: _Orders, order: Ints, position: Ints) -> Ints:
    """A price type per line by household: children pay youth, some seniors hold a subscription."""
    household = orders.household[order]
    group = orders.person[order] < -1
    throw = dice.below(1000, len(order))
    kind = np.zeros(len(order), dtype=np.int64)
    kind[throw < 55] = PRICE_TYPES.index("social")
    kind[throw < 30] = PRICE_TYPES.index("complimentary")
    child: Flags = (household == FAMILY) & (position >= 1 + (throw % 2))
    kind[child] = PRICE_TYPES.index("youth")
    kind[(household == SENIOR) & (throw >= 400)] = PRICE_TYPES.index("reduced")
    kind[(household == SENIOR) & (throw >= 780)] = PRICE_TYPES.index("subscription")
    kind[(household == STUDENT) & (throw >= 250)] = PRICE_TYPES.index("reduced")
    kind[group & (household == SENIOR)] = PRICE_TYPES.index("reduced")
    return kind


def _order_refs(run: Ints, number: Ints) -> npt.NDArray[np.object_]:
    """The house's own order numbers: season, then a running number: `2223-00017`."""
    years = [seasons.label(s)[2:].replace("-", "") for s in range(seasons.SEASONS)]
    pairs = zip((run % seasons.SEASONS).tolist(), number.tolist(), strict=True)
    return np.array([f"{years[s]}-{n + 1:05d}" for s, n in pairs], dtype=object)


def _postcodes(area: Ints) -> npt.NDArray[np.object_]:
    known = np.array([*netherlands().areas.pc4, None, None], dtype=object)
    return known[np.where(area >= 0, area, len(known) - 1)]


def _countries(orders: _Orders) -> npt.NDArray[np.object_]:
    """Where the booker lives: unknown at the counter, by number for those abroad."""
    abroad = np.array(_ABROAD, dtype=object)[np.maximum(orders.person, 0) % len(_ABROAD)]
    land = np.where(orders.area == -2, abroad, np.array(["NL"], dtype=object))
    return np.where(orders.person == -1, np.array([None], dtype=object), land)


def _identifiers(person: Ints, people: Visitors) -> npt.NDArray[np.object_]:
    """The e-mail address of each order; none at the counter."""
    found = np.full(len(person), None, dtype=object)
    known = np.flatnonzero(person >= 0)
    identity, where = np.unique(people.identity[person[known]], return_inverse=True)
    found[known] = np.array([address(i) for i in identity.tolist()], dtype=object)[where]
    group = np.flatnonzero(person < -1)
    found[group] = [group_address(n, school=bool(n % 2)) for n in (-2 - person[group]).tolist()]
    return found


def _cut(lines: pd.DataFrame) -> list[Batch]:
    """One frame for each house and season that sold something."""
    run = lines.pop("run").to_numpy()
    bounds = np.flatnonzero(np.diff(run, prepend=-1, append=-1))
    cut = []
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        house, season = divmod(int(run[first]), seasons.SEASONS)
        frame = lines.iloc[first:last].reset_index(drop=True)
        cut.append(Batch(house, season, frame[list(COLUMNS)]))
    return cut
