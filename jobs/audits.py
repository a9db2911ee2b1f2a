"""Looks at everything that landed and compares all layers; hourly, daily and in `sync`."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

import dagster as dg
from pydantic import Field

from assets.auditing import ReportFolder, audit_metadata, audit_span, raise_if_open
from assets.audits import DIFFERENCES, RECONCILIATION
from assets.checks.evaluations import evaluations
from assets.checks.registry import SUITES
from assets.checks.runner import QualityRunner, TableReport, describe
from assets.failures import RETRY_POLICY, permanent_failures
from assets.locking import PipelineLock
from assets.rulesets import RulesetBook
from assets.tables import asset_key
from unmogrowp.audits.model import HOUR_MS, Mode
from unmogrowp.clock import Clock, utc
from unmogrowp.errors import AuditFailed
from unmogrowp.warehouse.client import Warehouse

# Tables whose days landing touches; marts are checked before each publish.
LANDED_TABLES = (
    "raw.requests",
    "clean.events",
    "clean.touches",
    "clean.failed",
    "clean.duplicates",
)
MARTS = (
    "mart.installs",
    "mart.openings",
    "mart.attribution_candidates",
    "mart.attributed_installs",
    "mart.attributed_events",
    "mart.fraud_publisher_days",
    "audit.fraud_baselines",
    "mart.fraud_verdicts",
)
# The pipeline's own books, written all day: their newest day is looked at each time.
BOOKS = tuple(
    name
    for name, suite in SUITES.items()
    if suite.day_column and name not in (*LANDED_TABLES, *MARTS)
)
UNPARTITIONED_TABLES = tuple(name for name, suite in SUITES.items() if not suite.day_column)


class QualityConfig(dg.Config):
    """How much to look at in one run."""

    max_partitions: int = Field(
        default=200, gt=0, le=5_000, description="Partitions of one run; the next run goes on"
    )


class AuditConfig(dg.Config):
    """Which instants of receipt to compare; the default is what the hourly audit compares."""

    mode: Literal["scheduled", "sync"] = Field(
        default="scheduled",
        description="scheduled leaves out the last two hours; sync leaves out nothing, and"
        " treats nothing compared as a failure",
    )
    audit_id: str = Field(default="", description="Names the audit; empty: made from the run id")
    received_before_ms: int = Field(
        default=0, ge=0, description="Epoch ms; 0: now, as far as the mode allows"
    )
    lookback_hours: int = Field(
        default=26, gt=0, le=24 * 400, description="Hours before received_before to compare"
    )


@dg.op(
    description="Runs the suites of expectations on every partition that landing touched since"
    " they last looked at it; all results are check results and rows of audit.quality_results.",
    retry_policy=RETRY_POLICY,
    out={},
)
def check_what_landed(
    context: dg.OpExecutionContext,
    config: QualityConfig,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.AssetCheckEvaluation]:
    """Check, show, and fail at the end, so that one broken table does not hide another."""
    reports = []
    with permanent_failures(context):
        today = utc(clock.now_ms()).date()
        for table, day in touched_partitions(warehouse, today, config.max_partitions):
            report = quality.check(table, day)
            reports.append(report)
            yield from evaluations(report)
        context.log.info("looked at %d partitions", len(reports))
        raise_if_broken(reports)


@dg.op(
    description="Counts both sides of every identity, per app and hour of receipt, writes what"
    " differs down to ids, and renders the report.",
    retry_policy=RETRY_POLICY,
    out={},
)
def reconcile_layers(
    context: dg.OpExecutionContext,
    config: AuditConfig,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    report_folder: dg.ResourceParam[ReportFolder],
    pipeline_lock: dg.ResourceParam[PipelineLock],
    rulesets: dg.ResourceParam[RulesetBook],
) -> Iterator[dg.AssetMaterialization]:
    """Audit the span; the report is shown at the newest day it covers."""
    before_ms = config.received_before_ms or clock.now_ms()
    audit = audit_span(
        warehouse,
        clock,
        report_folder,
        pipeline_lock,
        rulesets,
        audit_id=config.audit_id or f"{config.mode}-{context.run.run_id[:8]}",
        received_from_ms=(before_ms // HOUR_MS - config.lookback_hours) * HOUR_MS,
        received_before_ms=before_ms,
        mode=Mode(config.mode),
    )
    newest_day = utc(max(audit.report.received_before_ms - 1, 0)).date().isoformat()
    yield dg.AssetMaterialization(
        asset_key(RECONCILIATION), partition=newest_day, metadata=audit_metadata(audit)
    )
    yield dg.AssetMaterialization(
        asset_key(DIFFERENCES),
        partition=newest_day,
        metadata={"differences": len(audit.report.differences)},
    )
    context.log.info("%s", audit.report.verdict)
    with permanent_failures(context):
        raise_if_open(audit)


def touched_partitions(
    warehouse: Warehouse, today: date, max_partitions: int
) -> list[tuple[str, date | None]]:
    """Return what was touched since it was checked, and what has no day of its own."""
    targets: list[tuple[str, date | None]] = [(name, None) for name in UNPARTITIONED_TABLES]
    targets += [(name, today) for name in BOOKS]
    rows = warehouse.named_rows("audit/unchecked_days", {"tables": list(LANDED_TABLES)})
    targets += [(str(table), day) for table, day in rows[-max_partitions:]]
    return targets


def raise_if_broken(reports: list[TableReport]) -> None:
    """Fail where published rows break a contract.

    Raises:
        AuditFailed: They do.
    """
    broken = [
        f"{report.table} {report.partition_key}: {describe(result)}"
        for report in reports
        for result in report.breaches
    ]
    if broken:
        raise AuditFailed("; ".join(broken))


@dg.job(
    description="Checks what landed and reconciles all layers. Hourly, daily, and as the last"
    " step of `unmogrowp sync`. Differences and broken contracts fail the run.",
    tags={"unmogrowp/job": "audit"},
)
def audit_job() -> None:
    """Two ops without an order: each says what it has to say even if the other fails."""
    check_what_landed()
    reconcile_layers()
