"""The ledger's side: what it brings to witnesses, what it takes, what it counts, and when it stops."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from consent_ledger import couriers
from consent_ledger.checkpoint import Signer, read_note
from consent_ledger.cosignature_table import ledger_cosignature
from consent_ledger.cosignatures import AGAIN, Cosignatures
from consent_ledger.cosigning import Cosigner, Policy, cosignatures
from consent_ledger.database import reading, writing
from consent_ledger.log import Ledger, LedgerRefused
from consent_ledger.note import ED25519, Note, Signature, TreeHead, VerifierKey
from consent_ledger.tree import Tree, leaf_hash
from consent_ledger.witness.core import Witness
from consent_ledger.witness.link import Link, LinkRefused
from consent_ledger.witness.server import WitnessServer
from consent_ledger.witnessing import CosignatureRefused, Witnessed, Witnessing
from tests.consent_ledger.ledgers import ORIGIN, Place, key, registered, sqlite_place

NOW = 1_700_000_000
LOG = VerifierKey.read(Signer(ORIGIN, key()).verifier_key, ED25519)
COSIGNERS = {name: Cosigner(f"{name}.example/w", key(30 + at)) for at, name in enumerate("abc")}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with sqlite_place(tmp_path) as made:
        yield made


@pytest.fixture
def ledger(place: Place) -> Ledger:
    return place.create()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Running:
    """A witness that answers, which can be stopped and started again with what it remembers."""

    def __init__(self, folder: Path, name: str, log: VerifierKey = LOG) -> None:
        self.name, self.cosigner = name, COSIGNERS[name]
        self.now = float(NOW)
        self.asked = 0
        self._state = folder / f"witness-{name}.db"
        self._log = log
        self.port = 0
        self._server: WitnessServer | None = None
        self.up()

    def up(self) -> None:
        self.core = Witness(self._state, self.cosigner, [self._log], clock=lambda: self.now)
        answer = self.core.add_checkpoint

        def counted(body: bytes) -> object:
            self.asked += 1
            return answer(body)

        self.core.add_checkpoint = counted  # type: ignore[method-assign, assignment]
        self._server = WitnessServer(("127.0.0.1", self.port), self.core)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02])
        self._thread.start()

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self.core.close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def size(self) -> int:
        return self.core.known(ORIGIN)[0]


@pytest.fixture
def run(tmp_path: Path, opened: ExitStack) -> Callable[[str], Running]:
    def started(name: str) -> Running:
        made = Running(tmp_path, name)
        opened.callback(made.down)
        return made

    return started


def policy(quorum: str, *running: Running | str, extra: str = "") -> Policy:
    """Witnesses with their address, or by name alone: then they bring what they signed themselves."""
    lines = [f"log {LOG}"]
    for one in running:
        name = one if isinstance(one, str) else one.name
        url = "" if isinstance(one, str) else one.url
        lines.append(f"witness {name} {COSIGNERS[name].verifier_key} {url}")
    return Policy.read("\n".join([*lines, extra, f"quorum {quorum}", ""]).encode())


def witnessing(place: Place, ledger: Ledger, read: Policy, *, interval: float = 0.02) -> Witnessing:
    return Witnessing(place.engine, ledger, read, interval=interval, clock=lambda: NOW)


def greeted(place: Place, ledger: Ledger, read: Policy) -> None:
    """Each witness has signed the newest checkpoint."""
    made = witnessing(place, ledger, read)
    made.greet()
    made.stop()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def newest(place: Place, ledger: Ledger) -> str:
    with reading(place.engine) as connection:
        return ledger.checkpoint(connection)


def signed_by(note: str | None) -> set[str]:
    """The names of the witnesses whose cosignatures on the note are right."""
    assert note is not None
    found = cosignatures(Note.read(note), [one.verifier_key for one in COSIGNERS.values()])
    return {one.witness.name[0] for one in found}


def brought(checkpoint: str, *names: str, at: int = NOW) -> str:
    note = Note.read(checkpoint)
    return str(note.with_signatures(COSIGNERS[name].cosign(note.text, time=at) for name in names))


def rows(place: Place) -> int:
    with reading(place.engine) as connection:
        return len(connection.execute(ledger_cosignature.select()).all())


# Bringing


def test_at_the_start_each_witness_is_asked_once(
    place: Place, ledger: Ledger, run: Callable[[str], Running]
) -> None:
    ledger.append(registered("house-a"))
    a, b = run("a"), run("b")
    made = witnessing(place, ledger, policy("g", a, b, extra="group g all a b"))
    assert made.cosigned() is None
    made.greet()
    assert (a.size, b.size) == (2, 2)
    assert signed_by(made.cosigned()) == {"a", "b"}
    made.stop()


def test_what_grows_is_brought_while_it_is_served(
    place: Place, ledger: Ledger, run: Callable[[str], Running]
) -> None:
    a = run("a")
    made = witnessing(place, ledger, policy("a", a))
    made.start()
    try:
        for number in range(5):
            size = ledger.append(registered(f"house-{number}")).size
            until(lambda size=size: a.size == size)  # type: ignore[misc]
        until(lambda: read_note(made.cosigned() or newest(place, ledger), [str(LOG)]).size == 6)
        assert signed_by(made.cosigned()) == {"a"}
        quiet = a.asked
        time.sleep(0.2)
        assert a.asked == quiet, "who has nothing new asks nothing"
    finally:
        made.stop()


def test_what_another_process_wrote_is_brought_too(
    place: Place, ledger: Ledger, run: Callable[[str], Running]
) -> None:
    a, other = run("a"), place.open()
    made = witnessing(place, ledger, policy("a", a))
    made.start()
    try:
        size = other.append(registered("house-a")).size
        until(lambda: a.size == size)
    finally:
        made.stop()


def test_an_answer_waits_for_no_witness(place: Place, ledger: Ledger, opened: ExitStack) -> None:
    silent = opened.enter_context(answering(lambda _: time.sleep(2)))
    made = witnessing(place, ledger, known_at(silent))
    made.start()
    try:
        time.sleep(0.1)
        begun = time.monotonic()
        ledger.append(registered("house-a"))
        assert time.monotonic() - begun < 1
    finally:
        begun = time.monotonic()
        made.stop()
        assert time.monotonic() - begun < 1.5, "what is under way is broken off"


def test_a_witness_that_is_down_is_told_of_once_and_tried_again(
    place: Place, ledger: Ledger, run: Callable[[str], Running], caplog: pytest.LogCaptureFixture
) -> None:
    a, b = run("a"), run("b")
    made = witnessing(place, ledger, policy("g", a, b, extra="group g any a b"))
    a.down()
    made.greet()
    assert b.size == 1, "the others are asked"
    assert caplog.text.count("witness.failing witness=a.example/w") == 1
    made.start()
    try:
        size = ledger.append(registered("house-a")).size
        until(lambda: b.size == size)
        assert caplog.text.count("witness.failing") == 1, "it was told already"
        a.up()
        until(lambda: a.size == size)
        until(lambda: "witness.signs_again witness=a.example/w" in caplog.text)
    finally:
        made.stop()


def test_a_witness_that_forgot_or_knows_less_is_asked_from_there(
    place: Place, ledger: Ledger, run: Callable[[str], Running], tmp_path: Path
) -> None:
    a = run("a")
    made = witnessing(place, ledger, policy("a", a))
    ledger.append(registered("house-a"))
    made.greet()
    a.down()
    for path in tmp_path.glob("witness-a.db*"):
        path.unlink()
    a.up()
    ledger.append(registered("house-b"))
    made.greet()
    assert a.size == 3
    made.stop()


def test_a_ledger_that_forgot_what_was_signed_is_told_the_size(
    place: Place, ledger: Ledger, run: Callable[[str], Running], tmp_path: Path
) -> None:
    """As after a kill between the storing in the witness and its answer."""
    a = run("a")
    ledger.append(registered("house-a"))
    assert a.core.add_checkpoint(f"old 0\n\n{newest(place, ledger)}".encode()).status == 200
    ledger.append(registered("house-b"))
    made = witnessing(place, ledger, policy("a", a))
    made.greet()
    assert a.size == 3
    assert signed_by(made.cosigned()) == {"a"}
    made.stop()


# Witnesses that answer otherwise


@contextmanager
def answering(answer: Callable[[str], tuple[int, str, bytes] | None]) -> Iterator[str]:
    """Something at an address that answers every question in its own way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()

        def _answer(self) -> None:
            said = answer(self.path)
            if said is None:
                self.close_connection = True
                return
            self.send_response(said[0])
            self.send_header("Content-Type", said[1])
            self.end_headers()
            self.wfile.write(said[2])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def known_at(url: str) -> Policy:
    return Policy.read(f"witness a {COSIGNERS['a'].verifier_key} {url}\nquorum a\n".encode())


