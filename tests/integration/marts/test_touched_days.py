"""What landing enqueues, what is due, and what a finished build takes off the queue."""

import random
from dataclasses import dataclass, replace
from datetime import date

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, StillClock, build_days, days_of, load
from tests.market.model import DAY, HOUR, Event, Touch, at, insert_events, insert_touches
from tests.market.oracle import first_copies_of
from tests.market.strategies import generate
from unmogrowp.attribution import touched_days
from unmogrowp.attribution.build import build_attribution_day, build_installs_day
from unmogrowp.attribution.openings import build_openings_day
from unmogrowp.rulesets import OURS, PRESETS, Ruleset
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import ContentHash, content_hash

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
    rulesets: tuple[Ruleset, ...] = (OURS,),
) -> dict[str, list[date]]:
    """Land a range the way landing does and return what it touched of installs and decisions."""
    load(warehouse, [Market(events, touches)])
    for table in ("staging.landed_events", "staging.landed_touches"):
        warehouse.execute(f"TRUNCATE TABLE {table}")
    insert_events(warehouse, events, "staging.landed_events", landing_seq=seq)
    insert_touches(warehouse, touches, "staging.landed_touches")
    touched_days.enqueuer(warehouse, lambda: rulesets)(Landed(seq))
    rows = warehouse.rows(
        "SELECT mart, groupUniqArray(day) FROM audit.touched_days"
        " WHERE state = 'touched' AND watermark = {seq:UInt64} GROUP BY mart",
        {"seq": seq},
    )
    return {mart: sorted(days) for mart, days in rows if mart != "events"}


DECISIONS: tuple[touched_days.Mart, ...] = ("installs", "attribution")


def build(warehouse: Warehouse, day: date, watermark: int) -> None:
    build_days(warehouse, [day], watermark=watermark)
    touched_days.mark_built(warehouse, touched_days.MARTS, day, watermark, N)


def install(offset: int = 0, message_id: str = "n", **fields: object) -> Event:
    return Event(message_id=message_id, occurred_at=N + offset, gaid="gaid", **fields)  # type: ignore[arg-type]


def opened(offset: int = 0, message_id: str = "o", **fields: object) -> Event:
    return replace(install(offset, message_id, **fields), event_name="Application Opened")


def test_a_range_without_rows_touches_nothing(warehouse: Warehouse) -> None:
    assert land(warehouse, 1) == {}
    assert touched_days.due(warehouse, DECISIONS) == []


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
    assert touched_days.due(warehouse, DECISIONS) == [
        touched_days.DueDay("attribution", march(10), 2)
    ]


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
    assert touched == {
        "installs": [march(7), march(10), march(11)],
        "events": [march(7), march(11)],
    }


def test_a_rebuilt_day_touches_the_implied_install_that_is_back(warehouse: Warehouse) -> None:
    implied, installed = opened(12 * HOUR - 1), install(12 * HOUR)
    land(warehouse, 1, (implied, installed))
    build(warehouse, march(10), 1)
    build(warehouse, march(11), 1)
    touched = dict(land_changes(warehouse, 2, (installed, replace(installed, occurred_at=N + DAY))))
    assert set(touched["installs"]) == {march(10), march(11)}


def land_changes(
    warehouse: Warehouse,
    seq: int,
    changed: tuple[Event, ...],
    rulesets: tuple[Ruleset, ...] = (OURS,),
) -> list[tuple[str, list[date]]]:
    """Enqueue what a rebuild changes: rows keep the number of the range they came with."""
    for table in ("staging.landed_events", "staging.landed_touches"):
        warehouse.execute(f"TRUNCATE TABLE {table}")
    insert_events(warehouse, changed, "staging.landed_events", landing_seq=1)
    touched_days.enqueuer(warehouse, lambda: rulesets)(Landed(seq))
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
    assert touched_days.due(warehouse, DECISIONS) == [
        touched_days.DueDay("installs", march(2), 5),
        touched_days.DueDay("attribution", march(3), 5),
    ]
    assert touched_days.due(warehouse, ("clean",)) == [touched_days.DueDay("clean", march(1), 5)]


def test_a_build_takes_off_only_what_it_had_read(warehouse: Warehouse) -> None:
    touched_days.touch(warehouse, march(2), 5, "test", N)
    touched_days.touch(warehouse, march(2), 7, "test", N)
    touched_days.mark_built(warehouse, touched_days.MARTS, march(2), 6, N)
    assert touched_days.due(warehouse, DECISIONS) == [touched_days.DueDay("installs", march(2), 7)]
    touched_days.mark_built(warehouse, touched_days.MARTS, march(2), 7, N)
    assert touched_days.due(warehouse, DECISIONS) == []


def test_enqueueing_a_range_again_changes_nothing_that_is_due(warehouse: Warehouse) -> None:
    land(warehouse, 1, (install(),))
    before = touched_days.due(warehouse, DECISIONS)
    touched_days.enqueue(warehouse, Landed(1))
    assert touched_days.due(warehouse, DECISIONS) == before


def test_an_event_touches_the_day_it_happened_on(warehouse: Warehouse) -> None:
    land(warehouse, 1, (opened(-3 * DAY, "late", received_at=N), opened(platform="web")))
    assert [one.day for one in touched_days.due(warehouse, ("events",))] == [march(7), march(10)]


def test_events_come_last_of_their_day(warehouse: Warehouse) -> None:
    land(warehouse, 1, (install(), opened(HOUR), install(-DAY, "m", device_key="other")))
    assert [(one.day, one.mart) for one in touched_days.due(warehouse)] == [
        (march(9), "installs"),
        (march(10), "installs"),
        (march(10), "events"),
    ]


