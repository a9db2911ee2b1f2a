"""How the touches of a journey share its conversion, a UTC day at a time, model beside model."""

from collections.abc import Generator, Iterator, Sequence
from datetime import date

import dagster as dg

from assets.attribution import SNAPSHOTS
from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY
from assets.installs import INSTALLS
from assets.locking import PipelineLock
from assets.publishing import Recorder, published_days, reported_under_each
from assets.tables import table_spec
from unmogrowp.attribution.credit_build import (
    CHANNEL_CREDIT,
    PATHS,
    TOUCH_CREDIT,
    build_credit_day,
)
from unmogrowp.attribution.journey_definitions import DEFAULT_JOURNEYS, JourneyDefinition
from unmogrowp.clock import Clock
from unmogrowp.landing.ranges import Ledger
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Built

TABLES = (PATHS, TOUCH_CREDIT, CHANNEL_CREDIT)
# Each definition has partitions of its own, so none can replace the rows of another.
JOURNEYS: Sequence[JourneyDefinition] = DEFAULT_JOURNEYS


def publish_credit(
    warehouse: Warehouse, quality: QualityRunner, clock: Clock, day: date
) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
    """Build one day under every definition; yield what the checks said."""
    watermark = Ledger(warehouse).watermark()

    def build(journey: JourneyDefinition, recorder: Recorder) -> Built:
        return build_credit_day(
            warehouse,
            journey,
            day,
            watermark,
            clock,
            {table: recorder.audit(table) for table in TABLES},
        )

    return (yield from reported_under_each(JOURNEYS, quality, day, build))


@dg.multi_asset(
    name="credit",
    specs=[
        table_spec(
            PATHS,
            group="credit",
            deps=["clean.touches", "clean.events", INSTALLS, SNAPSHOTS],
            text="Ready for `unmogrowp.attribution.credit_paths`: add up the days of a period.",
        ),
        table_spec(
            TOUCH_CREDIT,
            group="credit",
            deps=["clean.touches", "clean.events", INSTALLS],
            text="Rule models only: they share out each conversion by itself.",
        ),
        table_spec(
            CHANNEL_CREDIT,
            group="credit",
            deps=[PATHS, TOUCH_CREDIT],
            text="All models; those that look at all journeys together with intervals. Totals of a"
            " day and app are equal in every model of a definition, or nothing is published.",
        ),
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="marts",
    retry_policy=RETRY_POLICY,
)
def credit(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> Iterator[dg.AssetCheckEvaluation | dg.MaterializeResult[None]]:
    """Share out each selected day from touches, events and installs, check, then replace it."""
    quality.warm_up()
    yield from published_days(
        context,
        pipeline_lock,
        "credit",
        TABLES,
        lambda day: publish_credit(warehouse, quality, clock, day),
    )
