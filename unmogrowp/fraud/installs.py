"""The rules about decided installs: crowded networks, inhuman pace, times too short for an app."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unmogrowp.fraud.publishers import AppBaseline, Verdict
from unmogrowp.fraud.statistics import bin_start_ms, quantile_bin
from unmogrowp.rulesets import FraudMode, FraudRule

IP_DENSITY = "ip_density"
EVENT_VELOCITY = "event_velocity"
CTIT_SHORT = "click_injection.ctit_short"
INSTALL_RULES = (IP_DENSITY, EVENT_VELOCITY, CTIT_SHORT)
# Publishers whose quantile of click to install times says something.
MIN_CTIT_COUNT = 100


@dataclass(frozen=True, slots=True)
class InstallSignals:
    """What stands out about one decided install; 0 and None where nothing does."""

    app_id: str
    install_id: str
    media_source: str
    site_id: str
    network_installs: int
    events_per_minute: int
    same_event_per_second: int
    click_ctit_ms: int | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "InstallSignals":
        """Read a row of the query `fraud/install_signals`."""
        return cls(**row)


def shortest_usual_ctit_ms(baseline: AppBaseline, probability: float) -> float | None:
    """Return the quantile of click to install times of the app's median publisher, in ms.

    The median over publishers, and not the quantile over all installs: a publisher that injects
    clicks would otherwise set the limit it is measured by. None without publishers of 100 installs.
    """
    bins = sorted(
        place
        for one in baseline.publishers
        if one.ctit_count >= MIN_CTIT_COUNT
        and (place := quantile_bin(one.ctit_bins, probability)) is not None
    )
    return bin_start_ms(bins[(len(bins) - 1) // 2]) if bins else None


def judge_installs(
    signals: Sequence[InstallSignals],
    baselines: Mapping[str, AppBaseline],
    rules: Sequence[FraudRule],
) -> list[Verdict]:
    """Return every verdict about decided installs.

    Args:
        signals: Installs that stand out.
        baselines: Frozen baselines by app; rules that need one are silent where there is none.
        rules: Rules of a ruleset; those that are off, or about something else, are passed over.
    """
    used = [one for one in rules if one.mode != FraudMode.OFF and one.rule_id in INSTALL_RULES]
    usual = {
        (app_id, rule.mode): shortest_usual_ctit_ms(baseline, rule.limits["app_percentile"])
        for app_id, baseline in baselines.items()
        for rule in used
        if rule.rule_id == CTIT_SHORT
    }
    found: list[Verdict] = []
    for one in signals:
        baseline = baselines.get(one.app_id)
        for rule in used:
            found.extend(_verdicts(one, rule, baseline, usual.get((one.app_id, rule.mode))))
    return sorted(found, key=lambda one: (one.app_id, one.install_id, one.rule, one.mode))


def _verdicts(
    one: InstallSignals, rule: FraudRule, baseline: AppBaseline | None, usual_ms: float | None
) -> Iterator[Verdict]:
    limits = rule.limits
    baseline_id = baseline.baseline_id if baseline else ""
    if rule.rule_id == EVENT_VELOCITY:
        paces = {
            "max_per_minute": one.events_per_minute,
            "max_same_per_second": one.same_event_per_second,
        }
        for name, limit in limits.items():
            if paces[name] > limit:
                yield _verdict(one, rule, name, paces[name], limit)
                break
    elif rule.rule_id == IP_DENSITY and baseline is not None:
        usual = baseline.network_quantiles.get(limits["percentile"])
        if usual is not None and one.network_installs > max(limits["max_installs"], usual):
            yield _verdict(
                one, rule, "max_installs", one.network_installs,
                max(limits["max_installs"], usual), usual, baseline_id,
            )  # fmt: skip
    elif (
        rule.rule_id == CTIT_SHORT
        # Blocking is done at the candidate, by the clock alone.
        and rule.mode != FraudMode.BLOCK
        and usual_ms is not None
        and one.click_ctit_ms is not None
        and 0 <= one.click_ctit_ms < usual_ms
    ):
        yield _verdict(one, rule, "min_ctit_ms", one.click_ctit_ms, usual_ms, usual_ms, baseline_id)


def _verdict(
    one: InstallSignals,
    rule: FraudRule,
    parameter: str,
    value: float,
    limit: float,
    baseline_value: float | None = None,
    baseline_id: str = "",
) -> Verdict:
    return Verdict(
        "install",
        one.app_id,
        one.media_source,
        one.site_id,
        one.install_id,
        rule.rule_id,
        rule.version,
        rule.mode,
        parameter,
        float(value),
        float(limit),
        1,
        baseline_value,
        baseline_id,
        rule.definition.explain(parameter, value, limit),
    )
