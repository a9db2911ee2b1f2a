"""Distances, p- and q-values against SciPy; edges by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unmogrowp.fraud.statistics import (
    MeanAndDeviation,
    OthersMean,
    OthersMedian,
    OthersMixture,
    benjamini_hochberg,
    bin_of,
    bin_start_ms,
    binomial_cdf,
    kolmogorov_sf,
    ks_distance,
    ks_p_value,
    quantile_bin,
)

histograms = st.lists(st.integers(0, 40), min_size=6, max_size=6)
p_lists = st.lists(st.floats(0, 1, allow_nan=False), max_size=30)


def sample(histogram: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(histogram)), histogram)


@given(histograms, histograms)
def test_ks_distance_of_histograms_is_that_of_scipy_over_their_values(first, second):
    if not sum(first) or not sum(second):
        assert ks_distance(first, second) is None
        return
    expected = stats.ks_2samp(sample(first), sample(second)).statistic
    assert ks_distance(first, second) == pytest.approx(expected, abs=1e-12)


def test_ks_distance_is_zero_for_equal_shapes_and_one_for_shapes_without_overlap():
    assert ks_distance([1, 2, 3], [10, 20, 30]) == pytest.approx(0)
    assert ks_distance([5, 0], [0, 7]) == 1


def test_histograms_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 and 3 bins"):
        ks_distance([1, 2], [1, 2, 3])


@given(st.floats(0.01, 6))
def test_the_kolmogorov_distribution_is_that_of_scipy(value):
    assert kolmogorov_sf(value) == pytest.approx(stats.kstwobign.sf(value), rel=1e-9, abs=1e-15)


def test_the_kolmogorov_distribution_is_certain_at_zero_and_continuous_where_the_series_change():
    assert kolmogorov_sf(0) == 1
    assert kolmogorov_sf(-1) == 1
    assert kolmogorov_sf(1 - 1e-12) == pytest.approx(kolmogorov_sf(1), abs=1e-10)


@given(histograms, histograms)
def test_ks_p_value_is_the_asymptotic_one_of_scipy(first, second):
    distance = ks_distance(first, second)
    if distance is None:
        return
    n, m = sum(first), sum(second)
    expected = stats.kstwobign.sf(math.sqrt(n * m / (n + m)) * distance)
    assert ks_p_value(distance, n, m) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@given(p_lists)
def test_q_values_are_those_of_scipy(p_values):
    expected = list(stats.false_discovery_control(p_values)) if p_values else []
    assert benjamini_hochberg(p_values) == pytest.approx(expected, abs=1e-12)


@given(p_lists, st.randoms())
def test_q_values_do_not_depend_on_the_order_of_publishers(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    shuffled = benjamini_hochberg([p_values[place] for place in order])
    straight = benjamini_hochberg(p_values)
    assert shuffled == pytest.approx([straight[place] for place in order], abs=1e-12)


def test_tied_p_values_have_one_q_value():
    assert benjamini_hochberg([0.02, 0.02, 0.5]) == pytest.approx([0.03, 0.03, 0.5])


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0, 1))
def test_the_binomial_distribution_is_that_of_scipy(successes, more, probability):
    trials = successes + more
    expected = stats.binom.cdf(successes, trials, probability)
    assert binomial_cdf(successes, trials, probability) == pytest.approx(
        expected, rel=1e-7, abs=1e-12
    )


values_of = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=20)


@given(values_of, st.data())
def test_the_median_of_the_others_is_that_of_numpy(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    others = values[:place] + values[place + 1 :]
    found = OthersMedian(values).without(values[place])
    assert found == (pytest.approx(float(np.median(others))) if others else None)
    assert OthersMedian(values).without(None) == pytest.approx(float(np.median(values)))


def test_there_is_no_median_of_nothing():
    assert OthersMedian([]).without(None) is None


@given(values_of, st.data())
def test_mean_and_deviation_of_the_others_are_those_of_numpy(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    others = values[:place] + values[place + 1 :]
    found = OthersMean(values).without(values[place])
    if len(others) < 2:
        assert found is None
        return
    assert found is not None
    assert found.count == len(others)
    assert found.mean == pytest.approx(float(np.mean(others)), abs=1e-6)
    assert found.deviation == pytest.approx(float(np.std(others, ddof=1)), rel=1e-6, abs=1e-2)


def test_publishers_that_are_all_alike_have_no_outlier_and_one_publisher_no_deviation():
    assert OthersMean([3.0]).without(None) is None
    assert OthersMean([]).without(None) is None
    alike = OthersMean([3.0, 3.0, 3.0]).without(None)
    assert alike is not None
    assert alike.sigmas(100.0) is None


def test_sigmas_are_distances_in_deviations():
    assert MeanAndDeviation(5, 10.0, 2.0).sigmas(5.0) == 2.5


@pytest.mark.parametrize(
    ("ctit_ms", "expected"),
    [(0, 0), (1, 0), (2, 4), (3, 6), (4, 8), (1000, 39), (86_400_000, 105), (2**60, 127)],
)
def test_bins_are_quarters_of_an_octave(ctit_ms, expected):
    assert bin_of(ctit_ms) == expected


def test_a_mixture_keeps_a_giant_to_its_share():
    giant, small, other = [0, 800], [100, 0], [100, 0]
    mixture = OthersMixture([giant, small, other], 0.2)
    # A third of the whole is the cap, because three publishers cannot each be below a fifth.
    assert mixture.without(None) == pytest.approx([200, 1000 / 3])


@given(st.lists(histograms, min_size=1, max_size=6), st.data())
def test_a_mixture_without_a_publisher_holds_nothing_of_it(found, data):
    place = data.draw(st.integers(0, len(found) - 1))
    mixture = OthersMixture(found, 1.0)
    others = found[:place] + found[place + 1 :]
    expected = [sum(column) for column in zip(*others, strict=True)] or [0] * 6
    assert mixture.without(found[place]) == pytest.approx(expected)


def test_a_mixture_of_nothing_is_empty():
    assert OthersMixture([], 0.2).without(None) == []
    assert OthersMixture([[0, 0], [0, 0]], 0.2).without([0, 0]) == [0, 0]


@given(histograms, st.floats(0.001, 1))
def test_a_quantile_is_the_bin_of_the_value_at_its_rank(histogram, probability):
    values = sample(histogram)
    if not len(values):
        assert quantile_bin(histogram, probability) is None
        return
    rank = max(1, math.ceil(probability * len(values)))
    assert quantile_bin(histogram, probability) == values[rank - 1]


def test_bins_begin_where_their_shortest_time_is():
    for place in (4, 39, 105, 127):
        assert bin_of(math.ceil(bin_start_ms(place))) == place
        assert bin_of(math.ceil(bin_start_ms(place)) - 1) == place - 1 or place == 4
