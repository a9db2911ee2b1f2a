"""The typed, deduplicated layer, a day of receipt at a time."""

from collections.abc import Iterator

import dagster as dg

from assets.checks.runner import QualityRunner
from assets.failures import RETRY_POLICY, permanent_failures
from assets.landing import REQUESTS, LandingTools
from assets.locking import PipelineLock
from assets.partitions import day_of
from assets.rebuilding import Events, rebuild_days, rebuilt_materialization, rebuilt_metadata
from assets.tables import asset_key, table_spec

_KEPT = "A copy is dropped only if a kept row was received in the 30 days before it."
TABLES = {
    "clean.events": f"The row that stays is the least by receipt and coordinates. {_KEPT}",
    "clean.touches": f"The row that stays is the least by receipt and coordinates. {_KEPT}",
    "clean.failed": "Nothing is thrown away: the bytes can be repaired and replayed.",
    "clean.duplicates": "Shows which row stayed, so that a client's retries can be told apart.",
}


@dg.multi_asset(
    name="clean_day",
    specs=[
        table_spec(
            name,
            group="clean",
            deps=[REQUESTS],
            text=f"{text}\n\nLanded by micro-batches of `ingest_job`; materialising a partition"
            " makes the day anew from its raw rows, with the same content. Refused once those are"
            " gone.",
        )
        for name, text in TABLES.items()
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="landing",
    retry_policy=RETRY_POLICY,
)
def clean_day(
    context: dg.AssetExecutionContext,
    landing: dg.ResourceParam[LandingTools],
    quality: dg.ResourceParam[QualityRunner],
    pipeline_lock: dg.ResourceParam[PipelineLock],
) -> Iterator[Events | dg.MaterializeResult[None]]:
    """Rebuild the selected days; later days on which rows changed places follow by themselves."""
    keys = set(context.partition_keys)
    with permanent_failures(context):
        days = [day_of(key) for key in sorted(keys)]
        done = yield from rebuild_days(landing, quality, pipeline_lock, days)
    for rebuilt in done:
        for table in TABLES:
            if rebuilt.day.isoformat() in keys:
                context.add_asset_metadata(
                    rebuilt_metadata(table, rebuilt),
                    asset_key=asset_key(table),
                    partition_key=rebuilt.day.isoformat(),
                )
            else:
                yield rebuilt_materialization(table, rebuilt)
    for table in TABLES:
        yield dg.MaterializeResult(asset_key=asset_key(table))
