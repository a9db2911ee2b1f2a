"""Which touch each install is credited to, with everything that was considered."""

from collections.abc import Generator, Iterator, Sequence
from datetime import date

import dagster as dg

from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY, permanent_failures
from assets.installs import INSTALLS
from assets.locking import PipelineLock
from assets.partitions import day_of
from assets.publishing import Recorder, partition_metadata, reported
from assets.tables import asset_key, table_spec
from unmogrowp.attribution.build import Built, build_attribution_day
from unmogrowp.clock import Clock
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets import OURS, Ruleset
from unmogrowp.warehouse.client import Warehouse

CANDIDATES = "mart.attribution_candidates"
DECISIONS = "mart.attributed_installs"
SNAPSHOTS = "audit.config_snapshots"
PUBLISHED = "audit.published_partitions"
# All rulesets that decide; each is a partition of its own, so none can replace another's rows.
RULESETS: Sequence[Ruleset] = (OURS,)


def publish_attribution(
    warehouse: Warehouse, quality: QualityRunner, clock: Clock, day: date
) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
    """Decide one day of installs under every ruleset; yield what the checks said."""
    watermark = Ledger(warehouse).watermark()
    builds = []
    for ruleset in RULESETS:
        recorder = Recorder(quality, day)

        def build(ruleset: Ruleset = ruleset, recorder: Recorder = recorder) -> Built:
            return build_attribution_day(
                warehouse,
                ruleset,
                day,
                watermark,
                clock,
                audit_candidates=recorder.audit(CANDIDATES),
                audit_decisions=recorder.audit(DECISIONS),
            )

        builds.append((yield from reported(recorder, build)))
    return builds


@dg.multi_asset(
    name="attribution",
    specs=[
        table_spec(
            CANDIDATES,
            group="attribution",
            deps=[INSTALLS, "clean.touches", SNAPSHOTS],
            text="Refused touches stay, with the reason, so that every decision can be explained.",
        ),
        table_spec(
            DECISIONS,
            group="attribution",
            deps=[INSTALLS, CANDIDATES],
            text="Made from the candidates of rank 1; an install without one is organic and says"
            " why.",
        ),
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="marts",
    retry_policy=RETRY_POLICY,
)
def attribution(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> Iterator[dg.AssetCheckEvaluation | dg.MaterializeResult[None]]:
    """Decide each selected day from mart.installs and clean.touches, check, then replace it."""
    quality.warm_up()
    with permanent_failures(context):
        for key in context.partition_keys:
            with pipeline_lock.held("attribution"):
                builds = yield from publish_attribution(warehouse, quality, clock, day_of(key))
            for table in (CANDIDATES, DECISIONS):
                context.add_asset_metadata(
                    partition_metadata(
                        sum(built.row_counts[table] for built in builds),
                        min(built.watermark for built in builds),
                    ),
                    asset_key=asset_key(table),
                    partition_key=key,
                )
    for table in (CANDIDATES, DECISIONS):
        yield dg.MaterializeResult(asset_key=asset_key(table))


ruleset_snapshots = table_spec(
    SNAPSHOTS,
    group="attribution",
    text="Written before the first decision of a configuration; decisions name it by its hash.",
)
published_partitions = table_spec(
    PUBLISHED,
    group="attribution",
    deps=[INSTALLS, CANDIDATES, DECISIONS],
    text="A build that had read less than the one before it is refused by what stands here.",
)
