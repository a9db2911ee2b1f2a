"""Landing: stream records become rows of raw and clean tables, each exactly once.

A range of offsets is read, written down as planned, inserted, cleaned, checked, published and
written down as landed, in that order and under the pipeline lock. Whoever is killed anywhere in
between leaves an open range; the next run repeats exactly that range before anything else, and
every write of the repeat finds out what is there already (see `range_writer`). The ledger lies in
the warehouse beside the rows, so the two cannot disagree after a restore.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pyarrow as pa

from unmogrowp.clock import Clock
from unmogrowp.contracts.topics import Topic
from unmogrowp.errors import AuditFailed, StreamGap
from unmogrowp.landing import contract
from unmogrowp.landing.collector_reports import report_tables
from unmogrowp.landing.fault_points import FaultPoints, NoFaults
from unmogrowp.landing.options import LANDED_TOPICS, STAGING, LandingOptions
from unmogrowp.landing.range_writer import ONE_BLOCK, RangeWriter
from unmogrowp.landing.ranges import NO_DAY, LandingRange, Ledger
from unmogrowp.landing.records import DayCount, day_counts, number_rows, raw_table
from unmogrowp.landing.series import Gap, Standing, ended_series, standings
from unmogrowp.landing.staging import StagedTotals, Stager
from unmogrowp.stream.port import StreamReader, StreamRecord
from unmogrowp.warehouse.client import Warehouse

log = logging.getLogger(__name__)
_NO_BOUND = 2**62


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


@dataclass(slots=True)
class LandingReport:
    """What one pass did; `gaps` are partitions that stopped."""

    ranges: list[LandedRange] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    checks: dict[tuple[str, str], int] = field(default_factory=dict)
    watermark: int = 0

    @property
    def record_count(self) -> int:
        """Return how many stream records were landed."""
        return sum(landed.landing_range.record_count for landed in self.ranges)

    def total(self, name: str) -> int:
        """Return the sum of one field of `StagedTotals` over all ranges."""
        return sum(int(getattr(landed.totals, name)) for landed in self.ranges if landed.totals)


AfterPublish = Callable[[StagedRange], None]
Ends = Mapping[tuple[str, int], int]


class Lander:
    """Lands what the stream holds. The caller holds the pipeline lock during `land`."""

    def __init__(
        self,
        warehouse: Warehouse,
        reader: StreamReader,
        clock: Clock,
        options: LandingOptions | None = None,
        after_publish: Sequence[AfterPublish] = (),
        *,
        faults: FaultPoints | None = None,
        verify_lock: Callable[[], None] | None = None,
        topics: Sequence[str] = LANDED_TOPICS,
        run_id: str = "",
    ) -> None:
        self._warehouse = warehouse
        self._reader = reader
        self._clock = clock
        self._options = options or LandingOptions()
        self._after_publish = list(after_publish)
        self._faults = faults or NoFaults()
        self._verify_lock = verify_lock or (lambda: None)
        self._topics = tuple(str(topic) for topic in topics)
        self._run_id = run_id
        self._ledger = Ledger(warehouse)
        self._writer = RangeWriter(warehouse, self._faults)
        self._stager = Stager(warehouse, self._options, STAGING)

    def land(
        self,
        until: Ends | None = None,
        on_range: Callable[[LandedRange], None] | None = None,
    ) -> LandingReport:
        """Land everything up to the end offsets seen now, or up to `until` where given.

        Raises:
            StreamGap: Partitions lost records before they were landed. The other partitions were
                landed nevertheless; the message names every lost range.
            AuditFailed: A range breaks its contract; it stays open and nothing of it is visible.
            TransientError: A server was away; the next run goes on where this one stopped.
        """
        report = LandingReport()
        for open_range in self._ledger.open_ranges():
            log.info("repeating %s, planned as %d", open_range, open_range.landing_seq)
            self._finish(open_range, None, None, report, on_range)
        spans = self._reader.spans(self._topics)
        cursors = self._ledger.cursors()
        for ended, note in ended_series(spans, cursors):
            self._ledger.settle(ended, "series_ended", note, self._clock.now_ms())
        for standing in standings(spans, cursors):
            standing.require_consistent()
            gap = standing.gap
            if gap is not None:
                report.gaps.append(gap)
                continue
            end = standing.span.end
            if until is not None:
                end = min(end, until.get((standing.span.topic, standing.span.partition), 0))
            self._land_partition(standing, end, report, on_range)
        report.watermark = self._ledger.watermark()
        self._record_checks(report)
        if report.gaps:
            raise StreamGap(
                "records were removed from the stream before they were landed: "
                + ", ".join(str(gap) for gap in report.gaps)
                + "; `unmogrowp landing accept-gap` goes on without them"
            )
        return report

    def _land_partition(
        self,
        standing: Standing,
        end: int,
        report: LandingReport,
        on_range: Callable[[LandedRange], None] | None,
    ) -> None:
        position = standing.landed_end
        while position < end:
            span = standing.span
            wanted = LandingRange(0, span.topic, span.topic_id, span.partition, position, end)
            records = self._read(wanted, is_bounded=True)
            if records:
                wanted = replace(wanted, end=records[-1].offset + 1)
            rows = raw_table(records) if wanted.topic != Topic.COLLECTOR_STATS else None
            planned = self._plan(wanted, records, rows)
            self._finish(planned, records, rows, report, on_range)
            position = planned.end

    def finish_from_raw(self, open_range: LandingRange) -> None:
        """Finish a range of which the stream has nothing any more with what raw.requests holds."""
        counts = self._writer.raw_counts(open_range)
        if counts:
            records, items, size = _sums(counts)
            held = replace(open_range, record_count=records, item_count=items, body_bytes=size)
            self._finish(held, None, None, LandingReport(), None)

    def _read(self, wanted: LandingRange, *, is_bounded: bool) -> list[StreamRecord]:
        options = self._options
        records = list(
            self._reader.read(
                wanted.topic,
                wanted.partition,
                wanted.start,
                wanted.end,
                max_bytes=options.range_bytes if is_bounded else _NO_BOUND,
                max_records=options.range_records if is_bounded else _NO_BOUND,
            )
        )
        strangers = {record.topic_id for record in records} - {wanted.topic_id}
        if strangers:
            raise StreamGap(f"{wanted} was planned for topic id {wanted.topic_id}, not {strangers}")
        return records

    def _plan(
        self, wanted: LandingRange, records: Sequence[StreamRecord], rows: pa.Table | None
    ) -> LandingRange:
        counts = day_counts(rows) if rows is not None else []
        planned = replace(
            wanted,
            record_count=len(records),
            item_count=sum(count.item_count for count in counts),
            body_bytes=sum(len(record.value) for record in records),
        )
        self._verify_lock()
        self._faults.reach("before:planned")
        planned = self._ledger.plan(planned, self._clock.now_ms())
        self._faults.reach("after:planned")
        return planned

    def _finish(
        self,
        landing_range: LandingRange,
        records: Sequence[StreamRecord] | None,
        rows: pa.Table | None,
        report: LandingReport,
        on_range: Callable[[LandedRange], None] | None,
    ) -> None:
        """Take a planned range through all writes; without records it is a repeat."""
        self._verify_lock()
        if landing_range.topic == Topic.COLLECTOR_STATS:
            landed = self._finish_reports(landing_range, records)
        else:
            landed = self._finish_requests(landing_range, rows, report)
        report.ranges.append(landed)
        if on_range is not None:
            on_range(landed)

    def _finish_requests(
        self, landing_range: LandingRange, rows: pa.Table | None, report: LandingReport
    ) -> LandedRange:
        counts = self._land_raw(landing_range, rows)
        self._faults.reach("before:staging")
        self._stager.clear()
        totals = self._stager.stage_requests(landing_range.slice_params())
        if (totals.events or totals.touches) and self._find_copies(landing_range):
            totals = self._stager.totals(landing_range.slice_params())
        self._faults.reach("after:staging")
        self._require_contract(landing_range, totals, report)
        self._writer.publish(landing_range, STAGING, is_repeat=rows is None)
        landed = LandedRange(landing_range, totals)
        landed.late_copy_days = self._queue_late_copies(landing_range, totals)
        staged = StagedRange(
            landing_range.landing_seq, self._clock.now_ms(), STAGING.events, STAGING.touches
        )
        for callback in self._after_publish:
            self._faults.reach(f"before:{_name(callback)}")
            callback(staged)
            self._faults.reach(f"after:{_name(callback)}")
        self._mark_landed(landing_range, counts)
        self._stager.clear()
        return landed

    def _require_contract(
        self, landing_range: LandingRange, totals: StagedTotals, report: LandingReport
    ) -> None:
        checks = contract.check_contract(self._warehouse, STAGING, totals, self._options)
        for check in checks:
            key = (check.table_name, check.check_name)
            report.checks[key] = report.checks.get(key, 0) + check.unexpected_count
        try:
            contract.require(checks, str(landing_range))
        except AuditFailed:
            self._record_checks(report)
            raise

    def _land_raw(self, landing_range: LandingRange, rows: pa.Table | None) -> list[DayCount]:
        is_repeat = rows is None
        if rows is None:
            if is_complete(self._warehouse, landing_range):
                # The stream is not needed, nor may it have the records still.
                return self._writer.raw_counts(landing_range)
            rows = raw_table(self._read(landing_range, is_bounded=False))
        rows = number_rows(rows, landing_range.landing_seq)
        expected = day_counts(rows)
        if _sums(expected) != _planned_sums(landing_range):
            raise AuditFailed(
                f"{landing_range} reads as {_sums(expected)} records, items and bytes, but was"
                " planned with others: the stream gave different records for the same offsets"
            )
        self._faults.reach("before:raw.requests")
        self._writer.write_raw(landing_range, rows, expected, is_repeat=is_repeat)
        self._faults.reach("after:raw.requests")
        return expected

    def _find_copies(self, landing_range: LandingRange) -> int:
        """Look for copies within the horizon around what is staged, on both sides of it."""
        first, last, _ = self._warehouse.named_rows(
            "landing/staged_days", {"events": STAGING.events, "touches": STAGING.touches}
        )[0]
        horizon = timedelta(days=self._options.dedup_horizon_days + 1)
        return self._stager.find_copies(
            str(first - horizon), str(last + horizon), landing_range.landing_seq
        )

    def _queue_late_copies(self, landing_range: LandingRange, totals: StagedTotals) -> list[str]:
        """Queue the days on which an earlier copy that landed later has to take its place."""
        if totals.duplicates == 0:
            return []
        rows = self._warehouse.named_rows(
            "landing/late_copy_days", {"duplicates": STAGING.duplicates}
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
            records = self._read(landing_range, is_bounded=False)
        for table, rows in zip(
            ("audit.collector_reports", "clean.failed"),
            report_tables(records, landing_range),
            strict=True,
        ):
            if rows.num_rows:
                self._faults.reach(f"before:{table}")
                self._insert_reports(table, rows, landing_range, is_repeat=is_repeat)
                self._faults.reach(f"after:{table}")
        counts = [DayCount(NO_DAY, len(records), 0, landing_range.body_bytes)]
        self._mark_landed(landing_range, counts)
        return LandedRange(landing_range, None)

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

    def _mark_landed(self, landing_range: LandingRange, counts: Sequence[DayCount]) -> None:
        self._verify_lock()
        self._faults.reach("before:landed")
        self._ledger.mark_landed(landing_range, counts, self._clock.now_ms())
        self._faults.reach("after:landed")

    def _record_checks(self, report: LandingReport) -> None:
        results = [
            contract.ContractResult(table, check, count)
            for (table, check), count in sorted(report.checks.items())
        ]
        numbers = [landed.landing_range.landing_seq for landed in report.ranges]
        key = f"landing_seq {min(numbers)}-{max(numbers)}" if numbers else "landing"
        contract.record_results(self._warehouse, results, key, self._clock.now_ms(), self._run_id)


def is_complete(warehouse: Warehouse, landing_range: LandingRange) -> bool:
    """Say whether raw.requests holds everything that the range was planned with."""
    if landing_range.topic == Topic.COLLECTOR_STATS:
        return False
    counts = RangeWriter(warehouse, NoFaults()).raw_counts(landing_range)
    return _sums(counts) == _planned_sums(landing_range)


def _planned_sums(landing_range: LandingRange) -> tuple[int, int, int]:
    return landing_range.record_count, landing_range.item_count, landing_range.body_bytes


def _sums(counts: Sequence[DayCount]) -> tuple[int, int, int]:
    return (
        sum(count.record_count for count in counts),
        sum(count.item_count for count in counts),
        sum(count.body_bytes for count in counts),
    )


def _name(callback: AfterPublish) -> str:
    return str(getattr(callback, "__name__", type(callback).__name__))
