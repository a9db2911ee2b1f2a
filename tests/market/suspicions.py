"""What the fraud rules say that look at all touches of an install, by brute force."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.market.model import DAY, HOUR, SECOND
from unmogrowp.rulesets import Ruleset

if TYPE_CHECKING:
    from tests.market.oracle import Candidate

Verdict = tuple[str, str, float, float]
RULES = ("ad_stacking", "hyper_engagement", "referrer_mismatch")


def suspicions_of(
    considered: "Sequence[Candidate]", ruleset: Ruleset
) -> dict[str, tuple[Verdict, ...]]:
    """Return the verdicts by touch id, in the order in which they are kept."""
    found: dict[str, list[Verdict]] = {}
    for mode in ("block", "flag", "shadow"):
        for rule_id in RULES:
            for rule in ruleset.fraud:
                if (rule.rule_id, rule.mode) != (rule_id, mode):
                    continue
                for name, limit in rule.limits.items():
                    for one in considered:
                        value = _value(rule_id, name, one, considered)
                        is_crossed = value > limit if name.startswith("max") else value >= limit
                        if is_crossed:
                            verdict = (rule_id, mode, float(value), limit)
                            found.setdefault(one.touch.touch_id, []).append(verdict)
    return {touch_id: tuple(verdicts) for touch_id, verdicts in found.items()}


def _value(rule_id: str, name: str, one: "Candidate", considered: "Sequence[Candidate]") -> int:
    if rule_id == "referrer_mismatch":
        return int(_is_mismatched(one))
    with_clock = [other for other in considered if not other.is_time_assumed]
    if one.is_time_assumed:
        return 0
    if rule_id == "ad_stacking":
        alike = [other for other in with_clock if other.touch.touch_type == one.touch.touch_type]
        return max(
            len({_ad(other) for other in alike if 0 <= other.touch.touch_at - start < SECOND})
            for start in (other.touch.touch_at for other in alike)
            if 0 <= one.touch.touch_at - start < SECOND
        )
    span = HOUR if name == "max_per_hour" else DAY
    if one.touch.touch_type != "click":
        return 0
    return sum(
        other.touch.touch_type == "click"
        and other.touch.media_source == one.touch.media_source
        and other.touch.touch_at // span == one.touch.touch_at // span
        for other in with_clock
    )


def _ad(one: "Candidate") -> tuple[str, ...]:
    """Return what counts once: a click, or a placement that was shown."""
    if one.touch.touch_type == "click":
        return (one.touch.touch_id,)
    return (one.touch.media_source, one.touch.site_id, one.touch.adset, one.touch.ad)


def _is_mismatched(one: "Candidate") -> bool:
    install = one.install
    return (
        one.touch.touch_type == "click"
        and "click_id" not in one.matched_on
        and install.paid_source != ""
        and install.referrer_click_at is not None
        and one.touch.media_source.lower() != install.paid_source.lower()
        and one.touch.touch_at >= install.referrer_click_at
        and one.age_ms >= 0
    )
