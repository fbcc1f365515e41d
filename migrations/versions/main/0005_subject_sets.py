"""Who was counted in a disclosure is kept, so that an auditor's sample can be opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Disclosures that were recorded before keep their nonce alone: of them no sample can be opened.


def upgrade() -> None:
    op.create_table(
        "subject_set",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("persons", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_subject_set"),
    )
    op.add_column("disclosure_secret", sa.Column("subjects", sa.LargeBinary()))
