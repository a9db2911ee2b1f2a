"""Installs and reinstalls of devices, a UTC day at a time."""

from collections.abc import Generator, Iterator
from datetime import date

import dagster as dg

from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY
from assets.locking import PipelineLock
from assets.publishing import Recorder, published_days, reported
from assets.tables import table_spec
from unmogrowp.attribution.build import build_installs_day
from unmogrowp.clock import Clock
from unmogrowp.landing.ranges import Ledger
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Built

INSTALLS = "mart.installs"


def publish_installs(
    warehouse: Warehouse, quality: QualityRunner, clock: Clock, day: date
) -> Generator[dg.AssetCheckEvaluation, None, Built]:
    """Build and publish one day; yield what the checks of the staging table said.

    The watermark is read before the build reads its input: rows that land meanwhile make the day
    due again, instead of being counted as seen.
    """
    watermark = Ledger(warehouse).watermark()
    recorder = Recorder(quality, day)
    return (
        yield from reported(
            recorder,
            lambda: build_installs_day(
                warehouse, day, watermark, clock, audit=recorder.audit(INSTALLS)
            ),
        )
    )


@dg.multi_asset(
    name="installs",
    specs=[
        table_spec(
            INSTALLS,
            group="installs",
            deps=["clean.events"],
            text="An install within an hour of the one before it on the same device is the same"
            " install. A mobile device that was first seen without one has an implied install.",
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="marts",
    retry_policy=RETRY_POLICY,
)
def installs(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> Iterator[dg.AssetCheckEvaluation | dg.MaterializeResult[None]]:
    """Build each selected day from clean.events, check it, then replace it in one step."""
    quality.warm_up()

    def publish(day: date) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
        return [(yield from publish_installs(warehouse, quality, clock, day))]

    yield from published_days(context, pipeline_lock, "installs", (INSTALLS,), publish)
