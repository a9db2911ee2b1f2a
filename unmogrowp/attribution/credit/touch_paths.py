"""Which touches are on the path of which conversion.

A conversion's path is made of the touches of the same person in the lookback before it, both ends
included; touches of the same instant stand in the order of their channels. A touch can be on the
path of several conversions. Touches that are on no conversion's path did not convert: those of one
person with no conversion between them form one path of their own, which the algorithmic models
need.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from unmogrowp.attribution.credit.journeys import (
    InvalidJourneys,
    check_channels,
    numbers,
    refuse_rows,
    require_columns,
)
from unmogrowp.attribution.credit.transforms import checked_transforms, keep_touches

UNTOUCHED = "(none)"


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Touches on the path of a conversion, in order, and the paths that did not convert."""

    on_path: pl.DataFrame
    not_converted: pl.DataFrame
    untouched: pl.DataFrame


def lay_out(
    touches: pl.DataFrame,
    conversions: pl.DataFrame,
    lookback_days: float,
    lookback_steps: int,
    transforms: Sequence[str],
    direct: str,
    untouched: str,
) -> LaidOut:
    """Check both frames and lay touches and conversions out as paths; see `credit_touches`."""
    names = checked_transforms(transforms)
    if not np.isfinite(lookback_days) or lookback_days < 0:
        raise InvalidJourneys(f"lookback_days must be at least 0, not {lookback_days}")
    if lookback_steps < 0:
        raise InvalidJourneys(f"lookback_steps must be at least 0, not {lookback_steps}")
    seen = _checked_touches(touches)
    converted = _checked_conversions(conversions, seen)
    age = (pl.col("converted_at") - pl.col("touch_at")).dt.total_microseconds()
    lookback_us = round(timedelta(days=lookback_days) / timedelta(microseconds=1))
    paired = (
        converted.join(seen, on="person_id", how="inner")
        .with_columns(age_us=age)
        .filter(pl.col("age_us").is_between(0, lookback_us))
        .sort("conversion_id", "touch_at", "channel", "touch")
    )
    if lookback_steps:
        paired = keep_touches(
            paired, [f"trim_long_{lookback_steps}"], journey="conversion_id", direct=direct
        )
    on_path = keep_touches(paired, names, journey="conversion_id", direct=direct)
    lonely = converted.join(on_path, on="conversion_id", how="anti").select(
        *converted.columns,
        pl.lit(None, dtype=seen["touch_at"].dtype).alias("touch_at"),
        pl.lit(untouched).alias("channel"),
        pl.lit(None, dtype=on_path["age_us"].dtype).alias("age_us"),
    )
    rest = seen.join(paired.select("touch").unique(), on="touch", how="anti")
    return LaidOut(
        on_path.select(lonely.columns),
        _not_converted(rest, converted, names, lookback_us, lookback_steps, direct),
        lonely,
    )


def _not_converted(
    rest: pl.DataFrame,
    converted: pl.DataFrame,
    names: Sequence[str],
    lookback_us: int,
    lookback_steps: int,
    direct: str,
) -> pl.DataFrame:
    """Return the paths of touches that are on no conversion's path."""
    # The next conversion of the person names the gap that a touch lies in.
    gaps = (
        rest.sort("touch_at")
        .join_asof(
            converted.select("person_id", "converted_at").sort("converted_at"),
            left_on="touch_at",
            right_on="converted_at",
            by="person_id",
            strategy="forward",
            check_sortedness=False,
        )
        .sort("person_id", "converted_at", "touch_at", "channel", "touch")
        .with_columns(
            journey=(
                pl.col("person_id").ne_missing(pl.col("person_id").shift(1))
                | pl.col("converted_at").ne_missing(pl.col("converted_at").shift(1))
            ).cum_sum()
        )
        .filter(
            (pl.col("touch_at").max().over("journey") - pl.col("touch_at")).dt.total_microseconds()
            <= lookback_us
        )
    )
    if lookback_steps:
        gaps = keep_touches(gaps, [f"trim_long_{lookback_steps}"], journey="journey", direct=direct)
    kept = keep_touches(gaps, names, journey="journey", direct=direct)
    return kept.group_by("journey", maintain_order=True).agg(pl.col("channel").alias("path"))


def aggregated(laid: LaidOut) -> pl.DataFrame:
    """Return the paths with their counts, equal ones added up, as `credit_paths` wants them."""
    led = (
        pl.concat([laid.on_path, laid.untouched])
        .group_by("conversion_id", maintain_order=True)
        .agg(pl.col("channel").alias("path"), pl.col("value").first())
        .select("path", pl.lit(1.0).alias("conversions"), "value", pl.lit(0.0).alias("nulls"))
    )
    lost = laid.not_converted.select(
        "path",
        pl.lit(0.0).alias("conversions"),
        pl.lit(0.0).alias("value"),
        pl.lit(1.0).alias("nulls"),
    )
    return (
        pl.concat([led, lost])
        .group_by("path")
        .agg(pl.col("conversions").sum(), pl.col("value").sum(), pl.col("nulls").sum())
        .sort(pl.col("path").list.join("\x1f"))
    )


def _checked_touches(touches: pl.DataFrame) -> pl.DataFrame:
    require_columns(touches, ("person_id", "channel", "touch_at"), "touches")
    _check_times(touches, "touch_at", "touches")
    _check_ids(touches, "person_id", "touches")
    check_channels(touches["channel"], "channel")
    return touches.select(
        "person_id", pl.col("channel").cast(pl.String), pl.col("touch_at").dt.cast_time_unit("us")
    ).with_row_index("touch")


def _checked_conversions(conversions: pl.DataFrame, touches: pl.DataFrame) -> pl.DataFrame:
    require_columns(conversions, ("conversion_id", "person_id", "converted_at"), "conversions")
    _check_times(conversions, "converted_at", "conversions")
    _check_ids(conversions, "person_id", "conversions")
    _check_ids(conversions, "conversion_id", "conversions")
    refuse_rows(
        ~conversions["conversion_id"].is_first_distinct(),
        "conversions: column 'conversion_id' names a conversion twice",
    )
    for column, one, other in (
        ("time zone", _zone(conversions["converted_at"]), _zone(touches["touch_at"])),
        ("type of person_id", conversions["person_id"].dtype, touches["person_id"].dtype),
    ):
        if one != other:
            raise InvalidJourneys(f"the {column} of conversions is {one}, that of touches {other}")
    return conversions.select(
        "conversion_id", "person_id", pl.col("converted_at").dt.cast_time_unit("us")
    ).with_columns(pl.Series("value", numbers(conversions, "value", is_count=False)))


def _zone(times: pl.Series) -> str | None:
    assert isinstance(times.dtype, pl.Datetime)
    return times.dtype.time_zone


def _check_times(frame: pl.DataFrame, column: str, what: str) -> None:
    if not isinstance(frame[column].dtype, pl.Datetime):
        raise InvalidJourneys(
            f"{what}: column {column!r} must be a Datetime, not {frame[column].dtype};"
            " convert it with .str.to_datetime() or pl.from_epoch(...)"
        )
    refuse_rows(frame[column].is_null(), f"{what}: column {column!r} is null")


def _check_ids(frame: pl.DataFrame, column: str, what: str) -> None:
    refuse_rows(frame[column].is_null(), f"{what}: column {column!r} is null")
