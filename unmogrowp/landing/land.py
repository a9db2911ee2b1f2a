"""Landing: stream records become rows of raw and clean tables, each exactly once.

A range of offsets is read, written down as planned, inserted, cleaned, checked, published and
written down as landed, in that order and under the pipeline lock. Whoever is killed anywhere in
between leaves an open range; the next run repeats exactly that range before anything else, and
every write of the repeat finds out what is there already (see `range_writer`). The ledger lies in
the warehouse beside the rows, so the two cannot disagree after a restore.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pyarrow as pa

from unmogrowp.clock import Clock
from unmogrowp.contracts.topics import Topic
from unmogrowp.errors import AuditFailed, StreamGap
from unmogrowp.landing import contract
from unmogrowp.landing.fault_points import FaultPoints, NoFaults
from unmogrowp.landing.options import LANDED_TOPICS, LandingOptions
from unmogrowp.landing.range_landing import (
    AfterPublish,
    LandedRange,
    RangeLanding,
    StagedRange,
    is_complete,
    raw_counts,
    sums,
)
from unmogrowp.landing.ranges import LandingRange, Ledger
from unmogrowp.landing.records import day_counts, raw_table
from unmogrowp.landing.series import Gap, Standing, ended_series, standings
from unmogrowp.stream.port import PartitionSpan, StreamReader, StreamRecord
from unmogrowp.warehouse.client import Warehouse

__all__ = [
    "AfterPublish",
    "LandedRange",
    "Lander",
    "LandingReport",
    "StagedRange",
    "is_complete",
]

log = logging.getLogger(__name__)
_NO_BOUND = 2**62


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
        self._faults = faults or NoFaults()
        self._verify_lock = verify_lock or (lambda: None)
        self._topics = tuple(str(topic) for topic in topics)
        self._run_id = run_id
        self._ledger = Ledger(warehouse)
        self._range_landing = RangeLanding(
            warehouse,
            clock,
            self._options,
            after_publish,
            faults=self._faults,
            verify_lock=self._verify_lock,
            read_again=lambda wanted: self._read(wanted, is_bounded=False),
        )

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
        # The next range is read while the warehouse works on this one: reading is Python's work,
        # the rest is the engine's. Nothing is written down about it before its turn.
        position = standing.landed_end
        if position >= end:
            return
        with ThreadPoolExecutor(1, "read-ahead") as ahead:
            pending = ahead.submit(self._read_range, standing.span, position, end)
            while position < end:
                wanted, records, rows = pending.result()
                position = wanted.end
                if position < end:
                    pending = ahead.submit(self._read_range, standing.span, position, end)
                planned = self._plan(wanted, records, rows)
                self._finish(planned, records, rows, report, on_range)

    def _read_range(
        self, span: PartitionSpan, start: int, end: int
    ) -> tuple[LandingRange, list[StreamRecord], pa.Table | None]:
        """Read the next range within the bounds; it ends after the last record it holds."""
        wanted = LandingRange(0, span.topic, span.topic_id, span.partition, start, end)
        records = self._read(wanted, is_bounded=True)
        if records:
            wanted = replace(wanted, end=records[-1].offset + 1)
        rows = raw_table(records) if span.topic != Topic.COLLECTOR_STATS else None
        return wanted, records, rows

    def finish_from_raw(self, open_range: LandingRange) -> None:
        """Finish a range of which the stream has nothing any more with what raw.requests holds."""
        counts = raw_counts(self._warehouse, open_range)
        if counts:
            records, items, size = sums(counts)
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
        try:
            landed = self._range_landing.finish(landing_range, records, rows, report.checks)
        except AuditFailed:
            self._record_checks(report)
            raise
        report.ranges.append(landed)
        if on_range is not None:
            on_range(landed)

    def _record_checks(self, report: LandingReport) -> None:
        results = [
            contract.ContractResult(table, check, count)
            for (table, check), count in sorted(report.checks.items())
        ]
        numbers = [landed.landing_range.landing_seq for landed in report.ranges]
        key = f"landing_seq {min(numbers)}-{max(numbers)}" if numbers else "landing"
        contract.record_results(self._warehouse, results, key, self._clock.now_ms(), self._run_id)
