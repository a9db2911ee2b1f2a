"""Starts runs as Dagster does, and notices when the process of a run is gone.

Dagster's default launcher cannot check its workers: a run whose process was killed stays STARTED
for ever, and with it the one slot of the landing pool. Here run monitoring asks for the process
by the pid that the run itself wrote into its event log, so a killed run is FAILURE at the next
poll (5 s) and retried. The daemon and the code server must share a machine and a pid namespace.

Kept light: the daemon and the web server import this module at start.
"""

import re
from typing import TYPE_CHECKING

from dagster import DagsterEventType
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

from orchestration.liveness import is_alive

if TYPE_CHECKING:
    from dagster import DagsterRun

_STARTED = re.compile(r"Started process for run \(pid: (\d+)\)")


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's launcher for one machine, with health checks by pid."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Say that run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: "DagsterRun") -> CheckRunHealthResult:
        """Return whether the process that the run named as its own still lives."""
        started = self._last_start(run.run_id)
        if started is None:
            # The process has not reported yet; run monitoring's start timeout is for that.
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not reported yet")
        pid, reported_at = started
        if is_alive(pid, reported_at):
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(pid))
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"process {pid} of the run is gone", run_worker_id=str(pid)
        )

    def _last_start(self, run_id: str) -> tuple[int, float] | None:
        """Return pid and time of the last start in the event log of a run."""
        found = None
        for entry in self._instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT):
            match = _STARTED.search(entry.message)
            if match:
                found = (int(match.group(1)), entry.timestamp)
        return found
