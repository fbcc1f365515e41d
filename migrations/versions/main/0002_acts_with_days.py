"""Standing keeps of each act its day, until when it holds, and under which notice it was said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The previous version goes on beside it: it writes none of these columns, and reads none.


def upgrade() -> None:
    op.add_column("standing", sa.Column("day", sa.Text(), nullable=False, server_default=""))
    op.add_column("standing", sa.Column("until", sa.Text()))
    op.add_column("standing", sa.Column("notice", sa.Text()))
    op.add_column("standing", sa.Column("notice_version", sa.Integer()))
