"""Runs the suite of a table over a partition, or over a staging table before it is published.

Whatever is found becomes rows of `audit.quality_results` first and Dagster's check results
second, so that the log of checks is whole even where a run ends between the two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from assets.checks.expectation import Expect, Suite, has_rows_like_before
from assets.checks.gx import ExpectationEngine, Verdict
from assets.checks.registry import SUITES
from unmogrowp.clock import Clock, utc
from unmogrowp.errors import AuditFailed
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.quality import QualityResult, write_quality_results

DRIFT_DAYS = 14
# Fewer days say nothing about what is usual, and small numbers jump.
MIN_DRIFT_DAYS = 3
SMALL_ROW_COUNT = 100


@dataclass(frozen=True, slots=True)
class TableReport:
    """What the suite of one table said about one partition ('' for an unpartitioned table)."""

    table: str
    partition_key: str
    results: tuple[QualityResult, ...]

    @property
    def breaches(self) -> list[QualityResult]:
        """Return the false sentences that forbid publishing."""
        return [result for result in self.results if result.is_breach]

    @property
    def contract(self) -> list[QualityResult]:
        """Return what the contract check rests on."""
        return [result for result in self.results if result.severity == "error"]

    @property
    def drift(self) -> list[QualityResult]:
        """Return what the drift check rests on."""
        return [result for result in self.results if result.severity == "warning"]


@dataclass(frozen=True, slots=True)
class QualityRunner:
    """Everything a check needs; assets get it ready-made."""

    warehouse: Warehouse
    engine: ExpectationEngine
    clock: Clock
    run_id: str = ""

    def warm_up(self) -> None:
        """Pay the seconds of the first check now, before a lock is taken."""
        self.engine.warm_up()

    def check(self, table: str, day: date | None, staging: str = "") -> TableReport:
        """Validate a partition as published, or the `staging` table that shall replace it.

        Raises:
            WarehouseUnavailable: The warehouse could not be asked.
            QueryFailed: A sentence cannot be evaluated as it is written.
        """
        suite = SUITES[table]
        if not suite.day_column:
            day = None
        expectations = [*suite.expectations, *self._volume(suite, day)]
        verdicts = self.engine.validate(suite.batch_query(staging or table, day), expectations)
        key = day.isoformat() if day else ""
        report = TableReport(
            table, key, tuple(_as_result(table, key, verdict) for verdict in verdicts)
        )
        self.record(report.results)
        return report

    def day_of_staged(self, staging: str) -> date | None:
        """Return the day of receipt whose rows a staging table holds; None when it is empty."""
        count, day = self.warehouse.rows(
            f"SELECT count(), toDate(min(received_at)) FROM {staging}"  # noqa: S608 - our own name
        )[0]
        return day if count else None

    def record(self, results: tuple[QualityResult, ...]) -> None:
        """Append results to the log of checks."""
        write_quality_results(
            self.warehouse, results, checked_at_ms=self.clock.now_ms(), run_id=self.run_id
        )

    def audit(self, table: str, day: date, reports: list[TableReport]) -> Callable[[str], None]:
        """Return the callable that publishing asks about a staging table.

        It adds its report to `reports`, passed or not, and raises AuditFailed on a breach.
        """

        def ask(staging: str) -> None:
            report = self.check(table, day, staging)
            reports.append(report)
            if report.breaches:
                raise AuditFailed(
                    f"{table} {report.partition_key} is not published: "
                    + "; ".join(describe(result) for result in report.breaches)
                )

        return ask

    def _volume(self, suite: Suite, day: date | None) -> list[Expect]:
        """Return the sentence about the number of rows, where there is a past to compare with."""
        if day is None:
            return []
        database, _, table = suite.table.partition(".")
        rows = self.warehouse.named_rows(
            "audit/recent_row_counts",
            {
                "database": database,
                "table": table,
                "from": day - timedelta(days=DRIFT_DAYS),
                "before": day,
            },
        )
        if len(rows) < MIN_DRIFT_DAYS:
            return []
        usual = median(int(count) for _, count in rows)
        is_over = day < utc(self.clock.now_ms()).date()
        low = int(usual / suite.row_count_factor) if is_over else 0
        high = int(usual * suite.row_count_factor) + SMALL_ROW_COUNT
        return [has_rows_like_before(low, high)]


def describe(result: QualityResult) -> str:
    """Return a false sentence with its number, for people."""
    return f"'{result.sentence}' is false ({result.observed})"


def _as_result(table: str, partition_key: str, verdict: Verdict) -> QualityResult:
    expect = verdict.expect
    return QualityResult(
        table=table,
        partition_key=partition_key,
        suite="expectations",
        sentence=expect.sentence,
        is_passed=verdict.is_true,
        severity=expect.severity,
        column=expect.column,
        unexpected_count=verdict.unexpected_count,
        observed=verdict.observed,
        expected="no rows" if expect.counts_rows else f"{expect.low:g} to {expect.high:g}",
    )
