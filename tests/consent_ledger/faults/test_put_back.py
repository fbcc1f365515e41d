"""Files put back, one or both, at rest or under a running process: no second past is ever signed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent_ledger.database import DatabaseRefused, Login, open_engine, reading
from consent_ledger.log import Ledger, LedgerError, LedgerRefused
from tests.consent_ledger.ledgers import Place, issued, registered, sqlite_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "here").mkdir()
    with sqlite_place(tmp_path / "here") as made:
        yield made


def at_rest(place: Place) -> None:
    place.close()
    place.engine.dispose()


def begun(place: Place) -> Path:
    """A ledger of two entries, copied away; then two entries more, and everything closed."""
    ledger = place.create()
    ledger.append(registered("house-a"))
    at_rest(place)
    earlier = place.folder.with_name("earlier")
    shutil.copytree(place.folder, earlier)
    ledger = place.open()
    for number in range(2):
        ledger.append(issued(f"later-{number}"))
    at_rest(place)
    return earlier


def put_back(place: Place, earlier: Path, name: str) -> None:
    for old in place.folder.glob(f"{name}*"):
        old.unlink()
    shutil.copy(earlier / name, place.folder / name)


def test_an_older_database_is_refused_and_says_what_to_do(place: Place) -> None:
    put_back(place, begun(place), "main.db")
    with pytest.raises(LedgerRefused) as caught:
        place.open()
    assert caught.value.code == "LEDGER_BEHIND"
    assert "Restore the newest copy." in caught.value.sentence


def test_an_older_second_store_is_brought_up_to_the_ledger(place: Place) -> None:
    """It holds an earlier checkpoint of the same past, as after a crash between commit and store."""
    put_back(place, begun(place), "checkpoint.db")
    assert place.open().append(issued("next")).position == 4
    assert (last := place.store().last()) is not None
    assert last.size == 5


def test_both_put_back_go_on_and_only_a_witness_can_tell(place: Place) -> None:
    """What nobody can see from inside: here the past is a second one, and an older checkpoint proves it."""
    earlier = begun(place)
    with reading(place.engine) as connection:
        ledger = place.open()
        signed = ledger.checkpoint(connection)
    at_rest(place)
    for name in ("main.db", "checkpoint.db"):
        put_back(place, earlier, name)
    other = place.open()
    for number in range(2):
        other.append(issued(f"other-{number}"))
    with reading(place.engine) as connection:
        forked = other.checkpoint(connection)
    assert signed.split("\n")[:2] == forked.split("\n")[:2], "the same ledger and size"
    assert signed.split("\n")[2] != forked.split("\n")[2], (
        "and another root: a witness of either refuses the other"
    )


def test_the_database_of_another_ledger_is_refused(place: Place, tmp_path: Path) -> None:
    begun(place)
    (tmp_path / "other").mkdir()
    with sqlite_place(tmp_path / "other") as other:
        ledger = other.create()
        for name in ("house-x", "house-y", "house-z", "house-q", "house-r"):
            ledger.append(registered(name))
    put_back(place, tmp_path / "other", "main.db")
    with pytest.raises(LedgerRefused) as caught:
        place.open()
    assert caught.value.code == "LEDGER_FORKED"


def test_a_live_database_swapped_for_an_older_file_serves_nobody(place: Place) -> None:
    earlier = begun(place)
    ledger: Ledger = place.open()
    ledger.append(issued("before"))
    shutil.copy(earlier / "main.db", place.folder / "swapped")
    for log in ("main.db-wal", "main.db-shm"):
        (place.folder / log).unlink()
    (place.folder / "swapped").replace(place.folder / "main.db")
    with pytest.raises(LedgerError):
        ledger.append(issued("after"))
    with pytest.raises(DatabaseRefused) as caught:
        place.pin(ledger)
    assert caught.value.code == "DATABASE_SWAPPED", (
        "who reads is not served from a file without a name either"
    )
    at_rest(place)
    place.engine = open_engine(f"sqlite:///{place.folder / 'main.db'}", Login.APP)
    with pytest.raises(LedgerRefused):
        place.open()
