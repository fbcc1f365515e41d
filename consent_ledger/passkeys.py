"""
Signatures of houses: WebAuthn assertions, checked as anybody can check them later, offline.

An assertion is what an authenticator gives for a challenge (WebAuthn level 3, 6.3.3). The challenge is
SHA-256 over canonical JSON that names the ledger, the house and what is signed, so that an assertion for
one thing is worth nothing for another. `check_assertion` follows WebAuthn level 3, 7.2, as far as it
needs no session: which user and which credential were asked for is told by the key and the challenge.

Two steps of 7.2 are left out. The signature counter (step 22) is not compared: a passkey that is synced
between devices counts 0 for good, and a counter that is no entry could not be checked by anybody else.
Extensions (step 23) are refused altogether: nothing here asks for one.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from consent_ledger.canonical import Json, canonical

MOST_OCTETS = 1_024
"""The longest public key, client data or signature: an RSA key of 4,096 bits needs 550 and 512."""

_AUTHENTICATOR_DATA = 37
"""Hash of the RP id (32), flags (1), counter (4); attested credentials and extensions would follow."""

_USER_PRESENT, _USER_VERIFIED, _MAY_BE_BACKED_UP, _IS_BACKED_UP = 0x01, 0x04, 0x08, 0x10
_ATTESTED, _EXTENSIONS = 0x40, 0x80

_PORT = r"(:(?!0)[0-9]{1,5})?"
_LABELS = r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*"
_LOOPBACK = ("localhost", "127.0.0.1")

_MEMBERS = frozenset({"type", "challenge", "origin", "crossOrigin"})
_GREASE = (
    "other_keys_can_be_added_here",
    "do not compare clientDataJSON against a template. See https://goo.gl/yabPex",
)
"""
What Chromium adds at random, so that readers stay open to what is new. This member with this text is let
through, and no other: a member of free choice would be room for free text in the ledger.
"""

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class AssertionRefused(Exception):
    """The assertion proves nothing. Carries a code and a plain sentence, never a value."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an authenticator gave, and the id of the house's key that is said to have given it."""

    key: str
    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @classmethod
    def of(cls, body: Mapping[str, Json]) -> Assertion:
        """The assertion that stands in an entry, in hexadecimal. Raises `AssertionRefused`."""
        try:
            return cls(
                str(body["key"]),
                bytes.fromhex(str(body["authenticator_data"])),
                bytes.fromhex(str(body["client_data"])),
                bytes.fromhex(str(body["signature"])),
            )
        except (KeyError, ValueError):
            raise AssertionRefused("ASSERTION_UNREADABLE", "the assertion cannot be read") from None

    def body(self) -> dict[str, Json]:
        """The assertion as it stands in an entry."""
        return {
            "key": self.key,
            "authenticator_data": self.authenticator_data.hex(),
            "client_data": self.client_data.hex(),
            "signature": self.signature.hex(),
        }


def key_challenge(
    *, ledger: str, party: str, key: str, algorithm: str, public_key_hex: str, rp_id: str
) -> bytes:
    """What is signed to register a key: by the key itself, and by the key of the house that approves it."""
    return _challenge(
        {
            "v": "cultuurinzicht/key/1",
            "ledger": ledger,
            "party": party,
            "key": key,
            "algorithm": algorithm,
            "public_key": public_key_hex,
            "rp_id": rp_id,
        }
    )


def acceptance_challenge(
    *, ledger: str, party: str, agreement: str, terms_sha256: str, preview_sha256: str
) -> bytes:
    """What is signed to accept an agreement: its terms, and the preview that the house was shown."""
    return _challenge(
        {
            "v": "cultuurinzicht/acceptance/1",
            "ledger": ledger,
            "party": party,
            "agreement": agreement,
            "terms_sha256": terms_sha256,
            "preview_sha256": preview_sha256,
        }
    )


def _challenge(said: Mapping[str, Json]) -> bytes:
    return sha256(canonical(dict(said))).digest()


