"""The rules about publishers: each measures one app's publishers against its frozen baseline.

A publisher is always compared with the *others* of its app; an app with one publisher has nothing
to compare with, and no verdict. Values are rounded to twelve digits before they are compared, so
that a share of exactly the threshold is not above it by the dust of a division.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from unmogrowp.fraud.publishers import (
    AppBaseline,
    Measured,
    PublisherCounts,
    Verdict,
    verdict_on_publisher,
)
from unmogrowp.fraud.statistics import (
    OthersMean,
    OthersMedian,
    OthersMixture,
    benjamini_hochberg,
    binomial_cdf,
    ks_distance,
    ks_p_value,
)
from unmogrowp.rulesets import FraudMode, FraudRule

# No publisher makes more than this share of the click to install times of a baseline.
LARGEST_SHARE = 0.2

Publishers = Sequence[PublisherCounts]
Limits = Mapping[str, float]
Measure = Callable[[Publishers, AppBaseline, Limits], Iterator[Measured]]


def judge_publishers(
    samples: Publishers, baseline: AppBaseline, rules: Sequence[FraudRule]
) -> list[Verdict]:
    """Return every verdict about the publishers of one app.

    Args:
        samples: All publishers of the app over the days that are judged.
        baseline: The app's frozen baseline; one without publishers where there is none.
        rules: Rules of a ruleset; those that are off, or not about publishers, are passed over.
    """
    found = []
    for rule in rules:
        measure = MEASURES.get(rule.rule_id)
        if measure is None or rule.mode == FraudMode.OFF:
            continue
        for measured in measure(samples, baseline, rule.limits):
            verdict = verdict_on_publisher(rule, measured, baseline.baseline_id)
            if verdict is not None:
                found.append(verdict)
    return sorted(found, key=lambda one: (one.media_source, one.site_id, one.rule, one.mode))


def _flat_ctit(samples: Publishers, baseline: AppBaseline, limits: Limits) -> Iterator[Measured]:
    """Distances whose q-value, over all publishers that are large enough, is low enough."""
    known = baseline.by_key
    mixture = OthersMixture([one.ctit_bins for one in baseline.publishers], LARGEST_SHARE)
    compared: list[tuple[PublisherCounts, float, float]] = []
    for one in samples:
        if one.ctit_count < limits["min_installs"]:
            continue
        own = known.get(one.key)
        others = mixture.without(own.ctit_bins if own else None)
        distance = ks_distance(one.ctit_bins, others) if others else None
        if distance is not None:
            p_value = ks_p_value(distance, one.ctit_count, sum(others))
            compared.append((one, round(distance, 12), p_value))
    q_values = benjamini_hochberg([p_value for _, _, p_value in compared])
    for (one, distance, _), q_value in zip(compared, q_values, strict=True):
        if q_value < limits["max_q"]:
            yield Measured(one, distance, one.ctit_count, q_value)


def _clicks_per_install(
    samples: Publishers, baseline: AppBaseline, limits: Limits
) -> Iterator[Measured]:
    """Clicks per install over the median of the others that had both."""
    known = {
        one.key: one.clicks_per_install
        for one in baseline.publishers
        if one.click_count and one.install_count
    }
    medians = OthersMedian(list(known.values()))
    for one in samples:
        if one.click_count < limits["min_clicks"]:
            continue
        median = medians.without(known.get(one.key))
        conversion = one.install_count / max(1, one.click_count)
        if median and conversion < limits["max_conversion"]:
            yield Measured(one, round(one.clicks_per_install / median, 12), one.click_count, median)


def _mean_time(samples: Publishers, baseline: AppBaseline, limits: Limits) -> Iterator[Measured]:
    """Distance of the mean log time from the others' means, in their standard deviation."""
    known = {
        one.key: one.mean_log_ctit
        for one in baseline.publishers
        if one.mean_log_ctit is not None and one.ctit_count >= limits["min_installs"]
    }
    means = OthersMean(list(known.values()))
    for one in samples:
        own = one.mean_log_ctit
        if own is None or one.ctit_count < limits["min_installs"]:
            continue
        others = means.without(known.get(one.key))
        if others is None or others.count < limits["min_publishers"]:
            continue
        sigmas = others.sigmas(own)
        if sigmas is not None:
            yield Measured(one, round(sigmas, 12), one.ctit_count, others.mean)


def _new_devices(samples: Publishers, baseline: AppBaseline, limits: Limits) -> Iterator[Measured]:
    """Share of installs of devices never seen, where it exceeds that of the others."""
    others = _OthersShare(baseline, "new_device_count", "install_count")
    for one in samples:
        if one.install_count < limits["min_installs"]:
            continue
        of_others = others.without(one.key)
        share = round(one.new_device_count / max(1, one.install_count), 12)
        if of_others is not None and round(share - of_others, 12) >= limits["min_excess"]:
            yield Measured(one, share, one.install_count, of_others)


def _retention(samples: Publishers, baseline: AppBaseline, limits: Limits) -> Iterator[Measured]:
    """Day 1 retention over that of the others, where so few returns are no chance."""
    others = _OthersShare(baseline, "returned_count", "cohort_count")
    for one in samples:
        if one.cohort_count < limits["min_installs"]:
            continue
        of_others = others.without(one.key)
        if of_others is None or of_others < limits["min_baseline"] or not one.cohort_count:
            continue
        if binomial_cdf(one.returned_count, one.cohort_count, of_others) > limits["max_p"]:
            continue
        ratio = one.returned_count / one.cohort_count / of_others
        yield Measured(one, round(ratio, 12), one.cohort_count, of_others)


def _impressions(samples: Publishers, baseline: AppBaseline, limits: Limits) -> Iterator[Measured]:
    """Impressions of the day itself; the cap needs no others to compare with."""
    del baseline, limits
    for one in samples:
        if one.impression_count:
            yield Measured(one, float(one.impression_count), one.impression_count)


class _OthersShare:
    """Share of all publishers of a baseline but one; None where they have nothing."""

    def __init__(self, baseline: AppBaseline, part: str, whole: str) -> None:
        self._known: dict[tuple[str, str], tuple[int, int]] = {
            one.key: (getattr(one, part), getattr(one, whole)) for one in baseline.publishers
        }
        self._part = sum(part for part, _ in self._known.values())
        self._whole = sum(whole for _, whole in self._known.values())

    def without(self, key: tuple[str, str]) -> float | None:
        part, whole = self._known.get(key, (0, 0))
        left = self._whole - whole
        return round((self._part - part) / left, 12) if left else None


MEASURES: dict[str, Measure] = {
    "click_flood.flat_ctit": _flat_ctit,
    "click_flood.cti": _clicks_per_install,
    "mtti_outlier": _mean_time,
    "new_device_rate": _new_devices,
    "retention_zero": _retention,
    "impression_cap": _impressions,
}
