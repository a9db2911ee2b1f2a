"""Events inherit from the conversions of their component, whichever device key they carry."""

from datetime import date

import pytest

from tests.engine import empty_tables, engine
from tests.integration.identity.test_restatements import NOW, n
from tests.market.build import StillClock
from tests.market.model import DAY, HOUR, Event, Touch, at, insert_touches
from tests.market.stitching import land, stitch, watermark
from unmogrowp.attribution import touched_days
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.events import build_events_day
from unmogrowp.rulesets import OURS
from unmogrowp.warehouse.client import Warehouse

T = at("2026-03-10T12:00:00")
INSTALLED_ON = date(2026, 3, 10)
BOUGHT_ON = date(2026, 3, 12)


@pytest.fixture
def warehouse() -> Warehouse:
    opened = engine()
    empty_tables(opened)
    insert_touches(opened, [Touch(touch_id="c", touch_at=T - HOUR, idfa="i")])
    return opened


def bought(message_id: str, device_key: str, **fields: str) -> Event:
    return Event(message_id=message_id, occurred_at=T + 2 * DAY, received_at=NOW, revenue="9",
                 event_name="Order Completed", device_key=device_key, currency="EUR",
                 **fields)  # fmt: skip


def build(warehouse: Warehouse) -> None:
    mark = watermark(warehouse)
    build_installs_day(warehouse, INSTALLED_ON, mark, StillClock())
    build_attribution_day(warehouse, OURS, INSTALLED_ON, mark, StillClock())
    build_events_day(warehouse, OURS, BOUGHT_ON, mark, StillClock())
    for mart in ("installs", "attribution", "events"):
        for day in (INSTALLED_ON, BOUGHT_ON):
            touched_days.mark_built(warehouse, (mart,), day, mark, NOW)


def sources(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    return warehouse.rows(
        "SELECT message_id, device_key, media_source FROM mart.attributed_events ORDER BY ALL"
    )


def test_an_event_of_another_device_key_follows_the_install_of_the_component(
    warehouse: Warehouse,
) -> None:
    land(
        warehouse,
        1,
        [
            n("v1", 0, idfa="i"),
            n("v2", DAY, event_name="Application Opened", idfa="i"),
            bought("e", "v2", platform="ios"),
        ],
    )
    stitch(warehouse)
    build(warehouse)
    assert sources(warehouse) == [("e", "v1", "network")]


def test_a_merge_without_an_install_of_its_own_touches_the_days_of_its_events(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, [n("v1", 0, idfa="i"), bought("w", "a", anonymous_id="a", platform="web")])
    stitch(warehouse)
    build(warehouse)
    assert sources(warehouse) == [("w", "a", "unattributed")]
    land(warehouse, 2, [n("v1", 3 * DAY, event_name="page", anonymous_id="a")])
    stitch(warehouse)
    assert touched_days.due(warehouse, ("installs", "attribution", "events")) == [
        touched_days.DueDay("events", BOUGHT_ON, 3)
    ]
    assert watermark(warehouse) == 3
    build(warehouse)
    assert sources(warehouse) == [("w", "v1", "network")]
