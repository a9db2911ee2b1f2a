"""Which runs may leave Dagster's storage, and taking them out.

A micro-batch leaves some 25 KB of events; at four a minute that is 150 MB a day. Deleting a run
deletes its materializations too, so of every partition the run that materialized it last stays:
otherwise the UI would forget that the day was ever landed.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import dagster as dg

_BATCH = 500


def runs_to_prune(
    instance: dg.DagsterInstance,
    job_names: Sequence[str],
    asset_keys: Sequence[dg.AssetKey],
    before: datetime,
    limit: int,
) -> Iterator[str]:
    """Yield ids of successful runs of these jobs that began before an instant.

    Args:
        instance: Whose storage is pruned.
        job_names: Jobs whose runs are many and small.
        asset_keys: Assets whose last materialization per partition must stay.
        before: Later runs stay.
        limit: At most this many, oldest first.
    """
    kept = last_materializing_runs(instance, asset_keys)
    count = 0
    for job_name in job_names:
        cursor = None
        while count < limit:
            records = instance.get_run_records(
                dg.RunsFilter(
                    job_name=job_name,
                    statuses=[dg.DagsterRunStatus.SUCCESS],
                    created_before=before,
                ),
                limit=_BATCH,
                ascending=True,
                cursor=cursor,
            )
            if not records:
                break
            for record in records:
                cursor = record.dagster_run.run_id
                if cursor in kept:
                    continue
                if count == limit:
                    return
                count += 1
                yield cursor


def last_materializing_runs(
    instance: dg.DagsterInstance, asset_keys: Sequence[dg.AssetKey]
) -> set[str]:
    """Return the runs that hold the last materialization of any partition."""
    kept: set[str] = set()
    for key in asset_keys:
        by_partition = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        storage_ids = list(by_partition.values())
        for begin in range(0, len(storage_ids), _BATCH):
            result = instance.fetch_materializations(
                dg.AssetRecordsFilter(
                    asset_key=key, storage_ids=storage_ids[begin : begin + _BATCH]
                ),
                limit=_BATCH,
            )
            kept.update(record.run_id for record in result.records)
        latest = instance.get_latest_materialization_event(key)
        if latest is not None:
            kept.add(latest.run_id)
    return kept


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run, its events and its captured output."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
