"""How sure a figure is: Wilson's interval for shares, the bootstrap for everything else."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Z_95 = 1.959963984540054
DRAWS = 400


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927, without continuity correction).

    It stays inside [0, 1] and keeps its width where nothing or everything was hit, which the
    normal approximation does not. (0, 1) where nothing was seen.
    """
    if total <= 0:
        return 0.0, 1.0
    share, square = hits / total, Z_95**2
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = (
        Z_95
        * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
        / (1 + square / total)
    )
    # Rounding must not make "all of them" a little less than everything.
    lower = 0.0 if hits == 0 else max(0.0, centre - half)
    upper = 1.0 if hits == total else min(1.0, centre + half)
    return lower, upper


def bootstrap(
    statistic: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the 2.5 % and 97.5 % quantiles of a statistic of `count` resampled rows.

    `statistic` takes a weight per row: how often the row was drawn, from a Poisson distribution of
    mean 1 (the limit of drawing with replacement). The draws are always the same ones, so that the
    same rows give the same bounds.
    """
    rng = np.random.Generator(np.random.PCG64(0))
    draws = np.array([statistic(rng.poisson(1.0, count).astype(np.float64)) for _ in range(DRAWS)])
    lower, upper = np.quantile(draws, [0.025, 0.975], axis=0)
    return np.asarray(lower), np.asarray(upper)
