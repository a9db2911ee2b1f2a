import pytest
from pydantic import ValidationError

from unmogrowp.rulesets import OURS, PRESETS, MatchMethod, MatchRule, Ruleset, TouchType
from unmogrowp.rulesets.model import DAY_MS, MINUTE_MS


def rule(**changes: object) -> MatchRule:
    fields: dict[str, object] = {
        "touch_type": "click",
        "method": "click_id",
        "window_ms": DAY_MS,
        "tier": 1,
    }
    return MatchRule.model_validate(fields | changes)


def test_ours_looks_back_7_days_for_clicks_and_24_hours_for_impressions() -> None:
    windows = {(one.touch_type.value, one.method.value): one.window_ms for one in OURS.rules}
    assert windows == {
        ("click", "referrer"): 7 * DAY_MS,
        ("click", "click_id"): 7 * DAY_MS,
        ("click", "device_id"): 7 * DAY_MS,
        ("impression", "click_id"): DAY_MS,
        ("impression", "device_id"): DAY_MS,
    }
    assert OURS.reach_before_ms == 8 * DAY_MS
    assert {one.tier for one in OURS.rules if one.touch_type == TouchType.CLICK} == {1}
    assert {one.tier for one in OURS.rules if one.touch_type == TouchType.IMPRESSION} == {3}


def test_presets_are_found_by_their_id() -> None:
    assert all(name == one.ruleset_id for name, one in PRESETS.items())


def test_the_hash_does_not_depend_on_the_order_in_which_rules_are_written() -> None:
    turned = OURS.model_copy(update={"rules": OURS.rules[::-1]})
    assert turned.config_hash == OURS.config_hash


@pytest.mark.parametrize(
    "change",
    [
        {"rules": OURS.rules[:2]},
        {"method_order": OURS.method_order[::-1]},
        {"reinstall_window_ms": DAY_MS},
        {"before_slack_ms": 0},
        {"version": 2},
    ],
    ids=["rules", "order", "reinstall window", "slack", "version"],
)
def test_the_hash_changes_with_what_decides(change: dict[str, object]) -> None:
    assert OURS.model_copy(update=change).config_hash != OURS.config_hash


def test_a_ruleset_survives_its_own_json() -> None:
    assert Ruleset.model_validate_json(OURS.model_dump_json()).config_hash == OURS.config_hash


def test_a_ruleset_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        OURS.version = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("window_ms", "is_valid"),
    [
        (MINUTE_MS - 1, False),
        (MINUTE_MS, True),
        (90 * DAY_MS, True),
        (90 * DAY_MS + 1, False),
    ],
)
def test_windows_go_from_one_minute_to_90_days(window_ms: int, is_valid: bool) -> None:
    if is_valid:
        assert rule(window_ms=window_ms).window_ms == window_ms
    else:
        with pytest.raises(ValidationError):
            rule(window_ms=window_ms)


def test_two_rules_for_one_touch_type_and_method_are_refused() -> None:
    with pytest.raises(ValidationError, match="two rules"):
        Ruleset(ruleset_id="x", rules=(rule(), rule(window_ms=2 * DAY_MS)))


def test_a_method_stands_once_in_the_order() -> None:
    with pytest.raises(ValidationError, match="stands twice"):
        Ruleset(ruleset_id="x", rules=(rule(),), method_order=(MatchMethod.CLICK_ID,) * 2)


def test_every_method_of_a_rule_has_a_place_in_the_order() -> None:
    with pytest.raises(ValidationError, match="does not place click_id"):
        Ruleset(ruleset_id="x", rules=(rule(),), method_order=(MatchMethod.REFERRER,))


@pytest.mark.parametrize("name", ["", "Ours", "a b", "a/b", "1a", "x" * 64])
def test_a_ruleset_id_is_a_plain_name(name: str) -> None:
    with pytest.raises(ValidationError):
        Ruleset(ruleset_id=name, rules=(rule(),))


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        Ruleset.model_validate({"ruleset_id": "x", "rules": [rule().model_dump()], "window": 3})


def test_a_missing_rule_is_none() -> None:
    assert OURS.rule(TouchType.IMPRESSION, MatchMethod.REFERRER) is None