SIZE = "text/x.tlog.size"
PLAIN = "text/plain"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (200, PLAIN, b""),
        (200, PLAIN, b"\xff\xfe"),
        (200, PLAIN, b"- a.example/w AAAAAAA=\n"),
        (200, PLAIN, b"x" * 300_000),
        (200, PLAIN, "— stranger.example AAAAAAA=\n".encode()),
        (200, PLAIN, str(COSIGNERS["a"].cosign("another text\n", time=NOW)).encode()),
        (301, PLAIN, b""),
        (404, PLAIN, b""),
        (409, PLAIN, b"5\n"),
        (409, SIZE, b"many\n"),
        (409, SIZE, b"1\n"),
        (409, SIZE, b"9" * 5_000),
        (409, SIZE, b"-1\n"),
        (422, PLAIN, b""),
        (429, PLAIN, b""),
        (500, PLAIN, b""),
    ],
)
def test_a_witness_that_answers_nonsense_is_passed_over(
    place: Place,
    ledger: Ledger,
    opened: ExitStack,
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, str, bytes] | None,
) -> None:
    url = opened.enter_context(answering(lambda _: answer))
    made = witnessing(place, ledger, known_at(url))
    made.greet()
    assert made.cosigned() is None
    assert "witness.failing witness=a.example/w" in caplog.text
    assert ledger.append(registered("house-a")).position == 1, "it stops nobody"
    assert rows(place) == 0
    made.stop()


