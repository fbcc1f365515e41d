"""
The totals of a release, written once as Ibis expressions (design 12).

Each function takes Ibis tables and gives an Ibis table; none of them knows an engine. DuckDB runs
them in process; PostgreSQL or Spark can run the same expressions over their own tables. Sums are
whole numbers (visits, cents), so no engine can differ in a rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ibis.expr.types import Table


def house_months(days: Table) -> Table:
    """
    Visits and revenue per house and month.

    `days`: institution, day (`YYYY-MM-DD`), visits, revenue.
    """
    by_month = days.mutate(month=days.day.substr(0, 7))
    return by_month.group_by(["institution", "month"]).agg(**_sums(by_month))


def organisation_months(months: Table, houses: Table) -> Table:
    """
    Visits and revenue per controlling organisation, unit and month: what the rules are asked of.

    `months`: as `house_months` gives; `houses`: institution, organisation, unit.
    """
    controlled = months.inner_join(houses, "institution")
    return controlled.group_by(["organisation", "unit", "month"]).agg(**_sums(controlled))


def block_cells(months: Table, members: Table, cells: Table) -> Table:
    """
    Visits and revenue per block and cell: the published totals.

    `members`: institution, block; `cells`: block, month, cell. A month that is in no cell of its
    block is published nowhere.
    """
    inside = months.inner_join(members, "institution").inner_join(cells, ["block", "month"])
    return inside.group_by(["block", "cell"]).agg(**_sums(inside))


def _sums(table: Table) -> dict[str, Any]:
    # An engine may widen a sum of whole numbers (DuckDB to 128 bits, PostgreSQL to numeric).
    return {name: table[name].sum().cast("int64") for name in ("visits", "revenue")}
