"""Reconciliation: two counts that should be equal, for every layer, app and hour.

Where they are not, the rows that explain it are found and kept by id. An audit that compared
nothing has not shown anything, so it is a failure and not a zero.
"""

from collections.abc import Sequence
from datetime import date

from unmogrowp.audits import identities
from unmogrowp.audits.collector_identity import collector
from unmogrowp.audits.completeness import completeness
from unmogrowp.audits.counting import Span
from unmogrowp.audits.model import (
    HOUR_MS,
    MINUTE_MS,
    Comparison,
    Difference,
    Mode,
    ReconciliationReport,
)
from unmogrowp.audits.rows import write_reconciliation
from unmogrowp.rulesets.assignment import DecidedSpan, decided_spans
from unmogrowp.warehouse.client import Warehouse

SCHEDULED_DELAY_MS = 2 * HOUR_MS
# Collectors report every few seconds; one that has said nothing for this long is taken for dead.
SILENCE_AFTER_MS = 2 * MINUTE_MS


def reconcile(
    warehouse: Warehouse,
    received_from_ms: int,
    received_before_ms: int,
    audit_id: str,
    now_ms: int,
    *,
    mode: Mode = Mode.SCHEDULED,
    decided: Sequence[DecidedSpan] = decided_spans(()),
    silence_after_ms: int = SILENCE_AFTER_MS,
) -> ReconciliationReport:
    """Count both sides of every identity and write what was found.

    Args:
        warehouse: Where everything is.
        received_from_ms: First instant of receipt to compare.
        received_before_ms: Instants of receipt before this are compared. In scheduled mode it is
            moved back to the last full hour that ended two hours ago; in sync mode nothing is
            left out.
        audit_id: Names this audit in all its rows; the same id again writes nothing twice.
        now_ms: When the audit runs.
        mode: What is left out.
        decided: Which rulesets decide which days; their decisions must be complete.
        silence_after_ms: A collector silent for longer keeps no table from being complete.
    """
    if mode == Mode.SCHEDULED:
        latest = (now_ms - SCHEDULED_DELAY_MS) // HOUR_MS * HOUR_MS
        received_before_ms = min(received_before_ms, latest)
    span = Span(received_from_ms, received_before_ms)
    days_due = _days_due(warehouse) if mode == Mode.SCHEDULED else frozenset()
    found = (
        identities.stream(warehouse, span, now_ms),
        collector(warehouse, span),
        identities.items(warehouse, span),
        identities.dead_letters(warehouse, span),
        identities.installs(warehouse, span, decided, days_due),
        identities.revenue(warehouse, span, decided, days_due),
    )
    comparisons: list[Comparison] = [one for one_identity, _ in found for one in one_identity]
    differences: list[Difference] = [one for _, ids in found for one in ids]
    report = ReconciliationReport(
        audit_id=audit_id,
        mode=mode,
        audited_at_ms=now_ms,
        received_from_ms=received_from_ms,
        received_before_ms=received_before_ms,
        comparisons=tuple(comparisons),
        differences=tuple(differences),
        completeness=completeness(warehouse, comparisons, received_before_ms, silence_after_ms),
    )
    write_reconciliation(warehouse, report)
    return report


def _days_due(warehouse: Warehouse) -> frozenset[date]:
    """Return the days whose marts wait for a build: their two sides may be of different age."""
    return frozenset(
        day
        for _, day, _ in warehouse.named_rows(
            "mart/due_days", {"marts": ["installs", "attribution", "events"]}
        )
    )
