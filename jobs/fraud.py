"""Judges the last weeks for fraud, every night: what arrived late is judged where it belongs."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
from pydantic import Field

from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY, permanent_failures
from assets.fraud import BUILDS, publish_fraud
from assets.locking import PipelineLock
from assets.partitions import FIRST_DAY
from assets.publishing import materializations
from assets.rulesets import RulesetBook
from unmogrowp.clock import Clock, utc
from unmogrowp.errors import AuditFailed
from unmogrowp.fraud.baselines import BaselineNotReady
from unmogrowp.warehouse.client import Warehouse


class FraudConfig(dg.Config):
    """Which days to judge; the default is the span in which findings may restate decisions."""

    last_day: str = Field(default="", description="UTC day (YYYY-MM-DD); empty: yesterday")
    days: int = Field(default=35, gt=0, le=1_000, description="Days that end with the last one")


@dg.op(
    description="Counts publishers, freezes baselines and judges, table by table and day by day,"
    " oldest first. A baseline that cannot be frozen yet is named and tried again the next night.",
    pool="marts",
    retry_policy=RETRY_POLICY,
    out={},
)
def judge_days(
    context: dg.OpExecutionContext,
    config: FraudConfig,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
    rulesets: dg.ResourceParam[RulesetBook],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Publish each day by itself; one that may not be published does not stop the others."""
    quality.warm_up()
    yesterday = utc(clock.now_ms()).date() - timedelta(days=1)
    last = date.fromisoformat(config.last_day) if config.last_day else yesterday
    first_refusal: AuditFailed | None = None
    with permanent_failures(context):
        # Table by table: a baseline rests on the counts of all days before its own.
        for table in BUILDS:
            for day in days_until(last, config.days):
                with pipeline_lock.held(f"{table} {day}"):
                    try:
                        builds = yield from publish_fraud(
                            table, warehouse, quality, clock, day, rulesets
                        )
                    except BaselineNotReady as waiting:
                        context.log.info("%s", waiting)
                        continue
                    except AuditFailed as error:
                        context.log.error("%s %s is not published: %s", table, day, error)
                        first_refusal = first_refusal or error
                        continue
                for built in builds:
                    yield from materializations(built)
        if first_refusal is not None:
            raise first_refusal


def days_until(last: date, count: int) -> list[date]:
    """Return days that end with the last one, oldest first, as far as tables have partitions."""
    days = [last - timedelta(days=back) for back in reversed(range(count))]
    return [day for day in days if day >= FIRST_DAY]


@dg.job(
    description="Counts publishers, freezes baselines, judges the last 35 days. Nightly; launching"
    " it by hand is safe at any time.",
    tags={"unmogrowp/job": "fraud"},
)
def fraud_job() -> None:
    """Judge the last weeks."""
    judge_days()
