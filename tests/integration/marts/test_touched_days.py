"""What landing enqueues, what is due, and what a finished build takes off the queue."""

from dataclasses import dataclass, replace
from datetime import date

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, build_days, load
from tests.market.model import DAY, HOUR, Event, Touch, at, insert_events, insert_touches
from unmogrowp.attribution import touched_days
from unmogrowp.warehouse.client import Warehouse

N = at("2026-03-10T12:00:00")
MARCH = [date(2026, 3, number) for number in range(1, 32)]


def march(number: int) -> date:
    return MARCH[number - 1]


@dataclass(frozen=True)
class Landed:
    """A range as landing names it."""

    landing_seq: int
    now_ms: int = N
    events_table: str = "staging.landed_events"
    touches_table: str = "staging.landed_touches"


@pytest.fixture
def warehouse() -> Warehouse:
    opened = engine()
    empty_tables(opened)
    for name, like in (("events", "clean.events"), ("touches", "clean.touches")):
        opened.execute(
            f"CREATE TABLE IF NOT EXISTS staging.landed_{name} AS {like} ENGINE = Memory"
        )
    return opened


def land(
    warehouse: Warehouse,
    seq: int,
    events: tuple[Event, ...] = (),
    touches: tuple[Touch, ...] = (),
) -> dict[str, list[date]]:
    """Land a range the way landing does and return what it touched."""
    load(warehouse, [Market(events, touches)])
    for table in ("staging.landed_events", "staging.landed_touches"):
        warehouse.execute(f"TRUNCATE TABLE {table}")
    insert_events(warehouse, events, "staging.landed_events", landing_seq=seq)
    insert_touches(warehouse, touches, "staging.landed_touches")
    touched_days.enqueuer(warehouse)(Landed(seq))
    rows = warehouse.rows(
        "SELECT mart, groupUniqArray(day) FROM audit.touched_days"
        " WHERE state = 'touched' AND watermark = {seq:UInt64} GROUP BY mart",
        {"seq": seq},
    )
    return {mart: sorted(days) for mart, days in rows}


def build(warehouse: Warehouse, day: date, watermark: int) -> None:
    build_days(warehouse, [day], watermark=watermark)
    touched_days.mark_built(warehouse, touched_days.MARTS, day, watermark, N)


def install(offset: int = 0, message_id: str = "n", **fields: object) -> Event:
    return Event(message_id=message_id, occurred_at=N + offset, gaid="gaid", **fields)  # type: ignore[arg-type]


def opened(offset: int = 0, message_id: str = "o", **fields: object) -> Event:
    return replace(install(offset, message_id, **fields), event_name="Application Opened")


def test_a_range_without_rows_touches_nothing(warehouse: Warehouse) -> None:
    assert land(warehouse, 1) == {}
    assert touched_days.due(warehouse) == []


def test_an_install_touches_its_day(warehouse: Warehouse) -> None:
    assert land(warehouse, 1, (install(),)) == {"installs": [march(10)]}


def test_web_events_touch_nothing(warehouse: Warehouse) -> None:
    assert land(warehouse, 1, (opened(platform="web"),)) == {}


def test_an_install_that_comes_late_touches_later_installs_of_its_device(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, (install(), install(device_key="another", message_id="x")))
    build(warehouse, march(10), 1)
    touched = land(warehouse, 2, (install(-5 * DAY, "early", received_at=N + DAY),))
    assert touched == {"installs": [march(5), march(10)]}


def test_an_install_after_midnight_touches_the_implied_one_before_it(warehouse: Warehouse) -> None:
    land(warehouse, 1, (opened(12 * HOUR - 1),))
    build(warehouse, march(10), 1)
    touched = land(warehouse, 2, (install(12 * HOUR),))
    assert touched == {"installs": [march(10), march(11)]}


def test_a_late_event_of_a_known_device_touches_nothing(warehouse: Warehouse) -> None:
    land(warehouse, 1, (opened(-9 * DAY),))
    build(warehouse, march(1), 1)
    assert land(warehouse, 2, (opened(-3 * DAY, "late", received_at=N),)) == {}


def test_a_late_event_that_is_the_first_touches_its_day_and_the_one_it_replaces(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, (opened(),))
    build(warehouse, march(10), 1)
    touched = land(warehouse, 2, (opened(-3 * DAY, "late", received_at=N + DAY),))
    assert touched == {"installs": [march(7), march(10)]}


def test_a_touch_touches_the_days_of_installs_it_reaches_and_not_its_own(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, (install(),))
    build(warehouse, march(10), 1)
    click = Touch(touch_id="c", touch_at=N - 3 * DAY, gaid="gaid")
    assert land(warehouse, 2, touches=(click,)) == {"attribution": [march(10)]}


