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
from collections.abc import Callable, Iterator, Sequence
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
def staging_copy(warehouse: Warehouse, table: str, *, merges: bool = True) -> Iterator[str]:
    """Create an empty table like `table` for one run; drop it at the end, whatever happens.

    Args:
        warehouse: Where both are.
        table: A table; what is to be large, of the MergeTree family.
        merges: False leaves its parts as they are written. They are merged where they are
            published, once and while nobody waits, instead of in part while the build goes on.
    """
    staging = f"staging.{table.replace('.', '_')}{RUN_MARK}{uuid.uuid4().hex[:12]}"
    warehouse.execute(f"CREATE TABLE {staging} AS {table}")
    try:
        if not merges:
            warehouse.execute(
                f"ALTER TABLE {staging} MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1"
            )
        yield staging
    finally:
        warehouse.execute(f"DROP TABLE IF EXISTS {staging} SYNC")


def drop_abandoned_staging(warehouse: Warehouse, like: str = "") -> list[str]:
    """Drop the staging tables of killed runs; the caller holds the pipeline lock.

    Args:
        warehouse: Where they are.
        like: Only those that `staging_copy` made of this table; all of them by default.
    """
    rows = warehouse.rows(
        "SELECT name FROM system.tables"
        " WHERE database = 'staging' AND position(name, {mark:String})",
        {"mark": like.replace(".", "_") + RUN_MARK},
    )
    names = [f"staging.`{name}`" for (name,) in rows]
    for name in names:
        warehouse.execute(f"DROP TABLE IF EXISTS {name} SYNC")
    return names


def present_watermarks(warehouse: Warehouse, table: str, keys: Sequence[str]) -> dict[str, int]:
    """Return the highest watermark anyone published or began to publish, by partition key.

    Partitions that nobody ever published are left out.
    """
    return {
        key: int(watermark)
        for key, watermark in warehouse.rows(
            "SELECT partition_key, max(watermark) FROM audit.published_partitions"
            " WHERE table_name = {table:String} AND has({keys:Array(String)}, partition_key)"
            " GROUP BY partition_key",
            {"table": table, "keys": list(keys)},
        )
    }


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
    (published,) = replace_partitions(
        warehouse,
        (partition,),
        staging,
        watermark=watermark,
        now_ms=now_ms,
        is_input_complete=is_input_complete,
        audit=audit,
        confirm=confirm,
    )
    return published


def replace_partitions(
    warehouse: Warehouse,
    partitions: Sequence[Partition],
    staging: str,
    *,
    watermark: int,
    now_ms: int,
    is_input_complete: bool,
    audit: Callable[[str], None] | None = None,
    confirm: Callable[[], None] | None = None,
) -> tuple[Published, ...]:
    """Swap the rows of `staging` in for several partitions of one table, one after the other.

    All are checked before the first is swapped. A kill in between leaves some of them new and
    some old, each whole, so the same build has to be due until it has ended. Arguments and errors
    are those of `replace_partition`; `staging` holds rows of these partitions only.
    """
    counts = _checked_row_counts(warehouse, partitions, staging)
    for partition, rows in zip(partitions, counts, strict=True):
        if rows == 0 and not is_input_complete:
            raise AuditFailed(
                f"{partition.table} {partition.key}: the build gave no rows and its input was not"
                " proven complete; the present rows stay"
            )
    if audit is not None:
        audit(staging)
    if confirm is not None:
        confirm()
    table = partitions[0].table
    present = present_watermarks(warehouse, table, [partition.key for partition in partitions])
    for key, highest in present.items():
        if watermark < highest:
            raise PartitionConflict(
                f"{table} {key}: this build had read up to landing_seq"
                f" {watermark}, but one that read up to {highest} is published"
            )
    published = tuple(
        Published(partition, rows, watermark, is_dropped=rows == 0)
        for partition, rows in zip(partitions, counts, strict=True)
    )
    _record(warehouse, published, "publishing", now_ms)
    for one in published:
        _swap(warehouse, one.partition, staging, is_empty=one.is_dropped)
    _record(warehouse, published, "published", now_ms)
    return published


def _checked_row_counts(
    warehouse: Warehouse, partitions: Sequence[Partition], staging: str
) -> list[int]:
    """Count staged rows; rows of another partition would be left behind by the swap."""
    counts = dict.fromkeys((partition.values for partition in partitions), 0)
    for values, count in warehouse.rows(
        f"SELECT _partition_value AS p, count() FROM {staging} GROUP BY p"  # noqa: S608
    ):
        found = tuple(values) if isinstance(values, tuple | list) else (values,)
        if found not in counts:
            wanted = ", ".join(partition.key for partition in partitions)
            raise AuditFailed(f"{staging} holds rows of {found}, not only of {wanted}")
        counts[found] += int(count)
    return list(counts.values())


def attach_partition(warehouse: Warehouse, partition: Partition, target: str) -> None:
    """Add the rows of a partition to a table that is made alike; no row is copied or read.

    Args:
        warehouse: Where both tables are.
        partition: Where the rows are; they stay there as well.
        target: A table with the same columns and keys.
    """
    expression, params = _expression(partition)
    warehouse.execute(
        f"ALTER TABLE {target} ATTACH PARTITION {expression} FROM {partition.table}", params
    )


def _swap(warehouse: Warehouse, partition: Partition, staging: str, *, is_empty: bool) -> None:
    expression, params = _expression(partition)
    if is_empty:
        warehouse.execute(f"ALTER TABLE {partition.table} DROP PARTITION {expression}", params)
    else:
        warehouse.execute(
            f"ALTER TABLE {partition.table} REPLACE PARTITION {expression} FROM {staging}", params
        )


def _expression(partition: Partition) -> tuple[str, dict[str, str | date]]:
    """Return how a statement names the partition, and the parameters of that."""
    params = {f"p{index}": value for index, value in enumerate(partition.values)}
    parts = ", ".join(
        f"{{{name}:{'Date' if isinstance(value, date) else 'String'}}}"
        for name, value in params.items()
    )
    return parts if len(partition.values) == 1 else f"({parts})", params


def _record(warehouse: Warehouse, published: Sequence[Published], state: str, now_ms: int) -> None:
    warehouse.execute(
        named_queries.load("audit/record_published_partition"),
        {
            "table": published[0].partition.table,
            "keys": [one.partition.key for one in published],
            "watermark": published[0].watermark,
            "state": state,
            "row_counts": [one.row_count for one in published],
            "now_ms": now_ms,
        },
    )
