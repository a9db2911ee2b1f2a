"""Removes raw rows after their time. What was removed is noted first: such a day is final.

The clean tables stay. Their days cannot be rebuilt any more, and a rebuild says so instead of
building them from what is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from unmogrowp.clock import Clock, utc
from unmogrowp.errors import LandingUnfinished
from unmogrowp.landing.fault_points import FaultPoints, NoFaults
from unmogrowp.landing.ranges import Ledger
from unmogrowp.warehouse.client import Warehouse


@dataclass(frozen=True, slots=True)
class PrunedDay:
    """A day whose raw rows were removed."""

    day: date
    record_count: int
    item_count: int
    body_bytes: int


def prune(
    warehouse: Warehouse,
    clock: Clock,
    retention_days: int,
    *,
    faults: FaultPoints | None = None,
    verify_lock: Callable[[], None] | None = None,
    is_dry_run: bool = False,
) -> list[PrunedDay]:
    """Drop the days of raw.requests older than `retention_days`; under the pipeline lock.

    Raises:
        LandingUnfinished: A range is open: its repeat may need the rows.
    """
    points = faults or NoFaults()
    ledger = Ledger(warehouse)
    open_ranges = ledger.open_ranges()
    if open_ranges:
        raise LandingUnfinished(f"{open_ranges[0]} is planned but not landed: land it first")
    now_ms = clock.now_ms()
    first_kept = utc(now_ms).date() - timedelta(days=retention_days)
    rows = warehouse.named_rows("landing/prunable_days", {"first_kept": first_kept.isoformat()})
    pruned = [PrunedDay(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]
    if is_dry_run:
        return pruned
    for entry in pruned:
        if verify_lock is not None:
            verify_lock()
        points.reach("before:pruned")
        warehouse.run(
            "landing/mark_pruned",
            {
                "day": entry.day.isoformat(),
                "record_count": entry.record_count,
                "item_count": entry.item_count,
                "body_bytes": entry.body_bytes,
                "retention_days": retention_days,
                "now_ms": now_ms,
            },
        )
        points.reach("after:pruned")
        warehouse.execute(
            "ALTER TABLE raw.requests DROP PARTITION {day:Date}", {"day": entry.day.isoformat()}
        )
        points.reach("after:drop")
    return pruned
