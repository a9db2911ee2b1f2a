"""Decides which openings of a day are re-engagements: they are won by a retargeting touch.

Openings are considered, suspected and judged by the statements that decide installs. What is added
is that a touch belongs to the first opening it could have led to: openings of the days before
are worked out for the few components concerned, not read from what happens to be published.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

from unmogrowp.attribution import scratch
from unmogrowp.attribution.candidates import CANDIDATES, consider, judge, match
from unmogrowp.attribution.openings import OPENINGS, stage_openings
from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.durations import DAY_MS
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import staging_copy

# The time from touch to install says nothing here: a deep link opens the app within a second, and
# nothing is downloaded.
_WITHOUT_INSTALL_RULES: Mapping[str, Any] = {
    "ctit_modes": [],
    "ctit_thresholds": [],
    "after_begin_modes": [],
    "after_begin_thresholds": [],
}


def stage_reengagements(
    warehouse: Warehouse,
    ruleset: Ruleset,
    day: date,
    candidates: str,
    decisions: str,
    given: Mapping[str, Any],
) -> None:
    """Add the re-engagements of a day, with their candidates, to what is about to be published.

    Reads `mart.openings` of the day as published.

    Args:
        warehouse: Where openings and touches are.
        ruleset: A ruleset that decides re-engagements.
        day: UTC day of the openings.
        candidates: Staging table of candidates.
        decisions: Staging table of decisions.
        given: Parameters of the SQL files as for installs.
    """
    params = {**given, **_WITHOUT_INSTALL_RULES}
    with ExitStack() as stack:
        subjects = stack.enter_context(scratch.subjects(warehouse))
        params["subjects"] = scratch.bare(subjects)
        _write_subjects(warehouse, ruleset, subjects, OPENINGS, day, day, params, is_decided=True)
        if not warehouse.scalar(f"SELECT count() FROM {subjects}"):  # noqa: S608 (our own name)
            return
        earlier = stack.enter_context(staging_copy(warehouse, OPENINGS))
        devices = stack.enter_context(scratch.devices(warehouse))
        warehouse.execute(
            f"INSERT INTO {devices} SELECT DISTINCT app_id, device_key FROM {subjects}"  # noqa: S608
        )
        first_day = day - timedelta(days=-(-ruleset.longest_window_ms // DAY_MS))
        last_day = day - timedelta(days=1)
        stage_openings(warehouse, earlier, devices, first_day, last_day)
        _write_subjects(
            warehouse, ruleset, subjects, earlier, first_day, last_day, params, is_decided=False
        )
        matched = stack.enter_context(scratch.matched(warehouse))
        match(warehouse, matched, 1, params)
        considered = stack.enter_context(scratch.considered(warehouse))
        consider(warehouse, matched, considered, 0, params)
        answerable = stack.enter_context(scratch.considered(warehouse))
        warehouse.execute(
            f"INSERT INTO {answerable} {named_queries.load('mart/answerable_touches')}",
            {**params, "considered": scratch.bare(considered)},
        )
        judged = stack.enter_context(staging_copy(warehouse, CANDIDATES))
        judge(warehouse, ruleset, answerable, judged, params)
        warehouse.execute(
            f"INSERT INTO {candidates} {named_queries.load('mart/won_candidates')}",
            {"judged": scratch.bare(judged)},
        )
        warehouse.execute(
            f"INSERT INTO {decisions} {named_queries.load('mart/attributed_installs')}",
            {**params, "candidates": scratch.bare(judged)},
        )


def _write_subjects(
    warehouse: Warehouse,
    ruleset: Ruleset,
    subjects: str,
    openings: str,
    first_day: date,
    last_day: date,
    params: Mapping[str, Any],
    *,
    is_decided: bool,
) -> None:
    database, table = openings.split(".")
    warehouse.execute(
        f"INSERT INTO {subjects} {named_queries.load('mart/opening_subjects')}",
        {
            **params,
            "database": database,
            "openings": table,
            "first_day": first_day,
            "last_day": last_day,
            "is_decided": is_decided,
            "inactivity_ms": ruleset.reengagement.inactivity_ms,
            "longest_window_ms": ruleset.longest_window_ms,
        },
    )
