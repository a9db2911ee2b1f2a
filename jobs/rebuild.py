"""Rebuilds days of the clean tables: those that a late copy made due, or those a person names."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
from pydantic import Field

from assets.checks.runner import QualityRunner
from assets.clean import TABLES
from assets.failures import RETRY_POLICY, permanent_failures
from assets.landing import LandingTools
from assets.locking import PipelineLock
from assets.rebuilding import Events, rebuild_days, rebuilt_materialization
from unmogrowp.landing.rebuild import due_days


class RebuildConfig(dg.Config):
    """Which days to rebuild; a rebuild of a day that is right changes nothing."""

    days: list[str] = Field(
        default_factory=list, description="UTC days of receipt (YYYY-MM-DD); empty: what is due"
    )


@dg.op(
    description="Makes days of clean.* anew from raw.requests, with the checks of landing and the"
    " suites of expectations before each swap.",
    pool="landing",
    retry_policy=RETRY_POLICY,
    out={},
)
def rebuild_clean_days(
    context: dg.OpExecutionContext,
    config: RebuildConfig,
    landing: dg.ResourceParam[LandingTools],
    quality: dg.ResourceParam[QualityRunner],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> Iterator[Events]:
    """Rebuild, and report every day that was made anew."""
    with permanent_failures(context):
        days = [date.fromisoformat(day) for day in config.days] or due_days(landing.warehouse)
        done = yield from rebuild_days(landing, quality, pipeline_lock, days)
        for rebuilt in done:
            for table in TABLES:
                yield rebuilt_materialization(table, rebuilt)
        context.log.info(
            "%d days rebuilt, %d rows changed", len(done), sum(one.changed_rows for one in done)
        )


@dg.job(
    description="Rebuilds due or named days of the clean tables from their raw rows.",
    executor_def=dg.in_process_executor,
    tags={"unmogrowp/job": "rebuild"},
)
def rebuild_job() -> None:
    """Rebuild days."""
    rebuild_clean_days()
