"""Builds one day of `mart.openings`: when people came back to an app they had installed.

A day is built from the clean layer and the whole life of the day's devices, like installs are, so
the order of builds does not matter. Only where a ruleset asks for re-engagements is it built at
all: it costs a look at the last events of every device of the day.
"""

from collections.abc import Sequence
from datetime import date

from unmogrowp.attribution import scratch
from unmogrowp.attribution.device_lives import lives_of
from unmogrowp.clock import Clock
from unmogrowp.rulesets import Ruleset
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.day_build import Audit, Built, publish_day
from unmogrowp.warehouse.publish import Partition

OPENINGS = "mart.openings"

# Events of one statement; all of a component are in one, as each is compared with the one before.
EVENTS_PER_BUCKET = 2_000_000
_FIRST_DAY = date(1970, 1, 2)


def asks_for_openings(rulesets: Sequence[Ruleset]) -> bool:
    """Return whether any ruleset decides re-engagements."""
    return any(one.reengagement.is_on for one in rulesets)


def build_openings_day(
    warehouse: Warehouse,
    day: date,
    watermark: int,
    clock: Clock,
    audit: Audit | None = None,
) -> Built:
    """Publish `mart.openings` of one UTC day.

    Args:
        warehouse: Where clean.events is.
        day: UTC day of `opened_at`.
        watermark: Highest landing_seq such that all up to it are landed, read before this call.
        clock: Gives the instant that is recorded with the publish.
        audit: Further checks of the staging table; raises AuditFailed to publish nothing.

    Raises:
        AuditFailed: A contract sentence is false, or `audit` refused; nothing was published.
        PartitionConflict: A build that had read more is published already.
    """

    def fill(staging: str) -> None:
        with scratch.devices(warehouse) as devices:
            warehouse.execute(
                f"INSERT INTO {devices} {named_queries.load('mart/opening_devices')}", {"day": day}
            )
            events = int(warehouse.scalar(named_queries.load("mart/events_of_day"), {"day": day}))
            buckets = max(1, -(-events // EVENTS_PER_BUCKET))
            stage_openings(warehouse, staging, devices, day, day, buckets)

    return publish_day(
        warehouse,
        Partition(OPENINGS, (day,)),
        day,
        watermark,
        clock,
        fill=fill,
        contract="mart/check_openings",
        audit=audit,
    )


def stage_openings(
    warehouse: Warehouse,
    target: str,
    devices: str,
    first_day: date,
    last_day: date,
    buckets: int = 1,
) -> None:
    """Write the openings of some devices, over some days, into a table like `mart.openings`.

    Args:
        warehouse: Where clean.events is.
        target: The table, with its database.
        devices: Table made by `scratch.devices`, of device keys or of components.
        first_day: First UTC day of `opened_at`.
        last_day: Last UTC day of `opened_at`.
        buckets: Into how many parts the components are cut.
    """
    # Every install up to the last day: an opening belongs to the one before it, however long ago
    # that was.
    with lives_of(warehouse, devices, _FIRST_DAY, last_day) as (components, kept):
        for bucket in range(buckets):
            warehouse.execute(
                f"INSERT INTO {target} {named_queries.load('mart/openings')}",
                {
                    "first_day": first_day,
                    "last_day": last_day,
                    "devices": scratch.bare(components),
                    "kept": scratch.bare(kept),
                    "buckets": buckets,
                    "bucket": bucket,
                },
            )
