"""`credit_touches`: touches and conversions with their times in, credit of every touch out."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from unmogrowp.attribution.credit import markov, rule_models, shapley
from unmogrowp.attribution.credit.journeys import (
    Floats,
    InvalidJourneys,
    Journeys,
    encode,
    journeys_of,
)
from unmogrowp.attribution.credit.models import (
    MARKOV_ORDERS,
    MODELS,
    Model,
    Options,
    checked_models,
    rule_shares,
)
from unmogrowp.attribution.credit.touch_paths import UNTOUCHED, aggregated, lay_out

TOUCH_MODELS: tuple[Model, ...] = tuple(m for m in MODELS if m != "shapley_rate")


def credit_touches(
    touches: pl.DataFrame,
    conversions: pl.DataFrame,
    models: Sequence[str] = ("first", "last", "linear", "position_based", "time_decay"),
    *,
    lookback_days: float = 30.0,
    lookback_steps: int = 0,
    transforms: Sequence[str] = (),
    half_life_days: float = 7.0,
    direct: str = "(direct)",
    untouched: str = UNTOUCHED,
    position_weights: Sequence[float] = (0.4, 0.2, 0.4),
) -> pl.DataFrame:
    """Share out each conversion among the touches before it.

    Args:
        touches: One row per touch: `person_id`, `channel`, `touch_at` (Datetime).
        conversions: One row per conversion: `conversion_id` (each once), `person_id`,
            `converted_at` (Datetime of the same time zone) and optionally `value`.
        models: Rule models; `markov_1` to `markov_3`, where a touch gets the removal effect of its
            channel divided by the sum of them over the touches of its path; `shapley`.
        lookback_days: How old a touch may be at the conversion; exactly this old is in.
        lookback_steps: At most so many touches, the last ones; 0 for all.
        transforms: Applied in this order to what the lookback leaves; see `transform_paths`.
        half_life_days: Of `time_decay`; age is measured from the conversion.
        direct: The direct channel, for `last_non_direct` and `remove_direct_unless_only`.
        untouched: The channel of conversions that no touch came before.
        position_weights: First touch, those between together, last touch.

    Returns:
        One row per model, conversion and touch: `model`, `conversion_id`, `person_id`, `position`
        (1 is the oldest; 0 for `untouched`), `channel`, `touch_at`, `credit` (adds up to 1 per
        model and conversion), `value` (credit times the conversion's value).

    Raises:
        InvalidJourneys: A frame, a model or an option is not what is described here.
    """
    wanted = checked_models(models, TOUCH_MODELS)
    if not np.isfinite(half_life_days) or half_life_days <= 0:
        raise InvalidJourneys(f"half_life_days must be more than 0, not {half_life_days}")
    options = Options(direct, rule_models.checked_weights(position_weights))
    laid = lay_out(
        touches, conversions, lookback_days, lookback_steps, transforms, direct, untouched
    )
    every = pl.concat([laid.on_path, laid.untouched]).sort("conversion_id", maintain_order=True)
    journeys = _journeys(every)
    full = None
    frames = []
    for model in wanted:
        if model in MARKOV_ORDERS:
            full = full or journeys_of(aggregated(laid))
            effects = markov.removal_effects(full, MARKOV_ORDERS[model])
            by_name = dict(zip(full.channels, effects, strict=True))
            own = np.array([by_name[name] for name in journeys.channels])
            shares = rule_models.shared_within(journeys, own[journeys.codes])
        elif model == "shapley":
            shares = shapley.shapley(journeys)
        elif model == "time_decay":
            age_ms = every["age_us"].fill_null(0).to_numpy() / 1_000.0
            shares = rule_models.time_decay(journeys, age_ms, half_life_days * 86_400_000.0)
        else:
            shares = rule_shares(model, journeys, options)
        frames.append(_credited(model, every, shares))
    return pl.concat(frames) if frames else _credited("", every, np.zeros(len(every))).clear()


def paths_from_touches(
    touches: pl.DataFrame,
    conversions: pl.DataFrame,
    *,
    lookback_days: float = 30.0,
    lookback_steps: int = 0,
    transforms: Sequence[str] = (),
    direct: str = "(direct)",
    untouched: str = UNTOUCHED,
) -> pl.DataFrame:
    """Return the frame that `credit_paths` wants: `path`, `conversions`, `value`, `nulls`.

    Arguments and errors are those of `credit_touches`. Journeys that did not convert are in it.
    """
    laid = lay_out(
        touches, conversions, lookback_days, lookback_steps, transforms, direct, untouched
    )
    return aggregated(laid)


def sum_by_channel(credit: pl.DataFrame) -> pl.DataFrame:
    """Return credit of touches as `credit_paths` gives it: `model, channel, conversions, value`."""
    order = pl.Enum(credit["model"].unique(maintain_order=True))
    return (
        credit.group_by("model", "channel")
        .agg(pl.col("credit").sum().alias("conversions"), pl.col("value").sum())
        .sort(pl.col("model").cast(order), "channel")
    )


def _journeys(every: pl.DataFrame) -> Journeys:
    """Return the journeys of rows that stand together by conversion."""
    codes, channels = encode(every["channel"])
    ids = every["conversion_id"]
    is_start = (ids != ids.shift(1)).fill_null(True).to_numpy()
    starts = np.append(np.flatnonzero(is_start), every.height).astype(np.int64)
    nothing = np.zeros(len(starts) - 1)
    return Journeys(channels, codes, starts, nothing + 1.0, nothing, nothing)


def _credited(model: str, every: pl.DataFrame, shares: Floats) -> pl.DataFrame:
    position = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("conversion_id")
    return every.select(
        pl.lit(model).alias("model"),
        "conversion_id",
        "person_id",
        pl.when(pl.col("touch_at").is_null())
        .then(pl.lit(0, dtype=pl.UInt32))
        .otherwise(position)
        .alias("position"),
        "channel",
        "touch_at",
        pl.Series("credit", shares),
        (pl.Series("value", shares) * every["value"]).alias("value"),
    )
