"""One number per table for what rulesets decided over some days: equal exactly when the rows are.

What a trial must leave as it is can be shown with it, before and after.
"""

from collections.abc import Collection
from datetime import date

from unmogrowp.rulesets.assignment import DecidedSpan, span_params
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import ContentHash, content_hash

# Tables with what was decided, and their UTC day.
DECIDED = {
    "mart.attributed_installs": "toDate(installed_at)",
    "mart.attribution_candidates": "toDate(installed_at)",
    "mart.attributed_events": "toDate(occurred_at)",
    "mart.decision_versions": "day",
}


def content_of(
    warehouse: Warehouse, decided: Collection[DecidedSpan], first: date, last: date
) -> dict[str, ContentHash]:
    """Return rows and content hash of each table of decisions, from first to last UTC day.

    Only what a ruleset decided on days that it decides: a trial of a promoted ruleset may write
    days before its promotion.
    """
    params = {**span_params(decided), "first": first, "last": last}
    return {
        table: content_hash(
            warehouse,
            table,
            f"ruleset_id IN {{ruleset_ids:Array(String)}}"
            f" AND {day} BETWEEN {{first:Date}} AND {{last:Date}}"
            f" AND arrayExists(one -> one.1 = ruleset_id AND {day} BETWEEN one.2 AND one.3,"
            " {decided:Array(Tuple(String, Date, Date))})",
            params,
        )
        for table, day in DECIDED.items()
    }
