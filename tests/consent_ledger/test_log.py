"""The log: what an acknowledgement promises, what is refused, and what survives."""

from __future__ import annotations

import base64
import hashlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError

from consent_ledger import follower
from consent_ledger.checkpoint import CheckpointStore, SignedCheckpoint, Signer, read_note
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import reading, writing
from consent_ledger.entry import Draft, EntryRefused, EntryType, read
from consent_ledger.log import (
    IdempotencyConflict,
    Ledger,
    LedgerRefused,
    LedgerUnavailable,
    NotRecorded,
    Rider,
    ledger_entry,
)
from consent_ledger.orders import order, tell
from consent_ledger.state import IllegalEntry
from consent_ledger.tree import leaf_hash, verify_consistency, verify_inclusion
from consent_ledger.vocabulary import ClientId, PartyId, Position
from tests.consent_ledger.ledgers import (
    OPERATOR,
    ORIGIN,
    START,
    Place,
    closed,
    granted,
    issued,
    key,
    purpose,
    registered,
    sqlite_place,
)

ACTOR = "type, actor_party, actor_client"
HASHED = "body_sha256, leaf_hash, line FROM ledger_entry"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with sqlite_place(tmp_path) as made:
        yield made


@pytest.fixture
def ledger(place: Place) -> Ledger:
    return place.create()


def rows(place: Place) -> int:
    with reading(place.engine) as connection:
        return len(connection.execute(select(ledger_entry.c.seq)).all())


# What an acknowledgement promises


def test_an_acknowledged_entry_is_in_the_tree_whose_checkpoint_is_signed(
    place: Place, ledger: Ledger
) -> None:
    done = ledger.append(registered("house-a"))
    assert done.position == 1
    verify_inclusion(leaf_hash(done.line), done.position, done.size, done.inclusion, done.root)
    signed = read_note(done.checkpoint, [place.signer.verifier_key])
    assert (signed.origin, signed.size, signed.root) == (ORIGIN, done.size, done.root)
    entry = read(done.line)
    assert (entry.seq, entry.rt, entry.type) == (1, "2026-03-01T12:30:15Z", "party.registered")


def test_the_proof_is_a_tlog_proof(ledger: Ledger) -> None:
    for name in ("house-a", "house-b", "house-c"):
        done = ledger.append(registered(name))
    head, blank, checkpoint = done.proof().partition("\n\n")
    first, index, *hashes = head.split("\n")
    assert (first, index, blank) == ("c2sp.org/tlog-proof@v1", "index 3", "\n\n")
    assert checkpoint == done.checkpoint
    path = [base64.b64decode(one, validate=True) for one in hashes]
    verify_inclusion(leaf_hash(done.line), 3, 4, path, done.root)


def test_the_next_pin_sees_what_was_acknowledged_and_decides_with_it(place: Place, ledger: Ledger) -> None:
    before = place.pin(ledger)
    ledger.append(registered("house-a"))
    after = place.pin(ledger)
    assert PartyId("house-a") not in before.state.parties
    assert after.state.parties[PartyId("house-a")].is_open
    assert (before.size, after.size, after.state.size) == (1, 2, 2)


def test_a_transaction_keeps_seeing_what_it_saw_when_it_began(
    place: Place, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "_RECENT", 4)
    ledger.append(registered("house-a"))
    with reading(place.engine) as connection:
        first = ledger.pin(connection)
        for number in range(10):  # more heads than the process keeps states for
            ledger.append(registered(f"later-{number}"))
        again = ledger.pin(connection)
        assert (again.size, again.root) == (first.size, first.root)
        assert again.state == first.state
        assert [entry.seq for entry in ledger.entries(connection, 0, 1_000)] == [0, 1]
        assert read_note(ledger.checkpoint(connection), [place.signer.verifier_key]).size == 2
    assert place.pin(ledger).size == 12


def test_a_pin_needs_a_transaction(place: Place, ledger: Ledger) -> None:
    with place.engine.connect() as connection, pytest.raises(LedgerRefused, match="inside a transaction"):
        ledger.pin(connection)


