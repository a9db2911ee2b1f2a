"""The SQL of the marts against a brute-force oracle, on generated markets.

Many markets are built in one statement, as apps that must not see each other. More of them:
UNMOGROWP_MARKETS=5000 UNMOGROWP_MARKETS_SEED=7 scripts/test tests/integration/marts
"""

import os

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import (
    Market,
    actual_rows,
    build_installs,
    days_of,
    decide_days,
    expected_rows,
    load,
)
from tests.market.model import MINUTE
from tests.market.scenarios import c, i, n
from tests.market.strategies import generate
from unmogrowp.rulesets import OURS, PRESETS, Ruleset, parse_ruleset

COUNT = int(os.environ.get("UNMOGROWP_MARKETS", "300"))
SEED = int(os.environ.get("UNMOGROWP_MARKETS_SEED", "1"))
MARKETS_PER_STATEMENT = 500

UNUSUAL = parse_ruleset("""
ruleset_id: unusual
rules:
  - {touch_type: click, method: click_id, window: 1h, tier: 1}
  - {touch_type: click, method: device_id, window: 3d, tier: 2}
  - {touch_type: impression, method: user_id, window: 1d, tier: 1}
method_order: [user_id, click_id, device_id]
reinstalls: {window: 1h, eligible_touches: retargeting}
reengagement: {is_on: true, inactivity: 1h, window: 1d}
fraud:
  - {rule_id: click_injection.ctit_short, mode: shadow, parameters: {min_ctit_ms: 21600000}}
  - {rule_id: click_injection.after_begin, mode: flag}
  - {rule_id: hyper_engagement, mode: shadow, parameters: {max_per_hour: 1}}
  - {rule_id: hyper_engagement, mode: block, parameters: {max_per_day: 2}}
  - {rule_id: ad_stacking, version: 2, mode: shadow, parameters: {min_placements: 2}}
  - {rule_id: referrer_mismatch, mode: flag}
""")
# Everything at once, and windows of their own for apps, media sources and campaigns.
EVERYTHING = parse_ruleset("""
ruleset_id: everything
rules:
  - {touch_type: click, method: referrer, window: 7d, tier: 1}
  - {touch_type: click, method: click_id, window: 7d, tier: 1}
  - {touch_type: click, method: device_id, window: 7d, tier: 1}
  - {touch_type: click, method: user_id, window: 24h, tier: 1}
  - {touch_type: click, method: probabilistic, window: 6h, tier: 2}
  - {touch_type: impression, method: click_id, window: off, tier: 3}
  - {touch_type: impression, method: device_id, window: 24h, tier: 3}
  - {touch_type: impression, method: probabilistic, window: 1h, tier: 4}
overrides:
  - {app_id: app-1, window: 3d}
  - {app_id: app-2, touch_type: impression, window: off}
  - {app_id: app-3, method: probabilistic, window: 7d}
  - {media_source: net_one, window: 1d}
  - {media_source: net_one, method: device_id, window: 8d}
  - {media_source: net_one, campaign: c1, touch_type: click, window: 1h}
  - {media_source: net_two, touch_type: impression, window: 7d}
  - {media_source: net_two, campaign: c1, window: off}
  - {app_id: app-4, media_source: net_two, campaign: c1, window: 24h}
  - {media_source: net one, window: 10m}
reinstalls: {window: 90d, eligible_touches: retargeting}
reengagement: {is_on: true, inactivity: 0d, window: 7d}
probabilistic: {max_installs_per_address: 1, uses_touches_with_device_id: true}
fraud:
  - {rule_id: click_injection.ctit_short, mode: block, parameters: {min_ctit_ms: 1000}}
  - {rule_id: click_injection.ctit_short, mode: flag, parameters: {min_ctit_ms: 10000}}
  - {rule_id: click_injection.after_begin, mode: block}
  - {rule_id: ad_stacking, version: 2, mode: block, parameters: {min_placements: 2}}
  - {rule_id: hyper_engagement, mode: flag, parameters: {max_per_hour: 1, max_per_day: 1}}
  - {rule_id: referrer_mismatch, mode: block}
""")
KINDS_OF_IDS = ("click_id", "idfa", "idfv", "gaid", "android_id", "user_id")
RULESETS = [OURS, UNUSUAL, EVERYTHING, PRESETS["appsflyer_like"], PRESETS["adjust_like"],
            PRESETS["singular_like"]]  # fmt: skip


def test_sql_decides_like_the_oracle() -> None:
    markets = generate(COUNT, SEED)
    for first in range(0, len(markets), MARKETS_PER_STATEMENT):
        chunk = markets[first : first + MARKETS_PER_STATEMENT]
        differing = _differing(chunk, RULESETS)
        for ruleset in RULESETS:
            found = differing[ruleset.ruleset_id]
            assert not found, _smallest(found[0], ruleset)


@pytest.mark.parametrize("kind", [*KINDS_OF_IDS, "none"])
def test_touches_that_carry_one_kind_of_id_alone_are_matched_by_it(kind: str) -> None:
    """Kinds of ids that no touch of a build carries are not compared: each has a build alone."""
    ids = {one: f"the-{one}" for one in KINDS_OF_IDS}
    device_ids = {one: value for one, value in ids.items() if one != "click_id"}
    install = n(**{**device_ids, "device_id": ""}, properties={"click_id": ids["click_id"]})
    carried = {**dict.fromkeys(KINDS_OF_IDS, ""), **({kind: ids[kind]} if kind in ids else {})}
    market = Market((install,), (c(10 * MINUTE, **carried), i(5 * MINUTE, "i", **carried)))
    assert not _differing([market], [EVERYTHING])[EVERYTHING.ruleset_id]
    found = actual_rows(engine(), EVERYTHING)["app"]["candidates"]
    assert {tuple(one["matched_on"]) for one in found} == ({(kind,)} if kind in ids else set())


def _differing(markets: list[Market], rulesets: list[Ruleset]) -> dict[str, list[Market]]:
    """Build markets once, decide them under each ruleset, and return where the oracle differs."""
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, markets)
    days = days_of(markets)
    build_installs(warehouse, days)
    nothing: dict[str, list[object]] = {
        "installs": [], "openings": [], "candidates": [], "decisions": []
    }  # fmt: skip
    found = {}
    for ruleset in rulesets:
        decide_days(warehouse, days, ruleset)
        actual = actual_rows(warehouse, ruleset)
        found[ruleset.ruleset_id] = [
            market
            for market in markets
            if expected_rows(market, ruleset) != actual.get(_app(market), nothing)
        ]
    return found


def _app(market: Market) -> str:
    return market.events[0].app_id


def _smallest(market: Market, ruleset: Ruleset) -> str:
    """Leave out rows as long as the two still differ, and show what is left."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in _one_row_less(market):
            if smaller.events and _differing([smaller], [ruleset])[ruleset.ruleset_id]:
                market, is_smaller = smaller, True
                break
    _differing([market], [ruleset])
    return (
        f"\nmarket   {market}\nexpected {expected_rows(market, ruleset)}"
        f"\nactual   {actual_rows(engine(), ruleset)}"
    )


def _one_row_less(market: Market) -> list[Market]:
    events, touches = market.events, market.touches
    return [
        *(Market(events, touches[:n] + touches[n + 1 :]) for n in range(len(touches))),
        *(Market(events[:n] + events[n + 1 :], touches) for n in range(len(events))),
    ]
