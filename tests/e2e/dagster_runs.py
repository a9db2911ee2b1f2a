"""Runs and backfills through Dagster's API, as its pages start and show them."""

import re
from datetime import date

from tests.e2e.platform import Platform, wait_until

RUN_SECONDS = 240
BACKFILL_SECONDS = 300  # the daemon that works on backfills looks every 30 seconds
ENDED = ("SUCCESS", "FAILURE", "CANCELED")

_REPOSITORY = """
    query { repositoriesOrError { ... on RepositoryConnection {
        nodes { name location { name } } } } }"""
_LAUNCH_BACKFILL = """
    mutation($params: LaunchBackfillParams!) {
        launchPartitionBackfill(backfillParams: $params) {
            __typename
            ... on LaunchBackfillSuccess { backfillId }
            ... on PythonError { message }
        }
    }"""
_BACKFILL = """
    query($id: String!) { partitionBackfillOrError(backfillId: $id) {
        ... on PartitionBackfill { status } } }"""
_LAUNCH_RUN = """
    mutation($params: ExecutionParams!) {
        launchRun(executionParams: $params) {
            __typename
            ... on LaunchRunSuccess { run { runId } }
            ... on PythonError { message }
        }
    }"""
_RUN = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_RUN_EVENTS = """
    query($id: ID!) { runOrError(runId: $id) { ... on Run {
        eventConnection { events {
            __typename
            ... on MessageEvent { message }
            ... on ExecutionStepFailureEvent { error { message cause { message } } }
        } } } } }"""
_RUNS = """
    query($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 20) {
        ... on Runs { results { runId jobName } } } }"""


Wanted = tuple[list[list[str]], list[date]]


def backfill(platform: Platform, *wanted: Wanted) -> list[str]:
    """Rebuild days of assets, a backfill for each pair, all at once; return how they ended."""
    return [_ended(platform, started) for started in [_begin(platform, *one) for one in wanted]]


def _begin(platform: Platform, assets: list[list[str]], days: list[date]) -> str:
    answer = platform.graphql(
        _LAUNCH_BACKFILL,
        params={
            "assetSelection": [{"path": path} for path in assets],
            "partitionNames": [day.isoformat() for day in days],
        },
    )["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def _ended(platform: Platform, backfill_id: str) -> str:
    def status() -> str:
        asked = platform.graphql(_BACKFILL, id=backfill_id)
        found = str(asked["partitionBackfillOrError"]["status"])
        return "" if found in ("REQUESTED", "CANCELING", "FAILING") else found

    return wait_until(status, seconds=BACKFILL_SECONDS, what="the backfill ended", pause=1)


def materialize(platform: Platform, assets: list[list[str]], day: date) -> tuple[str, str]:
    """Rebuild one day of assets in a run; return how it ended and what it said."""
    (node,) = platform.graphql(_REPOSITORY)["repositoriesOrError"]["nodes"]
    launched = platform.graphql(
        _LAUNCH_RUN,
        params={
            "selector": {
                "repositoryName": node["name"],
                "repositoryLocationName": node["location"]["name"],
                "jobName": "__ASSET_JOB",
                "assetSelection": [{"path": path} for path in assets],
            },
            "executionMetadata": {
                "tags": [{"key": "dagster/partition", "value": day.isoformat()}],
            },
        },
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    def status() -> str:
        found = str(platform.graphql(_RUN, id=run_id)["runOrError"]["status"])
        return found if found in ENDED else ""

    ended = wait_until(status, seconds=RUN_SECONDS, what="the run ended", pause=0.5)
    return ended, "\n".join(message for _, message in run_events(platform, run_id))


def run_events(platform: Platform, run_id: str) -> list[tuple[str, str]]:
    """Return type and message of everything a run reported."""
    run = platform.graphql(_RUN_EVENTS, id=run_id)["runOrError"]
    found = []
    for event in run["eventConnection"]["events"]:
        error = event.get("error") or {}
        reasons = [
            event.get("message"),
            error.get("message"),
            (error.get("cause") or {}).get("message"),
        ]
        found.append((event["__typename"], "\n".join(reason for reason in reasons if reason)))
    return found


def runs_under_way(platform: Platform, job: str) -> list[str]:
    """Return the runs of a job that have started and not ended."""
    found = platform.graphql(_RUNS, filter={"pipelineName": job, "statuses": ["STARTED"]})
    return [run["runId"] for run in found["runsOrError"]["results"]]


def worker_pid(events: list[tuple[str, str]]) -> int | None:
    """Return the process of a run, which its launcher announced."""
    for _, message in events:
        told = re.search(r"\(pid: (\d+)\)", message)
        if told:
            return int(told[1])
    return None
