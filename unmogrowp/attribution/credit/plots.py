"""Models side by side, as a picture."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from unmogrowp.attribution.credit.journeys import InvalidJourneys, require_columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CHANNELS = 15


def plot_credit(
    credit: pl.DataFrame, *, measure: str = "conversions", title: str = "Credit by model"
) -> "Figure":
    """Draw a bar per channel and model; intervals where the frame has them.

    Args:
        credit: What `credit_paths`, `bootstrap_paths` or `sum_by_channel` returned.
        measure: `conversions` or `value`.
        title: Stands above.

    Returns:
        A matplotlib figure: `.savefig("credit.png")`. Channels stand in the order of their mean
        credit; of more than 15 the smallest are left out and counted in the axis label. Channels
        too few to separate are drawn hatched.

    Raises:
        InvalidJourneys: Nothing to draw.
    """
    from matplotlib.figure import Figure

    require_columns(credit, ("model", "channel", measure), "credit")
    if credit.is_empty():
        raise InvalidJourneys("credit: there is no row to draw")
    models = credit["model"].unique(maintain_order=True).to_list()
    ranked = (
        credit.group_by("channel")
        .agg(pl.col(measure).mean())
        .sort(measure, "channel", descending=[True, False])["channel"]
        .to_list()
    )
    shown = ranked[:MOST_CHANNELS]
    figure = Figure(figsize=(max(6.0, 1.1 * len(shown)), 4.2), layout="constrained")
    axes = figure.subplots()
    width = 0.82 / len(models)
    for number, model in enumerate(models):
        rows = pl.DataFrame({"channel": shown}).join(
            credit.filter(pl.col("model") == model),
            on="channel",
            how="left",
            maintain_order="left",
        )
        heights = rows[measure].fill_null(0.0).to_numpy()
        places = np.arange(len(shown)) + (number - (len(models) - 1) / 2) * width
        bars = axes.bar(places, heights, width, label=model, yerr=_errors(rows, measure, heights))
        if "is_too_few_to_separate" in rows.columns:
            for bar, is_flagged in zip(bars, rows["is_too_few_to_separate"], strict=True):
                bar.set_hatch("//" if is_flagged else "")
    axes.set_xticks(np.arange(len(shown)), shown, rotation=30, ha="right")
    axes.set_ylabel(measure)
    if len(ranked) > len(shown):
        axes.set_xlabel(f"{len(ranked) - len(shown)} smaller channels are left out")
    axes.set_title(title)
    axes.legend(fontsize="small", ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _errors(rows: pl.DataFrame, measure: str, heights: np.ndarray) -> np.ndarray | None:
    low, high = f"{measure}_low", f"{measure}_high"
    if low not in rows.columns or high not in rows.columns:
        return None
    return np.vstack(
        [
            heights - rows[low].fill_null(0.0).to_numpy(),
            rows[high].fill_null(0.0).to_numpy() - heights,
        ]
    )
