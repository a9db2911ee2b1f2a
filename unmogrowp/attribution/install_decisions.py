"""Decides the installs of a day, in parts that fit into memory.

Every match reads all touches in reach, so touches are matched with as many installs at once as
memory allows. What was matched stays in memory and is judged and decided in buckets of installs,
each with tables of its own: more buckets cost little and need less at once (ADR 0054).
"""

from collections.abc import Iterable, Mapping
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
    if reach.buckets > 1:
        _stage_in_parts(warehouse, ruleset, reach, candidates, decisions, params)
        return
    with scratch.subjects(warehouse) as subjects, scratch.matched(warehouse) as matched:
        named = {**params, "subjects": scratch.bare(subjects)}
        warehouse.execute(f"INSERT INTO {subjects} {_install_subjects()}", named)
        match(warehouse, matched, 1, named)
        _decide(warehouse, ruleset, matched, 0, candidates.table, decisions, named)


def _stage_in_parts(
    warehouse: Warehouse,
    ruleset: Ruleset,
    reach: Reach,
    candidates: Partition,
    decisions: str,
    params: Mapping[str, Any],
) -> None:
    """Do what `stage_installs` does for a day that is too large to be decided at once."""
    with scratch.day_subjects(warehouse) as day, scratch.subjects(warehouse) as subjects:
        named = {**params, "subjects": scratch.bare(subjects)}
        # Installs are read once, whatever the number of buckets; cut as mart/matched_touches does.
        cut = "cityHash64(subject) % {buckets:UInt32} AS bucket"
        warehouse.execute(
            f"INSERT INTO {day} SELECT *, {cut} FROM ({_install_subjects()})",  # noqa: S608 (our own)
            {**params, "buckets": reach.buckets},
        )
        for part in range(reach.matches):
            # The number of buckets is a multiple of that of matches: these are its own.
            own = range(part, reach.buckets, reach.matches)
            with scratch.matched(warehouse) as matched:
                _copy_subjects(warehouse, day, subjects, own)
                match(warehouse, matched, reach.buckets, named)
                for bucket in own:
                    _copy_subjects(warehouse, day, subjects, (bucket,))
                    # Of its own, so that its decisions read no candidates of other buckets.
                    with staging_copy(warehouse, CANDIDATES, merges=False) as judged:
                        _decide(warehouse, ruleset, matched, bucket, judged, decisions, named)
                        staged = Partition(judged, candidates.values)
                        attach_partition(warehouse, staged, candidates.table)


def _install_subjects() -> str:
    return named_queries.load("mart/install_subjects")


def _copy_subjects(warehouse: Warehouse, day: str, subjects: str, buckets: Iterable[int]) -> None:
    """Replace what is in `subjects` by the subjects of a day that are in some of its buckets."""
    warehouse.execute(f"TRUNCATE TABLE {subjects}")
    warehouse.execute(
        f"INSERT INTO {subjects} SELECT * EXCEPT (bucket) FROM {day}"  # noqa: S608 (our own names)
        " WHERE bucket IN {buckets:Array(UInt32)}",
        {"buckets": list(buckets)},
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
