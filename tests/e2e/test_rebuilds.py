"""What is rebuilt, and that nothing else is: late data, backfills, days that cannot be rebuilt."""

from datetime import UTC, date, datetime

import pytest

from tests.e2e import dagster_runs
from tests.e2e.messages import DAY_MS, HOUR_MS, INSTALLED, Device, batch, track
from tests.e2e.platform import Platform
from tests.e2e.played import Played
from tests.e2e.wire import LATE_CLICK_DAYS, LATE_INSTALL_DAYS, late_phone
from unmogrowp.warehouse.content_hash import content_hash

pytestmark = pytest.mark.stack

DAY_COLUMNS = {
    "clean.events": "received_at",
    "mart.installs": "installed_at",
    "mart.attribution_candidates": "installed_at",
    "mart.attributed_installs": "installed_at",
}
# What one materialisation writes together.
CLEAN = [["clean", name] for name in ("events", "touches", "failed", "duplicates")]
# Installs and what is decided from them are two steps: Dagster 1.13 refuses one backfill over both.
INSTALLS = [["mart", "installs"]]
ATTRIBUTION = [["mart", "attribution_candidates"], ["mart", "attributed_installs"]]
Hashes = dict[tuple[str, date], str]


def hashes(platform: Platform) -> Hashes:
    """Return the content of every day of every table in one number each."""
    found: Hashes = {}
    with platform.warehouse("pipeline") as warehouse:
        for table, column in DAY_COLUMNS.items():
            days = warehouse.rows(f"SELECT DISTINCT toDate({column}) FROM {table}")
            for (day,) in days:
                where = f"toDate({column}) = {{day:Date}}"
                found[table, day] = str(content_hash(warehouse, table, where, {"day": day}))
    return found


def changed(before: Hashes, after: Hashes) -> set[tuple[str, date]]:
    """Return the days whose content is another."""
    return {day for day in before | after if before.get(day) != after.get(day)}


def day_of(epoch_ms: int) -> date:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).date()


def test_late_data_changes_exactly_the_days_it_belongs_to(
    platform: Platform, played: Played
) -> None:
    assert played.synced, played.synced
    before = hashes(platform)
    app = played.apps["late"]
    installed_ms = played.now_ms - LATE_CLICK_DAYS * DAY_MS
    clicked = platform.touch(
        "click",
        {
            "app_id": app.app_id,
            "media_source": "latecomer",
            "gaid": late_phone().advertising_id,
            "touch_at": str(installed_ms - HOUR_MS),
        },
    )
    late_ms = played.now_ms - LATE_INSTALL_DAYS * DAY_MS
    event = track(Device.named("late install"), INSTALLED, late_ms)
    sent = platform.post("/v1/batch", batch(event), key=app.write_key)
    assert (clicked.status_code, sent.status_code) == (200, 200)
    synced = platform.sync()
    assert synced, synced
    after = hashes(platform)
    received_days = {key for key in changed(before, after) if key[0] == "clean.events"}
    assert {day for _, day in received_days} <= {day_of(played.now_ms), datetime.now(UTC).date()}
    assert changed(before, after) - received_days == {
        ("mart.installs", day_of(late_ms)),
        ("mart.attributed_installs", day_of(late_ms)),
        ("mart.attributed_installs", day_of(installed_ms)),
        ("mart.attribution_candidates", day_of(installed_ms)),
    }
    rows = platform.sql(
        "SELECT media_source FROM mart.attributed_installs WHERE app_id = {app:String}"
        " AND ruleset_id = 'ours' ORDER BY installed_at",
        app=app.app_id,
    )
    assert rows == [("organic",), ("latecomer",)]


def test_a_backfill_of_past_days_changes_nothing(platform: Platform, played: Played) -> None:
    assert played.synced, played.synced
    before = hashes(platform)
    installed = sorted(day for table, day in before if table == "mart.installs")
    received = sorted(day for table, day in before if table == "clean.events")
    days = installed[-4:-1]
    ended = dagster_runs.backfill(
        platform, (CLEAN, received), (INSTALLS, days), (ATTRIBUTION, days)
    )
    assert ended == ["COMPLETED_SUCCESS"] * 3
    after = hashes(platform)
    assert changed(before, after) == set()


def test_a_day_whose_raw_requests_are_gone_is_not_rebuilt(
    platform: Platform, played: Played
) -> None:
    assert played.synced, played.synced
    before = hashes(platform)
    day = max(day for table, day in before if table == "clean.events")
    with platform.warehouse("pipeline") as warehouse:
        warehouse.execute(f"ALTER TABLE raw.requests DETACH PARTITION '{day}'")
        try:
            status, said = dagster_runs.materialize(platform, CLEAN, day)
        finally:
            warehouse.execute(f"ALTER TABLE raw.requests ATTACH PARTITION '{day}'")
    assert status == "FAILURE", said
    assert "raw.requests" in said
    assert changed(before, hashes(platform)) == set()
    synced = platform.sync()
    assert synced, synced
