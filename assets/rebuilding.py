"""Days of the clean tables made anew from raw rows, checked table by table before the swap."""

from collections.abc import Generator, Sequence
from datetime import date

import dagster as dg

from assets.checks.evaluations import evaluations
from assets.checks.runner import QualityRunner, TableReport
from assets.landing import LandingTools
from assets.locking import PipelineLock
from assets.tables import asset_key
from unmogrowp.errors import AuditFailed
from unmogrowp.landing.rebuild import RebuiltDay

Events = dg.AssetCheckEvaluation | dg.AssetMaterialization


def rebuild_days(
    landing: LandingTools,
    quality: QualityRunner,
    pipeline_lock: PipelineLock,
    days: Sequence[date],
) -> Generator[dg.AssetCheckEvaluation, None, list[RebuiltDay]]:
    """Rebuild days and what follows from them; yield what the checks of the staged rows said.

    The lock is held per day that was asked for, so that landing gets its turn in a long backfill.
    """
    quality.warm_up()
    done: list[RebuiltDay] = []
    for day in days:
        reports: list[TableReport] = []
        try:
            with pipeline_lock.held(f"rebuild {day}") as lock:
                done += landing.rebuilder(lock.verify, _Audit(quality, reports)).rebuild([day])
        except AuditFailed:
            for report in reports:
                yield from evaluations(report)
            raise
        for report in reports:
            yield from evaluations(report)
    return done


class _Audit:
    """Asks the suite of a table about its staged day; an empty day has nothing to be asked."""

    def __init__(self, quality: QualityRunner, reports: list[TableReport]) -> None:
        self._quality = quality
        self._reports = reports

    def __call__(self, table: str, staging: str) -> None:
        day = self._quality.day_of_staged(staging)
        if day is not None:
            self._quality.audit(table, day, self._reports)(staging)


def rebuilt_metadata(table: str, rebuilt: RebuiltDay) -> dict[str, int]:
    """Return what is plotted for a rebuilt partition."""
    return {
        "dagster/partition_row_count": rebuilt.row_counts[table],
        "changed_rows": rebuilt.changed_rows,
        "watermark": rebuilt.landing_seq,
    }


def rebuilt_materialization(table: str, rebuilt: RebuiltDay) -> dg.AssetMaterialization:
    """Return the event of a table of a day that was not asked for by the partition of the run."""
    return dg.AssetMaterialization(
        asset_key(table),
        partition=rebuilt.day.isoformat(),
        metadata=rebuilt_metadata(table, rebuilt),
    )
