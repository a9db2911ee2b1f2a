"""The jobs over the real engine in this process: what they publish, report and refuse."""

from contextlib import contextmanager
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from assets.tables import asset_key
from jobs.audits import audit_job
from jobs.ingest import ingest_job
from jobs.marts import marts_job
from jobs.rebuild import rebuild_job
from orchestration.sensors import marts_config
from tests.fakes.pipeline import OpenLock, PipelineHouse
from tests.fakes.requests import DAY_MS, NOON, iso, send_batch, send_touch, track
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.touched_days import due
from unmogrowp.rulesets import OURS, PRESETS
from unmogrowp.rulesets.assignment import Promotion
from unmogrowp.warehouse.content_hash import content_hash

# Great Expectations and what it imports warn of their own future.
pytestmark = pytest.mark.filterwarnings("default")

TODAY = date(2026, 9, 24)
HOUR_MS = 3_600_000
AUDIT_UP_TO_NOON = {
    "ops": {"reconcile_layers": {"config": {"mode": "sync", "received_before_ms": NOON + 1}}}
}


@pytest.fixture
def house():
    return PipelineHouse()


def install(number, at_ms, **fields):
    return track(
        f"install-{number}",
        at_ms,
        event="Application Installed",
        context={"device": {"id": f"{number:016x}", "type": "android"}},
        **fields,
    )


def materialized(result, table):
    return {
        event.partition: event.step_materialization_data.materialization.metadata
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        and event.asset_key == asset_key(table)
    }


def evaluations(result):
    return {
        (e.asset_key.to_user_string(), e.check_name, e.partition): e
        for e in result.get_asset_check_evaluations()
    }


def test_landing_reports_every_table_and_day_it_touched(house):
    send_batch(house.stream, [install(1, NOON - HOUR_MS)], NOON)
    send_batch(house.stream, [install(2, NOON - DAY_MS)], NOON - DAY_MS + 1)
    result = house.run(ingest_job)
    assert result.success
    events = materialized(result, "clean.events")
    assert set(events) == {"2026-09-24", "2026-09-23"}
    assert events["2026-09-24"]["rows_landed"].value == 1
    assert house.lock.purposes == ["landing"]
    assert evaluations(result)[("clean/events", "micro_batches_keep_their_contract", None)].passed


def test_landing_stops_at_the_ends_it_was_given(house):
    for number in range(3):
        send_batch(house.stream, [install(number, NOON - HOUR_MS)], NOON)
    until = [{"topic": "events.v1", "partition": 0, "end": 2}]
    assert house.run(
        ingest_job, {"ops": {"land_micro_batches": {"config": {"until": until}}}}
    ).success
    assert house.ids() == ["install-0", "install-1"]


def test_due_days_are_built_once_and_leave_the_queue(house):
    send_batch(house.stream, [install(1, NOON - HOUR_MS), install(2, NOON - DAY_MS)], NOON)
    house.run(ingest_job)
    assert {entry.day for entry in due(house.warehouse)} == {TODAY, date(2026, 9, 23)}
    result = house.run(marts_job)
    assert result.success
    assert set(materialized(result, "mart.installs")) == {"2026-09-24", "2026-09-23"}
    assert due(house.warehouse) == []
    checks = evaluations(result)
    assert checks[("mart/installs", "keeps_its_contract", "2026-09-24")].passed
    assert checks[("mart/attributed_installs", "looks_as_usual", "2026-09-23")].passed
    assert materialized(house.run(marts_job), "mart.installs") == {}


def test_a_run_builds_only_the_days_it_was_given(house):
    send_batch(house.stream, [install(1, NOON - HOUR_MS), install(2, NOON - DAY_MS)], NOON)
    house.run(ingest_job)
    result = house.run(marts_job, marts_config(["2026-09-24", "2026-09-24"]))
    assert set(materialized(result, "mart.installs")) == {"2026-09-24"}
    assert {entry.day for entry in due(house.warehouse)} == {date(2026, 9, 23)}


