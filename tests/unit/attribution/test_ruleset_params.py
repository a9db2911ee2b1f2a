from unmogrowp.attribution.build import ruleset_params
from unmogrowp.rulesets import OURS, MatchMethod, MatchRule, Ruleset, TouchType
from unmogrowp.rulesets.model import DAY_MS


def test_windows_and_tiers_stand_in_the_order_of_methods() -> None:
    params = ruleset_params(OURS)
    assert params["method_order"] == ["referrer", "click_id", "device_id", "user_id"]
    assert params["click_windows"] == [7 * DAY_MS, 7 * DAY_MS, 7 * DAY_MS, -1]
    assert params["impression_windows"] == [-1, DAY_MS, DAY_MS, -1]
    assert params["click_tiers"] == [1, 1, 1, 0]
    assert params["impression_tiers"] == [0, 3, 3, 0]
    assert params["user_id_length"] == 0


def test_methods_a_ruleset_does_not_place_come_last_without_a_window() -> None:
    only = MatchRule(
        touch_type=TouchType.CLICK, method=MatchMethod.USER_ID, window_ms=DAY_MS, tier=2
    )
    ruleset = Ruleset(ruleset_id="x", rules=(only,), method_order=(MatchMethod.USER_ID,))
    params = ruleset_params(ruleset)
    assert params["method_order"] == ["user_id", "referrer", "click_id", "device_id"]
    assert params["click_windows"] == [DAY_MS, -1, -1, -1]
    assert params["user_id_length"] > 0