@pytest.mark.parametrize("url", ["", "ftp://w.example", "https://", "w.example", "http://u@w.example", "http://w:x/", "https://w.example/?q"])  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(LinkRefused):
        Link(url)


def test_a_clock_that_is_ahead_is_not_believed(
    place: Place, ledger: Ledger, run: Callable[[str], Running], caplog: pytest.LogCaptureFixture
) -> None:
    a = run("a")
    a.now = NOW + couriers.AHEAD + 60
    made = witnessing(place, ledger, policy("a", a))
    made.greet()
    assert made.cosigned() is None
    assert "ahead by minutes" in caplog.text
    made.stop()


# Stopping


def put_back(place: Place, backup: Path) -> None:
    """The database as it was when the backup was made; the second store with it, so that only a witness knows."""
    place.close()
    place.engine.dispose()
    for path in [*place.folder.glob("main.db*"), *place.folder.glob("checkpoint.db*")]:
        path.unlink()
    for path in backup.iterdir():
        shutil.copy(path, place.folder / path.name)


def backed_up(place: Place, ledger: Ledger) -> Path:
    backup = place.folder / "backup"
    backup.mkdir()
    for name in ("main.db", "checkpoint.db"):
        with (
            closing(sqlite3.connect(place.folder / name)) as source,
            closing(sqlite3.connect(backup / name)) as target,
        ):
            source.backup(target)
    return backup


def test_a_start_is_refused_when_a_witness_knows_more(
    place: Place, ledger: Ledger, run: Callable[[str], Running]
) -> None:
    a = run("a")
    ledger.append(registered("house-a"))
    backup = backed_up(place, ledger)
    ledger.append(registered("house-b"))
    greeted(place, ledger, policy("a", a))
    put_back(place, backup)
    restored = place.open()
    made = witnessing(place, restored, policy("a", a))
    with pytest.raises(Witnessed, match="knows 3 entries, but the database has 2") as refused:
        made.greet()
    assert refused.value.code == "LEDGER_BEHIND"
    assert "put back to an earlier moment. Restore the newest copy." in refused.value.sentence
    with pytest.raises(LedgerRefused, match="knows 3 entries"):
        restored.append(registered("house-x"))
    assert a.size == 3
    made.stop()


