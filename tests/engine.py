"""The ClickHouse engine inside the test process, migrated, one per run.

The engine opens one path per process, so every test that wants it shares this one and begins by
emptying the tables.
"""

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

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
    """Remove every row of every table, and with them the tokens of inserts.

    Truncating all of them takes a quarter of a second of CPU, and hundreds of tests ask for it: a
    table whose folder is as the last truncation left it is left alone.
    """
    for database, name, folders in warehouse.rows(
        "SELECT database, name, data_paths FROM system.tables"
        " WHERE database IN ('raw', 'clean', 'mart', 'audit', 'staging') AND engine NOT IN ('View')"
    ):
        if not folders or _content(folders) != _EMPTIED.get((database, name)):
            warehouse.execute(f"TRUNCATE TABLE {database}.`{name}`")
            _EMPTIED[database, name] = _content(folders)


# What the folders of a table held after it was last emptied.
_EMPTIED: dict[tuple[str, str], set[tuple[str, int]]] = {}


def _content(folders: Sequence[str]) -> set[tuple[str, int]]:
    """Return the parts of a table and the bytes of its log of tokens, by path."""
    found = set()
    for folder in folders:
        for entry in os.scandir(folder):
            found.add((entry.path, 0))
            if entry.name == "deduplication_logs":
                logs = Path(entry.path).iterdir()
                found.update((str(log), log.stat().st_size) for log in logs)
    return found
