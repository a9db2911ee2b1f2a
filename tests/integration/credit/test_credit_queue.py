"""Which days of credit become due: those that what landed can change, and no others."""

from dataclasses import dataclass, replace
from datetime import date

import pytest

from tests.credit.market import DAY, HOUR, MIDNIGHT, ORDERS, Market, Purchase, load, touch
from tests.engine import empty_tables, engine
from tests.market.build import StillClock
from tests.market.model import Event, Touch, insert_events, insert_touches
from tests.market.stitching import land as land_events
from tests.market.stitching import stitch
from unmogrowp.attribution.build import build_installs_day
from unmogrowp.attribution.credit_queue import (
    due_credit,
    enqueue_credit,
    enqueue_identities,
    has_new_identities,
    mark_credit_built,
)
from unmogrowp.attribution.touched_days import touch as touch_day
from unmogrowp.warehouse.client import Warehouse


@dataclass(frozen=True)
class Range:
    landing_seq: int = 7
    now_ms: int = 1
    events_table: str = "staging.events"
    touches_table: str = "staging.touches"


@pytest.fixture
def warehouse() -> Warehouse:
    found = engine()
    empty_tables(found)
    return found


def march(day: int) -> date:
    return date(2026, 3, day)


def land(
    warehouse: Warehouse, touches: list[Touch] | None = None, market: Market | None = None
) -> list[date]:
    """Let a range of touches, and the purchases of a market, come in; return what is due."""
    if market is not None:
        load(warehouse, [market])
        warehouse.execute("INSERT INTO staging.events SELECT * FROM clean.events")
    insert_touches(warehouse, touches or [], "staging.touches")
    insert_touches(warehouse, touches or [])
    enqueue_credit(warehouse, Range(), [ORDERS])
    return [day for day, touched in due_credit(warehouse) if touched == 7]


def purchase(person: str, when: int) -> Market:
    return Market("app", (), (Purchase("app", f"m{when}", person, when, 5.0),))


def test_nothing_landed_touches_nothing(warehouse: Warehouse) -> None:
    assert land(warehouse) == []


def test_a_touch_changes_its_own_day(warehouse: Warehouse) -> None:
    assert land(warehouse, [touch("app", 1, "p", "ads", MIDNIGHT)]) == [march(10)]


def test_a_purchase_changes_its_own_day(warehouse: Warehouse) -> None:
    assert land(warehouse, market=purchase("p", MIDNIGHT - 1)) == [march(9)]


def test_an_event_that_is_no_conversion_changes_nothing(warehouse: Warehouse) -> None:
    insert_events(
        warehouse,
        [Event(message_id="m", event_name="Opened", occurred_at=MIDNIGHT)],
        "staging.events",
    )
    assert land(warehouse) == []


@pytest.mark.parametrize(
    ("later", "days"),
    [
        (2 * DAY, [10, 12]),
        (5 * DAY, [10, 15]),
        (5 * DAY + 1, [10]),
        (-DAY, [10]),
    ],
    ids=["in the lookback", "as old as the lookback", "1 ms older", "before the touch"],
)
def test_a_late_touch_changes_later_purchases_of_the_person(
    warehouse: Warehouse, later: int, days: list[int]
) -> None:
    load(warehouse, [purchase("p", MIDNIGHT + HOUR + later), purchase("other", MIDNIGHT + 3 * DAY)])
    found = land(warehouse, [touch("app", 1, "p", "ads", MIDNIGHT + HOUR)])
    assert found == [march(day) for day in days]


def test_a_late_touch_changes_later_days_on_which_the_person_was_touched(
    warehouse: Warehouse,
) -> None:
    load(warehouse, [Market("app", (touch("app", 1, "p", "ads", MIDNIGHT + 3 * DAY),))])
    assert land(warehouse, [touch("app", 2, "p", "ads", MIDNIGHT)]) == [march(10), march(13)]


def test_a_late_touch_changes_later_installs_that_share_an_id(warehouse: Warehouse) -> None:
    insert_events(warehouse, [Event(message_id="i", occurred_at=MIDNIGHT + 2 * DAY, gaid="gaid-p")])
    build_installs_day(warehouse, march(12), 1, StillClock())
    assert land(warehouse, [touch("app", 1, "p", "ads", MIDNIGHT)]) == [march(10), march(12)]


def test_another_app_is_not_touched(warehouse: Warehouse) -> None:
    load(warehouse, [purchase("p", MIDNIGHT + DAY)])
    assert land(warehouse, [touch("other", 1, "p", "ads", MIDNIGHT)]) == [march(10)]


def test_published_installs_make_their_day_due_until_it_is_built(warehouse: Warehouse) -> None:
    insert_events(warehouse, [Event(message_id="i", occurred_at=MIDNIGHT)])
    build_installs_day(warehouse, march(10), 3, StillClock())
    assert due_credit(warehouse) == [(march(10), 3)]
    mark_credit_built(warehouse, march(10), 3, 1)
    assert due_credit(warehouse) == []
    build_installs_day(warehouse, march(10), 4, StillClock())
    assert due_credit(warehouse) == [(march(10), 4)]


