"""Identities within the jobs: built before the marts, which then see what they touched."""

import dagster as dg
import pytest

from assets.tables import asset_key
from jobs.identity import identity_job
from jobs.ingest import ingest_job
from jobs.marts import marts_job
from jobs.rebuild import rebuild_job
from orchestration.sensors import touched_days_sensor
from tests.fakes.pipeline import PipelineHouse
from tests.fakes.requests import DAY_MS, NOON, send_batch, track
from unmogrowp.attribution.touched_days import due

# Great Expectations and what it imports warn of their own future.
pytestmark = pytest.mark.filterwarnings("default")

AD_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def house():
    return PipelineHouse()


def phone(message_id, number, at_ms, event="Application Installed", **device):
    return track(
        message_id,
        at_ms,
        event=event,
        context={"device": {"id": f"{number:016x}", "type": "android", **device}},
    )


def metadata_of(result, table):
    return [
        event.step_materialization_data.materialization.metadata
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        and event.asset_key == asset_key(table)
    ]


def installs(house):
    return house.warehouse.rows(
        "SELECT source_message_id, device_key, ordinal FROM mart.installs ORDER BY installed_at"
    )


def test_a_run_of_the_marts_begins_with_identities_and_the_next_one_builds_what_they_touched(
    house,
):
    first, second = f"{1:016x}", f"{2:016x}"
    send_batch(
        house.stream,
        [
            phone("one", 1, NOON - 3 * DAY_MS, advertisingId=AD_ID),
            phone("two", 2, NOON - 2 * DAY_MS),
        ],
        NOON,
    )
    house.run(ingest_job)
    result = house.run(marts_job)
    assert result.success
    (built,) = metadata_of(result, "clean.identities")
    assert built["devices_moved"].value == 0
    assert installs(house) == [("one", first, 1), ("two", second, 1)]
    send_batch(
        house.stream,
        [phone("open", 2, NOON - DAY_MS, event="Application Opened", advertisingId=AD_ID)],
        NOON,
        request_id="late",
    )
    house.run(ingest_job)
    result = house.run(marts_job)
    assert result.success
    # The day of the install that became the second one, and that of the event which moved with it.
    assert metadata_of(result, "clean.identities")[0]["days_touched"].value == 2
    house.run(marts_job)
    assert installs(house) == [("one", first, 1), ("two", first, 2)]
    assert due(house.warehouse) == []
    assert house.warehouse.rows("SELECT to_component FROM audit.restatements") == [(first,)]


def test_events_that_touch_no_day_are_a_reason_to_stitch_and_only_once(house):
    traits = {**track("web", NOON - 1), "type": "identify", "context": {"page": {}}}
    send_batch(house.stream, [traits], NOON)
    house.landing().land()
    assert due(house.warehouse) == []

    def tick():
        context = dg.build_sensor_context(
            instance=house.instance,
            resources={"warehouse": house.warehouse, "clock": house.clock},
        )
        return touched_days_sensor(context)

    assert len(tick().run_requests) == 1
    assert house.run(marts_job).success
    assert "0 days are due" in tick().skip_message


def test_a_full_build_says_the_same_and_a_rebuilt_day_is_read_anew(house):
    send_batch(house.stream, [phone("one", 1, NOON - DAY_MS, advertisingId=AD_ID)], NOON)
    house.run(ingest_job)
    house.run(identity_job)
    full = {"ops": {"stitch_identities": {"config": {"is_full": True}}}}
    assert metadata_of(house.run(identity_job, full), "clean.identities") == []
    house.warehouse.execute(
        "ALTER TABLE clean.events UPDATE gaid = '' WHERE 1 SETTINGS mutations_sync = 2"
    )
    house.run(identity_job, full)
    count = "SELECT count() FROM clean.identities FINAL WHERE kind = 'gaid'"
    assert house.warehouse.scalar(count) == 0
    # The rebuild finds the id in the raw rows again, and says whose links to read.
    day = {"ops": {"rebuild_clean_days": {"config": {"days": ["2026-09-24"]}}}}
    assert house.run(rebuild_job, day).success
    assert house.run(identity_job).success
    assert house.warehouse.scalar(count) == 1
