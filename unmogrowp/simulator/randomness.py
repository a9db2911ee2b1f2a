"""Random numbers by name: each part of a market draws from a stream of its own.

A part that draws one number more than before changes nothing in the others, and the same seed
gives the same market on every machine (numpy's PCG64; the version stands in the manifest).
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Dice:
    """Named random generators of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def stream(self, name: str) -> np.random.Generator:
        """Return the generator of one part, from its beginning."""
        digest = blake2b(f"{self._seed}/{name}".encode(), digest_size=16).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest)))


def hex_ids(rng: np.random.Generator, count: int, size: int = 8) -> pl.Series:
    """Return `count` random ids of `size` bytes as lower-case hexadecimal text."""
    raw = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(size), count, [None, pa.py_buffer(rng.bytes(size * count))]
    )
    series = pl.from_arrow(raw.cast(pa.binary()))
    assert isinstance(series, pl.Series)
    return series.bin.encode("hex")


def uuids(rng: np.random.Generator, count: int) -> pl.Series:
    """Return `count` random ids in the form of a UUID, lower case."""
    text = hex_ids(rng, count, 16)
    parts = [text.str.slice(at, size) for at, size in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
    return pl.select(pl.concat_str(parts, separator="-")).to_series()


def choose(rng: np.random.Generator, weights: Sequence[float], count: int) -> Ints:
    """Return `count` places in `weights`, each as often as its weight says."""
    total = np.cumsum(np.asarray(weights, dtype=np.float64))
    places = np.searchsorted(total, rng.random(count) * total[-1], side="right")
    return np.asarray(np.minimum(places, len(weights) - 1), dtype=np.int64)


def log_normal_ms(
    rng: np.random.Generator, median_seconds: float, sigma: float, count: int
) -> Ints:
    """Return durations in milliseconds, log-normal around a median."""
    return (rng.lognormal(np.log(median_seconds * 1000), sigma, count)).astype(np.int64)
