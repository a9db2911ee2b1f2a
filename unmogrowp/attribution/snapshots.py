"""Keeps every configuration that rows were made with, by its hash, beside the rows."""

from typing import Literal

from unmogrowp.rulesets import Ruleset
from unmogrowp.warehouse.client import Warehouse


def record_ruleset(warehouse: Warehouse, ruleset: Ruleset, now_ms: int) -> None:
    """Write the ruleset into `audit.config_snapshots` unless it is there."""
    record_config(
        warehouse,
        "ruleset",
        ruleset.ruleset_id,
        ruleset.config_hash,
        ruleset.canonical_json(),
        now_ms,
    )


def record_config(
    warehouse: Warehouse,
    kind: Literal["ruleset", "journey"],
    config_id: str,
    config_hash: str,
    body: str,
    now_ms: int,
) -> None:
    """Write a configuration into `audit.config_snapshots` unless it is there.

    Args:
        warehouse: Where the rows are that name it.
        kind: What it configures.
        config_id: Its name.
        config_hash: What rows name it by.
        body: All of it, as canonical JSON.
        now_ms: Instant to record.
    """
    warehouse.run(
        "mart/record_config_snapshot",
        {
            "config_hash": config_hash,
            "kind": kind,
            "config_id": config_id,
            "body": body,
            "now_ms": now_ms,
        },
    )
