"""Requests of `raw.requests` become typed rows in staging tables, by SQL alone.

The same statements serve landing (a range of offsets) and rebuild (a slice of a day), which is
why a rebuilt day has the content it had. What the engine cannot split is handed to `poison`.
"""

from dataclasses import dataclass

from unmogrowp.contracts.topics import Topic
from unmogrowp.landing.options import KEYED_TABLES, CleanTables, LandingOptions
from unmogrowp.landing.poison import REPAIRED, give_up_uncounted, repair_requests
from unmogrowp.warehouse.client import Params, Warehouse

# One small part would be read by one thread; splitting JSON is worth all of them.
_PARALLEL = {
    "merge_tree_min_rows_for_concurrent_read": 1,
    "merge_tree_min_bytes_for_concurrent_read": 1,
}


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
    def accounted_items(self) -> int:
        """Return how many items ended somewhere."""
        return self.events + self.touches + self.failed_items + self.duplicates


class Stager:
    """Fills staging tables from a slice of raw.requests."""

    def __init__(self, warehouse: Warehouse, options: LandingOptions, tables: CleanTables) -> None:
        self._warehouse = warehouse
        self._options = options
        self._tables = tables
        self._is_clear = False

    def clear(self) -> None:
        """Empty the staging tables; leftovers of a killed run must not be published."""
        if not self._is_clear:
            for _, table in self._tables.items():
                self._warehouse.execute(f"TRUNCATE TABLE {table}")
        self._is_clear = True

    def stage_requests(
        self, slice_params: Params, before: StagedTotals | None = None
    ) -> StagedTotals:
        """Add the rows of one slice; copies are not looked for yet.

        Args:
            slice_params: Which rows of raw.requests, see `LandingRange.slice_params`.
            before: What was staged already; nothing by default.
        """
        accounted_before = before.accounted_items if before else 0
        self._is_clear = False
        self._stage_from("raw.requests", slice_params)
        after = self.totals(slice_params)
        is_repaired = after.expected_items != after.accounted_items - accounted_before
        if is_repaired:
            self._stage_repaired(slice_params)
            after = self.totals(slice_params)
        if after.too_old:
            self._set_apart_too_old(slice_params, is_repaired=is_repaired)
            after = self.totals(slice_params)
        return after

    def find_copies(self, first_day: str, last_day: str, landing_seq: int) -> int:
        """Move copies from the item tables into the table of duplicates; return how many.

        Args:
            first_day: Earliest day of clean tables in which a row that stays may lie.
            last_day: Latest one.
            landing_seq: Rows of this range in the clean tables are the staged rows themselves,
                published before a kill: they make no copies.
        """
        found = 0
        for name, (key, kind) in KEYED_TABLES.items():
            where = {
                "items": getattr(self._tables, name),
                "history": f"clean.{name}",
                "first_day": first_day,
                "last_day": last_day,
                "landing_seq": landing_seq,
            }
            # Most ranges have no copies; the exact statement costs more than the question.
            if not self._warehouse.named_rows("clean/count_ambiguous_keys", where)[0][0]:
                continue
            self._warehouse.run(
                "clean/find_copies",
                {
                    **where,
                    "target": self._tables.duplicates,
                    "id": key,
                    "kind": kind,
                    "horizon_ms": self._options.horizon_ms,
                },
            )
            copies = self._warehouse.scalar(
                f"SELECT count() FROM {self._tables.duplicates} WHERE kind = {{kind:String}}",  # noqa: S608
                {"kind": kind},
            )
            if copies:
                self._warehouse.run(
                    "clean/drop_copies",
                    {
                        "items": where["items"],
                        "duplicates": self._tables.duplicates,
                        "kind": kind,
                    },
                )
            found += int(copies)
        return found

    def totals(self, slice_params: Params) -> StagedTotals:
        """Count what is staged."""
        row = self._warehouse.named_rows(
            "clean/staged_totals",
            {
                **slice_params,
                "events": self._tables.events,
                "touches": self._tables.touches,
                "failed": self._tables.failed,
                "duplicates": self._tables.duplicates,
                "max_age_ms": self._options.max_age_ms,
            },
        )[0]
        return StagedTotals(*(int(value) for value in row))

    def _stage_from(self, source: str, slice_params: Params) -> None:
        topic = str(slice_params["topic"])
        steps: list[tuple[str, str]] = [("clean/stage_failed_requests", self._tables.failed)]
        if topic == Topic.EVENTS:
            steps.append(("clean/stage_events", self._tables.events))
        if topic == Topic.TOUCHES:
            steps.append(("clean/stage_touches", self._tables.touches))
        if topic in (Topic.EVENTS, Topic.TOUCHES):
            steps.append(("clean/stage_refused_items", self._tables.failed))
        for query, target in steps:
            self._warehouse.run(
                query, {**slice_params, "source": source, "target": target}, _PARALLEL
            )

    def _stage_repaired(self, slice_params: Params) -> None:
        self._warehouse.execute(f"TRUNCATE TABLE {REPAIRED}")
        if repair_requests(self._warehouse, slice_params, self._tables):
            self._stage_from(REPAIRED, slice_params)
        give_up_uncounted(self._warehouse, slice_params, self._tables)

    def _set_apart_too_old(self, slice_params: Params, *, is_repaired: bool) -> None:
        age = {"events": self._tables.events, "max_age_ms": self._options.max_age_ms}
        for source in ("raw.requests", *([REPAIRED] if is_repaired else [])):
            self._warehouse.run(
                "clean/stage_too_old_events",
                {**slice_params, **age, "source": source, "target": self._tables.failed},
            )
        self._warehouse.run("clean/drop_too_old_events", age)
