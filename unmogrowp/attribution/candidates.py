"""Candidates of some subjects, installs or openings, in steps: match, consider, suspect, judge."""

from collections.abc import Mapping
from typing import Any

from unmogrowp.attribution import scratch
from unmogrowp.attribution.ruleset_params import suspicion_rules
from unmogrowp.rulesets import Ruleset
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

CANDIDATES = "mart.attribution_candidates"


def match(warehouse: Warehouse, matched: str, buckets: int, params: Mapping[str, Any]) -> None:
    """Write every touch that some subjects could be won by.

    Args:
        warehouse: Where touches are.
        matched: Table made by `scratch.matched`.
        buckets: Into how many parts the subjects will be cut to be judged.
        params: Parameters of the SQL files; `subjects` names the scratch table of the subjects.
    """
    warehouse.execute(
        f"INSERT INTO {matched} {named_queries.load('mart/matched_touches')}",
        {**params, "buckets": buckets},
    )


def consider(
    warehouse: Warehouse, matched: str, considered: str, bucket: int, params: Mapping[str, Any]
) -> None:
    """Write the matched touches of one bucket with what is known of their subjects.

    Args:
        warehouse: Where the tables are.
        matched: Table that `match` filled.
        considered: Table made by `scratch.considered`.
        bucket: Which one.
        params: Parameters of the SQL files; `subjects` names the scratch table of its subjects.
    """
    warehouse.execute(
        f"INSERT INTO {considered} {named_queries.load('mart/considered_touches')}",
        {**params, "matched": scratch.bare(matched), "bucket": bucket},
    )


def judge(
    warehouse: Warehouse,
    ruleset: Ruleset,
    considered: str,
    candidates: str,
    params: Mapping[str, Any],
) -> None:
    """Judge and rank considered touches: what fraud rules say needs the others beside each.

    Args:
        warehouse: Where both tables are.
        ruleset: The rules.
        considered: Table that `consider` filled.
        candidates: Table like `mart.attribution_candidates`.
        params: Parameters of the SQL files.
    """
    with scratch.suspicions(warehouse) as suspicions:
        found = {
            **params,
            "considered": scratch.bare(considered),
            "suspicions": scratch.bare(suspicions),
        }
        rules = suspicion_rules(ruleset)
        if rules:
            warehouse.execute(
                f"INSERT INTO {suspicions} {named_queries.load('fraud/suspicions')}",
                {**found, "rules": rules},
            )
        warehouse.execute(
            f"INSERT INTO {candidates} {named_queries.load('mart/attribution_candidates')}", found
        )
