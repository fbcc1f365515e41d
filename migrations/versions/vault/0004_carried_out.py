"""Up to which entry of the ledger the vault carried out who is erased and who stays out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vault_carried_out",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_vault_carried_out"),
    )
    # a vault that is in use carried out what the ledger tells, and did not note it; a new one did nothing yet
    op.execute(
        "INSERT INTO vault_carried_out (number, position)"
        " SELECT 1, NULL WHERE EXISTS (SELECT 1 FROM vault_key)"
    )


def downgrade() -> None:
    op.drop_table("vault_carried_out")
