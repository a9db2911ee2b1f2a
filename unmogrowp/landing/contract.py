"""Cheap SQL sentences that every range must satisfy before anybody can see it."""

from dataclasses import dataclass

from unmogrowp.errors import AuditFailed
from unmogrowp.landing.options import CleanTables, LandingOptions
from unmogrowp.landing.staging import StagedTotals
from unmogrowp.warehouse.client import Warehouse

ITEMS_ADD_UP = "every_item_of_a_request_is_accounted_for"


@dataclass(frozen=True, slots=True)
class ContractResult:
    """One sentence and how many rows broke it."""

    table_name: str
    check_name: str
    unexpected_count: int

    @property
    def is_passed(self) -> bool:
        """Say whether the sentence was true."""
        return self.unexpected_count == 0


def check_contract(
    warehouse: Warehouse, staged: CleanTables, totals: StagedTotals, options: LandingOptions
) -> list[ContractResult]:
    """Evaluate all sentences on staged rows."""
    rows = warehouse.named_rows(
        "landing/contract_of_staged_range",
        {
            "events": staged.events,
            "touches": staged.touches,
            "failed": staged.failed,
            "duplicates": staged.duplicates,
            "max_age_ms": options.max_age_ms,
            "horizon_ms": options.horizon_ms,
        },
    )
    results = [ContractResult(row[0], row[1], int(row[2])) for row in rows]
    difference = abs(totals.expected_items - totals.accounted_items)
    return [*results, ContractResult("raw.requests", ITEMS_ADD_UP, difference)]


def record_results(
    warehouse: Warehouse,
    results: list[ContractResult],
    partition_key: str,
    now_ms: int,
    run_id: str = "",
) -> None:
    """Write the results into audit.quality_results."""
    if not results:
        return
    warehouse.run(
        "audit/record_quality_results",
        {
            "now_ms": now_ms,
            "run_id": run_id,
            "partition_key": partition_key,
            "table_names": [result.table_name for result in results],
            "check_names": [result.check_name for result in results],
            "unexpected_counts": [result.unexpected_count for result in results],
        },
    )


def require(results: list[ContractResult], what: str) -> None:
    """Refuse to go on when a sentence is not true.

    Raises:
        AuditFailed: Names each sentence and how many rows broke it.
    """
    broken = [result for result in results if not result.is_passed]
    if broken:
        words = ", ".join(f"{result.check_name}: {result.unexpected_count}" for result in broken)
        raise AuditFailed(f"{what} is not published: {words}")
