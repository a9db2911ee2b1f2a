"""`credit_paths`: aggregated journeys in, credit by model and channel out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from unmogrowp.attribution.credit import markov, rule_models, shapley
from unmogrowp.attribution.credit.journeys import (
    Floats,
    InvalidJourneys,
    Journeys,
    journeys_of,
)

Model = Literal[
    "first",
    "last",
    "last_non_direct",
    "linear",
    "position_based",
    "time_decay",
    "markov_1",
    "markov_2",
    "markov_3",
    "shapley",
    "shapley_rate",
]
MODELS: tuple[Model, ...] = get_args(Model)
RULE_MODELS: tuple[Model, ...] = (
    "first",
    "last",
    "last_non_direct",
    "linear",
    "position_based",
    "time_decay",
)
ALGORITHMIC_MODELS: tuple[Model, ...] = tuple(m for m in MODELS if m not in RULE_MODELS)
# Paths have no times.
PATH_MODELS: tuple[Model, ...] = tuple(m for m in MODELS if m != "time_decay")
MARKOV_ORDERS = {"markov_1": 1, "markov_2": 2, "markov_3": 3}

CREDIT_SCHEMA = {
    "model": pl.String,
    "channel": pl.String,
    "conversions": pl.Float64,
    "value": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What models can be told; the names are those of `credit_paths`."""

    direct: str = "(direct)"
    position_weights: rule_models.PositionWeights = (0.4, 0.2, 0.4)
    shapley_max_exact: int = shapley.MAX_EXACT
    samples: int = shapley.SAMPLES
    seed: int = 0


def credit_paths(
    paths: pl.DataFrame,
    models: Sequence[str] = ("first", "last", "linear", "position_based", "markov_1", "shapley"),
    *,
    direct: str = "(direct)",
    position_weights: Sequence[float] = (0.4, 0.2, 0.4),
    shapley_max_exact: int = shapley.MAX_EXACT,
    samples: int = shapley.SAMPLES,
    seed: int = 0,
) -> pl.DataFrame:
    """Share out the conversions and the value of journeys among their channels.

    Args:
        paths: One row per path: `path` (list of channels, oldest touch first), `conversions`, and
            optionally `value` (total of the row) and `nulls` (journeys that did not convert; the
            Markov models need them). Rows with the same path are added up.
        models: Any of `PATH_MODELS`; docs/multi_touch.md states the rule of each.
        direct: The channel that `last_non_direct` passes over.
        position_weights: First touch, those between together, last touch; they add up to 1.
        shapley_max_exact: `shapley_rate` enumerates all sets up to this many channels and samples
            orders above; `shapley` is exact for any number.
        samples: Orders to sample, for `shapley_rate` above that.
        seed: Of the sampling; the same seed gives the same credit.

    Returns:
        A row per model, in the order asked for, and channel, sorted by name: `model`, `channel`,
        `conversions`, `value`. Every channel is named for every model. In each model
        `conversions` and `value` add up to those of `paths`.

    Raises:
        InvalidJourneys: The frame, a model or an option is not what is described here.
    """
    wanted = checked_models(models, PATH_MODELS)
    options = Options(
        direct, rule_models.checked_weights(position_weights), shapley_max_exact, samples, seed
    )
    journeys = journeys_of(paths)
    frames = [
        credit_frame(model, journeys, *credit_of(model, journeys, options)) for model in wanted
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=CREDIT_SCHEMA)


def checked_models(models: Sequence[str], known: Sequence[Model]) -> list[Model]:
    """Return the models asked for.

    Raises:
        InvalidJourneys: One is not known here, or asked for twice.
    """
    if isinstance(models, str):
        raise InvalidJourneys(f"models must be a list of names: [{models!r}]")
    wanted: list[Model] = []
    for name in models:
        if name == "time_decay" and name not in known:
            raise InvalidJourneys(
                "time_decay needs the times of touches: use credit_touches(touches, conversions)"
            )
        match = [model for model in known if model == name]
        if not match:
            raise InvalidJourneys(f"unknown model {name!r}; there are {', '.join(known)}")
        if name in wanted:
            raise InvalidJourneys(f"model {name!r} is asked for twice")
        wanted.extend(match)
    return wanted


def credit_of(model: Model, journeys: Journeys, options: Options) -> tuple[Floats, Floats]:
    """Return conversions and value by channel under one model."""
    if model in MARKOV_ORDERS:
        effects = markov.removal_effects(journeys, MARKOV_ORDERS[model])
        return in_proportion(effects, journeys.conversions), in_proportion(effects, journeys.value)
    if model == "shapley":
        return (
            shapley.shapley_by_channel(journeys, journeys.conversions),
            shapley.shapley_by_channel(journeys, journeys.value),
        )
    if model == "shapley_rate":
        conversions, value = (
            shapley.shapley_rate(
                journeys,
                per_path,
                max_exact=options.shapley_max_exact,
                samples=options.samples,
                seed=options.seed,
            )
            for per_path in (journeys.conversions, journeys.value)
        )
        return conversions, value
    shares = _RULES[model](journeys, options)
    return (
        journeys.by_channel(shares * journeys.per_touch(journeys.conversions)),
        journeys.by_channel(shares * journeys.per_touch(journeys.value)),
    )


def rule_shares(model: Model, journeys: Journeys, options: Options) -> Floats:
    """Return the share of its conversion that each touch gets under a rule model without times."""
    return _RULES[model](journeys, options)


def in_proportion(effects: Floats, per_path: Floats) -> Floats:
    """Return the total of all paths shared out in proportion to removal effects."""
    total = effects.sum()
    return effects * (per_path.sum() / total) if total > 0 else np.zeros(len(effects))


def credit_frame(
    model: str, journeys: Journeys, conversions: Floats, value: Floats
) -> pl.DataFrame:
    """Return one model's credit as rows."""
    return pl.DataFrame(
        {
            "model": [model] * len(journeys.channels),
            "channel": list(journeys.channels),
            "conversions": conversions,
            "value": value,
        },
        schema=CREDIT_SCHEMA,
    )


_RULES: dict[str, Callable[[Journeys, Options], Floats]] = {
    "first": lambda journeys, _: rule_models.first(journeys),
    "last": lambda journeys, _: rule_models.last(journeys),
    "last_non_direct": lambda journeys, options: rule_models.last_non_direct(
        journeys, options.direct
    ),
    "linear": lambda journeys, _: rule_models.linear(journeys),
    "position_based": lambda journeys, options: rule_models.position_based(
        journeys, options.position_weights
    ),
}
