"""Builds one day of credit: find conversions, lay out their paths, share them out, publish.

Rule models are SQL over the paths of the day; models that look at all journeys together work on
the paths added up, one app at a time. A day needs the touches up to its end and the conversions on
it, and nothing that was built before: it comes out the same in whatever order days are built.
All models of a definition are staged and checked together, because their totals must be equal.
"""

import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date
from typing import Any

from unmogrowp.attribution import scratch
from unmogrowp.attribution.credit.transforms import trim_length
from unmogrowp.attribution.credit_algorithmic import algorithmic_credit
from unmogrowp.attribution.journey_definitions import ConversionKind, JourneyDefinition
from unmogrowp.attribution.snapshots import record_config
from unmogrowp.clock import Clock
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.contracts import check_contract
from unmogrowp.warehouse.day_build import Audit, Built
from unmogrowp.warehouse.publish import Partition, replace_partitions, staging_copy
from unmogrowp.warehouse.quality import QualityResult

PATHS = "mart.journey_paths"
TOUCH_CREDIT = "mart.touch_credit"
CHANNEL_CREDIT = "mart.channel_credit"

# Touches in reach of one statement that matches them with conversions.
TOUCHES_PER_BUCKET = 5_000_000


def build_credit_day(
    warehouse: Warehouse,
    journey: JourneyDefinition,
    day: date,
    watermark: int,
    clock: Clock,
    audits: Mapping[str, Audit] | None = None,
) -> Built:
    """Publish paths, touch credit and channel credit of one UTC day under one definition.

    Args:
        warehouse: Where clean.touches, clean.events and mart.installs are.
        journey: What is a conversion, which touches count, and which models share it out.
        day: UTC day of the conversions.
        watermark: Highest landing_seq such that all up to it are landed, read before this call.
        clock: Gives the instant that is recorded with the publish.
        audits: Further checks of staging tables, by table; they raise AuditFailed to publish
            nothing.

    Raises:
        AuditFailed: Credit does not add up, or an audit refused; nothing was published.
        PartitionConflict: A build that had read more is published already.
    """
    record_config(
        warehouse,
        "journey",
        journey.journey_id,
        journey.config_hash,
        journey.canonical_json(),
        clock.now_ms(),
    )
    params = {**journey_params(journey), "day": day}
    with ExitStack() as stack:
        conversions = stack.enter_context(scratch.conversions(warehouse))
        _fill_conversions(warehouse, journey, conversions, params)
        params["conversion_count"] = int(warehouse.scalar(f"SELECT count() FROM {conversions}"))  # noqa: S608
        paths = _lay_out(warehouse, journey, conversions, params, stack)
        staged = {
            table: stack.enter_context(staging_copy(warehouse, table))
            for table in (PATHS, TOUCH_CREDIT, CHANNEL_CREDIT)
        }
        _stage(warehouse, journey, day, params, scratch.bare(paths), staged)
        checks = _check(warehouse, journey, params, staged)
        for table, audit in (audits or {}).items():
            audit(staged[table])
        published = [
            one
            for table, partitions in _partitions(journey, day).items()
            if partitions
            for one in replace_partitions(
                warehouse,
                partitions,
                staged[table],
                watermark=watermark,
                now_ms=clock.now_ms(),
                # The checks compared what is staged with the conversions: none means none.
                is_input_complete=True,
            )
        ]
    return Built(day, watermark, tuple(published), tuple(checks))


def journey_params(journey: JourneyDefinition) -> dict[str, Any]:
    """Return a definition as the parameters of the SQL files."""
    opening, middle, closing = journey.position_weights
    return {
        "journey_id": journey.journey_id,
        "config_hash": journey.config_hash,
        "install_kinds": list(journey.conversion.install_kinds),
        "event_names": list(journey.conversion.event_names),
        "needs_revenue": journey.conversion.kind == ConversionKind.REVENUE,
        "currency": journey.conversion.currency,
        "lookback_ms": journey.lookback_ms,
        "lookback_steps": journey.lookback_steps,
        "touch_types": list(journey.touch_types),
        "channel": journey.channel,
        "direct": journey.direct,
        "untouched": journey.untouched,
        "half_life_ms": float(journey.half_life_ms),
        "opening": opening,
        "middle": middle,
        "closing": closing,
    }


def _fill_conversions(
    warehouse: Warehouse, journey: JourneyDefinition, table: str, params: Mapping[str, Any]
) -> None:
    is_install = journey.conversion.kind == ConversionKind.INSTALL
    query = "credit/install_conversions" if is_install else "credit/event_conversions"
    warehouse.execute(f"INSERT INTO {table} {named_queries.load(query)}", params)


