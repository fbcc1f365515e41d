"""A software authenticator for tests: makes assertions as an authenticator and a browser make them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from consent_ledger.passkeys import Assertion

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One passkey at one site. `origin` is the page on which its user signs."""

    algorithm: str
    private: PrivateKey
    rp_id: str = "localhost"
    origin: str = "http://localhost:8000"

    @classmethod
    def make(
        cls,
        algorithm: str = "ES256",
        *,
        rp_id: str = "localhost",
        origin: str = "http://localhost:8000",
        bits: int = 2_048,
    ) -> Authenticator:
        private: PrivateKey
        if algorithm == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
        else:
            private = rsa.generate_private_key(65_537, bits)
        return cls(algorithm, private, rp_id, origin)

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(
        self,
        challenge: bytes,
        *,
        key: str,
        flags: int = 0x05,
        counter: int = 0,
        client_data: bytes | None = None,
        rp_id: str | None = None,
        more: bytes = b"",
        members: Mapping[str, object] = MappingProxyType({}),
    ) -> Assertion:
        """The assertion for this challenge; `members` go into the client data or replace what stands there."""
        site = (self.rp_id if rp_id is None else rp_id).encode()
        data = sha256(site).digest() + bytes([flags]) + counter.to_bytes(4, "big") + more
        said = {
            "type": "webauthn.get",
            "challenge": encoded(challenge),
            "origin": self.origin,
            "crossOrigin": False,
            **members,
        }
        written = json.dumps(said, separators=(",", ":")).encode() if client_data is None else client_data
        return Assertion(key, data, written, self.signature(data + sha256(written).digest()))

    def signature(self, message: bytes) -> bytes:
        match self.private:
            case ec.EllipticCurvePrivateKey() as private:
                return private.sign(message, ec.ECDSA(SHA256()))
            case ed25519.Ed25519PrivateKey() as private:
                return private.sign(message)
            case rsa.RSAPrivateKey() as private:
                return private.sign(message, padding.PKCS1v15(), SHA256())
        raise AssertionError


def encoded(value: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()
