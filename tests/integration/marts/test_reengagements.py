"""Re-engagements by shape: an app each, and exactly the rows that the shape says."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import (
    Market,
    StillClock,
    actual_rows,
    build_installs,
    days_of,
    decide_days,
    expected_rows,
    load,
)
from tests.market.model import DAY, HOUR, MINUTE, SECOND, Event, Touch, at
from tests.market.oracle import digest
from unmogrowp.attribution.openings import OPENINGS, build_openings_day
from unmogrowp.clock import utc
from unmogrowp.rulesets import Ruleset, parse_ruleset
from unmogrowp.warehouse.content_hash import content_hash
from unmogrowp.warehouse.day_build import Built

# The instant of the opening that a shape is about.
N = at("2026-03-10T12:00:00")


def ruleset(name: str, reengagement: str, more: str = "") -> Ruleset:
    return parse_ruleset(f"""
ruleset_id: {name}
rules:
  - {{touch_type: click, method: click_id, window: 7d, tier: 1}}
  - {{touch_type: click, method: device_id, window: 7d, tier: 1}}
  - {{touch_type: impression, method: device_id, window: 24h, tier: 3}}
reengagement: {reengagement}
{more}
""")


BLOCKING = """
fraud:
  - {rule_id: click_injection.ctit_short, mode: block, parameters: {min_ctit_ms: 1000}}
  - {rule_id: hyper_engagement, mode: block, parameters: {max_per_hour: 2, max_per_day: 100}}