def _lay_out(
    warehouse: Warehouse,
    journey: JourneyDefinition,
    conversions: str,
    params: Mapping[str, Any],
    stack: ExitStack,
) -> str:
    """Return a table with the paths of the day, transforms applied."""
    paths = stack.enter_context(scratch.paths(warehouse))
    touches = int(warehouse.scalar(named_queries.load("credit/touches_in_reach"), params))
    buckets = max(1, -(-touches // TOUCHES_PER_BUCKET))
    params = {**params, "conversions": scratch.bare(conversions)}
    params |= _people(warehouse, buckets, params, stack)
    keys = stack.enter_context(scratch.conversion_keys(warehouse))
    warehouse.execute(f"INSERT INTO {keys} {named_queries.load('credit/conversion_keys')}", params)
    params["conversion_keys"] = scratch.bare(keys)
    for query in ("credit/converting_paths", "credit/null_paths"):
        for bucket in range(buckets):
            warehouse.execute(
                f"INSERT INTO {paths} {named_queries.load(query)}",
                {**params, "buckets": buckets, "bucket": bucket},
            )
    for name in journey.transforms:
        transformed = stack.enter_context(scratch.paths(warehouse))
        length = trim_length(name)
        warehouse.execute(
            f"INSERT INTO {transformed} {named_queries.load('credit/transform_paths')}",
            {
                "paths": scratch.bare(paths),
                "transform": name if length is None else "trim_long",
                "trim_length": length or 0,
                "direct": journey.direct,
            },
        )
        paths = transformed
    return paths


def _people(
    warehouse: Warehouse, buckets: int, params: Mapping[str, Any], stack: ExitStack
) -> dict[str, Any]:
    """Find out which ids belong to one person; return the parameters that say where it stands."""
    people = stack.enter_context(scratch.people(warehouse))
    knows_people = bool(warehouse.rows("SELECT 1 FROM clean.identities LIMIT 1"))
    for bucket in range(buckets if knows_people else 0):
        warehouse.execute(
            f"INSERT INTO {people} {named_queries.load('credit/people')}",
            {**params, "buckets": buckets, "bucket": bucket},
        )
    return {"people": people, "knows_people": knows_people}


def _stage(
    warehouse: Warehouse,
    journey: JourneyDefinition,
    day: date,
    params: Mapping[str, Any],
    paths: str,
    staged: Mapping[str, str],
) -> None:
    warehouse.execute(
        f"INSERT INTO {staged[PATHS]} {named_queries.load('credit/journey_paths')}",
        {**params, "paths": paths},
    )
    for model in journey.rule_models:
        warehouse.execute(
            f"INSERT INTO {staged[TOUCH_CREDIT]} {named_queries.load('credit/touch_credit')}",
            {**params, "paths": paths, "model": model, "model_id": journey.model_id(model)},
        )
    warehouse.execute(
        f"INSERT INTO {staged[CHANNEL_CREDIT]} {named_queries.load('credit/channel_credit')}",
        {**params, "touch_credit": scratch.bare(staged[TOUCH_CREDIT])},
    )
    if journey.algorithmic_models:
        counted = warehouse.frame(
            "SELECT app_id, path, conversions, toFloat64(value) AS value, nulls"  # noqa: S608
            f" FROM {staged[PATHS]} ORDER BY app_id, path"
        )
        rows = algorithmic_credit(counted, journey, day)
        if rows.num_rows:
            warehouse.insert_arrow(staged[CHANNEL_CREDIT], rows, token=uuid.uuid4().hex)


def _check(
    warehouse: Warehouse,
    journey: JourneyDefinition,
    params: Mapping[str, Any],
    staged: Mapping[str, str],
) -> list[QualityResult]:
    results: list[QualityResult] = []
    for query, table, models in (
        ("credit/check_journey_paths", PATHS, 1),
        ("credit/check_touch_credit", TOUCH_CREDIT, len(journey.rule_models)),
        ("credit/check_channel_credit", CHANNEL_CREDIT, len(journey.models)),
    ):
        results += check_contract(
            warehouse,
            query,
            table,
            staged[table],
            {**params, "models": models, "journey_paths": scratch.bare(staged[PATHS])},
        )
    return results


def _partitions(journey: JourneyDefinition, day: date) -> dict[str, list[Partition]]:
    """Return what a build replaces, by table."""
    return {
        PATHS: [Partition(PATHS, (journey.journey_id, day))],
        TOUCH_CREDIT: [
            Partition(TOUCH_CREDIT, (journey.model_id(model), day)) for model in journey.rule_models
        ],
        CHANNEL_CREDIT: [
            Partition(CHANNEL_CREDIT, (journey.model_id(model), day)) for model in journey.models
        ],
    }
