"""
The register's tables: parties, their applications, and what those authenticate and sign with.

Rows of `party` and `client` are written by riders, in the transaction of the ledger entry whose
position they carry: the entry is the truth, the row is what a request can read quickly. Times are
whole seconds since 1970 in UTC, as in tokens (RFC 7519, NumericDate). Columns are only added, at
the end, with a default.

What someone who can change these rows could do: let an application in under another party, or
issue tokens. What they cannot: read a secret (argon2id hashes only) or a signing key (sealed under
a key that stands outside the database), or widen what `decide` permits beyond the ledger's own
`scope.granted`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from consent_ledger.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

party = Table(
    "party",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("organisation", String(40), nullable=False, comment="the controlling organisation's id"),
    Column("discipline", String(40)),
    Column("province", String(40)),
    Column("municipality", String(80)),
    Column("region", String(40), comment="landsdeel"),
    Column("band", Integer, comment="the declared fee band"),
    Column("unit", String(8), nullable=False, comment="what the house counts visits by"),
    Column("public_figures", Integer, nullable=False),
    Column("zone", String(40), nullable=False, comment="IANA time zone of its days"),
    Column("sandbox", Integer, nullable=False),
    Column("invented", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, comment="its ledger entry"),
    CheckConstraint("unit IN ('tickets', 'counts')", name="unit"),
    CheckConstraint("public_figures IN (0, 1)", name="public_figures"),
    CheckConstraint("sandbox IN (0, 1)", name="sandbox"),
    CheckConstraint("invented IN (0, 1)", name="invented"),
)

client = Table(
    "client",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("party", String(40), ForeignKey("party.id"), nullable=False, index=True),
    Column("kind", String(24), nullable=False),
    Column("name", Text, nullable=False),
    Column("auth_method", String(24), nullable=False),
    Column("scopes", Text, nullable=False, comment="the ceiling, separated by spaces"),
    Column("status", String(8), nullable=False),
    Column("position", BigInteger, nullable=False, comment="the entry that last granted or revoked"),
    CheckConstraint("auth_method IN ('client_secret_basic', 'client_secret_post')", name="auth_method"),
    CheckConstraint("status IN ('active', 'blocked')", name="status"),
)

client_secret = Table(
    "client_secret",
    metadata,
    Column("id", String(16), primary_key=True, comment="also stands in the secret: one look-up, one hash"),
    Column("client", String(64), ForeignKey("client.id"), nullable=False, index=True),
    Column("hash", Text, nullable=False, comment="argon2id, PHC string"),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", String(64), primary_key=True, comment="RFC 7638 thumbprint"),
    Column("alg", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    Column("public", Text, nullable=False, comment="JWK, public members only"),
    Column("private", LargeBinary, nullable=False, comment="AES-256-GCM: nonce, sealed PKCS #8"),
    Column("created_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False, comment="when the present state began"),
    CheckConstraint("alg IN ('ES256')", name="alg"),
    CheckConstraint("state IN ('pending', 'active', 'retired', 'withdrawn')", name="state"),
    # one key signs; the second process of a first start loses here, and reads the first one's key
    Index(
        "ix_signing_key_one_active",
        "state",
        unique=True,
        sqlite_where=text("state = 'active'"),
        postgresql_where=text("state = 'active'"),
    ),
)

revoked_token = Table(
    "revoked_token",
    metadata,
    Column("jti", String(64), primary_key=True),
    Column("client", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("revoked_at", BigInteger, nullable=False),
)

passkey = Table(
    "passkey",
    metadata,
    Column("key", String(20), primary_key=True, comment="as the ledger names it"),
    Column("party", String(40), ForeignKey("party.id"), nullable=False, index=True),
    Column("credential_id", Text, nullable=False, comment="base64url; names a device"),
    Column("algorithm", String(8), nullable=False),
    Column("public_key", Text, nullable=False, comment="SubjectPublicKeyInfo, hexadecimal"),
    Column("rp_id", Text, nullable=False),
    Column("label", Text, nullable=False, comment="whose it is, in the house's own words"),
    Column("position", BigInteger, nullable=False, comment="the entry that registered it"),
    Column("retired_position", BigInteger, comment="the entry that retired it"),
)
"""
What a house knows its keys by. A label names a member of staff and a credential a device, so both stay
out of the ledger, and the row can be deleted: the key and what it signed stand without it.
"""

published_text = Table(
    "published_text",
    metadata,
    Column("sha256", String(64), nullable=False, comment="as an entry names the whole text"),
    Column("language", String(2), nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("sha256", "language"),
    CheckConstraint("language IN ('nl', 'en')", name="language"),
)
"""
What the ledger names by its SHA-256: notices and purposes, word for word. Rows are added and never changed;
a reader computes the checksum again, so that a text that was changed is not shown.
"""

consent_batch = Table(
    "consent_batch",
    metadata,
    Column("key", String(128), primary_key=True, comment="idempotency key of the list"),
    Column("position", BigInteger, nullable=False, comment="its ledger entry"),
    Column("received", Integer, nullable=False, comment="rows of the list"),
    Column("told_sha256", String(64), nullable=False, comment="of all that it says but for whom"),
    Column("left_out", Text, nullable=False, comment="JSON: number of each row that does not count, and why"),
)
"""What became of a list of decisions, so that a repeat is answered as the first time. Names nobody."""
