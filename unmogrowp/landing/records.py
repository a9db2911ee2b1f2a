"""Stream records as rows of `raw.requests`.

A record that is no request of ours (headers missing or unreadable, an unknown version) must not
stop landing: it becomes a row with a code, zero items and its bytes, and ends in `clean.failed`.
The Arrow schema is explicit, because an insert would silently turn a wrong type into another
value: milliseconds given as integers would be read as seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from unmogrowp.clock import utc
from unmogrowp.contracts.topics import RECORD_VERSION, Header, Topic
from unmogrowp.stream.port import StreamRecord

_TEXT = pa.string()
_REJECTED = pa.list_(pa.struct([("item_index", pa.uint32()), ("code", _TEXT)]))
RAW_SCHEMA = pa.schema(
    [
        ("topic", _TEXT),
        ("topic_id", _TEXT),
        ("partition", pa.uint32()),
        ("offset", pa.uint64()),
        ("frame_index", pa.uint16()),
        ("received_at", pa.timestamp("ms", tz="UTC")),
        ("version", pa.uint16()),
        ("dialect", _TEXT),
        ("path", _TEXT),
        ("app_id", _TEXT),
        ("key_id", _TEXT),
        ("request_id", _TEXT),
        ("item_count", pa.uint32()),
        ("rejected", _REJECTED),
        ("encoding", _TEXT),
        ("wire_bytes", pa.uint32()),
        ("ip_prefix", _TEXT),
        ("ip_hash", _TEXT),
        ("user_agent", _TEXT),
        ("redacted", pa.bool_()),
        ("code", _TEXT),
        ("detail", _TEXT),
        ("body", pa.binary()),
        ("original", pa.binary()),
        ("landing_seq", pa.uint64()),
    ]
)
MALFORMED = "record.malformed"
# What DateTime64 and toDate agree on; anything else in a header is not an instant of receipt.
_EARLIEST_MS = 946_684_800_000  # 2000-01-01
_LATEST_MS = 4_102_444_800_000  # 2100-01-01
_UINT32_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class DayCount:
    """What one UTC day of `received_at` holds of a range."""

    day: date
    record_count: int
    item_count: int
    body_bytes: int


def raw_table(records: Sequence[StreamRecord], landing_seq: int = 0) -> pa.Table:
    """Build the rows of `raw.requests`, in offset order; they may be numbered later."""
    columns: dict[str, list[object]] = {name: [] for name in RAW_SCHEMA.names}
    for record in records:
        for name, value in _row(record, landing_seq).items():
            columns[name].append(value)
    arrays = [pa.array(columns[field.name], type=field.type) for field in RAW_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=RAW_SCHEMA)


def number_rows(rows: pa.Table, landing_seq: int) -> pa.Table:
    """Return the rows with the number of their range."""
    index = rows.schema.get_field_index("landing_seq")
    numbers = pa.repeat(pa.scalar(landing_seq, pa.uint64()), rows.num_rows)
    return rows.set_column(index, RAW_SCHEMA.field("landing_seq"), numbers)


def day_counts(table: pa.Table) -> list[DayCount]:
    """Count records, items and body bytes per UTC day of receipt, in the order of days."""
    counts: dict[date, list[int]] = {}
    received = table.column("received_at").to_pylist()
    items = table.column("item_count").to_pylist()
    sizes = pa.compute.binary_length(table.column("body")).to_pylist()
    for at, item_count, size in zip(received, items, sizes, strict=True):
        entry = counts.setdefault(at.date(), [0, 0, 0])
        entry[0] += 1
        entry[1] += item_count
        entry[2] += size
    return [DayCount(day, *counts[day]) for day in sorted(counts)]


def _row(record: StreamRecord, landing_seq: int) -> dict[str, object]:
    headers = dict(record.headers)

    def text(name: Header) -> str:
        return headers.get(name.value, b"").decode("utf-8", "replace")

    version = _number(headers.get(Header.VERSION.value), 0, 2**16 - 1)
    received_ms = _number(headers.get(Header.RECEIVED_AT.value), _EARLIEST_MS, _LATEST_MS)
    item_count = _number(headers.get(Header.ITEM_COUNT.value), 0, _UINT32_MAX)
    rejected = _rejected(headers.get(Header.REJECTED.value))
    code = text(Header.CODE)
    detail = text(Header.DETAIL)
    if record.topic == Topic.DEAD_LETTERS:
        code = code or MALFORMED
        item_count = item_count or 0
    elif None in (version, received_ms, item_count, rejected) or version != RECORD_VERSION:
        code, item_count = MALFORMED, 0
        detail = f"not a record of version {RECORD_VERSION}: headers {sorted(headers)}"
    if received_ms is None:
        received_ms = min(max(record.timestamp_ms, _EARLIEST_MS), _LATEST_MS)
    return {
        "topic": record.topic,
        "topic_id": record.topic_id,
        "partition": record.partition,
        "offset": record.offset,
        "frame_index": 0,
        "received_at": utc(received_ms),
        "version": version or 0,
        "dialect": text(Header.DIALECT),
        "path": text(Header.PATH),
        "app_id": text(Header.APP_ID),
        "key_id": text(Header.KEY_ID),
        "request_id": text(Header.REQUEST_ID),
        "item_count": item_count,
        "rejected": rejected or [],
        "encoding": text(Header.ENCODING),
        "wire_bytes": _number(headers.get(Header.WIRE_BYTES.value), 0, _UINT32_MAX) or 0,
        "ip_prefix": text(Header.IP_PREFIX),
        "ip_hash": text(Header.IP_HASH),
        "user_agent": text(Header.USER_AGENT),
        "redacted": headers.get(Header.REDACTED.value) == b"1",
        "code": code,
        "detail": detail,
        "body": record.value,
        "original": headers.get(Header.ORIGINAL.value, b""),
        "landing_seq": landing_seq,
    }


def _number(value: bytes | None, least: int, greatest: int) -> int | None:
    """Return a decimal header as a number in bounds, or None."""
    if value is None or not value.isdigit() or len(value) > 20:
        return None
    number = int(value)
    return number if least <= number <= greatest else None


def _rejected(value: bytes | None) -> list[dict[str, object]] | None:
    """Return the pairs `index:code`; None when the header is malformed."""
    pairs: list[dict[str, object]] = []
    for pair in (value or b"").decode("utf-8", "replace").split(","):
        if not pair:
            continue
        index, _, code = pair.partition(":")
        if not index.isdecimal() or not code:
            return None
        pairs.append({"item_index": int(index), "code": code})
    return pairs
