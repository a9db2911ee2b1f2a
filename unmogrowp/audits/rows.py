"""Writes audits as rows; an audit that is written already is not written again."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pyarrow as pa

from unmogrowp.audits.model import CompleteThrough, ReconciliationReport
from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse

_INSTANT = pa.timestamp("ms", tz="UTC")
_COUNT = pa.decimal128(38, 9)

_RECONCILIATION = pa.schema(
    [
        ("audit_id", pa.string()),
        ("audited_at", _INSTANT),
        ("app_id", pa.string()),
        ("hour", pa.timestamp("s", tz="UTC")),
        ("identity", pa.string()),
        ("scope", pa.string()),
        ("left_name", pa.string()),
        ("left_count", _COUNT),
        ("right_name", pa.string()),
        ("right_count", _COUNT),
        ("difference", _COUNT),
        ("note", pa.string()),
        ("complete_through", _INSTANT),
    ]
)
_DIFFERENCES = pa.schema(
    [
        ("audit_id", pa.string()),
        ("audited_at", _INSTANT),
        ("identity", pa.string()),
        ("app_id", pa.string()),
        ("hour", pa.timestamp("s", tz="UTC")),
        ("side", pa.string()),
        ("id", pa.string()),
        ("detail", pa.string()),
    ]
)


def write_reconciliation(warehouse: Warehouse, report: ReconciliationReport) -> None:
    """Append the comparisons and differences of an audit."""
    audited_at = utc(report.audited_at_ms)
    through = {one.table: one for one in report.completeness}
    rows = [
        {
            "audit_id": report.audit_id,
            "audited_at": audited_at,
            "app_id": one.app_id,
            "hour": one.hour,
            "identity": one.identity.value,
            "scope": one.scope,
            "left_name": one.left_name,
            "left_count": Decimal(one.left),
            "right_name": one.right_name,
            "right_count": Decimal(one.right),
            "difference": Decimal(one.difference),
            "note": one.note,
            "complete_through": _through(through, one.identity.value, report.received_before_ms),
        }
        for one in report.comparisons
    ]
    _write_once(warehouse, "audit.reconciliation", report.audit_id, rows, _RECONCILIATION)
    ids = [
        {
            "audit_id": report.audit_id,
            "audited_at": audited_at,
            "identity": one.identity.value,
            "app_id": one.app_id,
            "hour": one.hour,
            "side": one.side,
            "id": one.id,
            "detail": one.detail,
        }
        for one in report.differences
    ]
    _write_once(warehouse, "audit.reconciliation_differences", report.audit_id, ids, _DIFFERENCES)


def _write_once(
    warehouse: Warehouse,
    table: str,
    audit_id: str,
    rows: Sequence[Mapping[str, object]],
    schema: pa.Schema,
) -> None:
    """Insert the rows as one block, unless this audit has rows there: a run may be retried."""
    if not rows:
        return
    is_written = warehouse.scalar(
        f"SELECT count() FROM {table} WHERE audit_id = {{audit_id:String}}",  # noqa: S608
        {"audit_id": audit_id},
    )
    if not is_written:
        warehouse.insert_arrow(
            table, pa.Table.from_pylist(list(rows), schema=schema), token=f"{table}/{audit_id}"
        )


# The table that ends the chain each identity is about.
_TABLE_OF = {
    "stream": "raw.requests",
    "collector": "raw.requests",
    "items": "clean.events",
    "dead_letters": "clean.failed",
    "installs": "mart.attributed_installs",
    "revenue": "mart.attributed_events",
}


def _through(through: dict[str, CompleteThrough], identity: str, fallback_ms: int) -> object:
    found = through.get(_TABLE_OF[identity])
    return utc(fallback_ms) if found is None else found.through
