"""The texts that entries name by their checksum, and what became of lists of decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Of notices and purposes that were published before no text was kept: the entry stands without it.


def upgrade() -> None:
    op.create_table(
        "published_text",
        sa.Column("sha256", sa.String(length=64), nullable=False, comment="as an entry names the whole text"),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint("language IN ('nl', 'en')", name=op.f("ck_published_text_language")),
        sa.PrimaryKeyConstraint("sha256", "language", name=op.f("pk_published_text")),
    )
    op.create_table(
        "consent_batch",
        sa.Column("key", sa.String(length=128), nullable=False, comment="idempotency key of the list"),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="its ledger entry"),
        sa.Column("received", sa.Integer(), nullable=False, comment="rows of the list"),
        sa.Column(
            "told_sha256", sa.String(length=64), nullable=False, comment="of all that it says but for whom"
        ),
        sa.Column(
            "left_out",
            sa.Text(),
            nullable=False,
            comment="JSON: number of each row that does not count, and why",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_consent_batch")),
    )
