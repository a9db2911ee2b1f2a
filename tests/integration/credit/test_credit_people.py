"""Two ids of one device are one journey, and two devices of one user are two."""

from dataclasses import replace

import pytest

from tests.credit.market import (
    DAYS,
    HOUR,
    INSTALLED,
    MIDNIGHT,
    ORDERS,
    RULES,
    Market,
    Purchase,
    build,
    load,
)
from tests.engine import empty_tables, engine
from tests.market.build import StillClock
from tests.market.model import Event, Touch, insert_events, insert_touches
from unmogrowp.identity.build import Stitcher
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import content_hash

ONLY_RULES = ORDERS.model_copy(update={"models": RULES})
NOON = MIDNIGHT + 12 * HOUR
PHONE = "aa000000-0000-4000-8000-000000000001"
OLD_AD, NEW_AD = (f"bb000000-0000-4000-8000-00000000000{n}" for n in (1, 2))


@pytest.fixture
def warehouse() -> Warehouse:
    found = engine()
    empty_tables(found)
    return found


def seen(number: int, **ids: str) -> Event:
    """Return an event of a phone that says which ids are one device."""
    key = ids.get("device_id") or ids.get("gaid") or ""
    return Event(
        message_id=f"seen{number}", event_name="Opened", occurred_at=NOON - 300 * HOUR + number,
        device_key=key, **ids,
    )  # fmt: skip


def stitched(warehouse: Warehouse, *events: Event) -> None:
    insert_events(warehouse, events, landing_seq=1)
    Stitcher(warehouse, StillClock()).stitch(1)


def clicked(number: int, channel: str, hours: int, **ids: str) -> Touch:
    return Touch(touch_id=f"t{number}", media_source=channel, touch_at=NOON - hours * HOUR, **ids)