def test_a_database_put_back_while_it_is_served_stops_the_writing(
    place: Place, ledger: Ledger, run: Callable[[str], Running], caplog: pytest.LogCaptureFixture
) -> None:
    a = run("a")
    backup = backed_up(place, ledger)
    ledger.append(registered("house-a"))
    greeted(place, ledger, policy("a", a))
    put_back(place, backup)
    restored = place.open()
    made = witnessing(place, restored, policy("a", a))
    made.start()
    try:
        until(lambda: "LEDGER_BEHIND" in caplog.text)
        with pytest.raises(LedgerRefused, match="Restore the newest copy"):
            restored.append(registered("house-x"))
    finally:
        made.stop()


def test_a_past_of_its_own_after_a_restore_is_found(
    place: Place, ledger: Ledger, run: Callable[[str], Running]
) -> None:
    """Grown past the witness before the witness was asked: larger, and another."""
    a = run("a")
    backup = backed_up(place, ledger)
    ledger.append(registered("house-a"))
    greeted(place, ledger, policy("a", a))
    put_back(place, backup)
    forked = place.open()
    for name in ("house-x", "house-y", "house-z"):
        forked.append(registered(name))
    made = witnessing(place, forked, policy("a", a))
    with pytest.raises(Witnessed) as refused:
        made.greet()
    assert refused.value.code == "LEDGER_FORKED"
    with pytest.raises(LedgerRefused):
        forked.append(registered("house-q"))
    assert a.size == 2
    made.stop()


@pytest.mark.parametrize("shown", ["nothing", "what it has", "another's"])
def test_a_witness_that_only_says_so_stops_nobody(
    place: Place, ledger: Ledger, opened: ExitStack, caplog: pytest.LogCaptureFixture, shown: str
) -> None:
    asked: list[str] = []
    notes = {
        "nothing": (404, PLAIN, b""),
        "what it has": (200, PLAIN, newest(place, ledger).encode()),
        "another's": (200, PLAIN, Signer(ORIGIN, key(2)).sign(9_000, bytes(32)).encode()),
    }

    def answer(path: str) -> tuple[int, str, bytes]:
        asked.append(path)
        return (409, SIZE, b"9000\n") if path == "/add-checkpoint" else notes[shown]

    made = witnessing(place, ledger, known_at(opened.enter_context(answering(answer))))
    made.greet()
    assert ledger.append(registered("house-a")).position == 1
    seen = len(asked)
    made.start()
    try:
        until(lambda: asked[seen:].count("/add-checkpoint") >= 1 and asked[-1] != "/add-checkpoint")
        assert ledger.append(registered("house-b")).position == 2
    finally:
        made.stop()
    assert caplog.text.count("witness.failing") == 1, "said once"
    assert "knows 9000 entries, but the database has 1" in caplog.text
    assert "take it out of the policy" in caplog.text
    assert "LEDGER_BEHIND" not in caplog.text


def test_what_this_process_had_not_read_yet_is_no_reason_to_stop(
    place: Place, ledger: Ledger, opened: ExitStack
) -> None:
    """Another process of the same ledger was at the witness first."""
    other = place.open()
    asked: list[str] = []

    def answer(path: str) -> tuple[int, str, bytes]:
        if not asked:
            other.append(registered("house-a"))
            other.append(registered("house-b"))
        asked.append(path)
        return 409, SIZE, b"3\n" if len(asked) == 1 else b"2\n"

    made = witnessing(place, ledger, known_at(opened.enter_context(answering(answer))))
    made.greet()
    assert ledger.append(registered("house-c")).position == 3
    made.stop()


# Taking


