"""Builds one day of the marts: stage, check, publish. All deciding is done by the SQL files.

A day is always built whole, from the clean layer, so a build knows nothing of the builds before
it: the same rows come out in whatever order days are built and rows arrived. Memory is bounded
by working in buckets of installs.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any

from unmogrowp.attribution import scratch
from unmogrowp.attribution.contracts import check_contract
from unmogrowp.attribution.snapshots import record_ruleset
from unmogrowp.clock import Clock
from unmogrowp.rulesets import Ruleset, TouchType
from unmogrowp.rulesets.model import MatchMethod
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.publish import Partition, Published, replace_partition, staging_copy
from unmogrowp.warehouse.quality import QualityResult

INSTALLS = "mart.installs"
CANDIDATES = "mart.attribution_candidates"
DECISIONS = "mart.attributed_installs"

# Candidate rows of one statement; ten million in one took 6.8 GB, this stays below 1.5 GB.
ROWS_PER_BUCKET = 2_000_000

LONGEST_USER_ID = 1_000_000

Audit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build published and what its contract checks found."""

    day: date
    watermark: int
    published: tuple[Published, ...]
    checks: tuple[QualityResult, ...]

    @property
    def row_counts(self) -> dict[str, int]:
        """Return the rows of each published partition, by table."""
        return {one.partition.table: one.row_count for one in self.published}


def build_installs_day(
    warehouse: Warehouse,
    day: date,
    watermark: int,
    clock: Clock,
    audit: Audit | None = None,
) -> Built:
    """Publish `mart.installs` of one UTC day.

    Args:
        warehouse: Where clean.events is.
        day: UTC day of `installed_at`.
        watermark: Highest landing_seq such that all up to it are landed, read before this call.
        clock: Gives the instant that is recorded with the publish.
        audit: Further checks of the staging table; raises AuditFailed to publish nothing.

    Raises:
        AuditFailed: A contract sentence is false, or `audit` refused; nothing was published.
        PartitionConflict: A build that had read more is published already.
    """
    params = {"day": day}
    checks: list[QualityResult] = []

    def contract(staging: str) -> None:
        checks.extend(check_contract(warehouse, "mart/check_installs", INSTALLS, staging, params))
        if audit is not None:
            audit(staging)

    with ExitStack() as stack:
        devices = stack.enter_context(scratch.devices(warehouse))
        warehouse.execute(
            f"INSERT INTO {devices} {named_queries.load('mart/install_devices')}", params
        )
        kept = stack.enter_context(scratch.kept_installs(warehouse))
        warehouse.execute(
            f"INSERT INTO {kept} {named_queries.load('mart/kept_installs')}",
            {**params, "devices": scratch.bare(devices)},
        )
        staging = stack.enter_context(staging_copy(warehouse, INSTALLS))
        warehouse.execute(
            f"INSERT INTO {staging} {named_queries.load('mart/installs')}",
            {**params, "kept": scratch.bare(kept)},
        )
        published = replace_partition(
            warehouse,
            Partition(INSTALLS, (day,)),
            staging,
            watermark=watermark,
            now_ms=clock.now_ms(),
            # Every kept install must have found its event; then no row means no install.
            is_input_complete=_count(warehouse, kept) == _count(warehouse, staging),
            audit=contract,
        )
    return Built(day, watermark, (published,), tuple(checks))


