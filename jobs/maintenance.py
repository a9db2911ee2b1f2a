"""Nightly: raw rows beyond retention, leftovers of killed runs, and runs that nobody needs.

Everything here deletes, so everything is a dry run unless somebody says otherwise.
"""

from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
from pydantic import Field

from assets.failures import RETRY_POLICY, permanent_failures
from assets.locking import PipelineLock
from assets.tables import asset_key
from jobs.ingest import ingest_job
from jobs.marts import marts_job
from jobs.pruning import delete_run, runs_to_prune
from unmogrowp.clock import Clock, utc
from unmogrowp.landing.retention import prune
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import drop_abandoned_staging
from unmogrowp.warehouse.table_registry import tables


@dataclass(frozen=True, slots=True)
class Retention:
    """How long raw rows are kept, in days."""

    raw_days: int


class DryRunConfig(dg.Config):
    """Nothing is deleted by default."""

    dry_run: bool = Field(default=True, description="Only say what would be deleted")


class PruneRunsConfig(DryRunConfig):
    """Which runs of micro-batches are kept."""

    keep_hours: int = Field(default=48, gt=0, le=24 * 365, description="Younger runs stay")
    max_runs: int = Field(
        default=20_000, gt=0, le=200_000, description="Runs deleted at once; 40 ms each"
    )


@dg.op(
    description="Deletes old runs of landing and marts from Dagster's storage; the last run that"
    " materialized a partition stays.",
)
def prune_runs(
    context: dg.OpExecutionContext, config: PruneRunsConfig, clock: dg.ResourceParam[Clock]
) -> None:
    """Delete, oldest first."""
    before = utc(clock.now_ms()) - timedelta(hours=config.keep_hours)
    keys = [asset_key(name) for name in tables()]
    found = list(
        runs_to_prune(
            context.instance, [ingest_job.name, marts_job.name], keys, before, config.max_runs
        )
    )
    if not config.dry_run:
        for run_id in found:
            delete_run(context.instance, run_id)
    context.log.info(
        "%d runs older than %d hours %s",
        len(found),
        config.keep_hours,
        "would be deleted" if config.dry_run else "deleted",
    )


@dg.op(
    description="Drops staging tables that killed builds left behind.",
    pool="landing",
    retry_policy=RETRY_POLICY,
)
def drop_leftovers(
    context: dg.OpExecutionContext,
    config: DryRunConfig,
    warehouse: dg.ResourceParam[Warehouse],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> None:
    """Hold the lock: a table of a build that is running looks the same."""
    if config.dry_run:
        context.log.info("leftovers are only looked for when dry_run is false")
        return
    with permanent_failures(context), pipeline_lock.held("leftovers"):
        dropped = drop_abandoned_staging(warehouse)
    context.log.info("%d staging tables of killed runs dropped", len(dropped))


@dg.op(
    description="Drops days of raw.requests beyond retention, noting first what is dropped: such a"
    " day can never be rebuilt. The clean tables stay.",
    pool="landing",
    retry_policy=RETRY_POLICY,
)
def prune_raw_rows(
    context: dg.OpExecutionContext,
    config: DryRunConfig,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    retention: dg.ResourceParam[Retention],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> None:
    """Drop whole days under the lock that landing and rebuilds hold."""
    with permanent_failures(context), pipeline_lock.held("retention") as lock:
        pruned = prune(
            warehouse,
            clock,
            retention.raw_days,
            verify_lock=lock.verify,
            is_dry_run=config.dry_run,
        )
    context.log.info(
        "%d days with %d requests older than %d days %s",
        len(pruned),
        sum(entry.record_count for entry in pruned),
        retention.raw_days,
        "would be dropped" if config.dry_run else "dropped",
    )


@dg.job(
    description="Deletes what is beyond its time: raw rows, leftovers, runs of micro-batches."
    " A dry run unless dry_run is false.",
    executor_def=dg.in_process_executor,
    tags={"unmogrowp/job": "maintenance"},
)
def maintenance_job() -> None:
    """Three ops without an order."""
    prune_raw_rows()
    prune_runs()
    drop_leftovers()
