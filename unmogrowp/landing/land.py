"""Landing: stream records become rows of raw and clean tables, each exactly once.

A range of offsets is read, written down as planned, inserted, cleaned, checked, published and
written down as landed, in that order and under the pipeline lock. Whoever is killed anywhere in
between leaves an open range; the next run repeats exactly that range before anything else, and
every write of the repeat finds out what is there already (see `range_writer`). The ledger lies in
the warehouse beside the rows, so the two cannot disagree after a restore.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from unmogrowp.clock import Clock
from unmogrowp.errors import AuditFailed, StreamGap
from unmogrowp.landing import contract
from unmogrowp.landing.ahead import AheadStager
from unmogrowp.landing.fault_points import FaultPoints, NoFaults
from unmogrowp.landing.options import LANDED_TOPICS, LandingOptions
from unmogrowp.landing.range_landing import (
    AfterPublish,
    LandedRange,
    RangeLanding,
    StagedRange,
    is_complete,
    sums,
)
from unmogrowp.landing.range_writer import raw_counts
from unmogrowp.landing.ranges import LandingRange, Ledger
from unmogrowp.landing.reading import RangeReader, ReadRange
from unmogrowp.landing.records import day_counts
from unmogrowp.landing.series import Gap, Standing, ended_series, standings
from unmogrowp.stream.port import StreamReader
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
        self._ranges = RangeReader(reader, self._options)
        self._range_landing = RangeLanding(
            warehouse,
            clock,
            self._options,
            after_publish,
            faults=self._faults,
            verify_lock=self._verify_lock,
            read_again=self._ranges.read_again,
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
            self._finish(open_range, None, report, on_range)
        spans = self._reader.spans(self._topics)
        cursors = self._ledger.cursors()
        for ended, note in ended_series(spans, cursors):
            self._ledger.settle(ended, "series_ended", note, self._clock.now_ms())
        self._land_all(self._wanted(standings(spans, cursors), until, report), report, on_range)
        report.watermark = self._ledger.watermark()
        self._record_checks(report)
        if report.gaps:
            raise StreamGap(
                "records were removed from the stream before they were landed: "
                + ", ".join(str(gap) for gap in report.gaps)
                + "; `unmogrowp landing accept-gap` goes on without them"
            )
        return report

    def _land_all(
        self,
        wanted: Iterable[LandingRange],
        report: LandingReport,
        on_range: Callable[[LandedRange], None] | None,
    ) -> None:
        # The next range is read and staged while the warehouse works on this one: neither needs
        # anything of it, and nothing is written down about the next one before its turn.
        with (
            AheadStager(self._warehouse, self._options) as stager,
            ThreadPoolExecutor(1, "read-ahead") as ahead,
        ):
            ranges = self._ranges.read(wanted, stager)
            pending = ahead.submit(next, ranges, None)
            while (read := pending.result()) is not None:
                planned = self._plan(read)
                self._ranges.next_number = planned.landing_seq + 1
                pending = ahead.submit(next, ranges, None)
                self._finish(planned, read, report, on_range)

    def _wanted(
        self, standing: Iterable[Standing], until: Ends | None, report: LandingReport
    ) -> Iterator[LandingRange]:
        """Yield what is to be landed of each partition; note those that cannot go on."""
        for each in standing:
            each.require_consistent()
            gap = each.gap
            if gap is not None:
                report.gaps.append(gap)
                continue
            span = each.span
            end = span.end
            if until is not None:
                end = min(end, until.get((span.topic, span.partition), 0))
            start = each.landed_end
            if start < end:
                yield LandingRange(0, span.topic, span.topic_id, span.partition, start, end)

    def finish_from_raw(self, open_range: LandingRange) -> None:
        """Finish a range of which the stream has nothing any more with what raw.requests holds."""
        counts = raw_counts(self._warehouse, open_range)
        if counts:
            records, items, size = sums(counts)
            held = replace(open_range, record_count=records, item_count=items, body_bytes=size)
            self._finish(held, None, LandingReport(), None)

    def _plan(self, read: ReadRange) -> LandingRange:
        if read.rows is not None:
            record_count, item_count, body_bytes = sums(day_counts(read.rows))
        else:
            item_count, record_count = 0, len(read.records)
            body_bytes = sum(len(record.value) for record in read.records)
        planned = replace(
            read.wanted,
            record_count=record_count,
            item_count=item_count,
            body_bytes=body_bytes,
        )
        self._verify_lock()
        self._faults.reach("before:planned")
        planned = self._ledger.plan(planned, self._clock.now_ms())
        self._faults.reach("after:planned")
        return planned

    def _finish(
        self,
        landing_range: LandingRange,
        read: ReadRange | None,
        report: LandingReport,
        on_range: Callable[[LandedRange], None] | None,
    ) -> None:
        try:
            landed = self._range_landing.finish(landing_range, read, report.checks)
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
