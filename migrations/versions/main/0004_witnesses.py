"""What witnesses signed is kept, in a table that is only added to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from consent_ledger.cosignature_table import append_only_ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# The previous version goes on beside it: it knows nothing of this table.


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "ledger_cosignature",
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("size", number, nullable=False),
        sa.Column("time", number, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("number >= 0", name="ck_ledger_cosignature_number"),
        sa.CheckConstraint("size > 0", name="ck_ledger_cosignature_size"),
        sa.CheckConstraint("time > 0", name="ck_ledger_cosignature_time"),
        sa.CheckConstraint("length(root) = 32", name="ck_ledger_cosignature_root"),
        sa.CheckConstraint("length(signature) BETWEEN 1 AND 4096", name="ck_ledger_cosignature_signature"),
        sa.PrimaryKeyConstraint("number", name="pk_ledger_cosignature"),
        sa.UniqueConstraint("witness", "size", "time", name="uq_ledger_cosignature_witness_size_time"),
        sqlite_strict=True,
    )
    for statement in append_only_ddl(op.get_bind().dialect.name):
        op.execute(statement)