def test_what_a_witness_brings_is_kept_and_shown(place: Place, ledger: Ledger) -> None:
    ledger.append(registered("house-a"))
    made = witnessing(place, ledger, policy("g", "a", "b", extra="group g all a b"))
    checkpoint = newest(place, ledger)
    assert (taken := made.take(brought(checkpoint, "a"))).size == 2
    assert taken.new == 1
    assert made.cosigned() is None
    assert made.take(brought(checkpoint, "a", "b")).new == 1, "what is kept is not kept twice"
    assert signed_by(made.cosigned()) == {"a", "b"}
    with reading(place.engine) as connection:
        shown = made.with_cosignatures(connection, checkpoint)
    assert signed_by(shown) == {"a", "b"}
    assert shown.startswith(checkpoint)


def test_a_later_word_on_the_same_state_is_kept_when_it_says_something_new(
    place: Place, ledger: Ledger
) -> None:
    made = witnessing(place, ledger, policy("a", "a"))
    checkpoint = newest(place, ledger)
    assert [made.take(brought(checkpoint, "a", at=NOW - 300 + at)).new for at in (0, 1, AGAIN - 1, AGAIN, AGAIN)] == [1, 0, 0, 1, 0]  # fmt: skip
    (only,) = cosignatures(Note.read(made.cosigned() or ""), [COSIGNERS["a"].verifier_key])
    assert only.time == NOW - 300 + AGAIN, "the latest is shown, once"


def test_the_newest_that_is_enough_is_shown_while_the_newest_of_all_waits(
    place: Place, ledger: Ledger
) -> None:
    made = witnessing(place, ledger, policy("g", *"abc", extra="group g 2 a b c"))
    first = newest(place, ledger)
    ledger.append(registered("house-a"))
    second = newest(place, ledger)
    ledger.append(registered("house-b"))
    made.take(brought(newest(place, ledger), "a"))
    made.take(brought(first, "a", "c"))
    assert (made.cosigned() or "").startswith(first)
    made.take(brought(second, "b", "c"))
    assert (made.cosigned() or "").startswith(second)
    made.take(brought(first, "b"))
    assert signed_by(made.cosigned()) == {"b", "c"}
    made.take(brought(newest(place, ledger), "b"))
    assert read_note(made.cosigned() or "", [str(LOG)]).size == 3


def test_another_process_and_another_policy_count_the_same_rows(place: Place, ledger: Ledger) -> None:
    one = witnessing(place, ledger, policy("a", *"ab"))
    other = witnessing(place, place.open(), policy("g", *"ab", extra="group g all a b"))
    one.take(brought(newest(place, ledger), "a"))
    assert (one.cosigned() is None, other.cosigned() is None) == (False, True)
    one.take(brought(newest(place, ledger), "b"))
    assert signed_by(other.cosigned()) == {"a", "b"}


def test_a_quorum_of_none_shows_the_newest(place: Place, ledger: Ledger) -> None:
    ledger.append(registered("house-a"))
    made = witnessing(place, ledger, policy("none", "a"))
    assert made.cosigned() == newest(place, ledger)
    made.take(brought(newest(place, ledger), "a"))
    assert signed_by(made.cosigned()) == {"a"}


def fork_of(size: int) -> Tree:
    tree = Tree()
    for number in range(size):
        tree.append(leaf_hash(b"%d" % number))
    return tree


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (lambda _: "", "COSIGNATURE_MALFORMED"),
        (lambda note: note[:-1], "COSIGNATURE_MALFORMED"),
        (lambda note: note + "rubbish\n", "COSIGNATURE_MALFORMED"),
        (lambda note: note.replace("\n\n", "\nextension\n\n"), "COSIGNATURE_MALFORMED"),
        (lambda note: note + "\x00", "COSIGNATURE_MALFORMED"),
        (lambda _: Signer("other.example/l", key()).sign(1, bytes(32)), "CHECKPOINT_UNKNOWN"),
        (lambda note: note, "COSIGNATURE_REFUSED"),
        (lambda note: brought(note, "c"), "COSIGNATURE_REFUSED"),
        (lambda note: brought(note, "a").replace("\n1\n", "\n2\n"), "COSIGNATURE_REFUSED"),
        (lambda _: brought(Signer(ORIGIN, key(2)).sign(1, bytes(32)), "a"), "COSIGNATURE_REFUSED"),
        (lambda note: brought(note, "a", at=NOW + 4_000), "COSIGNATURE_REFUSED"),
        (lambda note: brought(note, "a", at=NOW - 301), "COSIGNATURE_REFUSED"),
        (lambda note: brought(note, "a", at=600), "COSIGNATURE_REFUSED"),
        (
            lambda note: note + str(COSIGNERS["a"].cosign("x\n", time=NOW)),
            "COSIGNATURE_REFUSED",
        ),
    ],
)
def test_what_does_not_fit_is_not_taken(
    place: Place, ledger: Ledger, send: Callable[[str], str], code: str
) -> None:
    made = witnessing(place, ledger, policy("a", "a", "b"))
    with pytest.raises(CosignatureRefused) as refused:
        made.take(send(newest(place, ledger)))
    assert refused.value.code == code
    assert re.fullmatch(r"[A-Z].+\.", refused.value.sentence)
    assert rows(place) == 0
    assert ledger.append(registered("house-a")).position == 1, "a stranger stops nobody"


