"""What runs by the clock, in UTC, never at the full hour.

Everybody's jobs begin at :00; minutes off it keep ours out of the crowd, and behind the hour that
they look at, which needs its last collectors' reports.
"""

import dagster as dg

from jobs.audits import audit_job
from jobs.fraud import fraud_job
from jobs.maintenance import maintenance_job

HOURS_OF_A_DAY = 24


def _run_at(context: dg.ScheduleEvaluationContext, run_config: dict[str, object]) -> dg.RunRequest:
    """Return a run that is launched once per scheduled instant, however often it is evaluated."""
    instant = context.scheduled_execution_time
    return dg.RunRequest(run_key=f"{instant:%Y-%m-%dT%H:%M}Z", run_config=run_config)


def _audit_config(lookback_hours: int) -> dict[str, object]:
    return {"ops": {"reconcile_layers": {"config": {"lookback_hours": lookback_hours}}}}


@dg.schedule(
    job=audit_job,
    cron_schedule="23 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Checks what landed and reconciles the last day, but for its last two hours.",
)
def hourly_audit_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Look back a day and two hours: an hour is compared again while late reports come in."""
    return _run_at(context, _audit_config(HOURS_OF_A_DAY + 2))


@dg.schedule(
    job=audit_job,
    cron_schedule="41 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reconciles the last eight days: what arrived late is compared where it belongs.",
)
def daily_audit_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Run when the day before is certainly complete, and long before anybody reads it."""
    return _run_at(context, _audit_config(8 * HOURS_OF_A_DAY))


@dg.schedule(
    job=maintenance_job,
    cron_schedule="17 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes raw rows beyond retention, leftovers of killed runs, and old runs.",
)
def nightly_maintenance_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Run in the hours with the least traffic; the schedule is the consent that a dry run lacks."""
    config = {"config": {"dry_run": False}}
    return _run_at(
        context,
        {"ops": {"prune_raw_rows": config, "prune_runs": config, "drop_leftovers": config}},
    )


@dg.schedule(
    job=fraud_job,
    cron_schedule="53 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Counts publishers, freezes the baseline of the day before and judges 35 days.",
)
def nightly_fraud_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Run when the day before is complete but for phones that are still offline."""
    return _run_at(context, {})
