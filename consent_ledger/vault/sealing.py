r"""
The cryptography of the vault: what a person's keys are, and what is made with them.

- lookup      HMAC-SHA256(HKDF(secret "vault", controller), "cultuurinzicht/lookup/1\0" || identifier)
- as stored   AES-256-SIV(HKDF(KEK of the epoch), controller; lookup): equal for equal ones, so it can be
              searched, and re-sealed with the epoch without knowing the identifier
- keys        32 random bytes each, *data* and *evidence*; kept AES-256-GCM under the KEK of their epoch
- opening r   HMAC-SHA256(evidence, "cultuurinzicht/opening/1\0" || idempotency key)
- commitment  HMAC-SHA256(r, "cultuurinzicht/subject-commitment/1\0" || payload in canonical bytes)
- payload     AES-256-GCM under HMAC-SHA256(evidence, "cultuurinzicht/payload/1\0" || idempotency key)
- attributes  AES-256-GCM under HMAC-SHA256(data, "cultuurinzicht/attributes/1\0" || idempotency key)
- stop        HMAC-SHA256(HKDF(secret "stop"), "cultuurinzicht/stop/1\0" || identifier), for all controllers
- links       AES-256-GCM under secret "visitor-link", or under HKDF of the link's own 32 random bytes
- sessions    AES-256-GCM under HKDF of the session token's own 32 random bytes
- sent        HMAC-SHA256(secret "link-sent", "cultuurinzicht/link-sent/1\0" || identifier), kept for a day

HKDF is RFC 5869 with SHA-256, HMAC RFC 2104, AES-GCM NIST SP 800-38D with 12 random bytes of nonce,
AES-SIV RFC 5297. The keys of a person derive from nothing: once destroyed, no secret brings them back, and
every commitment made with them is a random-looking value for good. Two controllers, and two entries, never
share a value.

The secret "vault" never changes, or nobody would be found again. It names nobody by itself: it tells which
lookup an address has, and after an erasure no row has that lookup. Rows of before, in a backup or in
PostgreSQL's log, hold it sealed under the KEK of their epoch, and lose it when that epoch is destroyed.

These constructions are final: another one is another version in the label, never a change of this one.
"""

from __future__ import annotations

import hmac
import os
import re
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_SIZE = 32
_NONCE_SIZE = 12

_LOOKUP_KEY = b"cultuurinzicht/lookup-key/1\0"
_LOOKUP = b"cultuurinzicht/lookup/1\0"
_OPENING = b"cultuurinzicht/opening/1\0"
_COMMITMENT = b"cultuurinzicht/subject-commitment/1\0"
_PAYLOAD = b"cultuurinzicht/payload/1\0"
_ATTRIBUTES = b"cultuurinzicht/attributes/1\0"
_CHECK = b"cultuurinzicht/kek-check/1\0"
_LOOKUP_OF_EPOCH = b"cultuurinzicht/lookup-of-epoch/1\0"
_STOP_KEY = b"cultuurinzicht/stop-key/1\0"
_STOP = b"cultuurinzicht/stop/1\0"
_LINK = b"cultuurinzicht/visitor-link/1\0"
_SESSION = b"cultuurinzicht/visitor-session/1\0"
_SENT = b"cultuurinzicht/link-sent/1\0"

_PLAIN = re.compile(r"[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*", re.ASCII)
"""In its one form as it stands; nearly all of an import are, and it is asked for each."""

_PART = r"[^\s@<>()\[\],;:\"\\]+"
_QUOTED = re.compile(r"\"([\w!#$%&'*+/=?^`{|}~.-]+)\"")
_BARE = re.compile(rf"({_PART}|{_QUOTED.pattern.replace('(', '(?:')})@({_PART})")
_LABEL = re.compile(r"[^\s@<>()\[\],;:\"\\./\u3002]+")
_WRAPPED = re.compile(r"(?i:mailto):(.+)|(?:\"[^\"<>]*\"\s*|[^\"<>,;:]*)<([^<>]+)>", re.DOTALL)
_LONGEST = 1_000  # characters; RFC 5321 ends at 254, and a name around it is no novel
_LONGEST_LABEL = 63  # RFC 1035

