"""What every build of a partition reports: checks passed or not, rows, and how far it had read."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, TypeVar

import dagster as dg

from assets.checks.evaluations import evaluations
from assets.checks.runner import QualityRunner, TableReport
from assets.failures import permanent_failures
from assets.locking import PipelineLock
from assets.partitions import day_of
from assets.tables import asset_key
from unmogrowp.errors import AuditFailed
from unmogrowp.warehouse.day_build import Built
from unmogrowp.warehouse.quality import QualityResult

AnyBuilt = TypeVar("AnyBuilt", bound=Built | None)
Definition = TypeVar("Definition")


@dataclass(slots=True)
class Recorder:
    """Gathers what the checks of one day said, so that it is shown where they stop the build."""

    quality: QualityRunner
    day: date
    reports: list[TableReport] = field(default_factory=list)

    def audit(self, table: str) -> Callable[[str], None]:
        """Return the callable that publishing asks about the staging table of `table`."""
        return self.quality.audit(table, self.day, self.reports)

    def record(self, results: tuple[QualityResult, ...]) -> None:
        """Log the cheap SQL checks that the build itself made, and show them with the others."""
        self.quality.record(results)
        for table in dict.fromkeys(result.table for result in results):
            own = tuple(result for result in results if result.table == table)
            self.reports.append(TableReport(table, self.day.isoformat(), own))

    def drain(self) -> Iterator[dg.AssetCheckEvaluation]:
        """Yield two evaluations per table that was checked, and forget them."""
        for table in dict.fromkeys(report.table for report in self.reports):
            results = [
                result
                for report in self.reports
                if report.table == table
                for result in report.results
            ]
            yield from evaluations(TableReport(table, self.day.isoformat(), tuple(results)))
        self.reports.clear()


def reported(
    recorder: Recorder, build: Callable[[], AnyBuilt]
) -> Generator[dg.AssetCheckEvaluation, None, AnyBuilt]:
    """Run a build and yield what its checks said, also where they refused it.

    A build that had nothing to do gives None, and nothing is said.
    """
    try:
        built = build()
    except AuditFailed as error:
        recorder.record(
            tuple(result for result in error.results if isinstance(result, QualityResult))
        )
        yield from recorder.drain()
        raise
    if built is not None:
        recorder.record(built.checks)
    yield from recorder.drain()
    return built


def reported_under_each(
    definitions: Iterable[Definition],
    quality: QualityRunner,
    day: date,
    build: Callable[[Definition, Recorder], AnyBuilt],
) -> Generator[dg.AssetCheckEvaluation, None, list[AnyBuilt]]:
    """Build a day under one ruleset or journey after the other; yield what their checks said."""
    builds = []
    for definition in definitions:
        recorder = Recorder(quality, day)
        builds.append((yield from reported(recorder, partial(build, definition, recorder))))
    return builds


Publish = Callable[[date], Generator[dg.AssetCheckEvaluation, None, Sequence[Built]]]


def published_days(
    context: dg.AssetExecutionContext,
    pipeline_lock: PipelineLock,
    purpose: str,
    tables: Sequence[str],
    publish: Publish,
) -> Iterator[dg.AssetCheckEvaluation | dg.MaterializeResult[None]]:
    """Publish each selected day under the lock, then materialize the tables.

    A day for which `publish` had nothing to do has no metadata.
    """
    with permanent_failures(context):
        for key in context.partition_keys:
            with pipeline_lock.held(purpose):
                builds = yield from publish(day_of(key))
            if not builds:
                continue
            for table in tables:
                context.add_asset_metadata(
                    partition_metadata(
                        sum(built.row_counts.get(table, 0) for built in builds),
                        min(built.watermark for built in builds),
                    ),
                    asset_key=asset_key(table),
                    partition_key=key,
                )
    for table in tables:
        yield dg.MaterializeResult(asset_key=asset_key(table))


def partition_metadata(row_count: int, watermark: int) -> dict[str, Any]:
    """Return what is plotted for each built partition."""
    return {
        "dagster/partition_row_count": row_count,
        "watermark": watermark,
    }


def materializations(built: Built) -> Iterator[dg.AssetMaterialization]:
    """Yield one event per table of a built day, for jobs whose ops are not the assets."""
    for table, row_count in built.row_counts.items():
        yield dg.AssetMaterialization(
            asset_key=asset_key(table),
            partition=built.day.isoformat(),
            metadata=partition_metadata(row_count, built.watermark),
        )
