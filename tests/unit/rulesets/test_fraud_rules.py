"""The catalogue of fraud rules: complete, consistent, and what the documentation says."""

import pytest

from unmogrowp.rulesets import FraudRule
from unmogrowp.rulesets.fraud_docs import PAGE, page
from unmogrowp.rulesets.fraud_rules import FraudRuleDefinition, fraud_rule, fraud_rules

CODES = {
    "click_injection.after_begin", "click_injection.ctit_short", "click_flood.flat_ctit",
    "click_flood.cti", "hyper_engagement", "mtti_outlier", "anonymous_ip", "malformed_id",
    "bad_signature", "ip_density", "new_device_rate", "retention_zero", "ad_stacking",
    "geo_mismatch", "referrer_mismatch", "event_velocity", "impression_cap", "post_attribution",
}  # fmt: skip


def test_the_catalogue_has_the_eighteen_rules():
    assert set(fraud_rules()) == CODES


def test_the_page_says_what_the_catalogue_says():
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_rule_explains_each_of_its_firing_thresholds_with_numbers(code):
    rule = fraud_rule(code)
    for one in rule.thresholds:
        if one.fires != "never":
            sentence = rule.explain(one.name, 3, one.default)
            assert "{" not in sentence
            assert sentence.endswith(".")


@pytest.mark.parametrize("code", sorted(CODES))
def test_rules_about_installs_and_publishers_never_block_by_themselves(code):
    rule = fraud_rule(code)
    if rule.kind != "candidate":
        assert not rule.may_block
        assert all(one.mode != "block" for one in rule.defaults)


@pytest.mark.parametrize(
    ("fires", "below", "exact", "above"),
    [
        ("above", False, False, True),
        ("at_least", False, True, True),
        ("below", True, False, False),
        ("at_most", True, True, False),
        ("never", False, False, False),
    ],
)
def test_thresholds_say_on_which_side_the_edge_is(fires, below, exact, above):
    one = fraud_rule("hyper_engagement").thresholds[0].model_copy(update={"fires": fires})
    assert [one.is_crossed(value, 20) for value in (19, 20, 21)] == [below, exact, above]
    assert not one.is_crossed(None, 20)


def test_values_are_shown_with_their_unit():
    rule = fraud_rule("click_injection.ctit_short")
    assert rule.explain("min_ctit_ms", 640, 1000) == (
        "From click to first open 0.64 s passed, less than 1 s."
    )
    assert fraud_rule("new_device_rate").explain("max_share", 0.93, 0.8).startswith("93 % of")


def test_thresholds_that_are_not_named_keep_out_of_the_way_of_those_that_are():
    rule = fraud_rule("hyper_engagement")
    assert rule.limits({}) == {"max_per_hour": 20, "max_per_day": 100}
    assert rule.limits({"max_per_hour": 5}) == {"max_per_hour": 5}


def test_conditions_always_hold():
    rule = fraud_rule("click_flood.flat_ctit")
    assert rule.limits({"min_installs": 80}) == {
        "max_distance": 0.35, "max_q": 0.01, "min_installs": 80,
    }  # fmt: skip
    assert rule.limits({"max_distance": 0.5}) == {
        "max_distance": 0.5, "max_q": 0.01, "min_installs": 50,
    }  # fmt: skip


def test_a_rule_that_rests_on_a_baseline_cannot_be_set_to_block():
    with pytest.raises(ValueError, match="may only shadow or flag"):
        fraud_rule("mtti_outlier").check("block", {})


def test_an_unknown_rule_names_those_there_are():
    with pytest.raises(ValueError, match="no fraud rule click_flod; there are click_injection"):
        fraud_rule("click_flod")


def test_an_unknown_threshold_names_those_there_are():
    with pytest.raises(ValueError, match="has no threshold max_hour; it has max_per_hour"):
        fraud_rule("hyper_engagement").check("flag", {"max_hour": 3})


@pytest.mark.parametrize("value", ["20", True, None])
def test_a_threshold_is_a_number(value):
    with pytest.raises(ValueError, match="max_per_hour has to be a number"):
        fraud_rule("hyper_engagement").check("flag", {"max_per_hour": value})


def test_a_rule_without_a_firing_threshold_is_refused():
    body = fraud_rule("hyper_engagement").model_dump()
    body["thresholds"] = [{**body["thresholds"][0], "fires": "never"}]
    with pytest.raises(ValueError, match="no threshold that can fire"):
        FraudRuleDefinition.model_validate(body)


def test_a_ruleset_written_for_another_version_of_a_rule_is_refused():
    with pytest.raises(ValueError, match="is at version 1, this is written for version 2"):
        FraudRule(rule_id="mtti_outlier", version=2)
    with pytest.raises(ValueError, match="is at version 2, this is written for version 1"):
        FraudRule(rule_id="ad_stacking", version=1)


@pytest.mark.parametrize("code", fraud_rules())
def test_a_rule_named_without_a_version_is_the_present_one_and_stays_it(code: str):
    used = FraudRule(rule_id=code)
    assert used.version == fraud_rule(code).version
    assert FraudRule.model_validate(used.model_dump(mode="json")) == used


def test_a_ruleset_cannot_name_a_rule_or_threshold_that_does_not_exist():
    with pytest.raises(ValueError, match="there is no fraud rule mtti"):
        FraudRule(rule_id="mtti")
    with pytest.raises(ValueError, match="has no threshold sigma"):
        FraudRule(rule_id="mtti_outlier", parameters={"sigma": 3})


def test_a_used_rule_knows_its_limits():
    used = FraudRule(rule_id="mtti_outlier", parameters={"min_sigma": 3})
    assert used.limits == {"min_sigma": 3, "min_installs": 30, "min_publishers": 5}
