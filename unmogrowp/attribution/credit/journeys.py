"""Journeys as flat arrays: what every model reads, checked once.

A frame of paths is unpacked into one array of channel codes, with the place where each path
begins; models then work on arrays and never on single rows. Codes are the places of the channels
in their sorted list, so a channel may have any name: no name stands for a state of a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unmogrowp.errors import PermanentError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class InvalidJourneys(PermanentError, ValueError):
    """The frame cannot be credited; the message names the column, the row and what to do."""


@dataclass(frozen=True, slots=True)
class Journeys:
    """Distinct or repeated paths with their counts.

    `codes[starts[i] : starts[i + 1]]` are the channels of path i, as places in `channels`;
    `starts` has one entry more than there are paths. `conversions`, `value` and `nulls` are the
    totals of each path.
    """

    channels: tuple[str, ...]
    codes: Ints
    starts: Ints
    conversions: Floats
    value: Floats
    nulls: Floats

    def __len__(self) -> int:
        """Return the number of paths."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        """Return the number of touches of each path, at least 1."""
        return np.diff(self.starts)

    @property
    def path_of_touch(self) -> Ints:
        """Return the path of each touch."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def per_touch(self, per_path: Floats) -> Floats:
        """Return a value of each path once for every touch of it."""
        return np.repeat(per_path, self.lengths)

    def by_channel(self, per_touch: Floats) -> Floats:
        """Return the sums of a value of each touch by channel."""
        return sums(self.codes, per_touch, len(self.channels))

    def summed(self) -> "Journeys":
        """Return the same journeys with equal paths added up, in an order of their own.

        The order depends on nothing but the paths, so that what is drawn at random from the
        result does not depend on the order or the splitting of rows.
        """
        frame = pl.DataFrame(
            {
                "path": unflatten(pl.Series(self.codes), self.starts),
                "conversions": self.conversions,
                "value": self.value,
                "nulls": self.nulls,
            }
        )
        grouped = (
            frame.with_columns(key=pl.col("path").cast(pl.List(pl.String)).list.join(","))
            .group_by("key")
            .agg(
                pl.col("path").first(),
                pl.col("conversions").sum(),
                pl.col("value").sum(),
                pl.col("nulls").sum(),
            )
            .sort("key")
        )
        return replace(
            self,
            codes=grouped["path"].explode(empty_as_null=False).to_numpy().astype(np.int64),
            starts=starts_of(grouped["path"]),
            conversions=grouped["conversions"].to_numpy(),
            value=grouped["value"].to_numpy(),
            nulls=grouped["nulls"].to_numpy(),
        )


def journeys_of(paths: pl.DataFrame) -> Journeys:
    """Check a frame of paths and unpack it.

    Args:
        paths: `path` (list of channel names, oldest touch first), `conversions` (how many
            journeys along it converted), and, 0 where the column is absent, `value` (their total)
            and `nulls` (how many did not convert).

    Raises:
        InvalidJourneys: A column is missing or of the wrong type, a path is empty, a channel has
            no name, a count is missing, negative, infinite or not a number.
    """
    if not isinstance(paths, pl.DataFrame):
        raise InvalidJourneys(
            f"paths must be a polars DataFrame, not {type(paths).__name__};"
            " convert with pl.from_pandas(...) or .collect()"
        )
    require_columns(paths, ("path", "conversions"), "paths")
    path = paths["path"]
    _check_paths(path)
    touches = path.explode(empty_as_null=False)
    check_channels(touches, "path")
    conversions = numbers(paths, "conversions")
    nulls = numbers(paths, "nulls")
    value = numbers(paths, "value", is_count=False)
    if conversions.sum() == 0 and np.any(value != 0):
        raise InvalidJourneys("column 'value' holds value, but there is not one conversion")
    codes, channels = encode(touches)
    return Journeys(channels, codes, starts_of(path), conversions, value, nulls)