def paths(warehouse: Warehouse) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return conversions and nulls of each path of the last day."""
    rows = warehouse.rows(
        "SELECT path, conversions, nulls FROM mart.journey_paths WHERE day = '2026-03-10'"
    )
    return {tuple(path): (int(led), int(lost)) for path, led, lost in rows}


def buy(warehouse: Warehouse, **ids: str) -> None:
    """Let a phone buy something at noon."""
    load(warehouse, [Market("app", (), (Purchase("app", "sold", "nobody", NOON, 9.0),))])
    changes = ", ".join(f"{name} = '{value}'" for name, value in {"gaid": "", **ids}.items())
    warehouse.execute(
        f"ALTER TABLE clean.events UPDATE {changes} WHERE message_id = 'sold'"
        " SETTINGS mutations_sync = 1"
    )


def share_out(warehouse: Warehouse) -> None:
    build(warehouse, [ONLY_RULES], DAYS[-1:])


def test_two_touches_with_different_ids_of_one_device_are_one_path(warehouse: Warehouse) -> None:
    stitched(
        warehouse,
        seen(1, device_id=PHONE, android_id=PHONE, gaid=OLD_AD),
        seen(2, device_id=PHONE, android_id=PHONE, gaid=NEW_AD),
    )
    insert_touches(
        warehouse,
        [clicked(1, "ads", 9, gaid=OLD_AD), clicked(2, "mail", 5, gaid=NEW_AD),
         clicked(3, "push", 2, android_id=PHONE)],
    )  # fmt: skip
    buy(warehouse, gaid=NEW_AD)
    share_out(warehouse)
    assert paths(warehouse) == {("ads", "mail", "push"): (1, 0)}


def test_they_are_one_journey_too_where_nobody_converted(warehouse: Warehouse) -> None:
    stitched(
        warehouse,
        seen(1, device_id=PHONE, android_id=PHONE, gaid=OLD_AD),
        seen(2, device_id=PHONE, android_id=PHONE, gaid=NEW_AD),
    )
    insert_touches(
        warehouse, [clicked(1, "ads", 9, gaid=OLD_AD), clicked(2, "mail", 5, gaid=NEW_AD)]
    )
    share_out(warehouse)
    assert paths(warehouse) == {("ads", "mail"): (0, 1)}


def test_ids_that_nothing_joins_are_two_people(warehouse: Warehouse) -> None:
    insert_touches(
        warehouse, [clicked(1, "ads", 9, gaid=OLD_AD), clicked(2, "mail", 5, gaid=NEW_AD)]
    )
    share_out(warehouse)
    assert paths(warehouse) == {("ads",): (0, 1), ("mail",): (0, 1)}


def test_a_conversion_is_found_by_ids_that_it_does_not_carry(warehouse: Warehouse) -> None:
    stitched(warehouse, seen(1, device_id=PHONE, android_id=PHONE, gaid=OLD_AD))
    insert_touches(warehouse, [clicked(1, "ads", 9, gaid=OLD_AD)])
    buy(warehouse, android_id=PHONE, device_id=PHONE)
    share_out(warehouse)
    assert paths(warehouse) == {("ads",): (1, 0)}


def test_an_install_after_a_reset_has_the_touches_of_both_ids(warehouse: Warehouse) -> None:
    stitched(warehouse, seen(1, device_id=PHONE, android_id=PHONE, gaid=OLD_AD))
    reinstalled = Event(
        message_id="again", occurred_at=NOON, device_key=PHONE, device_id=PHONE, android_id=PHONE,
        gaid=NEW_AD,
    )  # fmt: skip
    insert_events(warehouse, [reinstalled], landing_seq=2)
    Stitcher(warehouse, StillClock()).stitch(2)
    insert_touches(
        warehouse, [clicked(1, "ads", 9, gaid=OLD_AD), clicked(2, "mail", 5, gaid=NEW_AD)]
    )
    every_kind = INSTALLED.conversion.model_copy(update={"install_kinds": ("install", "reinstall")})
    journey = INSTALLED.model_copy(update={"models": RULES, "conversion": every_kind})
    build(warehouse, [journey], DAYS[-1:])
    assert paths(warehouse) == {("ads", "mail"): (1, 0)}


TABLET = PHONE.replace("aa", "cc")


def two_devices_of_one_user(warehouse: Warehouse) -> None:
    stitched(
        warehouse,
        seen(1, device_id=PHONE, android_id=PHONE, gaid=OLD_AD, user_id="ann"),
        seen(2, device_id=TABLET, android_id=TABLET, gaid=NEW_AD, user_id="ann"),
    )
    insert_touches(
        warehouse, [clicked(1, "ads", 9, gaid=OLD_AD), clicked(2, "mail", 5, gaid=NEW_AD)]
    )


def test_a_user_does_not_make_one_device_of_two(warehouse: Warehouse) -> None:
    two_devices_of_one_user(warehouse)
    buy(warehouse, gaid=NEW_AD)
    share_out(warehouse)
    assert paths(warehouse) == {("mail",): (1, 0), ("ads",): (0, 1)}


def test_a_touch_of_a_user_with_two_devices_belongs_to_neither(warehouse: Warehouse) -> None:
    two_devices_of_one_user(warehouse)
    insert_touches(warehouse, [clicked(3, "letter", 3, user_id="ann")])
    buy(warehouse, gaid=NEW_AD)
    share_out(warehouse)
    assert paths(warehouse) == {("mail",): (1, 0), ("ads",): (0, 1), ("letter",): (0, 1)}


def test_a_touch_of_a_user_with_two_devices_leads_to_what_the_user_does(
    warehouse: Warehouse,
) -> None:
    two_devices_of_one_user(warehouse)
    insert_touches(warehouse, [clicked(3, "letter", 3, user_id="ann")])
    buy(warehouse, gaid=NEW_AD, user_id="ann")
    share_out(warehouse)
    assert paths(warehouse) == {("mail", "letter"): (1, 0), ("ads",): (0, 1)}


def test_a_user_seen_with_one_device_alone_belongs_to_it(warehouse: Warehouse) -> None:
    stitched(warehouse, seen(1, device_id=PHONE, android_id=PHONE, gaid=OLD_AD, user_id="ann"))
    insert_touches(
        warehouse, [clicked(1, "letter", 9, user_id="ann"), clicked(2, "ads", 5, gaid=OLD_AD)]
    )
    share_out(warehouse)
    assert paths(warehouse) == {("letter", "ads"): (0, 1)}
    buy(warehouse, android_id=PHONE, device_id=PHONE)
    share_out(warehouse)
    assert paths(warehouse) == {("letter", "ads"): (1, 0)}


def test_ids_of_another_app_are_other_people(warehouse: Warehouse) -> None:
    stitched(
        warehouse,
        replace(seen(1, device_id=PHONE, android_id=PHONE, gaid=OLD_AD), app_id="other"),
        replace(seen(2, device_id=PHONE, android_id=PHONE, gaid=NEW_AD), app_id="other"),
    )
    insert_touches(
        warehouse, [clicked(1, "ads", 9, gaid=OLD_AD), clicked(2, "mail", 5, gaid=NEW_AD)]
    )
    share_out(warehouse)
    assert paths(warehouse) == {("ads",): (0, 1), ("mail",): (0, 1)}


def test_a_day_comes_out_the_same_in_several_buckets(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_devices_of_one_user(warehouse)
    insert_touches(warehouse, [clicked(3, "push", 3, android_id=PHONE)])
    share_out(warehouse)
    whole = str(content_hash(warehouse, "mart.journey_paths"))
    monkeypatch.setattr("unmogrowp.attribution.credit_build.TOUCHES_PER_BUCKET", 1)
    share_out(warehouse)
    assert str(content_hash(warehouse, "mart.journey_paths")) == whole
    assert paths(warehouse) == {("ads", "push"): (0, 1), ("mail",): (0, 1)}
