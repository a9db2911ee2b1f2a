"""Builds one day of the marts: stage, check, publish. All deciding is done by the SQL files.

A day is always built whole, from the clean layer, so a build knows nothing of the builds before
it: the same rows come out in whatever order days are built and rows arrived. Memory is bounded
by deciding installs in buckets.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from typing import Any

from unmogrowp.attribution import scratch
from unmogrowp.attribution.candidates import CANDIDATES
from unmogrowp.attribution.device_lives import lives_of
from unmogrowp.attribution.history import record_versions
from unmogrowp.attribution.install_decisions import stage_installs
from unmogrowp.attribution.primary import standing_params
from unmogrowp.attribution.reach import reach_of
from unmogrowp.attribution.reengagements import stage_reengagements
from unmogrowp.attribution.ruleset_params import ruleset_params, write_windows
from unmogrowp.attribution.snapshots import record_ruleset
from unmogrowp.attribution.touched_days import touch_inheriting
from unmogrowp.clock import Clock
from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.assignment import Promotion
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.contracts import check_contract
from unmogrowp.warehouse.day_build import Audit, Built, publish_day
from unmogrowp.warehouse.publish import (
    Partition,
    present_watermarks,
    replace_partition,
    staging_copy,
)
from unmogrowp.warehouse.quality import QualityResult

INSTALLS = "mart.installs"
DECISIONS = "mart.attributed_installs"


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
    with ExitStack() as stack:
        devices = stack.enter_context(scratch.devices(warehouse))
        warehouse.execute(
            f"INSERT INTO {devices} {named_queries.load('mart/install_devices')}", params
        )
        _, kept = stack.enter_context(lives_of(warehouse, devices, day, day))

        def fill(staging: str) -> None:
            warehouse.execute(
                f"INSERT INTO {staging} {named_queries.load('mart/installs')}",
                {**params, "kept": scratch.bare(kept)},
            )

        return publish_day(
            warehouse,
            Partition(INSTALLS, (day,)),
            day,
            watermark,
            clock,
            fill=fill,
            contract="mart/check_installs",
            audit=audit,
            # Every kept install must have found its event; then no row means no install.
            is_input_complete=lambda staging: _count(warehouse, kept) == _count(warehouse, staging),
        )


def build_attribution_day(
    warehouse: Warehouse,
    ruleset: Ruleset,
    day: date,
    watermark: int,
    clock: Clock,
    audit_candidates: Audit | None = None,
    audit_decisions: Audit | None = None,
    *,
    promotions: Sequence[Promotion] = (),
    keeps_history: bool = True,
) -> Built:
    """Publish candidates and decisions of one UTC day of installs under one ruleset.

    Reads `mart.installs` of the day as published, `mart.openings` where the ruleset decides
    re-engagements, and the touches that can reach them. Arguments and errors are those of
    `build_installs_day`; `promotions` say for which apps the decisions count; `keeps_history` is
    False for trials, whose decisions nobody reports.
    """
    record_ruleset(warehouse, ruleset, clock.now_ms())
    params: dict[str, Any] = {
        **ruleset_params(ruleset),
        **standing_params(promotions, ruleset.ruleset_id, day),
        "day": day,
    }
    checks: list[QualityResult] = []

    def contract(query: str, table: str, further: Audit | None) -> Audit:
        def check(staging: str) -> None:
            checks.extend(check_contract(warehouse, query, table, staging, params))
            if further is not None:
                further(staging)

        return check

    with ExitStack() as stack:
        candidates = stack.enter_context(staging_copy(warehouse, CANDIDATES, merges=False))
        decisions = stack.enter_context(staging_copy(warehouse, DECISIONS, merges=False))
        windows = stack.enter_context(scratch.windows(warehouse))
        params["windows"] = windows
        params["has_own_windows"] = write_windows(warehouse, windows, ruleset, day)
        reach = reach_of(warehouse, ruleset, day)
        params.update(reach.params())
        key = (ruleset.ruleset_id, day)
        stage_installs(warehouse, ruleset, reach, Partition(candidates, key), decisions, params)
        # Asked before openings are decided: of those no row is the truth as well.
        is_complete = _count(warehouse, decisions) == reach.installs
        if ruleset.reengagement.is_on:
            stage_reengagements(warehouse, ruleset, day, candidates, decisions, params)
        # Both are checked before either is published: decisions without their candidates could
        # not be explained.
        check_decisions = contract("mart/check_attributed_installs", DECISIONS, audit_decisions)
        check_decisions(decisions)
        published_ms = clock.now_ms()

        def record() -> None:
            """Say what is reported from now on: after every check, before the first swap."""
            name = Partition(DECISIONS, key).key
            present = present_watermarks(warehouse, DECISIONS, [name]).get(name, 0)
            if keeps_history and watermark >= present:
                staged = scratch.bare(decisions)
                record_versions(warehouse, ruleset.ruleset_id, day, staged, published_ms)
                # Before the swap, while what is gone and what is new can both be read.
                touch_inheriting(
                    warehouse, ruleset.ruleset_id, day, staged, watermark, published_ms
                )

        published = tuple(
            replace_partition(
                warehouse,
                Partition(table, key),
                staging,
                watermark=watermark,
                now_ms=clock.now_ms(),
                is_input_complete=is_complete,
                audit=check,
                confirm=confirm,
            )
            for table, staging, check, confirm in (
                (
                    CANDIDATES,
                    candidates,
                    contract("mart/check_candidates", CANDIDATES, audit_candidates),
                    record,
                ),
                (DECISIONS, decisions, None, None),
            )
        )
    return Built(day, watermark, published, tuple(checks))


def _count(warehouse: Warehouse, table: str) -> int:
    return int(warehouse.scalar(f"SELECT count() FROM {table}"))  # noqa: S608 (our own name)
