"""Builds a day of the fraud marts: what publishers did, and what the rules say about it.

Both are made anew whole, like every mart, from decisions, clean rows and the frozen baseline.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta

import pyarrow as pa

from unmogrowp.clock import Clock
from unmogrowp.fraud.baselines import load_baselines
from unmogrowp.fraud.distributions import judge_publishers
from unmogrowp.fraud.installs import (
    CTIT_SHORT,
    EVENT_VELOCITY,
    INSTALL_RULES,
    IP_DENSITY,
    InstallSignals,
    judge_installs,
    shortest_usual_ctit_ms,
)
from unmogrowp.fraud.publishers import AppBaseline, PublisherCounts, Verdict
from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.assignment import Promotion, looked_back_on
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Audit, Built, publish_day
from unmogrowp.warehouse.publish import Partition

PUBLISHER_DAYS = "mart.fraud_publisher_days"
VERDICTS = "mart.fraud_verdicts"

SAMPLE_DAYS = 7
# Whoever installed this many days before the day could come back on the day after.
RETURN_DAYS = 2

_VERDICT_ROWS = pa.schema(
    [
        ("ruleset_id", pa.string()),
        ("day", pa.date32()),
        ("scope", pa.string()),
        ("app_id", pa.string()),
        ("media_source", pa.string()),
        ("site_id", pa.string()),
        ("install_id", pa.string()),
        ("rule", pa.string()),
        ("rule_version", pa.uint32()),
        ("mode", pa.string()),
        ("parameter", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("sample_count", pa.uint64()),
        ("baseline_value", pa.float64()),
        ("baseline_id", pa.string()),
        ("sentence", pa.string()),
        ("config_hash", pa.string()),
    ]
)


def count_publishers(
    warehouse: Warehouse,
    ruleset: Ruleset,
    day: date,
    watermark: int,
    clock: Clock,
    audit: Audit | None = None,
    *,
    promotions: Sequence[Promotion] = (),
) -> Built:
    """Publish `mart.fraud_publisher_days` of one UTC day from its decisions and touches.

    Args:
        warehouse: Where the decisions are.
        ruleset: The one that credited the installs.
        day: UTC day.
        watermark: Highest landing_seq such that all up to it are landed, read before this call.
        clock: Gives the instant that is recorded with the publish.
        audit: Further checks of the staging table; raises AuditFailed to publish nothing.
        promotions: Which rulesets count when: on days before the ruleset decided any, what
            counted then takes its place.
    """
    returned_day = day - timedelta(days=RETURN_DAYS)
    ((returned_under, _),) = looked_back_on(promotions, ruleset.ruleset_id, [returned_day])

    def fill(staging: str) -> None:
        warehouse.execute(
            f"INSERT INTO {staging} {named_queries.load('fraud/publisher_days')}",
            {"ruleset_id": ruleset.ruleset_id, "day": day, "returned_under": returned_under},
        )

    return publish_day(
        warehouse,
        Partition(PUBLISHER_DAYS, (ruleset.ruleset_id, day)),
        day,
        watermark,
        clock,
        fill=fill,
        contract="fraud/check_publisher_days",
        params={"ruleset_id": ruleset.ruleset_id},
        audit=audit,
    )


def judge_day(
    warehouse: Warehouse,
    ruleset: Ruleset,
    day: date,
    watermark: int,
    clock: Clock,
    audit: Audit | None = None,
    *,
    promotions: Sequence[Promotion] = (),
) -> Built:
    """Publish `mart.fraud_verdicts` of one UTC day.

    Publishers are judged by what they did in the seven days that end with it. Without a frozen
    baseline only rules that need none speak. Arguments are those of `count_publishers`.
    """
    baselines = load_baselines(warehouse, ruleset.ruleset_id, day)
    config_hash = ruleset.config_hash
    rows = [
        {
            "ruleset_id": ruleset.ruleset_id,
            "day": day,
            "config_hash": config_hash,
            **asdict(verdict),
        }
        for verdict in (
            *_publisher_verdicts(warehouse, ruleset, day, baselines, promotions),
            *_install_verdicts(warehouse, ruleset, day, baselines),
        )
    ]

    def fill(staging: str) -> None:
        if rows:
            table = pa.Table.from_pylist(rows, schema=_VERDICT_ROWS)
            warehouse.insert_arrow(staging, table, token=staging)

    return publish_day(
        warehouse,
        Partition(VERDICTS, (ruleset.ruleset_id, day)),
        day,
        watermark,
        clock,
        fill=fill,
        contract="fraud/check_verdicts",
        params={"ruleset_id": ruleset.ruleset_id},
        audit=audit,
    )


def _publisher_verdicts(
    warehouse: Warehouse,
    ruleset: Ruleset,
    day: date,
    baselines: dict[str, AppBaseline],
    promotions: Sequence[Promotion],
) -> list[Verdict]:
    days = [day - timedelta(days=back) for back in range(SAMPLE_DAYS)]
    samples: dict[str, list[PublisherCounts]] = defaultdict(list)
    for row in warehouse.records(
        named_queries.load("fraud/samples"),
        {"days_of": looked_back_on(promotions, ruleset.ruleset_id, days), "day": day},
    ):
        samples[row["app_id"]].append(PublisherCounts.from_row(row))
    return [
        verdict
        for app_id, of_app in samples.items()
        for verdict in judge_publishers(
            of_app, baselines.get(app_id, AppBaseline(app_id, "", (), {})), ruleset.fraud
        )
    ]


def _install_verdicts(
    warehouse: Warehouse, ruleset: Ruleset, day: date, baselines: dict[str, AppBaseline]
) -> list[Verdict]:
    rules = [one for rule_id in INSTALL_RULES for one in ruleset.fraud_rules(rule_id)]
    if not rules:
        return []

    def floor(rule_id: str, name: str) -> float:
        """Return the lowest limit in use: what does not exceed it need not leave the engine."""
        limits = [rule.limits for rule in ruleset.fraud_rules(rule_id)]
        return min((one[name] for one in limits if name in one), default=float("inf"))

    usual_ms = [
        shortest_usual_ctit_ms(baseline, rule.limits["app_percentile"])
        for baseline in baselines.values()
        for rule in ruleset.fraud_rules(CTIT_SHORT)
    ]
    signals = warehouse.records(
        named_queries.load("fraud/install_signals"),
        {
            "ruleset_id": ruleset.ruleset_id,
            "day": day,
            "network_floor": floor(IP_DENSITY, "max_installs"),
            "minute_floor": floor(EVENT_VELOCITY, "max_per_minute"),
            "second_floor": floor(EVENT_VELOCITY, "max_same_per_second"),
            "ctit_floor_ms": max((one for one in usual_ms if one is not None), default=0.0),
        },
    )
    return judge_installs([InstallSignals.from_row(row) for row in signals], baselines, rules)
