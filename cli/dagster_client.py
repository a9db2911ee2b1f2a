"""Launches runs the way the UI does, so that whoever looks there sees what `sync` did.

Talks GraphQL to the guarded web server: queues, pools and retries apply as to every other run.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from unmogrowp.errors import PermanentError, TransientError

LOCATION = "unmogrowp"
REPOSITORY = "__repository__"
FINISHED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
_TIMEOUT_S = 30
_PATIENCE_S = 30.0
_POLL_S = 0.2
# How long the definitions may be away while the code server restarts.
_RELOAD_S = 60

_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PipelineNotFoundError { message }
  }
}
"""
_STATUS = """
query Status($runId: ID!) {
  runOrError(runId: $runId) {
    __typename
    ... on Run { status tags { key value } }
    ... on PythonError { message }
  }
}
"""
_REASONS = """
query Reasons($runId: ID!) {
  runOrError(runId: $runId) {
    ... on Run {
      eventConnection(limit: 1000) {
        events {
          __typename
          ... on ExecutionStepFailureEvent { stepKey error { message } }
          ... on RunFailureEvent { message }
        }
      }
    }
  }
}
"""
_IN_FLIGHT = """
query InFlight($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 20) {
    __typename
    ... on Runs { results { runId status } }
    ... on PythonError { message }
  }
}
"""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that ended; `reason` is why, where it did not succeed."""

    job: str
    run_id: str
    status: str
    seconds: float
    reason: str = ""

    @property
    def is_success(self) -> bool:
        """Return whether it did what it was launched for."""
        return self.status == "SUCCESS"


class DagsterClient:
    """A client of one web server."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/graphql"

    def run(
        self,
        job: str,
        run_config: Mapping[str, Any],
        tags: Mapping[str, str],
        deadline: float,
        on_wait: Callable[[str], None] = lambda _status: None,
    ) -> FinishedRun:
        """Launch a job and wait until it ended; follow the retry of a run that was killed.

        Args:
            job: Name of the job.
            run_config: Configuration of its ops.
            tags: Shown with the run.
            deadline: `time.monotonic()` after which waiting is given up; the run goes on.
            on_wait: Called with the status while waiting.

        Raises:
            TransientError: The web server is away, or the deadline passed.
            PermanentError: The run could not be launched as it was asked for.
        """
        began = time.monotonic()
        run_id = self._launch(job, run_config, tags, deadline)
        while True:
            status, run_id = self._settled(run_id)
            on_wait(status)
            if status in FINISHED:
                reason = "" if status == "SUCCESS" else self._reason(run_id, status)
                return FinishedRun(job, run_id, status, time.monotonic() - began, reason)
            if time.monotonic() > deadline:
                raise TransientError(f"{job} (run {run_id}) is still {status} at the time limit")
            time.sleep(_POLL_S)

    def in_flight(self, job: str) -> list[str]:
        """Return the ids of runs of a job that are queued or running."""
        answer = self._read(
            _IN_FLIGHT,
            {
                "filter": {
                    "pipelineName": job,
                    "statuses": ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"],
                }
            },
        )["runsOrError"]
        return [str(run["runId"]) for run in answer.get("results", [])]

    def _launch(
        self, job: str, run_config: Mapping[str, Any], tags: Mapping[str, str], deadline: float
    ) -> str:
        params = {
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": REPOSITORY,
                "pipelineName": job,
            },
            "runConfigData": dict(run_config),
            "mode": "default",
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in tags.items()]
            },
        }
        patience = min(deadline, time.monotonic() + _RELOAD_S)
        while True:
            try:
                answer = self._ask(_LAUNCH, {"params": params})["launchRun"]
            except TransientError:
                # Connections that died with PostgreSQL fail once each; a failed try leaves at
                # most a failed run record, and every job may run twice.
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
                continue
            if answer["__typename"] == "LaunchRunSuccess":
                return str(answer["run"]["runId"])
            if answer["__typename"] == "PipelineNotFoundError" and time.monotonic() < patience:
                # The code server is restarting, and its definitions are away with it.
                time.sleep(1)
                continue
            messages = [answer.get("message") or ""]
            messages += [error["message"] for error in answer.get("errors", [])]
            text = "; ".join(message for message in messages if message)
            raise PermanentError(f"{job} cannot be launched ({answer['__typename']}): {text}")

    def _settled(self, run_id: str) -> tuple[str, str]:
        """Return status and id; a failed run that has its automatic retry is that retry."""
        answer = self._read(_STATUS, {"runId": run_id})["runOrError"]
        if answer["__typename"] != "Run":
            raise TransientError(f"run {run_id}: {answer.get('message', answer['__typename'])}")
        tags = {tag["key"]: tag["value"] for tag in answer["tags"]}
        if answer["status"] == "FAILURE" and "dagster/auto_retry_run_id" in tags:
            return self._settled(tags["dagster/auto_retry_run_id"])
        if answer["status"] == "FAILURE" and tags.get("dagster/will_retry") == "true":
            return "RETRYING", run_id
        return str(answer["status"]), run_id

    def _reason(self, run_id: str, status: str) -> str:
        answer = self._read(_REASONS, {"runId": run_id})["runOrError"]
        events = answer.get("eventConnection", {}).get("events", [])
        steps = [
            f"{event['stepKey']}: {_last_line(event['error']['message'])}"
            for event in events
            if event["__typename"] == "ExecutionStepFailureEvent" and event.get("error")
        ]
        runs = [str(e["message"]) for e in events if e["__typename"] == "RunFailureEvent"]
        return "; ".join(steps or runs) or status

    def _read(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Ask a question, again for a while where no answer comes: questions change nothing.

        Connections of the web server that died with PostgreSQL fail once each.
        """
        patience = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._ask(query, variables)
            except (TransientError, PermanentError):
                if time.monotonic() > patience:
                    raise
                time.sleep(1)

    def _ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url,
            data=json.dumps({"query": query, "variables": dict(variables)}).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        # Our own server is not asked for through a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_TIMEOUT_S) as response:
                answer = json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:  # it is the answer too, and holds the connection
                detail = error.read(2_000).decode(errors="replace")
            if error.code >= 500:
                raise TransientError(f"Dagster answered {error.code}") from error
            raise PermanentError(f"Dagster refused ({error.code}): {detail}") from error
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise TransientError(f"Dagster's web server cannot be reached: {error}") from error
        if answer.get("errors"):
            raise PermanentError(f"Dagster refused: {answer['errors'][0].get('message')}")
        return dict(answer["data"])


def _last_line(message: str) -> str:
    """Return the line that says what happened; the lines before it say where."""
    lines = [line for line in message.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