def test_a_head_that_cannot_be_read_decides_nothing(place: Place, ledger: Ledger) -> None:
    with reading(place.engine) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        try:
            with pytest.raises(LedgerUnavailable, match="nothing is decided") as refused:
                ledger.pin(connection)
        finally:
            driver.set_authorizer(None)
    assert refused.value.code == "LEDGER_UNAVAILABLE"
    assert isinstance(refused.value.__cause__, sqlite3.Error)
    assert place.pin(ledger).size == 1


def test_every_entry_has_a_proof_and_every_size_is_the_beginning_of_the_next(
    place: Place, ledger: Ledger
) -> None:
    roots = {1: place.pin(ledger).root}
    for number in range(20):
        done = ledger.append(registered(f"house-{number}"))
        roots[done.size] = done.root
    with reading(place.engine) as connection:
        for seq in range(21):
            assert f"\nindex {seq}\n" in ledger.proof(connection, seq)
        for size, root in roots.items():
            verify_consistency(size, 21, ledger.consistency(connection, size), root, roots[21])
        for seq in (-1, 21):
            with pytest.raises(NotRecorded):
                ledger.proof(connection, seq)
        with pytest.raises(NotRecorded):
            ledger.consistency(connection, 22)


# Idempotency


def test_the_same_key_and_content_give_the_first_position(place: Place, ledger: Ledger) -> None:
    first = ledger.append(registered("house-a"))
    ledger.append(registered("house-b"))
    again = ledger.append(registered("house-a"))
    assert (again.position, again.line, again.repeated) == (first.position, first.line, True)
    assert not first.repeated
    assert rows(place) == 3
    verify_inclusion(leaf_hash(again.line), again.position, again.size, again.inclusion, again.root)


def test_the_same_key_for_something_else_is_a_conflict(place: Place, ledger: Ledger) -> None:
    ledger.append(registered("house-a", "one-key"))
    for other in (registered("house-b", "one-key"), issued("one-key")):
        with pytest.raises(IdempotencyConflict):
            ledger.append(other)
    dated = registered("house-a", "one-key")
    with pytest.raises(IdempotencyConflict):
        ledger.append(Draft(dated.type, dated.actor, dated.idem, dated.body, vf=START))
    assert rows(place) == 2


def test_two_actors_may_use_the_same_key(ledger: Ledger) -> None:
    ledger.append(registered("house-a"))
    own = type(OPERATOR)(PartyId("house-a"), ClientId("app"))
    assert ledger.append(issued("same")).position != ledger.append(issued("same", actor=own)).position


def test_a_rider_does_not_ride_twice(place: Place, ledger: Ledger) -> None:
    ridden: list[Position] = []
    for _ in range(2):
        ledger.append(registered("house-a"), rider=lambda _, seq: ridden.append(seq))
    assert ridden == [1]


def test_idempotency_outlives_the_process(place: Place, ledger: Ledger) -> None:
    first = ledger.append(registered("house-a"))
    ledger.close()
    again = place.open().append(registered("house-a"))
    assert (again.position, again.repeated) == (first.position, True)


# What is refused before it gets a position


def test_an_entry_that_cannot_be_is_refused_and_leaves_no_gap(place: Place, ledger: Ledger) -> None:
    with pytest.raises(IllegalEntry) as refused:
        ledger.append(closed("nobody"))
    assert refused.value.code == "UNKNOWN_PARTY"
    with pytest.raises(EntryRefused):
        ledger.append(Draft(EntryType.PARTY_CLOSED, OPERATOR, "bad", {"party": "NOT A PARTY"}))
    with pytest.raises(EntryRefused):
        ledger.append(Draft(EntryType.EXPORT_ISSUED, OPERATOR, "ref", issued("x").body, refs=(99,)))
    assert ledger.append(registered("house-a")).position == 1
    assert rows(place) == 2


def test_a_ledger_is_created_only_once(place: Place, ledger: Ledger) -> None:
    again = Draft(
        EntryType.LEDGER_CREATED,
        OPERATOR,
        "again",
        {"format": "cultuurinzicht/ledger/1", "origin": ORIGIN, "sandbox": False},
    )
    with pytest.raises(IllegalEntry):
        ledger.append(again)
    with pytest.raises(LedgerRefused, match="already"):
        Ledger.create(place.engine, place.store("other.db"), place.signer, clock=place.clock, sandbox=True)
    with pytest.raises(LedgerRefused, match="belongs to a ledger"):
        Ledger.create(place.engine, place.store(), place.signer, clock=place.clock, sandbox=True)


