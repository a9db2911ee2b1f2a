"""The nightly fraud job over the real engine in this process."""

from datetime import date

import dagster as dg
import pytest

from assets.tables import asset_key
from jobs.fraud import days_until, fraud_job
from tests.fakes.pipeline import PipelineHouse
from tests.fakes.requests import DAY_MS, NOON
from tests.integration.fraud.rows import Decided, insert_decided

# Great Expectations and what it imports warn of their own future.
pytestmark = pytest.mark.filterwarnings("default")

CONFIG = {"ops": {"judge_days": {"config": {"days": 2}}}}


def partitions(result, table):
    return {
        event.partition
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
        and event.asset_key == asset_key(table)
    }


def test_a_night_counts_freezes_and_judges_the_days_before_it_and_again_without_a_difference():
    house = PipelineHouse()
    yesterday = NOON - DAY_MS
    insert_decided(
        house.warehouse,
        [Decided(install_id=f"i{n}", installed_at=yesterday + n) for n in range(3)],
    )
    result = house.run(fraud_job, CONFIG)
    assert result.success
    days = {"2026-09-22", "2026-09-23"}
    for table in ("mart.fraud_publisher_days", "audit.fraud_baselines", "mart.fraud_verdicts"):
        assert partitions(result, table) == days, table
    assert all(one.passed for one in result.get_asset_check_evaluations())
    assert house.warehouse.rows(
        "SELECT day, install_count FROM mart.fraud_publisher_days ORDER BY day"
    ) == [(date(2026, 9, 23), 3)]
    again = house.run(fraud_job, CONFIG)
    assert again.success
    # A baseline once frozen is left alone.
    assert partitions(again, "audit.fraud_baselines") == set()
    assert partitions(again, "mart.fraud_verdicts") == days


def test_a_baseline_that_cannot_be_frozen_yet_stops_nothing():
    house = PipelineHouse()
    # Two days before the first day of the run: has installs, and nobody counted it.
    insert_decided(house.warehouse, [Decided(install_id="i", installed_at=NOON - 4 * DAY_MS)])
    result = house.run(fraud_job, CONFIG)
    assert result.success
    assert partitions(result, "audit.fraud_baselines") == set()
    assert partitions(result, "mart.fraud_verdicts") == {"2026-09-22", "2026-09-23"}


def test_days_end_with_the_last_one_and_begin_with_the_first_partition():
    assert days_until(date(2026, 3, 2), 3) == [
        date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2),
    ]  # fmt: skip
    assert days_until(date(2023, 1, 2), 35) == [date(2023, 1, 1), date(2023, 1, 2)]
