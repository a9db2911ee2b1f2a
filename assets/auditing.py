"""One audit of a span of receipt: run, rendered, and shown in the metadata of its asset."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from assets.locking import PipelineLock
from assets.rulesets import RulesetBook
from unmogrowp.audits.model import Amount, CompleteThrough, Mode, ReconciliationReport
from unmogrowp.audits.reconcile import reconcile
from unmogrowp.audits.report import RenderedReport, latest_quality, render
from unmogrowp.clock import Clock
from unmogrowp.errors import AuditFailed
from unmogrowp.rulesets.assignment import decided_spans
from unmogrowp.warehouse.client import Warehouse


@dataclass(frozen=True, slots=True)
class ReportFolder:
    """Where rendered reports are kept."""

    path: Path


@dataclass(frozen=True, slots=True)
class Audit:
    """A finished audit and the pages it was written to."""

    report: ReconciliationReport
    pages: RenderedReport


def audit_span(
    warehouse: Warehouse,
    clock: Clock,
    folder: ReportFolder,
    pipeline_lock: PipelineLock,
    rulesets: RulesetBook,
    *,
    audit_id: str,
    received_from_ms: int,
    received_before_ms: int,
    mode: Mode,
) -> Audit:
    """Reconcile everything received in a span and render what was found.

    Both sides of an identity are counted under the lock of the writers: a day whose installs are
    published and whose decisions are about to be would show a difference that is none.
    """
    with pipeline_lock.held(f"audit {audit_id}"):
        report = reconcile(
            warehouse,
            received_from_ms,
            received_before_ms,
            audit_id,
            clock.now_ms(),
            mode=mode,
            decided=decided_spans(rulesets.read()),
        )
    return Audit(report, render(report, folder.path, latest_quality(warehouse)))


def audit_metadata(audit: Audit) -> dict[str, Any]:
    """Return the verdict, the counts per identity and how far each table is complete."""
    report = audit.report
    return {
        "verdict": report.verdict,
        "audit_id": report.audit_id,
        "mode": report.mode.value,
        "comparisons": len(report.comparisons),
        "open_differences": len(report.open_comparisons),
        "identities": dg.MetadataValue.md(_identities(report)),
        "complete_through": dg.MetadataValue.md(_completeness(report.completeness)),
        "report": dg.MetadataValue.md(audit.pages.markdown_text),
        "report_html": dg.MetadataValue.path(audit.pages.html),
    }


def raise_if_open(audit: Audit) -> None:
    """Fail where two layers differ, or where a `sync` compared nothing: that is no proof.

    Raises:
        AuditFailed: The verdict is not clean.
    """
    report = audit.report
    is_vacuous = report.is_empty and report.mode == Mode.SYNC
    if report.open_comparisons or is_vacuous:
        raise AuditFailed(report.verdict)


def _identities(report: ReconciliationReport) -> str:
    counts: dict[str, list[Amount]] = defaultdict(lambda: [0, 0, 0, 0])
    for one in report.comparisons:
        row = counts[f"{one.identity.value} ({one.scope})" if one.scope else one.identity.value]
        amounts: tuple[Amount, ...] = (1, one.left, one.right, one.distance)
        for index, value in enumerate(amounts):
            row[index] += value
    lines = ["| identity | comparisons | left | right | differences |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {name} | " + " | ".join(f"{value:,}" for value in row) + " |"
        for name, row in sorted(counts.items())
    ]
    return "\n".join(lines)


def _completeness(entries: Sequence[CompleteThrough]) -> str:
    lines = ["| table | complete through | limited by |", "|---|---|---|"]
    lines += [
        f"| {one.table} | {one.through:%Y-%m-%d %H:%M:%S} | {one.reason} |" for one in entries
    ]
    return "\n".join(lines)