# Riders


@pytest.fixture
def table(place: Place) -> str:
    with sqlite3.connect(place.folder / "main.db") as driver:
        driver.execute("CREATE TABLE rider (position INTEGER PRIMARY KEY, word TEXT UNIQUE)")
    driver.close()
    return "rider"


def ride(word: str, *, then: Exception | None = None) -> Rider:
    def rider(connection: Connection, position: Position) -> None:
        connection.execute(
            text("INSERT INTO rider (position, word) VALUES (:position, :word)"),
            {"position": position, "word": word},
        )
        if then is not None:
            raise then

    return rider


def ridden(place: Place) -> list[tuple[int, str]]:
    with reading(place.engine) as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM rider ORDER BY 1"))]


def test_riders_rows_stand_at_their_entrys_position(place: Place, ledger: Ledger, table: str) -> None:
    done = ledger.append(registered("house-a"), rider=ride("one"))
    assert ridden(place) == [(done.position, "one")]


def test_a_rider_that_fails_refuses_only_its_own_draft(place: Place, ledger: Ledger, table: str) -> None:
    """All in one batch: the thread is held until every draft waits."""
    hold, held = threading.Event(), threading.Event()

    def slow(_: Connection, __: Position) -> None:
        held.set()
        hold.wait(10)

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(ledger.append, registered("first"), rider=slow)
        held.wait(10)
        good = [
            pool.submit(ledger.append, registered(f"good-{n}"), rider=ride(f"good-{n}")) for n in range(3)
        ]
        own = pool.submit(
            ledger.append,
            registered("bad-one"),
            rider=ride("bad", then=KeyError("mine")),
        )
        twice = pool.submit(ledger.append, registered("bad-two"), rider=ride("good-0"))
        illegal = pool.submit(ledger.append, closed("nobody"), rider=ride("illegal"))
        while len(ledger._committer._waiting) < 6:
            hold.wait(0.01)
        hold.set()
        assert first.result().position == 1
        with pytest.raises(KeyError, match="mine"):
            own.result()
        with pytest.raises(IllegalEntry):
            illegal.result()
        outcomes = [one.exception() for one in (*good, twice)]
    # `good-0` and `twice` write the same word: whoever waited first has it
    assert sum(outcome is None for outcome in outcomes) == 3
    assert all(isinstance(outcome, DBAPIError) for outcome in outcomes if outcome is not None)
    assert [seq for seq, _ in ridden(place)] == [2, 3, 4]
    assert {word for _, word in ridden(place)} == {"good-0", "good-1", "good-2"}
    assert rows(place) == 5
    ledger.close()
    place.open()


def test_what_a_failed_rider_rode_on_leaves_no_trace_in_the_state(
    place: Place, ledger: Ledger, table: str
) -> None:
    """In one batch: the entry was taken by the fold before its rider failed."""
    hold, held = threading.Event(), threading.Event()

    def slow(_: Connection, __: Position) -> None:
        held.set()
        hold.wait(10)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ledger.append, registered("first"), rider=slow)
        held.wait(10)
        failed = pool.submit(ledger.append, registered("ghost"), rider=ride("w", then=ValueError("mine")))
        while len(ledger._committer._waiting) < 1:
            hold.wait(0.01)
        on_it = pool.submit(ledger.append, closed("ghost"))
        while len(ledger._committer._waiting) < 2:
            hold.wait(0.01)
        after = pool.submit(ledger.append, registered("ghost", "again"))
        while len(ledger._committer._waiting) < 3:
            hold.wait(0.01)
        hold.set()
        first.result()
        assert isinstance(failed.exception(), ValueError)
        assert isinstance(on_it.exception(), IllegalEntry)
        assert after.result().position == 2
    state = place.pin(ledger).state
    ledger.close()
    assert place.pin(place.open()).state == state, "what is told is what the rows say"


