"""Decides the installs of a day, in parts that fit into memory.

Touches are matched with as many installs at once as one join can hold, because every match reads
all touches in reach. What was matched is judged and decided in buckets of installs: a bucket is
found in memory, so more of them cost little and need less at once (ADR 0054).
"""

from collections.abc import Mapping
from typing import Any

from unmogrowp.attribution import scratch
from unmogrowp.attribution.candidates import CANDIDATES, consider, judge
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
    if reach.buckets == 1:
        with scratch.subjects(warehouse) as subjects, scratch.considered(warehouse) as considered:
            named = _with_subjects(warehouse, subjects, params, 1, 0)
            consider(warehouse, considered, {**named, "buckets": 1})
            _decide(warehouse, ruleset, considered, candidates.table, decisions, named)
        return
    for match in range(reach.matches):
        with scratch.considered(warehouse) as considered:
            with scratch.subjects(warehouse) as subjects:
                named = _with_subjects(warehouse, subjects, params, reach.matches, match)
                consider(warehouse, considered, {**named, "buckets": reach.buckets})
            # The number of buckets is a multiple of that of matches: these are its own.
            for bucket in range(match, reach.buckets, reach.matches):
                _decide_bucket(
                    warehouse,
                    ruleset,
                    considered,
                    candidates,
                    decisions,
                    {**params, "buckets": reach.buckets, "bucket": bucket},
                )


def _decide_bucket(
    warehouse: Warehouse,
    ruleset: Ruleset,
    considered: str,
    candidates: Partition,
    decisions: str,
    params: Mapping[str, Any],
) -> None:
    with (
        scratch.considered(warehouse) as of_bucket,
        scratch.subjects(warehouse) as subjects,
        # Of its own, so that its decisions read no candidates of the buckets before it.
        staging_copy(warehouse, CANDIDATES, merges=False) as judged,
    ):
        warehouse.execute(
            f"INSERT INTO {of_bucket} SELECT * FROM {considered}"  # noqa: S608 (our own names)
            " WHERE bucket = {bucket:UInt32}",
            params,
        )
        named = _with_subjects(warehouse, subjects, params, params["buckets"], params["bucket"])
        _decide(warehouse, ruleset, of_bucket, judged, decisions, named)
        attach_partition(warehouse, Partition(judged, candidates.values), candidates.table)


def _with_subjects(
    warehouse: Warehouse, subjects: str, params: Mapping[str, Any], buckets: int, bucket: int
) -> dict[str, Any]:
    """Write the installs of one bucket to `subjects`; return the parameters that name them."""
    with_subjects = {**params, "subjects": scratch.bare(subjects)}
    warehouse.execute(
        f"INSERT INTO {subjects} {named_queries.load('mart/install_subjects')}",
        {**with_subjects, "buckets": buckets, "bucket": bucket},
    )
    return with_subjects


def _decide(
    warehouse: Warehouse,
    ruleset: Ruleset,
    considered: str,
    candidates: str,
    decisions: str,
    params: Mapping[str, Any],
) -> None:
    judge(warehouse, ruleset, considered, candidates, params)
    warehouse.execute(
        f"INSERT INTO {decisions} {named_queries.load('mart/attributed_installs')}",
        {**params, "candidates": scratch.bare(candidates)},
    )
