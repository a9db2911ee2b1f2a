"""Decided installs, touches and events as plain values, put straight into the tables."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from tests.market.model import Event, Touch, insert_events, insert_touches
from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse

START = 1_767_225_600_000  # 2026-01-01
DAY = 86_400_000


def day(number: int) -> date:
    return utc(START + number * DAY).date()


class StillClock:
    """A clock that stands far after everything."""

    def now_ms(self) -> int:
        return START + 400 * DAY


@dataclass(frozen=True, kw_only=True)
class Decided:
    """An install with the decision about it; `media_source` organic has no touch."""

    app_id: str = "app"
    install_id: str
    installed_at: int
    device_id: str = ""
    media_source: str = "net"
    site_id: str = "s"
    touch_type: str = "click"
    ctit_ms: int | None = 60_000
    ip_prefix: str = ""
    ruleset_id: str = "ours"
    conversion_kind: str = "install"
    install_begin_at: int | None = None
    country: str = ""

    @property
    def is_organic(self) -> bool:
        return self.media_source == "organic"

    @property
    def device_key(self) -> str:
        return self.device_id or f"message:{self.install_id}"


# Equal tokens would make the second insert a repetition of the first.
_TOKENS = itertools.count()
_INSTANT = pa.timestamp("ms", tz="UTC")


def insert_decided(warehouse: Warehouse, rows: Sequence[Decided]) -> None:
    """Append to mart.installs and mart.attributed_installs."""
    if not rows:
        return
    insert(
        warehouse,
        "mart.installs",
        [
            ("app_id", pa.string(), [one.app_id for one in rows]),
            ("install_id", pa.string(), [one.install_id for one in rows]),
            ("device_key", pa.string(), [one.device_key for one in rows]),
            ("device_id", pa.string(), [one.device_id for one in rows]),
            ("installed_at", _INSTANT, [one.installed_at for one in rows]),
            ("ip_prefix", pa.string(), [one.ip_prefix for one in rows]),
            ("install_begin_at", _INSTANT, [one.install_begin_at for one in rows]),
            ("country", pa.string(), [one.country for one in rows]),
        ],
    )
    insert(
        warehouse,
        "mart.attributed_installs",
        [
            ("ruleset_id", pa.string(), [one.ruleset_id for one in rows]),
            ("app_id", pa.string(), [one.app_id for one in rows]),
            ("conversion_id", pa.string(), [one.install_id for one in rows]),
            ("install_id", pa.string(), [one.install_id for one in rows]),
            ("device_key", pa.string(), [one.device_key for one in rows]),
            ("installed_at", _INSTANT, [one.installed_at for one in rows]),
            ("conversion_kind", pa.string(), [one.conversion_kind for one in rows]),
            ("is_organic", pa.bool_(), [one.is_organic for one in rows]),
            ("media_source", pa.string(), [one.media_source for one in rows]),
            ("site_id", pa.string(), ["" if one.is_organic else one.site_id for one in rows]),
            ("touch_type", pa.string(), ["" if one.is_organic else one.touch_type for one in rows]),
            ("ctit_ms", pa.int64(), [None if one.is_organic else one.ctit_ms for one in rows]),
        ],
    )


def insert(warehouse: Warehouse, table: str, columns: list[tuple[str, Any, list[Any]]]) -> None:
    """Append rows of some columns; the others get their defaults."""
    warehouse.insert_arrow(
        table,
        pa.table({name: pa.array(values, kind) for name, kind, values in columns}),
        token=f"rows-{next(_TOKENS)}",
    )


def insert_traffic(
    warehouse: Warehouse, touches: Sequence[Touch] = (), events: Sequence[Event] = ()
) -> None:
    """Append touches and events."""
    insert_touches(warehouse, touches)
    insert_events(warehouse, events)
