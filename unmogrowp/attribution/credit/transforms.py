"""Path transforms: which touches of a path are kept, before any model looks at it.

Every transform keeps a subset of the touches in their order, so credit still goes to touches that
happened. They are named by text, so that they can stand in a definition.

| name | keeps |
|---|---|
| `all` | every touch |
| `exposure` | the first touch of each run of the same channel |
| `unique` | the last touch of each channel |
| `first` | the first touch of each channel |
| `remove_direct_unless_only` | touches that are not direct; all where there are no others |
| `trim_long_N` | the last N touches |
"""

import re
from collections.abc import Sequence

import polars as pl

from unmogrowp.attribution.credit.journeys import InvalidJourneys, require_columns

NAMES = ("all", "exposure", "unique", "first", "remove_direct_unless_only", "trim_long_N")
_TRIM = re.compile(r"trim_long_([1-9][0-9]{0,8})")


def trim_length(name: str) -> int | None:
    """Return the N of `trim_long_N`, None for other names."""
    match = _TRIM.fullmatch(name)
    return int(match[1]) if match else None


def checked_transforms(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names.

    Raises:
        InvalidJourneys: One names no transform.
    """
    if isinstance(names, str):
        raise InvalidJourneys(f"transforms must be a list of names: [{names!r}]")
    for name in names:
        if name not in NAMES[:-1] and trim_length(name) is None:
            raise InvalidJourneys(f"unknown transform {name!r}; there are {', '.join(NAMES)}")
    return tuple(names)


def transform_paths(
    paths: pl.DataFrame, transforms: Sequence[str], *, direct: str = "(direct)"
) -> pl.DataFrame:
    """Apply transforms, one after the other, to the column `path` of a frame of paths.

    Args:
        paths: As for `credit_paths`; other columns stay as they are.
        transforms: Names as in the table of this module.
        direct: The channel that `remove_direct_unless_only` removes.

    Raises:
        InvalidJourneys: A transform is unknown, or the frame has no paths.
    """
    names = checked_transforms(transforms)
    require_columns(paths, ("path",), "paths")
    if not isinstance(paths["path"].dtype, pl.List):
        raise InvalidJourneys(f"column 'path' must be a list of text, not {paths['path'].dtype}")
    touches = (
        paths.select("path")
        .with_row_index("journey")
        .explode("path", empty_as_null=False)
        .rename({"path": "channel"})
    )
    kept = keep_touches(touches, names, journey="journey", direct=direct)
    lists = kept.group_by("journey", maintain_order=True).agg(pl.col("channel").alias("path"))
    return (
        paths.drop("path")
        .with_row_index("journey")
        .join(lists, on="journey", how="left", maintain_order="left")
        .drop("journey")
        .select(paths.columns)
    )


def keep_touches(
    touches: pl.DataFrame, transforms: Sequence[str], *, journey: str, direct: str
) -> pl.DataFrame:
    """Apply transforms to touches, one row each, in the order of time within each journey."""
    for name in transforms:
        touches = touches.filter(_is_kept(name, journey, direct))
    return touches


def _is_kept(name: str, journey: str, direct: str) -> pl.Expr:
    channel = pl.col("channel")
    if name == "exposure":
        return (channel != channel.shift(1)).fill_null(True).over(journey)
    if name == "unique":
        return channel.is_last_distinct().over(journey)
    if name == "first":
        return channel.is_first_distinct().over(journey)
    if name == "remove_direct_unless_only":
        return (channel != direct) | (channel == direct).all().over(journey)
    length = trim_length(name)
    if length is not None:
        return (pl.len() - pl.int_range(pl.len())).over(journey) <= length
    return pl.lit(True)
