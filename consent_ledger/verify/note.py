"""
Checkpoints and keys: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519.

    cultuurinzicht.example/ledger
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — cultuurinzicht.example/ledger Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO…

Three lines, exactly one blank line, and a line for each signature. A signature of a key that is not known
here is passed over; a wrong one of a known key refuses the whole.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consent_ledger.verify.refused import Refused

LOG, WITNESS = 0x01, 0x04
"""What a key is for: it signs checkpoints, or co-signs them with the time (C2SP tlog-cosignature)."""

MAX_NOTE = 64 * 1024

_VKEY = re.compile(r"([!-*,-~]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Key:
    """A verifier key as `NAME+ID+KEY` writes it."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, kind and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def check(self, signature: bytes, message: bytes) -> None:
        """Return when this key signed the message. Raises `Refused`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise Refused("The signature does not fit the checkpoint.") from None


@dataclass(frozen=True)
class Checkpoint:
    """What is stated, and by whom it is said to be signed."""

    origin: str
    size: int
    root: bytes
    text: str
    """The three lines, which are what is signed."""
    signatures: tuple[tuple[str, bytes], ...]
    """The name, and the id of the key with the signature."""

    def by(self, key: Key) -> list[bytes]:
        """What stands under the name and id of this key; not checked yet."""
        return [blob[4:] for name, blob in self.signatures if name == key.name and blob[:4] == key.id]


def read_checkpoint(note: str) -> Checkpoint:
    """The checkpoint in a note. Raises `Refused`; no signature is checked yet."""
    if len(note) > MAX_NOTE:
        raise Refused("The checkpoint is too long.")
    text, blank, tail = note.partition("\n\n")
    lines = text.split("\n")
    if not blank or len(lines) != 3 or not tail.endswith("\n"):
        raise Refused("The checkpoint is not three lines, a blank one and signatures.")
    if re.fullmatch(r"0|[1-9][0-9]{0,15}", lines[1]) is None:
        raise Refused("The checkpoint does not tell the number of entries.")
    root = unbase64(lines[2])
    if len(root) != 32:
        raise Refused("The checkpoint does not tell the root.")
    signatures = []
    for line in tail[:-1].split("\n"):
        found = _SIGNATURE.fullmatch(line)
        if found is None:
            raise Refused("The checkpoint has a line that is no signature.")
        signatures.append((found[1], unbase64(found[2])))
    return Checkpoint(lines[0], int(lines[1]), root, text + "\n", tuple(signatures))


def read_key(vkey: str, kind: int = LOG) -> Key:
    """The key in `NAME+ID+KEY`. Raises `Refused` when it is of another kind."""
    found = _VKEY.fullmatch(vkey.strip())
    if found is None:
        raise Refused("The verifier key is not written NAME+ID+KEY.")
    data = unbase64(found[3])
    if len(data) != 33 or data[0] != kind:
        raise Refused(
            "The verifier key is no Ed25519 key."
            if kind == LOG
            else "A witness's key is none for Ed25519 cosignatures with a time."
        )
    key = Key(found[1], kind, data[1:])
    if key.id.hex() != found[2]:
        raise Refused("The verifier key does not fit its id.")
    return key


def check_signed(checkpoint: Checkpoint, key: Key) -> None:
    """Return when this key of the log signed the checkpoint. Raises `Refused`."""
    if checkpoint.origin != key.name:
        raise Refused(f"The checkpoint is of another ledger than the key, which is for {key.name}.")
    signatures = checkpoint.by(key)
    if not signatures:
        raise Refused("The checkpoint is not signed by this key.")
    for signature in signatures:
        key.check(signature, checkpoint.text.encode())


def unbase64(text: str) -> bytes:
    """The bytes that are written so, and in no other way. Raises `Refused`."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        raise Refused("The checkpoint or the key has a part that is not base64.")
    return data
