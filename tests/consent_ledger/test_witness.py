"""A witness: every case of the protocol, what it remembers, and that it never signs two pasts."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from consent_ledger.checkpoint import Signer
from consent_ledger.cosigning import Cosigner, cosignatures
from consent_ledger.note import ED25519, Note, VerifierKey, read_signatures
from consent_ledger.tiles import Tile
from consent_ledger.tree import EMPTY_ROOT, Tree, leaf_hash
from consent_ledger.witness.core import Answer, StateRefused, Witness
from consent_ledger.witness.once import LookRefused, consistency, followed
from consent_ledger.witness.server import MAX_BODY, WitnessServer
from tests.consent_ledger.ledgers import ORIGIN, key

SIGNER = Signer(ORIGIN, key())
LOG = VerifierKey.read(SIGNER.verifier_key, ED25519)
COSIGNER = Cosigner("witness.example/w1", key(7))
NOW = 1_679_315_147


def grown(size: int, word: str = "leaf", start: Tree | None = None) -> Tree:
    tree = start or Tree()
    while tree.size < size:
        tree.append(leaf_hash(f"{word} {tree.size}".encode()))
    return tree


def forked(at: int, size: int, word: str) -> Tree:
    """The same first entries, and others after."""
    return grown(size, word, grown(at))


TREE = grown(300)


def request(old: int, new: int, tree: Tree = TREE, *, signer: Signer = SIGNER) -> bytes:
    proof = tree.consistency(old, new) if 0 < old <= new else []
    return body(f"old {old}", proof, signer.sign(new, tree.root(new)))


def body(old: str, proof: list[bytes], checkpoint: str) -> bytes:
    hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in proof)
    return f"{old}\n{hashes}\n{checkpoint}".encode()


def opened(folder: Path, name: str = "state.db", clock: float = NOW) -> Witness:
    return Witness(folder / name, COSIGNER, [LOG], clock=lambda: clock)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    with closing(opened(tmp_path)) as made:
        yield made


def times(answer: Answer, note: str) -> list[int]:
    """When the checkpoint was cosigned, by an answer whose signatures are checked."""
    assert answer.status == 200, answer.text
    whole = Note.read(note).with_signatures(read_signatures(answer.text))
    return [one.time for one in cosignatures(whole, [COSIGNER.verifier_key])]


# The protocol


def test_the_first_checkpoint_is_signed_with_the_time(witness: Witness) -> None:
    answer = witness.add_checkpoint(request(0, 5))
    assert times(answer, SIGNER.sign(5, TREE.root(5))) == [NOW]
    assert answer.text.startswith("— witness.example/w1 ")
    assert answer.text.endswith("\n")


def test_every_step_of_a_growing_ledger_is_signed(witness: Witness) -> None:
    sizes = [0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 100, 256, 257, 300]
    for old, new in pairwise(sizes):
        assert times(witness.add_checkpoint(request(old, new)), SIGNER.sign(new, TREE.root(new))) == [NOW]
        assert witness.known(ORIGIN) == (new, TREE.root(new))


def test_the_same_checkpoint_is_signed_again_with_a_later_time(witness: Witness, tmp_path: Path) -> None:
    witness.add_checkpoint(request(0, 5))
    with closing(opened(tmp_path, clock=NOW + 60)) as later:
        assert times(later.add_checkpoint(request(5, 5)), SIGNER.sign(5, TREE.root(5))) == [NOW + 60]


def test_an_unknown_ledger_is_not_found(witness: Witness) -> None:
    other = Signer("other.example/ledger", key())
    assert witness.add_checkpoint(request(0, 5, signer=other)).status == 404
    assert witness.known("other.example/ledger") == (0, EMPTY_ROOT)


@pytest.mark.parametrize(
    "note",
    [
        Signer(ORIGIN, key(2)).sign(5, TREE.root(5)),  # another key under the same name
        SIGNER.sign(5, TREE.root(5)).replace("\n5\n", "\n6\n"),  # the right key, another text
        str(Note(Note.read(SIGNER.sign(5, TREE.root(5))).text, read_signatures("— x.example AAAAAAA=\n"))),
    ],
)
def test_a_checkpoint_that_the_ledger_did_not_sign_is_forbidden(witness: Witness, note: str) -> None:
    assert witness.add_checkpoint(body("old 0", [], note)).status == 403
    assert witness.known(ORIGIN) == (0, EMPTY_ROOT)


def test_one_wrong_signature_of_a_known_key_spoils_a_right_one(witness: Witness) -> None:
    wrong = SIGNER.sign(6, TREE.root(6)).split("\n\n")[1]
    assert witness.add_checkpoint(request(0, 5) + wrong.encode()).status == 403


def test_signatures_of_unknown_keys_are_passed_over_and_not_repeated(witness: Witness) -> None:
    theirs = "— stranger.example AAAAAAA=\n"
    assert witness.add_checkpoint(request(0, 5) + theirs.encode()).status == 200
    kept = witness.checkpoint(hashlib.sha256(ORIGIN.encode()).hexdigest()).text
    assert "stranger" not in kept


def test_an_old_size_beyond_the_new_is_a_bad_request(witness: Witness) -> None:
    assert witness.add_checkpoint(request(6, 5)).status == 400
    witness.add_checkpoint(request(0, 5))
    assert witness.add_checkpoint(request(6, 5)).status == 400


NOTE = SIGNER.sign(5, TREE.root(5))


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\n",
        b"\n\n",
        b"old 0\n\n",
        b"old 0\n" + NOTE.encode(),
        b"old -1\n\n" + NOTE.encode(),
        b"old 00\n\n" + NOTE.encode(),
        b"old 05\n\n" + NOTE.encode(),
        b"old  0\n\n" + NOTE.encode(),
        b"old 0 \n\n" + NOTE.encode(),
        b"old 0\r\n\r\n" + NOTE.encode(),
        "old ٣\n\n".encode() + NOTE.encode(),
        b"old " + b"9" * 5_000 + b"\n\n" + NOTE.encode(),
        b"size 0\n\n" + NOTE.encode(),
        b"0\n\n" + NOTE.encode(),
        b"old 0\nnot base64\n\n" + NOTE.encode(),
        b"old 0\nAAAA\n\n" + NOTE.encode(),
        body("old 0", [bytes(32)] * 64, NOTE),
        body("old 0", [], NOTE[:-1]),
        body("old 0", [], NOTE.replace("\n5\n", "\n05\n")),
        body("old 0", [], NOTE.replace("—", "-")),
        body("old 0", [], f"{ORIGIN}\n5\n\n{NOTE.splitlines()[4]}\n"),
        b"old 0\n\n\xff\xfe" + NOTE.encode(),
        b"old 0\n\n" + NOTE.encode() + b"\x00",
        os.urandom(500),
    ],
)
def test_what_is_no_request_is_a_bad_request(witness: Witness, garbage: bytes) -> None:
    assert witness.add_checkpoint(garbage).status == 400
    assert witness.known(ORIGIN) == (0, EMPTY_ROOT)


@pytest.mark.parametrize("old", [0, 1, 4, 6, 20])
def test_another_old_size_is_a_conflict_that_tells_the_size(witness: Witness, old: int) -> None:
    witness.add_checkpoint(request(0, 5))
    answer = witness.add_checkpoint(request(old, 20))
    assert (answer.status, answer.text, answer.kind) == (409, "5\n", "text/x.tlog.size")
    assert witness.known(ORIGIN)[0] == 5


def test_before_the_first_checkpoint_the_size_is_zero(witness: Witness) -> None:
    answer = witness.add_checkpoint(request(3, 5))
    assert (answer.status, answer.text, answer.kind) == (409, "0\n", "text/x.tlog.size")


def test_the_same_size_under_another_root_is_refused(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 5))
    answer = witness.add_checkpoint(request(5, 5, forked(4, 5, "other")))
    assert answer.status == 422
    assert witness.known(ORIGIN) == (5, TREE.root(5))


def test_a_fork_is_refused_at_every_size(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 37))
    for at in range(37):
        fork = forked(at, 60, f"fork {at}")
        for size in (37, 38, 60):
            assert witness.add_checkpoint(request(37, size, fork)).status == 422
    assert witness.known(ORIGIN) == (37, TREE.root(37))
    assert witness.add_checkpoint(request(37, 60)).status == 200


def test_a_proof_must_be_the_right_one(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 37))
    note, proof = SIGNER.sign(60, TREE.root(60)), TREE.consistency(37, 60)
    wrong = [
        [],
        proof[:-1],
        proof[1:],
        [*proof, bytes(32)],
        list(reversed(proof)),
        [bytes(32)] * len(proof),
        TREE.consistency(36, 60),
        TREE.consistency(37, 61),
    ]
    for one in wrong:
        assert witness.add_checkpoint(body("old 37", one, note)).status == 422
    assert witness.add_checkpoint(body("old 37", [bytes(32)], SIGNER.sign(37, TREE.root(37)))).status == 422


def test_a_first_checkpoint_has_no_proof(witness: Witness) -> None:
    assert witness.add_checkpoint(body("old 0", [bytes(32)], NOTE)).status == 422


def test_an_empty_ledger_has_the_root_of_the_empty_tree(witness: Witness) -> None:
    assert witness.add_checkpoint(body("old 0", [], SIGNER.sign(0, bytes(32)))).status == 422
    assert witness.add_checkpoint(body("old 0", [], SIGNER.sign(0, EMPTY_ROOT))).status == 200
    assert witness.add_checkpoint(request(0, 5)).status == 200


def test_extension_lines_are_signed_as_they_stand(witness: Witness) -> None:
    text = Note.read(NOTE).text + "extension of another ledger\n"
    signed = Note(text, ()).with_signatures(
        read_signatures(
            f"— {ORIGIN} {base64.b64encode(LOG.id + key().sign(text.encode())).decode()}\n",
        )
    )
    assert times(witness.add_checkpoint(body("old 0", [], str(signed))), str(signed)) == [NOW]


def test_the_last_checkpoint_is_told_with_both_signatures(witness: Witness) -> None:
    digest = hashlib.sha256(ORIGIN.encode()).hexdigest()
    assert witness.checkpoint(digest).status == 404
    witness.add_checkpoint(request(0, 5))
    answer = witness.add_checkpoint(request(5, 20))
    told = witness.checkpoint(digest)
    assert told == Answer(200, SIGNER.sign(20, TREE.root(20)) + answer.text)
    assert witness.checkpoint("0" * 64).status == 404


def test_a_ledger_may_have_two_keys_while_it_changes_them(tmp_path: Path) -> None:
    new = Signer(ORIGIN, key(3))
    keys = [LOG, VerifierKey.read(new.verifier_key, ED25519)]
    with closing(Witness(tmp_path / "s.db", COSIGNER, keys)) as witness:
        assert witness.add_checkpoint(request(0, 5)).status == 200
        assert witness.add_checkpoint(request(5, 20, signer=new)).status == 200


# Races and restarts


def test_of_eighty_at_once_with_sixteen_forks_one_past_wins(tmp_path: Path) -> None:
    """Each asks to go from 10 to 20: 64 with the one past, 16 with a past of their own."""
    forks = [forked(10, 20, f"fork {n}") for n in range(16)]
    trees = [forks[n // 5] if n % 5 == 0 else TREE for n in range(80)]
    start = threading.Barrier(80)
    with closing(opened(tmp_path)) as one, closing(opened(tmp_path)) as other:
        one.add_checkpoint(request(0, 10))

        def ask(number: int) -> tuple[int, bytes]:
            start.wait()
            witness = one if number % 2 else other
            tree = trees[number]
            return witness.add_checkpoint(request(10, 20, tree)).status, tree.root(20)

        with ThreadPoolExecutor(80) as pool:
            answers = list(pool.map(ask, range(80)))
        assert Counter(status for status, _ in answers) == {200: 1, 409: 79}
        (winner,) = [root for status, root in answers if status == 200]
        assert one.known(ORIGIN) == other.known(ORIGIN) == (20, winner)


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as witness:
        witness.add_checkpoint(request(0, 20))
    with closing(opened(tmp_path)) as again:
        assert again.known(ORIGIN) == (20, TREE.root(20))
        assert again.add_checkpoint(request(20, 30, forked(19, 30, "other"))).status == 422
        assert again.add_checkpoint(request(0, 30)).status == 409
        assert again.add_checkpoint(request(20, 30)).status == 200


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from tests.consent_ledger import test_witness as t
witness = t.opened(Path(sys.argv[1]))
if sys.argv[2] == "after":
    assert witness.add_checkpoint(t.request(0, 20)).status == 200
else:  # the moment between the signature and the storing
    type(t.COSIGNER).cosign = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    witness.add_checkpoint(t.request(0, 20))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "size"), [("before", 0), ("after", 20)])
def test_a_kill_before_or_after_storing_leaves_one_of_two_states(
    tmp_path: Path, moment: str, size: int
) -> None:
    """After storing and before answering: the ledger asks again, is told the size, and gets its answer."""
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), moment], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    with closing(opened(tmp_path)) as witness:
        assert witness.known(ORIGIN)[0] == size
        if size:
            told = witness.add_checkpoint(request(0, 20))
            assert (told.status, told.text) == (409, "20\n")
        assert witness.add_checkpoint(request(size, 20)).status == 200


def test_nothing_is_signed_when_nothing_can_be_kept(witness: Witness, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as driver:
        driver.execute("CREATE TRIGGER full BEFORE INSERT ON cosigned BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(StateRefused):
        witness.add_checkpoint(request(0, 5))
    assert witness.known(ORIGIN) == (0, EMPTY_ROOT)


def test_a_file_that_is_no_memory_is_refused_plainly(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StateRefused):
        opened(tmp_path)
    with pytest.raises(StateRefused):
        Witness(tmp_path / "absent" / "state.db", COSIGNER, [LOG])


# Going to the ledger by itself


def tile_of(tree: Tree) -> Callable[[Tile], bytes]:
    """The tiles of a tree, each once and no wider than it is."""
    seen: set[Tile] = set()

    def fetch(tile: Tile) -> bytes:
        assert tile not in seen
        assert tile.is_of(tree.size)
        seen.add(tile)
        step = 256**tile.level
        starts = range(tile.index * 256 * step, (tile.index * 256 + tile.width) * step, step)
        return b"".join(root_of(tree, start, step) for start in starts)

    return fetch


def root_of(tree: Tree, start: int, count: int) -> bytes:
    part = Tree()
    for number in range(start, start + count):
        part.append(tree.leaf(number))
    return part.root()


@pytest.mark.parametrize("new", [*range(1, 34), 255, 256, 257, 300, 511, 512, 513, 700, 65_536, 66_000])
def test_the_proof_from_tiles_is_the_proof_of_the_tree(new: int) -> None:
    tree = grown(new)
    near = [new - 1, new // 3, 257, 65_536]
    for old in {0, *(range(1, new + 1) if new < 34 else (one for one in near if 0 < one <= new))}:
        assert consistency(tile_of(tree), old, new) == tree.consistency(old, new)


def test_the_key_of_a_ledger_is_given_once(tmp_path: Path) -> None:
    state, url = tmp_path / "state.db", "https://pool.example"
    with pytest.raises(LookRefused, match="does not know the key"):
        followed(state, url, None)
    assert followed(state, url, LOG) == followed(state, url, None) == followed(state, url, LOG) == LOG
    other = VerifierKey.read(Signer(ORIGIN, key(2)).verifier_key, ED25519)
    with pytest.raises(LookRefused, match="another key"):
        followed(state, url, other)
    assert followed(state, "https://other.example", other) == other
    with pytest.raises(StateRefused):
        followed(tmp_path, url, LOG)


# Over HTTP


@contextmanager
def serving(witness: Witness, prefix: str = "") -> Iterator[int]:
    with WitnessServer(("127.0.0.1", 0), witness, prefix=prefix) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, method: str, path: str, content: bytes | None = None) -> tuple[int, str | None, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, content)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read().decode()


def test_the_protocol_is_spoken_over_http(witness: Witness) -> None:
    digest = hashlib.sha256(ORIGIN.encode()).hexdigest()
    with serving(witness) as port:
        assert ask(port, "GET", f"/{digest}/checkpoint")[0] == 404
        assert ask(port, "POST", "/add-checkpoint", request(0, 5))[0] == 200
        assert ask(port, "POST", "/add-checkpoint", request(0, 5)) == (409, "text/x.tlog.size", "5\n")
        status, kind, text = ask(port, "GET", f"/{digest}/checkpoint")
        assert (status, kind) == (200, "text/plain; charset=utf-8")
        assert cosignatures(Note.read(text), [COSIGNER.verifier_key])[0].time == NOW


def test_a_connection_stays_open_for_the_next_question(witness: Witness) -> None:
    with serving(witness) as port, closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        for old, new in ((0, 5), (5, 20), (20, 30)):
            connection.request("POST", "/add-checkpoint", request(old, new))
            response = connection.getresponse()
            assert (response.status, bool(response.read())) == (200, True)
            assert not response.will_close


def test_it_can_stand_below_a_prefix(witness: Witness) -> None:
    with serving(witness, "/deep/down/") as port:
        assert ask(port, "POST", "/deep/down/add-checkpoint", request(0, 5))[0] == 200
        assert ask(port, "POST", "/add-checkpoint", request(0, 5))[0] == 404


@pytest.mark.parametrize("path", ["/", "/add-checkpoint/", "/ADD-CHECKPOINT", "/sign-subtree", "/x" * 3_000])
def test_other_addresses_are_not_found(witness: Witness, path: str) -> None:
    with serving(witness) as port:
        assert ask(port, "POST", path, request(0, 5))[0] == 404
        assert ask(port, "GET", path)[0] == 404
        assert ask(port, "GET", "/add-checkpoint")[0] == 404


def raw(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(sent)
        link.shutdown(socket.SHUT_WR)
        heard = b""
        while chunk := link.recv(65_536):
            heard += chunk
        return heard


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 5_0\r\n\r\n", b"411"),
        (b"POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (f"POST /add-checkpoint HTTP/1.1\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode(), b"413"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", b"413"),
        (b"PUT /add-checkpoint HTTP/1.1\r\n\r\n", b"501"),
        (b"<script>alert(1)</script>\r\n\r\n", b"Bad request"),
        (b"GET /<script> HTTP/x\r\n\r\n", b"Bad request"),
        (b"<script> / HTTP/1.1\r\n\r\n", b"501"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n", b"431"),
    ],
)
def test_what_is_no_proper_request_is_told_so_briefly(
    witness: Witness, capfd: pytest.CaptureFixture[str], sent: bytes, status: bytes
) -> None:
    with serving(witness) as port:
        heard = raw(port, sent)
        assert status in heard.partition(b"\r\n")[0]
        assert b"script" not in heard
        assert b"Traceback" not in heard
        assert ask(port, "POST", "/add-checkpoint", request(0, 5))[0] == 200, "and the witness goes on"
    assert capfd.readouterr() == ("", "")


def test_who_breaks_off_or_stays_silent_harms_nobody(
    witness: Witness, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(witness) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        raw(port, b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 500\r\n\r\nold 0\n")
        assert ask(port, "POST", "/add-checkpoint", request(0, 5))[0] == 200
        for one in silent:
            one.close()
    assert capfd.readouterr() == ("", "")


def test_a_state_that_breaks_is_a_sentence_and_no_signature(
    witness: Witness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as driver:
        driver.execute("DROP TABLE cosigned")
    with serving(witness) as port:
        status, _, text = ask(port, "POST", "/add-checkpoint", request(0, 5))
    assert (status, "nothing was signed" in text) == (500, True)
    assert "WITNESS_STATE" in caplog.text


def test_many_at_once_over_http(witness: Witness) -> None:
    with serving(witness) as port:
        ask(port, "POST", "/add-checkpoint", request(0, 10))
        bodies = [request(10, 20, TREE if n % 4 else forked(10, 20, f"fork {n}")) for n in range(40)]
        with ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(lambda one: ask(port, "POST", "/add-checkpoint", one), bodies))
    assert Counter(status for status, _, _ in answers) == {200: 1, 409: 39}
