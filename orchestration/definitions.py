"""The code location: every asset, check, job, sensor and schedule, and what they are given.

Nothing here connects to anything: definitions load while every server is away, in a second or
two, because each run loads them again.
"""

import dagster as dg

from assets import (
    attribution,
    audits,
    clean,
    collectors,
    credit,
    fraud,
    identity,
    installs,
    landing,
    openings,
    quality,
    scorecard,
)
from assets.checks import micro_batches
from orchestration import credit_sensor, lost_runs, schedules, sensors
from orchestration.resources import build_resources

defs = dg.Definitions(
    assets=[
        landing.raw_requests,
        landing.landing_ranges,
        landing.touched_days,
        clean.clean_day,
        collectors.collector_reports,
        *identity.TABLES,
        installs.installs,
        openings.openings,
        attribution.attribution,
        attribution.attributed_events,
        attribution.decision_versions,
        attribution.attribution_diff,
        attribution.ruleset_snapshots,
        attribution.published_partitions,
        credit.credit,
        fraud.publisher_days,
        fraud.baselines,
        fraud.verdicts,
        fraud.reviews,
        fraud.anonymous_networks,
        audits.reconciliation,
        quality.quality_results,
        scorecard.scorecards,
    ],
    asset_checks=[*quality.table_checks, micro_batches.check_micro_batches],
    # One list: a job that is offered and not watched would not come back by itself.
    jobs=lost_runs.JOBS,
    sensors=[
        sensors.stream_lag_sensor,
        sensors.late_copies_sensor,
        sensors.touched_days_sensor,
        credit_sensor.due_credit_sensor,
        sensors.failed_run_sensor,
        lost_runs.lost_runs_sensor,
    ],
    schedules=[
        schedules.hourly_audit_schedule,
        schedules.daily_audit_schedule,
        schedules.nightly_fraud_schedule,
        schedules.nightly_maintenance_schedule,
    ],
    resources=build_resources(),
    # One process per run: a step in a process of its own would import Great Expectations again.
    executor=dg.in_process_executor,
)
