"""
Signing keys: made at first start, sealed at rest, published before they sign and after.

ES256 (RFC 7518, 3.4), because every client library knows it. The private part is stored as PKCS #8
under AES-256-GCM, with a key derived (HKDF-SHA256, RFC 5869) from the keyring's secret `oauth`, bound
to its kid. Who reads the database alone cannot sign; who has the keyring too can issue any token.

There is always a next key: `pending` keys stand in the JWKS from the start, so that a rotation at
once meets no verifier that has not seen the new key. `retired` keys stay published for as long as a
token of theirs can live, and one JWKS cache life.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import ECKey
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from consent_ledger.clock import Clock
from consent_ledger.database import reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.signing import (
    KeyState,
    SigningKey,
    active_kid,
    add_signing_key,
    set_key_state,
    signing_key_of,
    signing_keys,
)

ALGORITHM = "ES256"
JWKS_SECONDS = 300
"""How long a verifier may keep the JWKS."""

TOKEN_SECONDS = 600
"""How long an access token lives at most (RFC 9700, 2.2; design 7)."""

_INFO = b"cultuurinzicht/oauth-signing-key/1\0"
_NONCE = 12


class SigningKeyRefused(Exception):
    """Tokens cannot be signed. `code` for programs, the text is one sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def ensure_active(engine: Engine, keyring: Keyring, clock: Clock) -> str:
    """
    The kid of the key that signs; at first start one is made, and the next one beside it.

    Two processes that start at once end with the same active key. Raises `SigningKeyRefused` when the
    key that stands cannot be opened with this keyring: better no start than tokens nobody can renew.
    """
    with reading(engine) as connection:
        kid = active_kid(connection)
    if kid is None:
        try:
            with writing(engine) as connection:
                if active_kid(connection) is None:
                    add_signing_key(connection, _generate(keyring, KeyState.ACTIVE, clock()))
                    add_signing_key(connection, _generate(keyring, KeyState.PENDING, clock()))
        except IntegrityError:
            pass  # PostgreSQL: another process committed its active key between our look and our insert
    with reading(engine) as connection:
        return SigningKeys(keyring).active(connection)[0]


def rotate(engine: Engine, keyring: Keyring, clock: Clock, *, compromised: bool = False) -> str:
    """
    Let the pending key sign from now on, and make the next pending one; returns the new active kid.

    The old key retires and verifies what it signed; a compromised one is withdrawn, and every token
    it signed is refused at the next request.

    Raises `SigningKeyRefused` when another process rotates at the same moment (one rotation was meant,
    and one was done), and when the next key is so new that a verifier may not have seen it; the
    latter not for a compromised key, where a late verifier is the smaller harm.
    """
    try:
        with writing(engine) as connection:
            return _rotate(connection, keyring, clock(), compromised=compromised)
    except IntegrityError:
        # PostgreSQL: another process promoted a key between our look and our change
        raise SigningKeyRefused(
            "ROTATED_MEANWHILE",
            "Another process rotated the keys at this moment; look at them before rotating again.",
        ) from None


def _rotate(connection: Connection, keyring: Keyring, now: datetime, *, compromised: bool) -> str:
    old = active_kid(connection)
    if old is not None:
        set_key_state(connection, old, KeyState.WITHDRAWN if compromised else KeyState.RETIRED, now=now)
    pending = [key for key in signing_keys(connection) if key.state is KeyState.PENDING]
    if pending:
        if not compromised and pending[0].since > int(now.timestamp()) - JWKS_SECONDS:
            raise SigningKeyRefused(
                "ROTATED_LATELY",
                f"The next key was published less than {JWKS_SECONDS} seconds ago; rotate a little later.",
            )
        new = pending[0].kid
        set_key_state(connection, new, KeyState.ACTIVE, now=now)
    else:
        made = _generate(keyring, KeyState.ACTIVE, now)
        add_signing_key(connection, made)
        new = made.kid
    add_signing_key(connection, _generate(keyring, KeyState.PENDING, now))
    return new


class SigningKeys:
    """Opens keys and remembers them by kid, which names their content. Which one signs is asked live."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._lock = threading.Lock()
        self._private: dict[str, ECKey] = {}
        self._public: dict[str, ECKey] = {}

    def active(self, connection: Connection) -> tuple[str, ECKey]:
        """The kid and the key that sign now. Raises `SigningKeyRefused`."""
        kid = active_kid(connection)
        if kid is None:
            raise SigningKeyRefused("NO_SIGNING_KEY", "No key is active to sign tokens with.")
        with self._lock:
            known = self._private.get(kid)
        if known is None:
            stored = signing_key_of(connection, kid)
            assert stored is not None
            known = _open(self._keyring, stored)
            with self._lock:
                self._private[kid] = known
        return kid, known

    def public(self, connection: Connection, kid: str) -> ECKey | None:
        """The key that verifies what `kid` signed; whether `kid` still counts, `admit` asks live."""
        with self._lock:
            known = self._public.get(kid)
        if known is None:
            stored = signing_key_of(connection, kid)
            if stored is None or stored.state in {KeyState.PENDING, KeyState.WITHDRAWN}:
                return None
            known = ECKey.import_key(json.loads(stored.public))
            with self._lock:
                self._public[kid] = known
        return known

    def published(self, connection: Connection, now: datetime) -> list[dict[str, str]]:
        """The public parts that stand in the JWKS (RFC 7517): pending, active and lately retired."""
        since = int(now.timestamp()) - TOKEN_SECONDS - JWKS_SECONDS
        return [
            json.loads(key.public)
            for key in signing_keys(connection)
            if key.state in {KeyState.PENDING, KeyState.ACTIVE}
            or (key.state is KeyState.RETIRED and key.since > since)
        ]


def _sealing_key(keyring: Keyring) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=_INFO).derive(keyring.secret("oauth")))


def _generate(keyring: Keyring, state: KeyState, now: datetime) -> SigningKey:
    made = ec.generate_private_key(ec.SECP256R1())
    key = ECKey.import_key(made)
    kid = key.thumbprint()
    public = {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": ALGORITHM}
    plain = made.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    nonce = os.urandom(_NONCE)
    sealed = nonce + _sealing_key(keyring).encrypt(nonce, plain, kid.encode())
    return SigningKey(kid, ALGORITHM, state, json.dumps(public, sort_keys=True), sealed, int(now.timestamp()))


def _open(keyring: Keyring, stored: SigningKey) -> ECKey:
    try:
        plain = _sealing_key(keyring).decrypt(
            stored.private[:_NONCE], stored.private[_NONCE:], stored.kid.encode()
        )
    except (InvalidTag, ValueError):
        raise SigningKeyRefused(
            "SIGNING_KEY_SEALED",
            "The key that signs tokens does not open with this keyring; put back the keyring it was made with.",
        ) from None
    private = serialization.load_der_private_key(plain, password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return ECKey.import_key(private)