def build_attribution_day(
    warehouse: Warehouse,
    ruleset: Ruleset,
    day: date,
    watermark: int,
    clock: Clock,
    audit_candidates: Audit | None = None,
    audit_decisions: Audit | None = None,
) -> Built:
    """Publish candidates and decisions of one UTC day of installs under one ruleset.

    Reads `mart.installs` of the day as published, and the touches that can reach it. Arguments
    and errors are those of `build_installs_day`.
    """
    record_ruleset(warehouse, ruleset, clock.now_ms())
    params = {**ruleset_params(ruleset), "day": day}
    checks: list[QualityResult] = []

    def contract(query: str, table: str, further: Audit | None) -> Audit:
        def check(staging: str) -> None:
            checks.extend(check_contract(warehouse, query, table, staging, params))
            if further is not None:
                further(staging)

        return check

    with ExitStack() as stack:
        candidates = stack.enter_context(staging_copy(warehouse, CANDIDATES))
        decisions = stack.enter_context(staging_copy(warehouse, DECISIONS))
        buckets = bucket_count(warehouse, ruleset, day)
        for bucket in range(buckets):
            bucket_params = {**params, "buckets": buckets, "bucket": bucket}
            warehouse.execute(
                f"INSERT INTO {candidates} {named_queries.load('mart/attribution_candidates')}",
                bucket_params,
            )
            warehouse.execute(
                f"INSERT INTO {decisions} {named_queries.load('mart/attributed_installs')}",
                {**bucket_params, "candidates": scratch.bare(candidates)},
            )
        installs = int(
            warehouse.scalar(
                "SELECT count() FROM mart.installs WHERE toDate(installed_at) = {day:Date}", params
            )
        )
        is_complete = _count(warehouse, decisions) == installs
        key = (ruleset.ruleset_id, day)
        # Both are checked before either is published: decisions without their candidates could
        # not be explained.
        check_decisions = contract("mart/check_attributed_installs", DECISIONS, audit_decisions)
        check_decisions(decisions)
        published = tuple(
            replace_partition(
                warehouse,
                Partition(table, key),
                staging,
                watermark=watermark,
                now_ms=clock.now_ms(),
                is_input_complete=is_complete,
                audit=check,
            )
            for table, staging, check in (
                (
                    CANDIDATES,
                    candidates,
                    contract("mart/check_candidates", CANDIDATES, audit_candidates),
                ),
                (DECISIONS, decisions, None),
            )
        )
    return Built(day, watermark, published, tuple(checks))


def ruleset_params(ruleset: Ruleset) -> dict[str, Any]:
    """Return a ruleset as the parameters of the SQL files.

    Windows and tiers are in the order of methods; a method without a rule has the window -1.
    """
    order = [*ruleset.method_order, *(m for m in MatchMethod if m not in ruleset.method_order)]

    def column(touch_type: TouchType, field: str, absent: int) -> list[int]:
        rules = [ruleset.rule(touch_type, method) for method in order]
        return [absent if rule is None else int(getattr(rule, field)) for rule in rules]

    return {
        "ruleset_id": ruleset.ruleset_id,
        "config_hash": ruleset.config_hash,
        "method_order": [method.value for method in order],
        "click_windows": column(TouchType.CLICK, "window_ms", -1),
        "impression_windows": column(TouchType.IMPRESSION, "window_ms", -1),
        "click_tiers": column(TouchType.CLICK, "tier", 0),
        "impression_tiers": column(TouchType.IMPRESSION, "tier", 0),
        "user_id_length": LONGEST_USER_ID
        if any(rule.method == MatchMethod.USER_ID for rule in ruleset.rules)
        else 0,
        "reach_before_ms": ruleset.reach_before_ms,
        "reach_after_ms": ruleset.after_slack_ms,
        "reinstall_window_ms": ruleset.reinstall_window_ms,
    }


def bucket_count(warehouse: Warehouse, ruleset: Ruleset, day: date) -> int:
    """Return into how many parts the installs of a day are cut, from the touches in reach."""
    touches = int(
        warehouse.scalar(
            named_queries.load("mart/touches_in_reach"),
            {
                "day": day,
                "reach_before_ms": ruleset.reach_before_ms,
                "reach_after_ms": ruleset.after_slack_ms,
            },
        )
    )
    return max(1, -(-touches // ROWS_PER_BUCKET))


def _count(warehouse: Warehouse, table: str) -> int:
    return int(warehouse.scalar(f"SELECT count() FROM {table}"))  # noqa: S608 (our own name)
