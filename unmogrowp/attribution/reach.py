"""Which touches a day of conversions can be matched with, looked at before any is matched."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from unmogrowp.rulesets import Ruleset
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

# Touches in reach whose installs are matched at once: a million takes an eighth of a gigabyte.
TOUCHES_PER_MATCH = 10_000_000
# And those whose installs are judged and decided at once: a million takes two fifths of one.
TOUCHES_PER_BUCKET = 2_000_000


@dataclass(frozen=True)
class Reach:
    """Installs of one day and the touches in their reach under one ruleset."""

    installs: int
    touches: int
    carried_ids: tuple[str, ...]
    """Columns of ids that any of them has a value in: what nobody carries need not be compared."""
    has_late_touches: bool
    """Whether any was received more than a day after it happened: only then can a touch be here
    twice, because a copy within the horizon of deduplication was left out when it landed."""

    @property
    def matches(self) -> int:
        """Into how many parts the installs are cut to be matched."""
        return max(1, -(-self.touches // TOUCHES_PER_MATCH))

    @property
    def buckets(self) -> int:
        """Into how many parts what was matched is cut to be judged and decided."""
        return self.matches * max(1, -(-self.touches // (TOUCHES_PER_BUCKET * self.matches)))

    def params(self) -> dict[str, Any]:
        """Return the parameters of `mart/matched_touches` that say what there is to match."""
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
    installs, touches, carried_ids, has_late = warehouse.rows(
        named_queries.load("mart/touches_in_reach"),
        {
            "day": day,
            "reach_before_ms": ruleset.reach_before_ms,
            "reach_after_ms": ruleset.after_slack_ms,
        },
    )[0]
    return Reach(int(installs), int(touches), tuple(carried_ids), bool(has_late))
