"""One writing process on SQLite: a second one hears who writes and what to do; nobody waits for the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from consent_ledger.database import reading
from consent_ledger.lease import Lease, LedgerHasAWriter
from consent_ledger.log import Ledger, LedgerError
from tests.consent_ledger.ledgers import Place, issued, registered, sqlite_place

HOLDER = """
import sys
from consent_ledger.database import Login, open_engine
from consent_ledger.lease import Lease
Lease(open_engine(sys.argv[1], Login.APP)).take()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with sqlite_place(tmp_path) as made:
        yield made


@contextmanager
def writer(place: Place, name: str = "main.db") -> Iterator[subprocess.Popen[str]]:
    """Another process that writes this ledger."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, f"sqlite:///{place.folder / name}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "held\n"
        yield child
    finally:
        child.stdin.close()
        child.wait(10)
        child.stdout.close()


def test_a_second_writing_process_is_told_who_writes_and_what_to_do(place: Place) -> None:
    place.create().close()
    with writer(place) as other:
        ledger = place.open()
        with pytest.raises(LedgerHasAWriter) as refused:
            ledger.append(registered("house-a"))
        assert refused.value.code == "LEDGER_HAS_A_WRITER"
        assert f"Process {other.pid} writes" in refused.value.sentence
        assert "running server" in refused.value.sentence
    assert ledger.append(registered("house-a")).position == 1, "it was a matter of the moment"


def test_a_second_process_reads_all_it_wants(place: Place) -> None:
    ledger = place.create()
    ledger.append(registered("house-a"))
    ledger.close()
    with writer(place):
        again = place.open()
        assert place.pin(again).size == 2
        with reading(place.engine) as connection:
            assert len(list(again.entries(connection, 0, 10))) == 2
            assert "\nindex 1\n" in again.proof(connection, 1)


def test_a_ledger_is_not_created_beside_a_writer(place: Place) -> None:
    with writer(place), pytest.raises(LedgerHasAWriter):
        Ledger.create(place.engine, place.store(), place.signer, clock=place.clock, sandbox=True)
    assert place.create().append(registered("house-a")).position == 1


def test_a_killed_writer_leaves_nothing_to_clean_up(place: Place) -> None:
    ledger = place.create()
    with writer(place) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
        assert ledger.append(registered("house-a")).position == 1
    assert (place.folder / "main.db.writer").read_text() == f"{os.getpid()}\n"


def test_ledgers_of_one_process_share_it_and_the_last_lets_it_go(place: Place) -> None:
    one, two = place.create(), place.open()
    one.append(registered("house-a"))
    two.append(registered("house-b"))
    one.close()
    one.close()
    assert not is_free(place), "the other ledger still writes"
    assert two.append(issued("more")).position == 3
    two.close()
    assert is_free(place)


def is_free(place: Place) -> bool:
    command = [sys.executable, "-c", HOLDER, f"sqlite:///{place.folder / 'main.db'}"]
    done = subprocess.run(
        command, input="", capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 0 or "LedgerHasAWriter" in done.stderr
    return done.returncode == 0


def test_a_database_named_in_two_ways_is_one_ledger(place: Place) -> None:
    ledger = place.create()
    (place.folder / "alias.db").symlink_to(place.folder / "main.db")
    with writer(place, "alias.db"), pytest.raises(LedgerHasAWriter):
        ledger.append(registered("house-a"))


def test_a_child_after_a_fork_holds_nothing(place: Place) -> None:
    ledger = place.create()
    ledger.append(registered("house-a"))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            Lease(place.engine).take()
            os.write(write, b"taken")
        except LedgerHasAWriter:
            os.write(write, b"refused")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"refused"
    os.close(read)
    os.close(write)
    assert ledger.append(registered("house-b")).position == 2, "the child's end frees nothing"
    assert not is_free(place)


def test_a_folder_that_takes_no_file_is_told_plainly(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    lease = Lease(place.engine)
    with monkeypatch.context() as patched:
        patched.setattr("consent_ledger.lease.os.open", full)
        with pytest.raises(LedgerError, match=r"main\.db\.writer") as refused:
            lease.take()
    assert refused.value.code == "LEASE_UNUSABLE"
    lease.take()
    assert not is_free(place)
    lease.give_back()
    assert is_free(place)


def test_only_sqlite_needs_it(engine: Engine, tmp_path: Path) -> None:
    lease = Lease(engine)
    lease.take()
    files = list(tmp_path.glob("**/*.writer"))
    assert len(files) == (1 if engine.dialect.name == "sqlite" else 0)
    lease.give_back()


def test_the_lease_of_another_database_is_another(place: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with sqlite_place(tmp_path / "other") as other, writer(other):
        assert place.create().append(registered("house-a")).position == 1
