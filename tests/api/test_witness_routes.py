"""Witnesses from outside: the addresses of a served ledger, the commands, and both together."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from starlette.testclient import TestClient

from api.app import create_app
from api.assembly import Assembled, assembled, prepare
from api.cli import main
from api.settings import Settings, SettingsRefused
from consent_ledger.checkpoint import Signer, read_note
from consent_ledger.cosigning import Cosigner, cosignatures
from consent_ledger.log import LedgerRefused
from consent_ledger.note import MAX_NOTE, Note
from consent_ledger.witnessing import Witnessed
from tests.consent_ledger.ledgers import issued, key, registered
from tests.story.server import COMMAND, free_port

SHAPE = {"code", "sentence", "nextStep", "requestId", "ledgerPosition"}
A, B = Cosigner("a.example/witness", key(41)), Cosigner("b.example/witness", key(42))

Said = pytest.CaptureFixture[str]


def settings(data: Path, **given: str) -> Settings:
    return Settings.read(
        {"CULTUURINZICHT_DATA_DIR": str(data)}
        | {f"CULTUURINZICHT_{name}": value for name, value in given.items()}
    )


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sandbox with nothing in it."""
    data = tmp_path_factory.mktemp("empty") / "var"
    read = settings(data)
    prepare(read)
    with assembled(read, create="sandbox"):
        pass
    return data


@pytest.fixture
def data(empty: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(empty, tmp_path / "var"))


def with_policy(data: Path, text: str, **given: str) -> Settings:
    path = data / "witnesses.policy"
    path.write_text(text, encoding="utf-8")
    return settings(data, WITNESS_POLICY=str(path), WITNESS_INTERVAL="0.1", **given)


TWO = f"witness a {A.verifier_key}\nwitness b {B.verifier_key}\ngroup both all a b\nquorum both\n"


@dataclass
class Served:
    """A ledger at an address of this machine."""

    parts: Assembled
    url: str

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=10)

    def append(self, name: str) -> int:
        return self.parts.house.ledger.append(registered(name)).size

    @property
    def key(self) -> str:
        return self.parts.house.ledger.verifier_key


@contextmanager
def served(read: Settings, port: int | None = None) -> Iterator[Served]:
    """The application as it is served, in a thread of this process."""
    with assembled(read) as parts, socket.socket() as claimed:
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claimed.bind(("127.0.0.1", port or 0))
        server = uvicorn.Server(uvicorn.Config(create_app(parts), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [claimed]})
        thread.start()
        url = f"http://127.0.0.1:{claimed.getsockname()[1]}"
        try:
            _until(lambda: server.started)
            yield Served(parts, url)
        finally:
            server.should_exit = True
            thread.join(10)


