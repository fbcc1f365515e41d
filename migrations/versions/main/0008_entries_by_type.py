"""Entries are found by their type, in order, without reading those between."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The previous version goes on beside it; an index changes nothing of what it reads or writes.


def upgrade() -> None:
    op.create_index("ix_ledger_entry_type_seq", "ledger_entry", ["type", "seq"])
