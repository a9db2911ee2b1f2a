"""Builds the days of the marts that something has touched, several in one run."""

from collections.abc import Generator, Iterator, Sequence
from datetime import date

import dagster as dg

from assets.attribution import publish_attribution, publish_events
from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY, permanent_failures
from assets.identity import stitch_identities
from assets.installs import publish_installs
from assets.locking import PipelineLock
from assets.openings import publish_openings
from assets.publishing import materializations
from assets.rulesets import RulesetBook
from jobs.due_days import DueDaysConfig
from unmogrowp.attribution.touched_days import DueDay, Mart, due, mark_built
from unmogrowp.clock import Clock
from unmogrowp.errors import AuditFailed, PermanentError
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Built


@dg.op(
    description="Builds installs, openings and attribution of every due day, oldest first, each"
    " published by itself. A day that may not be published is named at the end and does not stop"
    " the others.",
    pool="marts",
    retry_policy=RETRY_POLICY,
    ins={"identities": dg.In(dg.Nothing)},
    out={},
)
def build_due_days(
    context: dg.OpExecutionContext,
    config: DueDaysConfig,
    warehouse: dg.ResourceParam[Warehouse],
    quality: dg.ResourceParam[QualityRunner],
    clock: dg.ResourceParam[Clock],
    pipeline_lock: dg.ResourceParam[PipelineLock],
    rulesets: dg.ResourceParam[RulesetBook],
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
                    builds = yield from _build(entry, warehouse, quality, clock, rulesets)
                except AuditFailed as error:
                    context.log.error("%s is not published: %s", entry.day, error)
                    first_refusal = first_refusal or error
                    continue
            for built in builds:
                yield from materializations(built)
        if first_refusal is not None:
            raise first_refusal


def _build(
    entry: DueDay,
    warehouse: Warehouse,
    quality: QualityRunner,
    clock: Clock,
    rulesets: RulesetBook,
) -> Generator[dg.AssetCheckEvaluation, None, list[Built]]:
    """Build what is due of a day and take it off the queue, up to the watermark that was read."""
    day = entry.day
    builds: list[Built] = []
    # Under the lock that promoting holds as well: they stay as they are while the day is built.
    promotions = rulesets.read()
    if entry.mart == "events":
        builds.extend((yield from publish_events(warehouse, quality, clock, day, promotions)))
        _mark_built(warehouse, ("events",), day, builds, clock)
        return builds
    if entry.mart == "installs":
        builds.append((yield from publish_installs(warehouse, quality, clock, day)))
    # Also where touches alone made the day due: a ruleset that asks for openings may be new.
    builds.extend((yield from publish_openings(warehouse, quality, clock, day, promotions)))
    builds.extend((yield from publish_attribution(warehouse, quality, clock, day, promotions)))
    marts: tuple[Mart, ...] = ("installs", "attribution")
    _mark_built(warehouse, marts[marts.index(entry.mart) :], day, builds, clock)
    return builds


def _mark_built(
    warehouse: Warehouse, marts: Sequence[Mart], day: date, builds: list[Built], clock: Clock
) -> None:
    mark_built(warehouse, marts, day, min(built.watermark for built in builds), clock.now_ms())


def _selected(entries: list[DueDay], wanted: set[date]) -> list[DueDay]:
    return [entry for entry in entries if not wanted or entry.day in wanted]


def _due_keys(warehouse: Warehouse) -> set[tuple[str, date]]:
    return {(entry.mart, entry.day) for entry in due(warehouse)}


@dg.job(
    description="Brings identities up to date and builds what the queue of touched days names."
    " Launched by a sensor and by `unmogrowp sync`; launching it by hand is safe at any time.",
    tags={"unmogrowp/job": "marts"},
)
def marts_job() -> None:
    """Stitch identities, which may touch days; then build every due day."""
    build_due_days(stitch_identities())
