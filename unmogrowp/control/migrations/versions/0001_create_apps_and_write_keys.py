"""Create apps, write keys, the registry's version and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "apps",
        sa.Column("app_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("bundle_id", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("address_secret", sa.Text, nullable=False),
        sa.Column("keeps_addresses", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("disabled_at", INSTANT, nullable=True),
    )
    op.create_table(
        "write_keys",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("app_id", sa.Text, sa.ForeignKey("apps.app_id"), nullable=False),
        sa.Column("key_hash", sa.Text, nullable=False, unique=True),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("is_strict", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
    )
    op.create_index("ix_write_keys_app_id", "write_keys", ["app_id"])
    op.create_table(
        "registry_version",
        sa.Column("is_only_row", sa.Boolean, primary_key=True, server_default=sa.text("true")),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.CheckConstraint("is_only_row", name="one_row"),
    )
    op.execute("INSERT INTO registry_version (is_only_row, version) VALUES (true, 1)")
    op.create_table(
        "audit_log",
        sa.Column("entry_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", JSONB, nullable=False),
    )
    op.create_index("ix_audit_log_recorded_at", "audit_log", ["recorded_at"])
    op.execute(
        """
        CREATE FUNCTION raise_registry_version() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE registry_version SET version = version + 1;
            RETURN NULL;
        END $$
        """
    )
    for table in ("apps", "write_keys"):
        op.execute(
            f"CREATE TRIGGER raise_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION raise_registry_version()"
        )
    op.execute(
        """
        CREATE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of audit_log are only added';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log()"
    )


def downgrade() -> None:
    """Take the change back."""
    for table in ("audit_log", "registry_version", "write_keys", "apps"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change_of_audit_log()")
    op.execute("DROP FUNCTION raise_registry_version()")