def check_assertion(
    assertion: Assertion,
    *,
    algorithm: str,
    public_key: bytes,
    rp_id: str,
    challenge: bytes,
    is_sandbox: bool,
) -> None:
    """
    Return when this key signed this challenge, for this RP id, with its user present and verified.

    The same answer for the same arguments, at any time. On a platform the origin is `https` at the RP id
    or below it, without a port; a sandbox also takes `http` on this machine. Raises `AssertionRefused`.
    """
    if max(map(len, (assertion.client_data, assertion.signature))) > MOST_OCTETS:
        raise AssertionRefused("ASSERTION_TOO_LONG", "the assertion is longer than any that is made")
    key = read_public_key(algorithm, public_key)
    _check_client_data(assertion.client_data, rp_id=rp_id, challenge=challenge, is_sandbox=is_sandbox)
    _check_authenticator_data(assertion.authenticator_data, rp_id)
    signed = assertion.authenticator_data + sha256(assertion.client_data).digest()
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(assertion.signature, signed, ec.ECDSA(SHA256()))
            case ed25519.Ed25519PublicKey():
                key.verify(assertion.signature, signed)
            case rsa.RSAPublicKey():
                key.verify(assertion.signature, signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        raise AssertionRefused(
            "ASSERTION_SIGNATURE", "the signature does not fit the key and what was to be signed"
        ) from None


def read_public_key(algorithm: str, public_key: bytes) -> PublicKey:
    """
    The key written in `public_key` (SubjectPublicKeyInfo, DER), which must be one of this algorithm.

    ES256 on P-256, EdDSA on Ed25519, RS256 from 2,048 bits with exponent 65537. Raises `AssertionRefused`.
    """
    refused = AssertionRefused("KEY_REFUSED", "the public key is not one of its algorithm, or cannot be read")
    if len(public_key) > MOST_OCTETS:
        raise refused
    try:
        key = load_der_public_key(public_key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise refused from None
    match key:
        case ec.EllipticCurvePublicKey() if algorithm == "ES256" and isinstance(key.curve, ec.SECP256R1):
            found: PublicKey = key
        case ed25519.Ed25519PublicKey() if algorithm == "EdDSA":
            found = key
        case rsa.RSAPublicKey() if (
            # a large exponent would make every later reader of the ledger work for nothing
            algorithm == "RS256" and key.key_size >= 2_048 and key.public_numbers().e == 65_537
        ):
            found = key
        case _:
            raise refused
    if found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public_key:
        raise refused  # one key has one writing; otherwise it could be registered twice
    return found


def _check_client_data(client_data: bytes, *, rp_id: str, challenge: bytes, is_sandbox: bool) -> None:
    """WebAuthn level 3, 7.2, steps 8 to 14."""
    said = _client_data(client_data)
    if said.get("type") != "webauthn.get":
        raise AssertionRefused("ASSERTION_TYPE", "the client data are not of an assertion")
    if said.get("challenge") != challenge_text(challenge):
        raise AssertionRefused("ASSERTION_CHALLENGE", "something else was signed than what is recorded")
    if not _is_origin_of(rp_id, said.get("origin"), is_sandbox=is_sandbox):
        raise AssertionRefused("ASSERTION_ORIGIN", "it was signed on a page of another site")
    if said.get("crossOrigin", False) is not False:
        raise AssertionRefused("ASSERTION_ORIGIN", "it was signed inside a page of another site")
    for name in said.keys() - _MEMBERS:
        if (name, said[name]) != _GREASE:
            raise AssertionRefused("ASSERTION_CLIENT_DATA", "the client data say more than they may")


def _client_data(client_data: bytes) -> dict[str, object]:
    """The members of the client data, each once."""
    unreadable = AssertionRefused("ASSERTION_CLIENT_DATA", "the client data cannot be read")

    def once(members: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in members}) != len(members):
            raise unreadable
        return dict(members)

    try:
        said = json.loads(client_data.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):  # no UTF-8, no JSON, a number too long to read, nested too deeply
        raise unreadable from None
    if not isinstance(said, dict):
        raise unreadable
    return said


def challenge_text(challenge: bytes) -> str:
    """A challenge as it stands in client data: base64url without padding (RFC 4648, 5)."""
    return urlsafe_b64encode(challenge).rstrip(b"=").decode()


def _is_origin_of(rp_id: str, origin: object, *, is_sandbox: bool) -> bool:
    if not isinstance(origin, str):
        return False
    if re.fullmatch(f"https://{_LABELS}{re.escape(rp_id)}", origin):
        return True
    # a secure context without TLS is this machine alone (W3C Secure Contexts, 3.1)
    return (
        is_sandbox
        and rp_id in _LOOPBACK
        and re.fullmatch(f"http://{re.escape(rp_id)}{_PORT}", origin) is not None
    )


def _check_authenticator_data(data: bytes, rp_id: str) -> None:
    """WebAuthn level 3, 7.2, steps 15 to 19, over 6.1."""
    if len(data) != _AUTHENTICATOR_DATA or data[32] & (_ATTESTED | _EXTENSIONS):
        raise AssertionRefused("ASSERTION_AUTHENTICATOR", "the authenticator's data are not an assertion's")
    if data[:32] != sha256(rp_id.encode()).digest():
        raise AssertionRefused("ASSERTION_RP", "it was signed for another site")
    flags = data[32]
    if not flags & _USER_PRESENT or not flags & _USER_VERIFIED:
        raise AssertionRefused(
            "ASSERTION_USER", "the authenticator did not check who signed; sign with PIN, finger or face"
        )
    if flags & _IS_BACKED_UP and not flags & _MAY_BE_BACKED_UP:
        raise AssertionRefused("ASSERTION_AUTHENTICATOR", "the authenticator's data contradict themselves")
