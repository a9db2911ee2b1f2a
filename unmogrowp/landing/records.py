"""Stream records as rows of `raw.requests`.

A record that is no request of ours (headers missing or unreadable, an unknown version) must not
stop landing: it becomes a row with a code, zero items and its bytes, and ends in `clean.failed`.
The Arrow schema is explicit, because an insert would silently turn a wrong type into another
value: milliseconds given as integers would be read as seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

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
_BATCH_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DayCount:
    """What one UTC day of `received_at` holds of a range."""

    day: date
    record_count: int
    item_count: int
    body_bytes: int


def raw_table(records: Sequence[StreamRecord]) -> pa.Table:
    """Build the rows of `raw.requests`, in offset order; `number_rows` gives them their number.

    Bodies stay in batches of a few megabytes: one array of a whole range would be fresh memory
    each time, and touching it costs more than filling it.
    """
    batches = [_batch(some) for some in _portions(records)]
    return pa.Table.from_batches(batches, schema=RAW_SCHEMA)


def number_rows(rows: pa.Table, landing_seq: int) -> pa.Table:
    """Return the rows with the number of their range."""
    index = rows.schema.get_field_index("landing_seq")
    numbers = pa.repeat(pa.scalar(landing_seq, pa.uint64()), rows.num_rows)
    return rows.set_column(index, RAW_SCHEMA.field("landing_seq"), numbers)


def day_counts(table: pa.Table) -> list[DayCount]:
    """Count records, items and body bytes per UTC day of receipt, in the order of days."""
    days = pa.table(
        {
            "day": pc.cast(table.column("received_at"), pa.date32()),
            "items": pc.cast(table.column("item_count"), pa.int64()),
            "bytes": pc.cast(pc.binary_length(table.column("body")), pa.int64()),
        }
    )
    counts = days.group_by("day").aggregate([("day", "count"), ("items", "sum"), ("bytes", "sum")])
    by_day = {row["day"]: row for row in counts.to_pylist()}
    return [
        DayCount(day, row["day_count"], row["items_sum"], row["bytes_sum"])
        for day, row in sorted(by_day.items())
    ]


def _portions(records: Sequence[StreamRecord]) -> Iterator[Sequence[StreamRecord]]:
    start = size = 0
    for index, record in enumerate(records):
        size += len(record.value)
        if size >= _BATCH_BYTES:
            yield records[start : index + 1]
            start, size = index + 1, 0
    if start < len(records):
        yield records[start:]


def _batch(records: Sequence[StreamRecord]) -> pa.RecordBatch:
    columns = zip(*(_row(record) for record in records), strict=True)
    arrays = [
        _array(values, column.type) for values, column in zip(columns, RAW_SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=RAW_SCHEMA)


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, type=kind)


def _row(record: StreamRecord) -> tuple[object, ...]:
    """Return the values of one row in the order of `RAW_SCHEMA`; instants as epoch ms."""
    headers = dict(record.headers)

    def text(name: str) -> str:
        value = headers.get(name)
        return value.decode("utf-8", "replace") if value else ""

    version = _number(headers.get(Header.VERSION), 0, 2**16 - 1)
    received_ms = _number(headers.get(Header.RECEIVED_AT), _EARLIEST_MS, _LATEST_MS)
    item_count = _number(headers.get(Header.ITEM_COUNT), 0, _UINT32_MAX)
    refusals = headers.get(Header.REJECTED)
    rejected = _rejected(refusals) if refusals else []
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
    return (
        record.topic,
        record.topic_id,
        record.partition,
        record.offset,
        0,
        received_ms,
        version or 0,
        text(Header.DIALECT),
        text(Header.PATH),
        text(Header.APP_ID),
        text(Header.KEY_ID),
        text(Header.REQUEST_ID),
        item_count,
        rejected or [],
        text(Header.ENCODING),
        _number(headers.get(Header.WIRE_BYTES), 0, _UINT32_MAX) or 0,
        text(Header.IP_PREFIX),
        text(Header.IP_HASH),
        text(Header.USER_AGENT),
        headers.get(Header.REDACTED) == b"1",
        code,
        detail,
        record.value,
        headers.get(Header.ORIGINAL, b""),
        0,  # landing_seq: `number_rows` fills it in
    )


def _number(value: bytes | None, least: int, greatest: int) -> int | None:
    """Return a decimal header as a number in bounds, or None."""
    if value is None or not value.isdigit() or len(value) > 20:
        return None
    number = int(value)
    return number if least <= number <= greatest else None


def _rejected(value: bytes) -> list[dict[str, object]] | None:
    """Return the pairs `index:code`; None when the header is malformed."""
    pairs: list[dict[str, object]] = []
    for pair in value.decode("utf-8", "replace").split(","):
        if not pair:
            continue
        index, _, code = pair.partition(":")
        if not index.isdecimal() or not code:
            return None
        pairs.append({"item_index": int(index), "code": code})
    return pairs
