"""What publishers did, what is usual, and which fraud rules fired after the decisions."""

from collections.abc import Generator, Iterator, Sequence
from datetime import date
from typing import Protocol

import dagster as dg

from assets.attribution import DECISIONS, PUBLISHED
from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY
from assets.installs import INSTALLS
from assets.locking import PipelineLock
from assets.publishing import Recorder, published_days, reported_under_each
from assets.rulesets import RulesetBook
from assets.tables import table_spec
from unmogrowp.clock import Clock
from unmogrowp.fraud.baselines import BASELINES, BaselineNotReady, freeze_baseline
from unmogrowp.fraud.build import PUBLISHER_DAYS, VERDICTS, count_publishers, judge_day
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.assignment import Promotion, decided_on
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Audit, Built


class BuildDay(Protocol):
    """Builds one day of one fraud table under one ruleset."""

    def __call__(
        self,
        warehouse: Warehouse,
        ruleset: Ruleset,
        day: date,
        watermark: int,
        clock: Clock,
        audit: Audit | None = None,
        *,
        promotions: Sequence[Promotion] = (),
    ) -> Built | None:
        """Publish it; None where there was nothing to do."""
        ...


BUILDS: dict[str, BuildDay] = {
    PUBLISHER_DAYS: count_publishers,
    BASELINES: freeze_baseline,
    VERDICTS: judge_day,
}


def publish_fraud(
    table: str,
    warehouse: Warehouse,
    quality: QualityRunner,
    clock: Clock,
    day: date,
    rulesets: RulesetBook,
) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
    """Build one day of a fraud table under every ruleset that decides it; yield what checks said.

    A baseline that is frozen already is left alone, and then nothing is built.

    Raises:
        BaselineNotReady: That of a ruleset cannot be frozen yet, and no other could.
    """
    watermark = Ledger(warehouse).watermark()
    promotions = rulesets.read()
    waiting: list[BaselineNotReady] = []

    def build(ruleset: Ruleset, recorder: Recorder) -> Built | None:
        try:
            return BUILDS[table](
                warehouse,
                ruleset,
                day,
                watermark,
                clock,
                recorder.audit(table),
                promotions=promotions,
            )
        except BaselineNotReady as reason:
            waiting.append(reason)
            return None

    found = yield from reported_under_each(decided_on(promotions, day), quality, day, build)
    builds = [one for one in found if one is not None]
    if waiting and not builds:
        raise waiting[0]
    return builds


def _asset_of(table: str, deps: list[str], text: str) -> dg.AssetsDefinition:
    name = table.partition(".")[2]

    @dg.multi_asset(
        name=name,
        specs=[table_spec(table, group="fraud", deps=deps, text=text)],
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="marts",
        retry_policy=RETRY_POLICY,
    )
    def build(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        quality: dg.ResourceParam[QualityRunner],
        clock: dg.ResourceParam[Clock],
        pipeline_lock: dg.ResourceParam[PipelineLock],
        rulesets: dg.ResourceParam[RulesetBook],
    ) -> Iterator[dg.AssetCheckEvaluation | dg.MaterializeResult[None]]:
        """Build each selected day, check it, then replace it in one step."""
        quality.warm_up()
        yield from published_days(
            context,
            pipeline_lock,
            name,
            (table,),
            lambda day: publish_fraud(table, warehouse, quality, clock, day, rulesets),
        )

    return build


publisher_days = _asset_of(
    PUBLISHER_DAYS,
    [INSTALLS, DECISIONS, "clean.touches", "clean.events"],
    "Histograms and sums, so that spans of days are added up without looking at installs again.",
)
baselines = _asset_of(
    BASELINES,
    [PUBLISHER_DAYS, INSTALLS, PUBLISHED, "audit.touched_days"],
    "Made of the 28 complete days before, once: whatever arrives later changes no baseline.",
)
verdicts = _asset_of(
    VERDICTS,
    [PUBLISHER_DAYS, BASELINES, DECISIONS, "clean.events"],
    "Flags only: what is found about a publisher blocks when a person confirms it.",
)
reviews = table_spec(
    "audit.fraud_reviews",
    group="fraud",
    deps=[VERDICTS],
    text="Written by `unmogrowp fraud review`; a confirmed publisher is blocked by the rule"
    " post_attribution, and each decision can be taken back.",
)
anonymous_networks = table_spec(
    "audit.anonymous_networks",
    group="fraud",
    text="Loaded by `unmogrowp fraud networks`; none comes with the project.",
)
