"""Keys with which houses sign, as the houses know them; and what each party was shown before it accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# New tables alone: the previous version goes on beside them.


def upgrade() -> None:
    op.create_table(
        "passkey",
        sa.Column("key", sa.String(20), nullable=False, comment="as the ledger names it"),
        sa.Column("party", sa.String(40), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False, comment="base64url; names a device"),
        sa.Column("algorithm", sa.String(8), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False, comment="SubjectPublicKeyInfo, hexadecimal"),
        sa.Column("rp_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False, comment="whose it is, in the house's own words"),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="the entry that registered it"),
        sa.Column("retired_position", sa.BigInteger(), nullable=True, comment="the entry that retired it"),
        sa.ForeignKeyConstraint(["party"], ["party.id"], name="fk_passkey_party_party"),
        sa.PrimaryKeyConstraint("key", name="pk_passkey"),
    )
    op.create_index("ix_passkey_party", "passkey", ["party"], unique=False)
    op.create_table(
        "agreement_preview",
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("party", "sha256", name="pk_agreement_preview"),
    )
