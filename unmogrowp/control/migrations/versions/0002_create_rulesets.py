"""Create rulesets and their promotions; both are only added to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
TABLES = ("rulesets", "ruleset_promotions")


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "rulesets",
        sa.Column("ruleset_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("config_hash", sa.Text, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("added_by", sa.Text, nullable=False),
    )
    op.create_table(
        "ruleset_promotions",
        sa.Column("promotion_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("app_id", sa.Text, nullable=False),
        sa.Column("ruleset_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("effective_from", sa.Date, nullable=False),
        sa.Column("promoted_at", INSTANT, nullable=False),
        sa.Column("promoted_by", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["ruleset_id", "version"], ["rulesets.ruleset_id", "rulesets.version"]
        ),
    )
    op.execute(
        """
        CREATE FUNCTION refuse_change_of_rulesets() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME;
        END $$
        """
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_rulesets()"
        )


def downgrade() -> None:
    """Take the change back."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change_of_rulesets()")
