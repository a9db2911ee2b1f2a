"""Keeps every ruleset a decision was made with, by its hash, beside the decisions."""

from unmogrowp.rulesets import Ruleset
from unmogrowp.warehouse.client import Warehouse


def record_ruleset(warehouse: Warehouse, ruleset: Ruleset, now_ms: int) -> None:
    """Write the ruleset into `audit.config_snapshots` unless it is there."""
    warehouse.run(
        "mart/record_config_snapshot",
        {
            "config_hash": ruleset.config_hash,
            "kind": "ruleset",
            "config_id": ruleset.ruleset_id,
            "body": ruleset.canonical_json(),
            "now_ms": now_ms,
        },
    )
