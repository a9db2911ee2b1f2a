"""What checks found, as rows of `audit.quality_results`, whoever ran them.

Landing, marts and Great Expectations write the same rows here, so that one table answers "was
this ever checked, and what did it say?" without the orchestrator.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unmogrowp.warehouse.client import Warehouse

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class QualityResult:
    """One sentence about one table and partition, and whether it was true.

    `unexpected_count` counts rows that broke it; for sentences about a whole (a row count) it is
    1 when the sentence is false. `observed` never holds values of rows, only counts.
    """

    table: str
    partition_key: str
    suite: Literal["contract", "expectations"]
    sentence: str
    is_passed: bool
    severity: Severity = "error"
    column: str = ""
    unexpected_count: int = 0
    observed: str = ""
    expected: str = ""

    @property
    def is_breach(self) -> bool:
        """Return whether this forbids publishing."""
        return not self.is_passed and self.severity == "error"


def write_quality_results(
    warehouse: Warehouse, results: Sequence[QualityResult], *, checked_at_ms: int, run_id: str = ""
) -> None:
    """Append results; a kill between two appends loses rows of a log, never of the data."""
    if not results:
        return
    warehouse.run(
        "audit/write_quality_results",
        {
            "checked_at_ms": checked_at_ms,
            "run_id": run_id,
            "tables": [result.table for result in results],
            "partitions": [result.partition_key for result in results],
            "suites": [result.suite for result in results],
            "sentences": [result.sentence for result in results],
            "columns": [result.column for result in results],
            "severities": [result.severity for result in results],
            "passed": [int(result.is_passed) for result in results],
            "unexpected": [result.unexpected_count for result in results],
            "observed": [result.observed for result in results],
            "expected": [result.expected for result in results],
        },
    )
