"""The statistics of the publisher rules, over histograms and counts; nothing here reads a table.

Samples arrive as counts per bin, so a publisher with a million installs costs what one with fifty
does. All values of a bin are ties of one value, which makes distances exact for the binned data and
p-values of the Kolmogorov-Smirnov test conservative.
"""

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BINS = 128
PER_OCTAVE = 4

Histogram = Sequence[float]


def bin_of(ctit_ms: int) -> int:
    """Return the bin of a click to install time: a quarter of an octave each, from 1 ms on.

    Bin 0 holds 0 and 1 ms, the last one everything above (beyond 41 days).
    """
    return min(BINS - 1, math.floor(math.log2(max(1, ctit_ms)) * PER_OCTAVE))


def bin_start_ms(place: int) -> float:
    """Return the shortest time of a bin, in milliseconds."""
    return float(2 ** (place / PER_OCTAVE))


def ks_distance(first: Histogram, second: Histogram) -> float | None:
    """Return the largest distance of two cumulative distributions given as weights per bin.

    None when one of them is empty: there is nothing to compare.
    """
    if len(first) != len(second):
        raise ValueError(f"histograms of {len(first)} and {len(second)} bins")
    first_total, second_total = math.fsum(first), math.fsum(second)
    if first_total <= 0 or second_total <= 0:
        return None
    largest = first_sum = second_sum = 0.0
    for one, other in zip(first, second, strict=True):
        first_sum += one
        second_sum += other
        largest = max(largest, abs(first_sum / first_total - second_sum / second_total))
    return largest


def kolmogorov_sf(value: float) -> float:
    """Return P(K > value) of the Kolmogorov distribution.

    The alternating series 2 * sum (-1)^(k-1) exp(-2 k² value²) for large values; below 1 its
    terms cancel, and the theta-function form of the same distribution converges at once.
    """
    if value <= 0:
        return 1.0
    if value < 1.0:
        factor = -(math.pi**2) / (8 * value**2)
        total = math.fsum(math.exp(factor * (2 * k - 1) ** 2) for k in range(1, 8))
        return min(1.0, max(0.0, 1.0 - math.sqrt(2 * math.pi) / value * total))
    total = math.fsum((-1) ** (k - 1) * math.exp(-2 * (k * value) ** 2) for k in range(1, 12))
    return min(1.0, max(0.0, 2 * total))


def ks_p_value(distance: float, first_count: float, second_count: float) -> float:
    """Return the asymptotic two-sided p-value of a two-sample Kolmogorov-Smirnov distance."""
    effective = first_count * second_count / (first_count + second_count)
    return kolmogorov_sf(math.sqrt(effective) * distance)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the q-value of each p-value, in their order; equal p-values have equal q-values.

    Benjamini and Hochberg (1995), step-up: the smallest p[j] * n / j over all j of rank i or more.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index], reverse=True)
    q_values = [1.0] * len(p_values)
    smallest = 1.0
    for place, index in enumerate(order):
        rank = len(p_values) - place
        smallest = min(smallest, p_values[index] * len(p_values) / rank)
        q_values[index] = smallest
    return q_values


def binomial_cdf(successes: int, trials: int, probability: float) -> float:
    """Return P(X <= successes) of a binomial distribution, summed exactly in logarithms."""
    if probability <= 0 or successes >= trials:
        return 1.0
    if probability >= 1:
        return 0.0
    yes, no = math.log(probability), math.log1p(-probability)
    return min(
        1.0,
        math.fsum(
            math.exp(
                math.lgamma(trials + 1)
                - math.lgamma(k + 1)
                - math.lgamma(trials - k + 1)
                + k * yes
                + (trials - k) * no
            )
            for k in range(successes + 1)
        ),
    )


@dataclass(frozen=True, slots=True)
class MeanAndDeviation:
    """Mean and sample standard deviation (n - 1) of `count` values."""

    count: int
    mean: float
    deviation: float

    def sigmas(self, value: float) -> float | None:
        """Return how many deviations a value is away; None where all values are the same."""
        return abs(value - self.mean) / self.deviation if self.deviation > 1e-9 else None


class OthersMean:
    """Mean and deviation of some values without one of them, for each in turn, in one pass."""

    def __init__(self, values: Sequence[float]) -> None:
        self._shift = math.fsum(values) / len(values) if values else 0.0
        self._count = len(values)
        # Around the mean of all, or the squares would lose the digits that the deviation is in.
        self._sum = math.fsum(value - self._shift for value in values)
        self._squares = math.fsum((value - self._shift) ** 2 for value in values)

    def without(self, value: float | None) -> MeanAndDeviation | None:
        """Summarise all but one occurrence of a value (None: all).

        None where fewer than two are left, which have no deviation.
        """
        count, total, squares = self._count, self._sum, self._squares
        if value is not None:
            count -= 1
            total -= value - self._shift
            squares -= (value - self._shift) ** 2
        if count < 2:
            return None
        variance = max(0.0, (squares - total * total / count) / (count - 1))
        return MeanAndDeviation(count, self._shift + total / count, math.sqrt(variance))


class OthersMedian:
    """Median of some values without one of them, for each in turn, sorted once."""

    def __init__(self, values: Sequence[float]) -> None:
        self._ordered = sorted(values)

    def without(self, value: float | None) -> float | None:
        """Return the median of all but one occurrence of a value (None: all); None for none."""
        count = len(self._ordered) - (value is not None)
        if count <= 0:
            return None
        gone = math.inf if value is None else bisect.bisect_left(self._ordered, value)
        low, high = (count - 1) // 2, count // 2
        return (self._ordered[low + (low >= gone)] + self._ordered[high + (high >= gone)]) / 2


class OthersMixture:
    """Sum of histograms in which none has more than a share of the whole, without one in turn.

    A flooding publisher is often the largest, and would otherwise be most of the baseline that it,
    and everybody else, is compared with. The cap is `max_share` of the whole as it was; with few
    histograms it cannot bind all of them, so it is never below the mean.
    """

    def __init__(self, histograms: Sequence[Histogram], max_share: float) -> None:
        totals = [math.fsum(one) for one in histograms]
        filled = sum(total > 0 for total in totals)
        self._cap = max(max_share, 1 / filled) * math.fsum(totals) if filled else 0.0
        width = len(histograms[0]) if histograms else 0
        self._sum = [0.0] * width
        for histogram in histograms:
            for place, count in enumerate(self._weighed(histogram)):
                self._sum[place] += count

    def without(self, histogram: Histogram | None) -> list[float]:
        """Return the mixture of all others; None: of all."""
        if histogram is None:
            return list(self._sum)
        # What is left of a bin that only this one had is the dust of rounding.
        return [
            left if left > 1e-9 else 0.0
            for left in (
                whole - own for whole, own in zip(self._sum, self._weighed(histogram), strict=True)
            )
        ]

    def _weighed(self, histogram: Histogram) -> Iterator[float]:
        total = math.fsum(histogram)
        weight = min(1.0, self._cap / total) if total > 0 else 0.0
        return (count * weight for count in histogram)


def quantile_bin(histogram: Histogram, probability: float) -> int | None:
    """Return the first bin by which a share of the values is reached; None for no values."""
    total = math.fsum(histogram)
    reached = 0.0
    for place, count in enumerate(histogram):
        reached += count
        if total > 0 and reached >= probability * total and count > 0:
            return place
    return None
