"""Alembic's entry: runs on the connection that `database.upgrade` opened and locked."""

from alembic import context

from unmogrowp.control.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transaction_per_migration=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
