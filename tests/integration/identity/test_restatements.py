"""Merges that change published installs: exactly their days are due, and what changed is listed."""

from datetime import date
from typing import Any

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import StillClock
from tests.market.model import DAY, HOUR, MINUTE, Event, at
from tests.market.stitching import land, stitch, watermark
from unmogrowp.attribution import touched_days
from unmogrowp.attribution.build import build_installs_day
from unmogrowp.warehouse.client import Warehouse

T = at("2026-03-10T12:00:00")
NOW = T + 30 * DAY


@pytest.fixture
def warehouse() -> Warehouse:
    opened = engine()
    empty_tables(opened)
    return opened


def n(device: str, offset: int = 0, **fields: Any) -> Event:
    given = {"received_at": NOW + offset // DAY, "idfv": device, "device_id": device, **fields}
    return Event(
        message_id=f"{device}@{offset}",
        occurred_at=T + offset,
        device_key=device,
        platform="ios",
        **given,
    )


def publish(warehouse: Warehouse, *days: int) -> None:
    """Build days of March, as the marts job does, and take them off the queue."""
    mark = watermark(warehouse)
    for day in days:
        build_installs_day(warehouse, date(2026, 3, day), mark, StillClock())
        touched_days.mark_built(warehouse, touched_days.MARTS, date(2026, 3, day), mark, NOW)


def installs(warehouse: Warehouse) -> list[tuple[str, int, str, int]]:
    return warehouse.rows(
        "SELECT source_message_id, toUInt8(toDayOfMonth(installed_at)), device_key, ordinal"
        " FROM mart.installs ORDER BY installed_at"
    )


def due(warehouse: Warehouse) -> list[int]:
    return [one.day.day for one in touched_days.due(warehouse, ("installs", "attribution"))]


def restated(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "SELECT toUInt8(toDayOfMonth(day)), from_component, from_ordinal, to_component, to_ordinal,"
        " reason, joined_by FROM audit.restatements ORDER BY build_id, day"
    )


def test_a_reinstall_under_another_vendor_id_is_the_second_install_of_the_phone(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, [n("v2", 0, idfa="i"), n("v1", 5 * DAY, idfa="i")])
    stitch(warehouse)
    publish(warehouse, 10, 15)
    assert installs(warehouse) == [("v2@0", 10, "v2", 1), (f"v1@{5 * DAY}", 15, "v2", 2)]
    assert restated(warehouse) == []


def test_a_late_event_that_merges_two_phones_restates_exactly_the_days_that_change(
    warehouse: Warehouse,
) -> None:
    land(
        warehouse,
        1,
        [n("v1", 0, idfa="i"), n("v1", 3 * DAY), n("v2", 5 * DAY), n("v2", 7 * DAY), n("z", DAY)],
    )
    stitch(warehouse)
    publish(warehouse, 10, 11, 13, 15, 17)
    assert due(warehouse) == []
    # Days later it is learnt that v2 has the advertising id of v1.
    land(warehouse, 9, [n("v2", 8 * DAY, event_name="Application Opened", idfa="i")])
    (done,) = stitch(warehouse)
    assert done.counts.moved_count == 1
    assert due(warehouse) == [15, 17]
    assert restated(warehouse) == [
        (15, "v2", 1, "v1", 3, "merged", ["idfa"]),
        (17, "v2", 2, "v1", 4, "merged", ["idfa"]),
    ]
    publish(warehouse, 15, 17)
    assert due(warehouse) == []
    assert [row[2:] for row in installs(warehouse)] == [
        ("v1", 1), ("z", 1), ("v1", 2), ("v1", 3), ("v1", 4)
    ]  # fmt: skip


def test_the_days_stay_due_until_marts_have_read_the_new_components(warehouse: Warehouse) -> None:
    land(warehouse, 1, [n("v1", 0, idfa="i"), n("v2", 5 * DAY)])
    publish(warehouse, 10, 15)
    land(warehouse, 2, [n("v2", 6 * DAY, event_name="Application Opened", idfa="i")])
    # Built again by somebody after the range was landed and before identities were.
    publish(warehouse, 15)
    stitch(warehouse)
    assert due(warehouse) == [15]
    assert watermark(warehouse) == 3


def test_an_install_within_the_hour_of_another_of_the_phone_is_none(warehouse: Warehouse) -> None:
    land(warehouse, 1, [n("v1", 0, idfa="i"), n("v2", 40 * MINUTE)])
    stitch(warehouse)
    publish(warehouse, 10)
    land(warehouse, 3, [n("v2", DAY, event_name="Application Opened", idfa="i")])
    stitch(warehouse)
    assert due(warehouse) == [10]
    assert restated(warehouse) == [(10, "v2", 1, "", 0, "merged", [])]
    publish(warehouse, 10)
    assert [row[2:] for row in installs(warehouse)] == [("v1", 1)]


def test_a_merge_that_changes_no_install_touches_only_days_of_the_events_it_moves(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, [n("v1")])
    stitch(warehouse)
    publish(warehouse, 10)
    visitor = Event(message_id="w", occurred_at=T + DAY, received_at=NOW + 5, device_key="a",
                    anonymous_id="a", platform="web", event_name="page")  # fmt: skip
    land(warehouse, 2, [visitor, n("v1", DAY, event_name="Application Opened", anonymous_id="a")])
    (done,) = stitch(warehouse)
    assert done.counts.moved_count == 1
    assert due(warehouse) == []
    assert touched_days.due(warehouse, ("events",)) == [
        touched_days.DueDay("events", date(2026, 3, 11), 3)
    ]
    assert restated(warehouse) == []
    assert watermark(warehouse) == 3


def test_a_cut_that_divides_a_component_restates_what_it_held_together(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, [n("v1", 0, idfa="i"), n("v2", DAY, idfa="i")])
    stitch(warehouse, 3)
    publish(warehouse, 10, 11)
    assert [row[2:] for row in installs(warehouse)] == [("v1", 1), ("v1", 2)]
    land(warehouse, 2, [n(f"v{number}", 9 * DAY, idfa="i") for number in (3, 4)])
    stitch(warehouse, 3)
    # The 19th is landing's to touch: nobody has published it yet.
    assert due(warehouse) == [11]
    assert restated(warehouse) == [(11, "v1", 2, "v2", 1, "split", [])]


def test_an_install_of_a_second_device_key_touches_the_days_of_its_component(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, [n("v1", 0, idfa="i"), n("v2", DAY, idfa="i"), n("v1", 4 * DAY)])
    stitch(warehouse)
    publish(warehouse, 10, 11, 14)
    land(warehouse, 2, [n("v2", 2 * DAY)])
    (done,) = stitch(warehouse)
    assert done.counts.moved_count == 0
    # Its own day is landing's to touch; the third install becomes the fourth.
    assert due(warehouse) == [14]


def test_an_event_of_a_second_device_key_that_is_not_the_first_touches_nothing(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, [n("v1", 0, idfa="i"), n("v2", DAY, idfa="i")])
    stitch(warehouse)
    publish(warehouse, 10, 11)
    land(warehouse, 2, [n("v2", HOUR, event_name="Application Opened")])
    stitch(warehouse)
    assert due(warehouse) == []


def test_a_first_event_of_a_second_device_key_touches_every_install_after_it(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, [n("v1", 0, idfa="i"), n("v2", DAY, idfa="i")])
    stitch(warehouse)
    publish(warehouse, 10, 11)
    land(warehouse, 2, [n("v2", -HOUR - 1, event_name="Application Opened")])
    stitch(warehouse)
    assert due(warehouse) == [10, 11]


def test_rows_that_a_rebuild_took_away_take_their_links_with_them(warehouse: Warehouse) -> None:
    land(warehouse, 1, [n("v1", 0, idfa="i"), n("v2", DAY)])
    land(warehouse, 2, [n("v2", 2 * DAY, event_name="Application Opened", idfa="i")])
    stitch(warehouse)
    publish(warehouse, 10, 11)
    assert [row[2:] for row in installs(warehouse)] == [("v1", 1), ("v1", 2)]
    warehouse.execute(
        "ALTER TABLE clean.events DELETE WHERE event_name = 'Application Opened'"
        " SETTINGS mutations_sync = 2"
    )
    warehouse.execute("INSERT INTO audit.rebuilt_devices VALUES (3, 'app', 'v2', 0)")
    warehouse.run(
        "landing/settle_range",
        {"landing_seq": 3, "state": "rebuilt", "note": "", "topic": "", "topic_id": "",
         "partition": 0, "start": 0, "end": 0, "now_ms": 0},
    )  # fmt: skip
    stitch(warehouse)
    assert due(warehouse) == [11]
    assert restated(warehouse) == [(11, "v1", 2, "v2", 1, "split", [])]
