"""Openings of the app that may be re-engagements, a UTC day at a time."""

from collections.abc import Generator, Iterator, Sequence
from datetime import date

import dagster as dg

from assets.attribution import DECISIONS
from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY
from assets.locking import PipelineLock
from assets.publishing import Recorder, published_days, reported
from assets.rulesets import RulesetBook
from assets.tables import table_spec
from unmogrowp.attribution.openings import OPENINGS, asks_for_openings, build_openings_day
from unmogrowp.attribution.primary import rulesets_to_build
from unmogrowp.clock import Clock
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets.assignment import Promotion
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Built


def publish_openings(
    warehouse: Warehouse,
    quality: QualityRunner,
    clock: Clock,
    day: date,
    promotions: Sequence[Promotion],
) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
    """Build one day where a ruleset that decides it asks for re-engagements; else do nothing."""
    if not asks_for_openings(rulesets_to_build(warehouse, DECISIONS, promotions, day)):
        return []
    watermark = Ledger(warehouse).watermark()
    recorder = Recorder(quality, day)
    return [
        (
            yield from reported(
                recorder,
                lambda: build_openings_day(
                    warehouse, day, watermark, clock, audit=recorder.audit(OPENINGS)
                ),
            )
        )
    ]


@dg.multi_asset(
    name="openings",
    specs=[
        table_spec(
            OPENINGS,
            group="openings",
            deps=["clean.events"],
            text="Built only where a ruleset decides re-engagements; under which pause an opening"
            " is one, and which touch wins it, is the ruleset's.",
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="marts",
    retry_policy=RETRY_POLICY,
)
def openings(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
    rulesets: dg.ResourceParam[RulesetBook],
) -> Iterator[dg.AssetCheckEvaluation | dg.MaterializeResult[None]]:
    """Build each selected day from clean.events, check it, then replace it in one step."""
    quality.warm_up()
    yield from published_days(
        context,
        pipeline_lock,
        "openings",
        (OPENINGS,),
        lambda day: publish_openings(warehouse, quality, clock, day, rulesets.read()),
    )