def test_a_rider_cannot_append(place: Place, ledger: Ledger) -> None:
    def appends(_: Connection, __: Position) -> None:
        ledger.append(registered("a2"))

    with pytest.raises(LedgerUnavailable, match="rider"):
        ledger.append(registered("a1"), rider=appends)
    assert rows(place) == 1


# All or nothing


def test_all_drafts_are_recorded_in_their_order(place: Place, ledger: Ledger, table: str) -> None:
    done = ledger.append_all([(registered(f"house-{n}"), ride(f"{n}")) for n in range(1_200)])
    assert [one.position for one in done] == list(range(1, 1_201))
    assert len(ridden(place)) == 1_200
    assert {one.size for one in done} == {1_201}
    for one in (done[0], done[567], done[-1]):
        verify_inclusion(leaf_hash(one.line), one.position, one.size, one.inclusion, one.root)
    again = ledger.append_all([(registered(f"house-{n}"), None) for n in range(1_200)])
    assert all(one.repeated for one in again)
    assert [one.line for one in again] == [one.line for one in done]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ((closed("nobody"), None), IllegalEntry),
        ((registered("zz"), ride("w", then=ValueError("mine"))), ValueError),
        ((registered("zz", "taken"), None), IdempotencyConflict),
        ((registered("zz", "register-good-a"), None), IdempotencyConflict),
        ((Draft(EntryType.PARTY_CLOSED, OPERATOR, "k", {}), None), EntryRefused),
    ],
)
def test_one_bad_draft_refuses_them_all(
    place: Place, ledger: Ledger, table: str, bad: tuple[Draft, Rider | None], error: type[Exception]
) -> None:
    ledger.append(issued("taken"))
    good = [(registered("good-a"), ride("a")), bad, (registered("good-b"), ride("b"))]
    with pytest.raises(error):
        ledger.append_all(good)
    assert rows(place) == 2
    assert ridden(place) == []
    assert ledger.append(registered("good-a")).position == 2


def test_the_same_draft_twice_in_one_whole_is_written_once(place: Place, ledger: Ledger) -> None:
    one, two = ledger.append_all([(registered("house-a"), None), (registered("house-a"), None)])
    assert (one.position, two.position, two.repeated) == (1, 1, True)
    assert ledger.append_all([]) == []
    assert rows(place) == 2


# Time


def test_recorded_time_never_goes_back_even_when_the_clock_does(place: Place, ledger: Ledger) -> None:
    assert isinstance(place.clock, SimulatedClock)
    place.clock.advance(timedelta(days=30))
    late = ledger.append(registered("house-a"))
    ledger.close()
    place.clock = SimulatedClock(START)
    opened = place.open()
    after = opened.append(registered("house-b"))
    assert read(after.line).rt == read(late.line).rt == "2026-03-31T12:30:15Z"
    assert place.pin(opened).at == (START + timedelta(days=30)).replace(microsecond=0)


def test_an_entry_about_a_person_tells_the_day_alone(place: Place, ledger: Ledger) -> None:
    ledger.append_all([(registered("house-a"), None), (purpose(), None)])
    done = ledger.append(granted("house-a", "0123456789abcdef"))
    assert read(done.line).rt == "2026-03-01"
    assert b"12:30" not in done.line
    assert read(ledger.append(registered("house-b")).line).rt == "2026-03-01T12:30:15Z"


# Many at once


def test_eight_threads_append_without_loss_gap_or_double(place: Place, ledger: Ledger) -> None:
    def work(number: int) -> list[int]:
        return [
            ledger.append(issued(f"key-{number if turn % 2 else 'shared'}-{turn}", turn)).position
            for turn in range(16)
        ]

    with ThreadPoolExecutor(8) as pool:
        positions = list(pool.map(work, range(8)))
    shared = {tuple(own[turn] for turn in range(0, 16, 2)) for own in positions}
    assert len(shared) == 1, "the same key and content stand in one place only"
    all_of_them = {position for own in positions for position in own}
    assert all_of_them == set(range(1, 1 + 8 + 8 * 8))
    assert rows(place) == 73
    assert place.pin(ledger).size == 73


