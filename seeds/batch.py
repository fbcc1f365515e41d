"""What one house has to tell of one season, before it becomes an import."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A frame of ticket lines or of visit counts; `house` is a place in the list of institutions."""

    house: int
    season: int
    frame: pd.DataFrame = field(repr=False)
