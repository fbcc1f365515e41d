"""What forgetting needs: epochs, two clocks, planned erasures, the stop register, batches, one-time links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# There is no downgrade: an older version would find nobody under a sealed lookup.


def upgrade() -> None:
    op.add_column(
        "vault_key", sa.Column("lookups_sealed", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("vault_person", sa.Column("evidence_until", sa.Date(), nullable=True))
    op.add_column("vault_payload", sa.Column("attributes", sa.LargeBinary(), nullable=True))
    op.create_table(
        "vault_batch",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("under", sa.Text(), nullable=False),
        sa.Column("commitments", sa.LargeBinary(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("controller", "under", name="pk_vault_batch"),
    )
    op.create_index("ix_vault_batch_under", "vault_batch", ["under"], unique=False)
    op.create_table(
        "vault_erasure",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("under", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("evidence_until", sa.Date(), nullable=True),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("controller", "under", name="pk_vault_erasure"),
    )
    op.create_index(
        "ix_vault_erasure_controller_person", "vault_erasure", ["controller", "person"], unique=False
    )
    op.create_table(
        "vault_stop",
        sa.Column("lookup", sa.Text(), nullable=False),
        sa.Column("under", sa.Text(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("lookup", "under", name="pk_vault_stop"),
    )
    op.create_index("ix_vault_stop_under", "vault_stop", ["under"], unique=False)
    op.create_table(
        "vault_link",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("identifier", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_vault_link"),
    )
    op.create_index("ix_vault_link_expires", "vault_link", ["expires"], unique=False)
