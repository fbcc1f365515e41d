"""
Signed notes (C2SP signed-note) and the text of a checkpoint (C2SP tlog-checkpoint), as other people write them.

    example.com/behind-the-sofa                      origin
    20852163                                         number of entries
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=     root
                                                     blank line
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO…

Nothing here checks a signature: `checkpoint` does so for ledgers, `cosigning` for witnesses. Signatures of
keys that are not known are kept as they came, because they may tell something to the next reader.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

ED25519 = 1
"""Signature type of a ledger's own signature: Ed25519 over the text of the note."""

COSIGNATURE = 4
"""Signature type of a witness: Ed25519 with a time (C2SP tlog-cosignature)."""

MAX_NOTE = 64 * 1024
MAX_SIGNATURES = 32

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class NoteRefused(Exception):
    """A text is no checkpoint signed by a key that is known here."""

    code = "CHECKPOINT_REFUSED"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public key of a ledger or a witness, under the name with which it signs."""

    name: str
    algorithm: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that name the key in a signature line; no more than a name."""
        data = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return hashlib.sha256(data).digest()[:4]

    def __str__(self) -> str:
        """The key as a `vkey`: name+id+base64(type || key)."""
        return f"{self.name}+{self.id.hex()}+{base64_of(bytes([self.algorithm]) + self.public)}"

    @classmethod
    def read(cls, text: str, *algorithms: int) -> Self:
        """
        The key written as a `vkey`, of one of `algorithms` (Ed25519 kinds alone, with 32 bytes).

        Raises `NoteRefused`.
        """
        found = _VKEY.fullmatch(text.strip(" \t\n"))
        if found is None:
            raise NoteRefused("a verifier key is written name+id+key")
        blob = base64_read(found[3])
        key = cls(found[1], blob[0], blob[1:])
        if key.algorithm not in algorithms or len(key.public) != 32 or key.id.hex() != found[2]:
            raise NoteRefused("the verifier key is no Ed25519 key of its kind, or its id does not fit")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who is said to have signed, and what stands after the id of the key."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"— {self.name} {base64_of(self.key_id + self.value)}\n"

    @classmethod
    def read(cls, line: str) -> Self:
        """The signature on one line, without its newline. Raises `NoteRefused`."""
        found = _SIGNATURE.fullmatch(line)
        blob = b"" if found is None else base64_read(found[2])
        if found is None or len(blob) < 5:
            raise NoteRefused("a line after the blank one is no signature")
        return cls(found[1], blob[:4], blob[4:])

    def is_under(self, key: VerifierKey) -> bool:
        """Whether name and id are those of this key: then the signature must be checked, and must fit."""
        return self.name == key.name and self.key_id == key.id


@dataclass(frozen=True, slots=True)
class Note:
    """The signed text with its last newline, and the signatures in their order."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The parts of a note; no signature has been checked. Raises `NoteRefused`."""
        if len(text) > MAX_NOTE:
            raise NoteRefused("the checkpoint is too long")
        if any(sign < " " and sign != "\n" for sign in text):
            raise NoteRefused("the note holds a control character")
        head, blank, tail = text.rpartition("\n\n")
        if not blank or not head or not tail.endswith("\n"):
            raise NoteRefused("a checkpoint has three lines, one blank line and its signatures")
        return cls(f"{head}\n", read_signatures(tail))

    def with_signatures(self, more: Iterable[Signature]) -> Note:
        """
        The note with further signatures at its end; what stands there already is not repeated.

        Lines of keys that nobody here knows stay where they are.
        """
        return Note(self.text, tuple(dict.fromkeys([*self.signatures, *more])))


def read_signatures(text: str) -> tuple[Signature, ...]:
    """Signature lines, each with its newline. Raises `NoteRefused`."""
    if not text.endswith("\n"):
        raise NoteRefused("a signature ends with a newline")
    lines = text[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteRefused("the checkpoint has too many signatures")
    return tuple(map(Signature.read, lines))


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says: of which ledger, how many entries, under which root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64_of(self.root)}\n"

    @classmethod
    def read(cls, text: str, *, extended: bool = False) -> Self:
        """
        What the text of a note says. Extension lines are refused, unless `extended` takes them unread.

        Raises `NoteRefused`.
        """
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < 3 or (len(lines) > 3 and not extended) or not all(lines):
            raise NoteRefused("a checkpoint has three lines, one blank line and its signatures")
        origin, size, root = lines[:3]
        if _SIZE.fullmatch(size) is None:
            raise NoteRefused("the second line of a checkpoint is the number of entries")
        decoded = base64_read(root)
        if len(decoded) != 32:
            raise NoteRefused("the third line of a checkpoint is the root")
        return cls(origin, int(size), decoded)


def base64_of(data: bytes) -> str:
    """Standard base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def base64_read(text: str) -> bytes:
    """
    What `base64_of` wrote; `NoteRefused` for anything else.

    Spare bits that are set are refused too: they would allow two notes for one statement.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteRefused("a part of the note is not base64") from None
    if not data or base64_of(data) != text:
        raise NoteRefused("a part of the note is not base64")
    return data
