"""Builds days of the clean tables anew from raw.requests, with the same result.

A rebuild is what puts right a day on which an earlier copy landed late, and what applies a changed
rule to the past. It refuses a day whose raw rows are not exactly those that landing counted, runs
the statements of landing slice by slice, looks for copies against the days before it, and swaps
whole partitions. When rows change places, later days on which the same keys have rows may change
too; they follow, in the order of days, until nothing moves.

A rebuild takes the next number of the ledger, so that marts built before it are older than it.
"""

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial

from unmogrowp.clock import Clock
from unmogrowp.errors import LandingUnfinished, PartitionConflict, RebuildRefused
from unmogrowp.landing import contract
from unmogrowp.landing.fault_points import FaultPoints, NoFaults
from unmogrowp.landing.land import AfterPublish, StagedRange
from unmogrowp.landing.options import KEYED_TABLES, STAGING, CleanTables, LandingOptions
from unmogrowp.landing.ranges import Ledger
from unmogrowp.landing.staging import Stager
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import content_hash
from unmogrowp.warehouse.ledger_numbers import next_number, take_number
from unmogrowp.warehouse.publish import Partition, replace_partition, staging_copy

log = logging.getLogger(__name__)
# How often a day may move under a rebuild before it gives up; under the lock it never does.
_ATTEMPTS = 3

_ON_DAY = "toDate(received_at) = {day:Date}"

Audit = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class DaySlice:
    """Part of a day: some offsets of one partition, small enough to stage at once."""

    topic: str
    topic_id: str
    partition: int
    start: int
    end: int
    record_count: int
    item_count: int
    body_bytes: int

    def params(self, day: date) -> dict[str, object]:
        """Return the parameters with which queries pick the slice out of raw.requests."""
        return {
            "topic": self.topic,
            "topic_id": self.topic_id,
            "partition": self.partition,
            "start": self.start,
            "end": self.end,
            "first_day": day,
            "last_day": day,
        }


@dataclass(slots=True)
class RebuiltDay:
    """What a rebuild did; `changed_rows` is 0 where the day had been right."""

    day: date
    landing_seq: int
    row_counts: dict[str, int] = field(default_factory=dict)
    changed_rows: int = 0
    follow_up_days: list[date] = field(default_factory=list)