@pytest.mark.parametrize(("size", "code"), [(1, "LEDGER_FORKED"), (9, "LEDGER_BEHIND")])
def test_a_state_that_this_ledger_signed_and_does_not_hold_stops_the_writing(
    place: Place, ledger: Ledger, size: int, code: str
) -> None:
    made = witnessing(place, ledger, policy("a", "a"))
    with pytest.raises(Witnessed) as refused:
        made.take(brought(place.signer.sign(size, fork_of(size).root()), "a"))
    assert refused.value.code == code
    with pytest.raises(LedgerRefused):
        ledger.append(registered("house-a"))
    assert rows(place) == 0


# The table, on both databases


def a_signature(name: str, head: TreeHead, at: int) -> Signature:
    return COSIGNERS[name].cosign(head.text, time=at)


def kept(engine: Engine, names: str, size: int, at: int) -> int:
    head = TreeHead(ORIGIN, size, bytes(32))
    note = Note(head.text, tuple(a_signature(name, head, at) for name in names))
    read = policy("none", *"abc")
    return Cosignatures(engine, read).keep(head, cosignatures(note, read.witness_keys))


def test_many_writers_leave_no_gap_and_no_double(engine: Engine) -> None:
    start = threading.Barrier(6)
    done: list[int] = []

    def work(number: int) -> None:
        start.wait()
        done.extend(kept(engine, "abc"[number % 3], size, NOW) for size in range(1, 9))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 24, "each of three witnesses, each of eight states, once"
    with reading(engine) as connection:
        numbers = connection.execute(ledger_cosignature.select().order_by(ledger_cosignature.c.number)).all()
    assert [row.number for row in numbers] == list(range(24))


REST = "time, root, signature FROM ledger_cosignature WHERE number = 0"


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE ledger_cosignature SET size = 9",
        "DELETE FROM ledger_cosignature",
        "DELETE FROM ledger_cosignature WHERE number = 1",
        f"INSERT INTO ledger_cosignature SELECT 9, witness, 9, {REST}",
        f"INSERT OR REPLACE INTO ledger_cosignature SELECT 2, witness, size, {REST}",
        "TRUNCATE ledger_cosignature",
    ],
)
def test_what_was_signed_is_never_changed_even_by_the_owner(
    engine: Engine, owner_engine: Engine, attack: str
) -> None:
    kept(engine, "ab", 3, NOW)
    for login in (engine, owner_engine):
        with pytest.raises(DBAPIError), writing(login) as connection:
            connection.execute(text(attack))
    with reading(engine) as connection:
        assert len(connection.execute(ledger_cosignature.select()).all()) == 2
    assert kept(engine, "c", 3, NOW) == 1


def test_couriers_work_on_both_databases(
    engine: Engine, tmp_path: Path, run: Callable[[str], Running], opened: ExitStack
) -> None:
    both = Place(tmp_path, engine)
    opened.callback(both.close)
    ledger, a = both.create(), run("a")
    made = witnessing(both, ledger, policy("g", a, "b", extra="group g all a b"))
    ledger.append(registered("house-a"))
    made.greet()
    made.take(brought(newest(both, ledger), "b"))
    assert signed_by(made.cosigned()) == {"a", "b"}
    made.stop()
