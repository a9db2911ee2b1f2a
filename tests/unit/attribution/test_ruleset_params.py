import pytest

from unmogrowp.attribution.ruleset_params import ruleset_params
from unmogrowp.rulesets import (
    OURS,
    PRESETS,
    MatchMethod,
    MatchRule,
    Ruleset,
    TouchType,
    parse_ruleset,
)
from unmogrowp.rulesets.model import DAY_MS
from unmogrowp.rulesets.windows import WindowTable


def test_windows_and_tiers_stand_in_the_order_of_methods() -> None:
    params = ruleset_params(OURS)
    assert params["method_order"] == [
        "referrer",
        "click_id",
        "device_id",
        "user_id",
        "probabilistic",
    ]
    assert params["click_windows"] == [7 * DAY_MS, 7 * DAY_MS, 7 * DAY_MS, -2, -2]
    assert params["impression_windows"] == [-2, DAY_MS, DAY_MS, -2, -2]
    assert params["click_tiers"] == [1, 1, 1, 0, 0]
    assert params["impression_tiers"] == [0, 3, 3, 0, 0]
    assert params["user_id_length"] == 0


def test_methods_a_ruleset_does_not_place_come_last_without_a_window() -> None:
    only = MatchRule(
        touch_type=TouchType.CLICK, method=MatchMethod.USER_ID, window_ms=DAY_MS, tier=2
    )
    ruleset = Ruleset(ruleset_id="x", rules=(only,), method_order=(MatchMethod.USER_ID,))
    params = ruleset_params(ruleset)
    assert params["method_order"] == [
        "user_id",
        "referrer",
        "click_id",
        "device_id",
        "probabilistic",
    ]
    assert params["click_windows"] == [DAY_MS, -2, -2, -2, -2]
    assert params["user_id_length"] > 0


def test_fraud_rules_that_block_are_asked_first_whatever_the_order_of_the_file() -> None:
    turned = OURS.model_copy(update={"fraud": OURS.fraud[::-1]})
    for ruleset in (OURS, turned):
        params = ruleset_params(ruleset)
        assert params["ctit_modes"] == ["block", "flag"]
        assert params["ctit_thresholds"] == [1_000.0, 10_000.0]
        assert params["after_begin_modes"] == ["block"]
        assert params["after_begin_thresholds"] == [0.0]


OVERRIDDEN = parse_ruleset("""
ruleset_id: x
rules:
  - {touch_type: click, method: device_id, window: 7d, tier: 1}
  - {touch_type: impression, method: device_id, window: off, tier: 3}
overrides:
  - {app_id: a, window: 1d}
  - {media_source: n, window: 2d}
  - {media_source: n, touch_type: click, window: off}
  - {media_source: n, campaign: c, method: device_id, window: 3d}
  - {media_source: n, campaign: c, app_id: a, touch_type: impression, window: 4d}
""")


@pytest.mark.parametrize("ruleset", [OVERRIDDEN, *PRESETS.values()], ids=lambda one: one.ruleset_id)
def test_windows_looked_up_are_the_windows_the_ruleset_says(ruleset: Ruleset) -> None:
    table = WindowTable(ruleset)
    for app_id in ("a", "b"):
        for media_source in ("", "n", "m"):
            for campaign in ("", "c", "d"):
                for touch_type in TouchType:
                    said = []
                    for method in table.order:
                        rule = ruleset.rule(touch_type, method)
                        window = (
                            -2
                            if rule is None
                            else ruleset.window_of(rule, app_id, media_source, campaign)
                        )
                        said.append(-1 if window is None else window)
                    assert table.of((app_id, media_source, campaign), touch_type) == said


def test_only_campaigns_an_override_speaks_about_get_windows_of_their_own() -> None:
    table = WindowTable(OVERRIDDEN)
    campaigns = [("a", "m", ""), ("b", "m", "c"), ("b", "n", "")]
    assert [one for one, _, _ in table.special(campaigns)] == [campaigns[0], campaigns[2]]
