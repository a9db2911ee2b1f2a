"""How far multi-touch models are from what channels really brought.

The truth gives each channel its fair part of each install, and the rest to nobody: people who
would have come anyway. A model that gives every install to some touch credits channels with them
all the same; that is part of its bias.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from unmogrowp.attribution.credit import credit_touches
from unmogrowp.scorecard.intervals import bootstrap
from unmogrowp.scorecard.model import Bias, CreditScore, Misplaced
from unmogrowp.scorecard.truth import BASELINE, ORGANIC, Truth

MODELS = (
    "first", "last", "linear", "position_based", "time_decay", "markov_1", "markov_2", "shapley",
)  # fmt: skip
LOOKBACK_DAYS = 30.0
UNTOUCHED = "(none)"
# How the truth, our own journeys and those of the platform name conversions that are nobody's.
NOBODY = {BASELINE, UNTOUCHED, ORGANIC}
Floats = npt.NDArray[np.float64]


def complete_journeys(truth: Truth, models: Sequence[str] = MODELS) -> CreditScore | None:
    """Score the models on journeys without gaps: every honest touch, every real first install.

    What is wrong here is wrong with the model, not with what the platform could see.
    None where the market has too little to share out.
    """
    real = truth.installs.filter(
        (pl.col("kind") == "install")
        & pl.col("message_id").is_in(truth.journeys["message_id"].unique().to_list())
    )
    touches = truth.touches.filter((pl.col("fraud") == "") & ~pl.col("is_retargeting"))
    on_path = touches.filter(pl.col("device_id").is_in(real["device_id"].unique().to_list()))
    if real.is_empty() or on_path.is_empty():
        return None
    credit = credit_touches(
        touches.select(
            person_id="device_id", channel="media_source", touch_at=_instant("touch_at")
        ),
        real.select(
            conversion_id="message_id", person_id="device_id", converted_at=_instant("installed_at")
        ),
        models,
        lookback_days=LOOKBACK_DAYS,
        untouched=UNTOUCHED,
    )
    per_install = credit.group_by("model", "conversion_id", "channel", maintain_order=True).agg(
        pl.col("credit").sum()
    )
    return score_credit(
        "complete and honest journeys",
        "Every reported honest touch is known to belong to its person: what is wrong here is wrong"
        " with the model.",
        per_install,
        truth.journeys.filter(pl.col("message_id").is_in(real["message_id"].to_list())).select(
            conversion_id="message_id", channel="media_source", contribution="contribution"
        ),
    )


def landed_journeys(truth: Truth, rows: pl.DataFrame, credit: pl.DataFrame) -> CreditScore:
    """Score the platform's own credit, of the journeys it could see, by day of the install.

    Args:
        truth: What is true.
        rows: Installs that both know, with message_id.
        credit: model, day (text), channel, credit.
    """
    landed = truth.installs.filter(
        pl.col("message_id").is_in(rows["message_id"].to_list()) & (pl.col("kind") != "reinstall")
    ).select("message_id", day=_instant("installed_at").dt.strftime("%Y-%m-%d"))
    parts = truth.journeys.select("message_id", channel="media_source", contribution="contribution")
    # Made-up installs and second devices count as conversions, and no channel brought them.
    brought = landed.join(parts, on="message_id", how="left", maintain_order="left").with_columns(
        pl.col("channel").fill_null(BASELINE), pl.col("contribution").fill_null(1.0)
    )
    return score_credit(
        "journeys as they landed",
        "What the platform could see: without consent, ids or a reported touch there is a gap, and"
        " fraudulent touches are on the path.",
        credit.rename({"day": "conversion_id"}),
        brought.group_by("day", "channel", maintain_order=True)
        .agg(pl.col("contribution").sum())
        .rename({"day": "conversion_id"}),
    )


def score_credit(
    title: str, explanation: str, credit: pl.DataFrame, brought: pl.DataFrame
) -> CreditScore:
    """Compare credit with contributions, unit by unit.

    Args:
        title: What kind of journeys they are.
        explanation: The same in a sentence.
        credit: model, conversion_id (or another unit), channel, credit.
        brought: conversion_id, channel (`(organic)` for nobody's), contribution.
    """
    units = sorted({*credit["conversion_id"], *brought["conversion_id"]})
    found = {*credit["channel"], *brought["channel"]} - NOBODY
    channels = sorted(found)
    truth = _matrix(brought, "contribution", units, channels)
    biases: list[Bias] = []
    misplaced: list[Misplaced] = []
    everything = float(brought["contribution"].sum())
    for (model,), group in credit.group_by("model", maintain_order=True):
        given = _matrix(group, "credit", units, channels)
        difference = given - truth

        def statistic(weight: Floats, given: Floats = given) -> Floats:
            credited, brought = weight @ given, weight @ truth
            scale = len(weight) / max(weight.sum(), 1.0)
            off = (credited - brought) * scale
            return np.append(off, [_misplaced(off), _between(credited, brought)])

        lower, upper = bootstrap(statistic, len(units))
        total = difference.sum(axis=0)
        biases += [
            Bias(
                str(model),
                channel,
                float(given[:, n].sum()),
                float(truth[:, n].sum()),
                float(lower[n]),
                float(upper[n]),
            )
            for n, channel in enumerate(channels)
        ]
        off = _misplaced(total)
        between = _between(given.sum(axis=0), truth.sum(axis=0))
        misplaced.append(
            Misplaced(
                str(model),
                float(off / everything),
                float(lower[-2] / everything),
                float(upper[-2] / everything),
                between,
                float(lower[-1]),
                float(upper[-1]),
            )
        )
    return CreditScore(title, explanation, len(units), tuple(biases), tuple(misplaced))


def _misplaced(difference: Floats) -> float:
    """Return how many installs lie in the wrong place.

    Installs that nobody brought belong to nobody: that is one more place, and what it has too few
    is what the channels together have too many. Half of all that is off has been moved.
    """
    return float((np.abs(difference).sum() + abs(difference.sum())) / 2)


def _between(credited: Floats, brought: Floats) -> float:
    """Return half the distance between how credit and contributions are shared among channels."""
    if credited.sum() <= 0 or brought.sum() <= 0:
        return 0.0
    return float(np.abs(credited / credited.sum() - brought / brought.sum()).sum() / 2)


def _matrix(
    frame: pl.DataFrame, value: str, units: Sequence[str], channels: Sequence[str]
) -> Floats:
    place = {unit: n for n, unit in enumerate(units)}
    column = {channel: n for n, channel in enumerate(channels)}
    matrix = np.zeros((len(units), len(channels)))
    kept = frame.filter(pl.col("channel").is_in(list(channels)))
    rows = [place[unit] for unit in kept["conversion_id"]]
    columns = [column[channel] for channel in kept["channel"]]
    np.add.at(matrix, (rows, columns), kept[value].to_numpy())
    return matrix


def _instant(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="ms").dt.replace_time_zone("UTC")
