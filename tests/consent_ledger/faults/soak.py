"""
A thousand kills of appending processes: `make soak`, or `python -m tests.consent_ledger.faults.soak [KILLS]`.

Prints what they amounted to; ends with an error at the first promise that does not hold.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.consent_ledger.faults.kills import on_two_lanes


def main(kills: int) -> None:
    seed = time.time_ns() % 1_000_000
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ci-soak-") as folder:
        tally = on_two_lanes(Path(folder), kills, seed=seed)
    print(f"{tally} ({time.monotonic() - began:.0f} s, seed {seed})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
