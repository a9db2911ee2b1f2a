"""What `sync` launches, waits for and gives up on; the jobs run for real, in this process."""

import time

import pytest

from cli.dagster_client import FinishedRun
from cli.syncing import Outcome, Sync, end_offsets
from jobs.audits import audit_job
from jobs.credit import credit_job
from jobs.ingest import ingest_job
from jobs.marts import marts_job
from jobs.rebuild import rebuild_job
from tests.fakes.pipeline import PipelineHouse
from tests.fakes.requests import NOON, send_batch, track
from unmogrowp.errors import PermanentError, TransientError
from unmogrowp.landing.options import LANDED_TOPICS

# Great Expectations and what it imports warn of their own future.
pytestmark = pytest.mark.filterwarnings("default")
JOBS = {job.name: job for job in (ingest_job, rebuild_job, marts_job, credit_job, audit_job)}


class InProcessDagster:
    """Runs jobs at once; `busy` names a job whose run of a sensor is on its way for some asks."""

    def __init__(self, house, folder):
        self.house = house
        self.folder = folder
        self.launched = []
        self.busy = {}
        self.broken = False

    def run(self, job, run_config, tags, deadline):
        self.launched.append(job)
        if self.broken:
            return FinishedRun(job, "run", "FAILURE", 0.0, "it broke")
        result = self.house.run(JOBS[job], run_config, self.folder)
        return FinishedRun(job, result.run_id, "SUCCESS" if result.success else "FAILURE", 0.0)

    def in_flight(self, job):
        self.busy[job] = self.busy.get(job, 0) - 1
        return ["sensor"] if self.busy[job] >= 0 else []


@pytest.fixture
def house():
    return PipelineHouse()


@pytest.fixture
def dagster(house, tmp_path):
    return InProcessDagster(house, tmp_path)


def sync_of(house, dagster, seconds=60):
    return Sync(
        house.warehouse,
        house.stream,
        dagster,
        deadline=time.monotonic() + seconds,
        tell=lambda _what, _share: None,
    )


def ends_of(house):
    return end_offsets(house.stream, [str(topic) for topic in LANDED_TOPICS])


def install(house, number):
    event = track(f"install-{number}", NOON - 1, event="Application Installed")
    event["context"]["device"]["id"] = f"{number:016x}"
    send_batch(house.stream, [event], NOON, request_id=f"request-{number}")


def test_everything_before_the_ends_is_landed_and_built(house, dagster):
    install(house, 1)
    ends = ends_of(house)
    install(house, 2)
    outcome = Outcome(NOON + 1, "sync-1")
    work = sync_of(house, dagster)
    work.land(ends, outcome)
    work.build(outcome)
    assert dagster.launched == ["ingest_job", "marts_job"]
    dagster.busy["credit_job"] = 1
    work.share_out(outcome)
    work.share_out(outcome)
    assert dagster.launched == ["ingest_job", "marts_job", "credit_job"]
    assert house.ids() == ["install-1"]
    assert [day.isoformat() for day in outcome.built_days] == ["2026-09-24"]
    assert outcome.is_ok


def test_what_is_landed_already_launches_nothing(house, dagster):
    install(house, 1)
    house.landing().land()
    sync_of(house, dagster).land(ends_of(house), Outcome(NOON, "sync-1"))
    assert dagster.launched == []


def test_a_run_of_a_sensor_is_waited_for_and_its_work_not_repeated(house, dagster):
    install(house, 1)
    dagster.busy["ingest_job"] = 2
    sync_of(house, dagster).land(ends_of(house), Outcome(NOON, "sync-1"))
    assert dagster.launched == ["ingest_job"]
    assert dagster.busy["ingest_job"] == -1


def test_a_step_that_fails_three_times_ends_it_with_the_reason(house, dagster):
    install(house, 1)
    dagster.broken = True
    with pytest.raises(PermanentError, match="ingest_job failed 3 times: it broke"):
        sync_of(house, dagster).land(ends_of(house), Outcome(NOON, "sync-1"))
    assert dagster.launched == ["ingest_job"] * 3


def test_the_time_limit_ends_waiting_for_others(house, dagster):
    install(house, 1)
    dagster.busy["ingest_job"] = 1_000
    with pytest.raises(TransientError, match="time limit"):
        sync_of(house, dagster, seconds=0.1).land(ends_of(house), Outcome(NOON, "sync-1"))


def test_nothing_compared_is_a_fault(house, dagster):
    outcome = Outcome(NOON, "sync-1")
    sync_of(house, dagster).audit(24, outcome)
    assert not outcome.is_ok
    assert any("nothing was compared" in fault for fault in outcome.faults)
