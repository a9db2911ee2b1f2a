"""Whether every layer holds what the one below it holds, per day of receipt."""

from collections.abc import Iterator

import dagster as dg

from assets.auditing import ReportFolder, audit_metadata, audit_span, raise_if_open
from assets.failures import RETRY_POLICY, permanent_failures
from assets.locking import PipelineLock
from assets.partitions import day_of
from assets.rulesets import RulesetBook
from assets.tables import asset_key, table_spec
from unmogrowp.audits.model import DAY_MS, Mode
from unmogrowp.clock import Clock
from unmogrowp.warehouse.client import Warehouse

RECONCILIATION = "audit.reconciliation"
DIFFERENCES = "audit.reconciliation_differences"


@dg.multi_asset(
    name="reconciliation",
    specs=[
        table_spec(
            RECONCILIATION,
            group="audits",
            deps=[
                "audit.landing_ranges",
                "audit.collector_reports",
                "raw.requests",
                "clean.events",
                "clean.touches",
                "clean.failed",
                "clean.duplicates",
                "mart.installs",
                "mart.attributed_installs",
            ],
            text="A partition is a day of receipt, audited as often as anybody asks; the last two"
            " hours are left out, except by `unmogrowp sync`. The report is in the metadata.",
        ),
        table_spec(
            DIFFERENCES,
            group="audits",
            deps=[RECONCILIATION],
            text="Empty when everything adds up.",
        ),
    ],
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    retry_policy=RETRY_POLICY,
)
def reconciliation(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    report_folder: dg.ResourceParam[ReportFolder],
    pipeline_lock: dg.ResourceParam[PipelineLock],
    rulesets: dg.ResourceParam[RulesetBook],
) -> Iterator[dg.MaterializeResult[None]]:
    """Audit one day of receipt; differences fail the run after they are written down."""
    day = day_of(context.partition_key)
    start_ms = (day.toordinal() - EPOCH_ORDINAL) * DAY_MS
    audit = audit_span(
        warehouse,
        clock,
        report_folder,
        pipeline_lock,
        rulesets,
        audit_id=f"day-{day.isoformat()}-{context.run.run_id[:8]}",
        received_from_ms=start_ms,
        received_before_ms=start_ms + DAY_MS,
        mode=Mode.SCHEDULED,
    )
    metadata = audit_metadata(audit)
    yield dg.MaterializeResult(
        asset_key=asset_key(RECONCILIATION),
        metadata={**metadata, "dagster/partition_row_count": len(audit.report.comparisons)},
    )
    yield dg.MaterializeResult(
        asset_key=asset_key(DIFFERENCES),
        metadata={"dagster/partition_row_count": len(audit.report.differences)},
    )
    with permanent_failures(context):
        raise_if_open(audit)


EPOCH_ORDINAL = 719_163  # date(1970, 1, 1).toordinal()
