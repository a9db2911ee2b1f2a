"""Launches again what was lost between two processes that died together.

Dagster retries a run whose worker was killed. Where the code server dies with it, the one retry
is attempted against nobody and is lost too: the run stays failed, and no error of ours is the
reason. Landing, marts and credit come back by their own sensors, because what they left undone is
seen in the warehouse; audits, rebuilds and maintenance would wait for their next schedule.
"""

import dagster as dg

from jobs.audits import audit_job
from jobs.credit import credit_job
from jobs.fraud import fraud_job
from jobs.identity import identity_job
from jobs.ingest import ingest_job
from jobs.maintenance import maintenance_job
from jobs.marts import marts_job
from jobs.rebuild import rebuild_job
from unmogrowp.clock import Clock

JOBS = [
    ingest_job,
    rebuild_job,
    identity_job,
    marts_job,
    credit_job,
    fraud_job,
    audit_job,
    maintenance_job,
]
REASON_TAG = "dagster/failure_reason"
ATTEMPT_TAG = "unmogrowp/lost_attempt"
STEP_FAILURE = "STEP_FAILURE"
MAX_ATTEMPTS = 3
# Younger failures may still get the retry that Dagster promised them; older ones are history.
SETTLED_AFTER_S = 60
LOOKED_BACK_S = 3_600


@dg.sensor(
    jobs=JOBS,
    minimum_interval_seconds=29,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches a run again that failed without an error of its own and was not retried.",
)
def lost_runs_sensor(
    context: dg.SensorEvaluationContext, clock: dg.ResourceParam[Clock]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for every lost run once; the run key is the lost run."""
    requests = [
        dg.RunRequest(
            run_key=f"lost:{run.run_id}",
            job_name=run.job_name,
            run_config=run.run_config,
            tags={ATTEMPT_TAG: str(int(run.tags.get(ATTEMPT_TAG, "0")) + 1)},
        )
        for run in lost_runs(context.instance, clock.now_ms() / 1000)
    ]
    return requests or dg.SkipReason("0 runs were lost in the last hour")


def lost_runs(instance: dg.DagsterInstance, now: float) -> list[dg.DagsterRun]:
    """Return the newest run of each of our jobs that was lost."""
    found = []
    for job in JOBS:
        records = instance.get_run_records(dg.RunsFilter(job_name=job.name), limit=1)
        if records and _is_lost(records[0], now):
            found.append(records[0].dagster_run)
    return found


def _is_lost(record: dg.RunRecord, now: float) -> bool:
    """Return whether a run failed, not by a step, and nothing newer of its job exists."""
    run = record.dagster_run
    age = now - (record.end_time or now)
    return bool(
        run.status == dg.DagsterRunStatus.FAILURE
        and run.tags.get(REASON_TAG) != STEP_FAILURE
        and SETTLED_AFTER_S <= age <= LOOKED_BACK_S
        and int(run.tags.get(ATTEMPT_TAG, "0")) < MAX_ATTEMPTS
    )
