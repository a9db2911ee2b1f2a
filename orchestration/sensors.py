"""What launches runs by itself: lag of the stream, days that were touched, runs that were lost.

Every sensor looks at the state of the world and not at a queue of its own, so a tick that is lost
or evaluated twice changes nothing: runs in flight are counted, and run keys name what a run is to
do. The daemon's loop runs every 5 s; an interval of 14 s makes ticks 15 s apart, one of 15 s
makes them 20 s apart, one of 4 s makes them 5 s apart.
"""

import hashlib
import json
import warnings
from collections.abc import Sequence

import dagster as dg

from jobs.ingest import ingest_job
from jobs.marts import marts_job
from jobs.rebuild import rebuild_job
from orchestration.alerts import Alert, Webhook, WebUi
from orchestration.in_flight import recent_runs
from unmogrowp.attribution.touched_days import DueDay, due
from unmogrowp.clock import Clock
from unmogrowp.contracts.topics import Topic
from unmogrowp.identity.builds import is_behind
from unmogrowp.landing.lag import lag
from unmogrowp.landing.ranges import Ledger
from unmogrowp.landing.rebuild import due_days as due_clean_days
from unmogrowp.stream.port import StreamReader
from unmogrowp.warehouse.client import Warehouse

# Dagster 1.13 warns of a parameter that its own decorators pass on, not we.
warnings.filterwarnings(
    "ignore", "Parameter `owners` of initializer `SensorDefinition", dg.BetaWarning
)

CURSOR_VERSION = 1
TICK_S = 14
# Days that landing touched are due at once: whoever waits for the row has waited for the landing.
DUE_TICK_S = 4
# Collectors report all the time; where nothing else happens, landing their reports can wait.
REPORTS_ONLY_S = 300
# More days than this in one run would hold the sensor's next look back too long.
DAYS_PER_RUN = 60


def cursor_of(**fields: object) -> str:
    """Return a cursor for people to read: what the last tick saw."""
    return json.dumps({"version": CURSOR_VERSION, **fields}, sort_keys=True)


@dg.sensor(
    job=ingest_job,
    minimum_interval_seconds=TICK_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches landing while records wait in the stream, one run at a time.",
)
def stream_lag_sensor(
    context: dg.SensorEvaluationContext,
    warehouse: dg.ResourceParam[Warehouse],
    event_stream: dg.ResourceParam[StreamReader],
    clock: dg.ResourceParam[Clock],
) -> dg.SensorResult | dg.SkipReason:
    """Skip while a run is in flight, while a failed one is being waited out, or without lag."""
    runs = recent_runs(context.instance, ingest_job.name)
    if runs.in_flight:
        return dg.SkipReason(f"{runs.in_flight} landing run(s) in flight")
    pause_s = runs.pause_s(clock.now_ms() / 1000)
    if pause_s:
        return dg.SkipReason(
            f"the last {runs.failures_in_a_row} landing run(s) failed; next try in {pause_s:.0f} s"
        )
    entries = lag(warehouse, event_stream)
    waiting = sum(entry.offsets_behind for entry in entries)
    requests = sum(
        entry.offsets_behind for entry in entries if entry.topic != Topic.COLLECTOR_STATS
    )
    open_ranges = len(Ledger(warehouse).open_ranges())
    if not waiting and not open_ranges:
        return dg.SkipReason("0 records wait to be landed")
    idle_s = clock.now_ms() / 1000 - (runs.last_ended_at or 0)
    if not requests and not open_ranges and idle_s < REPORTS_ONLY_S:
        return dg.SkipReason(f"{waiting} reports of collectors wait, and no request")
    return dg.SensorResult(
        [dg.RunRequest(run_key=None, tags={"unmogrowp/records": str(waiting)})],
        cursor=cursor_of(records=waiting, open_ranges=open_ranges, at_ms=clock.now_ms()),
    )