@pytest.mark.parametrize("is_told_first", [False, True])
def test_a_caller_that_is_interrupted_keeps_nobody_behind_it_waiting(*, is_told_first: bool) -> None:
    orders = [order([(issued(f"key-{turn}"), None)], is_whole=False) for turn in range(3)]
    entered, leave = threading.Event(), threading.Event()
    held = orders[1].told

    class Signal:
        """A lock at which a signal comes in."""

        def acquire(self) -> None:
            if not entered.is_set():
                entered.set()
                leave.wait(10)
                raise KeyboardInterrupt
            held.acquire()

        def release(self) -> None:
            held.release()

    orders[1].told = Signal()  # type: ignore[assignment]

    def interrupted() -> None:
        with pytest.raises(KeyboardInterrupt):
            orders[1].wait()

    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(orders[0].wait), pool.submit(interrupted), pool.submit(orders[2].wait)]
        assert entered.wait(10)
        if is_told_first:
            tell(orders, None, None)
            waiting[0].result(10)
        leave.set()
        waiting[1].result(10)
        if not is_told_first:
            tell(orders, None, None)
        for one in waiting:
            one.result(10)


def test_who_appends_alone_waits_for_nobody_else(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("consent_ledger.committer.time.sleep", slept.append)
    for turn in range(5):
        ledger.append(issued(f"key-{turn}"))
    assert not slept


def test_the_committer_waits_for_those_around_only_as_long_as_more_of_them_come(
    place: Place, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger.append(issued("first"))
    inside, three = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        inside.set()
        assert three.wait(10)

    monkeypatch.setattr("consent_ledger.committer.time.sleep", sleep)
    ledger._committer._around = 4
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(ledger.append, issued("key-0"))]
        assert inside.wait(10)
        waiting += [pool.submit(ledger.append, issued(f"key-{turn}")) for turn in (1, 2)]
        while len(ledger._committer._waiting) < 3:
            threading.Event().wait(0.001)
        three.set()
        done = [one.result(10) for one in waiting]
    assert {one.size for one in done} == {first.size + 3}, "three in one transaction"
    assert sorted(one.position for one in done) == [2, 3, 4]
    assert place.pin(ledger).size == 5


def test_two_processes_on_one_database_see_each_other(place: Place, ledger: Ledger) -> None:
    """Two ledgers on one file share nothing in memory, as two processes do."""
    other = place.open()
    for turn in range(10):
        one = ledger.append(registered(f"one-{turn}"))
        assert place.pin(other).size == one.size
        two = other.append(registered(f"two-{turn}"))
        assert two.position == one.position + 1
        assert PartyId(f"two-{turn}") in place.pin(ledger).state.parties
    assert place.pin(ledger).state == place.pin(other).state
    with pytest.raises(IllegalEntry):
        ledger.append(registered("two-3", "other-key"))


# Closing and opening again


def test_a_closed_ledger_takes_nothing(ledger: Ledger) -> None:
    ledger.append(registered("house-a"))
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.append(registered("house-b"))
    ledger.close()


def test_opening_again_gives_the_same_state_and_goes_on(place: Place, ledger: Ledger) -> None:
    for turn in range(30):
        ledger.append(registered(f"house-{turn}"))
    before = place.pin(ledger)
    ledger.close()
    opened = place.open()
    after = place.pin(opened)
    assert (after.size, after.root, after.state) == (before.size, before.root, before.state)
    assert opened.append(registered("next")).position == 31


def test_a_crash_between_commit_and_second_store_is_taken_up(place: Place, ledger: Ledger) -> None:
    ledger.append(registered("house-a"))
    ledger.close()
    shutil.copy(place.folder / "checkpoint.db", place.folder / "behind.db")
    copy_wal(place.folder, "checkpoint.db", "behind.db")
    opened = place.open()
    opened.append(registered("house-b"))
    opened.close()
    behind = place.open(store="behind.db")
    with closing(CheckpointStore(place.folder / "behind.db")) as store:
        last = store.last()
        assert last is not None
        assert last.size == 3
    assert behind.append(registered("house-c")).position == 3


def copy_wal(folder: Path, old: str, new: str) -> None:
    for end in ("-wal", "-shm"):
        if (folder / f"{old}{end}").exists():
            shutil.copy(folder / f"{old}{end}", folder / f"{new}{end}")


def test_a_restored_backup_is_refused(place: Place, ledger: Ledger) -> None:
    ledger.append(registered("house-a"))
    with closing(sqlite3.connect(place.folder / "main.db")) as driver:
        with closing(sqlite3.connect(place.folder / "backup.db")) as backup:
            driver.backup(backup)
        ledger.append(registered("house-b"))
        ledger.close()
        place.engine.dispose()
        with closing(sqlite3.connect(place.folder / "backup.db")) as backup:
            backup.backup(driver)
    with pytest.raises(LedgerRefused, match="put back to an earlier moment") as refused:
        place.open()
    assert refused.value.code == "LEDGER_BEHIND"


def test_a_database_put_back_while_it_is_served_is_refused(place: Place, ledger: Ledger) -> None:
    with (
        closing(sqlite3.connect(place.folder / "main.db")) as driver,
        closing(sqlite3.connect(place.folder / "backup.db")) as backup,
    ):
        driver.backup(backup)
        ledger.append(registered("house-a"))
        backup.backup(driver)
    with pytest.raises(LedgerRefused):
        ledger.append(registered("house-b"))
    with pytest.raises(LedgerRefused):
        ledger.append(registered("house-c"))
    assert rows(place) == 1, "nothing was written over the past that was signed"


def test_another_past_under_the_same_key_is_refused(place: Place, ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(registered("house-a"))
    ledger.append(registered("house-b"))
    (tmp_path / "fork").mkdir()
    with sqlite_place(tmp_path / "fork") as fork:
        forked = fork.create()
        for name in ("house-x", "house-y", "house-z"):
            forked.append(registered(name))
        forked.close()
        with pytest.raises(LedgerRefused) as refused:
            fork.open(store="../checkpoint.db")
        assert refused.value.code == "LEDGER_FORKED"


def test_a_lost_second_store_is_refused_unless_adopted(place: Place, ledger: Ledger) -> None:
    ledger.append(registered("house-a"))
    ledger.close()
    with pytest.raises(LedgerRefused) as refused:
        place.open(store="new.db")
    assert refused.value.code == "CHECKPOINT_MISSING"
    assert place.open(store="new.db", adopt=True).append(registered("house-b")).position == 2


def test_a_store_that_someone_moved_ahead_stops_the_writing(place: Place, ledger: Ledger) -> None:
    ledger.append(registered("house-a"))
    store = place.store()
    last = store.last()
    assert last is not None
    root = hashlib.sha256(b"elsewhere").digest()
    assert store.advance(last, SignedCheckpoint(ORIGIN, 9, root, place.signer.sign(9, root)))
    with pytest.raises(LedgerRefused):
        ledger.append(registered("house-b"))
    with pytest.raises(LedgerRefused):
        ledger.append(registered("house-c"))


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        (Signer("other.example/ledger", key()), "OTHER_ORIGIN"),
        (Signer(ORIGIN, key(2)), "OTHER_KEY"),
    ],
)
def test_another_origin_or_key_is_refused(place: Place, ledger: Ledger, signer: Signer, code: str) -> None:
    ledger.append(registered("house-a"))
    ledger.close()
    with pytest.raises(LedgerRefused) as refused:
        place.open(signer)
    assert refused.value.code == code


