"""Small operations on columns that several parts of a market share."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from unmogrowp.simulator.randomness import Ints

Scalar = TypeVar("Scalar", bound=np.generic)


def at_places(values: npt.NDArray[Scalar], places: Ints, absent: Any) -> npt.NDArray[Scalar]:
    """Return the value at each place; `absent` where the place is negative."""
    padded = np.append(values, np.asarray([absent], dtype=values.dtype))
    return padded[np.where(places < 0, len(values), places)]


def scattered(
    count: int, places: Ints, values: npt.NDArray[Scalar], absent: Any
) -> npt.NDArray[Scalar]:
    """Return `count` values: the given ones at their places, `absent` everywhere else."""
    full = np.full(count, absent, dtype=values.dtype)
    full[places] = values
    return full


def text_at(values: pl.Series, places: Ints) -> pl.Series:
    """Return the text at each place; '' where the place is negative."""
    padded = pl.concat([values.cast(pl.String), pl.Series([""], dtype=pl.String)])
    return padded.gather(np.where(places < 0, len(values), places))


def rows(schema: Mapping[str, Any], count: int, values: Mapping[str, Any]) -> pl.DataFrame:
    """Return `count` rows of a schema; a value that is no column stands in every row."""
    return pl.DataFrame(
        {
            name: pl.Series(name, value, dtype=kind)
            if isinstance(value := values[name], np.ndarray | pl.Series | list)
            else pl.Series(name, [value], dtype=kind).new_from_index(0, count)
            for name, kind in schema.items()
        }
    )


def formatted(template: str, *values: Any) -> pl.Series:
    """Fill the `{}` of a template with columns; other braces stay as they are."""
    parts = template.split("{}")
    pieces: list[Any] = [pl.lit(parts[0])]
    for value, text in zip(values, parts[1:], strict=True):
        pieces += [pl.Series(value).cast(pl.String), pl.lit(text)]
    return pl.select(pl.concat_str(pieces)).to_series()
