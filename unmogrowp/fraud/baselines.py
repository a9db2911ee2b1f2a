"""What a day is judged by: the days before it, frozen once.

A day that has a baseline keeps it, whatever arrives later, so that a verdict of last month is the
same today. It is frozen only when every day it rests on is over, built and counted.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from unmogrowp.clock import Clock, utc
from unmogrowp.errors import LandingUnfinished
from unmogrowp.fraud.installs import IP_DENSITY
from unmogrowp.fraud.publishers import AppBaseline, PublisherCounts
from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.assignment import Promotion, looked_back_on
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Audit, Built, publish_day
from unmogrowp.warehouse.publish import Partition

BASELINES = "audit.fraud_baselines"
BASELINE_DAYS = 28


class BaselineNotReady(LandingUnfinished):
    """A day that the baseline rests on is not over, not built or not counted; the message says."""


def freeze_baseline(
    warehouse: Warehouse,
    ruleset: Ruleset,
    day: date,
    watermark: int,
    clock: Clock,
    audit: Audit | None = None,
    *,
    promotions: Sequence[Promotion] = (),
) -> Built | None:
    """Publish the baseline that a day is judged by, unless it has one already (None).

    Arguments are those of `count_publishers`.

    Raises:
        BaselineNotReady: A day it would rest on is not over, not built or not counted.
    """
    if is_frozen(warehouse, ruleset.ruleset_id, day):
        return None
    reasons = why_not_ready(warehouse, ruleset.ruleset_id, day, clock, promotions)
    if reasons:
        raise BaselineNotReady(f"no baseline for {day} yet: {'; '.join(reasons[:5])}")

    def fill(staging: str) -> None:
        warehouse.execute(
            f"INSERT INTO {staging} {named_queries.load('fraud/freeze_baselines')}",
            {
                "ruleset_id": ruleset.ruleset_id,
                "day": day,
                "days": BASELINE_DAYS,
                "days_of": _days_of(promotions, ruleset.ruleset_id, day),
                "now_ms": clock.now_ms(),
                "probabilities": sorted(
                    {rule.limits["percentile"] for rule in ruleset.fraud_rules(IP_DENSITY)}
                ),
            },
        )

    return publish_day(
        warehouse,
        Partition(BASELINES, (ruleset.ruleset_id, day)),
        day,
        watermark,
        clock,
        fill=fill,
        contract="fraud/check_baselines",
        params={"ruleset_id": ruleset.ruleset_id},
        audit=audit,
    )


def is_frozen(warehouse: Warehouse, ruleset_id: str, day: date) -> bool:
    """Return whether a day has its baseline, even one of no publishers at all."""
    key = Partition(BASELINES, (ruleset_id, day))
    return bool(
        warehouse.scalar(
            "SELECT count() FROM audit.published_partitions WHERE table_name = {table:String}"
            " AND partition_key = {key:String} AND state = 'published'",
            {"table": key.table, "key": key.key},
        )
    )


def why_not_ready(
    warehouse: Warehouse,
    ruleset_id: str,
    day: date,
    clock: Clock,
    promotions: Sequence[Promotion] = (),
) -> list[str]:
    """Return why the baseline of a day cannot be frozen yet, a sentence per day; none if it can."""
    if utc(clock.now_ms()).date() < day:
        return [f"{day - timedelta(days=1)} is not over"]
    rows = warehouse.named_rows(
        "fraud/unready_days",
        {
            "days_of": _days_of(promotions, ruleset_id, day),
            "day": day,
            "days": BASELINE_DAYS,
        },
    )
    return [f"{unready} {reason}" for unready, reason in rows]


def _days_of(promotions: Sequence[Promotion], ruleset_id: str, day: date) -> list[tuple[str, date]]:
    days = [day - timedelta(days=back) for back in range(1, BASELINE_DAYS + 1)]
    return looked_back_on(promotions, ruleset_id, days)


def load_baselines(warehouse: Warehouse, ruleset_id: str, day: date) -> dict[str, AppBaseline]:
    """Return the frozen baselines of a day by app."""
    publishers: dict[str, list[PublisherCounts]] = defaultdict(list)
    apps: dict[str, dict[str, Any]] = {}
    for row in warehouse.records(
        named_queries.load("fraud/baselines"), {"ruleset_id": ruleset_id, "day": day}
    ):
        if row["scope"] == "app":
            apps[row["app_id"]] = row
        else:
            publishers[row["app_id"]].append(PublisherCounts.from_row(row))
    return {
        app_id: AppBaseline(
            app_id, row["baseline_id"], tuple(publishers[app_id]), row["network_quantiles"]
        )
        for app_id, row in apps.items()
    }
