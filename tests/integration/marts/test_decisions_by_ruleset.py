"""Decisions under other rulesets: overrides, likeness, user ids, fraud rules, reinstalls,
presets."""

from typing import Any

import pytest

from tests.market.model import DAY, HOUR, MINUTE, SECOND
from tests.market.scenarios import (
    AFTER,
    CLICKED,
    NOW_S,
    OTHER_APP,
    OUT,
    PAID,
    Rows,
    Scenario,
    c,
    check,
    decided,
    i,
    n,
    opened,
    organic,
    referrer,
    won,
)
from unmogrowp.rulesets import PRESETS, Ruleset, parse_ruleset

AF, ADJ, SI, KO, AB, BR = (
    PRESETS[f"{name}_like"]
    for name in ("appsflyer", "adjust", "singular", "kochava", "airbridge", "branch")
)

BASE = """
rules:
  - {touch_type: click, method: referrer, window: 7d, tier: 1}
  - {touch_type: click, method: click_id, window: 7d, tier: 1}
  - {touch_type: click, method: device_id, window: 7d, tier: 1}
  - {touch_type: impression, method: click_id, window: 24h, tier: 3}
  - {touch_type: impression, method: device_id, window: 24h, tier: 3}
"""


def rules(name: str, text: str, more: str = "") -> Ruleset:
    return parse_ruleset(f"ruleset_id: {name}\n{BASE}{more}\n{text}")


SPECIAL = rules(
    "special",
    """
overrides:
  - {media_source: slow, window: 30d}
  - {media_source: short, touch_type: click, window: 1m}
  - {media_source: short, campaign: c1, touch_type: click, window: 2h}
  - {media_source: short, campaign: c1, touch_type: click, method: click_id, window: 3h}
  - {media_source: blind, touch_type: impression, window: off}
  - {app_id: "o: an app has windows of its own", window: 2d}
  - {app_id: "o: a campaign goes before an app", window: 2d}
  - {app_id: "o: app and source together", window: 2d}
  - {app_id: "o: app and source together", media_source: short, touch_type: click, window: 5h}
  - {media_source: net_r, window: 1h}
""",
)
LIKE = rules(
    "like",
    "probabilistic: {max_installs_per_address: 2}",
    "  - {touch_type: click, method: probabilistic, window: 6h, tier: 2}\n"
    "  - {touch_type: impression, method: probabilistic, window: 1h, tier: 4}",
)
LOOSE = LIKE.model_copy(
    update={
        "ruleset_id": "loose",
        "probabilistic": LIKE.probabilistic.model_copy(
            update={"uses_touches_with_device_id": True}
        ),
    }
)
USERS = rules("users", "", "  - {touch_type: click, method: user_id, window: 24h, tier: 1}")
RETARGETING = rules("retargeting", "reinstalls: {window: 90d, eligible_touches: retargeting}")
MIXED = rules(
    "mixed",
    """
fraud:
  - {rule_id: click_injection.ctit_short, mode: shadow, parameters: {min_ctit_ms: 3600000}}
  - {rule_id: click_injection.ctit_short, mode: flag, parameters: {min_ctit_ms: 10000}}
  - {rule_id: click_injection.after_begin, mode: flag}
""",
)
# Kochava's "match integrity" taken literally: a click id before a device id, whatever the time.
STRICT = parse_ruleset("""
ruleset_id: strict
rules:
  - {touch_type: click, method: click_id, window: 7d, tier: 1}
  - {touch_type: click, method: device_id, window: 7d, tier: 2}
""")

SHORT = "fraud_blocked:click_injection.ctit_short"
BEGUN = "fraud_blocked:click_injection.after_begin"
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/130"
HIDDEN = "Mozilla/5.0 (Linux; Android 10; K) Chrome/130"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) Safari/605"
ALLOWED = {"context": {"device": {"adTrackingEnabled": True}}}
BEGIN = {"install_begin_timestamp_server_seconds": NOW_S - 300}


def seen(age: int, touch_id: str = "c", **fields: Any) -> Any:
    """A click without any id: only address and user agent."""
    return c(age, touch_id, **{"gaid": "", "ip_hash": "home", "user_agent": PHONE, **fields})


def at_home(**fields: Any) -> Any:
    return n(**{"ip_hash": "home", "os_version": "14", **fields})


def on_ios(**fields: Any) -> Any:
    return n(**{"platform": "ios", "gaid": "", "android_id": "", "device_id": "", "ip_hash": "home",
                "os_version": "17.1.2", **fields})  # fmt: skip


