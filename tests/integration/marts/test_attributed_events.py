"""Events inherit the source of their device: first and dynamic view, users, revenue, restarts."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, StillClock, build_days, days_of, load
from tests.market.model import DAY, HOUR, MINUTE, Event, Touch, at
from tests.market.oracle import digest
from unmogrowp.attribution.events import EVENTS, build_events_day
from unmogrowp.rulesets import OURS, PRESETS
from unmogrowp.warehouse.content_hash import content_hash

N = at("2026-03-10T12:00:00")
PHONE = {"device_id": "dev", "android_id": "dev", "gaid": "gaid"}


def installed(age: int = 0, message_id: str = "m", **fields: Any) -> Event:
    return Event(message_id=message_id, occurred_at=N - age, **{**PHONE, **fields})


def bought(age: int, message_id: str, price: str | None = "1.50", **fields: Any) -> Event:
    return replace(
        installed(age, message_id, **fields),
        event_name="Order Completed",
        revenue=price,
        currency="EUR" if price else "",
    )


def clicked(age: int, touch_id: str = "c", **fields: Any) -> Touch:
    return Touch(touch_id=touch_id, touch_at=N - age, **{"gaid": "gaid", **fields})


# shape: (events, touches, {message: (attributed_by, first source, dynamic source)})
SHAPES: dict[str, tuple[list[Event], list[Touch], dict[str, tuple[str, str, str]]]] = {
    "an event follows its install": (
        [installed(HOUR), bought(0, "e")],
        [clicked(2 * HOUR)],
        {"e": ("device", "network", "network")},
    ),
    "an event at the instant of the install follows it": (
        [installed(), bought(0, "e")],
        [clicked(2 * HOUR)],
        {"e": ("device", "network", "network")},
    ),
    "an event without revenue follows it as well": (
        [installed(HOUR), bought(0, "e", None)],
        [],
        {"e": ("device", "organic", "organic")},
    ),
    "revenue before the install is unattributed": (
        [installed(0), bought(MINUTE, "e", platform="server")],
        [clicked(HOUR)],
        {"e": ("", "unattributed", "unattributed")},
    ),
    "without revenue and without an install there is no row": (
        [bought(0, "e", None, platform="web", device_key="browser")],
        [],
        {},
    ),
    "revenue of a browser without an install": (
        [bought(0, "e", platform="web", device_key="browser")],
        [],
        {"e": ("", "unattributed", "unattributed")},
    ),
    "a purchase on the web by the user of an install": (
        [installed(HOUR, user_id="u"), bought(0, "e", platform="web", device_key="b", user_id="u")],
        [clicked(2 * HOUR)],
        {"e": ("user_id", "network", "network")},
    ),
    "a purchase on the web by somebody else": (
        [installed(HOUR, user_id="u"), bought(0, "e", platform="web", device_key="b", user_id="v")],
        [clicked(2 * HOUR)],
        {"e": ("", "unattributed", "unattributed")},
    ),
    "the device goes before the user": (
        [
            installed(2 * HOUR, "m1", device_key="other", user_id="u", gaid="x", android_id="x"),
            installed(HOUR, "m2"),
            bought(0, "e", user_id="u"),
        ],
        [clicked(3 * HOUR)],
        {"e": ("device", "network", "network")},
    ),
    "a re-attribution moves the dynamic view only": (
        [installed(5 * DAY, "m1"), installed(HOUR, "m2"), bought(2 * DAY, "e1"), bought(0, "e2")],
        [
            clicked(5 * DAY + HOUR),
            clicked(2 * HOUR, "r", media_source="again", is_retargeting=True),
        ],
        {"e1": ("device", "network", "network"), "e2": ("device", "network", "again")},
    ),
    "an organic reinstall moves nothing": (
        [installed(60 * DAY, "m1"), installed(HOUR, "m2"), bought(0, "e")],
        [clicked(60 * DAY + HOUR)],
        {"e": ("device", "network", "network")},
    ),
    "a reinstall that a click won moves the dynamic view": (
        [installed(60 * DAY, "m1"), installed(HOUR, "m2"), bought(0, "e")],
        [clicked(60 * DAY + HOUR), clicked(2 * HOUR, "d", media_source="later")],
        {"e": ("device", "network", "later")},
    ),
    "after 91 days a reinstall is an install and both views move": (
        [installed(91 * DAY, "m1"), installed(HOUR, "m2"), bought(0, "e")],
        [clicked(91 * DAY + HOUR), clicked(2 * HOUR, "d", media_source="later")],
        {"e": ("device", "later", "later")},
    ),
    "revenue of the install event itself": (
        [replace(installed(), revenue="2.00", currency="EUR")],
        [clicked(HOUR)],
        {"m": ("device", "network", "network")},
    ),
}  # fmt: skip


def build_events(days: list[date], ruleset: Any = OURS) -> None:
    for day in days:
        build_events_day(engine(), ruleset, day, 1, StillClock())


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, tuple[str, str, str]]]:
    warehouse = engine()
    empty_tables(warehouse)
    markets = [
        Market(
            tuple(replace(one, app_id=shape) for one in events),
            tuple(replace(one, app_id=shape) for one in touches),
        )
        for shape, (events, touches, _) in SHAPES.items()
    ]
    load(warehouse, markets)
    build_days(warehouse, days_of(markets))
    build_events(days_of(markets))
    found: dict[str, dict[str, tuple[str, str, str]]] = {shape: {} for shape in SHAPES}
    for app_id, message_id, *said in warehouse.rows(
        "SELECT app_id, message_id, attributed_by, first_media_source, media_source"
        " FROM mart.attributed_events"
    ):
        found[app_id][message_id] = (said[0], said[1], said[2])
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_source_of_events(shape: str, rows: dict[str, dict[str, tuple[str, str, str]]]) -> None:
    assert rows[shape] == SHAPES[shape][2]


def test_no_revenue_is_lost_or_made(rows: dict[str, Any]) -> None:
    del rows
    sums = engine().rows(
        "SELECT app_id, currency, sum(revenue) FROM {table:Identifier} WHERE revenue IS NOT NULL"
        " GROUP BY app_id, currency ORDER BY app_id",
        {"table": "clean.events"},
    )
    assert sums == engine().rows(
        "SELECT app_id, currency, sum(revenue) FROM mart.attributed_events"
        " WHERE revenue IS NOT NULL GROUP BY app_id, currency ORDER BY app_id"
    )
    assert len(sums) == 12


def test_events_know_their_install_and_how_long_ago_it_was(rows: dict[str, Any]) -> None:
    del rows
    app = "a re-attribution moves the dynamic view only"
    found = engine().rows(
        "SELECT message_id, install_id, since_install_ms, first_conversion_id, conversion_id,"
        " conversion_kind FROM mart.attributed_events WHERE app_id = {app:String} ORDER BY 1",
        {"app": app},
    )
    one, two = (digest(app, "device", number) for number in ("1", "2"))
    assert found == [
        ("e1", one, 3 * DAY, one, one, "install"),
        ("e2", two, HOUR, one, two, "re_attribution"),
    ]


def test_a_re_engagement_moves_the_dynamic_view_within_its_window(rows: dict[str, Any]) -> None:
    del rows
    ruleset = PRESETS["adjust_like"]
    opened = replace(installed(40 * DAY, "o"), event_name="Application Opened")
    events = [
        installed(60 * DAY), opened, bought(40 * DAY + 1, "before"), bought(40 * DAY, "at once"),
        bought(10 * DAY, "at the edge"), bought(10 * DAY - 1, "after"),
        bought(39 * DAY, "on the web", platform="web", device_key="b", user_id="u"),
    ]  # fmt: skip
    events = [replace(one, user_id="u") for one in events]
    # The purchase a ms before the opening would end the pause, so it is by another device.
    events[2] = replace(events[2], device_key="c", platform="web")
    touches = [
        clicked(60 * DAY + HOUR),
        clicked(40 * DAY + HOUR, "r", media_source="again", is_retargeting=True),
    ]
    market = Market(
        tuple(replace(one, app_id="back") for one in events),
        tuple(replace(one, app_id="back") for one in touches),
    )
    load(engine(), [market])
    build_days(engine(), days_of([market]), ruleset)
    build_events(days_of([market]), ruleset)
    found = engine().rows(
        "SELECT message_id, first_media_source, media_source, conversion_kind, install_id,"
        " since_install_ms FROM mart.attributed_events"
        " WHERE app_id = 'back' AND ruleset_id = 'adjust_like' ORDER BY occurred_at, message_id"
    )
    install_id = digest("back", "device", "1")
    assert [(row[0], *row[1:4]) for row in found] == [
        ("before", "network", "network", "install"),
        ("at once", "network", "again", "re_engagement"),
        ("o", "network", "again", "re_engagement"),
        ("on the web", "network", "again", "re_engagement"),
        ("at the edge", "network", "again", "re_engagement"),
        ("after", "network", "network", "install"),
    ]
    assert {row[4] for row in found} == {install_id}
    assert found[2][5] == 20 * DAY


def test_buckets_repetition_and_other_rulesets_change_nothing(
    rows: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    del rows
    before = content_hash(engine(), EVENTS, "ruleset_id = 'ours'")
    monkeypatch.setattr("unmogrowp.attribution.events.EVENTS_PER_BUCKET", 2)
    build_events([date(2026, 3, 10)])
    build_days(engine(), [date(2026, 3, 10)], PRESETS["adjust_like"])
    build_events([date(2026, 3, 10)], PRESETS["adjust_like"])
    assert content_hash(engine(), EVENTS, "ruleset_id = 'ours'") == before
