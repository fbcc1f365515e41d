"""
The vault's tables. `made` is the second in which a row was made, kept only while the row is pending.

Columns are only added, at the end, with a default.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from consent_ledger.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

vault_key = Table(
    "vault_key",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("check_value", LargeBinary, nullable=False),
    Column(
        "lookups_sealed", Boolean, nullable=False, server_default=false()
    ),  # false: made before that was so
)
"""The epochs of the key-encryption key, which itself stands in the keyring, and what recognises each."""

vault_person = Table(
    "vault_person",
    metadata,
    Column("controller", Text, nullable=False),
    Column("ref", Text, nullable=False),  # 32 hexadecimal digits, random
    Column("lookup", Text, nullable=False),  # 96 hexadecimal digits, sealed; random once erased
    Column("epoch", Integer, nullable=False),  # under whose key lookup and both keys lie
    Column("data_key", LargeBinary),  # sealed; null once erased
    Column("evidence_key", LargeBinary),  # sealed; null once the limitation date has passed
    Column("under", Text),  # pending: the idempotency key that made the row
    Column("made", BigInteger),  # pending: since when; null: recorded
    Column("evidence_until", Date),  # erased: the last day on which the evidence key stands
    PrimaryKeyConstraint("controller", "ref"),
    UniqueConstraint("controller", "lookup"),
    Index(None, "under"),
)
"""One person at one controller. Without a data key it is an erased one, of whom evidence is kept."""

vault_claim = Table(
    "vault_claim",
    metadata,
    Column("controller", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("under", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
    PrimaryKeyConstraint("controller", "person", "under"),
    ForeignKeyConstraint(["controller", "person"], ["vault_person.controller", "vault_person.ref"]),
    Index(None, "under"),
)
"""The further idempotency keys that met a pending person; empty when nothing is pending."""

vault_payload = Table(
    "vault_payload",
    metadata,
    Column("controller", Text, nullable=False),
    Column("under", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # sealed under a key from the person's evidence key
    Column("made", BigInteger),  # pending: since when; null: recorded, or pending with its batch
    Column("attributes", LargeBinary),  # sealed under a key from the person's data key; null once erased
    PrimaryKeyConstraint("controller", "under"),
    ForeignKeyConstraint(["controller", "person"], ["vault_person.controller", "vault_person.ref"]),
    Index(None, "under"),
    Index(None, "controller", "person"),
)
"""What one commitment was made of, under its entry's key; in a batch followed by `#` and the index."""

vault_batch = Table(
    "vault_batch",
    metadata,
    Column("controller", Text, nullable=False),
    Column("under", Text, nullable=False),
    Column("commitments", LargeBinary, nullable=False),  # 32 bytes each, in order
    Column("made", BigInteger),  # pending: since when; null: recorded
    PrimaryKeyConstraint("controller", "under"),
    Index(None, "under"),
)
"""What one batch's root was made of. Commitments outlive their persons: the others' proofs need them."""

vault_erasure = Table(
    "vault_erasure",
    metadata,
    Column("controller", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("under", Text, nullable=False),
    Column("request_sha256", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("evidence_until", Date),  # null: no evidence is kept
    Column("made", BigInteger, nullable=False),
    PrimaryKeyConstraint("controller", "under"),
    Index(None, "controller", "person"),
)
"""Erasures that are planned, or recorded and not yet done; empty otherwise."""

vault_stop = Table(
    "vault_stop",
    metadata,
    Column("lookup", Text, nullable=False),  # 64 hexadecimal digits, keyed
    Column("under", Text, nullable=False),  # pending: the key of its entry; empty: recorded
    Column("made", BigInteger),  # pending: since when; null: recorded
    PrimaryKeyConstraint("lookup", "under"),
    Index(None, "under"),
)
"""The stop register: who asked to be kept out, at every controller, those of later too."""

vault_link = Table(
    "vault_link",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("identifier", LargeBinary, nullable=False),  # sealed under a key that stands in the link alone
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
)
"""One-time links that are out; a link that was used has no row."""

vault_session = Table(
    "vault_session",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("identifier", LargeBinary, nullable=False),  # sealed under a key that stands in the token alone
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
)
"""Visitors who opened a one-time link, for the half hour that it holds."""

vault_sent = Table(
    "vault_sent",
    metadata,
    Column("lookup", Text, primary_key=True),  # 64 hexadecimal digits, keyed
    Column("since", BigInteger, nullable=False),  # the first of the links that are counted
    Column("last", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Index(None, "since"),
)
"""How many one-time links went to an address in the last day; no row after that."""

vault_carried_out = Table(
    "vault_carried_out",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1: there is one row at most
    Column("position", BigInteger),  # null: a vault of before this was noted
)
"""The newest entry of the ledger that took somebody out and was carried out here; no row: none was yet."""
