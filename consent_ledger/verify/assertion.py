"""
Signatures of houses: WebAuthn level 3, 7.2, as far as it can be checked from an export.

What is signed is the authenticator's data and the hash of the client's data; the latter holds the challenge,
which is SHA-256 over what was agreed to. That a person was present and verified is what the authenticator
says; that it was the right person is what the house answers for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from consent_ledger.verify.line import canonical
from consent_ledger.verify.refused import Refused
from consent_ledger.verify.standing import Key

_PRESENT, _VERIFIED, _MAY_BE_BACKED_UP, _IS_BACKED_UP, _ATTESTED, _EXTENDED = 1, 4, 8, 16, 64, 128
_MUST, _MAY = {"type", "challenge", "origin"}, {"crossOrigin"}
_GREASE = (
    "other_keys_can_be_added_here",
    "do not compare clientDataJSON against a template. See https://goo.gl/yabPex",
)
"""What Chromium adds at random, word for word; any other member would be room for free text."""
_LABELS = r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*"
_HERE = frozenset({"localhost", "127.0.0.1"})


def challenge(said: Mapping[str, str]) -> bytes:
    """SHA-256 over canonical JSON: what a house puts its name to."""
    return hashlib.sha256(canonical(said)).digest()


def flaw(assertion: Mapping[str, str], key: Key, over: bytes, *, is_sandbox: bool) -> str | None:
    """What is wrong with a signature of this key over this challenge; None when nothing is."""
    data, client_data = (bytes.fromhex(assertion[name]) for name in ("authenticator_data", "client_data"))
    wrong = _wrong_client(client_data, key.rp_id, over, is_sandbox=is_sandbox) or _wrong_data(data, key.rp_id)
    if wrong is not None:
        return wrong
    try:
        _check(key, bytes.fromhex(assertion["signature"]), data + hashlib.sha256(client_data).digest())
    except InvalidSignature:
        return "the signature is not of this key"
    except Refused as refused:
        return str(refused)
    return None


def _wrong_client(client_data: bytes, rp_id: str, over: bytes, *, is_sandbox: bool) -> str | None:
    """Steps 8 to 14."""
    said = _client_data(client_data)
    if said is None:
        return "the client's data are not what a browser writes"
    if said["type"] != "webauthn.get":
        return "the client's data are of another ceremony"
    if said["challenge"] != base64.urlsafe_b64encode(over).rstrip(b"=").decode():
        return "something else was signed"
    if not _is_at_home(said["origin"], rp_id, is_sandbox=is_sandbox):
        return "it was signed at another address"
    if said.get("crossOrigin", False) is not False:
        return "it was signed inside another page"
    return None


def _wrong_data(data: bytes, rp_id: str) -> str | None:
    """Steps 15 to 19."""
    flags = data[32]
    if len(data) != 37 or flags & (_ATTESTED | _EXTENDED):
        return "the authenticator's data have another length than they tell"
    if data[:32] != hashlib.sha256(rp_id.encode()).digest():
        return "it was signed for another address"
    if not flags & _PRESENT or not flags & _VERIFIED:
        return "nobody was present and verified"
    if flags & _IS_BACKED_UP and not flags & _MAY_BE_BACKED_UP:
        return "the authenticator's data contradict themselves"
    return None


def _client_data(data: bytes) -> dict[str, Any] | None:
    """Its members, when each is known and none is told twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError
        return dict(pairs)

    try:
        said = json.loads(data.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not said.keys() >= _MUST:
        return None
    if any((name, said[name]) != _GREASE for name in said.keys() - _MUST - _MAY):
        return None
    return said if all(isinstance(said[name], str) for name in _MUST) else None


def _is_at_home(origin: str, rp_id: str, *, is_sandbox: bool) -> bool:
    """A page of the house over TLS; in a sandbox also one of this machine, at any port."""
    home = re.escape(rp_id)
    if re.fullmatch(f"https://{_LABELS}{home}", origin):
        return True
    is_here = is_sandbox and rp_id in _HERE
    return is_here and re.fullmatch(f"http://{home}(:(?!0)[0-9]{{1,5}})?", origin) is not None


def _check(key: Key, signature: bytes, message: bytes) -> None:
    try:
        public = load_der_public_key(key.public_key)
        written = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("the key cannot be read") from None
    if written != key.public_key:
        raise Refused("the key is written in another way than the one there is")
    match key.algorithm, public:
        case "ES256", ec.EllipticCurvePublicKey() if isinstance(public.curve, ec.SECP256R1):
            public.verify(signature, message, ec.ECDSA(SHA256()))
        case "EdDSA", ed25519.Ed25519PublicKey():
            public.verify(signature, message)
        case "RS256", rsa.RSAPublicKey() if public.key_size >= 2_048 and public.public_numbers().e == 65_537:
            public.verify(signature, message, padding.PKCS1v15(), SHA256())
        case _:
            raise Refused("the key is not of the algorithm that was told, or too short")