@pytest.mark.parametrize(
    ("age", "is_touched"),
    [(8 * DAY, True), (8 * DAY + 1, False), (-DAY, True), (-DAY - 1, False)],
    ids=["8 days before", "8 days and 1 ms before", "24 hours after", "24 hours and 1 ms after"],
)
def test_the_reach_of_a_touch_is_that_of_candidates(
    warehouse: Warehouse, age: int, is_touched: bool
) -> None:
    land(warehouse, 1, (install(),))
    build(warehouse, march(10), 1)
    click = Touch(touch_id="c", touch_at=N - age, gaid="gaid")
    assert land(warehouse, 2, touches=(click,)) == (
        {"attribution": [march(10)]} if is_touched else {}
    )


@pytest.mark.parametrize(
    "touch",
    [
        Touch(touch_id="c", touch_at=N - HOUR, gaid="other"),
        Touch(touch_id="c", touch_at=N - HOUR, gaid="gaid", app_id="other"),
        Touch(touch_id="c", touch_at=N - HOUR),
        Touch(touch_id="c", touch_at=N - HOUR, gaid="00000000-0000-0000-0000-000000000000"),
    ],
    ids=["another id", "another app", "no id", "a zero id"],
)
def test_a_touch_that_meets_nothing_touches_nothing(warehouse: Warehouse, touch: Touch) -> None:
    land(warehouse, 1, (install(),))
    build(warehouse, march(10), 1)
    assert land(warehouse, 2, touches=(touch,)) == {}


def test_a_touch_during_a_build_makes_its_day_due_again(warehouse: Warehouse) -> None:
    """The installs are not published yet, so no join on ids can find them."""
    land(warehouse, 1, (install(),))
    click = Touch(touch_id="c", touch_at=N - HOUR, gaid="gaid")
    assert land(warehouse, 2, touches=(click,)) == {"attribution": [march(10)]}
    touched_days.mark_built(warehouse, touched_days.MARTS, march(10), 1, N)
    assert touched_days.due(warehouse) == [touched_days.DueDay("attribution", march(10), 2)]


def test_a_rebuilt_day_touches_what_the_rows_that_went_away_held_back(
    warehouse: Warehouse,
) -> None:
    """The first event of the device is corrected to a later time: the next one is first now."""
    first, second = opened(-3 * DAY, "first"), opened(message_id="second")
    land(warehouse, 1, (first, second))
    build(warehouse, march(7), 1)
    touched = {
        mart: sorted(set(days))
        for mart, days in land_changes(warehouse, 2, (first, replace(first, occurred_at=N + DAY)))
    }
    assert touched == {"installs": [march(7), march(10), march(11)]}


def test_a_rebuilt_day_touches_the_implied_install_that_is_back(warehouse: Warehouse) -> None:
    implied, installed = opened(12 * HOUR - 1), install(12 * HOUR)
    land(warehouse, 1, (implied, installed))
    build(warehouse, march(10), 1)
    build(warehouse, march(11), 1)
    touched = dict(land_changes(warehouse, 2, (installed, replace(installed, occurred_at=N + DAY))))
    assert set(touched["installs"]) == {march(10), march(11)}


def land_changes(
    warehouse: Warehouse, seq: int, changed: tuple[Event, ...]
) -> list[tuple[str, list[date]]]:
    """Enqueue what a rebuild changes: rows keep the number of the range they came with."""
    for table in ("staging.landed_events", "staging.landed_touches"):
        warehouse.execute(f"TRUNCATE TABLE {table}")
    insert_events(warehouse, changed, "staging.landed_events", landing_seq=1)
    touched_days.enqueuer(warehouse)(Landed(seq))
    return [
        (mart, list(days))
        for mart, days in warehouse.rows(
            "SELECT mart, groupUniqArray(day) FROM audit.touched_days"
            " WHERE state = 'touched' AND watermark = {seq:UInt64} GROUP BY mart",
            {"seq": seq},
        )
    ]


def test_due_days_come_oldest_first_and_installs_include_attribution(warehouse: Warehouse) -> None:
    for mart, day in (("attribution", 3), ("installs", 2), ("attribution", 2), ("clean", 1)):
        touched_days.touch(warehouse, march(day), 5, "test", N, (mart,))  # type: ignore[arg-type]
    assert touched_days.due(warehouse) == [
        touched_days.DueDay("installs", march(2), 5),
        touched_days.DueDay("attribution", march(3), 5),
    ]
    assert touched_days.due(warehouse, ("clean",)) == [touched_days.DueDay("clean", march(1), 5)]


def test_a_build_takes_off_only_what_it_had_read(warehouse: Warehouse) -> None:
    touched_days.touch(warehouse, march(2), 5, "test", N)
    touched_days.touch(warehouse, march(2), 7, "test", N)
    touched_days.mark_built(warehouse, touched_days.MARTS, march(2), 6, N)
    assert touched_days.due(warehouse) == [touched_days.DueDay("installs", march(2), 7)]
    touched_days.mark_built(warehouse, touched_days.MARTS, march(2), 7, N)
    assert touched_days.due(warehouse) == []


def test_enqueueing_a_range_again_changes_nothing_that_is_due(warehouse: Warehouse) -> None:
    land(warehouse, 1, (install(),))
    before = touched_days.due(warehouse)
    touched_days.enqueue(warehouse, Landed(1))
    assert touched_days.due(warehouse) == before
