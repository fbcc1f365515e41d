"""How fast a large import is. Printed, not asserted: the budgets are held by the benchmarks."""

from __future__ import annotations

import time

import pandas as pd
import pytest

from insight.intake import mapping
from insight.intake.delivery import tickets_from_file
from insight.intake.ticket import ticket_frame
from tests.insight.intake.house import COMMA, House

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
TIMES = 10


def test_the_speed_of_a_large_import_is_shown(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    season = ticket_frame(
        tickets_from_file(COMMA.read_bytes(), mapping.named("pretix-nl", "tickets")).columns
    )
    frame = pd.concat([season.assign(order_ref=season["order_ref"] + f"-{n}") for n in range(TIMES)])
    speeds = []
    for idem in ("first", "second"):
        begun = time.process_time()
        report = house.tickets(
            frame, source="speed", mapping="cultuurinzicht", idem=idem, file_sha256="0" * 64
        )
        speeds.append(round(report.received / (time.process_time() - begun)))
    with capsys.disabled():
        print(f"\n{len(frame)} lines: first {speeds[0]} lines/s of processor time, again {speeds[1]}")
    assert report.unchanged == 790 * TIMES
