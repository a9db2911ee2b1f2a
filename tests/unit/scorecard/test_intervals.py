"""Intervals against published values and against counting."""

import numpy as np
import pytest

from unmogrowp.scorecard.intervals import bootstrap, wilson


@pytest.mark.parametrize(
    ("hits", "total", "expected"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_gives_the_published_intervals(hits, total, expected):
    assert wilson(hits, total) == pytest.approx(expected, abs=5e-5)


def test_nothing_seen_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_all_hits_do_not_make_certain():
    lower, upper = wilson(10, 10)
    assert (upper, lower < 0.8) == (1.0, True)


def test_the_bootstrap_covers_a_mean_as_theory_says():
    rng = np.random.default_rng(1)
    values = rng.normal(3.0, 2.0, 400)
    lower, upper = bootstrap(lambda w: np.array([w @ values / w.sum()]), len(values))
    half = 1.96 * values.std() / 20
    assert lower[0] == pytest.approx(values.mean() - half, abs=0.04)
    assert upper[0] == pytest.approx(values.mean() + half, abs=0.04)


def test_the_bootstrap_gives_the_same_twice():
    values = np.arange(50.0)
    first = bootstrap(lambda w: np.array([w @ values]), 50)
    assert np.array_equal(first, bootstrap(lambda w: np.array([w @ values]), 50))
