"""Stories of decisions: whole sentences, exactly these."""

import json
from dataclasses import replace

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, build_days, days_of, load
from tests.market.model import DAY, HOUR, MINUTE, Event, Touch, at
from tests.market.oracle import digest
from unmogrowp.attribution.explain import InstallUnknown, explain
from unmogrowp.rulesets import OURS

N = at("2026-03-10T12:00:00")

INSTALL = Event(
    app_id="won", message_id="m", device_key="phone-1", device_id="phone-1", android_id="phone-1",
    gaid="ad-1", occurred_at=N,
    properties={
        "click_id": "K1",
        "install_referrer": {
            "install_referrer": "utm_source=net_r&utm_campaign=spring",
            "referrer_click_timestamp_server_seconds": N // 1000 - 8 * 86_400,
        },
    },
)  # fmt: skip
MARKETS = [
    Market(
        (INSTALL,),
        (
            Touch(app_id="won", touch_id="c1", media_source="net_a", campaign="summer",
                  click_id="K9", gaid="ad-1", touch_at=N - 5 * HOUR - 3 * MINUTE),
            Touch(app_id="won", touch_id="c0", media_source="net_b", gaid="ad-1",
                  touch_at=N - 2 * DAY),
            Touch(app_id="won", touch_id="i1", touch_type="impression", media_source="net_c",
                  gaid="ad-1", touch_at=N - MINUTE),
            Touch(app_id="won", touch_id="late", media_source="net_d", gaid="ad-1",
                  touch_at=N + 500),
        ),
    ),
    Market((replace(INSTALL, app_id="none", properties={}),)),
    Market(
        (
            Event(app_id="refused", message_id="a", device_key="p", platform="ios",
                  event_name="Application Opened", occurred_at=N - 3 * DAY, idfa="ID"),
            Event(app_id="refused", message_id="b", device_key="p", platform="ios",
                  occurred_at=N, idfa="ID"),
        ),
        (Touch(app_id="refused", touch_id="i", touch_type="impression", idfa="ID",
               media_source="net_a", touch_at=N - DAY - 1),),
    ),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, MARKETS)
    build_days(warehouse, days_of(MARKETS))


def tail(install_id: str) -> str:
    rows = engine().rows(
        "SELECT decision_id FROM mart.attributed_installs WHERE install_id = {id:String}",
        {"id": install_id},
    )
    return f"Decision {rows[0][0]} under ruleset ours ({OURS.config_hash[:12]})."


def test_a_won_install_names_the_winner_and_why_each_other_lost() -> None:
    install_id = digest("won", "phone-1", "1")
    assert list(explain(engine(), install_id).sentences) == [
        "Device phone-1 (android) has the first install of app won at 2026-03-10 12:00:00.000 UTC.",
        "It carries click id K1 and device ids gaid, android_id.",
        "Its store referrer names net_r, campaign spring, clicked at 2026-03-02 12:00:00.000 UTC.",
        "5 touches were considered, of which 3 could win.",
        "Winner: click of net_a, campaign summer, 5 hours 3 minutes before the install, matched by"
        " the device id (gaid), whose window for clicks is 7 days.",
        "Lost: click of net_b, 2 days before the install: the winner is later.",
        "Lost: impression of net_c, 1 minute before the install: a matched click comes before it,"
        " whatever the time.",
        "Refused: click of net_d, 500 ms after the install: a touch after the install is never"
        " credited.",
        "Refused: click of net_r, campaign spring, made from the store referrer, 8 days before the"
        " install: outside the window of 7 days for clicks matched by the store referrer.",
        "So the install belongs to net_a.",
        tail(install_id),
    ]


def test_an_install_without_touches_says_so() -> None:
    install_id = digest("none", "phone-1", "1")
    assert list(explain(engine(), install_id).sentences) == [
        "Device phone-1 (android) has the first install of app none at 2026-03-10 12:00:00.000"
        " UTC.",
        "It carries device ids gaid, android_id.",
        "No touch of this app shares an id with it in the time that any window reaches back, so it"
        " is organic.",
        tail(install_id),
    ]


def test_a_reinstall_whose_only_touch_was_refused_says_so() -> None:
    install_id = digest("refused", "p", "2")
    assert list(explain(engine(), install_id).sentences) == [
        "Device p (ios) has install number 2 of app refused at 2026-03-10 12:00:00.000 UTC, 3 days"
        " after the one before; this ruleset counts it as a reinstall.",
        "It carries device id idfa.",
        "1 touch was considered, of which none could win.",
        "Refused: impression of net_a, 1 day 1 ms before the install: outside the window of 1 day"
        " for impressions matched by the device id.",
        "So it is organic; the best of the refused touches was outside its window.",
        tail(install_id),
    ]


def test_an_implied_install_says_what_implies_it() -> None:
    first = explain(engine(), digest("refused", "p", "1")).sentences[0]
    assert "implied by its first event" in first


def test_a_story_is_json() -> None:
    story = explain(engine(), digest("won", "phone-1", "1")).as_json()
    again = json.loads(json.dumps(story))
    assert again["install"]["installed_at"] == "2026-03-10T12:00:00Z"
    assert again["install"]["is_organic"] is False
    assert [one["touch_id"] for one in again["candidates"]][:3] == ["c1", "c0", "i1"]


def test_an_unknown_install_and_an_undecided_one_are_told_apart() -> None:
    with pytest.raises(InstallUnknown, match="there is no install"):
        explain(engine(), "nothing")
    with pytest.raises(InstallUnknown, match="no decision under trial yet"):
        explain(engine(), digest("won", "phone-1", "1"), "trial")
