"""A small market in plain values: what happened on devices and what networks reported."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

INSTALLED = "Application Installed"
TOPIC_ID = "11111111-1111-1111-1111-111111111111"


def at(text: str) -> int:
    """Return epoch milliseconds of an ISO instant in UTC."""
    instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(instant.timestamp()) * 1000 + instant.microsecond // 1000


@dataclass(frozen=True, kw_only=True)
class Event:
    """A row of clean.events, as far as installs are concerned."""

    app_id: str = "app"
    message_id: str
    event_name: str = INSTALLED
    device_key: str = "device"
    occurred_at: int
    received_at: int = 0
    clock_skew_ms: int = 0
    platform: str = "android"
    os_version: str = ""
    app_version: str = "1.0"
    device_model: str = "Pixel 8"
    country: str = "DE"
    device_id: str = ""
    idfa: str = ""
    idfv: str = ""
    gaid: str = ""
    android_id: str = ""
    anonymous_id: str = ""
    user_id: str = ""
    ip_prefix: str = ""
    ip_hash: str = ""
    user_agent: str = ""
    revenue: str | None = None
    currency: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    offset: int = 0

    @property
    def received(self) -> int:
        """Return the instant of receipt; a second after the event where none was given."""
        return self.received_at or self.occurred_at + SECOND


@dataclass(frozen=True, kw_only=True)
class Touch:
    """A row of clean.touches."""

    app_id: str = "app"
    touch_id: str
    touch_type: str = "click"
    media_source: str = "network"
    campaign: str = ""
    campaign_id: str = ""
    adset: str = ""
    ad: str = ""
    site_id: str = ""
    click_id: str = ""
    touch_at: int
    received_at: int = 0
    idfa: str = ""
    idfv: str = ""
    gaid: str = ""
    android_id: str = ""
    user_id: str = ""
    ip_hash: str = ""
    user_agent: str = ""
    is_retargeting: bool = False
    cost_model: str = ""
    cost_value: str | None = None
    cost_currency: str = ""
    offset: int = 0

    @property
    def received(self) -> int:
        """Return the instant of receipt; a second after the touch where none was given."""
        return self.received_at or self.touch_at + SECOND


def insert_events(
    warehouse: Warehouse,
    events: Sequence[Event],
    table: str = "clean.events",
    landing_seq: int = 0,
) -> None:
    """Append events in the given order."""
    rows = []
    for event in events:
        row = asdict(event)
        row["occurred_at"] = utc(event.occurred_at)
        row["received_at"] = utc(event.received)
        row["revenue"] = None if event.revenue is None else Decimal(event.revenue)
        row["properties"] = json.dumps(event.properties, ensure_ascii=False)
        row["context"] = json.dumps(event.context, ensure_ascii=False)
        row["landing_seq"] = landing_seq
        row["event_type"] = "track" if event.event_name else "identify"
        row["topic_id"] = TOPIC_ID
        rows.append(row)
    _insert(warehouse, table, rows)


def insert_touches(
    warehouse: Warehouse, touches: Sequence[Touch], table: str = "clean.touches"
) -> None:
    """Append touches in the given order."""
    rows = []
    for touch in touches:
        row = asdict(touch)
        row["touch_at"] = utc(touch.touch_at)
        row["received_at"] = utc(touch.received)
        row["cost_value"] = None if touch.cost_value is None else Decimal(touch.cost_value)
        row["topic_id"] = TOPIC_ID
        rows.append(row)
    _insert(warehouse, table, rows)


_MONEY = ("revenue", "cost_value")


def _insert(warehouse: Warehouse, table: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    kinds = {
        name: pa.decimal128(38, 9)
        if name in _MONEY
        else pa.timestamp("ms", tz="UTC")
        if isinstance(value, datetime)
        else pa.bool_()
        if isinstance(value, bool)
        else pa.int64()
        if isinstance(value, int)
        else pa.string()
        for name, value in rows[0].items()
    }
    schema = pa.schema(list(kinds.items()))
    _insert.calls = getattr(_insert, "calls", 0) + 1  # type: ignore[attr-defined]
    warehouse.insert_arrow(
        table,
        pa.Table.from_pylist(rows, schema=schema),
        token=f"test-{_insert.calls}",  # type: ignore[attr-defined]
        settings={"max_partitions_per_insert_block": 1000},
    )
