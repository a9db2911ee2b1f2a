"""Rulesets that come with the project."""

from unmogrowp.rulesets.model import (
    DAY_MS,
    MatchMethod,
    MatchRule,
    Ruleset,
    TouchType,
)

DETERMINISTIC = (MatchMethod.REFERRER, MatchMethod.CLICK_ID, MatchMethod.DEVICE_ID)

OURS = Ruleset(
    ruleset_id="ours",
    description=(
        "Last touch by click id, store referrer or device id; clicks for 7 days, impressions for"
        " 24 hours, every click before any impression"
    ),
    rules=(
        *(
            MatchRule(touch_type=TouchType.CLICK, method=method, window_ms=7 * DAY_MS, tier=1)
            for method in DETERMINISTIC
        ),
        *(
            MatchRule(touch_type=TouchType.IMPRESSION, method=method, window_ms=DAY_MS, tier=3)
            for method in (MatchMethod.CLICK_ID, MatchMethod.DEVICE_ID)
        ),
    ),
)

PRESETS = {OURS.ruleset_id: OURS}
