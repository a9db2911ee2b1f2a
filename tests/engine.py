"""The ClickHouse engine inside the test process, migrated, one per run.

The engine opens one path per process, so every test that wants it shares this one and begins by
emptying the tables.
"""

import atexit
import functools
import shutil
import tempfile

from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migrator import Migrator


@functools.cache
def engine() -> Warehouse:
    """Return the engine of this process with all migrations applied."""
    folder = tempfile.mkdtemp(prefix="unmogrowp-engine-")
    warehouse = Warehouse.embedded(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(warehouse.close)
    Migrator(warehouse).up()
    return warehouse


def empty_tables(warehouse: Warehouse) -> None:
    """Remove every row of every table, and with them the tokens of inserts."""
    for database, name in warehouse.rows(
        "SELECT database, name FROM system.tables"
        " WHERE database IN ('raw', 'clean', 'mart', 'audit', 'staging') AND NOT is_temporary"
    ):
        warehouse.execute(f"TRUNCATE TABLE {database}.`{name}`")
