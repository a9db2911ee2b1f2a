"""What launches a run and what does not, over the real engine and a stream in memory."""

import dagster as dg
import pytest

from jobs.credit import credit_job
from jobs.ingest import ingest_job
from jobs.marts import marts_job
from orchestration.lost_runs import lost_runs
from orchestration.sensors import (
    REPORTS_ONLY_S,
    late_copies_sensor,
    stream_lag_sensor,
    touched_days_sensor,
)
from tests.fakes.pipeline import PipelineHouse
from tests.fakes.requests import DAY_MS, NOON, headers, send, send_batch, track
from unmogrowp.contracts.topics import Topic


@pytest.fixture
def house():
    return PipelineHouse()


def tick(house, sensor, **resources):
    context = dg.build_sensor_context(instance=house.instance)
    return sensor(context, warehouse=house.warehouse, clock=house.clock, **resources)


def lag_tick(house):
    return tick(house, stream_lag_sensor, event_stream=house.stream)


def add_run(house, job, status, ended_at_ms=None):
    run = house.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    if status == dg.DagsterRunStatus.FAILURE:
        house.instance.report_run_failed(run)
    elif status != dg.DagsterRunStatus.STARTED:
        house.instance.report_dagster_event(
            dg.DagsterEvent(event_type_value=f"PIPELINE_{status.value}", job_name=job.name),
            run.run_id,
        )
    if ended_at_ms is None:
        record = house.instance.get_run_record_by_id(run.run_id)
        if record.end_time:
            house.clock.ms = int(record.end_time * 1000) + 1
    return run


def test_no_lag_launches_nothing(house):
    assert "0 records" in lag_tick(house).skip_message


def test_lag_launches_one_landing_run(house):
    send_batch(house.stream, [track("one", NOON)], NOON)
    result = lag_tick(house)
    assert len(result.run_requests) == 1
    assert '"version": 1' in result.cursor


def test_a_landing_run_in_flight_is_waited_for(house):
    send_batch(house.stream, [track("one", NOON)], NOON)
    add_run(house, ingest_job, dg.DagsterRunStatus.STARTED)
    assert "1 landing run(s) in flight" in lag_tick(house).skip_message


def test_a_failed_landing_run_is_tried_again_after_a_pause_that_grows(house):
    send_batch(house.stream, [track("one", NOON)], NOON)
    add_run(house, ingest_job, dg.DagsterRunStatus.FAILURE)
    assert "next try in 15 s" in lag_tick(house).skip_message
    house.clock.ms += 16_000
    assert len(lag_tick(house).run_requests) == 1
    add_run(house, ingest_job, dg.DagsterRunStatus.FAILURE)
    house.clock.ms += 16_000
    assert "the last 2 landing run(s) failed" in lag_tick(house).skip_message


def test_reports_of_collectors_alone_wait_for_company(house):
    send(
        house.stream,
        Topic.COLLECTOR_STATS,
        b"{}",
        headers(path="/v1/batch", received_at=NOON, item_count=0),
    )
    add_run(house, ingest_job, dg.DagsterRunStatus.FAILURE)
    house.clock.ms += 60_000
    assert "1 reports of collectors wait" in lag_tick(house).skip_message
    house.clock.ms += REPORTS_ONLY_S * 1000
    assert len(lag_tick(house).run_requests) == 1


def land_install(house, number, at_ms):
    event = track(f"install-{number}", at_ms, event="Application Installed")
    event["context"]["device"]["id"] = f"{number:016x}"
    send_batch(house.stream, [event], NOON, request_id=f"request-{number}")
    house.landing().land()


def test_touched_days_become_one_run_that_names_them(house):
    assert "0 days are due" in tick(house, touched_days_sensor).skip_message
    land_install(house, 1, NOON - 1)
    land_install(house, 2, NOON - 3 * DAY_MS)
    (request,) = tick(house, touched_days_sensor).run_requests
    config = request.run_config["ops"]["build_due_days"]["config"]
    assert config == {"days": ["2026-09-21", "2026-09-24"]}


def test_the_same_work_has_the_same_run_key_until_a_run_of_it_ended(house):
    land_install(house, 1, NOON - 1)
    (first,) = tick(house, touched_days_sensor).run_requests
    (second,) = tick(house, touched_days_sensor).run_requests
    assert first.run_key == second.run_key
    add_run(house, marts_job, dg.DagsterRunStatus.FAILURE)
    house.clock.ms += 16_000
    (third,) = tick(house, touched_days_sensor).run_requests
    assert third.run_key != first.run_key


def test_days_are_not_launched_twice_while_a_run_builds_them(house):
    land_install(house, 1, NOON - 1)
    add_run(house, marts_job, dg.DagsterRunStatus.STARTED)
    assert "1 run(s) in flight" in tick(house, touched_days_sensor).skip_message


def test_without_late_copies_no_day_is_rebuilt(house):
    land_install(house, 1, NOON - 1)
    assert "0 days" in tick(house, late_copies_sensor).skip_message


def test_a_run_that_failed_without_an_error_of_its_own_is_lost_after_a_minute(house):
    run = add_run(house, marts_job, dg.DagsterRunStatus.FAILURE)
    now = house.clock.ms / 1000
    assert lost_runs(house.instance, now + 30) == []
    assert [lost.run_id for lost in lost_runs(house.instance, now + 90)] == [run.run_id]
    assert lost_runs(house.instance, now + 2 * 3600) == []


def test_a_lost_run_of_credit_is_found_as_well(house):
    run = add_run(house, credit_job, dg.DagsterRunStatus.FAILURE)
    found = lost_runs(house.instance, house.clock.ms / 1000 + 90)
    assert [lost.run_id for lost in found] == [run.run_id]


def test_a_run_whose_step_failed_is_not_lost(house):
    run = add_run(house, marts_job, dg.DagsterRunStatus.FAILURE)
    house.instance.add_run_tags(run.run_id, {"dagster/failure_reason": "STEP_FAILURE"})
    assert lost_runs(house.instance, house.clock.ms / 1000 + 90) == []


def test_a_lost_run_with_a_successor_is_history(house):
    add_run(house, marts_job, dg.DagsterRunStatus.FAILURE)
    add_run(house, marts_job, dg.DagsterRunStatus.STARTED)
    assert lost_runs(house.instance, house.clock.ms / 1000 + 90) == []
