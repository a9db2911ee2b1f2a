"""What the fraud tables must hold, by brute force over plain rows, with NumPy and SciPy."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from tests.integration.fraud.rows import DAY, START, Decided
from tests.market.model import Event, Touch

Key = tuple[str, str, str]


def day_number(epoch_ms: int) -> int:
    return (epoch_ms - START) // DAY


def counts_of_day(
    number: int, decided: Sequence[Decided], touches: Sequence[Touch], events: Sequence[Event]
) -> dict[Key, dict[str, Any]]:
    """Return what each publisher did on a day, by (app, media source, site)."""
    found: dict[Key, dict[str, Any]] = defaultdict(
        lambda: {
            "install_count": 0, "ctits": [], "click_count": 0, "impression_count": 0,
            "new_device_count": 0, "cohort_count": 0, "returned_count": 0,
        }
    )  # fmt: skip
    for one in decided:
        if one.is_organic or one.conversion_kind == "re_engagement" or one.ruleset_id != "ours":
            continue
        key = (one.app_id, one.media_source, one.site_id)
        installed_on = day_number(one.installed_at)
        if installed_on == number:
            row = found[key]
            row["install_count"] += 1
            if one.touch_type == "click" and one.ctit_ms is not None and one.ctit_ms >= 0:
                row["ctits"].append(one.ctit_ms)
            row["new_device_count"] += not any(
                other.device_id == one.device_id and other.installed_at < one.installed_at
                for other in decided
                if one.device_id
            )
        if installed_on == number - 2:
            found[key]["cohort_count"] += 1
            found[key]["returned_count"] += any(
                event.app_id == one.app_id
                and event.device_key == one.device_key
                and 24 <= (event.occurred_at - one.installed_at) / 3_600_000 < 48
                for event in events
            )
    for touch in touches:
        if day_number(touch.touch_at) == number:
            row = found[(touch.app_id, touch.media_source, touch.site_id)]
            row[f"{touch.touch_type}_count"] += 1
    return dict(found)


def summed(days: Iterable[dict[Key, dict[str, Any]]]) -> dict[Key, dict[str, Any]]:
    """Add up days."""
    total: dict[Key, dict[str, Any]] = {}
    for one in days:
        for key, row in one.items():
            into = total.setdefault(key, {name: [] if name == "ctits" else 0 for name in row})
            for name, value in row.items():
                into[name] = into[name] + value
    return total


def bin_of(ctit_ms: int) -> int:
    return min(127, int(np.floor(4 * np.log2(max(1, ctit_ms)))))


def publisher_verdicts(
    app_id: str, samples: dict[Key, dict[str, Any]], frozen: dict[Key, dict[str, Any]]
) -> set[tuple[str, str, str, float]]:
    """Return (rule, media source, site, value rounded) of every verdict under the defaults."""
    samples = {key: row for key, row in samples.items() if key[0] == app_id}
    frozen = {key: row for key, row in frozen.items() if key[0] == app_id}
    if not frozen:
        return set()
    found: set[tuple[str, str, str, float]] = set()

    def fire(rule: str, key: Key, value: float) -> None:
        found.add((rule, key[1], key[2], round(float(value), 4)))

    compared = {}
    whole = sum(len(row["ctits"]) for row in frozen.values())
    filled = sum(bool(row["ctits"]) for row in frozen.values())
    for key, row in samples.items():
        if len(row["ctits"]) >= 50 and filled:
            cap = max(0.2, 1 / filled) * whole
            values, weights = [], []
            for other, theirs in frozen.items():
                if other != key and theirs["ctits"]:
                    weight = min(1.0, cap / len(theirs["ctits"]))
                    values += [bin_of(ctit) for ctit in theirs["ctits"]]
                    weights += [weight] * len(theirs["ctits"])
            if not values:
                continue
            own = np.array([bin_of(ctit) for ctit in row["ctits"]])
            others, weighing = np.array(values), np.array(weights)
            distance = max(
                abs((own <= edge).mean() - weighing[others <= edge].sum() / weighing.sum())
                for edge in range(128)
            )
            n, m = len(own), weighing.sum()
            p_value = stats.kstwobign.sf(math.sqrt(n * m / (n + m)) * distance)
            compared[key] = (distance, p_value)
    if compared:
        q_values = stats.false_discovery_control([p for _, p in compared.values()])
        for (key, (distance, _)), q_value in zip(compared.items(), q_values, strict=True):
            if q_value < 0.01 and round(distance, 12) > 0.35:
                fire("click_flood.flat_ctit", key, distance)

    for key, row in samples.items():
        others = {other: theirs for other, theirs in frozen.items() if other != key}
        rates = [
            theirs["click_count"] / theirs["install_count"]
            for theirs in others.values()
            if theirs["install_count"] and theirs["click_count"]
        ]
        if row["click_count"] >= 1000 and rates:
            factor = row["click_count"] / max(1, row["install_count"]) / np.median(rates)
            if round(factor, 12) > 10 and row["install_count"] / row["click_count"] < 0.0005:
                fire("click_flood.cti", key, factor)

        means = [log_mean(theirs) for theirs in others.values() if len(theirs["ctits"]) >= 30]
        if len(row["ctits"]) >= 30 and len(means) >= 5 and np.std(means, ddof=1) > 1e-9:
            sigmas = abs(log_mean(row) - np.mean(means)) / np.std(means, ddof=1)
            if round(sigmas, 12) >= 2.5:
                fire("mtti_outlier", key, sigmas)

        installs = sum(theirs["install_count"] for theirs in others.values())
        if row["install_count"] >= 100 and installs:
            of_others = sum(theirs["new_device_count"] for theirs in others.values()) / installs
            share = row["new_device_count"] / row["install_count"]
            if round(share, 12) > 0.8 and round(share - of_others, 12) >= 0.1:
                fire("new_device_rate", key, share)

        cohort = sum(theirs["cohort_count"] for theirs in others.values())
        if row["cohort_count"] >= 50 and cohort:
            of_others = sum(theirs["returned_count"] for theirs in others.values()) / cohort
            if of_others >= 0.05:
                chance = stats.binom.cdf(row["returned_count"], row["cohort_count"], of_others)
                ratio = row["returned_count"] / row["cohort_count"] / of_others
                if round(ratio, 12) < 0.1 and chance <= 0.01:
                    fire("retention_zero", key, ratio)
    return found


def log_mean(row: dict[str, Any]) -> float:
    return float(
        np.mean([math.floor(math.log10(max(1, ctit)) * 1e6) / 1e6 for ctit in row["ctits"]])
    )
