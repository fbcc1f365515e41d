"""The same figures, counted the obvious way with pandas over the rows, and persons labelled by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from consent_ledger.permit import Period
from insight.contexts import places
from insight.criteria import Criteria
from tests.insight.house import HOUSE, TODAY, Row, genre_of

COUNTED = (
    "day", "production", "performance", "known", "area", "province", "context", "attended_at", "gross",
)  # fmt: skip


class Naive:
    """Counts over the rows of one house, as far as they exist for a permit of this reach."""

    def __init__(
        self,
        rows: list[Row],
        *,
        house: str = HOUSE,
        sold_from: date | None = None,
        plays: frozenset[Any] | None = None,
    ) -> None:
        table = pd.DataFrame(rows)
        exists = (table["institution"] == house) & (table["status"] == "sold")
        if sold_from is not None:
            exists &= table["ordered_day"] >= sold_from.isoformat()
        if plays is not None:
            exists &= table["production"].isin(list(plays))
        table = table[exists & table["kind"].isin(["admission", "product"])].copy()
        table["known"] = table["person"].where(table["severed"] == 0)
        is_dutch = table["country"].isna() | (table["country"] == "NL")
        table["area"] = table["pc4"].where(is_dutch)
        table["abroad"] = ~is_dutch
        table["genre"] = table["production"].map(genre_of)
        table["province"] = each(table["area"], places().province_of, None)
        table["context"] = each(table["area"], places().context_of, None)
        # few columns, of plain objects: a thousand counts copy and compare them
        counted = table[["kind", *COUNTED]].astype(object)
        self.products = counted[counted["kind"] == "product"]
        self.table = counted[counted["kind"] == "admission"]
        table = table[table["kind"] == "admission"]
        self.first = table.groupby("known")["day"].min().to_dict()
        self.segment = {who: segment(lines, table) for who, lines in table.groupby("known")}
        self.scanned = set(table.loc[table["attended_at"].notna(), "performance"])

    def count(
        self, criteria: Criteria, period: Period | None = None, out: Collection[Any] = ()
    ) -> dict[str, Any]:
        """Every figure, without the persons who are out."""
        table = self.meant(self.table, criteria, period, out)
        products = self.meant(self.products, criteria, period, out)
        persons = list(table["who"].dropna().unique())
        happened = table[table["day"] <= TODAY.isoformat()]
        return {
            "bookers": len(persons),
            "tickets": len(table),
            "unidentified_tickets": int(table["who"].isna().sum()),
            "scanned": int(happened["attended_at"].notna().sum()),
            "assumed": int((~happened["performance"].isin(self.scanned)).sum()),
            "first_timers": sum(self.is_new(who, period) is True for who in persons),
            "spend": int(table["gross"].sum()) + int(products["gross"].sum()),
            "spending": len({*persons, *products["who"].dropna()}),
            "paid": int((table["gross"] > 0).sum()),
            "paid_for": int(table["gross"].sum()),
            "segments": {f"B{n}": sum(self.segment[who] == f"B{n}" for who in persons) for n in range(1, 12)},
            "contexts": {f"C{n}": int((table["context"] == f"C{n}").sum()) for n in range(1, 7)},
            "placed": int(table["area"].notna().sum()),
        }

    def is_new(self, who: str, period: Period | None) -> bool | None:
        """None of somebody who, as far as is known, came after the period or never."""
        first = self.first.get(who)
        if first is None or (period is not None and first >= period.end.isoformat()):
            return None
        return period is None or first >= period.start.isoformat()

    def meant(
        self, lines: pd.DataFrame, criteria: Criteria, period: Period | None, out: Collection[Any]
    ) -> pd.DataFrame:
        """The lines that are meant, with `who` as far as that person may be counted."""
        table = lines.copy()
        table["who"] = table["known"].where(~table["known"].isin(list(out)))
        if period is not None:
            low, high = period.start.isoformat(), period.end.isoformat()
            table = table[(table["day"] >= low) & (table["day"] < high)]
        if criteria.productions is not None:
            table = table[table["production"].isin(list(criteria.productions))]
        if criteria.pc4 is not None:
            table = table[table["area"].isin(list(criteria.pc4))]
        if criteria.provinces is not None:
            table = table[table["province"].isin(list(criteria.provinces))]
        if criteria.first_time is not None:
            wanted = criteria.first_time
            meant = each(table["who"], lambda who: self.is_new(who, period) is wanted, nobody=False)
            table = table[np.array(meant, bool)]
        if criteria.segments is not None:
            named = criteria.segments
            meant = each(table["who"], lambda who: self.segment.get(who, "B0") in named, nobody="B0" in named)
            table = table[np.array(meant, bool)]
        return table


def each(column: pd.Series[Any], of: Callable[[str], Any], nobody: Any) -> list[Any]:
    return [of(value) if isinstance(value, str) else nobody for value in column]


def segment(lines: pd.DataFrame, everything: pd.DataFrame) -> str:
    """The behaviour segment of one person at the day of asking, by the words of `ci-seg 1.0.0`."""
    areas = Counter(area for area in everything["area"] if _has_centre(area))
    home = min(areas, key=lambda area: (-areas[area], area))
    year, three = date(TODAY.year - 1, TODAY.month, TODAY.day), date(TODAY.year - 3, TODAY.month, TODAY.day)
    lately = lines[lines["day"] > three.isoformat()]
    n12 = lines.loc[lines["day"] > year.isoformat(), "performance"].nunique()
    n36 = lately["performance"].nunique()
    last = max(lines["day"].max(), lines["ordered_day"].max())
    recency = max((TODAY - date.fromisoformat(last)).days, 0)
    since = max((TODAY - date.fromisoformat(lines["day"].min())).days, 0)
    orders = everything.groupby("order_ref").size()
    largest = orders[lines["order_ref"].unique()].max()
    youth = ((lately["price_type"] == "youth") | lately["genre"].isin(["youth", "family"])).mean()
    genres = lately.loc[lately["genre"] != "unknown", "genre"].nunique()
    far = [
        abroad or _kilometres(home, area) > 40
        for abroad, area in zip(lately["abroad"], lately["area"], strict=True)
        if abroad or _has_centre(area)
    ]
    if largest >= 15 or (lines["channel"] == "school").any():
        return "B1"
    if recency > 1095:
        return "B2"
    if recency > 548:
        return "B3"
    if since <= 365 and n36 in {0, 1}:
        return "B4" if n36 == 1 else _later(n12, n36, genres, youth, far)
    if since <= 365:
        return "B5"
    return _later(n12, n36, genres, youth, far)


def _later(n12: int, n36: int, genres: int, youth: float, far: list[bool]) -> str:
    if not math.isnan(youth) and youth >= 0.4:
        return "B6"
    if n12 >= 4:
        return "B7" if genres >= 3 else "B8"
    if n36 >= 3:
        return "B9"
    return "B10" if far and 2 * sum(far) >= len(far) else "B11"


def _has_centre(pc4: object) -> bool:
    area = places().area(pc4) if isinstance(pc4, str) else None
    return area is not None and area.lat is not None


def _kilometres(home: str, pc4: str) -> float:
    here, there = places().area(home), places().area(pc4)
    assert here is not None
    assert there is not None
    # the law of cosines, where the engine uses the haversine
    low, high = math.radians(here.lat or 0), math.radians(there.lat or 0)
    turn = math.radians((there.lon or 0) - (here.lon or 0))
    cosine = math.sin(low) * math.sin(high) + math.cos(low) * math.cos(high) * math.cos(turn)
    return 6371.0088 * math.acos(min(1.0, cosine))