def _until(true: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(1_000):
        if true():
            return
        waited.wait(0.01)
    raise AssertionError("it did not come to that")


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body.keys() >= SHAPE
    assert (body["code"], body["status"]) == (code, status)
    assert body["sentence"]
    assert body["nextStep"]
    return body


def brought(checkpoint: str, *cosigners: Cosigner) -> bytes:
    note = Note.read(checkpoint)
    return str(
        note.with_signatures(one.cosign(note.text, time=int(time.time())) for one in cosigners)
    ).encode()


def signed_by(note: str) -> list[str]:
    found = cosignatures(Note.read(note), [A.verifier_key, B.verifier_key])
    return [one.witness.name[0] for one in found]


# The addresses


@pytest.fixture
def client(data: Path) -> Iterator[TestClient]:
    with assembled(with_policy(data, TWO)) as parts:
        yield TestClient(create_app(parts))


def test_what_witnesses_bring_is_taken_and_shown(client: TestClient) -> None:
    problem(client.get("/ledger/checkpoint/cosigned"), 404, "NOT_COSIGNED")
    checkpoint = client.get("/ledger/checkpoint").text
    first = client.post("/ledger/cosignature", content=brought(checkpoint, A))
    assert (first.status_code, first.json()) == (200, {"size": 1, "new": 1})
    shown = client.get("/ledger/checkpoint")
    assert signed_by(shown.text) == ["a"]
    assert shown.text.startswith(checkpoint)
    problem(client.get("/ledger/checkpoint/cosigned"), 404, "NOT_COSIGNED")
    client.post("/ledger/cosignature", content=brought(checkpoint, A, B))
    cosigned = client.get("/ledger/checkpoint/cosigned")
    assert cosigned.status_code == 200
    assert cosigned.headers["Content-Type"].startswith("text/plain")
    assert sorted(signed_by(cosigned.text)) == ["a", "b"]
    assert client.post("/ledger/cosignature", content=brought(checkpoint, A, B)).json()["new"] == 0


def test_the_newest_checkpoint_stays_the_newest(data: Path) -> None:
    with assembled(with_policy(data, TWO)) as parts:
        client = TestClient(create_app(parts))
        old = client.get("/ledger/checkpoint").text
        client.post("/ledger/cosignature", content=brought(old, A, B))
        parts.house.ledger.append(issued("one"))
        newest = client.get("/ledger/checkpoint").text
        assert read_note(newest, [parts.house.ledger.verifier_key]).size == 2
        assert signed_by(newest) == []
        assert client.get("/ledger/checkpoint/cosigned").text.startswith(old)


@pytest.mark.parametrize(
    ("send", "status", "code"),
    [
        (lambda _: b"", 400, "COSIGNATURE_MALFORMED"),
        (lambda _: b"\xff\xfe", 400, "COSIGNATURE_MALFORMED"),
        (lambda note: note[:-1].encode(), 400, "COSIGNATURE_MALFORMED"),
        (lambda _: b"x" * (MAX_NOTE + 1), 413, "BODY_TOO_LARGE"),
        (lambda note: note.encode(), 403, "COSIGNATURE_REFUSED"),
        (lambda note: brought(note, Cosigner("c.example", key(43))), 403, "COSIGNATURE_REFUSED"),
        (lambda note: brought(note, A).replace(b"\n1\n", b"\n2\n"), 403, "COSIGNATURE_REFUSED"),
        (lambda _: brought(Signer("other.example/l", key()).sign(1, bytes(32)), A), 404, "CHECKPOINT_UNKNOWN"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_the_one_shape(
    client: TestClient, send: Callable[[str], bytes], status: int, code: str
) -> None:
    sent = send(client.get("/ledger/checkpoint").text)
    problem(client.post("/ledger/cosignature", content=sent), status, code)
    assert signed_by(client.get("/ledger/checkpoint").text) == []


def test_other_methods_are_not_answered(client: TestClient) -> None:
    problem(client.get("/ledger/cosignature"), 405, "METHOD_NOT_ALLOWED")
    problem(client.post("/ledger/checkpoint/cosigned"), 405, "METHOD_NOT_ALLOWED")


def test_a_ledger_without_witnesses_says_so(data: Path) -> None:
    with assembled(settings(data)) as parts:
        client = TestClient(create_app(parts))
        checkpoint = client.get("/ledger/checkpoint").text
        problem(client.get("/ledger/checkpoint/cosigned"), 404, "NO_WITNESSES")
        problem(client.post("/ledger/cosignature", content=brought(checkpoint, A)), 404, "NO_WITNESSES")


def test_a_checkpoint_that_this_ledger_signed_and_lost_stops_it(data: Path) -> None:
    with assembled(with_policy(data, TWO)) as parts:
        client = TestClient(create_app(parts))
        signer = parts.house.ledger._signer
        assert client.get("/readyz").status_code == 200
        problem(
            client.post("/ledger/cosignature", content=brought(signer.sign(9, bytes(32)), A)),
            503,
            "LEDGER_BEHIND",
        )
        problem(client.get("/readyz"), 503, "LEDGER_BEHIND")
        assert client.get("/healthz").status_code == 200
        with pytest.raises(LedgerRefused, match="Restore the newest copy"):
            parts.house.ledger.append(issued("one"))


# The settings


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "may be missing"),
        ("nonsense\n", "Line 1 of the policy"),
        (f"log {Signer('other.example/l', key()).verifier_key}\nquorum none\n", "of other ledgers"),
        (f"witness a {A.verifier_key} gopher://a.example\nquorum a\n", "address that is none"),
    ],
)
def test_a_policy_that_cannot_be_used_is_no_start(data: Path, text: str, sentence: str) -> None:
    read = with_policy(data, text)
    with pytest.raises(SettingsRefused, match=sentence) as refused, assembled(read):
        pass
    assert "CULTUURINZICHT_WITNESS_POLICY" in refused.value.next_step


def test_a_policy_that_is_not_there_is_no_start(data: Path) -> None:
    with (
        pytest.raises(SettingsRefused, match="cannot be read"),
        assembled(settings(data, WITNESS_POLICY="x")),
    ):
        pass


@pytest.mark.parametrize("seconds", ["0", "-1", "5s", "nan", "1e3", "99999", "٣"])
def test_an_interval_that_is_none_is_refused(data: Path, seconds: str) -> None:
    with pytest.raises(SettingsRefused, match="WITNESS_INTERVAL"):
        settings(data, WITNESS_INTERVAL=seconds)


# A witness that answers, and a ledger that asks it


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@dataclass
class Answering:
    """`cultuurinzicht witness serve` in a process of its own."""

    process: subprocess.Popen[str]
    vkey: str
    url: str

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


def start(folder: Path, log: str, port: int = 0) -> Answering:
    if not (folder / "w.key").exists():
        Cosigner.create(folder / "w.key", "w.example/witness")
    process = subprocess.Popen(
        [
            *(*COMMAND, "witness", "serve", "--log", log, "--port", str(port)),
            *("--key", str(folder / "w.key"), "--state", str(folder / "w.db")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    vkey = process.stdout.readline().strip()
    said = process.stdout.readline().strip()
    found = re.fullmatch(r"Witness at (http://127\.0\.0\.1:[0-9]+)", said)
    assert found, (vkey, said, process.poll())
    return Answering(process, vkey, found[1])


def ended(answering: Answering) -> None:
    if answering.process.poll() is None:
        answering.process.kill()
    answering.process.wait(10)
    assert answering.process.stdout is not None
    answering.process.stdout.close()


def key_of(data: Path) -> str:
    with assembled(settings(data)) as parts:
        return parts.house.ledger.verifier_key


def test_a_served_ledger_is_cosigned_and_stops_when_it_was_put_back(
    data: Path, tmp_path: Path, stack: ExitStack
) -> None:
    """The whole road: grow, be cosigned, lose the witness and find it again, be put back, be refused."""
    log = key_of(data)
    witness = start(tmp_path, log)
    stack.callback(ended, witness)
    backup = Path(shutil.copytree(data, tmp_path / "backup"))
    read = with_policy(data, f"log {log}\nwitness w {witness.vkey} {witness.url}\nquorum w\n")
    port = int(witness.url.rpartition(":")[2])

    def cosigned(one: Served) -> int:
        response = one.get("/ledger/checkpoint/cosigned")
        return read_note(response.text, [log]).size if response.status_code == 200 else 0

    with served(read) as ledger:
        assert cosigned(ledger) == 1, "it was asked at the start"
        size = ledger.append("house-a")
        _until(lambda: cosigned(ledger) == size)
        witness.kill()
        size = ledger.append("house-b")
        assert cosigned(ledger) == size - 1
        again = start(tmp_path, log, port)
        stack.callback(ended, again)
        _until(lambda: cosigned(ledger) == size)
    put_back = with_policy(backup, (data / "witnesses.policy").read_text(encoding="utf-8"))
    with pytest.raises(Witnessed, match=f"knows {size} entries, but the database has 1"), assembled(put_back):
        pass
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(10) == 0
    with assembled(put_back) as parts:
        assert parts.house.ledger.append(issued("one")).size == 2, "a witness that is down stops no start"


def test_a_witness_that_is_asked_to_serve_wrongly_says_why(tmp_path: Path, capsys: Said) -> None:
    key_file, state = str(tmp_path / "w.key"), str(tmp_path / "w.db")
    serve = ["witness", "serve", "--key", key_file, "--state", state]
    log = Signer("pool.example/ledger", key()).verifier_key
    assert "no key there yet" in said(capsys, *serve, "--log", log)
    Cosigner.create(Path(key_file), "w.example")
    assert "at least one ledger" in said(capsys, *serve)
    assert "NAME+ID+KEY" in said(capsys, *serve, "--log", "nonsense")
    assert "policy cannot be read" in said(capsys, *serve, "--policy", str(tmp_path / "absent"))
    assert "number from 1" in said(capsys, *serve, "--log", log, "--port", "70000")
    assert "cannot be listened on" in said(capsys, *serve, "--log", log, "--host", "203.0.113.1")
    elsewhere = ["witness", "serve", "--key", key_file, "--state", str(tmp_path / "absent" / "w.db")]
    assert "cannot be written" in said(capsys, *elsewhere, "--log", log)
    Path(state).write_bytes(b"no database at all" * 100)
    assert "cannot be used" in said(capsys, *serve, "--log", log)


def said(capsys: Said, *arguments: str) -> str:
    assert main(arguments) == 1
    heard = capsys.readouterr()
    assert heard.out == ""
    assert "foresaw" not in heard.err
    assert "Traceback" not in heard.err
    return heard.err


def done(capsys: Said, *arguments: str) -> str:
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out.strip()


def test_a_key_is_made_once_and_shown_ever_after(tmp_path: Path, capsys: Said) -> None:
    path = str(tmp_path / "w.key")
    assert "--name" in said(capsys, "witness", "key", "--key", path)
    assert "no spaces" in said(capsys, "witness", "key", "--key", path, "--name", "two words")
    shown = done(capsys, "witness", "key", "--key", path, "--name", "witness.museum.example")
    assert shown.startswith("witness.museum.example+")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert done(capsys, "witness", "key", "--key", path) == shown
    assert "another name" in said(capsys, "witness", "key", "--key", path, "--name", "other.example")


# A witness that looks by itself


@dataclass
class Looking:
    """`cultuurinzicht witness once`, as cron calls it."""

    folder: Path
    capsys: Said
    vkey: str

    def arguments(self, url: str, *more: str) -> list[str]:
        files = ["--key", str(self.folder / "w.key"), "--state", str(self.folder / "w.db")]
        return ["witness", "once", url, *files, *more]

    def look(self, url: str, *more: str) -> str:
        return done(self.capsys, *self.arguments(url, *more))

    def refused(self, url: str, *more: str) -> str:
        return said(self.capsys, *self.arguments(url, *more))


@pytest.fixture
def looking(tmp_path: Path, capsys: Said) -> Looking:
    made = Cosigner.create(tmp_path / "w.key", "w.example/witness")
    return Looking(tmp_path, capsys, str(made.verifier_key))


def of(looking: Looking) -> str:
    return f"witness w {looking.vkey}\nquorum w\n"


def test_a_witness_looks_signs_and_brings_it(data: Path, looking: Looking) -> None:
    with served(with_policy(data, of(looking))) as ledger:
        assert "--log" in looking.refused(ledger.url)
        assert looking.look(ledger.url, "--log", ledger.key) == "1 entry signed; there were 0 before."
        drafts = [(registered(f"house-{number}"), None) for number in range(300)]
        ledger.parts.house.ledger.append_all(drafts)
        assert looking.look(ledger.url) == "301 entries signed; there was 1 before."
        assert looking.look(ledger.url + "/") == "Nothing new: 301 entries, signed again."
        ledger.append("one-more")
        assert looking.look(ledger.url) == "302 entries signed; there were 301 before."
        cosigned = ledger.get("/ledger/checkpoint/cosigned").text
        assert read_note(cosigned, [ledger.key]).size == 302
        assert "— w.example/witness " in cosigned
        other = Signer(ledger.parts.house.ledger.origin, key(9)).verifier_key
        assert "another key for this address" in looking.refused(ledger.url, "--log", other)


def test_a_witness_outside_the_policy_is_told_so(data: Path, looking: Looking) -> None:
    with served(with_policy(data, TWO)) as ledger:
        told = looking.refused(ledger.url, "--log", ledger.key)
    assert "did not take the signature (HTTP status 403)" in told
    assert "whether your key is in the policy" in told


def test_a_signature_that_was_not_brought_is_brought_the_next_time(data: Path, looking: Looking) -> None:
    port = free_port()
    with served(settings(data), port) as ledger:
        assert "HTTP status 404" in looking.refused(ledger.url, "--log", ledger.key)
    with served(with_policy(data, of(looking)), port) as ledger:
        assert looking.look(ledger.url).startswith("Nothing new: 1 entry,")
        assert ledger.get("/ledger/checkpoint/cosigned").status_code == 200


def test_a_shrunken_and_a_forked_ledger_are_refused(data: Path, looking: Looking, tmp_path: Path) -> None:
    before, port = Path(shutil.copytree(data, tmp_path / "before")), free_port()
    with served(with_policy(data, of(looking)), port) as ledger:
        for name in ("house-a", "house-b"):
            ledger.append(name)
        looking.look(ledger.url, "--log", ledger.key)
    with served(with_policy(before, of(looking)), port) as ledger:
        told = looking.refused(ledger.url)
        assert "shows 1 entry, and had 3 before" in told
        assert not (tmp_path / "w.db.contradiction").exists()
        for size, name in enumerate(("house-x", "house-y", "house-z"), 2):
            ledger.append(name)
            if size >= 3:  # the same size with another root, and a larger one
                told = looking.refused(ledger.url)
                assert "another past than the 3 entries" in told
                kept = (tmp_path / "w.db.contradiction").read_text(encoding="utf-8")
                first, second = re.findall(r"^[^\n]+\n[0-9]+\n[^\n]+\n\n(?:— [^\n]+\n)+", kept, re.MULTILINE)
                assert read_note(first, [ledger.key]).size == 3
                assert read_note(second, [ledger.key]).size == size
        assert ledger.get("/ledger/checkpoint/cosigned").status_code == 404, "nothing was signed"
    with served(with_policy(data, of(looking)), port) as ledger:
        assert looking.look(ledger.url) == "Nothing new: 3 entries, signed again."


def test_an_address_without_ledger_is_a_sentence(looking: Looking) -> None:
    log = Signer("pool.example/ledger", key()).verifier_key
    assert "not reached" in looking.refused(f"http://127.0.0.1:{free_port()}", "--log", log)
    assert "begins with https" in looking.refused("pool.example", "--log", log)


def test_the_checkpoint_of_another_ledger_is_refused(data: Path, looking: Looking) -> None:
    with served(settings(data)) as ledger:
        other = Signer("pool.example/ledger", key()).verifier_key
        assert "not signed by the ledger" in looking.refused(ledger.url, "--log", other)
