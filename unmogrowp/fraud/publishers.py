"""What is known of publishers: counts of a span of days, and verdicts about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unmogrowp.fraud.statistics import BINS
from unmogrowp.rulesets import FraudRule


@dataclass(frozen=True, slots=True)
class PublisherCounts:
    """One publisher of an app over some days; `log_ctit_sum` is of log10 milliseconds.

    `impression_count` is of the last of the days alone; a baseline has none.
    """

    app_id: str
    media_source: str
    site_id: str
    install_count: int = 0
    ctit_count: int = 0
    ctit_bins: tuple[int, ...] = (0,) * BINS
    log_ctit_sum: float = 0.0
    click_count: int = 0
    impression_count: int = 0
    new_device_count: int = 0
    cohort_count: int = 0
    returned_count: int = 0

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "PublisherCounts":
        """Read a row of the queries `fraud/samples` and `fraud/baselines`."""
        sparse = row["ctit_bins"]
        return cls(
            app_id=str(row["app_id"]),
            media_source=str(row["media_source"]),
            site_id=str(row["site_id"]),
            install_count=int(row["install_count"]),
            ctit_count=int(row["ctit_count"]),
            ctit_bins=tuple(int(sparse.get(place, 0)) for place in range(BINS)),
            log_ctit_sum=float(row["log_ctit_sum"]),
            click_count=int(row["click_count"]),
            impression_count=int(row.get("impression_count", 0)),
            new_device_count=int(row["new_device_count"]),
            cohort_count=int(row["cohort_count"]),
            returned_count=int(row["returned_count"]),
        )

    @property
    def key(self) -> tuple[str, str]:
        """Return what names the publisher within its app."""
        return self.media_source, self.site_id

    @property
    def mean_log_ctit(self) -> float | None:
        """Return the mean of log10 of the click to install time; None without any."""
        return self.log_ctit_sum / self.ctit_count if self.ctit_count else None

    @property
    def clicks_per_install(self) -> float:
        """Return clicks per install; without an install as if there had been one."""
        return self.click_count / max(1, self.install_count)


@dataclass(frozen=True, slots=True)
class AppBaseline:
    """What an app looked like over the days before, frozen.

    `network_quantiles` holds installs per network, on the busiest day of each, by probability.
    """

    app_id: str
    baseline_id: str
    publishers: tuple[PublisherCounts, ...]
    network_quantiles: Mapping[float, float]

    @property
    def by_key(self) -> dict[tuple[str, str], PublisherCounts]:
        """Return what is known of each publisher."""
        return {one.key: one for one in self.publishers}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rule measured of a publisher that meets its conditions."""

    publisher: PublisherCounts
    value: float
    sample_count: int
    baseline_value: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule that fired, as a row of `mart.fraud_verdicts`; `install_id` is '' for a publisher."""

    scope: str
    app_id: str
    media_source: str
    site_id: str
    install_id: str
    rule: str
    rule_version: int
    mode: str
    parameter: str
    value: float
    threshold: float
    sample_count: int
    baseline_value: float | None
    baseline_id: str
    sentence: str


def verdict_on_publisher(rule: FraudRule, measured: Measured, baseline_id: str) -> Verdict | None:
    """Return the verdict of a rule about a publisher; None where no threshold is crossed."""
    for name, limit in rule.limits.items():
        if rule.definition.threshold(name).is_crossed(measured.value, limit):
            return Verdict(
                "publisher",
                measured.publisher.app_id,
                *measured.publisher.key,
                "",
                rule.rule_id,
                rule.version,
                rule.mode,
                name,
                measured.value,
                limit,
                measured.sample_count,
                measured.baseline_value,
                baseline_id,
                rule.definition.explain(name, measured.value, limit),
            )
    return None
