"""
What witnesses sign, and whose word counts: cosignatures (C2SP tlog-cosignature) and policies (C2SP tlog-policy).

A cosignature says: at this time, this was the largest state of that ledger which I had seen, and it goes on
from everything I saw before. It is an Ed25519 signature, type 0x04, over

    cosignature/v1
    time 1679315147
    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

in a line of the note, after eight bytes with the time. A policy is a file that names ledgers, witnesses and
how many of them it takes:

    log cultuurinzicht.example/ledger+1a2b3c4d+AZ…
    witness museum-a witness.museum-a.example+5e6f7a8b+BL… https://witness.museum-a.example
    witness theatre-b theatre-b.example/witness+9c0d1e2f+BJ…
    group sector any museum-a theatre-b
    quorum sector

Nothing here reads a database or a network.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from consent_ledger.note import (
    COSIGNATURE,
    ED25519,
    Note,
    NoteRefused,
    Signature,
    VerifierKey,
    base64_of,
    base64_read,
)

_MAX_TIME = 2**63 - 1
_KEY_FILE = re.compile(r"PRIVATE\+KEY\+([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class CosignerRefused(Exception):
    """The key of a witness cannot be used as it is. The text is one plain sentence."""

    code = "WITNESS_KEY"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class PolicyRefused(Exception):
    """A text is no policy. The sentence names the line, and none of its words."""

    code = "POLICY_REFUSED"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Cosignature:
    """The word of a witness over one checkpoint, checked."""

    witness: VerifierKey
    time: int
    signature: Signature


class Cosigner:
    """The private key of one witness. A witness with two names needs two keys: the name is not signed."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        if not name or any(sign.isspace() or sign == "+" or sign < " " for sign in name):
            raise CosignerRefused(
                "The name of a witness has no spaces and no plus; write it as witness.museum.example"
            )
        self._key = private_key
        self.verifier_key = VerifierKey(name, COSIGNATURE, private_key.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"<Cosigner {self.verifier_key.name}>"

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("the key of a witness is not pickled")

    def cosign(self, text: str, *, time: int) -> Signature:
        """
        The signature line for the text of a checkpoint, at this time in seconds since 1970.

        The caller answers for what it says: that this state goes on from all it signed before.
        """
        if not 0 < time <= _MAX_TIME:
            raise CosignerRefused("The clock of this machine shows no time that can be signed.")
        value = time.to_bytes(8, "big") + self._key.sign(_message(text, time))
        return Signature(self.verifier_key.name, self.verifier_key.id, value)

    @classmethod
    def create(cls, path: Path, name: str) -> Self:
        """
        Make a key under this name and write it into a new file for its user alone (0600); durable on return.

        A file that is there is never replaced. Raises `CosignerRefused`.
        """
        made = cls(name, Ed25519PrivateKey.generate())
        secret = bytes([COSIGNATURE]) + made._key.private_bytes_raw()
        line = f"PRIVATE+KEY+{name}+{made.verifier_key.id.hex()}+{base64_of(secret)}\n"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise CosignerRefused(
                "There is a file where the key should come; it is never replaced."
            ) from None
        except OSError:
            raise CosignerRefused("The key cannot be written there; choose another folder.") from None
        return made

    @classmethod
    def open(cls, path: Path) -> Self:
        """The key in this file. Raises `CosignerRefused`, also when others can read it."""
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(4_096).decode("utf-8", "replace")
        except FileNotFoundError:
            raise CosignerRefused(
                "There is no key there yet; make one with: cultuurinzicht witness key"
            ) from None
        except OSError:
            raise CosignerRefused("The key of the witness cannot be read.") from None
        if stat.S_IMODE(mode) & 0o077:
            raise CosignerRefused("The key of the witness is open to others; run chmod 600 on its file.")
        found = _KEY_FILE.fullmatch(text.removesuffix("\n"))
        try:
            secret = b"" if found is None else base64_read(found[3])
        except NoteRefused:
            secret = b""
        if found is None or len(secret) != 33 or secret[0] != COSIGNATURE:
            raise CosignerRefused("The file does not hold the key of a witness; put back its backup.")
        cosigner = cls(found[1], Ed25519PrivateKey.from_private_bytes(secret[1:]))
        if cosigner.verifier_key.id.hex() != found[2]:
            raise CosignerRefused("The key of the witness is damaged; put back its backup.")
        return cosigner


def cosignatures(note: Note, witnesses: Iterable[VerifierKey]) -> list[Cosignature]:
    """
    What these witnesses signed of a note; lines of other keys are passed over.

    Raises `NoteRefused` when a line under a known key does not fit: the whole note is no good then.
    """
    known = list(witnesses)
    return [_checked(note.text, one, key) for one in note.signatures for key in known if one.is_under(key)]


def _checked(text: str, signature: Signature, key: VerifierKey) -> Cosignature:
    if key.algorithm != COSIGNATURE or len(signature.value) != 72:
        raise NoteRefused("a cosignature has a time and a signature of 64 bytes")
    time = int.from_bytes(signature.value[:8], "big")
    if not 0 < time <= _MAX_TIME:
        raise NoteRefused("a cosignature has no time")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature.value[8:], _message(text, time))
    except InvalidSignature:
        raise NoteRefused("a cosignature does not fit the checkpoint") from None
    return Cosignature(key, time, signature)


