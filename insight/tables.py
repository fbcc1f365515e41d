"""
The tables of the truth: what was sold, what was counted, how it came in, and what was released.

Units: money in integer cents of `currency`; instants as ISO 8601 UTC text (`2026-09-12T18:15:00Z`),
local calendar days as `YYYY-MM-DD` text in the house's own zone, so that both databases compare
and store them alike. Persons are named by the vault's random reference alone; a content hash never
covers a person field. Columns are only added, with a default.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
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

production = Table(
    "production",
    metadata,
    Column("institution", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("genre", Text, nullable=False, default="unknown", server_default="unknown"),
    PrimaryKeyConstraint("institution", "ref"),
)
"""A production of one institution; `ref` is the house's own reference (for files: its title)."""

performance = Table(
    "performance",
    metadata,
    Column("institution", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("production", Text, nullable=False),
    Column("starts_at", Text, nullable=False),  # UTC instant
    Column("day", Text, nullable=False),  # local day in the house's zone
    Column("zone", Text, nullable=False),
    PrimaryKeyConstraint("institution", "ref"),
    ForeignKeyConstraint(["institution", "production"], ["production.institution", "production.ref"]),
)
"""One performance, screening or exhibition day."""

ticket_line = Table(
    "ticket_line",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("institution", Text, nullable=False),
    Column("source", Text, nullable=False),  # source system: `pretix`, `seed`, ...
    Column("order_ref", Text, nullable=False),
    Column("line_ref", Text, nullable=False),
    Column("performance", Text, nullable=False),
    Column("production", Text, nullable=False),
    Column("day", Text, nullable=False),  # local day of the performance
    Column("ordered_at", Text, nullable=False),  # UTC instant
    Column("ordered_day", Text, nullable=False),  # local day of the order
    Column("kind", Text, nullable=False),  # admission product gift_card donation membership fee
    Column("status", Text, nullable=False),  # reserved sold cancelled refunded expired
    Column("price_type", Text, nullable=False),  # full reduced youth social subscription complimentary
    Column("gross", Integer, nullable=False),  # cents
    Column("currency", Text, nullable=False),
    Column("channel", Text, nullable=False),  # web box_office phone reseller school other
    Column("pc4", Text),
    Column("country", Text),
    Column("attended_at", Text),
    Column("person", Text),  # the vault's reference; null: unidentified
    Column("severed", Integer, nullable=False, default=0, server_default="0"),  # 1: erased, never re-linked
    Column("content", LargeBinary, nullable=False),  # sha-256 over the line without person fields
    Column("import_id", Text, nullable=False),  # the import that last changed the line
    UniqueConstraint("institution", "source", "order_ref", "line_ref"),
    CheckConstraint("status in ('reserved','sold','cancelled','refunded','expired')", name="status"),
    CheckConstraint("gross >= 0", name="gross"),
    ForeignKeyConstraint(["institution", "performance"], ["performance.institution", "performance.ref"]),
    Index(None, "institution", "production", "day"),
    Index(None, "institution", "person"),
)
"""One ticket line in its current state. Natural key: institution, source, order, line."""

ticket_event = Table(
    "ticket_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("line", Integer, nullable=False),
    Column("institution", Text, nullable=False),
    Column(
        "event", Text, nullable=False
    ),  # sold cancelled refunded moved attended reserved expired corrected
    Column("import_id", Text, nullable=False),
    Column("gross", Integer, nullable=False),
    Column("performance", Text, nullable=False),
    Index(None, "line"),
    Index(None, "import_id"),
)
"""Append-only: one row per change of a line."""

visit_count = Table(
    "visit_count",
    metadata,
    Column("institution", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("kind", Text, nullable=False),  # counter pass school free
    Column("number", Integer, nullable=False),
    Column("revenue", Integer, nullable=False, default=0, server_default="0"),  # cents taken at the counter
    Column("import_id", Text, nullable=False),
    PrimaryKeyConstraint("institution", "place", "day", "kind"),
    CheckConstraint("kind in ('counter','pass','school','free')", name="kind"),
    CheckConstraint("number >= 0", name="number"),
)
"""Visits counted without knowing who came. Never silently summed with tickets."""

data_import = Table(
    "data_import",
    metadata,
    Column("id", Text, primary_key=True),  # imp- and 16 hexadecimal digits
    Column("institution", Text, nullable=False),
    Column("unit", Text, nullable=False),  # tickets visits
    Column("source", Text, nullable=False),
    Column("mapping", Text, nullable=False),  # name@version
    Column("file_sha256", Text, nullable=False),
    Column("idem", Text, nullable=False),
    Column("position", Integer, nullable=False),  # its ledger entry
    Column("received_at", Text, nullable=False),
    Column("report", Text, nullable=False),  # JSON, without personal values
    UniqueConstraint("institution", "idem"),
)
"""One accepted import; its row and its ledger entry are one transaction."""

release = Table(
    "release",
    metadata,
    Column("id", Text, primary_key=True),  # rel- and 16 hexadecimal digits
    Column("policy", Text, nullable=False),
    Column("period_start", Text, nullable=False),  # first month, YYYY-MM
    Column("period_end", Text, nullable=False),  # month after the last, YYYY-MM
    Column("position", Integer, nullable=False),  # its ledger entry
    Column("published_at", Text, nullable=False),
    Column("tables_sha256", Text, nullable=False),
    Column("certificate", Text, nullable=False),  # JSON
)
"""A sealed release; never altered, only retracted by an entry."""

release_block = Table(
    "release_block",
    metadata,
    Column("release", Text, nullable=False),
    Column("block", Text, nullable=False),  # b001, b002, ...
    Column("member", Text, nullable=False),  # party id
    PrimaryKeyConstraint("release", "block", "member"),
)
"""Which institutions stand in which block of a release."""

release_cell = Table(
    "release_cell",
    metadata,
    Column("release", Text, nullable=False),
    Column("block", Text, nullable=False),
    Column("month", Text, nullable=False),  # YYYY-MM, or the YYYY-Qn, YYYY-Hn or YYYY it was folded into
    Column("metric", Text, nullable=False),  # visits revenue
    Column("value", BigInteger, nullable=False),  # visits, or cents
    PrimaryKeyConstraint("release", "block", "month", "metric"),
)
"""The published totals: nothing else about other institutions can be read by benchmark code."""

disclosure_secret = Table(
    "disclosure_secret",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("subjects", LargeBinary),  # which set; null: recorded before sets were kept
)
"""The random key of a disclosure's commitment to its subject set, kept so that samples can be opened."""

subject_set = Table(
    "subject_set",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("persons", LargeBinary, nullable=False),  # 16 bytes each: the vault's references, ascending
)
"""Who was counted, once for all answers that counted the same persons. A reference of somebody erased names nobody."""

agreement_preview = Table(
    "agreement_preview",
    metadata,
    Column("party", Text, nullable=False),  # to whom it was shown
    Column("sha256", Text, nullable=False),  # of the body: what an acceptance signs
    Column("agreement", Text, nullable=False),
    Column("position", BigInteger, nullable=False),  # the size of the ledger when it was first shown
    Column("body", Text, nullable=False),  # canonical JSON
    PrimaryKeyConstraint("party", "sha256"),
)
"""What a party was shown of an agreement before it accepted: its own side. Append-only."""
