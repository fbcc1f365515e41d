"""The numbers by which desks know the requests of persons, and their days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# The previous version goes on beside it: nothing wrote `right.*` before this table was there.


def upgrade() -> None:
    op.create_table(
        "right_request",
        sa.Column("request_sha256", sa.String(length=64), nullable=False, comment="as entries name it"),
        sa.Column("controller", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=11), nullable=False, comment="as people name it: R-XXXX-XXXX"),
        sa.Column(
            "nonce",
            sa.LargeBinary(),
            nullable=False,
            comment="without it nobody finds the entry of a number",
        ),
        sa.Column("idem", sa.String(length=64), nullable=False, comment="the key of its entry"),
        sa.Column("subject_right", sa.String(length=16), nullable=False),
        sa.Column("received_on", sa.String(length=10), nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=False),
        sa.Column("is_extended", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=8)),
        sa.Column("answered_on", sa.String(length=10)),
        sa.Column(
            "position", sa.BigInteger(), nullable=False, comment="the entry that recorded it"
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (answered_on IS NULL)", name="ck_right_request_answered"
        ),
        sa.CheckConstraint("is_extended IN (0, 1)", name="ck_right_request_is_extended"),
        sa.CheckConstraint("length(nonce) = 32", name="ck_right_request_nonce"),
        sa.PrimaryKeyConstraint("request_sha256", name="pk_right_request"),
        sa.UniqueConstraint("controller", "idem", name="uq_right_request_controller_idem"),
        sa.UniqueConstraint("controller", "number", name="uq_right_request_controller_number"),
    )
    op.create_index(
        "ix_right_request_controller_due_on_position",
        "right_request",
        ["controller", "due_on", "position"],
    )
