"""How far the credit of a channel can be trusted: intervals, and which channels to tell apart.

The bootstrap asks what would have come out had other journeys of the same kind been seen: the
count of every path is drawn anew from a Poisson distribution around what was counted (the limit
of drawing that many journeys with replacement), and the models are worked out again. Each draw is
scaled to the observed totals, so an interval says how sure the *sharing* is and not how many
conversions there might have been.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from unmogrowp.attribution.credit import markov, rule_models, shapley
from unmogrowp.attribution.credit.journeys import (
    Bools,
    Floats,
    InvalidJourneys,
    Journeys,
    journeys_of,
)
from unmogrowp.attribution.credit.models import (
    MARKOV_ORDERS,
    PATH_MODELS,
    Model,
    Options,
    checked_models,
    credit_of,
    in_proportion,
    rule_shares,
)

MIN_CONVERSIONS = 30
# Above this a Poisson draw differs from its mean in the ninth digit; numpy refuses above 9.2e18.
LARGEST_DRAWN = 1e18
INTERVAL_SCHEMA = {
    "model": pl.String,
    "channel": pl.String,
    "conversions": pl.Float64,
    "conversions_low": pl.Float64,
    "conversions_high": pl.Float64,
    "value": pl.Float64,
    "value_low": pl.Float64,
    "value_high": pl.Float64,
    "is_too_few_to_separate": pl.Boolean,
}
Replicate = Callable[[Journeys], tuple[Floats, Floats]]


def bootstrap_paths(
    paths: pl.DataFrame,
    models: Sequence[str] = ("markov_1", "shapley"),
    *,
    replicates: int = 200,
    level: float = 0.95,
    min_conversions: float = MIN_CONVERSIONS,
    direct: str = "(direct)",
    position_weights: Sequence[float] = (0.4, 0.2, 0.4),
    shapley_max_exact: int = shapley.MAX_EXACT,
    samples: int = shapley.SAMPLES,
    seed: int = 0,
) -> pl.DataFrame:
    """Return the credit of `credit_paths` with intervals.

    Args:
        paths: As for `credit_paths`.
        models: As for `credit_paths`.
        replicates: How often the journeys are drawn anew, at least 20.
        level: Share of the draws that an interval holds.
        min_conversions: With fewer in all, every channel is flagged: a resample of a handful of
            journeys knows no others.
        direct: As for `credit_paths`.
        position_weights: As for `credit_paths`.
        shapley_max_exact: As for `credit_paths`.
        samples: As for `credit_paths`.
        seed: The same seed gives the same intervals, whatever the order of the rows.

    Returns:
        The rows of `credit_paths` with `conversions_low`, `conversions_high`, `value_low`,
        `value_high` and `is_too_few_to_separate`: true where the difference to the channel ranked
        right above or right below it is not clear of 0 at this level.

    Raises:
        InvalidJourneys: As `credit_paths`; or too few replicates, or a level outside (0, 1).
    """
    wanted = checked_models(models, PATH_MODELS)
    if replicates < 20:
        raise InvalidJourneys(f"replicates must be at least 20, not {replicates}")
    if not 0 < level < 1:
        raise InvalidJourneys(f"level must lie between 0 and 1, not {level}")
    options = Options(
        direct, rule_models.checked_weights(position_weights), shapley_max_exact, samples, seed
    )
    journeys = journeys_of(paths).summed()
    repeat = {model: _repeatable(model, journeys, options) for model in wanted}
    draws: dict[Model, list[tuple[Floats, Floats]]] = {model: [] for model in wanted}
    random = np.random.default_rng(seed)
    for _ in range(replicates):
        drawn = _drawn(journeys, random)
        if drawn is not None:
            for model in wanted:
                draws[model].append(repeat[model](drawn))
    enough = float(journeys.conversions.sum()) >= min_conversions
    frames = [
        _summary(model, journeys, repeat[model](journeys), draws[model], level, enough)
        for model in wanted
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=INTERVAL_SCHEMA)


def _drawn(journeys: Journeys, random: np.random.Generator) -> Journeys | None:
    """Return journeys with counts drawn anew; None when no conversion was drawn."""
    conversions = _poisson(journeys.conversions, random)
    nulls = _poisson(journeys.nulls, random)
    if not conversions.any():
        return None
    # Value of a path that did not convert (refunds, say) has no count to vary with, and stays.
    ratio = np.divide(
        conversions,
        journeys.conversions,
        out=np.ones(len(journeys)),
        where=journeys.conversions > 0,
    )
    return replace(journeys, conversions=conversions, nulls=nulls, value=journeys.value * ratio)


def _poisson(counts: Floats, random: np.random.Generator) -> Floats:
    """Draw counts; those so large that nothing can be drawn anew in 15 digits stay as they are."""
    drawn = random.poisson(np.minimum(counts, LARGEST_DRAWN)).astype(np.float64)
    return np.where(counts > LARGEST_DRAWN, counts, drawn)


def _repeatable(model: Model, journeys: Journeys, options: Options) -> Replicate:
    """Return the model as a function of the counts alone; what depends on paths is done once."""
    if model in MARKOV_ORDERS:
        graph = markov.state_graph(journeys, MARKOV_ORDERS[model])

        def by_effects(drawn: Journeys) -> tuple[Floats, Floats]:
            effects = markov.effects_of(graph, len(drawn.channels), drawn.conversions, drawn.nulls)
            return in_proportion(effects, drawn.conversions), in_proportion(effects, drawn.value)

        return by_effects
    if model == "shapley_rate":
        return lambda drawn: credit_of(model, drawn, options)
    shares = (
        shapley.shapley(journeys) if model == "shapley" else rule_shares(model, journeys, options)
    )

    def by_shares(drawn: Journeys) -> tuple[Floats, Floats]:
        return (
            drawn.by_channel(shares * drawn.per_touch(drawn.conversions)),
            drawn.by_channel(shares * drawn.per_touch(drawn.value)),
        )

    return by_shares


def _summary(
    model: Model,
    journeys: Journeys,
    observed: tuple[Floats, Floats],
    draws: list[tuple[Floats, Floats]],
    level: float,
    is_enough: bool,
) -> pl.DataFrame:
    conversions, value = observed
    low, high, scaled = _interval(conversions, [one for one, _ in draws], level)
    value_low, value_high, _ = _interval(value, [other for _, other in draws], level)
    is_apart = _is_apart(conversions, scaled, level) & is_enough
    return pl.DataFrame(
        {
            "model": [model] * len(journeys.channels),
            "channel": list(journeys.channels),
            "conversions": conversions,
            "conversions_low": low,
            "conversions_high": high,
            "value": value,
            "value_low": value_low,
            "value_high": value_high,
            "is_too_few_to_separate": ~is_apart,
        },
        schema=INTERVAL_SCHEMA,
    )


def _interval(observed: Floats, draws: list[Floats], level: float) -> tuple[Floats, Floats, Floats]:
    """Return the ends of the intervals, and the draws scaled to the observed total."""
    totals = np.array([draw.sum() for draw in draws])
    usable = [
        draw * (observed.sum() / total)
        for draw, total in zip(draws, totals, strict=True)
        if total != 0
    ]
    if not usable:
        return observed, observed, np.empty((0, len(observed)))
    scaled = np.vstack(usable)
    low, high = np.quantile(scaled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    # The percentiles of a skewed share may miss what was observed; an interval holds it.
    return np.minimum(low, observed), np.maximum(high, observed), scaled


def _is_apart(observed: Floats, scaled: Floats, level: float) -> Bools:
    """Return which channels differ clearly from those ranked next to them."""
    apart = np.ones(len(observed), dtype=bool)
    ranked = np.argsort(-observed, kind="stable")
    for above, below in itertools.pairwise(ranked):
        if not len(scaled) or (
            np.quantile(scaled[:, above] - scaled[:, below], (1 - level) / 2) <= 0
        ):
            apart[[above, below]] = False
    return apart
