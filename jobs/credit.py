"""Shares out the days whose touches or conversions have changed, several in one run."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from assets.checks.runner import QualityRunner
from assets.credit import JOURNEYS, publish_credit
from assets.failures import RETRY_POLICY, permanent_failures
from assets.locking import PipelineLock
from assets.publishing import materializations
from jobs.due_days import DueDaysConfig
from unmogrowp.attribution.credit_queue import (
    due_credit,
    enqueue_identities,
    mark_credit_built,
)
from unmogrowp.clock import Clock
from unmogrowp.errors import AuditFailed
from unmogrowp.warehouse.client import Warehouse


@dg.op(
    description="Shares out every due day, oldest first, each published by itself. A day that may"
    " not be published is named at the end and does not stop the others.",
    pool="marts",
    retry_policy=RETRY_POLICY,
    out={},
)
def build_due_credit(
    context: dg.OpExecutionContext,
    config: DueDaysConfig,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Ask the queue again right before each day: somebody else may have built it meanwhile."""
    quality.warm_up()
    wanted = {date.fromisoformat(day) for day in config.days}
    first_refusal: AuditFailed | None = None
    with permanent_failures(context):
        with pipeline_lock.held("credit of identities"):
            enqueue_identities(warehouse, clock.now_ms(), JOURNEYS)
        selected = [day for day, _ in due_credit(warehouse) if not wanted or day in wanted]
        for day in selected[: config.max_days]:
            with pipeline_lock.held(f"credit {day}"):
                if day not in dict(due_credit(warehouse)):
                    context.log.info("credit of %s was built by another run", day)
                    continue
                try:
                    builds = yield from publish_credit(warehouse, quality, clock, day)
                except AuditFailed as error:
                    context.log.error("credit of %s is not published: %s", day, error)
                    first_refusal = first_refusal or error
                    continue
                watermark = min(built.watermark for built in builds)
                mark_credit_built(warehouse, day, watermark, clock.now_ms())
            for built in builds:
                yield from materializations(built)
        if first_refusal is not None:
            raise first_refusal


@dg.job(
    description="Shares out the conversions of the days that the queue names. Launched by a sensor"
    " and by `unmogrowp sync`; launching it by hand is safe at any time.",
    tags={"unmogrowp/job": "credit"},
)
def credit_job() -> None:
    """Share out every due day."""
    build_due_credit()
