"""Two arguments of questions about the past: as known at a size of the ledger, valid at a day."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import strawberry

AsKnownAt = Annotated[
    int | None,
    strawberry.argument(
        description="As the ledger had it when it held this many entries; none: all that there are."
    ),
]
ValidAt = Annotated[
    date | None,
    strawberry.argument(description="What was valid at the start of this day (UTC); none: now."),
]