def test_an_install_alone_touches_no_events(warehouse: Warehouse) -> None:
    land(warehouse, 1, (install(),))
    assert touched_days.due(warehouse, ("events",)) == []


# Rulesets that decide re-engagements: after a week, and each time.
AFTER_A_WEEK, EACH_TIME = PRESETS["adjust_like"], PRESETS["appsflyer_like"]
ON = (OURS, AFTER_A_WEEK)


def build_openings(warehouse: Warehouse, *days: int) -> None:
    for day in days:
        build(warehouse, march(day), 1)
        build_openings_day(warehouse, march(day), 1, StillClock())


def test_an_event_touches_its_own_day_where_openings_are_asked_for(warehouse: Warehouse) -> None:
    land(warehouse, 1, (opened(-9 * DAY),), rulesets=ON)
    build_openings(warehouse, 1)
    late = opened(-3 * DAY, "late", received_at=N)
    assert land(warehouse, 2, (late,), rulesets=ON) == {"attribution": [march(7)]}


def test_an_event_of_a_browser_ends_a_pause_and_touches_the_opening_after_it(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, (install(-9 * DAY), opened()), rulesets=ON)
    build_openings(warehouse, 1, 10)
    other = opened(-3 * DAY, "x", platform="web", device_key="another", received_at=N)
    assert land(warehouse, 2, (other,), rulesets=ON) == {}
    seen = opened(-3 * DAY, "web", platform="web", received_at=N)
    assert land(warehouse, 3, (seen,), rulesets=ON) == {"attribution": [march(10)]}


def test_a_touch_touches_the_days_of_openings_it_reaches(warehouse: Warehouse) -> None:
    land(warehouse, 1, (install(-9 * DAY), opened()), rulesets=ON)
    build_openings(warehouse, 1, 10)
    click = Touch(touch_id="c", touch_at=N - 3 * DAY, gaid="gaid")
    other = replace(click, touch_id="x", gaid="other")
    assert land(warehouse, 2, touches=(other,), rulesets=ON) == {}
    assert land(warehouse, 3, touches=(click,), rulesets=ON) == {"attribution": [march(10)]}


def test_a_rebuilt_day_touches_the_event_that_comes_after_a_longer_pause_now(
    warehouse: Warehouse,
) -> None:
    """Not published as an opening, because the pause before it was too short for one."""
    first = install(-9 * DAY)
    seen = opened(-DAY, "seen", platform="web")
    bought = replace(opened(-DAY + 30_000, "bought"), event_name="Order Completed")
    land(warehouse, 1, (first, seen, bought), rulesets=ON)
    build_openings(warehouse, 1, 9)
    assert warehouse.rows("SELECT * FROM mart.openings") == []
    touched = dict(
        land_changes(warehouse, 2, (seen, replace(seen, occurred_at=N - 5 * DAY)), rulesets=ON)
    )
    assert march(9) in touched["attribution"]


HASHED = ("mart.installs", "mart.openings", "mart.attribution_candidates",
          "mart.attributed_installs")  # fmt: skip


@pytest.mark.parametrize("ruleset", [AFTER_A_WEEK, EACH_TIME], ids=lambda one: one.ruleset_id)
def test_building_only_what_is_due_ends_where_building_everything_does(
    warehouse: Warehouse, ruleset: Ruleset
) -> None:
    """Ranges arrive in an order that has nothing to do with when things happened.

    Copies after the horizon are left out: which copy speaks goes by receipt, and ranges are landed
    in that order.
    """
    markets = [
        replace(market, touches=tuple(first_copies_of(market.touches)))
        for market in generate(20, 21)
    ]
    shuffled = random.Random(7)
    rows: list[Event | Touch] = [
        one for market in markets for one in (*market.events, *market.touches)
    ]
    shuffled.shuffle(rows)
    size = -(-len(rows) // 4)
    for seq, first in enumerate(range(0, len(rows), size), start=1):
        chunk = rows[first : first + size]
        land(
            warehouse,
            seq,
            tuple(one for one in chunk if isinstance(one, Event)),
            tuple(one for one in chunk if isinstance(one, Touch)),
            rulesets=(ruleset,),
        )
        for entry in touched_days.due(warehouse, DECISIONS):
            build_due(warehouse, entry, ruleset, seq)
    incremental = hashes(warehouse)
    assert warehouse.scalar(
        "SELECT count() FROM mart.attributed_installs WHERE conversion_kind = 're_engagement'"
    )

    for table in HASHED:
        warehouse.execute(f"TRUNCATE TABLE {table}")
    days = days_of(markets)
    for day in shuffled.sample(days, len(days)):
        build_days(warehouse, [day], ruleset, watermark=9)
    assert hashes(warehouse) == incremental
    build_days(warehouse, days, ruleset, watermark=9)
    assert hashes(warehouse) == incremental, "again"


def build_due(
    warehouse: Warehouse, entry: touched_days.DueDay, ruleset: Ruleset, watermark: int
) -> None:
    if entry.mart == "installs":
        build_installs_day(warehouse, entry.day, watermark, StillClock())
    build_openings_day(warehouse, entry.day, watermark, StillClock())
    build_attribution_day(warehouse, ruleset, entry.day, watermark, StillClock())
    touched_days.mark_built(
        warehouse, DECISIONS[DECISIONS.index(entry.mart) :], entry.day, watermark, N
    )


def hashes(warehouse: Warehouse) -> dict[str, ContentHash]:
    return {table: content_hash(warehouse, table) for table in HASHED}
