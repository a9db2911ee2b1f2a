"""Decisions by shape: i impressions, c clicks, n installs, r store referrers; @ age at install.

Every scenario is an app of its own, all are built in the same statements, and the rows must be
exactly these.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, actual_rows, build_days, days_of, load
from tests.market.model import DAY, HOUR, INSTALLED, MINUTE, SECOND, Event, Touch, at
from tests.market.oracle import digest

N = at("2026-03-10T12:00:00")
ZERO = "00000000-0000-0000-0000-000000000000"

OUT = "outside_window"
AFTER = "after_install"


def n(age: int = 0, message_id: str = "m", **fields: Any) -> Event:
    return Event(
        message_id=message_id, occurred_at=N - age,
        **{"device_id": "dev", "android_id": "dev", "gaid": "gaid", **fields},
    )  # fmt: skip


def opened(age: int = 0, message_id: str = "o", **fields: Any) -> Event:
    return replace(n(age, message_id, **fields), event_name="Application Opened")


def c(age: int, touch_id: str = "c", **fields: Any) -> Touch:
    return Touch(touch_id=touch_id, touch_at=N - age, **{"gaid": "gaid", **fields})


def i(age: int, touch_id: str = "i", **fields: Any) -> Touch:
    return replace(c(age, touch_id, **fields), touch_type="impression")


def referrer(query: str, **clocks: int) -> dict[str, Any]:
    return {"properties": {"install_referrer": {"install_referrer": query, **clocks}}}


@dataclass(frozen=True)
class Scenario:
    """`won` is the touch that wins the (last) install; `ranks` says what became of every touch."""

    shape: str
    events: tuple[Event, ...]
    touches: tuple[Touch, ...]
    won: str = ""
    by: str = ""
    ctit_ms: int | None = None
    organic: str = ""
    ranks: dict[str, int | str] = field(default_factory=dict)


def won(shape: str, events: Any, touches: Any, touch_id: str, by: str, ctit_ms: int | None,
        ranks: dict[str, int | str] | None = None) -> Scenario:  # fmt: skip
    return Scenario(shape, _many(events), _many(touches), touch_id, by, ctit_ms, "",
                    ranks or {touch_id: 1})  # fmt: skip


def organic(shape: str, events: Any, touches: Any, reason: str,
            ranks: dict[str, int | str] | None = None) -> Scenario:  # fmt: skip
    return Scenario(shape, _many(events), _many(touches), organic=reason, ranks=ranks or {})


def _many(one_or_more: Any) -> tuple[Any, ...]:
    return tuple(one_or_more) if isinstance(one_or_more, list | tuple) else (one_or_more,)


CLICKED = {"properties": {"click_id": "K1"}}
PAID = "utm_source=net_r&utm_campaign=spring"
NOW_S = N // 1000

SCENARIOS = [
    # windows of clicks: 7 days, both edges in, to the millisecond
    won("1c_1n", n(), c(HOUR), "c", "device_id", HOUR),
    won("c@-0ms_n", n(), c(0), "c", "device_id", 0),
    won("c@-1ms_n", n(), c(1), "c", "device_id", 1),
    organic("c@+1ms_n", n(), c(-1), AFTER, {"c": AFTER}),
    won("c@-6d23h59m_n", n(), c(7 * DAY - MINUTE), "c", "device_id", 7 * DAY - MINUTE),
    won("c@-7d+1ms_n", n(), c(7 * DAY - 1), "c", "device_id", 7 * DAY - 1),
    won("c@-7d_n", n(), c(7 * DAY), "c", "device_id", 7 * DAY),
    organic("c@-7d1ms_n", n(), c(7 * DAY + 1), OUT, {"c": OUT}),
    organic("c@-8d_n is kept as refused", n(), c(8 * DAY), OUT, {"c": OUT}),
    organic("c@-8d1ms_n is not looked at", n(), c(8 * DAY + 1), "no_touch"),
    organic("c@+24h_n is kept as refused", n(), c(-DAY), AFTER, {"c": AFTER}),
    organic("c@+24h1ms_n is not looked at", n(), c(-DAY - 1), "no_touch"),
    won("c@-7d_n by click id", n(**CLICKED), c(7 * DAY, click_id="K1", gaid=""), "c", "click_id",
        7 * DAY),
    organic("c@-7d1ms_n by click id", n(**CLICKED), c(7 * DAY + 1, click_id="K1", gaid=""), OUT,
            {"c": OUT}),
    # windows of impressions: 24 hours
    won("1i_1n", n(), i(HOUR), "i", "device_id", HOUR),
    won("i@-0ms_n", n(), i(0), "i", "device_id", 0),
    won("i@-24h+1ms_n", n(), i(DAY - 1), "i", "device_id", DAY - 1),
    won("i@-24h_n", n(), i(DAY), "i", "device_id", DAY),
    organic("i@-24h1ms_n", n(), i(DAY + 1), OUT, {"i": OUT}),
    organic("i@+1ms_n", n(), i(-1), AFTER, {"i": AFTER}),
    won("i@-24h_n by click id", n(**CLICKED), i(DAY, click_id="K1", gaid=""), "i", "click_id", DAY),
    organic("i@-24h1ms_n by click id", n(**CLICKED), i(DAY + 1, click_id="K1", gaid=""), OUT,
            {"i": OUT}),
    # the order: tier, then time, then method, then touch id
    won("1i_1c_1n: an old click before a new impression", n(), [c(6 * DAY), i(MINUTE)], "c",
        "device_id", 6 * DAY, {"c": 1, "i": 2}),
    won("2c_1n: the later click", n(), [c(2 * HOUR, "c1"), c(HOUR, "c2")], "c2", "device_id", HOUR,
        {"c2": 1, "c1": 2}),
    won("2i_1n: the later impression", n(), [i(2 * HOUR, "i1"), i(HOUR, "i2")], "i2", "device_id",
        HOUR, {"i2": 1, "i1": 2}),
    won("1i_2c_1n", n(), [i(5 * MINUTE), c(3 * HOUR, "c1"), c(2 * HOUR, "c2")], "c2", "device_id",
        2 * HOUR, {"c2": 1, "c1": 2, "i": 3}),
    won("2c@same_n: the smaller touch id", n(), [c(HOUR, "b"), c(HOUR, "a")], "a", "device_id",
        HOUR, {"a": 1, "b": 2}),
    won("2c@same_n: click id before device id", n(**CLICKED),
        [c(HOUR, "a"), c(HOUR, "b", click_id="K1", gaid="")], "b", "click_id", HOUR,
        {"b": 1, "a": 2}),
    won("1ms decides between two clicks", n(), [c(HOUR, "a"), c(HOUR - 1, "b")], "b", "device_id",
        HOUR - 1, {"b": 1, "a": 2}),
    won("1c_1n in several ways is one candidate", n(**CLICKED), c(HOUR, click_id="K1"), "c",
        "click_id", HOUR),
    won("3c_1n: assists in rank order", n(),
        [c(3 * HOUR, "x"), c(HOUR, "y"), c(2 * HOUR, "z")], "y", "device_id", HOUR,
        {"y": 1, "z": 2, "x": 3}),
    won("a refused click does not hide an eligible impression", n(), [c(7 * DAY + 1), i(HOUR)], "i",
        "device_id", HOUR, {"i": 1, "c": OUT}),
    won("a click after the install does not hide one before it", n(), [c(-1, "late"), c(HOUR)], "c",
        "device_id", HOUR, {"c": 1, "late": AFTER}),
    organic("the best refused gives the reason: click before impression", n(),
            [c(7 * DAY + 1), i(-1)], OUT, {"c": OUT, "i": AFTER}),
    organic("the best refused gives the reason: the later click", n(),
            [c(7 * DAY + 1, "old"), c(-1, "new")], AFTER, {"old": OUT, "new": AFTER}),
    # ids
    organic("1n", n(), [], "no_touch"),
    organic("1c_1n of another device", n(), c(HOUR, gaid="other"), "no_touch"),
    organic("blank ids never match", n(gaid="", device_id="", android_id=""),
            c(HOUR, gaid="", click_id=""), "no_touch"),
    organic("zero ids never match", n(gaid=ZERO, device_id="", android_id=""), c(HOUR, gaid=ZERO),
            "no_touch"),
    won("a zero id beside a real one is no obstacle", n(idfa=ZERO), c(HOUR, idfa=ZERO), "c",
        "device_id", HOUR),
    won("by idfa", n(idfa="IDFA", platform="ios"), c(HOUR, gaid="", idfa="IDFA"), "c", "device_id",
        HOUR),
    won("by idfv", n(idfv="dev", platform="ios"), c(HOUR, gaid="", idfv="dev"), "c", "device_id",
        HOUR),
    won("by android id", n(), c(HOUR, gaid="", android_id="dev"), "c", "device_id", HOUR),
    won("by the device id of an unknown platform", n(android_id="", platform=""),
        c(HOUR, gaid="", idfv="dev"), "c", "device_id", HOUR),
    organic("an idfa is no gaid", n(), c(HOUR, gaid="", idfa="gaid"), "no_touch"),
    organic("a user id alone does not match under this ruleset", n(user_id="u"),
            c(HOUR, gaid="", user_id="u"), "no_touch"),
    organic("click ids keep their case", n(**CLICKED), c(HOUR, gaid="", click_id="k1"), "no_touch"),
    organic("an unexpanded macro is no click id", n(properties={"click_id": "{click_id}"}),
            c(HOUR, gaid="", click_id="{click_id}"), "no_touch"),
    organic("null is no click id", n(properties={"click_id": "NULL"}),
            c(HOUR, gaid="", click_id="NULL"), "no_touch"),
    won("a number is a click id", n(properties={"click_id": 77}),
        c(HOUR, gaid="", click_id="77"), "c", "click_id", HOUR),
    # where a click id is found, and which comes first
    won("click id from the referrer text",
        n(properties={"install_referrer": "utm_medium=organic&click_id=K%2B1"}),
        c(HOUR, gaid="", click_id="K+1"), "c", "click_id", HOUR),
    won("click id from the referrer object", n(**referrer("clickid=K1")),
        c(HOUR, gaid="", click_id="K1"), "c", "click_id", HOUR),
    won("click id from gclid", n(**referrer("gclid=G1")), c(HOUR, gaid="", click_id="G1"), "c",
        "click_id", HOUR),
    won("click id from context.campaign", n(context={"campaign": {"click_id": "K1"}}),
        c(HOUR, gaid="", click_id="K1"), "c", "click_id", HOUR),
    won("click id from context.referrer", n(context={"referrer": {"id": "K1"}}),
        c(HOUR, gaid="", click_id="K1"), "c", "click_id", HOUR),
    won("properties before referrer", n(properties={"click_id": "K1", "install_referrer":
        "click_id=K2"}), [c(HOUR, "one", gaid="", click_id="K1"),
        c(MINUTE, "two", gaid="", click_id="K2")], "one", "click_id", HOUR),
    won("an unusable one lets the next speak", n(properties={"click_id": "0", "install_referrer":
        "click_id=__CLICK__&clickid=K2"}), c(HOUR, gaid="", click_id="K2"), "c", "click_id", HOUR),
    # store referrers
    won("r_1n with the server's clock",
        n(**referrer(PAID, referrer_click_timestamp_server_seconds=NOW_S - 60,
                     referrer_click_timestamp_seconds=NOW_S - 5)), [], "r", "referrer",
        60 * SECOND),
    won("r_1n with the phone's clock corrected",
        n(clock_skew_ms=2_500, **referrer(PAID, referrer_click_timestamp_seconds=NOW_S - 60)), [],
        "r", "referrer", 57_500),
    won("r_1n without a clock has no click-to-install time", n(**referrer(PAID)), [], "r",
        "referrer", None),
    won("r_1n with clocks of zero",
        n(**referrer(PAID, referrer_click_timestamp_server_seconds=0,
                     referrer_click_timestamp_seconds=0)), [], "r", "referrer", None),
    won("r@-7d_n", n(**referrer(PAID, referrer_click_timestamp_server_seconds=NOW_S - 7 * 86_400)),
        [], "r", "referrer", 7 * DAY),
    organic("r@-7d1s_n",
            n(**referrer(PAID, referrer_click_timestamp_server_seconds=NOW_S - 7 * 86_400 - 1)),
            [], OUT, {"r": OUT}),
    organic("r@+1s_n", n(**referrer(PAID, referrer_click_timestamp_server_seconds=NOW_S + 1)), [],
            AFTER, {"r": AFTER}),
    won("r_1n by gclid is google_ads", n(**referrer("gclid=G1&utm_medium=organic")), [], "r",
        "referrer", None),
    organic("google-play is organic", n(**referrer("utm_source=google-play&utm_medium=organic")),
            [], "no_touch"),
    organic("(not set) is organic", n(**referrer("utm_source=(not%20set)&utm_medium=(not%20set)")),
            [], "no_touch"),
    organic("(direct) is organic", n(**referrer("utm_source=(direct)")), [], "no_touch"),
    organic("medium organic is organic", n(**referrer("utm_source=net_r&utm_medium=organic")), [],
            "no_touch"),
    won("a landed click takes the referrer's place",
        n(**referrer(f"{PAID}&click_id=K1", referrer_click_timestamp_server_seconds=NOW_S - 60)),
        c(2 * MINUTE, gaid="", click_id="K1"), "c", "click_id", 2 * MINUTE),
    organic("a landed click takes the referrer's place even where it is refused",
            n(**referrer(f"{PAID}&click_id=K1")), c(7 * DAY + 1, gaid="", click_id="K1"), OUT,
            {"c": OUT}),
    won("a landed impression does not take the referrer's place",
        n(**referrer(f"{PAID}&click_id=K1", referrer_click_timestamp_server_seconds=NOW_S - 60)),
        i(MINUTE, gaid="", click_id="K1"), "r", "referrer", 60 * SECOND, {"r": 1, "i": 2}),
    won("a click by device id stays beside the referrer",
        n(**referrer(PAID, referrer_click_timestamp_server_seconds=NOW_S - 60)), c(SECOND), "c",
        "device_id", SECOND, {"c": 1, "r": 2}),
    won("at the same instant the referrer wins",
        n(**referrer(PAID, referrer_click_timestamp_server_seconds=NOW_S - 60)),
        c(60 * SECOND, "a"), "r", "referrer", 60 * SECOND, {"r": 1, "a": 2}),
    # copies, lateness, midnight
    won("a touch received 40 days late still wins", n(), c(HOUR, received_at=N + 40 * DAY), "c",
        "device_id", HOUR),
    won("a second copy after the horizon is one candidate", n(),
        [c(HOUR), c(HOUR, received_at=N + 31 * DAY, campaign="again", offset=1)], "c", "device_id",
        HOUR),
    won("c_before_midnight_n_after_it", n(-12 * HOUR), c(-12 * HOUR + 1), "c", "device_id", 1),
    organic("n_before_midnight_c_after_it", n(-12 * HOUR + 1), c(-12 * HOUR), AFTER, {"c": AFTER}),
    won("the install is when the app was opened, not when the download began",
        n(**referrer("", install_begin_timestamp_server_seconds=NOW_S - 300)), c(MINUTE), "c",
        "device_id", MINUTE),
    # two devices, two users
    won("two devices of one user: only the device that was touched",
        [n(1, "m1", gaid="other", device_id="d2", android_id="d2", device_key="d2", user_id="u"),
         n(0, "m2", user_id="u")], c(HOUR), "c", "device_id", HOUR),
    won("one device of two users keeps its touch",
        [opened(2 * HOUR, user_id="one"), n(HOUR, user_id="two")], c(3 * HOUR), "c", "device_id",
        2 * HOUR),
]  # fmt: skip


@pytest.fixture(scope="module")
def decided() -> dict[str, dict[str, list[dict[str, Any]]]]:
    warehouse = engine()
    empty_tables(warehouse)
    markets = [
        Market(
            tuple(replace(one, app_id=scenario.shape) for one in scenario.events),
            tuple(replace(one, app_id=scenario.shape) for one in scenario.touches),
        )
        for scenario in SCENARIOS
    ]
    load(warehouse, markets)
    build_days(warehouse, days_of(markets))
    return actual_rows(warehouse)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.shape)
def test_decision(scenario: Scenario, decided: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    tables = decided[scenario.shape]
    install = max(tables["installs"], key=lambda row: row["installed_at"])
    decision = next(
        row for row in tables["decisions"] if row["install_id"] == install["install_id"]
    )
    candidates = [row for row in tables["candidates"] if row["install_id"] == install["install_id"]]
    made = digest(scenario.shape, "referrer", install["source_message_id"])
    names = {made: "r"}
    found = {
        names.get(row["touch_id"], row["touch_id"]): row["rank"] or row["reason"]
        for row in candidates
    }
    assert found == scenario.ranks
    assert len(candidates) == len(found), "no touch is considered twice"
    assert {
        "won": names.get(decision["touch_id"], decision["touch_id"]),
        "by": decision["match_type"],
        "ctit_ms": decision["ctit_ms"],
        "organic": decision["organic_reason"],
        "is_organic": decision["is_organic"],
        "candidate_count": decision["candidate_count"],
        "eligible_count": decision["eligible_count"],
        "assists": [names.get(one, one) for one in decision["assists"]],
    } == {
        "won": scenario.won,
        "by": scenario.by,
        "ctit_ms": scenario.ctit_ms,
        "organic": scenario.organic,
        "is_organic": not scenario.won,
        "candidate_count": len(scenario.ranks),
        "eligible_count": sum(1 for rank in scenario.ranks.values() if isinstance(rank, int)),
        "assists": [
            touch
            for touch, rank in sorted(scenario.ranks.items(), key=lambda item: str(item[1]))
            if isinstance(rank, int) and rank > 1
        ],
    }
    assert [row["install_id"] for row in tables["decisions"]] == [
        row["install_id"] for row in tables["installs"]
    ], "every install is decided exactly once"


def test_shapes_have_names_of_their_own() -> None:
    assert len({one.shape for one in SCENARIOS}) == len(SCENARIOS) >= 60
    assert all(one.events[-1].event_name == INSTALLED for one in SCENARIOS)
