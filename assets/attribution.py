"""Which touch each install is credited to, with everything that was considered."""

from collections.abc import Generator, Iterator, Sequence
from datetime import date

import dagster as dg

from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY
from assets.installs import INSTALLS
from assets.locking import PipelineLock
from assets.publishing import Recorder, published_days, reported_under_each
from assets.rulesets import RulesetBook
from assets.tables import table_spec
from unmogrowp.attribution.build import build_attribution_day
from unmogrowp.attribution.events import build_events_day
from unmogrowp.attribution.history import VERSIONS
from unmogrowp.attribution.openings import OPENINGS
from unmogrowp.attribution.primary import rulesets_to_build
from unmogrowp.clock import Clock
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.assignment import Promotion
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Built

CANDIDATES = "mart.attribution_candidates"
DECISIONS = "mart.attributed_installs"
EVENTS = "mart.attributed_events"
DIFF = "mart.attribution_diff"
SNAPSHOTS = "audit.config_snapshots"
PUBLISHED = "audit.published_partitions"


def publish_attribution(
    warehouse: Warehouse,
    quality: QualityRunner,
    clock: Clock,
    day: date,
    promotions: Sequence[Promotion],
) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
    """Decide one day of installs under every ruleset; yield what the checks said."""
    watermark = Ledger(warehouse).watermark()

    def build(ruleset: Ruleset, recorder: Recorder) -> Built:
        return build_attribution_day(
            warehouse,
            ruleset,
            day,
            watermark,
            clock,
            audit_candidates=recorder.audit(CANDIDATES),
            audit_decisions=recorder.audit(DECISIONS),
            promotions=promotions,
        )

    rulesets = rulesets_to_build(warehouse, DECISIONS, promotions, day)
    return (yield from reported_under_each(rulesets, quality, day, build))


@dg.multi_asset(
    name="attribution",
    specs=[
        table_spec(
            CANDIDATES,
            group="attribution",
            deps=[INSTALLS, OPENINGS, "clean.touches", SNAPSHOTS],
            text="Refused touches stay, with the reason, so that every decision can be explained.",
        ),
        table_spec(
            DECISIONS,
            group="attribution",
            deps=[INSTALLS, OPENINGS, CANDIDATES],
            text="Made from the candidates of rank 1; an install without one is organic and says"
            " why, an opening without one is no conversion.",
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
    rulesets: dg.ResourceParam[RulesetBook],
) -> Iterator[dg.AssetCheckEvaluation | dg.MaterializeResult[None]]:
    """Decide each selected day from installs, openings and touches, check, then replace it."""
    quality.warm_up()
    yield from published_days(
        context,
        pipeline_lock,
        "attribution",
        (CANDIDATES, DECISIONS),
        lambda day: publish_attribution(warehouse, quality, clock, day, rulesets.read()),
    )


def publish_events(
    warehouse: Warehouse,
    quality: QualityRunner,
    clock: Clock,
    day: date,
    promotions: Sequence[Promotion],
) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
    """Give one day of events their sources under every ruleset; yield what the checks said."""
    watermark = Ledger(warehouse).watermark()

    def build(ruleset: Ruleset, recorder: Recorder) -> Built:
        return build_events_day(
            warehouse,
            ruleset,
            day,
            watermark,
            clock,
            recorder.audit(EVENTS),
            promotions=promotions,
        )

    rulesets = rulesets_to_build(warehouse, EVENTS, promotions, day)
    return (yield from reported_under_each(rulesets, quality, day, build))


@dg.multi_asset(
    name="attributed_events",
    specs=[
        table_spec(
            EVENTS,
            group="attribution",
            deps=[DECISIONS, INSTALLS, "clean.events"],
            text="Holds two views: the source that acquired the user, and the one that holds now.",
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="marts",
    retry_policy=RETRY_POLICY,
)
def attributed_events(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
    rulesets: dg.ResourceParam[RulesetBook],
) -> Iterator[dg.AssetCheckEvaluation | dg.MaterializeResult[None]]:
    """Give the events of each selected day the sources of their devices, check, then replace."""
    quality.warm_up()
    yield from published_days(
        context,
        pipeline_lock,
        "attributed events",
        (EVENTS,),
        lambda day: publish_events(warehouse, quality, clock, day, rulesets.read()),
    )


decision_versions = table_spec(
    VERSIONS,
    group="attribution",
    deps=[DECISIONS],
    text="mart.decision_history shows them with known_from and known_to,"
    " audit.decision_restatements those that replaced something.",
)
attribution_diff = table_spec(
    DIFF,
    group="attribution",
    deps=[DECISIONS, CANDIDATES],
    text="Written by `unmogrowp whatif`, which decides under another ruleset beside what counts.",
)
ruleset_snapshots = table_spec(
    SNAPSHOTS,
    group="attribution",
    text="Written before the first decision of a configuration; decisions name it by its hash.",
)
published_partitions = table_spec(
    PUBLISHED,
    group="attribution",
    deps=[INSTALLS, OPENINGS, CANDIDATES, DECISIONS],
    text="A build that had read less than the one before it is refused by what stands here.",
)
