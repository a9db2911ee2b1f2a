"""The writes of one range, each of which may be interrupted and repeated.

Every write goes into a table partitioned by day, as one block: per day it is there or it is not.
So a repeat first looks what is there, writes only the days that are missing, and looks again.
Tokens are the second fence: they keep out the request of a killed process that the warehouse is
still working on. The engine writes a token down before the rows become visible; a server killed
between the two knows the token of rows it does not have, so days that are still missing after
the insert are written once more under another token.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from unmogrowp.errors import AuditFailed
from unmogrowp.landing.collector_reports import report_tables
from unmogrowp.landing.fault_points import FaultPoints
from unmogrowp.landing.options import CleanTables
from unmogrowp.landing.ranges import LandingRange
from unmogrowp.landing.records import DayCount
from unmogrowp.stream.port import StreamRecord
from unmogrowp.warehouse.client import Warehouse

# One insert is one block, however large; a replay may touch many days.
ONE_BLOCK: Mapping[str, object] = {
    "min_insert_block_size_rows": 100_000_000,
    "min_insert_block_size_bytes": 100_000_000_000,
    "max_insert_block_size": 100_000_000,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 0,
}
_Counts = dict[date, int]


class RangeWriter:
    """Writes raw and clean rows of ranges."""

    def __init__(self, warehouse: Warehouse, faults: FaultPoints) -> None:
        self._warehouse = warehouse
        self._faults = faults

    def write_raw(
        self,
        landing_range: LandingRange,
        rows: pa.Table,
        expected: Sequence[DayCount],
        *,
        source: str = "",
        is_repeat: bool,
    ) -> None:
        """Insert the rows of the range that raw.requests lacks, and count them there.

        Args:
            landing_range: The planned range.
            rows: Its rows.
            expected: What they hold per day.
            source: Table of the warehouse that holds the same rows already, if any.
            is_repeat: An earlier try may have written some of them.

        Raises:
            AuditFailed: The table does not hold what was read; the range stays open.
        """
        present = raw_counts(self._warehouse, landing_range) if is_repeat else []
        for attempt in ("raw", "raw/again"):
            held = {count.day for count in present}
            missing = [count.day for count in expected if count.day not in held]
            if not missing:
                break
            token = f"{attempt}/{landing_range.token}"
            if source:
                self._copy_days(source, "raw.requests", missing, token)
            else:
                wanted = rows if len(missing) == len(expected) else _of_days(rows, missing)
                self._warehouse.insert_arrow(
                    "raw.requests", wanted, token=token, settings=ONE_BLOCK
                )
            present = raw_counts(self._warehouse, landing_range)
        if present != list(expected):
            raise AuditFailed(f"raw.requests holds {present} of {landing_range}, read {expected}")

    def publish(self, landing_range: LandingRange, staged: CleanTables, *, is_repeat: bool) -> None:
        """Make the staged rows of the range visible in the clean tables.

        Raises:
            AuditFailed: A clean table does not hold the staged rows afterwards.
        """
        counts: dict[str, _Counts] = {}
        for table, day, count in self._warehouse.named_rows(
            "landing/staged_counts",
            {
                "events": staged.events,
                "touches": staged.touches,
                "failed": staged.failed,
                "duplicates": staged.duplicates,
            },
        ):
            counts.setdefault(table, {})[day] = int(count)
        for table, source in staged.items():
            expected = counts.get(table)
            if not expected:
                continue
            self._faults.reach(f"before:{table}")
            self._publish_table(landing_range, table, source, expected, is_repeat=is_repeat)
            self._faults.reach(f"after:{table}")

    def write_reports(
        self, landing_range: LandingRange, records: Sequence[StreamRecord], *, is_repeat: bool
    ) -> None:
        """Insert what collectors said of themselves, and what of it could not be read."""
        for table, rows in zip(
            ("audit.collector_reports", "clean.failed"),
            report_tables(records, landing_range),
            strict=True,
        ):
            if rows.num_rows:
                self._faults.reach(f"before:{table}")
                self._insert_reports(table, rows, landing_range, is_repeat=is_repeat)
                self._faults.reach(f"after:{table}")

    def _insert_reports(
        self, table: str, rows: pa.Table, landing_range: LandingRange, *, is_repeat: bool
    ) -> None:
        where = {**landing_range.slice_params(), "table": table}
        for attempt in ("reports", "reports/again"):
            is_known = is_repeat or attempt != "reports"
            if is_known and self._warehouse.named_rows("landing/report_rows", where)[0][0]:
                return
            token = f"{attempt}/{landing_range.token}"
            self._warehouse.insert_arrow(table, rows, token=token, settings=ONE_BLOCK)

    def _publish_table(
        self,
        landing_range: LandingRange,
        table: str,
        source: str,
        expected: _Counts,
        *,
        is_repeat: bool,
    ) -> None:
        present = self._published(landing_range, table, expected) if is_repeat else {}
        for attempt in ("clean", "clean/again"):
            missing = [day for day in expected if day not in present]
            if not missing:
                break
            self._copy_days(source, table, missing, f"{attempt}/{landing_range.token}")
            present = self._published(landing_range, table, expected)
        if present != expected:
            raise AuditFailed(f"{table} holds {present} of {landing_range}, staged {expected}")

    def _copy_days(self, source: str, table: str, days: Sequence[date], token: str) -> None:
        self._warehouse.run(
            "landing/publish_days",
            {"table": table, "staged": source, "days": [day.isoformat() for day in days]},
            {**ONE_BLOCK, "insert_deduplication_token": token},
        )

    def _published(self, landing_range: LandingRange, table: str, expected: _Counts) -> _Counts:
        rows = self._warehouse.named_rows(
            "landing/published_counts",
            {
                "table": table,
                "landing_seq": landing_range.landing_seq,
                "days": [day.isoformat() for day in expected],
            },
        )
        return {day: int(count) for day, count in rows}


def raw_counts(warehouse: Warehouse, landing_range: LandingRange) -> list[DayCount]:
    """Return what raw.requests holds of a range, per UTC day of receipt."""
    rows = warehouse.named_rows("landing/raw_day_counts", landing_range.slice_params())
    return [DayCount(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]


def _of_days(rows: pa.Table, wanted: Sequence[date]) -> pa.Table:
    days = pc.cast(rows.column("received_at"), pa.date32())
    return rows.filter(pc.is_in(days, value_set=pa.array(wanted, pa.date32())))
