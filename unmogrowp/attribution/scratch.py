"""Small tables that live for one build: what one statement finds and the next one reads.

They are named like staging tables of a run, so that `drop_abandoned_staging` finds those that a
killed build left behind.
"""

import contextlib
import uuid
from collections.abc import Iterator

from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import RUN_MARK

_DEVICES = "(app_id LowCardinality(String), device_key String)"
_KEPT_INSTALLS = (
    "(app_id LowCardinality(String), device_key String, installed_ms Int64, message_id String,"
    " ordinal UInt32, since_previous_ms Nullable(Int64), is_implied Bool)"
)
_CHANGED_DEVICES = (
    "(app_id LowCardinality(String), device_key String, changed_at DateTime64(3, 'UTC'),"
    " is_late Bool)"
)


def changed_devices(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of devices and since when they changed, for the time of the context."""
    return _table(warehouse, "changed_devices", _CHANGED_DEVICES)


def devices(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of devices, `staging.<name>`, for the time of the context."""
    return _table(warehouse, "devices", _DEVICES)


def kept_installs(warehouse: Warehouse) -> contextlib.AbstractContextManager[str]:
    """Give a table of numbered installs, `staging.<name>`, for the time of the context."""
    return _table(warehouse, "kept_installs", _KEPT_INSTALLS)


def bare(table: str) -> str:
    """Return the name without its database: an Identifier parameter is one identifier."""
    return table.removeprefix("staging.")


@contextlib.contextmanager
def _table(warehouse: Warehouse, name: str, columns: str) -> Iterator[str]:
    table = f"staging.{name}{RUN_MARK}{uuid.uuid4().hex[:12]}"
    warehouse.execute(f"CREATE TABLE {table} {columns} ENGINE = Memory")
    try:
        yield table
    finally:
        warehouse.execute(f"DROP TABLE IF EXISTS {table} SYNC")
