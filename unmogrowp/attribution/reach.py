"""Which touches a day of conversions can be matched with, looked at before any is matched."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from unmogrowp.rulesets import Ruleset
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

# Touches in reach per statement. A million costs up to two thirds of a gigabyte at the peak; every
# bucket reads all of them, so fewer buckets cost less (ADR 0054).
ROWS_PER_BUCKET = 3_500_000


@dataclass(frozen=True)
class Reach:
    """Touches in reach of the conversions of one day under one ruleset."""

    touches: int
    carried_ids: tuple[str, ...]
    """Columns of ids that any of them has a value in: what nobody carries need not be compared."""
    has_late_touches: bool
    """Whether any was received more than a day after it happened: only then can a touch be here
    twice, because a copy within the horizon of deduplication was left out when it landed."""

    @property
    def buckets(self) -> int:
        """Into how many parts the installs of the day are cut, to bound memory."""
        return max(1, -(-self.touches // ROWS_PER_BUCKET))

    def params(self) -> dict[str, Any]:
        """Return the parameters of `mart/considered_touches` that say what there is to match."""
        return {
            "carried_ids": list(self.carried_ids),
            "has_late_touches": self.has_late_touches,
        }


def reach_of(warehouse: Warehouse, ruleset: Ruleset, day: date) -> Reach:
    """Look at the touches that conversions of a day can be matched with.

    Args:
        warehouse: Where clean.touches is.
        ruleset: Says how far back and forward a touch may lie.
        day: UTC day of the conversions.
    """
    touches, carried_ids, has_late = warehouse.rows(
        named_queries.load("mart/touches_in_reach"),
        {
            "day": day,
            "reach_before_ms": ruleset.reach_before_ms,
            "reach_after_ms": ruleset.after_slack_ms,
        },
    )[0]
    return Reach(int(touches), tuple(carried_ids), bool(has_late))
