"""Credit through Dagster: built once, reported with its checks, due again when something lands."""

from datetime import date

import dagster as dg
import pytest

from assets.credit import TABLES
from assets.tables import asset_key
from jobs.credit import credit_job
from jobs.ingest import ingest_job
from jobs.marts import marts_job
from orchestration import credit_sensor
from tests.fakes.pipeline import PipelineHouse
from tests.fakes.requests import DAY_MS, NOON, send_batch, track
from unmogrowp.attribution.credit_queue import due_credit

# Great Expectations and what it imports warn of their own future.
pytestmark = pytest.mark.filterwarnings("default")

TODAY = date(2026, 9, 24)
HOUR_MS = 3_600_000


@pytest.fixture
def house() -> PipelineHouse:
    return PipelineHouse()


def install(number: int, at_ms: int) -> dict:
    return track(
        f"install-{number}",
        at_ms,
        event="Application Installed",
        context={"device": {"id": f"{number:016x}", "type": "android"}},
    )


def materialized(result: dg.ExecuteInProcessResult, table: str) -> set[str | None]:
    return {
        event.partition
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        and event.asset_key == asset_key(table)
    }


def sensor_tick(house: PipelineHouse) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=house.instance)
    found = credit_sensor.due_credit_sensor(context, warehouse=house.warehouse, clock=house.clock)
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def test_due_days_are_shared_out_once_and_leave_the_queue(house: PipelineHouse) -> None:
    send_batch(house.stream, [install(1, NOON - HOUR_MS), install(2, NOON - DAY_MS)], NOON)
    house.run(ingest_job)
    assert due_credit(house.warehouse) == []  # the marts come first
    house.run(marts_job)
    assert [day for day, _ in due_credit(house.warehouse)] == [date(2026, 9, 23), TODAY]
    launched = sensor_tick(house)
    assert isinstance(launched, dg.SensorResult)
    assert launched.run_requests is not None
    result = house.run(credit_job, launched.run_requests[0].run_config)
    assert result.success
    assert due_credit(house.warehouse) == []
    for table in TABLES:
        assert materialized(result, table) == {"2026-09-24", "2026-09-23"}
    checks = {
        (one.asset_key.to_user_string(), one.check_name, one.partition): one.passed
        for one in result.get_asset_check_evaluations()
    }
    assert checks[("mart/channel_credit", "keeps_its_contract", "2026-09-24")]
    assert checks[("mart/touch_credit", "keeps_its_contract", "2026-09-23")]
    assert house.warehouse.rows(
        "SELECT model_id, channel, sum(conversions) FROM mart.channel_credit"
        " WHERE day = '2026-09-24' AND startsWith(model_id, 'installs.markov')"
        " GROUP BY ALL ORDER BY model_id"
    ) == [("installs.markov_1", "organic", 1.0), ("installs.markov_2", "organic", 1.0)]
    again = sensor_tick(house)
    assert isinstance(again, dg.SkipReason)
    assert again.skip_message == "0 days of credit are due"
    assert materialized(house.run(credit_job), TABLES[0]) == set()


def test_a_run_of_the_marts_is_waited_for_and_runs_keep_apart(house: PipelineHouse) -> None:
    send_batch(house.stream, [install(1, NOON - HOUR_MS)], NOON)
    house.run(ingest_job)
    house.run(marts_job)
    run = house.instance.create_run_for_job(marts_job, status=dg.DagsterRunStatus.STARTED)
    skipped = sensor_tick(house)
    assert isinstance(skipped, dg.SkipReason)
    assert "1 run(s) of credit or marts in flight" in str(skipped.skip_message)
    house.instance.report_run_canceled(run)
    house.instance.report_run_canceled(
        house.instance.create_run_for_job(credit_job, status=dg.DagsterRunStatus.STARTED)
    )
    ended = house.instance.get_run_records()[0].end_time or 0
    house.clock.ms = int(ended * 1000) + 1_000
    paused = sensor_tick(house)
    assert isinstance(paused, dg.SkipReason)
    assert "next run in 299 s" in str(paused.skip_message)
    house.clock.ms += credit_sensor.PAUSE_S * 1_000
    assert isinstance(sensor_tick(house), dg.SensorResult)
