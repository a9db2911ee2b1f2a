"""Decides the installs of a day, in parts that fit into memory.

Every match reads all touches in reach, so touches are matched with as many installs at once as
memory allows. What was matched stays in memory and is judged and decided in buckets of installs,
each with tables of its own: more buckets cost little and need less at once (ADR 0054).
"""

from collections.abc import Mapping
from typing import Any

from unmogrowp.attribution import scratch
from unmogrowp.attribution.candidates import CANDIDATES, consider, judge, match
from unmogrowp.attribution.reach import Reach
from unmogrowp.rulesets import Ruleset
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import Partition, attach_partition, staging_copy


def stage_installs(
    warehouse: Warehouse,
    ruleset: Ruleset,
    reach: Reach,
    candidates: Partition,
    decisions: str,
    params: Mapping[str, Any],
) -> None:
    """Write candidates and decisions of the installs of a day to what is about to be published.

    Args:
        warehouse: Where installs and touches are.
        ruleset: The rules.
        reach: What installs of the day can be matched with.
        candidates: Staging table of candidates, and the only partition that it will have.
        decisions: Staging table of decisions.
        params: Parameters of the SQL files.
    """
    for part in range(reach.matches):
        with scratch.matched(warehouse) as matched, scratch.subjects(warehouse) as subjects:
            named = {**params, "subjects": scratch.bare(subjects)}
            _write_subjects(warehouse, subjects, reach.matches, part, named)
            match(warehouse, matched, reach.buckets, named)
            if reach.buckets == 1:
                _decide(warehouse, ruleset, matched, 0, candidates.table, decisions, named)
                return
            # The number of buckets is a multiple of that of matches: these are its own.
            for bucket in range(part, reach.buckets, reach.matches):
                warehouse.execute(f"TRUNCATE TABLE {subjects}")
                _write_subjects(warehouse, subjects, reach.buckets, bucket, named)
                # Of its own, so that its decisions read no candidates of the buckets before it.
                with staging_copy(warehouse, CANDIDATES, merges=False) as judged:
                    _decide(warehouse, ruleset, matched, bucket, judged, decisions, named)
                    own = Partition(judged, candidates.values)
                    attach_partition(warehouse, own, candidates.table)


def _write_subjects(
    warehouse: Warehouse, subjects: str, buckets: int, bucket: int, params: Mapping[str, Any]
) -> None:
    """Write the installs of one bucket to `subjects`, which is empty."""
    warehouse.execute(
        f"INSERT INTO {subjects} {named_queries.load('mart/install_subjects')}",
        {**params, "buckets": buckets, "bucket": bucket},
    )


def _decide(
    warehouse: Warehouse,
    ruleset: Ruleset,
    matched: str,
    bucket: int,
    candidates: str,
    decisions: str,
    params: Mapping[str, Any],
) -> None:
    with scratch.considered(warehouse) as considered:
        consider(warehouse, matched, considered, bucket, params)
        judge(warehouse, ruleset, considered, candidates, params)
    warehouse.execute(
        f"INSERT INTO {decisions} {named_queries.load('mart/attributed_installs')}",
        {**params, "candidates": scratch.bare(candidates)},
    )
