"""Shows what a suite said as Dagster's check results, with the sentences as a table."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from assets.checks.runner import TableReport, describe
from assets.tables import CONTRACT_CHECK, DRIFT_CHECK, asset_key
from unmogrowp.warehouse.quality import QualityResult

_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("sentence", "string"),
        dg.TableColumn("is_true", "bool"),
        dg.TableColumn("against", "int", "rows that break it"),
        dg.TableColumn("observed", "string"),
    ]
)


def evaluations(report: TableReport) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the two evaluations of a table, for ops that are not the check itself.

    The contract is not marked as blocking: whoever audits before publishing raises by itself, and
    a check of published rows must report all tables before it fails.
    """
    for result in check_results(report):
        yield dg.AssetCheckEvaluation(
            asset_key=asset_key(report.table),
            check_name=str(result.check_name),
            passed=result.passed,
            metadata=result.metadata,
            severity=result.severity,
            description=result.description,
            partition=report.partition_key or None,
        )


def check_results(report: TableReport) -> Iterator[dg.AssetCheckResult]:
    """Yield the two results of a table."""
    for name, results, severity in (
        (CONTRACT_CHECK, report.contract, dg.AssetCheckSeverity.ERROR),
        (DRIFT_CHECK, report.drift, dg.AssetCheckSeverity.WARN),
    ):
        broken = [result for result in results if not result.is_passed]
        yield dg.AssetCheckResult(
            asset_key=asset_key(report.table),
            check_name=name,
            passed=not broken,
            severity=severity,
            description="; ".join(describe(result) for result in broken) or None,
            metadata=_metadata(results),
        )


def _metadata(results: Sequence[QualityResult]) -> dict[str, Any]:
    true = sum(result.is_passed for result in results)
    return {
        "sentences": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "sentence": result.sentence,
                        "is_true": result.is_passed,
                        "against": result.unexpected_count,
                        "observed": result.observed,
                    }
                )
                for result in results
            ],
            _COLUMNS,
        ),
        "true_percent": 100.0 * true / len(results) if results else 100.0,
        "rows_against": sum(result.unexpected_count for result in results),
    }