"""
AFTER_A_WEEK = ruleset("after_a_week", "{is_on: true, inactivity: 7d, window: 30d}", BLOCKING)
EVERY_TIME = ruleset("every_time", "{is_on: true, inactivity: 0d, window: 30d}")
OFF = ruleset("off", "{is_on: false, inactivity: 7d, window: 30d}")


def installed(age: int = 60 * DAY, message_id: str = "m", **fields: Any) -> Event:
    return Event(message_id=message_id, occurred_at=N - age, **{"gaid": "gaid", **fields})


def opened(age: int = 0, message_id: str = "o", **fields: Any) -> Event:
    return replace(installed(age, message_id, **fields), event_name="Application Opened")


def asked(age: int, touch_id: str = "r", **fields: Any) -> Touch:
    """Return a retargeting click at some age before the opening."""
    given = {"gaid": "gaid", "is_retargeting": True, "media_source": "net_r", **fields}
    return Touch(touch_id=touch_id, touch_at=N - age, **given)


def shown(age: int, touch_id: str = "i", **fields: Any) -> Touch:
    return replace(asked(age, touch_id, **fields), touch_type="impression")


@dataclass(frozen=True)
class Shape:
    """`found`: of each opening that converted, the winner, and what became of every touch."""

    events: tuple[Event, ...]
    touches: tuple[Touch, ...]
    found: dict[str, tuple[str, dict[str, int | str]]]
    under: Ruleset = AFTER_A_WEEK


def shape(
    events: list[Event],
    touches: list[Touch],
    found: dict[str, tuple[str, dict[str, int | str]]] | None = None,
    under: Ruleset = AFTER_A_WEEK,
) -> Shape:
    return Shape(tuple(events), tuple(touches), found or {}, under)


WON: dict[str, tuple[str, dict[str, int | str]]] = {"o": ("r", {"r": 1})}

SHAPES: dict[str, Shape] = {
    "a click brings an organic install back": shape([installed(), opened()], [asked(HOUR)], WON),
    "at the far edge of the window": shape([installed(), opened()], [asked(7 * DAY)], WON),
    "one ms outside the window": shape([installed(), opened()], [asked(7 * DAY + 1)]),
    "at the instant of the opening": shape([installed(), opened()], [asked(0)], WON),
    "one ms after the opening": shape([installed(), opened()], [asked(-1)]),
    "a deep link opens within a second, and that is no injected click": shape(
        [installed(), opened()], [asked(300)], WON
    ),
    "an impression at the edge of its window": shape(
        [installed(), opened()], [shown(DAY)], {"o": ("i", {"i": 1})}
    ),
    "an impression one ms outside": shape([installed(), opened()], [shown(DAY + 1)]),
    "a click goes before a later impression": shape(
        [installed(), opened()],
        [asked(DAY), shown(HOUR)],
        {"o": ("r", {"r": 1, "i": 2})},
    ),
    "inactive for exactly as long as asked": shape(
        [installed(), opened(7 * DAY, "before"), opened()], [asked(HOUR)], WON
    ),
    "inactivity one ms too short": shape(
        [installed(), opened(7 * DAY - 1, "before"), opened()], [asked(HOUR)]
    ),
    "an event of any kind ends inactivity": shape(
        [installed(), replace(opened(DAY, "web"), platform="web", event_name=""), opened()],
        [asked(HOUR)],
    ),
    "another event brings back as well after a pause": shape(
        [installed(), replace(opened(), event_name="Order Completed")], [asked(HOUR)], WON
    ),
    "an event of a server is no opening": shape(
        [installed(), opened(platform="server")], [asked(HOUR)]
    ),
    "off": shape([installed(), opened()], [asked(HOUR)], {}, OFF),
    "without a touch there is no row": shape([installed(), opened()], []),
    "only touches that are not retargeting": shape(
        [installed(), opened()], [asked(HOUR, is_retargeting=False)]
    ),
    "touches that are not retargeting are refused beside the winner": shape(
        [installed(), opened()],
        [asked(2 * DAY), asked(HOUR, "a", is_retargeting=False), asked(7 * DAY + 1, "old")],
        {"o": ("r", {"r": 1, "a": "not_retargeting", "old": "outside_window"})},
    ),
    "the later of two retargeting clicks wins": shape(
        [installed(), opened()],
        [asked(2 * DAY), asked(HOUR, "later")],
        {"o": ("later", {"later": 1, "r": 2})},
    ),
    "a retargeting click of another app": shape(
        [installed(), opened()], [asked(HOUR, app_id="another app")]
    ),
    "of another device": shape([installed(), opened()], [asked(HOUR, gaid="other")]),
    "by the click id that the deep link carries": shape(
        [installed(), opened(properties={"click_id": "K"})],
        [asked(HOUR, gaid="", click_id="K")],
        WON,
    ),
    "by the click id of the context": shape(
        [installed(), opened(context={"campaign": {"click_id": "K"}})],
        [asked(HOUR, gaid="", click_id="K")],
        WON,
    ),
    "a click id that says nothing": shape(
        [installed(), opened(gaid="", properties={"click_id": "{click_id}"})],
        [asked(HOUR, gaid="", click_id="{click_id}")],
    ),
    "a reinstall between touch and opening": shape(
        [installed(), installed(8 * DAY + HOUR, "again"), opened(DAY)], [asked(8 * DAY + 2 * HOUR)]
    ),
    "a reinstall before the touch": shape(
        [installed(), installed(8 * DAY, "again"), opened()], [asked(HOUR)], WON
    ),
    "a touch at the instant of the install belongs to it": shape(
        [installed(7 * DAY), opened()], [asked(7 * DAY)]
    ),
    "a touch one ms after the install": shape(
        [installed(7 * DAY), opened()], [asked(7 * DAY - 1)], WON
    ),
    "the first event of a device is its install": shape([opened()], [asked(HOUR)]),
    "after an implied install": shape([opened(20 * DAY, "first"), opened()], [asked(HOUR)], WON),
    "one touch, one conversion: the first opening takes it": shape(
        [installed(), opened(HOUR, "first"), opened()],
        [asked(2 * HOUR)],
        {"first": ("r", {"r": 1})},
        EVERY_TIME,
    ),
    "two re-engagements by a touch each": shape(
        [installed(), opened(3 * HOUR, "first"), opened()],
        [asked(4 * HOUR, "r1"), asked(HOUR, "r2")],
        {"first": ("r1", {"r1": 1}), "o": ("r2", {"r2": 1, "r1": "earlier_opening"})},
        EVERY_TIME,
    ),
    "what lost before does not win later": shape(
        [installed(), opened(HOUR, "first"), opened()],
        [asked(3 * HOUR, "r1"), asked(2 * HOUR, "r2")],
        {"first": ("r2", {"r2": 1, "r1": 2})},
        EVERY_TIME,
    ),
    "taken on another day": shape(
        [installed(), opened(DAY, "first"), opened()],
        [asked(2 * DAY, "r1"), asked(HOUR, "r2")],
        {"first": ("r1", {"r1": 1}), "o": ("r2", {"r2": 1, "r1": "earlier_opening"})},
        EVERY_TIME,
    ),
    "each time counts without a pause, other events do not": shape(
        [installed(), opened(MINUTE, "before"), replace(opened(), event_name="Order Completed")],
        [asked(SECOND)],
        {},
        EVERY_TIME,
    ),
    "a deep link is an opening": shape(
        [installed(), opened(SECOND, "before"), replace(opened(), event_name="Deep Link Opened")],
        [asked(500)],
        WON,
        EVERY_TIME,
    ),
    "right after the install without a pause": shape(
        [installed(HOUR), opened()], [asked(MINUTE)], WON, EVERY_TIME
    ),
    "a blocked touch wins nothing and is not passed on": shape(
        [installed(), opened()],
        [asked(30 * MINUTE + number, f"r{number}") for number in range(3)],
    ),
    "a late opening": shape([installed(), opened(received_at=N + 9 * DAY)], [asked(HOUR)], WON),
    "a late touch": shape([installed(), opened()], [asked(HOUR, received_at=N + 9 * DAY)], WON),
    "two devices, one user": shape(
        [installed(), opened(), installed(50 * DAY, "m2", device_key="d2", gaid="g2")],
        [asked(HOUR)],
        WON,
    ),
}


def market_of(name: str) -> Market:
    one = SHAPES[name]
    return Market(
        tuple(replace(event, app_id=name) for event in one.events),
        tuple(
            touch if touch.app_id == "another app" else replace(touch, app_id=name)
            for touch in one.touches
        ),
    )


@pytest.fixture(scope="module")
def decided() -> dict[str, dict[str, Any]]:
    warehouse = engine()
    empty_tables(warehouse)
    markets = {name: market_of(name) for name in SHAPES}
    load(warehouse, markets.values())
    build_installs(warehouse, days_of(markets.values()))
    found: dict[str, dict[str, Any]] = {}
    for under in (AFTER_A_WEEK, EVERY_TIME, OFF):
        names = [name for name, one in SHAPES.items() if one.under is under]
        decide_days(warehouse, days_of(markets[name] for name in names), under)
        rows = actual_rows(warehouse, under)
        found |= {name: rows[name] for name in names}
    return found


@pytest.mark.parametrize("name", SHAPES)
def test_exactly_these_openings_are_re_engagements(
    name: str, decided: dict[str, dict[str, Any]]
) -> None:
    tables, one = decided[name], SHAPES[name]
    messages = {row["conversion_id"]: row for row in tables["openings"]}
    decisions = [row for row in tables["decisions"] if row["conversion_kind"] == "re_engagement"]
    found = {
        messages[row["conversion_id"]]["source_message_id"]: (
            row["touch_id"],
            {
                each["touch_id"]: each["rank"] or each["reason"]
                for each in tables["candidates"]
                if each["conversion_id"] == row["conversion_id"]
            },
        )
        for row in decisions
    }
    assert found == one.found
    considered = [row for row in tables["candidates"] if row["conversion_id"] in messages]
    assert len(considered) == sum(len(ranks) for _, ranks in one.found.values())
    installs = [row for row in tables["decisions"] if row["conversion_kind"] != "re_engagement"]
    assert [row["conversion_id"] for row in installs] == [
        row["install_id"] for row in tables["installs"]
    ], "each install is decided exactly once"


@pytest.mark.parametrize("name", SHAPES)
def test_the_oracle_says_the_same(name: str, decided: dict[str, dict[str, Any]]) -> None:
    assert decided[name] == expected_rows(market_of(name), SHAPES[name].under)


def test_the_whole_row_of_a_re_engagement(decided: dict[str, dict[str, Any]]) -> None:
    app_id = "the later of two retargeting clicks wins"
    install_id = digest(app_id, "device", "1")
    (row,) = [
        one for one in decided[app_id]["decisions"] if one["conversion_kind"] == "re_engagement"
    ]
    assert row == {
        "conversion_id": digest(app_id, install_id, "re_engagement", "o", str(N)),
        "install_id": install_id,
        "device_key": "device",
        "installed_at": N,
        "conversion_kind": "re_engagement",
        "is_organic": False,
        "organic_reason": "",
        "media_source": "net_r",
        "campaign": "",
        "touch_id": "later",
        "touch_type": "click",
        "touch_at": N - HOUR,
        "match_type": "device_id",
        "ctit_ms": HOUR,
        "window_ms": 7 * DAY,
        "candidate_count": 2,
        "eligible_count": 2,
        "assists": ("r",),
    }
    (evidence,) = engine().rows(
        "SELECT evidence FROM mart.attributed_installs WHERE conversion_id = {id:String}"
        " AND ruleset_id = 'after_a_week'",
        {"id": row["conversion_id"]},
    )
    assert evidence[0] == (
        '{"source_message_id":"o","event_name":"Application Opened",'
        f'"inactive_ms":{60 * DAY},"matched_on":["gaid"],"tier":1,"is_time_assumed":false}}'
    )


def test_an_opening_after_an_organic_install_leaves_the_install_organic(
    decided: dict[str, dict[str, Any]],
) -> None:
    rows = decided["a click brings an organic install back"]["decisions"]
    kinds = {row["conversion_kind"]: row["media_source"] for row in rows}
    assert kinds == {"install": "organic", "re_engagement": "net_r"}


def test_buckets_change_nothing(
    decided: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    del decided
    before = content_hash(engine(), OPENINGS)
    assert before.row_count > len(SHAPES) / 2
    monkeypatch.setattr("unmogrowp.attribution.openings.EVENTS_PER_BUCKET", 7)
    build_openings_day(engine(), utc(N).date(), 1, StillClock())
    assert content_hash(engine(), OPENINGS) == before


def test_a_day_on_which_nobody_came_back_is_published_empty() -> None:
    warehouse = engine()
    empty_tables(warehouse)

    built: Built = build_openings_day(warehouse, utc(N).date(), 1, StillClock())
    assert built.row_counts == {"mart.openings": 0}
