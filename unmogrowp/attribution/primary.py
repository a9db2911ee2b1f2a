"""Which decisions count: `is_primary`, written by each build from the promotions.

An install has exactly one primary decision, that of the ruleset in force for its app on its day.
A promotion therefore changes partitions of two rulesets: the new one's, and those of the ruleset it
replaces, whose rows still say that they count. Both are built anew whenever the day is.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from unmogrowp.rulesets import OURS, Ruleset
from unmogrowp.rulesets.assignment import LAST_DAY, Promotion, decided_on, standing_of
from unmogrowp.warehouse.client import Warehouse

# The tables with `is_primary`, and the instant whose UTC day their partitions are of.
INSTANTS = {
    "mart.attributed_installs": "installed_at",
    "mart.attributed_events": "occurred_at",
}


def standing_params(
    promotions: Sequence[Promotion], ruleset_id: str, day: date
) -> dict[str, bool | list[str]]:
    """Return for which apps a ruleset counts on a day, as the SQL files want it."""
    standing = standing_of(promotions, ruleset_id, day)
    return {
        "counts_by_default": standing.is_primary,
        "other_apps": list(standing.exceptions),
    }


def rulesets_to_build(
    warehouse: Warehouse, table: str, promotions: Sequence[Promotion], day: date
) -> tuple[Ruleset, ...]:
    """Return every ruleset under which a day of a table has to be built.

    First those whose rows say that they count although another ruleset was promoted since: while
    the partitions are swapped one by one, an install may be missing for a moment from what counts,
    but is never counted twice.
    """
    deciding = decided_on(promotions, day)
    names = {one.ruleset_id for one in deciding}
    claiming = _claiming(warehouse, table, day) - names
    replaced = {
        one.ruleset.ruleset_id: one.ruleset
        for one in sorted(promotions, key=lambda one: one.number)
        if one.ruleset.ruleset_id in claiming
    }
    counting = [
        one for one in deciding if standing_of(promotions, one.ruleset_id, day).counts_somewhere
    ]
    others = [one for one in deciding if one not in counting]
    return (*replaced.values(), *others, *counting)


def ruleset_that_counts(warehouse: Warehouse, day: date | None = None) -> str:
    """Return the ruleset that counts for most installs of the newest decided day.

    Args:
        warehouse: Where the decisions are.
        day: Days after this one are left out; None: none is.
    """
    rows = warehouse.named_rows("mart/ruleset_that_counts", {"last_day": day or LAST_DAY})
    return str(rows[0][0]) if rows else OURS.ruleset_id


def _claiming(warehouse: Warehouse, table: str, day: date) -> set[str]:
    database, _, name = table.partition(".")
    params: dict[str, Any] = {
        "database": database, "table": name, "instant": INSTANTS[table], "day": day,
    }  # fmt: skip
    return {str(one) for (one,) in warehouse.named_rows("mart/counting_rulesets", params)}