_UNSEEN = dict.fromkeys(
    (0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)
)
_JOINERS = dict.fromkeys((0x200C, 0x200D))  # in some scripts part of a label: RFC 5892, appendix A
_FULL_STOPS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})  # RFC 3490, section 3.1


class VaultRefused(Exception):
    """The vault cannot do what was asked. The sentence never holds a personal value."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def normalise(identifier: str) -> bytes:
    """
    The one form of an identifier, as the bytes that are hashed and sealed; of that form it is the form itself.

    All: Unicode NFKC, trimmed. What holds an `@` also loses what nobody sees (soft hyphen, zero-width space,
    marks of direction) and upper case (`lower`, never `casefold`: ß is not ss, and ς is not σ, or two domains
    would be one). When it is one address, `mailto:`, a name around `<...>` and needless quotes come off. Of
    its domain, ideographic full stops are `.`, the dot at the end comes off, and a label in Punycode
    (RFC 3492) is the Unicode it stands for, so that both are one; a label that does not stand for what
    IDNA 2008 could have made it of stays. What is not one address stays one text. A plus form
    (`ada+tickets@`) is another address: only its mail server knows whether it is another mailbox.

    An empty one is refused: it would make one person of everybody without an address.
    """
    text = identifier if _PLAIN.fullmatch(identifier) and "xn--" not in identifier else _one_form(identifier)
    if not text:
        raise VaultRefused("IDENTIFIER_EMPTY", "An identifier is empty.")
    try:
        return text.encode()
    except UnicodeEncodeError:
        # `from None`: the original carries the identifier
        raise VaultRefused("IDENTIFIER_UNREADABLE", "An identifier is not Unicode text.") from None


def normalised(identifier: str) -> str:
    """`normalise` as text: what is sealed as somebody's address, and the only one a mail may go to."""
    return normalise(identifier).decode()


def _one_form(identifier: str) -> str:
    text = unicodedata.normalize("NFKC", identifier).strip()
    if "@" not in text:
        return text
    text = unicodedata.normalize("NFKC", text.translate(_UNSEEN)).strip()
    bare = _BARE.fullmatch(_unwrapped(text)) if len(text) <= _LONGEST else None
    if bare is None:
        return _lower(text)
    name, domain = bare.groups()
    quoted = _QUOTED.fullmatch(name)
    labels = domain.translate(_FULL_STOPS).removesuffix(".").split(".")
    if not all(labels):
        return _lower(text)
    return f"{_lower(quoted[1] if quoted else name)}@{'.'.join(map(_label, labels))}"


def _unwrapped(text: str) -> str:
    """What stands inside `mailto:` and `Name <...>`, however they are nested."""
    while (wrapped := _WRAPPED.fullmatch(text)) is not None:
        text = (wrapped[1] or wrapped[2]).strip()
    return text


def _label(label: str) -> str:
    low = _lower(label)
    if not (low.startswith("xn--") and low.isascii() and len(low) <= _LONGEST_LABEL):
        return low
    try:
        meant = low[4:].encode().decode("punycode")
        is_that = meant.encode("punycode") == low[4:].encode()
    except ValueError:
        return low
    is_one = _LABEL.fullmatch(meant) is not None and meant.translate(_JOINERS).isprintable()
    return meant if is_that and is_one and not meant.isascii() and _lower(meant) == meant else low


def _lower(text: str) -> str:
    return unicodedata.normalize("NFKC", text.lower())


def lookup_key(secret: bytes, controller: str) -> bytes:
    """The key under which one controller's identifiers are looked up; no other controller has it."""
    return HKDF(SHA256(), KEY_SIZE, salt=None, info=_LOOKUP_KEY + controller.encode()).derive(secret)


