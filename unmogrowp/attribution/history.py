"""What was reported, and since when: versions of decisions, appended before each publish.

`mart.decision_history` shows them with `known_from` and `known_to`, `audit.decision_restatements`
shows those that replaced something. Versions are compared with the last version and not with the
published partition, so a build that is killed between the two writes nothing twice.
"""

from datetime import date

from unmogrowp.warehouse.client import Warehouse

VERSIONS = "mart.decision_versions"


def record_versions(
    warehouse: Warehouse, ruleset_id: str, day: date, staged_decisions: str, now_ms: int
) -> None:
    """Append every decision of a day that is reported otherwise from now on.

    Args:
        warehouse: Where the decisions are.
        ruleset_id: The ruleset that made them.
        day: UTC day of the conversions.
        staged_decisions: Staging table that is about to be published, without its database.
        now_ms: Instant of the publish.
    """
    warehouse.run(
        "mart/record_decision_versions",
        {"ruleset_id": ruleset_id, "day": day, "decisions": staged_decisions, "now_ms": now_ms},
    )
