"""How one partition of a day is built and published, and what every such build says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from unmogrowp.clock import Clock
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.contracts import check_contract
from unmogrowp.warehouse.publish import Partition, Published, replace_partition, staging_copy
from unmogrowp.warehouse.quality import QualityResult

# Further checks of a staging table; raises AuditFailed to publish nothing.
Audit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build published and what its contract checks found."""

    day: date
    watermark: int
    published: tuple[Published, ...]
    checks: tuple[QualityResult, ...]

    @property
    def row_counts(self) -> dict[str, int]:
        """Return the published rows by table."""
        counts: dict[str, int] = {}
        for one in self.published:
            counts[one.partition.table] = counts.get(one.partition.table, 0) + one.row_count
        return counts


def publish_day(
    warehouse: Warehouse,
    partition: Partition,
    day: date,
    watermark: int,
    clock: Clock,
    *,
    fill: Callable[[str], None],
    contract: str,
    params: Mapping[str, Any] | None = None,
    audit: Audit | None = None,
    is_input_complete: Callable[[str], bool] = lambda _: True,
) -> Built:
    """Publish one partition: stage by `fill`, check the contract, audit, swap.

    Args:
        warehouse: Where the table is.
        partition: What is replaced.
        day: UTC day of the partition.
        watermark: Highest landing_seq such that all up to it are landed, read before this call.
        clock: Gives the instant that is recorded with the publish.
        fill: Writes the rows into the staging table.
        contract: Named query with the sentences that must be true of the staged rows.
        params: Its parameters beside `day`.
        audit: Further checks of the staging table.
        is_input_complete: Says of the filled staging table whether its input was all there is, so
            that no row is the truth; as a rule it is.

    Raises:
        AuditFailed: A contract sentence is false, or `audit` refused; nothing was published.
        PartitionConflict: A build that had read more is published already.
    """
    known = {**(params or {}), "day": day}
    checks: list[QualityResult] = []

    def check(staging: str) -> None:
        checks.extend(check_contract(warehouse, contract, partition.table, staging, known))
        if audit is not None:
            audit(staging)

    with staging_copy(warehouse, partition.table) as staging:
        fill(staging)
        published = replace_partition(
            warehouse,
            partition,
            staging,
            watermark=watermark,
            now_ms=clock.now_ms(),
            is_input_complete=is_input_complete(staging),
            audit=check,
        )
    return Built(day, watermark, (published,), tuple(checks))
