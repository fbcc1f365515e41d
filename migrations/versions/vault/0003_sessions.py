"""Visitors in session, and how many one-time links went to an address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vault_session",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("identifier", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_vault_session"),
    )
    op.create_index("ix_vault_session_expires", "vault_session", ["expires"], unique=False)
    op.create_table(
        "vault_sent",
        sa.Column("lookup", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", name="pk_vault_sent"),
    )
    op.create_index("ix_vault_sent_since", "vault_sent", ["since"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_vault_sent_since", table_name="vault_sent")
    op.drop_table("vault_sent")
    op.drop_index("ix_vault_session_expires", table_name="vault_session")
    op.drop_table("vault_session")
