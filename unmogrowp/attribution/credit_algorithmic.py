"""Credit of a day by models that look at all journeys together, as rows of mart.channel_credit."""

from datetime import date

import polars as pl
import pyarrow as pa

from unmogrowp.attribution.credit import bootstrap_paths
from unmogrowp.attribution.journey_definitions import JourneyDefinition

# More digits than that differ between machines; fewer would show in totals.
SIGNIFICANT_DIGITS = 12

_CHANNEL_CREDIT_ARROW = pa.schema(
    [
        ("model_id", pa.string()),
        ("app_id", pa.string()),
        ("day", pa.date32()),
        ("channel", pa.string()),
        ("conversions", pa.float64()),
        ("conversions_low", pa.float64()),
        ("conversions_high", pa.float64()),
        ("value", pa.float64()),
        ("value_low", pa.float64()),
        ("value_high", pa.float64()),
        ("is_too_few_to_separate", pa.bool_()),
        ("currency", pa.string()),
        ("config_hash", pa.string()),
    ]
)


def algorithmic_credit(counted: pl.DataFrame, journey: JourneyDefinition, day: date) -> pa.Table:
    """Return rows of mart.channel_credit of the algorithmic models, each app by itself.

    Args:
        counted: `app_id`, `path`, `conversions`, `value`, `nulls`: the paths of the day.
        journey: The definition; its seed makes the intervals the same at every build.
        day: UTC day of the conversions.
    """
    frames = []
    for _, paths in counted.group_by("app_id", maintain_order=True):
        if not paths["conversions"].sum():
            continue
        credit = bootstrap_paths(
            paths.with_columns(pl.col("path").cast(pl.List(pl.String))),
            journey.algorithmic_models,
            replicates=journey.replicates,
            level=journey.level,
            direct=journey.direct,
            position_weights=journey.position_weights,
            seed=journey.seed,
        )
        frames.append(credit.with_columns(app_id=pl.lit(paths["app_id"][0])))
    if not frames:
        return _CHANNEL_CREDIT_ARROW.empty_table()
    rows = (
        pl.concat(frames)
        .filter((pl.col("conversions") != 0) | (pl.col("value") != 0))
        .with_columns(
            pl.col(pl.Float64).round_sig_figs(SIGNIFICANT_DIGITS),
            model_id=pl.concat_str(pl.lit(f"{journey.journey_id}."), "model"),
            day=pl.lit(day),
            currency=pl.lit(journey.conversion.currency),
            config_hash=pl.lit(journey.config_hash),
        )
    )
    return rows.select(_CHANNEL_CREDIT_ARROW.names).to_arrow().cast(_CHANNEL_CREDIT_ARROW)
