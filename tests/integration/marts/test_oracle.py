"""The SQL of the marts against a brute-force oracle, on generated markets.

Many markets are built in one statement, as apps that must not see each other. More of them:
UNMOGROWP_MARKETS=5000 UNMOGROWP_MARKETS_SEED=7 scripts/test tests/integration/marts
"""

import os

import pytest

from tests.engine import empty_tables, engine
from tests.market.build import Market, actual_rows, build_days, days_of, expected_rows, load
from tests.market.strategies import generate
from unmogrowp.rulesets import OURS, MatchMethod, MatchRule, Ruleset, TouchType
from unmogrowp.rulesets.model import DAY_MS, HOUR_MS

COUNT = int(os.environ.get("UNMOGROWP_MARKETS", "300"))
SEED = int(os.environ.get("UNMOGROWP_MARKETS_SEED", "1"))
MARKETS_PER_STATEMENT = 500

UNUSUAL = Ruleset(
    ruleset_id="unusual",
    rules=(
        MatchRule(
            touch_type=TouchType.CLICK, method=MatchMethod.CLICK_ID, window_ms=HOUR_MS, tier=1
        ),
        MatchRule(
            touch_type=TouchType.CLICK, method=MatchMethod.DEVICE_ID, window_ms=3 * DAY_MS, tier=2
        ),
        MatchRule(
            touch_type=TouchType.IMPRESSION, method=MatchMethod.USER_ID, window_ms=DAY_MS, tier=1
        ),
    ),
    method_order=(MatchMethod.USER_ID, MatchMethod.CLICK_ID, MatchMethod.DEVICE_ID),
    reinstall_window_ms=HOUR_MS,
)


@pytest.mark.parametrize("ruleset", [OURS, UNUSUAL], ids=lambda one: one.ruleset_id)
def test_sql_decides_like_the_oracle(ruleset: Ruleset) -> None:
    markets = generate(COUNT, SEED)
    for first in range(0, len(markets), MARKETS_PER_STATEMENT):
        differing = _differing(markets[first : first + MARKETS_PER_STATEMENT], ruleset)
        assert not differing, _smallest(differing[0], ruleset)


def _differing(markets: list[Market], ruleset: Ruleset) -> list[Market]:
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, markets)
    build_days(warehouse, days_of(markets), ruleset)
    actual = actual_rows(warehouse, ruleset)
    nothing = {"installs": [], "candidates": [], "decisions": []}
    return [
        market
        for market in markets
        if expected_rows(market, ruleset) != actual.get(_app(market), nothing)
    ]


def _app(market: Market) -> str:
    return market.events[0].app_id


def _smallest(market: Market, ruleset: Ruleset) -> str:
    """Leave out rows as long as the two still differ, and show what is left."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in _one_row_less(market):
            if smaller.events and _differing([smaller], ruleset):
                market, is_smaller = smaller, True
                break
    _differing([market], ruleset)
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
