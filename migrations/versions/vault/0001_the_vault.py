"""The vault: persons, their sealed keys, and what they said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# There is no downgrade: it would be the deletion of everything.


def upgrade() -> None:
    op.create_table(
        "vault_key",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("check_value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name="pk_vault_key"),
    )
    op.create_table(
        "vault_person",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("lookup", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=True),
        sa.Column("evidence_key", sa.LargeBinary(), nullable=True),
        sa.Column("under", sa.Text(), nullable=True),
        sa.Column("made", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("controller", "ref", name="pk_vault_person"),
        sa.UniqueConstraint("controller", "lookup", name="uq_vault_person_controller_lookup"),
    )
    op.create_index("ix_vault_person_under", "vault_person", ["under"], unique=False)
    op.create_table(
        "vault_claim",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("under", sa.Text(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["controller", "person"],
            ["vault_person.controller", "vault_person.ref"],
            name="fk_vault_claim_controller_person_vault_person",
        ),
        sa.PrimaryKeyConstraint("controller", "person", "under", name="pk_vault_claim"),
    )
    op.create_index("ix_vault_claim_under", "vault_claim", ["under"], unique=False)
    op.create_table(
        "vault_payload",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("under", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["controller", "person"],
            ["vault_person.controller", "vault_person.ref"],
            name="fk_vault_payload_controller_person_vault_person",
        ),
        sa.PrimaryKeyConstraint("controller", "under", name="pk_vault_payload"),
    )
    op.create_index(
        "ix_vault_payload_controller_person", "vault_payload", ["controller", "person"], unique=False
    )
    op.create_index("ix_vault_payload_under", "vault_payload", ["under"], unique=False)