class Rebuilder:
    """Rebuilds days of the clean tables; the caller holds the pipeline lock."""

    def __init__(
        self,
        warehouse: Warehouse,
        clock: Clock,
        options: LandingOptions | None = None,
        after_publish: Sequence[AfterPublish] = (),
        *,
        audit: Audit | None = None,
        faults: FaultPoints | None = None,
        verify_lock: Callable[[], None] | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._options = options or LandingOptions()
        self._after_publish = list(after_publish)
        self._audit = audit
        self._faults = faults or NoFaults()
        self._verify_lock = verify_lock or (lambda: None)
        self._ledger = Ledger(warehouse)
        self._stager = Stager(warehouse, self._options, STAGING)

    def rebuild(self, days: Sequence[date]) -> list[RebuiltDay]:
        """Rebuild days and whatever later days follow from them, in the order of days.

        Raises:
            RebuildRefused: raw.requests does not hold exactly the rows that landing counted.
            LandingUnfinished: A range is open; landing has to finish it first.
            AuditFailed: The rebuilt day breaks its contract; the present one stays.
        """
        waiting = list(set(days))
        heapq.heapify(waiting)
        done: list[RebuiltDay] = []
        while waiting:
            day = heapq.heappop(waiting)
            rebuilt = self._rebuild_day(day)
            done.append(rebuilt)
            for follower in rebuilt.follow_up_days:
                if follower not in waiting:
                    heapq.heappush(waiting, follower)
        return done

    def _rebuild_day(self, day: date) -> RebuiltDay:
        self._verify_lock()
        for _ in range(_ATTEMPTS):
            slices = self._counted_slices(day)
            number = next_number(self._warehouse)
            with ExitStack() as stack:
                tables = self._stage_day(stack, day, slices)
                events, touches = (
                    stack.enter_context(staging_copy(self._warehouse, f"clean.{name}"))
                    for name in KEYED_TABLES
                )
                changed = StagedRange(number, self._clock.now_ms(), events, touches)
                rebuilt = RebuiltDay(day, number)
                self._find_changes(rebuilt, tables, changed)
                self._queue(rebuilt, changed)
                try:
                    self._publish(rebuilt, tables, slices)
                except PartitionConflict as conflict:
                    log.warning("%s moved while it was rebuilt (%s): staging again", day, conflict)
                    continue
            self._settle(rebuilt)
            return rebuilt
        raise PartitionConflict(f"{day} moved {_ATTEMPTS} times while it was rebuilt")

    def _counted_slices(self, day: date) -> list[DaySlice]:
        """Return what landing counted for the day, after proving that raw.requests holds it."""
        open_ranges = self._ledger.open_ranges()
        if open_ranges:
            raise LandingUnfinished(f"{open_ranges[0]} is planned but not landed: land it first")
        params = {"day": day.isoformat()}
        if self._warehouse.named_rows("landing/pruned_days", params):
            raise RebuildRefused(f"the raw rows of {day} were removed by retention")
        differences = self._warehouse.named_rows("landing/raw_differences", params)
        if differences:
            topic, partition, *counts = differences[0]
            raise RebuildRefused(
                f"raw.requests does not hold what was landed for {day}: {topic}/{partition} has"
                f" (records, items, bytes) {counts[3:]}, landed were {counts[:3]}"
            )
        return [DaySlice(*row) for row in self._warehouse.named_rows("landing/day_ranges", params)]

    def _stage_day(self, stack: ExitStack, day: date, slices: Sequence[DaySlice]) -> CleanTables:
        names = ("clean.events", "clean.touches", "clean.failed", "clean.duplicates")
        tables = CleanTables(
            *(stack.enter_context(staging_copy(self._warehouse, name)) for name in names)
        )
        expected = 0
        for piece in self._joined(slices):
            self._stager.clear()
            totals = self._stager.stage_requests(piece.params(day))
            expected += totals.expected_items
            for (_, target), (_, source) in zip(tables.items(), STAGING.items(), strict=True):
                self._warehouse.execute(f"INSERT INTO {target} SELECT * FROM {source}")  # noqa: S608
        self._stager.clear()
        # Unreadable reports are not requests: raw.requests cannot give them again.
        self._warehouse.run(
            "clean/keep_failed_reports", {"target": tables.failed, "day": day.isoformat()}
        )
        run = Stager(self._warehouse, self._options, tables)
        horizon = timedelta(days=self._options.dedup_horizon_days + 1)
        run.find_copies(str(day - horizon), str(day - timedelta(days=1)), 0)
        self._require_contract(day, tables, run, expected)
        return tables

    def _joined(self, slices: Sequence[DaySlice]) -> Iterator[DaySlice]:
        """Join neighbouring ranges into slices that are worth a statement and fit into memory."""
        current: DaySlice | None = None
        for piece in slices:
            if current is not None and (
                (piece.topic, piece.topic_id, piece.partition)
                == (current.topic, current.topic_id, current.partition)
                and current.body_bytes + piece.body_bytes <= self._options.range_bytes
            ):
                current = replace(
                    current,
                    end=piece.end,
                    record_count=current.record_count + piece.record_count,
                    item_count=current.item_count + piece.item_count,
                    body_bytes=current.body_bytes + piece.body_bytes,
                )
                continue
            if current is not None:
                yield current
            current = piece
        if current is not None:
            yield current

    def _require_contract(
        self, day: date, tables: CleanTables, run: Stager, expected_items: int
    ) -> None:
        nothing = DaySlice("", "", 0, 0, 0, 0, 0, 0).params(day)
        totals = replace(run.totals(nothing), expected_items=expected_items)
        checks = contract.check_contract(self._warehouse, tables, totals, self._options)
        contract.record_results(self._warehouse, checks, day.isoformat(), self._clock.now_ms())
        contract.require(checks, f"the rebuild of {day}")

    def _find_changes(self, rebuilt: RebuiltDay, tables: CleanTables, changed: StagedRange) -> None:
        """Collect rows that come or go, and the later days on which their keys have rows."""
        followers: set[date] = set()
        day = rebuilt.day.isoformat()
        last = rebuilt.day + timedelta(days=self._options.dedup_horizon_days + 1)
        for name, (key, kind) in KEYED_TABLES.items():
            target = getattr(changed, f"{name}_table")
            present, built = (
                content_hash(self._warehouse, f"clean.{name}", _ON_DAY, {"day": day}),
                content_hash(self._warehouse, getattr(tables, name)),
            )
            if present == built:
                continue
            self._warehouse.run(
                "clean/collect_changes",
                {
                    "target": target,
                    "present": f"clean.{name}",
                    "rebuilt": getattr(tables, name),
                    "day": day,
                },
            )
            count = int(self._warehouse.scalar(f"SELECT count() FROM {target}"))  # noqa: S608
            rebuilt.changed_rows += count
            if count:
                rows = self._warehouse.named_rows(
                    "clean/days_of_changed_keys",
                    {
                        "changed": target,
                        "present": f"clean.{name}",
                        "id": key,
                        "kind": kind,
                        "first_day": (rebuilt.day + timedelta(days=1)).isoformat(),
                        "last_day": last.isoformat(),
                    },
                )
                followers.update(row[0] for row in rows)
        rebuilt.follow_up_days = sorted(followers)

    def _queue(self, rebuilt: RebuiltDay, changed: StagedRange) -> None:
        """Write down what is due from now on, before anything is swapped: kills lose nothing."""
        days = [rebuilt.day, *rebuilt.follow_up_days]
        self._faults.reach("before:audit.touched_days")
        self._record_days(days, "touched", rebuilt.landing_seq)
        self._faults.reach("after:audit.touched_days")
        if rebuilt.changed_rows:
            for callback in self._after_publish:
                callback(changed)

    def _publish(
        self, rebuilt: RebuiltDay, tables: CleanTables, slices: Sequence[DaySlice]
    ) -> None:
        day = rebuilt.day

        # Nothing can move the day under the lock; whoever works without it is noticed here.
        if self._counted_slices(day) != list(slices):
            raise PartitionConflict(f"ranges of {day} were landed meanwhile")
        for table, staged in tables.items():
            self._faults.reach(f"before:{table}")
            published = replace_partition(
                self._warehouse,
                Partition(table, (day,)),
                staged,
                watermark=rebuilt.landing_seq,
                now_ms=self._clock.now_ms(),
                is_input_complete=True,
                audit=partial(self._audit, table) if self._audit else None,
                confirm=self._verify_lock,
            )
            self._faults.reach(f"after:{table}")
            rebuilt.row_counts[table] = published.row_count

    def _settle(self, rebuilt: RebuiltDay) -> None:
        """Take the number, so that marts know of the change, and clear the day from the queue."""
        now_ms = self._clock.now_ms()
        note = rebuilt.day.isoformat()
        self._faults.reach("before:rebuilt")
        take_number(self._warehouse, rebuilt.landing_seq, "rebuilt", note, now_ms)
        self._faults.reach("after:rebuilt")
        self._record_days([rebuilt.day], "built", rebuilt.landing_seq)
        self._faults.reach("after:built")

    def _record_days(self, days: Sequence[date], state: str, number: int) -> None:
        self._warehouse.run(
            "audit/record_touched_days",
            {
                "mart": "clean",
                "state": state,
                "days": [day.isoformat() for day in days],
                "watermark": number,
                "reason": "rebuild",
                "now_ms": self._clock.now_ms(),
            },
        )


def due_days(warehouse: Warehouse) -> list[date]:
    """Return the days of the clean tables that wait for a rebuild, earliest first."""
    return [row[0] for row in warehouse.named_rows("landing/due_clean_days")]