def require_columns(frame: pl.DataFrame, names: Sequence[str], what: str) -> None:
    """Refuse a frame that lacks columns, and say which it has.

    Raises:
        InvalidJourneys: At least one is missing.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InvalidJourneys(
            f"{what}: missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)};"
            f" there are {', '.join(frame.columns) or 'none'}"
        )


def numbers(frame: pl.DataFrame, name: str, *, is_count: bool = True) -> Floats:
    """Return a column of finite numbers, zeros where the frame has no such column.

    Args:
        frame: Where to look.
        name: The column.
        is_count: Refuse numbers below 0 as well; a value may be below 0 (refunds).

    Raises:
        InvalidJourneys: Not numbers, or one that cannot be added up.
    """
    if name not in frame.columns:
        return np.zeros(frame.height)
    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise InvalidJourneys(f"column {name!r} must hold numbers, not {column.dtype}")
    found = column.cast(pl.Float64)
    refuse_rows(found.is_null(), f"column {name!r} is null; use 0 for none")
    refuse_rows(~found.is_finite(), f"column {name!r} is not a finite number")
    if is_count:
        refuse_rows(found < 0, f"column {name!r} is negative")
    return found.to_numpy().astype(np.float64)


def refuse_rows(is_wrong: pl.Series, sentence: str) -> None:
    """Refuse the frame if a row is marked.

    Raises:
        InvalidJourneys: With the number of rows and the place of the first.
    """
    wrong = int(is_wrong.sum() or 0)
    if wrong:
        first = is_wrong.arg_max()
        raise InvalidJourneys(f"{sentence} ({wrong} row{'s'[: wrong > 1]}, the first is {first})")


def check_channels(channels: pl.Series, column: str) -> None:
    """Refuse channels without a name.

    Raises:
        InvalidJourneys: One is null or blank.
    """
    if channels.null_count():
        raise InvalidJourneys(
            f"column {column!r} holds a null channel; name it or leave the touch out"
        )
    # Names are few and touches many: looking at each name once is a third of the work.
    names = channels.unique() if channels.dtype == pl.String else channels
    if names.dtype == pl.String and bool((names.str.strip_chars() == "").any()):
        raise InvalidJourneys(
            f"column {column!r} holds a channel with a blank name; name it or leave the touch out"
        )


def encode(channels: pl.Series) -> tuple[Ints, tuple[str, ...]]:
    """Return each channel as its place in the sorted list of all, and that list."""
    texts = channels if channels.dtype == pl.Categorical else channels.cast(pl.String)
    names = tuple(sorted(texts.unique().cast(pl.String).to_list()))
    if not names:
        return np.zeros(0, dtype=np.int64), ()
    codes = texts.cast(pl.String).cast(pl.Enum(names)).to_physical()
    return codes.to_numpy().astype(np.int64), names


def sums(keys: Ints, weights: Floats, size: int) -> Floats:
    """Return the sum of the weights of each key; keys lie below `size`."""
    return np.asarray(np.bincount(keys, weights=weights, minlength=size), dtype=np.float64)


def starts_of(path: pl.Series) -> Ints:
    """Return where each list begins in the exploded series, and where the last one ends."""
    lengths = path.list.len().to_numpy().astype(np.int64)
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


def unflatten(values: pl.Series, starts: Ints) -> pl.Series:
    """Return a series of lists from one series of all their items, in order."""
    path = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    grouped = (
        pl.DataFrame({"path": path, "item": values})
        .group_by("path", maintain_order=True)
        .agg(pl.col("item"))
    )
    return grouped["item"]


def _check_paths(path: pl.Series) -> None:
    kind = path.dtype
    if not isinstance(kind, pl.List):
        hint = '; split it first: pl.col("path").str.split(" > ")' if kind == pl.String else ""
        raise InvalidJourneys(f"column 'path' must be a list of text, not {kind}{hint}")
    if kind.inner not in (pl.String, pl.Null) and not isinstance(
        kind.inner, pl.Categorical | pl.Enum
    ):
        raise InvalidJourneys(f"column 'path' must be a list of text, not {kind}")
    refuse_rows(path.is_null(), "column 'path' is null")
    refuse_rows(
        path.list.len() == 0,
        "column 'path' is an empty list; journeys without a touch cannot be credited: leave them"
        " out, or give them a channel of their own",
    )
