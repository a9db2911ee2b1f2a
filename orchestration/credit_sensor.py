"""Launches credit runs: less often than the marts, because a day is shared out as a whole."""

import dagster as dg

from jobs.credit import credit_job
from jobs.marts import marts_job
from orchestration.in_flight import recent_runs
from orchestration.sensors import DAYS_PER_RUN, TICK_S, cursor_of, digest_key
from unmogrowp.attribution.credit_queue import due_credit, has_new_identities
from unmogrowp.clock import Clock
from unmogrowp.landing.ranges import Ledger
from unmogrowp.warehouse.client import Warehouse

# While touches arrive, today is due all the time; how it is shared out can wait this long.
PAUSE_S = 300


@dg.sensor(
    job=credit_job,
    minimum_interval_seconds=TICK_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches a run for the days whose credit is due, at most every five minutes, and"
    " not while the marts it rests on are being built.",
)
def due_credit_sensor(
    context: dg.SensorEvaluationContext,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> dg.SensorResult | dg.SkipReason:
    """Launch what is due and complete; entries leave the queue when the build says so."""
    watermark = Ledger(warehouse).watermark()
    ready = [(day, touched) for day, touched in due_credit(warehouse) if touched <= watermark]
    # The run itself finds out which days those are.
    if not ready and not has_new_identities(warehouse):
        return dg.SkipReason("0 days of credit are due")
    runs = recent_runs(context.instance, credit_job.name)
    marts = recent_runs(context.instance, marts_job.name)
    if runs.in_flight or marts.in_flight:
        return dg.SkipReason(
            f"{len(ready)} days of credit are due,"
            f" {runs.in_flight + marts.in_flight} run(s) of credit or marts in flight"
        )
    now_s = clock.now_ms() / 1000
    pause_s = max(runs.pause_s(now_s), (runs.last_ended_at or 0) + PAUSE_S - now_s)
    if pause_s > 0:
        return dg.SkipReason(f"{len(ready)} days of credit are due; next run in {pause_s:.0f} s")
    ready = ready[:DAYS_PER_RUN]
    days = [day.isoformat() for day, _ in ready]
    named = ",".join(f"{day}:{touched}" for day, touched in ready)
    request = dg.RunRequest(
        run_key=digest_key(credit_job.name, named, runs.last_run_id),
        run_config={"ops": {"build_due_credit": {"config": {"days": days}}}},
        tags={"unmogrowp/days": str(len(days)), "unmogrowp/watermark": str(watermark)},
    )
    return dg.SensorResult(
        [request], cursor=cursor_of(days=len(days), watermark=watermark, at_ms=clock.now_ms())
    )