def again(before: int, **fields: Any) -> list[Any]:
    """An install, and the same device installing again now."""
    return [n(before, "first"), n(0, "again", **fields)]


SCENARIOS = [
    # overrides: campaign, then media source, then app; both edges in
    won("o: a source with a longer window", n(), c(30 * DAY, media_source="slow"), "c", "device_id",
        30 * DAY, under=SPECIAL),
    organic("o: a source with a longer window, 1 ms more", n(), c(30 * DAY + 1,
        media_source="slow"),
            OUT, {"c": OUT}, under=SPECIAL),
    organic("o: other sources keep 7 days", n(), c(7 * DAY + 1), OUT, {"c": OUT}, under=SPECIAL),
    organic("o: far outside is kept, as the longest window of any source reaches", n(), c(31 * DAY),
            OUT, {"c": OUT}, under=SPECIAL),
    organic("o: beyond the longest window and a day nothing is looked at", n(), c(31 * DAY + 1),
            "no_touch", under=SPECIAL),
    won("o: one minute", n(), c(MINUTE, media_source="short"), "c", "device_id", MINUTE,
        under=SPECIAL),
    organic("o: one minute and 1 ms", n(), c(MINUTE + 1, media_source="short"), OUT, {"c": OUT},
            under=SPECIAL),
    won("o: clicks only, impressions keep theirs", n(), i(DAY, media_source="short"), "i",
        "device_id", DAY, under=SPECIAL),
    won("o: a campaign of the source", n(), c(2 * HOUR, media_source="short", campaign="c1"), "c",
        "device_id", 2 * HOUR, under=SPECIAL),
    organic("o: a campaign of the source, 1 ms more", n(),
            c(2 * HOUR + 1, media_source="short", campaign="c1"), OUT, {"c": OUT}, under=SPECIAL),
    won("o: one method of the campaign", n(**CLICKED),
        c(3 * HOUR, media_source="short", campaign="c1", click_id="K1"), "c", "click_id", 3 * HOUR,
        under=SPECIAL),
    organic("o: a campaign of another source is another campaign", n(),
            c(7 * DAY + 1, campaign="c1"), OUT, {"c": OUT}, under=SPECIAL),
    organic("o: impressions of a source are off", n(), i(MINUTE, media_source="blind"),
            "method_off", {"i": "method_off"}, under=SPECIAL),
    won("o: its clicks are not", n(), [c(HOUR, media_source="blind"), i(MINUTE,
        media_source="blind")],
        "c", "device_id", HOUR, {"c": 1, "i": "method_off"}, under=SPECIAL),
    won("o: an off impression does not hide another source's", n(),
        [i(MINUTE, media_source="blind"), i(HOUR, "j")], "j", "device_id", HOUR,
        {"j": 1, "i": "method_off"}, under=SPECIAL),
    organic("o: an app has windows of its own", n(), c(2 * DAY + 1), OUT, {"c": OUT},
        under=SPECIAL),
    won("o: a campaign goes before an app", n(), c(30 * DAY, media_source="slow"), "c", "device_id",
        30 * DAY, under=SPECIAL),
    won("o: app and source together", n(), c(5 * HOUR, media_source="short"), "c", "device_id",
        5 * HOUR, under=SPECIAL),
    won("o: a referrer has the window of the source it names",
        n(**referrer(PAID, referrer_click_timestamp_server_seconds=NOW_S - 3600)), [], "r",
        "referrer", HOUR, under=SPECIAL),
    organic("o: a referrer outside it",
            n(**referrer(PAID, referrer_click_timestamp_server_seconds=NOW_S - 3601)), [], OUT,
            {"r": OUT}, under=SPECIAL),
    # likeness: address and system, within its own window only
    won("p@-6h_n", at_home(), seen(6 * HOUR), "c", "probabilistic", 6 * HOUR, under=LIKE),
    organic("p@-6h1ms_n is no evidence at all", at_home(), seen(6 * HOUR + 1), "no_touch",
            under=LIKE),
    organic("p@+1ms_n is no evidence at all", at_home(), seen(-1), "no_touch", under=LIKE),
    won("p@-0ms_n", at_home(), seen(0), "c", "probabilistic", 0, under=LIKE),
    organic("p: off by default", at_home(), seen(HOUR), "no_touch"),
    organic("p: another address", at_home(ip_hash="cafe"), seen(HOUR), "no_touch", under=LIKE),
    organic("p: no address", at_home(ip_hash=""), seen(HOUR, ip_hash=""), "no_touch", under=LIKE),
    organic("p: another system", at_home(), seen(HOUR, user_agent=IPHONE), "no_touch", under=LIKE),
    organic("p: a desktop", at_home(), seen(HOUR, user_agent="Mozilla/5.0 (Windows NT 10.0)"),
            "no_touch", under=LIKE),
    organic("p: no user agent", at_home(), seen(HOUR, user_agent=""), "no_touch", under=LIKE),
    organic("p: another version of the system", at_home(os_version="13"), seen(HOUR), "no_touch",
            under=LIKE),
    won("p: 14.1 is 14", at_home(os_version="14.1"), seen(HOUR), "c", "probabilistic", HOUR,
        under=LIKE),
    won("p: a browser that hides its version", at_home(os_version="13"),
        seen(HOUR, user_agent=HIDDEN), "c", "probabilistic", HOUR, under=LIKE),
    won("p: the app's own user agent tells the version", at_home(os_version="", user_agent=PHONE),
        seen(HOUR), "c", "probabilistic", HOUR, under=LIKE),
    organic("p: never on ios without consent", on_ios(), seen(HOUR, user_agent=IPHONE), "no_touch",
            under=LIKE),
    organic("p: never on ios where tracking was refused",
            on_ios(context={"device": {"adTrackingEnabled": False}}), seen(HOUR, user_agent=IPHONE),
            "no_touch", under=LIKE),
    won("p: on ios with consent", on_ios(**ALLOWED), seen(HOUR, user_agent=IPHONE), "c",
        "probabilistic", HOUR, under=LIKE),
    organic("p: a web install has no system", at_home(platform="web", gaid=""), seen(HOUR),
            "no_touch", under=LIKE),
    organic("p: a touch with a device id is matched by it or not at all", at_home(),
            seen(HOUR, gaid="other"), "no_touch", under=LIKE),
    won("p: unless the ruleset says otherwise", at_home(), seen(HOUR, gaid="other"), "c",
        "probabilistic", HOUR, under=LOOSE),
    won("p: a zero id is no device id", at_home(), seen(HOUR, gaid="0000-0000"), "c",
        "probabilistic", HOUR, under=LIKE),
    won("p: two installs at one address", [n(HOUR, "m0", device_key="d0", gaid="", device_id="",
        android_id="", ip_hash="home"), at_home()], seen(MINUTE), "c", "probabilistic", MINUTE,
        under=LIKE),
    organic("p: three are a crowd", [*(n(k * HOUR, f"m{k}", device_key=f"d{k}", gaid="",
        device_id="", android_id="", ip_hash="home") for k in (1, 2)), at_home()], seen(MINUTE),
        "no_touch", under=LIKE),
    won("p: any click by id goes before a later one by likeness", at_home(),
        [c(6 * DAY), seen(MINUTE, "p")], "c", "device_id", 6 * DAY, {"c": 1, "p": 2}, under=LIKE),
    won("p: a click by likeness goes before an impression by id", at_home(),
        [i(MINUTE), seen(5 * HOUR, "p")], "p", "probabilistic", 5 * HOUR, {"p": 1, "i": 2},
        under=LIKE),
    won("p: an impression by likeness comes last", at_home(),
        [i(23 * HOUR), *(one for one in [i(MINUTE, "p", gaid="", ip_hash="home",
        user_agent=PHONE)])],
        "i", "device_id", 23 * HOUR, {"i": 1, "p": 2}, under=LIKE),
    won("p: an impression by likeness alone", at_home(),
        i(HOUR, "p", gaid="", ip_hash="home", user_agent=PHONE), "p", "probabilistic", HOUR,
        under=LIKE),
    won("p: id and likeness are one candidate, by id", at_home(), c(HOUR, ip_hash="home",
        user_agent=PHONE), "c", "device_id", HOUR, under=LOOSE),
    won("p: by likeness where the id's window is over", at_home(), seen(HOUR), "c",
        "probabilistic", HOUR, under=KO),
    organic("p: app A's click never wins app B's install by address", at_home(),
            seen(HOUR, app_id=OTHER_APP), "no_touch", under=LIKE),
    # user ids: across platforms
    won("u@-24h_n: a click on the web, the install on the phone", n(user_id="u"),
        c(DAY, gaid="", user_id="u"), "c", "user_id", DAY, under=USERS),
    organic("u@-24h1ms_n", n(user_id="u"), c(DAY + 1, gaid="", user_id="u"), OUT, {"c": OUT},
            under=USERS),
    organic("u: another user", n(user_id="u"), c(HOUR, gaid="", user_id="v"), "no_touch",
            under=USERS),
    organic("u: nobody is nobody", n(user_id=""), c(HOUR, gaid="", user_id=""), "no_touch",
            under=USERS),
    won("u: a device id is tried first", n(user_id="u"), c(HOUR, user_id="u"), "c", "device_id",
        HOUR, under=USERS),
    won("u: a user id where the device's window is over", n(user_id="u"),
        c(HOUR, gaid="", user_id="u"), "c", "user_id", HOUR, under=USERS),
    won("u: two devices of one user may both be won",
        [n(HOUR, "m0", device_key="d0", gaid="x", device_id="d0", android_id="d0", user_id="u"),
         n(user_id="u")], c(2 * HOUR, gaid="", user_id="u"), "c", "user_id", 2 * HOUR, under=USERS),
    won("u: one device, two users: the one who installed counts",
        [opened(2 * HOUR, user_id="v", device_key="d9"), n(user_id="u")],
        [c(3 * HOUR, "a", gaid="", user_id="u"), c(HOUR, "b", gaid="", user_id="v")], "a",
        "user_id", 3 * HOUR, under=USERS),
    won("u@same_n: at one instant a device id goes before a user id", n(user_id="u"),
        [c(HOUR, "a", gaid="", user_id="u"), c(HOUR, "b")], "b", "device_id", HOUR,
        {"b": 1, "a": 2}, under=USERS),
    # fraud rules
    organic("f: a click of 999 ms is blocked", n(), c(999), SHORT, {"c": SHORT}),
    won("f: a click of 1000 ms is not", n(), c(SECOND), "c", "device_id", SECOND),
    won("f: the next valid touch wins instead", n(), [c(500, "x"), c(HOUR)], "c", "device_id", HOUR,
        {"c": 1, "x": SHORT}),
    won("f: even an impression", n(), [c(0, "x"), i(HOUR)], "i", "device_id", HOUR,
        {"i": 1, "x": SHORT}),
    won("f: impressions have no click to install time", n(), i(1), "i", "device_id", 1),
    won("f: nor has a referrer without a clock", n(**referrer(PAID)), [], "r", "referrer", None),
    organic("f: a referrer with a clock has", n(**referrer(PAID,
            referrer_click_timestamp_server_seconds=NOW_S)), [], SHORT, {"r": SHORT}),
    organic("f: c between install begin and first open", n(**referrer("", **BEGIN)), c(299_000),
            BEGUN, {"c": BEGUN}),
    won("f: c in the second of the begin", n(**referrer("", **BEGIN)), c(299_001), "c", "device_id",
        299_001),
    organic("f: r in the second of the begin", n(**referrer(PAID, **BEGIN,
            referrer_click_timestamp_server_seconds=NOW_S - 300)), [], BEGUN, {"r": BEGUN}),
    won("f: r a second before the begin", n(**referrer(PAID, **BEGIN,
        referrer_click_timestamp_server_seconds=NOW_S - 301)), [], "r", "referrer", 301_000),
    won("f: an impression after the begin is not judged", n(**referrer("", **BEGIN)), i(HOUR // 60),
        "i", "device_id", HOUR // 60),
    organic("f: both rules: the first names the reason", n(**referrer("", **BEGIN)), c(10), SHORT,
            {"c": SHORT}),
    organic("f: a click after the install is refused for that", n(), c(-1), AFTER, {"c": AFTER}),
    won("f: shadow and flag do not block", n(**referrer("", **BEGIN)), c(5), "c", "device_id", 5,
        under=MIXED),
    organic("f: adjust: c after the begin", n(**referrer("", **BEGIN)), c(MINUTE), BEGUN,
            {"c": BEGUN}, under=ADJ),
    won("f: adjust blocks no short click", n(), c(10), "c", "device_id", 10, under=ADJ),
    # reinstalls and re-attribution
    won("2n@-90d_c: a reinstall", again(90 * DAY), c(HOUR), "c", "device_id", HOUR,
        kind="reinstall"),
    won("2n@-90d1ms_c: a new install", again(90 * DAY + 1), c(HOUR), "c", "device_id", HOUR),
    won("2n_retargeting c: a re-attribution", again(DAY), c(HOUR, is_retargeting=True), "c",
        "device_id", HOUR, kind="re_attribution"),
    won("1n_retargeting c: a first install stays an install", n(), c(HOUR, is_retargeting=True),
        "c",
        "device_id", HOUR),
    won("2n@-91d_retargeting c: a new install", again(91 * DAY), c(HOUR, is_retargeting=True), "c",
        "device_id", HOUR),
    organic("2n without a touch is a reinstall", again(DAY), [], "no_touch", kind="reinstall"),
    organic("2n: only retargeting may win a reinstall", again(DAY), c(HOUR), "not_retargeting",
            {"c": "not_retargeting"}, under=RETARGETING, kind="reinstall"),
    won("2n: an ordinary later click does not hide a retargeting one", again(DAY),
        [c(MINUTE, "x"), c(HOUR, is_retargeting=True)], "c", "device_id", HOUR,
        {"c": 1, "x": "not_retargeting"}, under=RETARGETING, kind="re_attribution"),
    won("2n@-90d1ms: ordinary clicks win a new install", again(90 * DAY + 1), c(HOUR), "c",
        "device_id", HOUR, under=RETARGETING),
    organic("2n_r: a store referrer is not retargeting", again(DAY, **referrer(PAID)), [],
            "not_retargeting", {"r": "not_retargeting"}, under=RETARGETING, kind="reinstall"),
    organic("2n: singular keeps the original source", again(300 * DAY),
            c(HOUR, is_retargeting=True), "reinstall", {"c": "reinstall"}, under=SI,
            kind="reinstall"),
    won("2n: airbridge counts a reinstall as an install", again(DAY), c(HOUR), "c", "device_id",
        HOUR, under=AB),
    won("2n: kochava: for ever a reinstall", again(900 * DAY), c(HOUR), "c", "device_id", HOUR,
        under=KO, kind="reinstall"),
    # tiers and presets
    won("t: a click id goes before a later device id where the ruleset says so", n(**CLICKED),
        [c(MINUTE, "x"), c(6 * DAY, gaid="", click_id="K1")], "c", "click_id", 6 * DAY,
        {"c": 1, "x": 2}, under=STRICT),
    organic("t: impressions are not looked at without a rule", n(), i(MINUTE), "no_touch",
            under=STRICT),
    organic("t: nor is a referrer", n(**referrer(PAID)), [], "no_touch", under=STRICT),
    organic("adjust: impressions are off", n(), i(MINUTE), "method_off", {"i": "method_off"},
            under=ADJ),
    won("kochava: 30 days", n(), c(30 * DAY), "c", "device_id", 30 * DAY, under=KO),
    organic("kochava: 30 days and 1 ms", n(), c(30 * DAY + 1), OUT, {"c": OUT}, under=KO),
    won("kochava: likeness for 7 days", at_home(), seen(7 * DAY), "c", "probabilistic", 7 * DAY,
        under=KO),
    won("branch: 30 days", n(), c(30 * DAY), "c", "device_id", 30 * DAY, under=BR),
    won("branch: likeness for 2 hours", at_home(), seen(2 * HOUR), "c", "probabilistic", 2 * HOUR,
        under=BR),
    organic("branch: 2 hours and 1 ms", at_home(), seen(2 * HOUR + 1), "no_touch", under=BR),
    won("appsflyer: a user id within 24 hours", n(user_id="u"), c(DAY, gaid="", user_id="u"), "c",
        "user_id", DAY, under=AF),
    won("appsflyer: likeness within 24 hours", at_home(), seen(DAY), "c", "probabilistic", DAY,
        under=AF),
]  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    return decided(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.shape)
def test_decision(scenario: Scenario, rows: dict[str, Rows]) -> None:
    check(scenario, rows[scenario.shape])


def test_shapes_have_names_of_their_own() -> None:
    assert len({one.shape for one in SCENARIOS}) == len(SCENARIOS) >= 90


def test_every_verdict_holds_rule_mode_value_and_threshold(rows: dict[str, Rows]) -> None:
    verdicts = rows["f: shadow and flag do not block"]["candidates"][0]["fraud_verdicts"]
    assert verdicts == (
        ("click_injection.ctit_short", "flag", 5.0, 10_000.0),
        ("click_injection.ctit_short", "shadow", 5.0, 3_600_000.0),
        ("click_injection.after_begin", "flag", 299_995.0, 1_000.0),
    )
