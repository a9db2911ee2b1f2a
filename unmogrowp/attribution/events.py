"""Builds one day of `mart.attributed_events`: each event with the source it inherits.

Decisions of earlier days are read as they are published, so a day of events is due again when an
earlier decision of one of its devices changes.
"""

from collections.abc import Sequence
from datetime import date

from unmogrowp.attribution.primary import standing_params
from unmogrowp.clock import Clock
from unmogrowp.rulesets import OURS, Ruleset
from unmogrowp.rulesets.assignment import Promotion, own_spans
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Audit, Built, publish_day
from unmogrowp.warehouse.publish import Partition

EVENTS = "mart.attributed_events"

# Events of one statement; each carries the conversions of its device with it.
EVENTS_PER_BUCKET = 2_000_000


def build_events_day(
    warehouse: Warehouse,
    ruleset: Ruleset,
    day: date,
    watermark: int,
    clock: Clock,
    audit: Audit | None = None,
    *,
    promotions: Sequence[Promotion] = (),
) -> Built:
    """Publish `mart.attributed_events` of one UTC day of events under one ruleset.

    Where the ruleset counts on the day, events inherit from the decisions that count, each by the
    ruleset of its own day. Elsewhere they inherit from the decisions of the ruleset itself, and
    from those that count on days before it decided any.

    Args:
        warehouse: Where clean.events and the decisions are.
        ruleset: The ruleset whose decisions events inherit.
        day: UTC day of `occurred_at`.
        watermark: Highest landing_seq such that all up to it are landed, read before this call.
        clock: Gives the instant that is recorded with the publish.
        audit: Further checks of the staging table; raises AuditFailed to publish nothing.
        promotions: Which rulesets count when; none: ours does.

    Raises:
        AuditFailed: A contract sentence is false, or `audit` refused; nothing was published.
        PartitionConflict: A build that had read more is published already.
    """
    params = {
        "ruleset_id": ruleset.ruleset_id,
        "day": day,
        "reengagement_window_ms": ruleset.reengagement.window_ms,
        **standing_params(promotions, ruleset.ruleset_id, day),
        "ruleset_ids": sorted(
            {OURS.ruleset_id, ruleset.ruleset_id, *(one.ruleset.ruleset_id for one in promotions)}
        ),
        "own_days": [
            (span.first_day, span.last_day) for span in own_spans(promotions, ruleset.ruleset_id)
        ],
    }

    def fill(staging: str) -> None:
        events = int(warehouse.scalar(named_queries.load("mart/events_of_day"), params))
        buckets = max(1, -(-events // EVENTS_PER_BUCKET))
        for bucket in range(buckets):
            warehouse.execute(
                f"INSERT INTO {staging} {named_queries.load('mart/attributed_events')}",
                {**params, "buckets": buckets, "bucket": bucket},
            )

    # No row is the truth on a day without revenue on which no device had an install yet; that the
    # revenue is whole is a sentence of the contract.
    return publish_day(
        warehouse,
        Partition(EVENTS, (ruleset.ruleset_id, day)),
        day,
        watermark,
        clock,
        fill=fill,
        contract="mart/check_attributed_events",
        params=params,
        audit=audit,
    )