@dg.sensor(
    jobs=[marts_job],
    minimum_interval_seconds=DUE_TICK_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches runs for the days that landing touched: marts, and days of the clean"
    " tables where an earlier copy landed late.",
)
def touched_days_sensor(
    context: dg.SensorEvaluationContext,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> dg.SensorResult | dg.SkipReason:
    """Launch what is due and complete; entries leave the queue when the build says so.

    A run begins with identities: events that touched no day are a reason to launch one, too.
    """
    watermark = Ledger(warehouse).watermark()
    ready = [entry for entry in due(warehouse) if entry.touched <= watermark]
    if not ready and not is_behind(warehouse, watermark):
        return dg.SkipReason("0 days are due")
    runs = recent_runs(context.instance, marts_job.name)
    if hindrance := runs.hindrance(f"{len(ready)} days are due", clock.now_ms() / 1000):
        return dg.SkipReason(hindrance)
    ready = ready[:DAYS_PER_RUN]
    request = dg.RunRequest(
        run_key=run_key(marts_job.name, ready, runs.last_run_id),
        job_name=marts_job.name,
        run_config=marts_config([entry.day.isoformat() for entry in ready]),
        tags={"unmogrowp/days": str(len(ready)), "unmogrowp/watermark": str(watermark)},
    )
    return dg.SensorResult(
        [request], cursor=cursor_of(days=len(ready), watermark=watermark, at_ms=clock.now_ms())
    )


@dg.sensor(
    job=rebuild_job,
    minimum_interval_seconds=TICK_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches the rebuild of days of the clean tables on which an earlier copy of a"
    " row landed late, so that the earliest stays.",
)
def late_copies_sensor(
    context: dg.SensorEvaluationContext,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> dg.SensorResult | dg.SkipReason:
    """Launch one run for all due days; the run takes them off the queue."""
    days = due_clean_days(warehouse)
    if not days:
        return dg.SkipReason("0 days of the clean tables are due")
    runs = recent_runs(context.instance, rebuild_job.name)
    if hindrance := runs.hindrance(f"{len(days)} days are due", clock.now_ms() / 1000):
        return dg.SkipReason(hindrance)
    named = ",".join(day.isoformat() for day in days)
    request = dg.RunRequest(
        run_key=digest_key(rebuild_job.name, named, runs.last_run_id),
        tags={"unmogrowp/days": str(len(days))},
    )
    return dg.SensorResult([request], cursor=cursor_of(days=len(days), at_ms=clock.now_ms()))


def marts_config(days: Sequence[str]) -> dict[str, object]:
    """Return the run configuration that builds these days."""
    return {"ops": {"build_due_days": {"config": {"days": list(dict.fromkeys(days))}}}}


def run_key(job_name: str, entries: Sequence[DueDay], last_run_id: str) -> str:
    """Return the key of a run that builds these entries."""
    named = ",".join(f"{entry.mart}:{entry.day}:{entry.touched}" for entry in entries)
    return digest_key(job_name, named, last_run_id)


def digest_key(job_name: str, work: str, last_run_id: str) -> str:
    """Return a key that is equal for equal work, so that two ticks never launch it twice.

    Work that the last run left undone, because it failed or was canceled, is other work: that run
    is part of the key.
    """
    digest = hashlib.sha256(f"{work}#{last_run_id}".encode()).hexdigest()[:16]
    return f"{job_name}:{digest}"


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=TICK_S,
    description="Calls the configured webhook once for each failed run.",
)
def failed_run_sensor(
    context: dg.RunFailureSensorContext,
    webhook: dg.ResourceParam[Webhook],
    clock: dg.ResourceParam[Clock],
    web_ui: dg.ResourceParam[WebUi],
) -> dg.SkipReason | None:
    """Say what failed; without a webhook, say that nobody is told."""
    if not webhook.is_configured:
        return dg.SkipReason("0 webhooks are configured (UNMOGROWP_ALERTS__WEBHOOK_URL)")
    run = context.dagster_run
    error, message = _reason(context)
    webhook.send(
        Alert(
            kind="run_failed",
            job=run.job_name,
            run_id=run.run_id,
            error=error,
            message=message,
            failed_at_ms=clock.now_ms(),
            will_retry=run.tags.get("dagster/will_retry") == "true",
            url=f"{web_ui.url}/runs/{run.run_id}",
        )
    )
    return None


def _reason(context: dg.RunFailureSensorContext) -> tuple[str, str]:
    """Return class and text of what failed first: our own failure, an exception, or the run."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None:
            text = data.user_failure_data.description or ""
            return text.partition(":")[0], text
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return error.cls_name or "exception", error.message
    return "run", context.failure_event.message or ""