def test_a_database_without_ledger_is_refused(place: Place, tmp_path: Path) -> None:
    with pytest.raises(LedgerRefused, match="create one first"):
        place.open()
    (tmp_path / "empty.db").touch()
    place.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "main.db")) as driver:
        driver.execute("DROP TABLE ledger_head")
    with pytest.raises(LedgerRefused, match="migrate first"):
        place.open()


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE ledger_entry SET line = replace(line, 'house-b', 'house-x') WHERE seq = 2",
        "UPDATE ledger_entry SET idem = 'other' WHERE seq = 2",
        "UPDATE ledger_entry SET body_sha256 = zeroblob(32) WHERE seq = 2",
        "UPDATE ledger_entry SET leaf_hash = zeroblob(32) WHERE seq = 2",
        "DELETE FROM ledger_entry WHERE seq = 3",
        "DELETE FROM ledger_entry WHERE seq = 1",
        f"INSERT INTO ledger_entry SELECT 4, {ACTOR}, 'beyond', {HASHED} WHERE seq = 1",
        "UPDATE ledger_head SET root = zeroblob(32)",
        "UPDATE ledger_head SET frontier = zeroblob(40)",
        "UPDATE ledger_head SET size = 3",
        "UPDATE ledger_head SET size = 5",
        "UPDATE ledger_head SET checkpoint = 'x'",
    ],
)
def test_a_database_changed_behind_our_back_is_refused(place: Place, ledger: Ledger, tamper: str) -> None:
    for name in ("house-a", "house-b", "house-c"):
        ledger.append(registered(name))
    ledger.close()
    place.engine.dispose()
    with closing(sqlite3.connect(place.folder / "main.db", isolation_level=None)) as driver:
        for (name,) in driver.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            driver.execute(f"DROP TRIGGER {name}")
        driver.execute(tamper.replace("replace(line, ", "CAST(replace(line, ").replace("x')", "x') AS BLOB)"))
    with pytest.raises(LedgerRefused):
        place.open()


