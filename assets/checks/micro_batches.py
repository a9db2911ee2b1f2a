"""The SQL assertions that block every micro-batch, as check results.

Landing runs them itself, before anything is visible, and logs them; here they are only read.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.failures import RETRY_POLICY
from assets.tables import asset_key
from unmogrowp.warehouse.client import Warehouse

MICRO_BATCH_CHECK = "micro_batches_keep_their_contract"
MICRO_BATCH_TABLES = (
    "raw.requests",
    "clean.events",
    "clean.touches",
    "clean.failed",
    "clean.duplicates",
)


def micro_batch_results(warehouse: Warehouse, run_id: str = "") -> list[dg.AssetCheckResult]:
    """Return one result per table: of a run, or the last word of any."""
    by_table: dict[str, list[tuple[Any, ...]]] = {}
    for row in warehouse.named_rows("audit/micro_batch_checks", {"run_id": run_id}):
        by_table.setdefault(str(row[0]), []).append(row)
    results = []
    for table in MICRO_BATCH_TABLES:
        rows = by_table.get(table, [])
        broken = [row for row in rows if not row[2]]
        if run_id and not rows:
            continue
        results.append(
            dg.AssetCheckResult(
                asset_key=asset_key(table),
                check_name=MICRO_BATCH_CHECK,
                passed=not broken,
                description="; ".join(f"{row[1]}: {row[3]} rows" for row in broken) or None,
                metadata={"assertions": len(rows), "last": str(rows[-1][4]) if rows else "none"},
            )
        )
    return results


def micro_batch_evaluations(warehouse: Warehouse, run_id: str) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield what the assertions said in one run."""
    for result in micro_batch_results(warehouse, run_id):
        if result.asset_key is not None:
            yield dg.AssetCheckEvaluation(
                asset_key=result.asset_key,
                check_name=MICRO_BATCH_CHECK,
                passed=result.passed,
                metadata=result.metadata,
                description=result.description,
            )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            MICRO_BATCH_CHECK,
            asset=asset_key(table),
            description="The SQL assertions that each micro-batch passed before it was published;"
            " executing this check reads their log.",
        )
        for table in MICRO_BATCH_TABLES
    ],
    can_subset=True,
    retry_policy=RETRY_POLICY,
)
def check_micro_batches(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[Any]:
    """Show the last word of the assertions."""
    wanted = {key.asset_key for key in context.selected_asset_check_keys}
    for result in micro_batch_results(warehouse):
        if result.asset_key in wanted:
            yield result
