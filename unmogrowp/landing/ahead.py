"""Stages the next range while the warehouse still publishes the present one.

Splitting and typing items needs nothing of what was landed before, so it need not wait for it.
What is made ahead lies in Memory tables of this run alone: nothing of it is durable or visible,
nothing is written down about it, and a killed run leaves tables that nobody reads. At its turn the
range is planned, its requests are copied into raw.requests, and only then are copies looked for.
Two sets of tables take turns, which bounds what is held at once to two ranges.
"""

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import pyarrow as pa

from unmogrowp.landing.options import STAGING, CleanTables, LandingOptions
from unmogrowp.landing.poison import REPAIRED
from unmogrowp.landing.ranges import LandingRange
from unmogrowp.landing.records import number_rows
from unmogrowp.landing.staging import ITEMS, StagedTotals, Stager
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import drop_abandoned_staging, staging_copy

# The rows of raw.requests lie in a copy of the table of repaired requests: it has the same columns
# and lies in memory; a copy of raw.requests itself would be written to disk.
_COPIED = (REPAIRED, ITEMS, *(table for _, table in STAGING.items()))


@dataclass(frozen=True, slots=True)
class StagedAhead:
    """A range that waits for its turn.

    Attributes:
        landing_seq: The number it is expected to get; the rows carry it.
        requests: Table that holds its rows of raw.requests.
        stager: Keeps the tables that hold its rows of the clean tables.
        totals: What they hold. Unless whole, the range has to be staged again, from raw.requests.
    """

    landing_seq: int
    requests: str
    stager: Stager
    totals: StagedTotals


class AheadStager:
    """Makes `StagedAhead`, two at a time at most; its tables live as long as the context."""

    def __init__(self, warehouse: Warehouse, options: LandingOptions) -> None:
        self._warehouse = warehouse
        self._options = options
        self._tables = ExitStack()
        self._sets: deque[tuple[str, Stager]] = deque()

    def __enter__(self) -> Self:
        """Make nothing yet: most passes have one range per partition."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drop the tables."""
        self._sets.clear()
        self._tables.close()

    def stage(self, wanted: LandingRange, rows: pa.Table, landing_seq: int) -> StagedAhead:
        """Stage a range that was read, as if it had this number already."""
        requests, stager = self._next_set()
        self._warehouse.execute(f"TRUNCATE TABLE {requests}")
        stager.clear()
        self._warehouse.insert_arrow(requests, number_rows(rows, landing_seq), token="")
        totals = stager.stage_readable(wanted.slice_params(), requests)
        return StagedAhead(landing_seq, requests, stager, totals)

    def _next_set(self) -> tuple[str, Stager]:
        """Return the tables whose range was landed before the last one."""
        if len(self._sets) == 2:
            self._sets.rotate(-1)
        else:
            if not self._sets:
                # Memory tables of a killed run are memory.
                for name in _COPIED:
                    drop_abandoned_staging(self._warehouse, name)
            requests, items, *clean = (
                self._tables.enter_context(staging_copy(self._warehouse, name)) for name in _COPIED
            )
            stager = Stager(self._warehouse, self._options, CleanTables(*clean), items)
            self._sets.append((requests, stager))
        return self._sets[-1]