def test_a_day_whose_installs_are_due_waits_for_them(warehouse: Warehouse) -> None:
    assert land(warehouse, [touch("app", 1, "p", "ads", MIDNIGHT)]) == [march(10)]
    touch_day(warehouse, march(10), 9, "test", 1)
    assert due_credit(warehouse) == []


def test_what_landed_while_a_day_was_built_stays_due(warehouse: Warehouse) -> None:
    land(warehouse, [touch("app", 1, "p", "ads", MIDNIGHT)])
    mark_credit_built(warehouse, march(10), 6, 1)
    assert due_credit(warehouse) == [(march(10), 7)]
    mark_credit_built(warehouse, march(10), 7, 1)
    assert due_credit(warehouse) == []


PHONE, OLD_AD, NEW_AD = (f"{n}a000000-0000-4000-8000-000000000001" for n in (1, 2, 3))
NOW = MIDNIGHT + 30 * DAY


def phone(message_id: str, gaid: str, when: int, name: str = "Opened") -> Event:
    return Event(
        message_id=message_id, event_name=name, occurred_at=when, device_key=PHONE,
        device_id=PHONE, android_id=PHONE, gaid=gaid,
    )  # fmt: skip


def clicked(number: int, when: int, gaid: str) -> Touch:
    return Touch(touch_id=f"c{number}", touch_at=when, gaid=gaid, media_source="ads")


def identity_days(warehouse: Warehouse) -> list[date]:
    enqueue_identities(warehouse, NOW, [ORDERS])
    return [
        day
        for (day,) in warehouse.rows(
            "SELECT DISTINCT day FROM audit.touched_days"
            " WHERE mart = 'credit' AND reason = 'identity' ORDER BY day"
        )
    ]


def test_ids_that_turn_out_to_be_one_device_change_the_days_of_their_touches(
    warehouse: Warehouse,
) -> None:
    insert_touches(
        warehouse,
        [clicked(1, MIDNIGHT, OLD_AD), clicked(2, MIDNIGHT + 2 * DAY, NEW_AD),
         clicked(3, MIDNIGHT + 3 * DAY, "4a000000-0000-4000-8000-000000000001")],
    )  # fmt: skip
    seen = MIDNIGHT - DAY
    land_events(warehouse, 1, [phone("e1", OLD_AD, seen)])
    stitch(warehouse)
    assert has_new_identities(warehouse)
    assert identity_days(warehouse) == []
    assert not has_new_identities(warehouse)
    land_events(warehouse, 2, [phone("e2", NEW_AD, seen + HOUR)])
    stitch(warehouse)
    assert identity_days(warehouse) == [march(10), march(12)]
    # What was built before is due again, and the ledger knows the number the days have.
    for day in (march(10), march(12)):
        mark_credit_built(warehouse, day, 2, NOW)
    watermark = int(warehouse.named_rows("landing/watermark")[0][0])
    assert due_credit(warehouse) == [(march(10), watermark), (march(12), watermark)]
    enqueue_identities(warehouse, NOW, [ORDERS])
    for day in (march(10), march(12)):
        mark_credit_built(warehouse, day, watermark, NOW)
    assert due_credit(warehouse) == []


def test_a_conversion_that_carries_none_of_the_ids_of_the_touches_is_shared_out_again(
    warehouse: Warehouse,
) -> None:
    insert_touches(warehouse, [clicked(1, MIDNIGHT, OLD_AD)])
    load(warehouse, [purchase("p", MIDNIGHT + 4 * DAY)])
    warehouse.execute(
        "ALTER TABLE clean.events UPDATE gaid = '' WHERE 1 SETTINGS mutations_sync = 1"
    )
    bought = replace(phone("buy", NEW_AD, MIDNIGHT + 3 * DAY), event_name="Order Completed")
    land_events(warehouse, 1, [phone("e1", OLD_AD, MIDNIGHT - DAY), bought])
    warehouse.execute(
        "ALTER TABLE clean.events UPDATE currency = 'EUR' WHERE message_id = 'buy'"
        " SETTINGS mutations_sync = 1"
    )
    stitch(warehouse)
    assert identity_days(warehouse) == [march(13)]


def test_a_late_touch_changes_later_days_of_its_component(warehouse: Warehouse) -> None:
    land_events(
        warehouse, 1, [phone("e1", OLD_AD, MIDNIGHT - DAY), phone("e2", NEW_AD, MIDNIGHT - DAY)]
    )
    stitch(warehouse)
    insert_touches(warehouse, [clicked(1, MIDNIGHT + 2 * DAY, NEW_AD)])
    late = [clicked(2, MIDNIGHT, OLD_AD)]
    for table in ("staging.touches", "clean.touches"):
        insert_touches(warehouse, late, table)
    enqueue_credit(warehouse, Range(now_ms=NOW), [ORDERS])
    assert [day for day, _ in due_credit(warehouse)] == [march(10), march(12)]
