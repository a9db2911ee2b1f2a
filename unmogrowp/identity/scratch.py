"""Tables that live for one build of identities: what one statement finds and the next one reads.

A full build holds as many rows as there are identifiers: its tables lie on disk.
"""

import contextlib
import uuid
from collections.abc import Iterator

from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import RUN_MARK

_APP = "app_id LowCardinality(String)"
_SHAPES = {
    "seen": f"({_APP}, device_key String, kind LowCardinality(String), identifier String,"
    " first_seen_at DateTime64(3, 'UTC'))",
    "devices": f"({_APP}, device_key String)",
    "reached": f"({_APP}, node String, round UInt32)",
    "near": f"({_APP}, node String, side LowCardinality(String), kind LowCardinality(String),"
    " other String, first_seen_at DateTime64(3, 'UTC'))",
    "nodes": f"(number UInt64, {_APP}, node String, first_seen_at DateTime64(3, 'UTC'),"
    " naming_rank UInt8, is_device_key Bool, neighbour_count UInt64)",
    "labels": "(number UInt64, name UInt64, cut LowCardinality(String), neighbour_count UInt64,"
    " component_size UInt64)",
    "placed": f"({_APP}, node String, component_key String, cut LowCardinality(String),"
    " is_device_key Bool)",
    "moved": f"({_APP}, device_key String, from_component String, to_component String)",
    "affected": f"({_APP}, device_key String, component_key String, from_component String)",
    "aliases": f"({_APP}, device_key String, component_key String)",
    "kept": f"({_APP}, device_key String, source_device_key String, installed_ms Int64,"
    " message_id String, ordinal UInt32, since_previous_ms Nullable(Int64), is_implied Bool)",
}
_IDENTITIES = ("present", "wanted", "changes")


class Scratch:
    """Gives tables by name; `tables["seen"]` is the bare name, for Identifier parameters."""

    def __init__(self, warehouse: Warehouse, *, on_disk: bool) -> None:
        self._warehouse = warehouse
        self._run = uuid.uuid4().hex[:12]
        self._engine = "MergeTree ORDER BY tuple()" if on_disk else "Memory"
        self._made: set[str] = set()

    def __getitem__(self, name: str) -> str:
        """Return the bare name of a table, made when first asked for."""
        table = f"identity_{name}{RUN_MARK}{self._run}"
        if name not in self._made:
            shape = "AS clean.identities" if name in _IDENTITIES else _SHAPES[name]
            self._warehouse.execute(f"CREATE TABLE staging.{table} {shape} ENGINE = {self._engine}")
            self._made.add(name)
        return table

    def full(self, name: str) -> str:
        """Return `staging.<table>`."""
        return f"staging.{self[name]}"

    def count(self, name: str) -> int:
        """Return the number of rows."""
        return int(self._warehouse.scalar(f"SELECT count() FROM {self.full(name)}"))  # noqa: S608

    def drop(self) -> None:
        """Drop every table that was made."""
        names = ", ".join(self.full(name) for name in sorted(self._made))
        if names:
            self._warehouse.execute(f"DROP TABLE IF EXISTS {names} SYNC")
        self._made.clear()


@contextlib.contextmanager
def scratch(warehouse: Warehouse, *, on_disk: bool) -> Iterator[Scratch]:
    """Give scratch tables for the time of the context."""
    tables = Scratch(warehouse, on_disk=on_disk)
    try:
        yield tables
    finally:
        tables.drop()
