"""How many runs of a job are on their way, and how its last ones ended.

Sensors decide by this and not by a cursor: a run that was launched by hand or by `unmogrowp sync`
counts as much as one of theirs.
"""

from dataclasses import dataclass

import dagster as dg

IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FIRST_PAUSE_S = 15
LONGEST_PAUSE_S = 900
_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class RecentRuns:
    """What the last runs of a job say about launching another."""

    in_flight: int
    failures_in_a_row: int
    last_ended_at: float | None
    last_run_id: str = ""

    def pause_s(self, now: float) -> float:
        """Return how long to wait yet: twice as long after each failure in a row.

        What failed for good would otherwise fail again at every tick, and call the webhook.
        """
        if not self.failures_in_a_row or self.last_ended_at is None:
            return 0.0
        doublings = min(self.failures_in_a_row - 1, 10)
        pause = float(min(FIRST_PAUSE_S << doublings, LONGEST_PAUSE_S))
        return max(self.last_ended_at + pause - now, 0.0)

    def hindrance(self, waiting: str, now: float) -> str:
        """Return why what waits is not launched now, for people; empty when it can be.

        Args:
            waiting: What waits: `3 days are due`.
            now: Unix time in seconds.
        """
        if self.in_flight:
            return f"{waiting}, {self.in_flight} run(s) in flight"
        pause_s = self.pause_s(now)
        if pause_s:
            return (
                f"{waiting}; the last {self.failures_in_a_row} run(s) failed,"
                f" next try in {pause_s:.0f} s"
            )
        return ""


def recent_runs(instance: dg.DagsterInstance, job_name: str) -> RecentRuns:
    """Look at the runs of a job, newest first."""
    in_flight = instance.get_runs_count(dg.RunsFilter(job_name=job_name, statuses=IN_FLIGHT))
    ended = instance.get_run_records(
        dg.RunsFilter(
            job_name=job_name,
            statuses=[
                dg.DagsterRunStatus.SUCCESS,
                dg.DagsterRunStatus.FAILURE,
                dg.DagsterRunStatus.CANCELED,
            ],
        ),
        limit=_LOOKED_AT,
    )
    failures = 0
    for record in ended:
        if record.dagster_run.status != dg.DagsterRunStatus.FAILURE:
            break
        failures += 1
    if not ended:
        return RecentRuns(in_flight, 0, None)
    return RecentRuns(in_flight, failures, ended[0].end_time, ended[0].dagster_run.run_id)