def _message(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A ledger that the policy accepts."""

    key: VerifierKey
    url: str | None


@dataclass(frozen=True, slots=True)
class KnownWitness:
    """A witness of the policy; `url` is its submission prefix, for who writes to it."""

    key: VerifierKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Counts as having witnessed when at least `threshold` of its members have."""

    threshold: int
    members: tuple[str, ...]


_SPACE = re.compile(r"[ \t]+")
_SIGN = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_COUNT = re.compile(r"[1-9][0-9]{0,3}")
_MAX_FILE = 256 * 1024
_NONE = "none"


@dataclass(slots=True)
class Policy:
    """Which ledgers are known, which witnesses, and when enough of them have signed."""

    logs: list[KnownLog] = field(default_factory=list)
    witnesses: dict[str, KnownWitness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)  # in their order: members come first
    quorum: str = ""

    @classmethod
    def read(cls, data: bytes) -> Self:
        """
        The policy in a file. Names are compared byte by byte, whatever their encoding.

        Raises `PolicyRefused` with the number of the line.
        """
        if len(data) > _MAX_FILE:
            raise PolicyRefused("The policy is too long.")
        if not data.endswith(b"\n"):
            raise PolicyRefused("The last line of the policy does not end: part of the file may be missing.")
        policy, members = cls(), set[str]()
        for number, line in enumerate(data[:-1].split(b"\n"), 1):
            try:
                policy._take(line, members)
            except _LineRefused as refused:
                raise PolicyRefused(f"Line {number} of the policy: {refused}.") from None
        if not policy.quorum:
            raise PolicyRefused("The policy has no quorum line; `quorum none` asks for no witness.")
        return policy

    def is_met(self, witnesses: Iterable[VerifierKey]) -> bool:
        """Whether these witnesses, whose cosignatures were checked, are enough."""
        signed = set(witnesses)
        met = {_NONE, *(name for name, one in self.witnesses.items() if one.key in signed)}
        for name, group in self.groups.items():
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(name)
        return self.quorum in met

    @property
    def witness_keys(self) -> list[VerifierKey]:
        return [one.key for one in self.witnesses.values()]

    def _take(self, line: bytes, members: set[str]) -> None:
        if _SIGN.fullmatch(line) is None:
            raise _LineRefused("a sign that cannot stand in a policy; lines end with a newline alone")
        # bytes that are no UTF-8 stay what they were, so that equal names are equal bytes
        words = [word for word in _SPACE.split(line.decode("utf-8", "surrogateescape")) if word]
        match words:
            case []:
                return
            case [comment, *_] if comment.startswith("#"):
                return
            case ["log", vkey] | ["log", vkey, _]:
                self._log(vkey, words[2] if len(words) == 3 else None)
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self._witness(name, vkey, words[3] if len(words) == 4 else None)
            case ["group", name, threshold, *own]:
                self._group(name, threshold, own, members)
            case ["quorum", name]:
                if self.quorum:
                    raise _LineRefused("a second quorum; there is one")
                if name != _NONE and not self._is_defined(name):
                    raise _LineRefused("the quorum names nothing that was defined before")
                self.quorum = name
            case _:
                raise _LineRefused("not a line as log, witness, group or quorum")

    def _log(self, vkey: str, url: str | None) -> None:
        key = _key(vkey, ED25519)
        if any(key.public == one.key.public for one in self.logs):
            raise _LineRefused("the key of a ledger for the second time")
        self.logs.append(KnownLog(key, url))

    def _witness(self, name: str, vkey: str, url: str | None) -> None:
        key = _key(vkey, COSIGNATURE)
        self._refuse_taken(name)
        if any(key.public == one.key.public for one in self.witnesses.values()):
            raise _LineRefused("the key of a witness for the second time")
        self.witnesses[name] = KnownWitness(key, url)

    def _group(self, name: str, threshold: str, own: Sequence[str], members: set[str]) -> None:
        self._refuse_taken(name)
        if not own:
            raise _LineRefused("a group has at least one member")
        for member in own:
            if not self._is_defined(member):
                raise _LineRefused("a member that was not defined before")
            if member in members:
                raise _LineRefused("a member for the second time: each is in one group, once")
            members.add(member)
        match threshold:
            case "all":
                needed = len(own)
            case "any":
                needed = 1
            case _:
                needed = int(threshold) if _COUNT.fullmatch(threshold) else 0
        if not 1 <= needed <= len(own):
            raise _LineRefused("the number needed is all, any, or from 1 to the number of members")
        self.groups[name] = Group(needed, tuple(own))

    def _refuse_taken(self, name: str) -> None:
        if name == _NONE or self._is_defined(name):
            raise _LineRefused("a name that is taken")

    def _is_defined(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups


class _LineRefused(Exception):
    """What is wrong with one line."""


def _key(vkey: str, algorithm: int) -> VerifierKey:
    try:
        return VerifierKey.read(vkey, algorithm)
    except (NoteRefused, UnicodeEncodeError):
        raise _LineRefused(
            f"no verifier key of the kind that belongs there (Ed25519, type 0x{algorithm:02x})"
        ) from None
