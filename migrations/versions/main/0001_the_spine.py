"""The spine: the ledger with what keeps it append-only, the register, standing, and the truth."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from consent_ledger.ledger_tables import append_only_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# There is no downgrade: it would be the deletion of everything.


def upgrade() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor_party", sa.Text(), nullable=False),
        sa.Column("actor_client", sa.Text(), nullable=False),
        sa.Column("idem", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(body_sha256) = 32", name="ck_ledger_entry_body_sha256"),
        sa.CheckConstraint("length(leaf_hash) = 32", name="ck_ledger_entry_leaf_hash"),
        sa.CheckConstraint("length(line) BETWEEN 2 AND 65535", name="ck_ledger_entry_line"),
        sa.CheckConstraint("seq >= 0", name="ck_ledger_entry_seq"),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger_entry"),
        sa.UniqueConstraint(
            "actor_party", "actor_client", "idem", name="uq_ledger_entry_actor_party_actor_client_idem"
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "ledger_head",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("recorded", sa.Text(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.CheckConstraint("length(root) = 32", name="ck_ledger_head_root"),
        sa.CheckConstraint("one = 1", name="ck_ledger_head_one"),
        sa.CheckConstraint("size > 0", name="ck_ledger_head_size"),
        sa.PrimaryKeyConstraint("one", name="pk_ledger_head"),
        sqlite_strict=True,
    )
    op.create_table(
        "party",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "organisation", sa.String(length=40), nullable=False, comment="the controlling organisation's id"
        ),
        sa.Column("discipline", sa.String(length=40), nullable=True),
        sa.Column("province", sa.String(length=40), nullable=True),
        sa.Column("municipality", sa.String(length=80), nullable=True),
        sa.Column("region", sa.String(length=40), nullable=True, comment="landsdeel"),
        sa.Column("band", sa.Integer(), nullable=True, comment="the declared fee band"),
        sa.Column("unit", sa.String(length=8), nullable=False, comment="what the house counts visits by"),
        sa.Column("public_figures", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=40), nullable=False, comment="IANA time zone of its days"),
        sa.Column("sandbox", sa.Integer(), nullable=False),
        sa.Column("invented", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="its ledger entry"),
        sa.CheckConstraint("unit IN ('tickets', 'counts')", name="ck_party_unit"),
        sa.CheckConstraint("invented IN (0, 1)", name="ck_party_invented"),
        sa.CheckConstraint("public_figures IN (0, 1)", name="ck_party_public_figures"),
        sa.CheckConstraint("sandbox IN (0, 1)", name="ck_party_sandbox"),
        sa.PrimaryKeyConstraint("id", name="pk_party"),
    )
    op.create_table(
        "revoked_token",
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_revoked_token"),
    )
    op.create_index("ix_revoked_token_expires_at", "revoked_token", ["expires_at"], unique=False)
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.String(length=64), nullable=False, comment="RFC 7638 thumbprint"),
        sa.Column("alg", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("public", sa.Text(), nullable=False, comment="JWK, public members only"),
        sa.Column("private", sa.LargeBinary(), nullable=False, comment="AES-256-GCM: nonce, sealed PKCS #8"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="when the present state began"),
        sa.CheckConstraint("alg IN ('ES256')", name="ck_signing_key_alg"),
        sa.CheckConstraint(
            "state IN ('pending', 'active', 'retired', 'withdrawn')", name="ck_signing_key_state"
        ),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_key"),
    )
    op.create_index(
        "ix_signing_key_one_active",
        "signing_key",
        ["state"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "client",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("party", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("auth_method", sa.String(length=24), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False, comment="the ceiling, separated by spaces"),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column(
            "position", sa.BigInteger(), nullable=False, comment="the entry that last granted or revoked"
        ),
        sa.CheckConstraint(
            "auth_method IN ('client_secret_basic', 'client_secret_post')", name="ck_client_auth_method"
        ),
        sa.CheckConstraint("status IN ('active', 'blocked')", name="ck_client_status"),
        sa.ForeignKeyConstraint(["party"], ["party.id"], name="fk_client_party_party"),
        sa.PrimaryKeyConstraint("id", name="pk_client"),
    )
    op.create_index("ix_client_party", "client", ["party"], unique=False)
    op.create_table(
        "client_secret",
        sa.Column(
            "id",
            sa.String(length=16),
            nullable=False,
            comment="also stands in the secret: one look-up, one hash",
        ),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False, comment="argon2id, PHC string"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["client"], ["client.id"], name="fk_client_secret_client_client"),
        sa.PrimaryKeyConstraint("id", name="pk_client_secret"),
    )
    op.create_index("ix_client_secret_client", "client_secret", ["client"], unique=False)
    op.create_table(
        "standing",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.CheckConstraint("position >= 0", name="ck_standing_position"),
        sa.PrimaryKeyConstraint("controller", "person", "purpose", "position", name="pk_standing"),
    )
    op.create_index(
        "ix_standing_controller_purpose_act", "standing", ["controller", "purpose", "act"], unique=False
    )
    op.create_table(
        "data_import",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("idem", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_data_import"),
        sa.UniqueConstraint("institution", "idem", name="uq_data_import_institution_idem"),
    )
    op.create_table(
        "disclosure_secret",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_disclosure_secret"),
    )
    op.create_table(
        "production",
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("genre", sa.Text(), server_default="unknown", nullable=False),
        sa.PrimaryKeyConstraint("institution", "ref", name="pk_production"),
    )
    op.create_table(
        "release",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Text(), nullable=False),
        sa.Column("period_end", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.Text(), nullable=False),
        sa.Column("tables_sha256", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_release"),
    )
    op.create_table(
        "release_block",
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("release", "block", "member", name="pk_release_block"),
    )
    op.create_table(
        "release_cell",
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("release", "block", "month", "metric", name="pk_release_cell"),
    )
    op.create_table(
        "ticket_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("gross", sa.Integer(), nullable=False),
        sa.Column("performance", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ticket_event"),
    )
    op.create_index("ix_ticket_event_import_id", "ticket_event", ["import_id"], unique=False)
    op.create_index("ix_ticket_event_line", "ticket_event", ["line"], unique=False)
    op.create_table(
        "visit_count",
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revenue", sa.Integer(), server_default="0", nullable=False),
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.CheckConstraint("kind in ('counter','pass','school','free')", name="ck_visit_count_kind"),
        sa.CheckConstraint("number >= 0", name="ck_visit_count_number"),
        sa.PrimaryKeyConstraint("institution", "place", "day", "kind", name="pk_visit_count"),
    )
    op.create_table(
        "performance",
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("production", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["institution", "production"],
            ["production.institution", "production.ref"],
            name="fk_performance_institution_production_production",
        ),
        sa.PrimaryKeyConstraint("institution", "ref", name="pk_performance"),
    )
    op.create_table(
        "ticket_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("order_ref", sa.Text(), nullable=False),
        sa.Column("line_ref", sa.Text(), nullable=False),
        sa.Column("performance", sa.Text(), nullable=False),
        sa.Column("production", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("ordered_at", sa.Text(), nullable=False),
        sa.Column("ordered_day", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("price_type", sa.Text(), nullable=False),
        sa.Column("gross", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("pc4", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("attended_at", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("severed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status in ('reserved','sold','cancelled','refunded','expired')", name="ck_ticket_line_status"
        ),
        sa.CheckConstraint("gross >= 0", name="ck_ticket_line_gross"),
        sa.ForeignKeyConstraint(
            ["institution", "performance"],
            ["performance.institution", "performance.ref"],
            name="fk_ticket_line_institution_performance_performance",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ticket_line"),
        sa.UniqueConstraint(
            "institution",
            "source",
            "order_ref",
            "line_ref",
            name="uq_ticket_line_institution_source_order_ref_line_ref",
        ),
    )
    op.create_index(
        "ix_ticket_line_institution_person", "ticket_line", ["institution", "person"], unique=False
    )
    op.create_index(
        "ix_ticket_line_institution_production_day",
        "ticket_line",
        ["institution", "production", "day"],
        unique=False,
    )
    for statement in append_only_ddl(op.get_bind().dialect.name):
        op.execute(statement)