def test_an_entry_changed_while_it_is_served_is_refused_when_it_is_read(place: Place, ledger: Ledger) -> None:
    reader = place.open()
    ledger.append(registered("house-a"))
    with closing(sqlite3.connect(place.folder / "main.db", isolation_level=None)) as driver:
        driver.execute("DROP TRIGGER ledger_entry_update")
        driver.execute("UPDATE ledger_entry SET leaf_hash = zeroblob(32) WHERE seq = 1")
    for _ in range(2):
        with pytest.raises(LedgerRefused):
            place.pin(reader)


# Append-only


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ledger_entry SET line = x'00'",
        "UPDATE OR REPLACE ledger_entry SET seq = 0 WHERE seq = 1",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_entry WHERE seq = (SELECT max(seq) FROM ledger_entry)",
        f"INSERT OR REPLACE INTO ledger_entry SELECT seq, {ACTOR}, 'new', {HASHED} WHERE seq = 1",
        # at the next position, over the key of an earlier entry: REPLACE would remove that entry
        f"INSERT OR REPLACE INTO ledger_entry SELECT 3, {ACTOR}, idem, {HASHED} WHERE seq = 1",
        f"INSERT OR IGNORE INTO ledger_entry SELECT 7, {ACTOR}, 'gap', {HASHED} WHERE seq = 1",
        f"INSERT INTO ledger_entry SELECT -1, {ACTOR}, 'low', {HASHED} WHERE seq = 1",
        f"INSERT INTO ledger_entry SELECT 1, {ACTOR}, 'x', {HASHED} WHERE seq = 1 ON CONFLICT DO UPDATE SET seq = 9",
        "DELETE FROM ledger_head",
        "UPDATE ledger_head SET size = 2",
        "UPDATE ledger_head SET size = 3, root = zeroblob(32)",
        "UPDATE ledger_head SET size = 9",
        "INSERT OR REPLACE INTO ledger_head SELECT one, 9, root, frontier, recorded, checkpoint FROM ledger_head",
    ],
)
def test_history_cannot_be_rewritten_even_by_the_owner(place: Place, ledger: Ledger, attack: str) -> None:
    ledger.append(registered("house-a"))
    ledger.append(registered("house-b"))
    with closing(sqlite3.connect(place.folder / "main.db", isolation_level=None)) as driver:
        content = "SELECT * FROM ledger_entry, ledger_head ORDER BY seq"
        before = driver.execute(content).fetchall()
        with pytest.raises(sqlite3.IntegrityError):
            driver.execute(attack)
        assert driver.execute(content).fetchall() == before


def test_the_app_can_neither_change_nor_drop(place: Place, ledger: Ledger) -> None:
    for attack in (
        "UPDATE ledger_entry SET line = x'00'",
        "DELETE FROM ledger_entry",
        "DROP TRIGGER ledger_entry_update",
        "DROP TABLE ledger_entry",
        "ALTER TABLE ledger_entry RENAME TO other",
    ):
        with pytest.raises(DBAPIError), writing(place.engine) as connection:
            connection.exec_driver_sql(attack)
    assert rows(place) == 1