def test_a_late_event_changes_exactly_its_day(house):
    send_batch(house.stream, [install(1, NOON - HOUR_MS), install(2, NOON - DAY_MS)], NOON)
    house.run(ingest_job)
    house.run(marts_job)
    before = {day: day_hash(house, day) for day in ("2026-09-23", "2026-09-24")}
    send_batch(house.stream, [install(3, NOON - DAY_MS)], NOON, request_id="late")
    house.run(ingest_job)
    result = house.run(marts_job)
    assert set(materialized(result, "mart.attributed_installs")) == {"2026-09-23"}
    assert day_hash(house, "2026-09-24") == before["2026-09-24"]
    assert day_hash(house, "2026-09-23") != before["2026-09-23"]


def day_hash(house, day):
    return content_hash(
        house.warehouse,
        "mart.attributed_installs",
        "toDate(installed_at) = {day:Date}",
        {"day": day},
    )


def test_a_rebuild_of_a_right_day_changes_nothing(house):
    send_batch(house.stream, [install(1, NOON - HOUR_MS), track("open", NOON)], NOON)
    house.run(ingest_job)
    before = house.hashes()
    result = house.run(
        rebuild_job, {"ops": {"rebuild_clean_days": {"config": {"days": ["2026-09-24"]}}}}
    )
    assert result.success
    assert materialized(result, "clean.events")["2026-09-24"]["changed_rows"].value == 0
    assert evaluations(result)[("clean/events", "keeps_its_contract", "2026-09-24")].passed
    assert house.hashes() == before


def test_a_rebuild_without_its_raw_rows_fails_and_is_not_retried(house):
    send_batch(house.stream, [track("open", NOON)], NOON)
    house.run(ingest_job)
    house.warehouse.execute("TRUNCATE TABLE raw.requests")
    before = house.hashes("clean.events")
    result = house.run(
        rebuild_job, {"ops": {"rebuild_clean_days": {"config": {"days": ["2026-09-24"]}}}}
    )
    assert not result.success
    failure = result.failure_data_for_node("rebuild_clean_days")
    assert "RebuildRefused" in failure.user_failure_data.description
    assert "STEP_UP_FOR_RETRY" not in [event.event_type_value for event in result.all_events]
    run = house.instance.get_run_by_id(result.run_id)
    assert run.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    assert house.hashes("clean.events") == before


def test_bad_rows_are_never_published_and_the_check_says_why(house):
    send_batch(house.stream, [install(1, NOON - HOUR_MS)], NOON)
    house.run(ingest_job)
    house.warehouse.execute(
        "ALTER TABLE clean.events UPDATE platform = 'toaster' WHERE 1 SETTINGS mutations_sync = 2"
    )
    result = house.run(marts_job)
    assert not result.success
    check = evaluations(result)[("mart/installs", "keeps_its_contract", "2026-09-24")]
    assert not check.passed
    assert "platform is one of" in check.description
    assert house.warehouse.scalar("SELECT count() FROM mart.installs") == 0
    assert [entry.day for entry in due(house.warehouse)] == [TODAY]
    logged = house.warehouse.rows(
        "SELECT DISTINCT table_name FROM audit.quality_results WHERE NOT is_passed"
    )
    assert logged == [("mart.installs",)]


def test_an_audit_that_compared_nothing_in_sync_fails(house, tmp_path):
    config = {"mode": "sync", "received_before_ms": NOON}
    result = house.run(audit_job, {"ops": {"reconcile_layers": {"config": config}}}, tmp_path)
    assert not result.success
    assert "Nothing was compared" in str(
        result.failure_data_for_node("reconcile_layers").user_failure_data.description
    )


