"""Replaces a whole partition in one step: stage, audit, swap. Readers see the old or the new one.

A build that read less than the build before it must not win because it finished later: every
publish carries its watermark (the highest landing_seq whose rows it had read), and a lower one
than the present is refused. The fence row is written before the swap: after a kill between the
two, the partition is older than its fence, which only means that the same build is due again.
Publishes of one partition are serial: callers hold the pipeline lock.

An empty partition cannot be swapped in; it is dropped, and only when the caller says that its
input was complete: an empty result is more often a broken input than the truth.
"""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from unmogrowp.errors import AuditFailed, PartitionConflict
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

RUN_MARK = "__run_"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: `values` are those of the table's partition key, in its order."""

    table: str
    values: tuple[str | date, ...]

    @property
    def key(self) -> str:
        """Return the values as one text, for people and for `audit.published_partitions`."""
        return "/".join(
            value.isoformat() if isinstance(value, date) else value for value in self.values
        )


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did; `is_dropped` when the partition is now empty."""

    partition: Partition
    row_count: int
    watermark: int
    is_dropped: bool


@contextlib.contextmanager
def staging_copy(warehouse: Warehouse, table: str) -> Iterator[str]:
    """Create an empty table like `table` for one run; drop it at the end, whatever happens."""
    staging = f"staging.{table.replace('.', '_')}{RUN_MARK}{uuid.uuid4().hex[:12]}"
    warehouse.execute(f"CREATE TABLE {staging} AS {table}")
    try:
        yield staging
    finally:
        warehouse.execute(f"DROP TABLE IF EXISTS {staging} SYNC")


def drop_abandoned_staging(warehouse: Warehouse) -> list[str]:
    """Drop the staging tables of killed runs; the caller holds the pipeline lock."""
    rows = warehouse.rows(
        "SELECT name FROM system.tables"
        " WHERE database = 'staging' AND position(name, {mark:String})",
        {"mark": RUN_MARK},
    )
    names = [f"staging.`{name}`" for (name,) in rows]
    for name in names:
        warehouse.execute(f"DROP TABLE IF EXISTS {name} SYNC")
    return names


def present_watermark(warehouse: Warehouse, partition: Partition) -> int:
    """Return the highest watermark anyone published or began to publish; 0 when none."""
    return int(
        warehouse.scalar(
            "SELECT max(watermark) FROM audit.published_partitions"
            " WHERE table_name = {table:String} AND partition_key = {key:String}",
            {"table": partition.table, "key": partition.key},
        )
    )


def replace_partition(
    warehouse: Warehouse,
    partition: Partition,
    staging: str,
    *,
    watermark: int,
    now_ms: int,
    is_input_complete: bool,
    audit: Callable[[str], None] | None = None,
    confirm: Callable[[], None] | None = None,
) -> Published:
    """Swap the rows of `staging` in for the partition.

    Args:
        warehouse: Where both tables are.
        partition: What is replaced.
        staging: Table made by `staging_copy`, holding rows of this partition only.
        watermark: Highest landing_seq the build had read.
        now_ms: Instant to record.
        is_input_complete: The caller proved that the input it read was all there is, so that no
            row is the truth. Without it an empty staging table is refused.
        audit: Called with the staging table; raises AuditFailed to keep the present version.
        confirm: Called last before the swap; raises PartitionConflict when the input moved.

    Raises:
        AuditFailed: The staged rows are not publishable; nothing was changed.
        PartitionConflict: A build with a higher watermark was published already.
    """
    rows = _checked_row_count(warehouse, partition, staging)
    if rows == 0 and not is_input_complete:
        raise AuditFailed(
            f"{partition.table} {partition.key}: the build gave no rows and its input was not"
            " proven complete; the present rows stay"
        )
    if audit is not None:
        audit(staging)
    if confirm is not None:
        confirm()
    present = present_watermark(warehouse, partition)
    if watermark < present:
        raise PartitionConflict(
            f"{partition.table} {partition.key}: this build had read up to landing_seq"
            f" {watermark}, but one that read up to {present} is published"
        )
    _record(warehouse, partition, watermark, "publishing", rows, now_ms)
    _swap(warehouse, partition, staging, is_empty=rows == 0)
    _record(warehouse, partition, watermark, "published", rows, now_ms)
    return Published(partition, rows, watermark, is_dropped=rows == 0)


def _checked_row_count(warehouse: Warehouse, partition: Partition, staging: str) -> int:
    """Count staged rows; rows of another partition would be left behind by the swap."""
    total = 0
    for values, count in warehouse.rows(
        f"SELECT _partition_value AS p, count() FROM {staging} GROUP BY p"  # noqa: S608
    ):
        found = tuple(values) if isinstance(values, tuple | list) else (values,)
        if found != partition.values:
            raise AuditFailed(f"{staging} holds rows of {found}, not only of {partition.key}")
        total += int(count)
    return total


def _swap(warehouse: Warehouse, partition: Partition, staging: str, *, is_empty: bool) -> None:
    params = {f"p{index}": value for index, value in enumerate(partition.values)}
    parts = ", ".join(
        f"{{p{index}:{'Date' if isinstance(value, date) else 'String'}}}"
        for index, value in enumerate(partition.values)
    )
    expression = parts if len(partition.values) == 1 else f"({parts})"
    if is_empty:
        warehouse.execute(f"ALTER TABLE {partition.table} DROP PARTITION {expression}", params)
    else:
        warehouse.execute(
            f"ALTER TABLE {partition.table} REPLACE PARTITION {expression} FROM {staging}", params
        )


def _record(
    warehouse: Warehouse,
    partition: Partition,
    watermark: int,
    state: str,
    row_count: int,
    now_ms: int,
) -> None:
    warehouse.execute(
        named_queries.load("audit/record_published_partition"),
        {
            "table": partition.table,
            "key": partition.key,
            "watermark": watermark,
            "state": state,
            "row_count": row_count,
            "now_ms": now_ms,
        },
    )
