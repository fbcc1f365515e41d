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

import base64
import binascii
import hashlib
import re
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from consent_ledger.bodies import ORIGIN

_ED25519 = b"\x01"
_MAX_NOTE = 64 * 1024
_MAX_SIGNATURES = 32
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class NoteRefused(Exception):
    """A text is no checkpoint signed by a key that is known here."""

    code = "CHECKPOINT_REFUSED"


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
        self._public = private_key.public_key().public_bytes_raw()
        self._id = _key_id(origin, self._public)

    @property
    def name(self) -> str:
        return self.origin

    @property
    def verifier_key(self) -> str:
        """The public key as `name+id+base64`, as every reader of signed notes takes it."""
        return f"{self.origin}+{self._id.hex()}+{_base64(_ED25519 + self._public)}"

    def sign(self, size: int, root: bytes) -> str:
        """
        The note for a tree of this size and root.

        The caller answers for the law of the log: nothing is signed that is not consistent with all
        that was signed before.
        """
        text = f"{self.origin}\n{size}\n{_base64(root)}\n"
        signature = self._key.sign(text.encode())
        return f"{text}\n— {self.origin} {_base64(self._id + signature)}\n"


def read_note(text: str, vkeys: Sequence[str]) -> SignedCheckpoint:
    """
    The checkpoint in `text`, signed by one of `vkeys` under the name of its origin.

    Raises `NoteRefused`.
    """
    if len(text) > _MAX_NOTE:
        raise NoteRefused("the checkpoint is too long")
    keys = {(name, key_id): key for name, key_id, key in map(_read_vkey, vkeys)}
    head, blank, tail = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or len(lines) != 3 or not tail.endswith("\n"):
        raise NoteRefused("a checkpoint has three lines, one blank line and its signatures")
    origin, size, root = lines
    if _SIZE.fullmatch(size) is None or any(sign < " " for sign in origin):
        raise NoteRefused("the second line of a checkpoint is the number of entries")
    signatures = tail[:-1].split("\n")
    if len(signatures) > _MAX_SIGNATURES:
        raise NoteRefused("the checkpoint has too many signatures")
    signed = False
    for line in signatures:
        found = _SIGNATURE.fullmatch(line)
        if found is None:
            raise NoteRefused("a line after the blank one is no signature")
        blob = _unbase64(found[2])
        key = keys.get((found[1], blob[:4]))
        if key is None:
            continue
        try:
            key.verify(blob[4:], f"{head}\n".encode())
        except InvalidSignature:
            raise NoteRefused("the signature does not fit the checkpoint") from None
        signed = signed or found[1] == origin
    if not signed:
        raise NoteRefused("the checkpoint is not signed by the key of this ledger")
    decoded = _unbase64(root)
    if len(decoded) != 32:
        raise NoteRefused("the third line of a checkpoint is the root")
    return SignedCheckpoint(origin, int(size), decoded, text)


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
                self._driver.execute("BEGIN IMMEDIATE")
                try:
                    last = self._last()
                    same = (last and (last.size, last.root)) == (expected and (expected.size, expected.root))
                    if same:
                        self._driver.execute(
                            "INSERT INTO signed_checkpoint (one, size, root, origin, note)"
                            " VALUES (1, ?, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET"
                            " size = excluded.size, root = excluded.root,"
                            " origin = excluded.origin, note = excluded.note",
                            (new.size, new.root, new.origin, new.note),
                        )
                    self._driver.execute("COMMIT")
                except BaseException:
                    if self._driver.in_transaction:
                        self._driver.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreRefused("The last signed checkpoint could not be kept.") from error
        return same

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


def _read_vkey(vkey: str) -> tuple[str, bytes, Ed25519PublicKey]:
    found = _VKEY.fullmatch(vkey.strip())
    if found is None:
        raise NoteRefused("a verifier key is written name+id+key")
    name, key_id, key = found[1], bytes.fromhex(found[2]), _unbase64(found[3])
    if key[:1] != _ED25519 or len(key) != 33 or key_id != _key_id(name, key[1:]):
        raise NoteRefused("the verifier key is no Ed25519 key, or its id does not fit")
    return name, key_id, Ed25519PublicKey.from_public_bytes(key[1:])


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteRefused("a part of the note is not base64") from None
    if _base64(data) != text:  # spare bits that are set would allow two notes for one statement
        raise NoteRefused("a part of the note is not base64")
    return data