def test_checks_of_what_landed_name_each_touched_partition_once(house, tmp_path):
    send_batch(house.stream, [track("open", NOON)], NOON)
    house.run(ingest_job)
    house.clock.ms += 1
    first = evaluations(house.run(audit_job, folder=tmp_path))
    assert first[("clean/events", "keeps_its_contract", "2026-09-24")].passed
    assert first[("audit/quality_results", "keeps_its_contract", "2026-09-24")].passed
    again = evaluations(house.run(audit_job, folder=tmp_path))
    assert ("clean/events", "keeps_its_contract", "2026-09-24") not in again


def test_an_audit_waits_for_a_build_that_is_between_its_two_publishes(house, tmp_path):
    send_batch(house.stream, [install(1, NOON - HOUR_MS)], NOON)
    house.run(ingest_job)
    build_installs_day(house.warehouse, TODAY, watermark=1, clock=house.clock)

    class LockOfTheBuild(OpenLock):
        @contextmanager
        def held(self, purpose):
            build_attribution_day(house.warehouse, OURS, TODAY, watermark=1, clock=house.clock)
            yield self

    house.lock = LockOfTheBuild()
    house.run(audit_job, AUDIT_UP_TO_NOON, tmp_path)
    installs = house.warehouse.rows(
        "SELECT left_count, right_count, difference FROM audit.reconciliation"
        " WHERE identity = 'installs'"
    )
    # Under ours, and what counts.
    assert installs == [(1, 1, 0)] * 2


def comes_back(house, ruleset_id):
    """Promote a ruleset; a phone installs, sees a retargeting ad 20 days later, and comes back."""
    house.promotions.append(
        Promotion(1, "", PRESETS[ruleset_id], date(2026, 9, 1), datetime(2026, 9, 1, tzinfo=UTC),
                  "me")
    )  # fmt: skip
    send_batch(house.stream, [install(1, NOON - 20 * DAY_MS)], NOON - 20 * DAY_MS + 1)
    phone = {"device": {"id": f"{1:016x}", "type": "android"}}
    send_batch(house.stream, [track("opened", NOON - HOUR_MS, context=phone)], NOON)
    send_touch(
        house.stream,
        {
            "app_id": "app", "media_source": "again", "android_id": f"{1:016x}",
            "touch_at": iso(NOON - 2 * HOUR_MS), "is_retargeting": True,
        },
    )  # fmt: skip
    house.run(ingest_job)
    return house.run(marts_job)


def re_engagements(house):
    return house.warehouse.rows(
        "SELECT toString(ruleset_id), toString(media_source), is_primary"
        " FROM mart.attributed_installs WHERE conversion_kind = 're_engagement'"
    )


def test_openings_are_built_and_decided_where_a_ruleset_asks_for_them(house):
    result = comes_back(house, "adjust_like")
    assert result.success
    openings = materialized(result, "mart.openings")
    assert openings["2026-09-24"]["dagster/partition_row_count"].value == 1
    checks = evaluations(result)
    assert checks[("mart/openings", "keeps_its_contract", "2026-09-24")].passed
    assert re_engagements(house) == [("adjust_like", "again", True)]
    assert due(house.warehouse, ("installs", "attribution")) == []
    # There are no reports of collectors, so the audit as a whole cannot pass.
    house.run(audit_job, AUDIT_UP_TO_NOON)
    assert house.warehouse.rows(
        "SELECT DISTINCT left_count, right_count FROM audit.reconciliation"
        " WHERE identity = 'installs'"
    ) == [(1, 1)], "a re-engagement is no second decision about its install"


def test_a_late_event_takes_a_re_engagement_back(house):
    comes_back(house, "adjust_like")
    phone = {"device": {"id": f"{1:016x}", "type": "android"}}
    late = track("late", NOON - 3 * DAY_MS, context=phone)
    send_batch(house.stream, [late], NOON, key=b"late")
    house.run(ingest_job)
    house.run(marts_job)
    assert re_engagements(house) == []


def test_without_re_engagements_no_openings_are_built(house):
    result = comes_back(house, "branch_like")
    assert materialized(result, "mart.openings") == {}
    assert house.warehouse.scalar("SELECT count() FROM mart.openings") == 0
    assert re_engagements(house) == []
