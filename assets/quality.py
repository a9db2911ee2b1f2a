"""The log of checks, and the checks themselves: one op per table, a partition at a time."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.checks.evaluations import check_results, evaluations
from assets.checks.expectation import Suite
from assets.checks.registry import SUITES
from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY, permanent_failures
from assets.partitions import day_of
from assets.tables import check_specs, table_spec

quality_results = table_spec(
    "audit.quality_results",
    group="quality",
    text="Written by landing (SQL assertions of each micro-batch), by every publish of a mart and"
    " by the hourly audit; the checks of all assets are shown from the same results.",
)


def _checks_of(suite: Suite) -> dg.AssetChecksDefinition:
    specs = check_specs(suite)
    name = f"check_{suite.table.replace('.', '_')}"

    @dg.multi_asset_check(name=name, specs=specs, can_subset=True, retry_policy=RETRY_POLICY)
    def check(
        context: dg.AssetCheckExecutionContext, quality: dg.ResourceParam[QualityRunner]
    ) -> Iterator[Any]:
        """Run the suite over the selected partitions, or over the whole table."""
        selected = context.selected_asset_check_keys
        is_partitioned = context.has_partition_key or context.has_partition_key_range
        keys = list(context.op_execution_context.partition_keys) if is_partitioned else []
        with permanent_failures(context):
            for key in keys[:-1]:
                # A result speaks for the whole selection; earlier days of a range are logged.
                yield from evaluations(quality.check(suite.table, day_of(key)))
            last = quality.check(suite.table, day_of(keys[-1]) if keys else None)
        for result in check_results(last):
            if dg.AssetCheckKey(last_key(result), str(result.check_name)) in selected:
                yield result

    return check


def last_key(result: dg.AssetCheckResult) -> dg.AssetKey:
    """Return the asset a result is about; ours always name it."""
    if result.asset_key is None:
        raise dg.DagsterInvariantViolationError("a check result names no asset")
    return result.asset_key


table_checks = [_checks_of(suite) for suite in SUITES.values()]
