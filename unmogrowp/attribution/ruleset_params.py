"""A ruleset as the SQL of the marts wants it: parameters, and a small table of special windows."""

from datetime import date
from typing import Any

import pyarrow as pa

from unmogrowp.rulesets import FraudMode, MatchMethod, Ruleset, TouchType
from unmogrowp.rulesets.windows import WindowTable
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

LONGEST_USER_ID = 1_000_000

# Fraud rules that the candidates' statement itself evaluates: they need nothing but the pair.
CTIT_SHORT = "click_injection.ctit_short"
AFTER_BEGIN = "click_injection.after_begin"

# The first verdict that blocks names the reason, and the order of a file must not matter.
_MODES = (FraudMode.BLOCK, FraudMode.FLAG, FraudMode.SHADOW)

_WINDOWS = pa.schema(
    [
        ("app_id", pa.string()),
        ("media_source", pa.string()),
        ("campaign", pa.string()),
        ("own_clicks", pa.list_(pa.int64())),
        ("own_impressions", pa.list_(pa.int64())),
    ]
)


def ruleset_params(ruleset: Ruleset) -> dict[str, Any]:
    """Return a ruleset as the parameters of the SQL files.

    Windows and tiers are in the order of methods; -2 says that there is no such rule, -1 that it
    is off.
    """
    table = WindowTable(ruleset)
    ctit = sorted(ruleset.fraud_rules(CTIT_SHORT), key=lambda one: _MODES.index(one.mode))
    after_begin = sorted(ruleset.fraud_rules(AFTER_BEGIN), key=lambda one: _MODES.index(one.mode))

    def tiers(touch_type: TouchType) -> list[int]:
        rules = [ruleset.rule(touch_type, method) for method in table.order]
        return [0 if rule is None else rule.tier for rule in rules]

    return {
        "ruleset_id": ruleset.ruleset_id,
        "config_hash": ruleset.config_hash,
        "method_order": [method.value for method in table.order],
        "click_windows": table.base(TouchType.CLICK),
        "impression_windows": table.base(TouchType.IMPRESSION),
        "click_tiers": tiers(TouchType.CLICK),
        "impression_tiers": tiers(TouchType.IMPRESSION),
        "user_id_length": LONGEST_USER_ID
        if any(rule.method == MatchMethod.USER_ID for rule in ruleset.rules)
        else 0,
        "is_probabilistic": ruleset.uses(MatchMethod.PROBABILISTIC),
        "max_installs_per_address": ruleset.probabilistic.max_installs_per_address,
        "uses_touches_with_device_id": ruleset.probabilistic.uses_touches_with_device_id,
        "reach_before_ms": ruleset.reach_before_ms,
        "reach_after_ms": ruleset.after_slack_ms,
        "reinstall_window_ms": ruleset.reinstalls.window_ms,
        "reinstall_touches": ruleset.reinstalls.eligible_touches,
        "ctit_modes": [one.mode.value for one in ctit],
        "ctit_thresholds": [one.limits["min_ctit_ms"] for one in ctit],
        "after_begin_modes": [one.mode.value for one in after_begin],
        "asks_country": bool(ruleset.fraud_rules("geo_mismatch")),
        "asks_unusable_ids": bool(ruleset.fraud_rules("malformed_id")),
        "after_begin_thresholds": [one.limits["min_after_begin_ms"] for one in after_begin],
    }


def suspicion_rules(ruleset: Ruleset) -> list[tuple[str, str, str, float, str]]:
    """Return the other fraud rules about candidates as the SQL wants them, those that block first.

    A tuple is rule, threshold, mode, limit, and when it fires (above, at_least, below, at_most).
    """
    return [
        (rule.rule_id, name, rule.mode.value, limit, rule.definition.threshold(name).fires)
        for mode in _MODES
        for rule in sorted(ruleset.fraud, key=lambda one: one.rule_id)
        if rule.mode == mode
        and rule.definition.kind == "candidate"
        and rule.definition.is_evaluated
        and rule.rule_id not in (CTIT_SHORT, AFTER_BEGIN)
        for name, limit in rule.limits.items()
        if rule.definition.threshold(name).fires != "never"
    ]


def write_windows(warehouse: Warehouse, table: str, ruleset: Ruleset, day: date) -> bool:
    """Write the windows of the campaigns in reach of a day for which an override speaks.

    Args:
        warehouse: Where the touches are.
        table: Scratch table made by `scratch.windows`.
        ruleset: The ruleset; without overrides nothing is read and nothing written.
        day: UTC day of installs.

    Returns:
        Whether any campaign has windows of its own.
    """
    if not ruleset.overrides:
        return False
    campaigns = warehouse.rows(
        named_queries.load("mart/campaigns_in_reach"),
        {
            "day": day,
            "reach_before_ms": ruleset.reach_before_ms,
            "reach_after_ms": ruleset.after_slack_ms,
            "apps": sorted({one.app_id for one in ruleset.overrides if not one.media_source}),
            "sources": sorted({one.media_source for one in ruleset.overrides} - {""}),
        },
    )
    special = WindowTable(ruleset).special((app, source, name) for app, source, name in campaigns)
    if not special:
        return False
    rows = pa.Table.from_pylist(
        [
            {
                "app_id": app_id,
                "media_source": media_source,
                "campaign": campaign,
                "own_clicks": clicks,
                "own_impressions": impressions,
            }
            for (app_id, media_source, campaign), clicks, impressions in special
        ],
        schema=_WINDOWS,
    )
    warehouse.insert_arrow(table, rows, token=table)
    return True
