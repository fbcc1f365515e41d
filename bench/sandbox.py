"""A small sandbox to measure on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.assembly import Assembled, assembled, prepare
from api.settings import Settings
from consent_ledger.clock import SimulatedClock
from seeds.plant import plant
from seeds.seasons import OPENING
from seeds.sector import sector


@contextmanager
def planted(folder: Path) -> Iterator[Assembled]:
    """A small sandbox, planted."""
    settings = Settings.read({"CULTUURINZICHT_DATA_DIR": str(folder)})
    prepare(settings)
    clock = SimulatedClock(OPENING)
    with assembled(settings, clock=clock, create="sandbox") as parts:
        plant(parts.house, sector(0.1), clock=clock)
        yield parts
