"""Builds the days of the marts that something has touched, several in one run."""

from collections.abc import Generator, Iterator
from datetime import date

import dagster as dg
from pydantic import Field

from assets.attribution import publish_attribution
from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY, permanent_failure, permanent_failures
from assets.installs import publish_installs
from assets.locking import PipelineLock
from assets.publishing import materializations
from unmogrowp.attribution.build import Built
from unmogrowp.attribution.touched_days import DueDay, due, mark_built
from unmogrowp.clock import Clock
from unmogrowp.errors import AuditFailed, PermanentError
from unmogrowp.warehouse.client import Warehouse


class MartsConfig(dg.Config):
    """Which due days to build; the default is all of them, which is always safe."""

    days: list[str] = Field(
        default_factory=list, description="UTC days (YYYY-MM-DD); empty: every day that is due"
    )
    max_days: int = Field(
        default=60, gt=0, le=1_000, description="Days of one run; the rest stays due"
    )


@dg.op(
    description="Builds installs and attribution of every due day, oldest first, each published"
    " by itself. A day that may not be published is named at the end and does not stop the others.",
    pool="marts",
    retry_policy=RETRY_POLICY,
    out={},
)
def build_due_days(
    context: dg.OpExecutionContext,
    config: MartsConfig,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Ask the queue again right before each day: somebody else may have built it meanwhile."""
    quality.warm_up()
    wanted = {date.fromisoformat(day) for day in config.days}
    first_refusal: PermanentError | None = None
    with permanent_failures(context):
        for entry in _selected(due(warehouse), wanted)[: config.max_days]:
            with pipeline_lock.held(f"marts {entry.day}"):
                if (entry.mart, entry.day) not in _due_keys(warehouse):
                    context.log.info("%s %s was built by another run", entry.mart, entry.day)
                    continue
                try:
                    builds = yield from _build(entry, warehouse, quality, clock)
                except AuditFailed as error:
                    context.log.error("%s is not published: %s", entry.day, error)
                    first_refusal = first_refusal or error
                    continue
            for built in builds:
                yield from materializations(built)
        if first_refusal is not None:
            raise permanent_failure(context, first_refusal) from first_refusal


def _build(
    entry: DueDay, warehouse: Warehouse, quality: QualityRunner, clock: Clock
) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
    """Build what is due of a day and take it off the queue, up to the watermark that was read."""
    builds: list[Built] = []
    if entry.mart == "installs":
        builds.append((yield from publish_installs(warehouse, quality, clock, entry.day)))
    builds.extend((yield from publish_attribution(warehouse, quality, clock, entry.day)))
    mark_built(
        warehouse,
        ("installs", "attribution") if entry.mart == "installs" else ("attribution",),
        entry.day,
        min(built.watermark for built in builds),
        clock.now_ms(),
    )
    return builds


def _selected(entries: list[DueDay], wanted: set[date]) -> list[DueDay]:
    return [entry for entry in entries if not wanted or entry.day in wanted]


def _due_keys(warehouse: Warehouse) -> set[tuple[str, date]]:
    return {(entry.mart, entry.day) for entry in due(warehouse)}


@dg.job(
    description="Builds what the queue of touched days names. Launched by a sensor and by"
    " `unmogrowp sync`; launching it by hand is safe at any time.",
    tags={"unmogrowp/job": "marts"},
)
def marts_job() -> None:
    """Build every due day."""
    build_due_days()
