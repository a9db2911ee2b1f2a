"""What every build of a partition reports: checks passed or not, rows, and how far it had read."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg

from assets.checks.evaluations import evaluations
from assets.checks.runner import QualityRunner, TableReport
from assets.tables import asset_key
from unmogrowp.attribution.build import Built
from unmogrowp.errors import AuditFailed
from unmogrowp.warehouse.quality import QualityResult


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
    recorder: Recorder, build: Callable[[], Built]
) -> Generator[dg.AssetCheckEvaluation, None, Built]:
    """Run a build and yield what its checks said, also where they refused it."""
    try:
        built = build()
    except AuditFailed as error:
        recorder.record(
            tuple(result for result in error.results if isinstance(result, QualityResult))
        )
        yield from recorder.drain()
        raise
    recorder.record(built.checks)
    yield from recorder.drain()
    return built


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
