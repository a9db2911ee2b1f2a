"""One range through all its writes, from the planned row to the landed one.

Every step finds out what an earlier try did (see `range_writer`), so the whole may be repeated from
the start wherever it was interrupted. A repeat needs the stream only for what raw.requests lacks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pyarrow as pa

from unmogrowp.clock import Clock
from unmogrowp.contracts.topics import Topic
from unmogrowp.errors import AuditFailed
from unmogrowp.landing import contract
from unmogrowp.landing.ahead import StagedAhead
from unmogrowp.landing.fault_points import FaultPoints
from unmogrowp.landing.options import KEYED_TABLES, STAGING, CleanTables, LandingOptions
from unmogrowp.landing.range_writer import RangeWriter, raw_counts
from unmogrowp.landing.ranges import NO_DAY, LandingRange, Ledger
from unmogrowp.landing.reading import ReadRange
from unmogrowp.landing.records import DayCount, day_counts, number_rows, raw_table
from unmogrowp.landing.staging import StagedTotals, Stager
from unmogrowp.stream.port import StreamRecord
from unmogrowp.warehouse.client import Warehouse

Checks = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class StagedRange:
    """A published range, for those who have to know which rows are new."""

    landing_seq: int
    now_ms: int
    events_table: str
    touches_table: str


@dataclass(slots=True)
class LandedRange:
    """What became of one range."""

    landing_range: LandingRange
    totals: StagedTotals | None
    late_copy_days: list[str] = field(default_factory=list)


AfterPublish = Callable[[StagedRange], None]


class RangeLanding:
    """Finishes planned ranges; the caller holds the pipeline lock."""

    def __init__(
        self,
        warehouse: Warehouse,
        clock: Clock,
        options: LandingOptions,
        after_publish: Sequence[AfterPublish],
        *,
        faults: FaultPoints,
        verify_lock: Callable[[], None],
        read_again: Callable[[LandingRange], list[StreamRecord]],
    ) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._options = options
        self._after_publish = list(after_publish)
        self._faults = faults
        self._verify_lock = verify_lock
        self._read_again = read_again
        self._ledger = Ledger(warehouse)
        self._writer = RangeWriter(warehouse, faults)
        self._stager = Stager(warehouse, options, STAGING)

    def finish(
        self,
        landing_range: LandingRange,
        read: ReadRange | None,
        checks: Checks,
    ) -> LandedRange:
        """Take a planned range through all writes.

        Args:
            landing_range: As it was planned.
            read: What was read of it; None at a repeat.
            checks: Gets the rows that broke each sentence of the contract, added up.
        """
        self._verify_lock()
        if landing_range.topic == Topic.COLLECTOR_STATS:
            return self._finish_reports(landing_range, read.records if read else None)
        rows, ahead = (read.rows, read.ahead) if read else (None, None)
        if ahead is not None and ahead.landing_seq != landing_range.landing_seq:
            ahead = None  # numbered for another place in the ledger
        return self._finish_requests(landing_range, rows, checks, ahead)

    def _finish_requests(
        self,
        landing_range: LandingRange,
        rows: pa.Table | None,
        checks: Checks,
        ahead: StagedAhead | None,
    ) -> LandedRange:
        counts = self._land_raw(landing_range, rows, ahead)
        self._faults.reach("before:staging")
        stager, totals = self._staged(landing_range, ahead)
        names = [name for name in KEYED_TABLES if getattr(totals, name)]
        if names and self._find_copies(stager, landing_range, names):
            totals = stager.totals(landing_range.slice_params())
        self._faults.reach("after:staging")
        tables = stager.tables
        self._require_contract(landing_range, tables, totals, checks)
        self._writer.publish(landing_range, tables, is_repeat=rows is None)
        landed = LandedRange(landing_range, totals)
        landed.late_copy_days = self._queue_late_copies(landing_range, tables, totals)
        staged = StagedRange(
            landing_range.landing_seq, self._clock.now_ms(), tables.events, tables.touches
        )
        for callback in self._after_publish:
            self._faults.reach(f"before:{_name(callback)}")
            callback(staged)
            self._faults.reach(f"after:{_name(callback)}")
        self._mark_landed(landing_range, counts)
        stager.clear()
        return landed

    def _staged(
        self, landing_range: LandingRange, ahead: StagedAhead | None
    ) -> tuple[Stager, StagedTotals]:
        """Return what was staged ahead if that is all there is to it, else stage it now."""
        if ahead is not None and ahead.totals.is_whole:
            return ahead.stager, ahead.totals
        self._stager.clear()
        return self._stager, self._stager.stage_requests(landing_range.slice_params())

    def _require_contract(
        self,
        landing_range: LandingRange,
        tables: CleanTables,
        totals: StagedTotals,
        checks: Checks,
    ) -> None:
        results = contract.check_contract(self._warehouse, tables, totals, self._options)
        for result in results:
            key = (result.table_name, result.check_name)
            checks[key] = checks.get(key, 0) + result.unexpected_count
        contract.require(results, str(landing_range))

    def _land_raw(
        self, landing_range: LandingRange, rows: pa.Table | None, ahead: StagedAhead | None
    ) -> list[DayCount]:
        is_repeat = rows is None
        if rows is None:
            held = raw_counts(self._warehouse, landing_range)
            if sums(held) == _planned_sums(landing_range):
                # The stream is not needed, nor may it have the records still.
                return held
            rows = raw_table(self._read_again(landing_range))
        rows = number_rows(rows, landing_range.landing_seq)
        expected = day_counts(rows)
        if sums(expected) != _planned_sums(landing_range):
            raise AuditFailed(
                f"{landing_range} reads as {sums(expected)} records, items and bytes, but was"
                " planned with others: the stream gave different records for the same offsets"
            )
        self._faults.reach("before:raw.requests")
        source = ahead.requests if ahead is not None else ""
        self._writer.write_raw(landing_range, rows, expected, source=source, is_repeat=is_repeat)
        self._faults.reach("after:raw.requests")
        return expected

    def _find_copies(
        self, stager: Stager, landing_range: LandingRange, names: Sequence[str]
    ) -> int:
        """Look for copies within the horizon around what is staged, on both sides of it."""
        tables = stager.tables
        first, last, _ = self._warehouse.named_rows(
            "landing/staged_days", {"events": tables.events, "touches": tables.touches}
        )[0]
        horizon = timedelta(days=self._options.dedup_horizon_days + 1)
        return stager.find_copies(
            str(first - horizon), str(last + horizon), landing_range.landing_seq, names
        )

    def _queue_late_copies(
        self, landing_range: LandingRange, tables: CleanTables, totals: StagedTotals
    ) -> list[str]:
        """Queue the days on which an earlier copy that landed later has to take its place."""
        if totals.duplicates == 0:
            return []
        rows = self._warehouse.named_rows(
            "landing/late_copy_days", {"duplicates": tables.duplicates}
        )
        days = [row[0].isoformat() for row in rows]
        if days:
            self._faults.reach("before:audit.touched_days")
            self._warehouse.run(
                "audit/record_touched_days",
                {
                    "mart": "clean",
                    "state": "touched",
                    "days": days,
                    "watermark": landing_range.landing_seq,
                    "reason": "late_copy",
                    "now_ms": self._clock.now_ms(),
                },
            )
            self._faults.reach("after:audit.touched_days")
        return days

    def _finish_reports(
        self, landing_range: LandingRange, records: Sequence[StreamRecord] | None
    ) -> LandedRange:
        is_repeat = records is None
        if records is None:
            records = self._read_again(landing_range)
        self._writer.write_reports(landing_range, records, is_repeat=is_repeat)
        counts = [DayCount(NO_DAY, len(records), 0, landing_range.body_bytes)]
        self._mark_landed(landing_range, counts)
        return LandedRange(landing_range, None)

    def _mark_landed(self, landing_range: LandingRange, counts: Sequence[DayCount]) -> None:
        self._verify_lock()
        self._faults.reach("before:landed")
        self._ledger.mark_landed(landing_range, counts, self._clock.now_ms())
        self._faults.reach("after:landed")


def is_complete(warehouse: Warehouse, landing_range: LandingRange) -> bool:
    """Say whether raw.requests holds everything that the range was planned with."""
    if landing_range.topic == Topic.COLLECTOR_STATS:
        return False
    return sums(raw_counts(warehouse, landing_range)) == _planned_sums(landing_range)


def sums(counts: Sequence[DayCount]) -> tuple[int, int, int]:
    """Return records, items and body bytes of all days together."""
    return (
        sum(count.record_count for count in counts),
        sum(count.item_count for count in counts),
        sum(count.body_bytes for count in counts),
    )


def _planned_sums(landing_range: LandingRange) -> tuple[int, int, int]:
    return landing_range.record_count, landing_range.item_count, landing_range.body_bytes


def _name(callback: AfterPublish) -> str:
    return str(getattr(callback, "__name__", type(callback).__name__))
