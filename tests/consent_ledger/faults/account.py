"""What appending processes were told, held against what stands in the database after they are gone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, text

from consent_ledger.database import Login, open_engine, reading, writing


class Broken(AssertionError):
    """A promise of the ledger was broken."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands: entries by position, riders' rows, and the size in the head."""

    entries: dict[int, str]
    riders: list[tuple[str, int]]
    size: int

    @classmethod
    def read(cls, connection: Connection) -> Standing:
        entries = connection.execute(text("SELECT seq, idem FROM ledger_entry")).all()
        riders = connection.execute(text("SELECT wish, position FROM appended")).all()
        size = connection.execute(text("SELECT size FROM ledger_head")).scalar_one()
        return cls({row[0]: row[1] for row in entries}, [(row[0], row[1]) for row in riders], size)


@dataclass(slots=True)
class Account:
    """Who was told what, over all rounds on one ledger."""

    begun: set[str] = field(default_factory=set)
    told: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    replayed: int = 0

    def hear(self, line: str) -> None:
        """Take one line of a child. A wish that is told two positions stands twice."""
        match line.split(" ", 2):
            case ["?", wish]:
                self.begun.add(wish)
            case ["!", wish, position]:
                known = self.told.setdefault(wish, int(position))
                if known != int(position):
                    raise Broken(f"doubled: {wish} was told {known} and {position}")
            case ["-", code, sentence]:
                if not sentence.endswith(".") or "\n" in sentence or "Error" in sentence:
                    raise Broken(f"no sentence: {code} {sentence}")
                self.refused[code] += 1
            case ["ready" | "open" | "done" | "stopped"]:
                pass
            case _:
                raise Broken(f"the child said something else: {line}")

    @property
    def open(self) -> list[str]:
        """Wishes nobody was told of: what a crash left in the dark."""
        return sorted(self.begun - self.told.keys())

    def hold(self, standing: Standing) -> None:
        """Raise `Broken` unless what stands is what was told, and each entry has its rider's row."""
        rows: dict[str, list[int]] = {}
        for wish, position in standing.riders:
            rows.setdefault(wish, []).append(position)
        for wish, positions in rows.items():
            if len(positions) > 1:
                raise Broken(f"doubled: {wish} stands at {positions}")
        idems = Counter(standing.entries.values())
        for wish, position in self.told.items():
            if wish not in rows and wish not in idems:
                raise Broken(f"lost: {wish} was acknowledged at {position}")
            if not f"{standing.entries.get(position)}-".startswith(f"{wish}-"):
                raise Broken(f"moved: {wish} does not stand at {position}")
        if doubled := [idem for idem, number in idems.items() if number > 1]:
            raise Broken(f"doubled: {doubled}")
        ridden = {position for (position,) in rows.values()}
        if ridden != (carrying := standing.entries.keys() - {0}):
            raise Broken(f"apart: entries and riders differ at {sorted(ridden ^ carrying)[:5]}")
        if sorted(standing.entries) != list(range(standing.size)):
            raise Broken("a gap, or entries beyond the head")
        if unknown := rows.keys() - self.begun:
            raise Broken(f"invented: {sorted(unknown)[:5]}")


def prepare(owner: Engine) -> None:
    """The riders' table. Its wishes are not unique: a doubled one is to be seen, not prevented."""
    with writing(owner) as connection:
        connection.execute(text("CREATE TABLE appended (wish TEXT NOT NULL, position INTEGER NOT NULL)"))
        if owner.dialect.name == "postgresql":
            connection.execute(text("GRANT SELECT, INSERT ON appended TO PUBLIC"))


def standing(url: str) -> Standing:
    engine = open_engine(url, Login.APP)
    try:
        with reading(engine) as connection:
            return Standing.read(connection)
    finally:
        engine.dispose()
