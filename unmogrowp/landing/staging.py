"""Requests of `raw.requests` become typed rows in staging tables, by SQL alone.

The same statements serve landing (a range of offsets) and rebuild (a slice of a day), which is
why a rebuilt day has the content it had. What the engine cannot split is handed to `poison`.
"""

from collections.abc import Collection
from dataclasses import dataclass

from unmogrowp.contracts.topics import Topic
from unmogrowp.landing.options import KEYED_TABLES, CleanTables, LandingOptions
from unmogrowp.landing.poison import REPAIRED, give_up_uncounted, repair_requests
from unmogrowp.warehouse.client import Params, Warehouse

# Items of the requests being staged, cut out but not typed yet; empty between two slices.
ITEMS = "staging.items"
RAW = "raw.requests"
# One small part would be read by one thread; splitting JSON is worth all of them. Blocks of the
# usual megabyte hold two thousand items, and two hundred columns cost something per block.
_PARALLEL = {
    "merge_tree_min_rows_for_concurrent_read": 1,
    "merge_tree_min_bytes_for_concurrent_read": 1,
    "preferred_block_size_bytes": 8 * 1024 * 1024,
}
# The rules of time and ids cost less for all rows than choosing the rows of each branch does.
_ALL_BRANCHES = {"short_circuit_function_evaluation": "disable"}


@dataclass(frozen=True, slots=True)
class StagedTotals:
    """Rows per staging table, and the items the requests said they hold."""

    events: int
    touches: int
    failed_items: int
    failed_requests: int
    duplicates: int
    too_old: int
    expected_items: int

    @property
    def is_whole(self) -> bool:
        """Say whether every item ended somewhere and none of them where it may not stay."""
        return self.expected_items == self.accounted_items and not self.too_old

    @property
    def accounted_items(self) -> int:
        """Return how many items ended somewhere."""
        return self.events + self.touches + self.failed_items + self.duplicates


class Stager:
    """Fills staging tables from a slice of raw.requests."""

    def __init__(
        self,
        warehouse: Warehouse,
        options: LandingOptions,
        tables: CleanTables,
        items: str = ITEMS,
    ) -> None:
        self._warehouse = warehouse
        self._options = options
        self.tables = tables
        self._items = items
        # Tables that may hold something; leftovers of a killed run are in any of them.
        self._used = {*(name for _, name in tables.items()), items}

    def clear(self) -> None:
        """Empty the staging tables; leftovers of a killed run must not be published."""
        for table in sorted(self._used):
            self._warehouse.execute(f"TRUNCATE TABLE {table}")
        self._used = set()

    def stage_requests(
        self, slice_params: Params, before: StagedTotals | None = None
    ) -> StagedTotals:
        """Add the rows of one slice; copies are not looked for yet.

        Args:
            slice_params: Which rows of raw.requests, see `LandingRange.slice_params`.
            before: What was staged already; nothing by default.
        """
        accounted_before = before.accounted_items if before else 0
        after = self.stage_readable(slice_params)
        is_repaired = after.expected_items != after.accounted_items - accounted_before
        if is_repaired:
            self._stage_repaired(slice_params)
            after = self.totals(slice_params)
        if after.too_old:
            self._set_apart_too_old(slice_params, is_repaired=is_repaired)
            after = self.totals(slice_params)
        return after

    def stage_readable(self, slice_params: Params, source: str = RAW) -> StagedTotals:
        """Add the rows that the engine can make of requests in `source`, and nothing else.

        Whoever calls this has to look at the totals: what the engine cannot read is missing.
        """
        self._stage_from(source, slice_params)
        return self.totals(slice_params, source)

    def find_copies(
        self,
        first_day: str,
        last_day: str,
        landing_seq: int,
        names: Collection[str] = tuple(KEYED_TABLES),
    ) -> int:
        """Move copies from the item tables into the table of duplicates; return how many.

        Args:
            first_day: Earliest day of clean tables in which a row that stays may lie.
            last_day: Latest one.
            landing_seq: Rows of this range in the clean tables are the staged rows themselves,
                published before a kill: they make no copies.
            names: Clean tables for which anything is staged.
        """
        found = 0
        for name in names:
            key, kind = KEYED_TABLES[name]
            where = {
                "items": getattr(self.tables, name),
                "history": f"clean.{name}",
                "first_day": first_day,
                "last_day": last_day,
                "landing_seq": landing_seq,
            }
            # Most ranges have no copies; the exact statement costs more than the question.
            if not self._warehouse.named_rows("clean/count_ambiguous_keys", where)[0][0]:
                continue
            self._used.add(self.tables.duplicates)
            self._warehouse.run(
                "clean/find_copies",
                {
                    **where,
                    "target": self.tables.duplicates,
                    "id": key,
                    "kind": kind,
                    "horizon_ms": self._options.horizon_ms,
                },
            )
            copies = self._warehouse.scalar(
                f"SELECT count() FROM {self.tables.duplicates} WHERE kind = {{kind:String}}",  # noqa: S608
                {"kind": kind},
            )
            if copies:
                self._warehouse.run(
                    "clean/drop_copies",
                    {
                        "items": where["items"],
                        "duplicates": self.tables.duplicates,
                        "kind": kind,
                    },
                )
            found += int(copies)
        return found

    def totals(self, slice_params: Params, source: str = RAW) -> StagedTotals:
        """Count what is staged of the slice of `source`."""
        row = self._warehouse.named_rows(
            "clean/staged_totals",
            {
                **slice_params,
                "source": source,
                "events": self.tables.events,
                "touches": self.tables.touches,
                "failed": self.tables.failed,
                "duplicates": self.tables.duplicates,
                "max_age_ms": self._options.max_age_ms,
            },
        )[0]
        return StagedTotals(*(int(value) for value in row))

    def _stage_from(self, source: str, slice_params: Params) -> None:
        topic = str(slice_params["topic"])
        steps: list[tuple[str, str]] = [("clean/stage_failed_requests", self.tables.failed)]
        if topic == Topic.EVENTS:
            steps.append(("clean/split_requests", self._items))
        if topic == Topic.TOUCHES:
            steps.append(("clean/stage_touches", self.tables.touches))
        if topic in (Topic.EVENTS, Topic.TOUCHES):
            steps.append(("clean/stage_refused_items", self.tables.failed))
        self._used.update(target for _, target in steps)
        for query, target in steps:
            self._warehouse.run(
                query, {**slice_params, "source": source, "target": target}, _PARALLEL
            )
        if topic == Topic.EVENTS:
            self._used.add(self.tables.events)
            self._warehouse.run(
                "clean/stage_events",
                {"source": self._items, "target": self.tables.events},
                _ALL_BRANCHES,
            )
            self._warehouse.execute(f"TRUNCATE TABLE {self._items}")
            self._used.discard(self._items)

    def _stage_repaired(self, slice_params: Params) -> None:
        self._warehouse.execute(f"TRUNCATE TABLE {REPAIRED}")
        if repair_requests(self._warehouse, slice_params, self.tables):
            self._stage_from(REPAIRED, slice_params)
        give_up_uncounted(self._warehouse, slice_params, self.tables)

    def _set_apart_too_old(self, slice_params: Params, *, is_repaired: bool) -> None:
        age = {"events": self.tables.events, "max_age_ms": self._options.max_age_ms}
        for source in (RAW, *([REPAIRED] if is_repaired else [])):
            self._warehouse.run(
                "clean/stage_too_old_events",
                {**slice_params, **age, "source": source, "target": self.tables.failed},
            )
        self._warehouse.run("clean/drop_too_old_events", age)
