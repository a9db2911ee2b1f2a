import pytest
from pydantic import ValidationError

from unmogrowp.rulesets import OURS, PRESETS, MatchMethod, MatchRule, Ruleset, TouchType
from unmogrowp.rulesets.model import DAY_MS, HOUR_MS, MINUTE_MS, WindowOverride
from unmogrowp.rulesets.policies import FraudRule, Note, ReinstallPolicy


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
        {"reinstalls": ReinstallPolicy(window_ms=DAY_MS)},
        {"overrides": (WindowOverride(media_source="net", window_ms=DAY_MS),)},
        {"fraud": (FraudRule(rule_id="mtti_outlier"),)},
        {"before_slack_ms": 0},
        {"version": 2},
    ],
    ids=["rules", "order", "reinstalls", "overrides", "fraud", "slack", "version"],
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


def test_notes_and_descriptions_decide_nothing() -> None:
    noted = OURS.model_copy(update={"notes": (Note(about="x", text="y"),), "description": "z"})
    assert noted.config_hash == OURS.config_hash


def over(**fields: object) -> WindowOverride:
    return WindowOverride.model_validate({"window_ms": HOUR_MS} | fields)


def with_overrides(*overrides: WindowOverride) -> Ruleset:
    return Ruleset(ruleset_id="x", rules=(rule(), rule(method="device_id")), overrides=overrides)


OVERRIDES = (
    over(app_id="a", window_ms=1 * HOUR_MS),
    over(media_source="net", window_ms=2 * HOUR_MS),
    over(media_source="net", app_id="a", window_ms=3 * HOUR_MS),
    over(media_source="net", campaign="c", window_ms=4 * HOUR_MS),
    over(media_source="net", campaign="c", app_id="a", window_ms=5 * HOUR_MS),
    over(media_source="net", method="device_id", window_ms=6 * HOUR_MS),
    over(media_source="off", window_ms=None),
)


@pytest.mark.parametrize(
    ("app_id", "media_source", "campaign", "method", "window_ms"),
    [
        ("b", "other", "", "click_id", DAY_MS),
        ("a", "other", "c", "click_id", 1 * HOUR_MS),
        ("b", "net", "", "click_id", 2 * HOUR_MS),
        ("b", "net", "other", "click_id", 2 * HOUR_MS),
        ("a", "net", "", "click_id", 3 * HOUR_MS),
        ("b", "net", "c", "click_id", 4 * HOUR_MS),
        ("a", "net", "c", "click_id", 5 * HOUR_MS),
        ("b", "net", "", "device_id", 6 * HOUR_MS),
        ("a", "net", "", "device_id", 3 * HOUR_MS),
        ("a", "off", "", "click_id", None),
    ],
)
def test_the_most_specific_override_counts(
    app_id: str, media_source: str, campaign: str, method: str, window_ms: int | None
) -> None:
    ruleset = with_overrides(*OVERRIDES)
    asked = rule(method=method)
    assert ruleset.window_of(asked, app_id, media_source, campaign) == window_ms


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"campaign": "c"}, "names its media_source"),
        ({"method": "click_id"}, "names an app_id or a media_source"),
        ({"media_source": "n", "window_ms": MINUTE_MS - 1}, "greater than or equal"),
        ({"media_source": "n", "window_ms": 90 * DAY_MS + 1}, "less than or equal"),
    ],
)
def test_a_senseless_override_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        over(**fields)


def test_two_overrides_for_the_same_touches_are_refused() -> None:
    with pytest.raises(ValidationError, match="two overrides for net"):
        with_overrides(over(media_source="net"), over(media_source="net", window_ms=None))


def test_an_override_for_a_method_without_a_rule_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no rule: add one"):
        with_overrides(over(media_source="net", method="probabilistic"))


def test_a_ruleset_in_which_nothing_can_win_is_refused() -> None:
    with pytest.raises(ValidationError, match="every rule is off"):
        Ruleset(ruleset_id="x", rules=(rule(window_ms=None),))


def test_a_method_is_used_where_a_window_is_open_for_anybody() -> None:
    off = rule(method="device_id", window_ms=None)
    assert not Ruleset(ruleset_id="x", rules=(rule(), off)).uses(MatchMethod.DEVICE_ID)
    for_one = over(media_source="net", method="device_id")
    opened = Ruleset(ruleset_id="x", rules=(rule(), off), overrides=(for_one,))
    assert opened.uses(MatchMethod.DEVICE_ID)
    assert opened.uses(MatchMethod.CLICK_ID)
    assert not opened.uses(MatchMethod.PROBABILISTIC)


def test_the_reach_is_that_of_the_longest_window_of_any_override() -> None:
    assert with_overrides(over(app_id="a", window_ms=30 * DAY_MS)).reach_before_ms == 31 * DAY_MS


def test_a_store_referrer_is_never_an_impression() -> None:
    with pytest.raises(ValidationError, match="tells of a click"):
        Ruleset(ruleset_id="x", rules=(rule(method="referrer", touch_type="impression"),))


def test_a_fraud_rule_may_stand_in_two_modes_but_not_twice_in_one() -> None:
    block = FraudRule.model_validate({"rule_id": "click_injection.ctit_short", "mode": "block"})
    flag = block.model_copy(update={"mode": "flag"})
    ruleset = Ruleset.model_validate({"ruleset_id": "x", "rules": [rule()], "fraud": [block, flag]})
    assert ruleset.fraud_rules("click_injection.ctit_short") == (block, flag)
    with pytest.raises(ValidationError, match="twice in one mode"):
        Ruleset.model_validate({"ruleset_id": "x", "rules": [rule()], "fraud": [block, block]})


VALUES = {
    "click deterministic window", "click probabilistic window", "view deterministic window",
    "view probabilistic window", "reinstalls", "reengagement", "order",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "ours"])
def test_every_value_of_a_preset_has_a_source_or_is_marked_as_assumed(name: str) -> None:
    notes = {note.about: note for note in PRESETS[name].notes}
    assert set(notes) >= VALUES
    assert all(note.source.startswith("https://") or note.is_assumed for note in notes.values())


@pytest.mark.parametrize(
    ("name", "click_days", "view_hours", "probabilistic_hours"),
    [
        ("appsflyer_like", 7, 24, 24),
        ("adjust_like", 7, None, 6),
        ("singular_like", 7, 24, 24),
        ("kochava_like", 30, 24, 7 * 24),
        ("ours", 7, 24, None),
    ],
)
def test_presets_hold_the_published_windows(
    name: str, click_days: int, view_hours: int | None, probabilistic_hours: int | None
) -> None:
    def hours(touch_type: TouchType, method: MatchMethod) -> float | None:
        found = PRESETS[name].rule(touch_type, method)
        return None if found is None or found.window_ms is None else found.window_ms / HOUR_MS

    assert hours(TouchType.CLICK, MatchMethod.DEVICE_ID) == click_days * 24
    assert hours(TouchType.IMPRESSION, MatchMethod.DEVICE_ID) == view_hours
    assert hours(TouchType.CLICK, MatchMethod.PROBABILISTIC) == probabilistic_hours


def test_in_every_preset_clicks_go_before_views_and_ids_before_likeness() -> None:
    for preset in PRESETS.values():
        for one in preset.rules:
            is_click = one.touch_type == TouchType.CLICK
            is_likeness = one.method == MatchMethod.PROBABILISTIC
            assert one.tier == (1 if is_click else 3) + is_likeness
