"""
The child of the crash test: appends from four threads until it is killed, and says what it was told.

`python appender.py FOLDER TURN`; each turn first repeats keys of the turn before.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sqlalchemy import Connection, text

from consent_ledger.checkpoint import CheckpointStore, Signer
from consent_ledger.clock import system_clock
from consent_ledger.database import Login, open_engine
from consent_ledger.log import Ledger
from consent_ledger.vocabulary import Position
from tests.consent_ledger.ledgers import ORIGIN, issued, key


def rider(idem: str) -> Callable[[Connection, Position], None]:
    def ride(connection: Connection, position: Position) -> None:
        connection.execute(
            text("INSERT INTO appended (idem, position) VALUES (:idem, :position)"),
            {"idem": idem, "position": position},
        )

    return ride


def main(folder: Path, turn: int) -> None:
    owner = open_engine(f"sqlite:///{folder / 'main.db'}", Login.OWNER)
    with owner.connect() as connection:
        connection.execution_options(cultuurinzicht_writes=True)
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS appended (idem TEXT PRIMARY KEY, position INTEGER)")
        )
        connection.commit()
    owner.dispose()
    ledger = Ledger.open(
        open_engine(f"sqlite:///{folder / 'main.db'}", Login.APP),
        CheckpointStore(folder / "checkpoint.db"),
        Signer(ORIGIN, key()),
        clock=system_clock,
    )
    voice = threading.Lock()

    def work(thread: int) -> None:
        number = 0
        while True:
            idem = f"turn-{turn - (number < 10)}-thread-{thread}-{number % 10_000}"
            done = ledger.append(issued(idem, number), rider=rider(idem))
            with voice:
                sys.stdout.write(f"{idem} {done.position}\n")
                sys.stdout.flush()
            number += 1

    for thread in range(4):
        threading.Thread(target=work, args=(thread,)).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