def lookup(key: bytes, identifier: str) -> str:
    """The value that finds a person again. Never leaves the vault."""
    return hmac.digest(key, _LOOKUP + normalise(identifier), "sha256").hex()


def lookup_cipher(kek: bytes) -> AESSIV:
    """What lookups are stored under in one epoch: deterministic, so that equal ones can be found."""
    return AESSIV(HKDF(SHA256(), 2 * KEY_SIZE, salt=None, info=_LOOKUP_OF_EPOCH).derive(kek))


def stop_key(secret: bytes) -> bytes:
    """The key of the stop register: one for all controllers, those of later too."""
    return HKDF(SHA256(), KEY_SIZE, salt=None, info=_STOP_KEY).derive(secret)


def stop(key: bytes, identifier: str) -> str:
    """The one value that the stop register keeps of somebody. Never leaves the vault."""
    return hmac.digest(key, _STOP + normalise(identifier), "sha256").hex()


def link_key(token: bytes) -> AESGCM:
    """The key in a one-time link: what was sealed with it opens for whoever holds the link alone."""
    return AESGCM(HKDF(SHA256(), KEY_SIZE, salt=None, info=_LINK).derive(token))


def session_key(token: bytes) -> AESGCM:
    """The key in a session's token: who the visitor is opens for whoever holds the token alone."""
    return AESGCM(HKDF(SHA256(), KEY_SIZE, salt=None, info=_SESSION).derive(token))


def sent(secret: bytes, identifier: str) -> str:
    """Under what it is counted that a link was sent to an address. Never leaves the vault."""
    return hmac.digest(secret, _SENT + normalise(identifier), "sha256").hex()


def check_value(kek: bytes) -> bytes:
    """What tells a wrong key-encryption key from the right one, and nothing else about it."""
    return hmac.digest(kek, _CHECK, "sha256")


def seal(key: AESGCM, plain: bytes, bound_to: bytes) -> bytes:
    """Nonce and ciphertext; opens only with the same `bound_to`, so that no row can pose as another."""
    nonce = os.urandom(_NONCE_SIZE)
    return nonce + key.encrypt(nonce, plain, bound_to)


def unseal(key: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    """What was sealed. Raises `VaultRefused` when the key is another or a byte was changed."""
    try:
        return key.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], bound_to)
    except (InvalidTag, ValueError):
        raise _broken() from None


def unseal_lookup(key: AESSIV, stored: bytes, controller: str) -> bytes:
    """A lookup that was stored under `lookup_cipher`. Raises `VaultRefused`, as `unseal`."""
    try:
        return key.decrypt(stored, [controller.encode()])
    except (InvalidTag, ValueError):
        raise _broken() from None


def opening(evidence: bytes, under: str) -> bytes:
    """The 32 bytes that open one commitment, and no other."""
    return hmac.digest(evidence, _OPENING + under.encode(), "sha256")


def payload_key(evidence: bytes, under: str) -> AESGCM:
    """The key of one payload, and no other."""
    return AESGCM(hmac.digest(evidence, _PAYLOAD + under.encode(), "sha256"))


def attributes_key(data: bytes, under: str) -> AESGCM:
    """The key of one statement's attributes, and no other."""
    return AESGCM(hmac.digest(data, _ATTRIBUTES + under.encode(), "sha256"))


def commitment(opening_: bytes, payload: bytes) -> str:
    """What the ledger entry carries: 64 hexadecimal digits."""
    return hmac.digest(opening_, _COMMITMENT + payload, "sha256").hex()


def opens(commitment_: str, payload: bytes, opening_: bytes) -> bool:
    """Whether `payload` and `opening_` are what the commitment was made of."""
    return hmac.compare_digest(commitment(opening_, payload).encode(), commitment_.encode(errors="replace"))


def _broken() -> VaultRefused:
    return VaultRefused(
        "SEAL_BROKEN", "A sealed value does not open: the key is another, or the vault was changed."
    )
