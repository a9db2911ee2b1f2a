"""The landing ledger: which offsets are planned, landed, given up, and where to go on.

`audit.landing_ranges` lies beside the data, so that a warehouse restored from a backup lands again
what it lacks. It is append-only. A range is open while it has a `planned` row and neither a
`landed` nor a `gap_accepted` row of the same landing_seq; open ranges are repeated before anything
else is planned, so that the input of deduplication at a repeat is that of the first try.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from unmogrowp.errors import PartitionConflict
from unmogrowp.landing.records import DayCount
from unmogrowp.warehouse.client import Warehouse

NO_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class LandingRange:
    """Offsets `[start, end)` of one partition that are landed as one."""

    landing_seq: int
    topic: str
    topic_id: str
    partition: int
    start: int
    end: int
    record_count: int = 0
    item_count: int = 0
    body_bytes: int = 0

    @property
    def token(self) -> str:
        """Return the name of this range in deduplication tokens."""
        return f"{self.topic_id}/{self.partition}/{self.start}-{self.end}"

    def __str__(self) -> str:
        """Return the form people read."""
        return f"{self.topic}/{self.partition} [{self.start}, {self.end})"

    def slice_params(self) -> dict[str, object]:
        """Return the parameters with which queries pick this range out of raw.requests."""
        return {
            "topic": self.topic,
            "topic_id": self.topic_id,
            "partition": self.partition,
            "start": self.start,
            "end": self.end,
            "first_day": date(1970, 1, 1),
            "last_day": date(2149, 6, 6),
        }


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where landing of a partition stands: everything below `landed_end` is settled."""

    topic: str
    topic_id: str
    partition: int
    landed_end: int
    is_series_ended: bool


class Ledger:
    """Reads and writes `audit.landing_ranges`; the caller holds the pipeline lock for writes."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def open_ranges(self) -> list[LandingRange]:
        """Return ranges that were planned but not landed, in the order of planning."""
        return [LandingRange(*row) for row in self._warehouse.named_rows("landing/open_ranges")]

    def cursors(self) -> dict[tuple[str, str, int], Cursor]:
        """Return the cursor of every (topic, topic_id, partition) landed so far."""
        rows = self._warehouse.named_rows("landing/cursors")
        return {
            (row[0], row[1], row[2]): Cursor(row[0], row[1], row[2], int(row[3]), bool(row[4]))
            for row in rows
        }

    def watermark(self) -> int:
        """Return the highest landing_seq such that no range up to it is open; 0 before any."""
        return int(self._warehouse.named_rows("landing/watermark")[0][0])

    def plan(self, planned: LandingRange, now_ms: int) -> LandingRange:
        """Write a planned range down under the next number and return it with that number.

        Raises:
            PartitionConflict: The partition does not stand at the start of the range any more, or
                a range is open: somebody else landed meanwhile.
        """
        self._warehouse.run(
            "landing/plan_range",
            {
                **_values(planned, now_ms),
                "record_count": planned.record_count,
                "item_count": planned.item_count,
                "body_bytes": planned.body_bytes,
            },
        )
        for row in self.open_ranges():
            if (row.topic_id, row.partition, row.start, row.end) == (
                planned.topic_id,
                planned.partition,
                planned.start,
                planned.end,
            ):
                return row
        raise PartitionConflict(f"{planned}: the partition moved while the range was read")

    def mark_landed(
        self, landed: LandingRange, counts: Sequence[DayCount], now_ms: int, note: str = ""
    ) -> None:
        """Write one row per UTC day, all in one block: the range is landed or it is not."""
        days = counts or [DayCount(NO_DAY, 0, 0, 0)]
        self._warehouse.run(
            "landing/mark_landed",
            {
                **_values(landed, now_ms),
                "landing_seq": landed.landing_seq,
                "days": [count.day.isoformat() for count in days],
                "record_counts": [count.record_count for count in days],
                "item_counts": [count.item_count for count in days],
                "body_bytes": [count.body_bytes for count in days],
                "note": note,
            },
            {"insert_deduplication_token": f"landed/{landed.token}"},
        )

    def settle(self, settled: LandingRange, state: str, note: str, now_ms: int) -> None:
        """Write `gap_accepted` or `series_ended`: nothing of these offsets will be landed.

        A range without a number gets the next one; an open range keeps its own.
        """
        self._warehouse.run(
            "landing/settle_range",
            {
                **_values(settled, now_ms),
                "landing_seq": settled.landing_seq,
                "state": state,
                "note": note,
            },
        )


def _values(range_: LandingRange, now_ms: int) -> dict[str, object]:
    return {
        "topic": range_.topic,
        "topic_id": range_.topic_id,
        "partition": range_.partition,
        "start": range_.start,
        "end": range_.end,
        "now_ms": now_ms,
    }
