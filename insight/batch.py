"""
The engine of batch work: runs the sums of a release on DuckDB, in process and without a file.

Open for as long as one release takes. Only whole numbers leave it. What goes in is what permits
allowed to be read; the engine has no connection to the database of the platform.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Self

from consent_ledger.vocabulary import PartyId
from insight.blocks import MAGNITUDES
from insight.folding import Figures
from insight.months import CellKey, Month
from insight.sums import block_cells, house_months, organisation_months


class HouseMonth(NamedTuple):
    """All visits to one institution in one month, and what they paid."""

    institution: PartyId
    month: Month
    visits: int
    revenue: int  # cents


_NUMBERS: Final = MAGNITUDES  # these columns are whole numbers, all others are texts


class Batch:
    """A context in which Ibis expressions are run."""

    def __enter__(self) -> Self:
        import ibis  # late: a third of a second that no request should pay

        self._ibis = ibis
        self._duckdb = ibis.duckdb.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._duckdb.disconnect()

    def house_months(self, days: Iterable[tuple[PartyId, str, int, int]]) -> list[HouseMonth]:
        """Per house and month, from (institution, day, visits, revenue)."""
        table = self._table(days, "institution", "day", *_NUMBERS)
        return sorted(HouseMonth(**row) for row in self._run(house_months(table)))

    def organisation_months(
        self, months: Sequence[HouseMonth], houses: Iterable[tuple[PartyId, PartyId, str]]
    ) -> Figures:
        """Per organisation, unit and month; `houses`: institution, organisation, unit."""
        figures: Figures = {}
        controlled = self._table(houses, "institution", "organisation", "unit")
        for row in self._run(organisation_months(self._table(months, *HouseMonth._fields), controlled)):
            own = figures.setdefault((row["organisation"], row["unit"]), {})
            own[row["month"]] = (row["visits"], row["revenue"])
        return figures

    def block_cells(
        self,
        months: Sequence[HouseMonth],
        members: Iterable[tuple[PartyId, str]],
        cells: Iterable[tuple[str, Month, CellKey]],
    ) -> dict[tuple[str, CellKey], dict[str, int]]:
        """Per block and cell; `members`: institution, block; `cells`: block, month, cell."""
        found = self._run(
            block_cells(
                self._table(months, *HouseMonth._fields),
                self._table(members, "institution", "block"),
                self._table(cells, "block", "month", "cell"),
            )
        )
        return {(row["block"], row["cell"]): {name: row[name] for name in _NUMBERS} for row in found}

    def _table(self, rows: Iterable[Sequence[Any]], *names: str) -> Any:
        import pyarrow as pa  # not pandas: Ibis 12 asks pandas 3 for an option that is on its way out

        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        arrays = [
            pa.array(column, pa.int64() if name in _NUMBERS else pa.string())
            for name, column in zip(names, columns, strict=True)
        ]
        return self._ibis.memtable(pa.table(arrays, names=list(names)))

    def _run(self, expression: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._duckdb.to_pyarrow(expression).to_pylist()
        return rows
