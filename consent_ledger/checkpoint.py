"""
Signed checkpoints (C2SP tlog-checkpoint in a C2SP signed-note, Ed25519), and the second store that keeps the last.

    cultuurinzicht.example/ledger
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — cultuurinzicht.example/ledger Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO…

Three lines: origin, number of entries, root in base64. Then exactly one blank line (some verifiers
demand it), then one line per signature. Signatures of unknown keys are ignored, a wrong signature of a
known key refuses the whole. Extension lines are never written and refused when read.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from consent_ledger.bodies import ORIGIN
from consent_ledger.note import ED25519, Note, NoteRefused, Signature, TreeHead, VerifierKey

__all__ = [
    "CheckpointStore",
    "NoteRefused",
    "SignedCheckpoint",
    "Signer",
    "StoreRefused",
    "ledger_signatures",
    "read_note",
]


_FIRST = (
    "INSERT INTO signed_checkpoint (one, size, root, origin, note) VALUES (1, ?, ?, ?, ?)"
    " ON CONFLICT (one) DO NOTHING"
)
_ON = (
    "UPDATE signed_checkpoint SET size = ?, root = ?, origin = ?, note = ?"
    " WHERE one = 1 AND size = ? AND root = ?"
)


class StoreRefused(Exception):
    """The second store cannot be used. The text is one plain sentence."""

    code = "CHECKPOINT_STORE"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """What was signed, and the note itself."""

    origin: str
    size: int
    root: bytes
    note: str


class Signer:
    """Signs checkpoints of one ledger. The name of the key is the origin."""

    def __init__(self, origin: str, private_key: Ed25519PrivateKey) -> None:
        if ORIGIN.fullmatch(origin) is None:
            raise NoteRefused("an origin is a host and a path in plain signs, without scheme")
        self.origin = origin
        self._key = private_key
        self._public = VerifierKey(origin, ED25519, private_key.public_key().public_bytes_raw())
        self._id = self._public.id

    @property
    def name(self) -> str:
        return self.origin

    @property
    def verifier_key(self) -> str:
        """The public key as `name+id+base64`, as every reader of signed notes takes it."""
        return str(self._public)

    def sign(self, size: int, root: bytes) -> str:
        """
        The note for a tree of this size and root.

        The caller answers for the law of the log: nothing is signed that is not consistent with all
        that was signed before.
        """
        text = TreeHead(self.origin, size, root).text
        return str(Note(text, (Signature(self.origin, self._id, self._key.sign(text.encode())),)))


def read_note(text: str, vkeys: Sequence[str]) -> SignedCheckpoint:
    """
    The checkpoint in `text`, signed by one of `vkeys` under the name of its origin.

    Raises `NoteRefused`.
    """
    keys = [VerifierKey.read(vkey, ED25519) for vkey in vkeys]
    note = Note.read(text)
    head = TreeHead.read(note.text)
    if not any(one.name == head.origin for one in ledger_signatures(note, keys)):
        raise NoteRefused("the checkpoint is not signed by the key of this ledger")
    return SignedCheckpoint(head.origin, head.size, head.root, text)


def ledger_signatures(note: Note, keys: Iterable[VerifierKey]) -> list[Signature]:
    """
    The signatures of a note that ledgers made with these keys.

    Raises `NoteRefused` when one under a known key does not fit: the whole note is no good then.
    """
    known = list(keys)
    found = []
    for one in note.signatures:
        for key in known:
            if one.is_under(key):
                try:
                    Ed25519PublicKey.from_public_bytes(key.public).verify(one.value, note.text.encode())
                except InvalidSignature:
                    raise NoteRefused("the signature does not fit the checkpoint") from None
                found.append(one)
    return found


class CheckpointStore:
    """
    Keeps the last signed checkpoint apart from the ledger's database, so that a restored backup of the
    one is noticed by the other. Its own SQLite file, one row.

    Several processes may hold the same file. Whoever can change this file and the database together
    can hide a rewritten past from this machine, but not from anyone who kept an older checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._driver = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
        except sqlite3.Error:
            raise StoreRefused("The file with the last signed checkpoint cannot be opened.") from None
        try:
            self._driver.execute("PRAGMA journal_mode=WAL")
            self._driver.execute("PRAGMA synchronous=FULL")
            self._driver.execute("PRAGMA fullfsync=ON")
            self._driver.execute(
                "CREATE TABLE IF NOT EXISTS signed_checkpoint ("
                " one INTEGER PRIMARY KEY CHECK (one = 1),"
                " size INTEGER NOT NULL CHECK (size >= 0),"
                " root BLOB NOT NULL CHECK (length(root) = 32),"
                " origin TEXT NOT NULL,"
                " note TEXT NOT NULL) STRICT"
            )
        except sqlite3.Error:
            self._driver.close()
            raise StoreRefused("The file with the last signed checkpoint cannot be used.") from None

    def last(self) -> SignedCheckpoint | None:
        """The last checkpoint kept; None when none ever was."""
        with self._lock:
            return self._last()

    def advance(self, expected: SignedCheckpoint | None, new: SignedCheckpoint) -> bool:
        """
        Keep `new` if `expected` is still the last one; durable on return. False when it is not.

        Raises `StoreRefused` when `new` is no later state than `expected`, or the file does not take it.
        """
        if expected is not None and (
            new.origin != expected.origin
            or new.size < expected.size
            or (new.size == expected.size and new.root != expected.root)
        ):
            raise StoreRefused("The last signed checkpoint only ever goes forward.")
        with self._lock:
            try:
                # one statement is one transaction: compared, written and on disk when it returns
                if expected is None:
                    done = self._driver.execute(_FIRST, (new.size, new.root, new.origin, new.note))
                else:
                    known = expected.size, expected.root
                    done = self._driver.execute(_ON, (new.size, new.root, new.origin, new.note, *known))
            except sqlite3.Error as error:
                raise StoreRefused("The last signed checkpoint could not be kept.") from error
            return done.rowcount == 1

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._driver.close()

    def _last(self) -> SignedCheckpoint | None:
        try:
            row = self._driver.execute("SELECT origin, size, root, note FROM signed_checkpoint").fetchone()
        except sqlite3.Error as error:
            raise StoreRefused("The last signed checkpoint cannot be read.") from error
        return None if row is None else SignedCheckpoint(*row)
