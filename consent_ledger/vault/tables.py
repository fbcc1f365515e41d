"""
The vault's tables. `made` is the second in which a row was made, kept only while the row is pending.

Columns are only added, at the end, with a default.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from consent_ledger.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

vault_key = Table(
    "vault_key",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("check_value", LargeBinary, nullable=False),
)
"""The epochs of the key-encryption key, which itself stands in the keyring, and what recognises each."""

vault_person = Table(
    "vault_person",
    metadata,
    Column("controller", Text, nullable=False),
    Column("ref", Text, nullable=False),  # 32 hexadecimal digits, random
    Column("lookup", Text, nullable=False),  # 64 hexadecimal digits, keyed
    Column("epoch", Integer, nullable=False),  # under whose key the next two lie
    Column("data_key", LargeBinary),  # sealed; null once erased
    Column("evidence_key", LargeBinary),  # sealed; null once the limitation date has passed
    Column("under", Text),  # pending: the idempotency key that made the row
    Column("made", BigInteger),  # pending: since when; null: recorded
    PrimaryKeyConstraint("controller", "ref"),
    UniqueConstraint("controller", "lookup"),
    Index(None, "under"),
)
"""One person at one controller."""

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
    Column("made", BigInteger),  # pending: since when; null: recorded
    PrimaryKeyConstraint("controller", "under"),
    ForeignKeyConstraint(["controller", "person"], ["vault_person.controller", "vault_person.ref"]),
    Index(None, "under"),
    Index(None, "controller", "person"),
)
"""What one entry's commitment was made of."""
