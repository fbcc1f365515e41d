"""
The protocol and the memory of a witness (C2SP tlog-witness), to be read in one sitting.

The law: of each ledger, what is signed goes on from everything that was signed before. It holds because the
comparison with the last checkpoint and the storing of the new one are one transaction, on disk before the
answer leaves. A crash after storing loses the answer alone: the ledger asks again with the size it is told.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from consent_ledger.checkpoint import ledger_signatures
from consent_ledger.cosigning import Cosigner
from consent_ledger.note import Note, NoteRefused, TreeHead, VerifierKey, base64_read
from consent_ledger.tree import EMPTY_ROOT, ProofRefused, verify_consistency

MAX_PROOF = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,15})")


class StateRefused(Exception):
    """The file in which a witness remembers cannot be used. The text is one plain sentence."""

    code = "WITNESS_STATE"
    sentence = "The file with what this witness saw cannot be used; nothing is signed without it."


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the ledger: an HTTP status, and a text of this kind."""

    status: int
    text: str
    kind: str = "text/plain; charset=utf-8"


class Witness:
    """One witness with its key, the ledgers it knows, and its memory. Safe between threads and processes."""

    def __init__(
        self,
        state: Path,
        cosigner: Cosigner,
        logs: Iterable[VerifierKey],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cosigner, self._logs, self._clock = cosigner, tuple(logs), clock
        self._lock = threading.Lock()
        try:
            self._driver = sqlite3.connect(state, isolation_level=None, timeout=10, check_same_thread=False)
            self._driver.execute("PRAGMA journal_mode=WAL")
            self._driver.execute("PRAGMA synchronous=FULL")  # on disk before the answer
            self._driver.execute("PRAGMA fullfsync=ON")
            self._driver.execute(
                "CREATE TABLE IF NOT EXISTS cosigned (origin_sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL,"
                " root BLOB NOT NULL CHECK (length(root) = 32), note TEXT NOT NULL) STRICT"
            )
        except sqlite3.Error as error:
            raise StateRefused from error

    def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to `POST <prefix>/add-checkpoint`. Raises `StateRefused`: then nothing was signed."""
        try:
            old, proof, note = read_request(body)
            head = TreeHead.read(note.text, extended=True)
        except NoteRefused as refused:
            return Answer(400, f"{refused.sentence}\n")
        keys = [key for key in self._logs if key.name == head.origin]
        if not keys:
            return Answer(404, "this witness does not know the ledger\n")
        try:
            signed = ledger_signatures(note, keys)
        except NoteRefused as refused:
            return Answer(403, f"{refused.sentence}\n")
        if not signed:
            return Answer(403, "the checkpoint is not signed by the ledger\n")
        if old > head.size:
            return Answer(400, "the old size is larger than the new\n")
        try:
            with self._lock:
                return self._compare_and_store(old, proof, Note(note.text, tuple(signed)), head)
        except sqlite3.Error as error:
            raise StateRefused from error

    def _compare_and_store(self, old: int, proof: list[bytes], note: Note, head: TreeHead) -> Answer:
        with self._driver:  # commits at the end of the block, rolls back when it raises
            self._driver.execute("BEGIN IMMEDIATE")
            size, root = self._known(head.origin)
            if old != size:
                return Answer(409, f"{size}\n", "text/x.tlog.size")
            try:
                verify_consistency(old, head.size, proof, root, head.root)
            except ProofRefused:
                return Answer(422, "the proof does not lead from the old checkpoint to the new one\n")
            cosignature = self._cosigner.cosign(note.text, time=int(self._clock()))
            self._driver.execute(
                "INSERT INTO cosigned VALUES (?, ?, ?, ?) ON CONFLICT (origin_sha256) DO UPDATE"
                " SET size = excluded.size, root = excluded.root, note = excluded.note",
                (_digest(head.origin), head.size, head.root, str(note.with_signatures([cosignature]))),
            )
        return Answer(200, str(cosignature))

    def known(self, origin: str) -> tuple[int, bytes]:
        """Size and root of the last checkpoint signed of this ledger; of the empty tree when none was."""
        with self._lock:
            return self._known(origin)

    def _known(self, origin: str) -> tuple[int, bytes]:
        select = "SELECT size, root FROM cosigned WHERE origin_sha256 = ?"
        row = self._driver.execute(select, (_digest(origin),)).fetchone()
        return (0, EMPTY_ROOT) if row is None else (row[0], row[1])

    def checkpoint(self, origin_sha256: str) -> Answer:
        """The answer to `GET <prefix>/<SHA-256 of the origin>/checkpoint`: the last one, with both signatures."""
        try:
            with self._lock:
                select = "SELECT note FROM cosigned WHERE origin_sha256 = ?"
                row = self._driver.execute(select, (origin_sha256,)).fetchone()
        except sqlite3.Error as error:
            raise StateRefused from error
        return Answer(404, "nothing was signed of such a ledger\n") if row is None else Answer(200, row[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._driver.close()


def read_request(body: bytes) -> tuple[int, list[bytes], Note]:
    """Old size, proof and checkpoint of an add-checkpoint request. Raises `NoteRefused`."""
    try:
        head, blank, checkpoint = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise NoteRefused("the request is not written in UTF-8") from None
    old, *lines = head.split("\n")
    found = _OLD.fullmatch(old)
    if not blank or found is None or len(lines) > MAX_PROOF:
        raise NoteRefused("a request has the old size, at most 63 hashes, a blank line and the checkpoint")
    proof = [base64_read(line) for line in lines]
    if any(len(one) != 32 for one in proof):
        raise NoteRefused("a hash has 32 bytes")
    return int(found[1]), proof, Note.read(checkpoint)


def _digest(origin: str) -> str:
    return sha256(origin.encode()).hexdigest()
