"""Gate: all migrations run up, down and up again on an empty engine, with the same schema.

Every up file is also run twice, as after a kill half-way. `python -m
unmogrowp.warehouse.check_migrations`; exit code 1 with the differences.
"""

import sys
import tempfile
from pathlib import Path

from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migration_files import (
    MIGRATIONS,
    load_migrations,
    render,
    split_statements,
)
from unmogrowp.warehouse.migrator import Migrator

_SCHEMA = """
SELECT database, name, create_table_query FROM system.tables
WHERE database IN ('raw', 'clean', 'mart', 'audit', 'staging') ORDER BY database, name
"""


def schema_of(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    """Return database, table and definition of all our tables."""
    return [(row[0], row[1], row[2]) for row in warehouse.rows(_SCHEMA)]


def faults_of(warehouse: Warehouse, folder: Path = MIGRATIONS) -> list[str]:
    """Run up, down, up (each statement twice) and return what is wrong, in words."""
    migrator = Migrator(warehouse, folder=folder)
    migrator.up()
    first = schema_of(warehouse)
    faults = [
        f"{database}.{name} has no comment"
        for database, name, sql in first
        if "COMMENT '" not in sql
    ]
    migrator.down(0)
    faults += [f"{row[0]}.{row[1]} survives `down`" for row in schema_of(warehouse)]
    for migration in load_migrations(folder):
        for statement in split_statements(render(migration.up)):
            warehouse.execute(statement)
    migrator.up()
    second = schema_of(warehouse)
    faults += [f"{row[0]}.{row[1]} differs after up, down, up" for row in set(first) ^ set(second)]
    return faults


def main() -> int:
    """Check; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse.embedded(folder)
        faults = faults_of(warehouse)
        tables = len(schema_of(warehouse))
        warehouse.close()
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    sys.stdout.write(f"{tables} tables, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