def test_other_databases_are_not_for_ledgers() -> None:
    from consent_ledger.log import append_only_ddl

    with pytest.raises(ValueError, match="SQLite or PostgreSQL"):
        append_only_ddl("mysql")


# On both databases


@pytest.fixture
def both(tmp_path: Path, engine: Engine) -> Iterator[Place]:
    """A migrated database, once SQLite and once PostgreSQL, opened as the app."""
    made = Place(tmp_path, engine)
    yield made
    made.close()


def test_the_road_of_an_entry_on_both_databases(both: Place, owner_engine: Engine) -> None:
    with writing(owner_engine) as connection:
        connection.execute(text("CREATE TABLE rider (position INTEGER PRIMARY KEY, word TEXT UNIQUE)"))
        if owner_engine.dialect.name == "postgresql":
            connection.execute(text("GRANT ALL ON rider TO PUBLIC"))
    ledger = both.create()
    with reading(both.engine) as connection:
        before = ledger.pin(connection)
        done = ledger.append(registered("house-a"), rider=ride("one"))
        assert ledger.pin(connection).root == before.root, "a transaction sees one moment"
    verify_inclusion(leaf_hash(done.line), 1, 2, done.inclusion, done.root)
    assert place_sees(both, ledger) == {"house-a"}
    with pytest.raises(DBAPIError):
        ledger.append(registered("house-b"), rider=ride("one"))
    with pytest.raises(IllegalEntry):
        ledger.append(closed("nobody"), rider=ride("two"))
    with pytest.raises(IllegalEntry):
        ledger.append_all([(registered("house-c"), ride("three")), (closed("nobody"), None)])
    assert ledger.append(registered("house-a")).repeated
    with pytest.raises(IdempotencyConflict):
        ledger.append(registered("house-d", "register-house-a"))
    assert ridden(both) == [(1, "one")]
    many = ledger.append_all([(registered(f"many-{n}"), ride(f"many-{n}")) for n in range(50)])
    assert [one.position for one in many] == list(range(2, 52))
    other = both.open()
    assert other.append(registered("house-e")).position == 52
    assert ledger.append(registered("house-f")).position == 53
    assert both.pin(other).root == both.pin(ledger).root
    with reading(both.engine) as connection:
        assert ledger.proof(connection, 5) == other.proof(connection, 5)


def place_sees(place: Place, ledger: Ledger) -> set[str]:
    return {str(party) for party in place.pin(ledger).state.parties}


def test_threads_of_two_ledgers_leave_no_gap_on_both_databases(both: Place) -> None:
    ledgers = [both.create(), both.open()]

    def work(number: int) -> list[int]:
        return [ledgers[number % 2].append(issued(f"key-{number}-{turn}")).position for turn in range(8)]

    with ThreadPoolExecutor(6) as pool:
        positions = sorted(position for own in pool.map(work, range(6)) for position in own)
    assert positions == list(range(1, 49))
    for one in ledgers:
        one.close()
    assert both.pin(both.open()).size == 49


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ledger_entry SET idem = 'x'",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_head",
        "UPDATE ledger_head SET size = 2",
        f"INSERT INTO ledger_entry SELECT 7, {ACTOR}, 'gap', {HASHED}",
    ],
)
def test_neither_owner_nor_app_rewrites_history_on_both_databases(
    both: Place, owner_engine: Engine, attack: str
) -> None:
    ledger = both.create()
    for engine in (owner_engine, both.engine):
        with pytest.raises(DBAPIError), writing(engine) as connection:
            connection.exec_driver_sql(attack)
    assert ledger.append(registered("house-a")).position == 1


def test_a_postgresql_ledger_is_not_truncated(both: Place, owner_engine: Engine) -> None:
    ledger = both.create()
    if both.engine.dialect.name == "postgresql":
        for table in ("ledger_entry", "ledger_head", "ledger_entry, ledger_head CASCADE"):
            with pytest.raises(DBAPIError, match="append-only"), writing(owner_engine) as connection:
                connection.exec_driver_sql(f"TRUNCATE {table}")
    assert both.pin(ledger).size == 1
