"""Records of the statistics topic become rows of `audit.collector_reports`.

They are counters since boot: a report that is lost or lands twice changes no figure. A record
that is no report is kept in `clean.failed` and does not stop the others.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from unmogrowp.clock import utc
from unmogrowp.landing.ranges import LandingRange
from unmogrowp.stream.port import StreamRecord

UNREADABLE_REPORT = "record.malformed_report"

_INSTANT = pa.timestamp("ms", tz="UTC")
REPORT_SCHEMA = pa.schema(
    [
        ("collector_id", pa.string()),
        ("boot_id", pa.string()),
        ("sequence", pa.uint64()),
        ("reported_at", _INSTANT),
        ("started_at", _INSTANT),
        ("is_final", pa.bool_()),
        ("app_id", pa.string()),
        ("hour", pa.timestamp("s", tz="UTC")),
        ("topic", pa.string()),
        ("acknowledged_requests", pa.uint64()),
        ("acknowledged_items", pa.uint64()),
        ("unknown_requests", pa.uint64()),
        ("unknown_items", pa.uint64()),
        ("refused", pa.map_(pa.string(), pa.uint64())),
        ("topic_id", pa.string()),
        ("partition", pa.uint32()),
        ("offset", pa.uint64()),
        ("landing_seq", pa.uint64()),
    ]
)
FAILED_SCHEMA = pa.schema(
    [
        ("app_id", pa.string()),
        ("code", pa.string()),
        ("path", pa.string()),
        ("detail", pa.string()),
        ("level", pa.string()),
        ("bytes", pa.binary()),
        ("received_at", _INSTANT),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("partition", pa.uint32()),
        ("offset", pa.uint64()),
        ("frame_index", pa.uint16()),
        ("item_index", pa.uint32()),
        ("landing_seq", pa.uint64()),
    ]
)
_COUNTERS = ("acknowledged_requests", "acknowledged_items", "unknown_requests", "unknown_items")


def report_tables(
    records: Sequence[StreamRecord], landing_range: LandingRange
) -> tuple[pa.Table, pa.Table]:
    """Return the rows of audit.collector_reports and those of clean.failed, in offset order."""
    reports: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for record in records:
        try:
            reports.extend(_rows(record, landing_range.landing_seq))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            failed.append(_failed_row(record, landing_range.landing_seq, error))
    return (
        pa.Table.from_pylist(reports, schema=REPORT_SCHEMA),
        pa.Table.from_pylist(failed, schema=FAILED_SCHEMA),
    )


def _rows(record: StreamRecord, landing_seq: int) -> list[dict[str, Any]]:
    report = json.loads(record.value)
    common = {
        "collector_id": str(report["collector_id"]),
        "boot_id": str(report["boot_id"]),
        "sequence": _count(report["sequence"]),
        "reported_at": utc(_count(report["reported_at"])),
        "started_at": utc(_count(report["started_at"])),
        "is_final": bool(report.get("final", False)),
        "topic_id": record.topic_id,
        "partition": record.partition,
        "offset": record.offset,
        "landing_seq": landing_seq,
    }
    rows = [
        {
            **common,
            "app_id": str(entry.get("app_id") or ""),
            "hour": utc(_count(entry["hour"])).replace(minute=0, second=0, microsecond=0),
            "topic": str(entry.get("topic") or ""),
            **{name: _count(entry.get(name, 0)) for name in _COUNTERS},
            "refused": sorted(
                (str(code), _count(count)) for code, count in (entry.get("refused") or {}).items()
            ),
        }
        for entry in report.get("counts", [])
    ]
    if rows:
        return rows
    marker = dict.fromkeys(_COUNTERS, 0)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [{**common, "app_id": "", "hour": epoch, "topic": "", **marker, "refused": []}]


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"{value!r} is no count")
    return value


def _failed_row(record: StreamRecord, landing_seq: int, error: Exception) -> dict[str, Any]:
    return {
        "app_id": "",
        "code": UNREADABLE_REPORT,
        "path": "",
        "detail": f"{type(error).__name__}: {error}"[:500],
        "level": "request",
        "bytes": record.value,
        "received_at": utc(max(record.timestamp_ms, 0)),
        "topic": record.topic,
        "topic_id": record.topic_id,
        "partition": record.partition,
        "offset": record.offset,
        "frame_index": 0,
        "item_index": 0,
        "landing_seq": landing_seq,
    }
